package worker

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// api serves what bbolt's lock keeps from other processes while an engine
// runs: the journal and the reports, on loopback, for whoever has the token of
// the data folder.
type api struct {
	journal  *journal.Journal
	lookout  atomic.Pointer[lookout]
	alerts   atomic.Pointer[alerts]
	token    string
	server   *http.Server
	listener net.Listener
}

func startAPI(j *journal.Journal, schedules func() control.ScheduleList) (*api, error) {
	var key [32]byte
	_, _ = rand.Read(key[:])
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	a := &api{journal: j, token: hex.EncodeToString(key[:]), listener: listener}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/ready", a.ready)
	mux.HandleFunc("GET /v1/reports", a.reports)
	mux.HandleFunc("GET /v1/reports/{id}", a.report)
	mux.HandleFunc("GET /v1/canaries", a.canaries)
	mux.HandleFunc("GET /v1/journal", a.entries)
	mux.HandleFunc("GET /v1/journal/verify", a.verify)
	a.serveHistory(mux, schedules)
	a.serveAlerts(mux)
	a.serveRecords(mux)
	a.server = &http.Server{Handler: a.guarded(mux), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

func (a *api) address() string { return a.listener.Addr().String() }

func (a *api) stop(ctx context.Context) error { return a.server.Shutdown(ctx) }

func (a *api) guarded(next http.Handler) http.Handler {
	want := []byte("Bearer " + a.token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 {
			http.Error(w, "wrong token: it is in engine.json of the data folder", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *api) ready(w http.ResponseWriter, _ *http.Request) {
	l := a.lookout.Load()
	if l == nil {
		http.Error(w, "the engine is starting", http.StatusServiceUnavailable)
		return
	}
	answer(w, l.everything(time.Now()), nil)
}

func (a *api) reports(w http.ResponseWriter, _ *http.Request) {
	list, err := a.journal.Reports()
	answer(w, list, err)
}

func (a *api) canaries(w http.ResponseWriter, _ *http.Request) {
	all, err := a.journal.Canaries()
	answer(w, all, err)
}

func (a *api) report(w http.ResponseWriter, r *http.Request) {
	found, err := a.journal.Report(r.PathValue("id"))
	if errors.Is(err, journal.ErrNotFound) {
		http.Error(w, "no report "+r.PathValue("id"), http.StatusNotFound)
		return
	}
	answer(w, found, err)
}

func (a *api) entries(w http.ResponseWriter, r *http.Request) {
	var since uint64
	if text := r.URL.Query().Get("since"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			http.Error(w, "since must be a number", http.StatusBadRequest)
			return
		}
		since = n
	}
	list, err := a.journal.Entries(since, journal.Filter{Run: r.URL.Query().Get("run"), VM: r.URL.Query().Get("vm"), Host: r.URL.Query().Get("host")})
	answer(w, list, err)
}

// verify answers with the head, or with the first broken entry: a finding, not
// a failure of the engine.
func (a *api) verify(w http.ResponseWriter, _ *http.Request) {
	head, err := a.journal.Verify()
	var broken *journal.BrokenError
	if errors.As(err, &broken) {
		http.Error(w, broken.Error(), http.StatusConflict)
		return
	}
	answer(w, head, err)
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
