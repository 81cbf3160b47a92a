package worker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/activities/winrm"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/metrics"
)

// hosts keeps one connection per host of the configuration, opened when first
// asked for.
type hosts struct {
	dir string // of the configuration
	log *slog.Logger
	// typed are passwords that stand in no file yet.
	typed Typed

	mu   sync.Mutex
	cfg  *Configuration
	open map[string]*winrm.Host
}

func newHosts(cfg *Configuration, log *slog.Logger) *hosts {
	return &hosts{cfg: cfg, dir: cfg.Dir, log: log, open: map[string]*winrm.Host{}}
}

// host returns the verbs of one host.
func (h *hosts) host(name string) (*hyperv.Host, error) {
	session, err := h.session(name)
	if err != nil {
		return nil, err
	}
	return hyperv.New(session), nil
}

func (h *hosts) session(name string) (*winrm.Host, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.open[name]; s != nil {
		return s, nil
	}
	for i := range h.cfg.Hosts {
		if h.cfg.Hosts[i].Name != name {
			continue
		}
		s, err := h.connect(&h.cfg.Hosts[i])
		if err != nil {
			return nil, err
		}
		h.open[name] = s
		return s, nil
	}
	return nil, fmt.Errorf("host %s is not in the engine's configuration (%s): add it there, the engine reads it again", name, h.cfg.Dir)
}

// connect builds a host's session. Nothing is dialled yet.
func (h *hosts) connect(host *plans.Host) (*winrm.Host, error) {
	c, err := h.wire(host)
	if err != nil {
		return nil, err
	}
	password, typed := h.typed[host.WinRM.Secret]
	if !typed {
		if password, err = (secrets{h.dir}).resolve(host.WinRM.Secret); err != nil {
			return nil, fmt.Errorf("host %s: %w", host.Name, err)
		}
	}
	c.Password = winrm.Secret(password)
	return winrm.New(c)
}

// wire is how a host is reached, without the password.
func (h *hosts) wire(host *plans.Host) (winrm.Config, error) {
	var ca []byte
	if host.WinRM.CA != "" {
		var err error
		if ca, err = os.ReadFile(h.path(host.WinRM.CA)); err != nil {
			return winrm.Config{}, fmt.Errorf("host %s: authority: %w", host.Name, err)
		}
	}
	https := host.WinRM.Transport != "http"
	port := host.WinRM.Port
	if port == 0 {
		port = 5985
		if https {
			port = 5986
		}
	}
	return winrm.Config{
		Host: host.Name, Address: host.Address, Port: port, HTTPS: https,
		ServerName: host.WinRM.ServerName, CA: ca,
		User: host.WinRM.User, Domain: host.WinRM.Domain, Auth: host.WinRM.Auth,
		ActLanes: host.ActLanes, Library: hyperv.Library(), Log: h.log,
	}, nil
}

// path resolves a path of the configuration.
func (h *hosts) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(h.dir, name)
}

// reload takes a changed configuration over. A connection is kept if its host
// is still the same; another one is opened when next asked for.
func (h *hosts) reload(ctx context.Context, cfg *Configuration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, session := range h.open {
		was, is := hostNamed(h.cfg, name), hostNamed(cfg, name)
		if was != nil && is != nil && *was == *is {
			continue
		}
		delete(h.open, name)
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopLimit)
			defer cancel()
			_ = session.Close(ctx)
		}()
	}
	h.cfg = cfg
}

// costs are what the open connections have cost.
func (h *hosts) costs() []metrics.Cost {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]metrics.Cost, 0, len(h.open))
	for i := range h.cfg.Hosts {
		host := &h.cfg.Hosts[i]
		if session := h.open[host.Name]; session != nil {
			s := session.Stats()
			out = append(out, metrics.Cost{Host: host.Name, Site: host.Site, Requests: s.Requests, Calls: s.Calls, Sessions: s.Sessions})
		}
	}
	return out
}

func hostNamed(cfg *Configuration, name string) *plans.Host {
	for i := range cfg.Hosts {
		if cfg.Hosts[i].Name == name {
			return &cfg.Hosts[i]
		}
	}
	return nil
}

func (h *hosts) close(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all sync.WaitGroup
	for _, s := range h.open {
		all.Go(func() { _ = s.Close(ctx) })
	}
	all.Wait()
	h.open = map[string]*winrm.Host{}
}
