package winrm

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// lane holds at most one session, or one on its way, and carries one call at a
// time.
type lane struct {
	session *session
	opening *opening
	idle    *time.Timer
}

// recycle is after how many calls a session is replaced: a long-lived
// powershell.exe with the Hyper-V module grows.
const recycle = 500

// pool is a host's lanes of one kind. The lane used last is taken first, so
// that the others fall idle and are closed.
type pool struct {
	turn chan struct{}
	mu   sync.Mutex
	free []*lane
}

func newPool(n int) *pool {
	p := &pool{turn: make(chan struct{}, n)}
	for range n {
		p.free = append(p.free, &lane{})
	}
	return p
}

func (p *pool) take(ctx context.Context) (*lane, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	if l.idle != nil {
		l.idle.Stop()
	}
	return l, nil
}

func (p *pool) put(l *lane) {
	p.mu.Lock()
	p.free = append(p.free, l)
	p.mu.Unlock()
	<-p.turn
}

// takeIdle takes a certain lane if nobody uses it.
func (p *pool) takeIdle(l *lane) bool {
	select {
	case p.turn <- struct{}{}:
	default:
		return false
	}
	p.mu.Lock()
	for i := range p.free {
		if p.free[i] == l {
			p.free = append(p.free[:i], p.free[i+1:]...)
			p.mu.Unlock()
			return true
		}
	}
	p.mu.Unlock()
	<-p.turn
	return false
}

// drain takes every lane, waiting for those in use, and keeps them.
func (p *pool) drain() []*lane {
	var all []*lane
	for range cap(p.turn) {
		l, err := p.take(context.Background())
		if err == nil {
			all = append(all, l)
		}
	}
	// Whoever still waits is told by its own context; the turns stay taken.
	return all
}

// give puts a lane back, replaces its session when it is old and closes it
// when nobody wants it for a while.
func (h *Host) give(p *pool, l *lane) {
	if s := l.session; s != nil && s.ops >= recycle {
		h.drop(l)
	}
	if (l.session != nil || l.opening != nil) && p == h.act {
		l.idle = time.AfterFunc(h.times.idle, func() {
			if p.takeIdle(l) {
				h.drop(l)
				p.put(l)
			}
		})
	}
	p.put(l)
}

// turns lets one call at a time through for each VM.
type turns struct {
	mu sync.Mutex
	by map[string]*turn
}

type turn struct {
	free  chan struct{}
	users int
}

func (t *turns) take(ctx context.Context, vm string) (done func(), err error) {
	vm = strings.ToLower(vm)
	t.mu.Lock()
	if t.by == nil {
		t.by = map[string]*turn{}
	}
	one := t.by[vm]
	if one == nil {
		one = &turn{free: make(chan struct{}, 1)}
		t.by[vm] = one
	}
	one.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(t.by, vm)
		}
	}
	select {
	case one.free <- struct{}{}:
		return func() { <-one.free; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}

// breaker paces the starts of sessions on a host that refuses them.
type breaker struct {
	times times
	mu    sync.Mutex
	fails int
	until time.Time
	last  error
}

// failFast is after how many failures in a row a call is refused at once
// instead of waiting for the pause to be over.
const failFast = 3

func (b *breaker) wait(ctx context.Context) error {
	b.mu.Lock()
	left, fails, last := time.Until(b.until), b.fails, b.last
	b.mu.Unlock()
	if left <= 0 {
		return nil
	}
	if fails >= failFast || reasonOf(last) == "denied" {
		return last
	}
	return pause(ctx, left)
}

// note counts a start. A refused login is not tried again soon: the account
// would be locked.
func (b *breaker) note(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last = err; err == nil {
		b.fails, b.until = 0, time.Time{}
		return
	}
	b.fails++
	longest := 7
	if unheard(err) {
		longest = 4
	}
	wait := b.times.backoff << min(b.fails-1, longest)
	if reasonOf(err) == "denied" {
		wait = b.times.denied
	}
	b.until = time.Now().Add(wait/2 + rand.N(wait))
}

// unheard is true for a start of which nothing has reached the host: it is dark
// or cut off, and trying costs it nothing. Such a one must be seen soon after its
// return, however long it was away: it starts its VMs by itself within a minute.
func unheard(err error) bool {
	var w *wireError
	return errors.As(err, &w) && !w.wrote
}
