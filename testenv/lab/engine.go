package lab

import (
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
	"github.com/lifeboat-dr/lifeboat/testenv/process"
)

//go:embed guest.psm1
var guestModule string

// guestModuleName is the module of PowerShell Direct. It is loaded before every
// script, because its Invoke-Command hides the engine's own.
const guestModuleName = "LabGuests"

// endpoint is where real PowerShell processes reach the simulated hosts: each
// process has a path of its own, so that it is known who asks.
type endpoint struct {
	server *http.Server
	dir    string // folder of the stand-in modules
	mu     sync.Mutex
	seq    int
	mounts map[string]http.Handler
}

func startEndpoint() (*endpoint, error) {
	dir, err := os.MkdirTemp("", "lifeboat-lab-module-")
	if err != nil {
		return nil, err
	}
	e := &endpoint{dir: dir, mounts: map[string]http.Handler{}}
	e.server = &http.Server{Handler: e, ReadHeaderTimeout: 5 * time.Second}
	if err := e.writeModules(); err != nil {
		e.close()
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		e.close()
		return nil, err
	}
	e.server.Addr = listener.Addr().String()
	go func() { _ = e.server.Serve(listener) }()
	return e, nil
}

func (e *endpoint) writeModules() error {
	if err := cmdlet.WriteModule(e.dir); err != nil {
		return err
	}
	into := filepath.Join(e.dir, guestModuleName)
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(into, guestModuleName+".psm1"), []byte(guestModule), 0o644)
}

func (e *endpoint) close() {
	_ = e.server.Close()
	_ = os.RemoveAll(e.dir)
}

// ServeHTTP finds the process by the first part of the path.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	e.mu.Lock()
	h := e.mounts[first]
	e.mu.Unlock()
	if h == nil {
		http.Error(w, "the process that this was for is gone", http.StatusGone)
		return
	}
	http.StripPrefix("/"+first, h).ServeHTTP(w, r)
}

// mount gives a process its path and answers its base URL.
func (e *endpoint) mount(h http.Handler) (url string, unmount func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.seq++
	name := fmt.Sprintf("p%d", e.seq)
	e.mounts[name] = h
	return "http://" + e.server.Addr + "/" + name, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.mounts, name)
	}
}

// findPowerShell makes the path of a real engine whole, so that a wrong one is
// told at the start and not by the first script.
func findPowerShell(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return "", fmt.Errorf("PowerShell %q cannot be run, name its program: %w", name, err)
	}
	return path, nil
}

// engine starts the real PowerShell for one host.
func (l *Lab) engine(h *hypervisor.Host) *process.Engine {
	return &process.Engine{
		Path: l.opts.PowerShell, Before: "Import-Module " + guestModuleName,
		Env: func(by func() string, handle process.Handle) ([]string, func()) {
			caller := func() hypervisor.Caller { return hypervisor.Caller{By: by(), Cut: handle.Cut} }
			mux := http.NewServeMux()
			mux.Handle("/cmdlets/", cmdlet.Endpoint(l.farm, h, caller))
			mux.HandleFunc("/guests/", func(w http.ResponseWriter, r *http.Request) { l.serveGuest(h, w, r) })
			url, unmount := l.endpoint.mount(mux)
			return []string{
				"PSModulePath=" + l.endpoint.dir, "LIFEBOAT_LAB_ENDPOINT=" + url + "/cmdlets/", "LIFEBOAT_LAB_GUESTS=" + url + "/guests/",
			}, unmount
		},
	}
}

// serveGuest answers guest.psm1: VM, user, password and script in base64.
func (l *Lab) serveGuest(h *hypervisor.Host, w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	parts := strings.Fields(string(text))
	if err != nil || len(parts) != 4 {
		http.Error(w, "BadRequest\nInvalidArgument\nfour parts are asked for", http.StatusBadRequest)
		return
	}
	for i := range parts {
		b, err := base64.StdEncoding.DecodeString(parts[i])
		if err != nil {
			http.Error(w, "BadRequest\nInvalidArgument\n"+err.Error(), http.StatusBadRequest)
			return
		}
		parts[i] = string(b)
	}
	v, rec := l.inGuest(r.Context(), h, parts[0], parts[1], parts[2], parts[3])
	if rec != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = fmt.Fprintf(w, "%s\n%s\n%s", rec.ID, rec.Category, rec.Message)
		return
	}
	values, many := v.([]any)
	if !many && v != nil {
		values = []any{v}
	}
	if values == nil {
		values = []any{}
	}
	_, _ = io.WriteString(w, powershell.ToJSON(powershell.NewObject().Set("values", values), 4))
}
