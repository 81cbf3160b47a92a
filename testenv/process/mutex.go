package process

import (
	"context"
	"sync"
	"time"
)

// Mutexes are the named mutexes of one host. A holder that dies frees its
// mutex; the next one to take it gets it as abandoned, which counts as taken.
type Mutexes struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when it is free again
}

// NewMutexes returns a host's mutexes, all free.
func NewMutexes() *Mutexes { return &Mutexes{held: map[string]chan struct{}{}} }

// take waits for a mutex at most for a while. It is freed by release, or when
// the holder's process is killed.
func (m *Mutexes) take(ctx context.Context, name string, within time.Duration) (release func(), ok bool) {
	timeout := time.NewTimer(max(0, within))
	defer timeout.Stop()
	for {
		m.mu.Lock()
		busy, taken := m.held[name]
		if !taken {
			free := make(chan struct{})
			m.held[name] = free
			m.mu.Unlock()
			var once sync.Once
			release = func() {
				once.Do(func() {
					m.mu.Lock()
					delete(m.held, name)
					m.mu.Unlock()
					close(free)
				})
			}
			context.AfterFunc(ctx, release)
			return release, true
		}
		m.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, false
		case <-timeout.C:
			return nil, false
		}
	}
}
