package winrm

import (
	"context"
	"fmt"
	"sync/atomic"
)

// opening is a session on its way. It outlives the call that asked for it: a host
// with too much to do takes longer to start PowerShell than a call may last, and
// starting it anew for each call would never come to an end and add to the load.
type opening struct {
	stage   atomic.Value // string: what it waits for
	done    chan struct{}
	session *session // after done
	err     error
}

// open begins a session, which takes as long as its own limits let it.
func (h *Host) open(w *wires) *opening {
	o := &opening{done: make(chan struct{})}
	o.stage.Store("shell")
	go func() {
		defer close(o.done)
		o.session, o.err = openSession(h.life, w, h.config.Library, h.log, func(stage string) { o.stage.Store(stage) })
		if o.err == nil {
			h.stats.sessions.Add(1)
		}
		if h.life.Err() == nil {
			h.starts.note(o.err)
		}
	}()
	return o
}

// open takes the lane's session when it is there. One that does not come in the
// caller's time stays on its way.
func (l *lane) open(ctx context.Context) error {
	o := l.opening
	select {
	case <-o.done:
		l.session, l.opening = o.session, nil
		return o.err
	case <-ctx.Done():
		return &stageError{o.stage.Load().(string), fmt.Errorf("not done in this call's time; it goes on: %w", context.Cause(ctx))}
	}
}

// close ends the session, as soon as it has come.
func (o *opening) close() {
	<-o.done
	if o.session != nil {
		o.session.close()
	}
}
