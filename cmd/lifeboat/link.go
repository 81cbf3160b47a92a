package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// link is a connection to the engine of a data folder for as long as somebody
// watches: an engine that was started again has other ports, and says them in its
// folder.
type link struct {
	data   string
	engine control.Engine
	client *control.Client
}

// dialLink is dial for who watches.
func dialLink(c *cli.Context) (*link, error) {
	engine, client, err := dial(c)
	if err != nil {
		return nil, err
	}
	return &link{c.String("data"), engine, client}, nil
}

func (l *link) close() { l.client.Close() }

// live is the connection to the engine that runs now. One that is known to have
// ended is an error at once, not after the time that a dead port takes.
func (l *link) live(ctx context.Context) (*control.Client, error) {
	now, err := control.ReadEngine(l.data)
	switch {
	case err != nil:
		return nil, err
	case now.Gone():
		return nil, control.ErrNotRunning
	case now.PID == l.engine.PID && now.Started.Equal(l.engine.Started):
		return l.client, nil
	}
	fresh, err := control.Dial(ctx, now)
	if err != nil {
		return nil, err
	}
	l.client.Close()
	l.engine, l.client = now, fresh
	return fresh, nil
}

// run is the picture of a run, by its name.
func (l *link) run(name string) statusSource {
	return func(ctx context.Context) (plans.RunStatus, error) {
		client, err := l.live(ctx)
		if err != nil {
			return plans.RunStatus{}, err
		}
		return client.Status(ctx, name)
	}
}
