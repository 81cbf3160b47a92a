package process

import (
	"context"
	"sync"
)

// owner is a process as a holder of mutexes.
type owner struct{ _ byte }

// Mutexes are the named mutexes of one host. A mutex whose holder is killed is
// abandoned: the next one waiting has it.
// Microsoft: System.Threading.Mutex (AbandonedMutexException).
type Mutexes struct {
	mu   sync.Mutex
	held map[string]*holding
}

type holding struct {
	by   *owner
	free chan struct{}
}

// NewMutexes makes the empty table of a host.
func NewMutexes() *Mutexes { return &Mutexes{held: map[string]*holding{}} }

// take waits for a mutex until ctx ends; false means not had.
func (m *Mutexes) take(ctx context.Context, name string, by *owner) bool {
	for {
		m.mu.Lock()
		h := m.held[name]
		if h == nil {
			m.held[name] = &holding{by: by, free: make(chan struct{})}
			m.mu.Unlock()
			return true
		}
		m.mu.Unlock()
		select {
		case <-h.free:
		case <-ctx.Done():
			return false
		}
	}
}

func (m *Mutexes) release(name string, by *owner) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if h := m.held[name]; h != nil && h.by == by {
		delete(m.held, name)
		close(h.free)
	}
}

// abandon releases everything a dead process held.
func (m *Mutexes) abandon(by *owner) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, h := range m.held {
		if h.by == by {
			delete(m.held, name)
			close(h.free)
		}
	}
}
