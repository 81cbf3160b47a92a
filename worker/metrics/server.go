package metrics

import (
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// Path is where Prometheus asks.
const Path = "/metrics"

// Server serves the metrics. It begins before the engine, whose Temporal client
// is told the handler at its own start.
type Server struct {
	listener net.Listener
	server   *http.Server
	sdk      *sdk
	reports  atomic.Pointer[func(now time.Time) []plans.ReadyReport]
	costs    atomic.Pointer[func() []Cost]
	channels atomic.Pointer[func() []Channel]
	canaries atomic.Pointer[func() ([]plans.CanaryState, error)]
}

// Listen opens a loopback address: VMs' names are nobody else's business.
func Listen(address string) (*Server, error) {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("--metrics %q: write it like 127.0.0.1:9464, or off: %w", address, err)
	}
	if !loopback(name) {
		return nil, fmt.Errorf("--metrics %q: loopback addresses only; a proxy with a login may stand before it", address)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	s := &Server{listener: listener, sdk: newSDK()}
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		newReadiness(s.ready), newCosts(s.cost), newChannels(s.told), newCanaries(s.sung), s.sdk, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	mux := http.NewServeMux()
	mux.Handle("GET "+Path, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	s.server = &http.Server{Handler: local(mux), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

func loopback(name string) bool {
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// local refuses a foreign name that resolves to loopback: a page in a browser
// of this machine could ask by it.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			name = r.Host
		}
		if !loopback(name) {
			http.Error(w, "not this host", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// URL is where Prometheus asks.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() + Path }

// Temporal is what the SDK reports to.
func (s *Server) Temporal() client.MetricsHandler { return handler{sdk: s.sdk} }

// Show gives the server what is known of readiness.
func (s *Server) Show(reports func(now time.Time) []plans.ReadyReport) { s.reports.Store(&reports) }

func (s *Server) ready(now time.Time) []plans.ReadyReport {
	if f := s.reports.Load(); f != nil {
		return (*f)(now)
	}
	return nil
}

// ShowCost gives the server what hosts cost.
func (s *Server) ShowCost(costs func() []Cost) { s.costs.Store(&costs) }

func (s *Server) cost() []Cost {
	if f := s.costs.Load(); f != nil {
		return (*f)()
	}
	return nil
}

// ShowChannels gives the server what became of messages to people.
func (s *Server) ShowChannels(of func() []Channel) { s.channels.Store(&of) }

func (s *Server) told() []Channel {
	if f := s.channels.Load(); f != nil {
		return (*f)()
	}
	return nil
}

// ShowCanaries gives the server where canaries stand.
func (s *Server) ShowCanaries(of func() ([]plans.CanaryState, error)) { s.canaries.Store(&of) }

func (s *Server) sung() []plans.CanaryState {
	if f := s.canaries.Load(); f != nil {
		if all, err := (*f)(); err == nil {
			return all
		}
	}
	return nil
}

// Close ends the server.
func (s *Server) Close() error { return s.server.Close() }
