// Package control serves a simulated farm's ground truth and lets faults and
// colleagues in: HTTP and JSON, on loopback, so that anybody can judge a run.
// docs/lab.md describes it; the field names are stable.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// Server is a control port.
type Server struct {
	farm     *hypervisor.Farm
	http     *http.Server
	listener net.Listener
}

// Start listens at a loopback address ("127.0.0.1:0" picks a port).
func Start(farm *hypervisor.Farm, address string) (*Server, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("control port %q: write it like 127.0.0.1:7070: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("control port %q: only loopback addresses: it can stop every simulated host", address)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("control port: %w", err)
	}
	s := &Server{farm: farm, listener: l}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, farm.State()) })
	mux.HandleFunc("GET /ledger", s.ledger)
	mux.HandleFunc("POST /faults", s.addFault)
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, farm.Faults()) })
	mux.HandleFunc("GET /faults/{id}", s.oneFault)
	mux.HandleFunc("DELETE /faults", s.dropFault)
	mux.HandleFunc("DELETE /faults/{id}", s.dropFault)
	mux.HandleFunc("POST /hosts/{host}/{act}", s.host)
	mux.HandleFunc("POST /vms/{copy}/{act}", s.vm)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// Address is host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close stops serving.
func (s *Server) Close() error { return s.http.Close() }

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}

func refuse(w http.ResponseWriter, code int, format string, args ...any) {
	answer(w, code, map[string]string{"error": fmt.Sprintf(format, args...)})
}

func (s *Server) ledger(w http.ResponseWriter, r *http.Request) {
	since := uint64(0)
	if text := r.URL.Query().Get("since"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			refuse(w, http.StatusBadRequest, "since must be a sequence number, is %q", text)
			return
		}
		since = n
	}
	answer(w, http.StatusOK, map[string]any{"entries": s.farm.Ledger(since)})
}

func (s *Server) addFault(w http.ResponseWriter, r *http.Request) {
	var rule hypervisor.Fault
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16))
	d.DisallowUnknownFields()
	if err := d.Decode(&rule); err != nil {
		refuse(w, http.StatusBadRequest, "the rule cannot be read: %v", err)
		return
	}
	id, err := s.farm.AddFault(rule)
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	answer(w, http.StatusCreated, map[string]string{"id": id})
}

func (s *Server) oneFault(w http.ResponseWriter, r *http.Request) {
	for _, f := range s.farm.Faults() {
		if f.ID == r.PathValue("id") {
			answer(w, http.StatusOK, f)
			return
		}
	}
	refuse(w, http.StatusNotFound, "there is no fault %q", r.PathValue("id"))
}

func (s *Server) dropFault(w http.ResponseWriter, r *http.Request) {
	if id := r.PathValue("id"); !s.farm.RemoveFault(id) {
		refuse(w, http.StatusNotFound, "there is no fault %q", id)
		return
	}
	answer(w, http.StatusOK, map[string]string{})
}

func (s *Server) host(w http.ResponseWriter, r *http.Request) {
	acts := map[string]func(string, string) bool{
		"crash": s.farm.Crash, "power-on": s.farm.PowerOn, "cut": s.farm.Cut, "join": s.farm.Join,
	}
	act := acts[r.PathValue("act")]
	if act == nil {
		refuse(w, http.StatusNotFound, "a host can crash, power-on, cut and join, not %q", r.PathValue("act"))
		return
	}
	if !act(r.PathValue("host"), "control") {
		refuse(w, http.StatusNotFound, "there is no host %q", r.PathValue("host"))
		return
	}
	answer(w, http.StatusOK, map[string]string{})
}

// vm does to a copy ("guid@host") what a colleague in Hyper-V Manager would.
func (s *Server) vm(w http.ResponseWriter, r *http.Request) {
	id, name, ok := strings.Cut(r.PathValue("copy"), "@")
	h := s.farm.Host(name)
	if !ok || h == nil {
		refuse(w, http.StatusNotFound, "name a copy as GUID@HOST; %q is none", r.PathValue("copy"))
		return
	}
	act := colleague(h, r.PathValue("act"))
	if act == nil {
		refuse(w, http.StatusNotFound, "a copy can start, stop, shut-down, turn-off, save, prepare, start-failover, stop-failover, complete, reverse, as-replica, suspend, resume, resync, start-initial and remove-replication, not %q", r.PathValue("act"))
		return
	}
	err := act(context.WithoutCancel(r.Context()), hypervisor.Caller{By: "control"}, id)
	var no *hypervisor.Refusal
	if errors.As(err, &no) {
		refuse(w, http.StatusConflict, "%s: %s", no.Kind, no.Message)
		return
	}
	answer(w, http.StatusOK, map[string]string{})
}

type colleagueAct func(context.Context, hypervisor.Caller, string) error

func colleague(h *hypervisor.Host, act string) colleagueAct {
	stop := func(how hypervisor.StopHow) colleagueAct {
		return func(ctx context.Context, by hypervisor.Caller, id string) error { return h.StopVM(ctx, by, id, how) }
	}
	failover := func(how hypervisor.Failover) colleagueAct {
		return func(ctx context.Context, by hypervisor.Caller, id string) error {
			_, err := h.StartFailover(ctx, by, id, how)
			return err
		}
	}
	resume := func(resync bool) colleagueAct {
		return func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.ResumeReplication(ctx, by, id, resync)
		}
	}
	return map[string]colleagueAct{
		"start": h.StartVM, "stop": stop(hypervisor.StopHow{Force: true}), "shut-down": stop(hypervisor.StopHow{Force: true}),
		"turn-off": stop(hypervisor.StopHow{TurnOff: true}), "save": stop(hypervisor.StopHow{Save: true}),
		"prepare": failover(hypervisor.Failover{Prepare: true}), "start-failover": failover(hypervisor.Failover{}),
		"stop-failover": h.StopFailover, "complete": h.CompleteFailover,
		"reverse": func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.Reverse(ctx, by, id, hypervisor.Reverse{Thumbprint: h.Info().Replica.Thumbprint})
		},
		"as-replica": func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.SetAsReplica(ctx, by, id, "*")
		},
		"suspend": h.SuspendReplication, "resume": resume(false), "resync": resume(true), "start-initial": h.StartInitialReplication,
		"remove-replication": func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.RemoveReplication(ctx, by, id, "Simple")
		},
	}[act]
}
