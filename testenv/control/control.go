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
	"slices"
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
	mux.HandleFunc("POST /sites/{site}/{act}", s.site)
	mux.HandleFunc("POST /vms/{copy}/{act}", s.vm)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.http.Serve(l) }()
	return s, nil
}

// Address is host:port.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Close stops serving. The server alone closes no listener that it has not begun to
// serve yet.
func (s *Server) Close() error {
	err := s.http.Close()
	_ = s.listener.Close()
	return err
}

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
		"lose-certificate": s.farm.LoseCertificate, "gain-certificate": s.farm.GainCertificate,
		"import-guardian": func(name, by string) bool { return s.farm.ImportGuardian(name, r.URL.Query().Get("from"), by) },
		"fill":            func(name, by string) bool { return s.farm.Fill(name, r.URL.Query().Get("percent"), by) },
	}
	act := acts[r.PathValue("act")]
	if act == nil {
		refuse(w, http.StatusNotFound, "a host can crash, power-on, cut, join, fill, lose-certificate, gain-certificate and import-guardian, not %q", r.PathValue("act"))
		return
	}
	if !act(r.PathValue("host"), "control") {
		refuse(w, http.StatusNotFound, "there is no host %q", r.PathValue("host"))
		return
	}
	answer(w, http.StatusOK, map[string]string{})
}

// site does something to all that stands at a site.
func (s *Server) site(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(hypervisor.SiteActs(), r.PathValue("act")) {
		refuse(w, http.StatusNotFound, "a site can have power-loss, power-on, cut and join, not %q", r.PathValue("act"))
		return
	}
	if !s.farm.Site(r.PathValue("site"), r.PathValue("act"), "control") {
		refuse(w, http.StatusNotFound, "there is no site %q", r.PathValue("site"))
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
	act := colleague(h, r.PathValue("act"), r.URL.Query().Get("point"))
	if r.PathValue("act") == "move" {
		act = func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.MoveVM(ctx, by, id, r.URL.Query().Get("to"))
		}
	}
	if r.PathValue("act") == "part-role" {
		act = func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.PartRole(ctx, by, id, r.URL.Query().Get("to"))
		}
	}
	if act == nil {
		refuse(w, http.StatusNotFound, "a copy can start, stop, shut-down, turn-off, save, prepare, start-failover, start-test, stop-failover, complete, reverse, as-replica, suspend, resume, resync, stop-replication, start-initial, stop-initial, remove-replication, remove-extended, continue, remove-vm, fail-apply, hold-apply, release-apply, lose-tracking, add-disk, take-checkpoint, upgrade-version, hand-over, fail-provider, leave-backup, lose-test, make-role, fail-role, offline-role, disk-role, part-role and move, not %q", r.PathValue("act"))
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

// colleague is what a word does; a failover goes to the recovery point point, ""
// for the latest.
func colleague(h *hypervisor.Host, act, point string) colleagueAct {
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
		"prepare": failover(hypervisor.Failover{Prepare: true}), "start-failover": failover(hypervisor.Failover{Point: point}),
		"start-test":    failover(hypervisor.Failover{AsTest: true, Point: point}),
		"stop-failover": h.StopFailover, "complete": h.CompleteFailover,
		"reverse": func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.Reverse(ctx, by, id, hypervisor.Reverse{Thumbprint: h.Info().Replica.Thumbprint})
		},
		"as-replica": func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.SetAsReplica(ctx, by, id, anEntry(h))
		},
		"suspend": h.SuspendReplication, "resume": resume(false), "resync": resume(true), "stop-replication": h.StopReplication,
		"start-initial": h.StartInitialReplication, "stop-initial": h.StopInitialReplication, "fail-apply": h.FailApply, "hold-apply": h.HoldApply, "release-apply": h.ReleaseApply, "lose-tracking": h.LoseTracking,
		"remove-replication": func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.RemoveReplication(ctx, by, id, "Simple")
		},
		"remove-extended": func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.RemoveReplication(ctx, by, id, "Extended")
		},
		"continue": func(ctx context.Context, by hypervisor.Caller, id string) error {
			return h.ContinueExtended(ctx, by, id, false)
		},
		"remove-vm": h.RemoveVM, "hand-over": h.HandOver, "fail-provider": h.FailProvider, "leave-backup": h.LeaveBackup, "lose-test": h.LoseTest,
		"make-role": h.MakeRole, "fail-role": h.FailRole, "offline-role": h.OfflineRole, "disk-role": h.DiskRole,
		"add-disk": h.AddDisk, "take-checkpoint": h.TakeCheckpoint, "upgrade-version": h.UpgradeVersion,
	}[act]
}

// anEntry is an authorization entry of the host, "" where it has none.
func anEntry(h *hypervisor.Host) string {
	entries := h.Info().Replica.Entries
	if len(entries) == 0 {
		return ""
	}
	return entries[0].Primary
}
