package winrm

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
)

// Host carries calls to one Hyper-V host: it is a hyperv.Runner. Nothing is
// dialled before the first call.
type Host struct {
	config Config
	times  times
	log    *slog.Logger
	stats  counters
	starts breaker

	watch *pool
	act   *pool
	vms   turns

	life   context.Context // over when the host is closed
	end    context.CancelFunc
	mu     sync.Mutex
	closed bool
	behind sync.WaitGroup // sessions being closed
}

var _ hyperv.Runner = (*Host)(nil)

// New prepares a host. The error is about the configuration.
func New(c Config) (*Host, error) { return newHost(c, usual) }

func newHost(c Config, t times) (*Host, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	h := &Host{config: c, times: t, log: c.Log.With("host", c.Host)}
	h.life, h.end = context.WithCancel(context.Background())
	if _, err := newWires(&h.config, t, &h.stats); err != nil {
		return nil, err
	}
	h.starts = breaker{times: t}
	h.watch = newPool(1)
	h.act = newPool(c.ActLanes)
	return h, nil
}

// Host is the host's name.
func (h *Host) Host() string { return h.config.Host }

// Stats says what the host cost so far.
func (h *Host) Stats() Stats {
	s := Stats{Requests: h.stats.requests.Load(), Calls: h.stats.calls.Load(), Sessions: h.stats.sessions.Load()}
	if ends := h.stats.certificateEnds.Load(); ends != nil {
		s.CertificateEnds = *ends
	}
	return s
}

// Run carries one call; see hyperv.Runner for its errors.
func (h *Host) Run(ctx context.Context, call hyperv.Call) (hyperv.Answer, error) {
	h.stats.calls.Add(1)
	if call.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, call.Timeout)
		defer cancel()
	}
	ctx, cancel := h.join(ctx)
	defer cancel(nil)
	if call.Guard != nil {
		done, err := h.vms.take(ctx, call.Guard.VM)
		if err != nil {
			return hyperv.Answer{}, waited(h.config.Host, err)
		}
		defer done()
	}
	p := h.act
	if call.Lane == hyperv.Watch && call.Guard == nil {
		p = h.watch
	}
	l, err := p.take(ctx)
	if err != nil {
		return hyperv.Answer{}, waited(h.config.Host, err)
	}
	defer func() { h.give(p, l) }()
	return h.runOn(ctx, l, call)
}

// runOn runs a call in a lane. A session that turns out to be gone before the
// call was sent is opened anew once: the host cannot have seen the call.
func (h *Host) runOn(ctx context.Context, l *lane, call hyperv.Call) (hyperv.Answer, error) {
	for again := true; ; again = false {
		kept := l.session != nil && l.session.alive()
		if err := h.ready(ctx, l, false); err != nil {
			return hyperv.Answer{}, notSent(h.config.Host, err)
		}
		answer, drop, err := l.session.run(ctx, h.config.Host, call)
		if drop {
			h.drop(l)
		}
		var unsent *hyperv.NotSentError
		if again && kept && ctx.Err() == nil && errors.As(err, &unsent) && unsent.Reason == "unreachable" {
			continue
		}
		return answer, err
	}
}

// join ties a call's context to the host's life.
func (h *Host) join(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(h.life, func() { cancel(errClosed) })
	return ctx, func(err error) { stop(); cancel(err) }
}

var errClosed = errors.New("the host's connection was closed")

// ready makes sure that a lane has a session. force skips the pause after
// failed starts.
func (h *Host) ready(ctx context.Context, l *lane, force bool) error {
	if l.session != nil && l.session.alive() {
		return nil
	}
	if l.opening != nil { // an earlier call's: when it fails, this one tries for itself
		if err := l.open(ctx); ctx.Err() != nil || (err == nil && l.session.alive()) {
			return err
		}
	}
	h.drop(l)
	if h.life.Err() != nil {
		return errClosed
	}
	if !force {
		if err := h.starts.wait(ctx); err != nil {
			return err
		}
	}
	w, err := newWires(&h.config, h.times, &h.stats)
	if err != nil {
		return err
	}
	l.opening = h.open(w)
	return l.open(ctx)
}

// drop forgets a lane's session and closes it behind the caller's back.
func (h *Host) drop(l *lane) {
	s, o := l.session, l.opening
	l.session, l.opening = nil, nil
	h.mu.Lock()
	defer h.mu.Unlock()
	if s != nil {
		h.behind.Go(s.close)
	}
	if o != nil {
		h.behind.Go(o.close)
	}
}

// Close ends all sessions. Calls that run get a NoAnswerError. The error is
// ctx's when the hosts did not confirm in time; their shells then end by
// IdleTimeOut.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	first := !h.closed
	h.closed = true
	h.mu.Unlock()
	h.end()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if first {
			for _, p := range []*pool{h.watch, h.act} {
				for _, l := range p.drain() {
					h.drop(l)
				}
			}
		}
		h.behind.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
