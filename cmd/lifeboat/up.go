package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/embedded"
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
}

// running is an engine and, unless Temporal is outside, the server below it.
type running struct {
	*worker.Engine
	server *embedded.Server
	log    *os.File
}

func (r *running) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := r.Close(ctx)
	if r.server != nil {
		if stopped := r.server.Stop(); err == nil {
			err = stopped
		}
	}
	_ = r.log.Close()
	return err
}

// bringUp starts the engine of a data folder. The folder is claimed first, so
// that a second engine is told who holds it and touches nothing.
func bringUp(ctx context.Context, o upOptions) (*running, error) {
	cfg, err := worker.LoadConfiguration(o.config)
	if err != nil {
		return nil, &failure{exitUsage, err}
	}
	folder, err := worker.ClaimFolder(o.data)
	if err != nil {
		return nil, &failure{exitBusy, err}
	}
	log, err := os.OpenFile(filepath.Join(o.data, "lifeboat.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		_ = folder.Release()
		return nil, fail(exitUsage, "the log cannot be written: %v", err)
	}
	r := &running{log: log}
	options := worker.Options{
		Configuration: cfg, Folder: folder, Version: version, Namespace: o.namespace, Temporal: o.outside,
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	if o.outside == "" {
		if r.server, err = startServer(ctx, o); err != nil {
			_ = folder.Release()
			return nil, err
		}
		options.Temporal, options.UI = r.server.Address, r.server.UI
		// Registered at the server's start, so they can be counted on.
		options.SearchAttributes = true
	}
	if r.Engine, err = worker.Start(ctx, options); err != nil {
		if r.server != nil {
			_ = r.server.Stop()
		}
		_ = folder.Release()
		return nil, fail(exitNoAccess, "%v", err)
	}
	return r, nil
}

func startServer(ctx context.Context, o upOptions) (*embedded.Server, error) {
	options := embedded.Options{Dir: o.data, UIPort: o.uiPort, Namespaces: namespaces, SearchAttributes: worker.SearchAttributes()}
	server, err := embedded.Start(ctx, options)
	if err != nil && !o.uiFixed && o.uiPort != 0 {
		// The usual port is taken by somebody else: any other will do.
		options.UIPort = 0
		server, err = embedded.Start(ctx, options)
	}
	if err != nil {
		return nil, fail(exitUsage, "%v", err)
	}
	return server, nil
}

func sayEngine(t terminal, e *running) {
	info := e.Info()
	t.say("Engine         %s, data in %s", fmt.Sprintf("process %d", info.PID), e.Folder())
	if info.UI != "" {
		t.say("Web UI         %s", info.UI)
	}
	t.say("Temporal       %s, namespace %s", info.Temporal, info.Namespace)
}
