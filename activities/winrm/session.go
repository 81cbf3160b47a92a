package winrm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
)

// session is one pump: a powershell.exe that stays, and the reader of what it
// writes. It carries one request at a time.
type session struct {
	shell *shell
	log   *slog.Logger
	stop  context.CancelFunc
	// frames holds what the pump wrote and nobody read yet; lost says that a
	// Receive had to be asked for again; ended is closed with the reader.
	frames chan frame
	lost   chan struct{}
	ended  chan struct{}
	err    error // why the reader ended; read after ended

	ops int

	mu     sync.Mutex
	hostAt time.Time // the host's clock …
	at     time.Time // … at this moment of ours
}

// errPolicy says that the host's policy forbids what the pump needs.
var errPolicy = errors.New("windows PowerShell on the host is not in FullLanguage mode")

// stageError says how far the opening of a session came.
type stageError struct {
	stage string
	err   error
}

func (e *stageError) Error() string { return e.stage + ": " + e.err.Error() }
func (e *stageError) Unwrap() error { return e.err }

// openSession starts a pump, waits for its HELLO and loads the library. at hears
// of each stage as it begins.
func openSession(ctx context.Context, w *wires, library string, log *slog.Logger, at func(stage string)) (*session, error) {
	at("shell")
	sh, err := openShell(ctx, w, CommandLine())
	if err != nil {
		w.close()
		return nil, &stageError{"shell", err}
	}
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &session{shell: sh, log: log, stop: stop, frames: make(chan frame, 64), lost: make(chan struct{}, 1), ended: make(chan struct{})}
	go s.read(life)
	at("pump")
	if err := s.greet(ctx); err != nil {
		s.close()
		return nil, &stageError{"pump", err}
	}
	if library == "" {
		return s, nil
	}
	at("load")
	if err := s.load(ctx, library); err != nil {
		s.close()
		return nil, &stageError{"load", err}
	}
	return s, nil
}

func (s *session) load(ctx context.Context, library string) error {
	ctx, cancel := context.WithTimeout(ctx, s.shell.wires.times.load)
	defer cancel()
	f, err := s.ask(ctx, frame{kind: "LOAD", id: uuid.NewString(), payload: []byte(library)})
	if err == nil && f.kind != "OK" {
		err = fmt.Errorf("the host refused the function library: %s", f.payload)
	}
	return err
}

// read takes the pump's output until the session ends.
func (s *session) read(ctx context.Context) {
	defer close(s.ended)
	in := lines{noise: func(line []byte) { s.log.Debug("output between frames", "bytes", len(line)) }}
	for {
		resent := s.shell.resent
		stdout, stderr, done, err := s.shell.receive(ctx)
		if err != nil {
			s.err = err
			return
		}
		if len(stderr) > 0 {
			s.log.Warn("error output of the session", "text", brief(stderr))
		}
		frames, err := in.add(stdout)
		for _, f := range frames {
			s.tick(f)
			select {
			case s.frames <- f:
			case <-ctx.Done():
				s.err = ctx.Err()
				return
			}
		}
		switch {
		case err != nil:
			s.err = err
			return
		case done:
			s.err = errors.New("powershell.exe ended")
			return
		case s.shell.resent != resent:
			select {
			case s.lost <- struct{}{}:
			default:
			}
		}
	}
}

// brief bounds error text of a host. It comes from PowerShell itself: requests
// and their values are never written there.
func brief(text []byte) string { return string(text[:min(len(text), 400)]) }

// tick keeps the host's clock.
func (s *session) tick(f frame) {
	if utc := f.utc(); !utc.IsZero() {
		s.mu.Lock()
		s.hostAt, s.at = utc, time.Now()
		s.mu.Unlock()
	}
}

// hostNow is the host's clock now, a little behind rather than ahead.
func (s *session) hostNow() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hostAt.Add(time.Since(s.at)).UTC()
}

// next is the next frame, or why there will be none.
func (s *session) next(ctx context.Context) (frame, error) {
	select {
	case f := <-s.frames:
		return f, nil
	default:
	}
	select {
	case f := <-s.frames:
		return f, nil
	case <-ctx.Done():
		return frame{}, ctx.Err()
	case <-s.ended:
		select {
		case f := <-s.frames:
			return f, nil
		default:
			return frame{}, fmt.Errorf("the session ended: %w", s.err)
		}
	}
}

func (s *session) greet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.shell.wires.times.hello)
	defer cancel()
	for {
		f, err := s.next(ctx)
		if err != nil {
			return fmt.Errorf("powershell.exe said no HELLO: %w", err)
		}
		if f.kind != "HELLO" {
			continue
		}
		var h hello
		if err := json.Unmarshal(f.payload, &h); err != nil || h.Pump != 1 {
			return errors.New("powershell.exe said a HELLO that is not of pump 1")
		}
		if h.Language != "FullLanguage" {
			return fmt.Errorf("%w but in %s", errPolicy, h.Language)
		}
		s.log.Debug("session", "powershell", h.PS, "computer", h.Host, "pid", h.PID)
		return nil
	}
}

// ask sends a frame that is answered by OK or ERR.
func (s *session) ask(ctx context.Context, f frame) (frame, error) {
	if err := s.shell.send(ctx, f.line()); err != nil {
		return frame{}, err
	}
	for {
		answer, err := s.next(ctx)
		if err != nil {
			return frame{}, err
		}
		if answer.id == f.id && (answer.kind == "OK" || answer.kind == "ERR") {
			return answer, nil
		}
	}
}

// alive is false when the reader has ended.
func (s *session) alive() bool {
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// close ends the reader and the shell. It takes up to the closing time.
func (s *session) close() {
	s.stop()
	s.shell.remove(context.Background())
	<-s.ended
	s.shell.wires.close()
}
