package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/embedded"
	"github.com/lifeboat-dr/lifeboat/worker/metrics"
	"github.com/lifeboat-dr/lifeboat/worker/panel"
)

// Histories of runs stay 90 days, those of schedules one: otherwise the
// database grows by gigabytes a day. Reports stay in the journal for ever.
var namespaces = []embedded.Namespace{
	{Name: worker.Namespace, Retention: 90 * 24 * time.Hour},
	{Name: worker.WatchNamespace, Retention: 24 * time.Hour},
}

func upCommand(t terminal) *cli.Command {
	return &cli.Command{
		Name: "up", Usage: "run the engine: Temporal, Web UI, journal, in one process and one data folder",
		Flags: []cli.Flag{configFlag, dataFlag,
			&cli.IntFlag{Name: "ui-port", Value: 8233, Usage: "port of the Temporal Web UI on loopback; 0 picks a free one"},
			&cli.StringFlag{Name: "panel-cert", Usage: "certificate (PEM) for localhost that browsers here trust: the run panel then knows whose page it is on"},
			&cli.StringFlag{Name: "panel-key", Usage: "its private key (PEM)"},
			&cli.StringFlag{Name: "metrics", Value: "127.0.0.1:9464", Usage: "loopback address for Prometheus, or off; any free port when the usual one is taken"},
			&cli.StringFlag{Name: "temporal-address", EnvVars: []string{"LIFEBOAT_TEMPORAL_ADDRESS"}, Usage: "work for this outside Temporal (host:port) in place of the embedded one"},
			&cli.StringFlag{Name: "temporal-namespace", Value: worker.Namespace, EnvVars: []string{"LIFEBOAT_TEMPORAL_NAMESPACE"}, Usage: "namespace for runs"},
		},
		Action: func(c *cli.Context) error {
			if err := none(c); err != nil {
				return err
			}
			e, err := bringUp(c.Context, upOptions{
				config: c.String("config"), data: c.String("data"), uiPort: c.Int("ui-port"), uiFixed: c.IsSet("ui-port"),
				outside: c.String("temporal-address"), namespace: c.String("temporal-namespace"),
				panelCert: c.String("panel-cert"), panelKey: c.String("panel-key"),
				metrics: c.String("metrics"), metricsFixed: c.IsSet("metrics"),
			})
			if err != nil {
				return err
			}
			sayEngine(t, e)
			t.say("Stop with Ctrl-C: runs go on when the engine is back.")
			<-c.Context.Done()
			return e.stop()
		},
	}
}

type upOptions struct {
	config, data string
	uiPort       int
	uiFixed      bool
	outside      string
	namespace    string
	// panelCert and panelKey are files, "" for the panel by plain HTTP.
	panelCert, panelKey string
	// metrics is a loopback address, "" or off for none.
	metrics      string
	metricsFixed bool
}

// running is an engine and, unless Temporal is outside, the server below it.
type running struct {
	*worker.Engine
	server *embedded.Server
	panel  *panel.Server
	scrape *metrics.Server
	log    io.Closer
}

func (r *running) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := r.Close(ctx)
	if stopped := r.stopServer(); err == nil {
		err = stopped
	}
	_ = r.log.Close()
	return err
}

// stopServer ends the Temporal server of this process and the page in its UI.
func (r *running) stopServer() error {
	if r.panel != nil {
		_ = r.panel.Close()
	}
	if r.scrape != nil {
		_ = r.scrape.Close()
	}
	if r.server == nil {
		return nil
	}
	return r.server.Stop()
}

// bringUp starts the engine of a data folder. The folder is claimed first, so
// that a second engine is told who holds it and touches nothing.
func bringUp(ctx context.Context, o upOptions) (*running, error) {
	worker.Identify(version)
	cfg, err := worker.LoadConfiguration(o.config)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	folder, err := worker.ClaimFolder(o.data)
	if err != nil {
		return nil, &failure{exitBusy, err}
	}
	log, err := embedded.OpenLog(filepath.Join(o.data, "lifeboat.log"))
	if err != nil {
		_ = folder.Release()
		return nil, &failure{exitUsage, err}
	}
	r := &running{log: log}
	options := worker.Options{
		Configuration: cfg, Folder: folder, Version: version, Namespace: o.namespace, Temporal: o.outside,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	if r.scrape, err = serveMetrics(o); err != nil {
		_ = folder.Release()
		return nil, err
	}
	options.Metrics = r.scrape
	if o.outside == "" {
		if err = r.startServer(ctx, o); err != nil {
			_ = r.stopServer()
			_ = folder.Release()
			return nil, err
		}
		options.Temporal, options.UI, options.Panel = r.server.Address, r.server.UI, r.panel
		// Registered at the server's start, so they can be counted on.
		options.SearchAttributes = true
	}
	if r.Engine, err = worker.Start(ctx, options); err != nil {
		_ = r.stopServer()
		_ = folder.Release()
		return nil, fail(exitNoAccess, "%v", err)
	}
	return r, nil
}

// startServer starts Temporal and its Web UI. The panel's port is opened first:
// the UI is told the page's address when it starts.
func (r *running) startServer(ctx context.Context, o upOptions) error {
	certificate, err := panelCertificate(o)
	if err != nil {
		return err
	}
	if r.panel, err = panel.Listen(certificate); err != nil {
		return fail(exitUsage, "%v", err)
	}
	options := embedded.Options{
		Dir: o.data, UIPort: o.uiPort, Namespaces: namespaces, SearchAttributes: worker.SearchAttributes(),
		Frame:  embedded.Frame{ID: panel.ExtensionID, Title: "Lifeboat: runs", URL: r.panel.URL()},
		Banner: embedded.Frame{ID: panel.ReadyExtensionID, Title: "Lifeboat: readiness", URL: r.panel.BannerURL()},
	}
	r.server, err = embedded.Start(ctx, options)
	if err != nil && !o.uiFixed && o.uiPort != 0 {
		// The usual port is taken by somebody else: any other will do.
		options.UIPort = 0
		r.server, err = embedded.Start(ctx, options)
	}
	switch {
	case errors.Is(err, embedded.ErrHeld), errors.Is(err, embedded.ErrFull):
		return &failure{exitNoAccess, err}
	case err != nil:
		return fail(exitUsage, "%v", err)
	}
	return nil
}

// serveMetrics opens the port for Prometheus; when it is not the one that was
// asked for, engine.json has it.
func serveMetrics(o upOptions) (*metrics.Server, error) {
	if o.metrics == "" || o.metrics == "off" {
		return nil, nil
	}
	s, err := metrics.Listen(o.metrics)
	if err != nil && !o.metricsFixed {
		s, err = metrics.Listen("127.0.0.1:0")
	}
	if err != nil {
		return nil, fail(exitUsage, "%v", err)
	}
	return s, nil
}

func panelCertificate(o upOptions) (*tls.Certificate, error) {
	if o.panelCert == "" && o.panelKey == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(o.panelCert, o.panelKey)
	if err != nil {
		return nil, fail(exitUsage, "--panel-cert and --panel-key: %v", err)
	}
	return &pair, nil
}

func sayEngine(t terminal, e *running) {
	info := e.Info()
	t.say("Engine         %s, data in %s", fmt.Sprintf("process %d", info.PID), e.Folder())
	if info.UI != "" {
		t.say("Web UI         %s", info.UI)
	}
	if info.Metrics != "" {
		t.say("Metrics        %s", info.Metrics)
	}
	t.say("Temporal       %s, namespace %s", info.Temporal, info.Namespace)
}
