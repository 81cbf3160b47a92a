package winrm

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// shell is one WinRS shell with one program in it.
type shell struct {
	wires       *wires
	id, command string
	// resent counts lost answers that were asked for again.
	resent int
}

func openShell(ctx context.Context, w *wires, line string) (*shell, error) {
	s := &shell{wires: w}
	r, err := w.control.post(ctx, s.createMessage(), w.limit())
	if err != nil {
		return nil, err
	}
	if s.id = r.shellID(); !goodID(s.id) {
		return nil, errors.New("the host opened a shell without a usable ShellId")
	}
	r, err = w.control.post(ctx, s.commandMessage(line), w.limit())
	if err == nil && !goodID(r.CommandID) {
		err = errors.New("the host started a program without a usable CommandId")
	}
	if err != nil {
		s.remove(ctx)
		return nil, err
	}
	s.command = r.CommandID
	return s, nil
}

func (w *wires) limit() time.Duration { return w.times.operation + w.times.slack }

// send writes input in as many messages as it needs. The error's wrote says
// whether the last piece, and with it the line's end, may have arrived.
func (s *shell) send(ctx context.Context, input []byte) error {
	for len(input) > 0 {
		n := min(len(input), sendSize)
		_, err := s.wires.control.post(ctx, s.sendMessage(input[:n]), s.wires.limit())
		var lost *wireError
		if errors.As(err, &lost) && lost.wrote && n < len(input) {
			return &wireError{err: lost.err}
		}
		if err != nil {
			return err
		}
		input = input[n:]
	}
	return nil
}

// receive waits for output. When an answer gets lost it asks again with the
// identical message, for which a host gives the same data again; the message
// of a Receive that only ran out of time is not used twice.
func (s *shell) receive(ctx context.Context) (stdout, stderr []byte, done bool, err error) {
	m, lost := s.receiveMessage(), 0
	for {
		r, err := s.wires.receive.post(ctx, m, s.wires.limit())
		if err == nil {
			return r.output()
		}
		if ctx.Err() != nil {
			return nil, nil, false, ctx.Err()
		}
		var fault *Fault
		if errors.As(err, &fault) {
			if fault.Code != faultTimedOut {
				return nil, nil, false, err
			}
			m, lost = s.receiveMessage(), 0
			continue
		}
		if lost++; errors.Is(err, errDenied) || lost > s.wires.times.retries {
			return nil, nil, false, fmt.Errorf("the connection was lost %d times: %w", lost, err)
		}
		s.resent++
		if err := pause(ctx, s.wires.times.backoff<<(lost-1)); err != nil {
			return nil, nil, false, err
		}
	}
}

// remove ends the program and the shell, within a short time of its own: the
// caller's context may be over already.
func (s *shell) remove(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.wires.times.closing)
	defer cancel()
	// A host that does not hear us closes the shell itself after IdleTimeOut.
	if s.command != "" {
		_, _ = s.wires.control.post(ctx, s.signalMessage(), s.wires.times.closing)
	}
	_, _ = s.wires.control.post(ctx, s.deleteMessage(), s.wires.times.closing)
	s.wires.close()
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
