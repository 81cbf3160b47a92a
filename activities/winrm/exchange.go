package winrm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
)

// request is the payload of RUN.
type request struct {
	Function string        `json:"function"`
	Args     any           `json:"args,omitempty"`
	Guard    *hyperv.Guard `json:"guard,omitempty"`
	NotAfter string        `json:"notAfter,omitempty"`
}

// exchange is one RUN on one session and what is known about it.
type exchange struct {
	host    string
	id      string
	call    hyperv.Call
	started bool
	get     string // id of the GET that asks for a lost END
	unsure  error  // why the RUN's Send may or may not have arrived
}

// run carries one call. Its error is one of the three kinds of hyperv.Runner;
// drop says that the session must not be used again.
func (s *session) run(ctx context.Context, host string, call hyperv.Call) (answer hyperv.Answer, drop bool, err error) {
	x := &exchange{host: host, id: uuid.NewString(), call: call}
	r := request{Function: call.Function, Args: call.Args, Guard: call.Guard}
	if call.Guard != nil {
		within := time.Duration(call.Guard.Within * float64(time.Second))
		r.NotAfter = s.hostNow().Add(within).Format("2006-01-02T15:04:05.0000000Z")
	}
	payload, err := json.Marshal(r)
	if err != nil {
		return answer, false, &hyperv.NotSentError{Host: host, Reason: "refused", Err: err, Hint: "the arguments are no JSON"}
	}
	// An old sign of a lost answer is not about this call.
	select {
	case <-s.lost:
	default:
	}
	s.ops++
	if err := s.shell.send(ctx, frame{"RUN", x.id, payload}.line()); err != nil {
		if !maybeArrived(err) {
			return answer, true, notSent(host, err)
		}
		// The line may have arrived. The pump knows: it is asked, not told again.
		x.unsure = err
		if err := x.recall(ctx, s); err != nil {
			return answer, true, x.noAnswer(err)
		}
	}
	return x.wait(ctx, s)
}

// maybeArrived is false when the host cannot have got the end of the line: no
// byte left this machine, or the service itself refused the message.
func maybeArrived(err error) bool {
	var fault *Fault
	if errors.As(err, &fault) {
		// Out of time is the one fault that says nothing about delivery.
		return fault.Code == faultTimedOut
	}
	return wroteOf(err)
}

// recall asks the pump for the END of this call, which it keeps. The line
// break ends a line that arrived in part.
func (x *exchange) recall(ctx context.Context, s *session) error {
	x.get = uuid.NewString()
	ask := frame{"GET", x.get, []byte(`{"id":"` + x.id + `"}`)}
	return s.shell.send(ctx, append([]byte("\n"), ask.line()...))
}

// wait reads frames until this call is answered.
func (x *exchange) wait(ctx context.Context, s *session) (hyperv.Answer, bool, error) {
	for {
		select {
		case <-s.lost:
			if err := x.recall(ctx, s); err != nil {
				return hyperv.Answer{}, true, x.noAnswer(err)
			}
		default:
		}
		f, err := s.nextOrLost(ctx)
		if err != nil {
			return hyperv.Answer{}, true, x.noAnswer(err)
		}
		switch {
		case f.kind == "START" && f.id == x.id:
			x.started = true
		case f.kind == "END" && (f.id == x.id || f.id == x.get):
			return x.answered(f)
		case f.kind == "ERR" && f.id == x.id:
			err := fmt.Errorf("the pump refused the request: %s", brief(f.payload))
			return hyperv.Answer{}, true, &hyperv.NotSentError{Host: x.host, Reason: "refused", Err: err,
				Hint: "nothing was run; the session is opened anew"}
		case f.kind == "ERR" && f.id == x.get:
			// The pump does not know the id. It reads its lines in order, but
			// a Send that was lost may still be on its way.
			err := x.unsure
			if err == nil {
				err = errors.New("the answer was lost and the host no longer keeps it")
			}
			return hyperv.Answer{}, true, x.noAnswer(err)
		}
	}
}

// nextOrLost is next, and returns an empty frame when a Receive was lost.
func (s *session) nextOrLost(ctx context.Context) (frame, error) {
	select {
	case f := <-s.frames:
		return f, nil
	case <-s.lost:
		select {
		case s.lost <- struct{}{}:
		default:
		}
		return frame{}, nil
	case <-ctx.Done():
		return frame{}, ctx.Err()
	case <-s.ended:
		return s.next(ctx)
	}
}

func (x *exchange) noAnswer(err error) error {
	return &hyperv.NoAnswerError{Host: x.host, Request: x.id, Started: x.started, Err: err}
}

// answered turns an END into an answer or the function's error.
func (x *exchange) answered(f frame) (hyperv.Answer, bool, error) {
	var e envelope
	if err := json.Unmarshal(f.payload, &e); err != nil {
		return hyperv.Answer{}, true, x.noAnswer(fmt.Errorf("the END is not an envelope: %w", err))
	}
	a := hyperv.Answer{Request: x.id, Outcome: hyperv.Outcome(e.Outcome), HostTime: e.UTC, Took: time.Duration(e.MS) * time.Millisecond}
	switch {
	case a.Outcome == hyperv.OutcomeDone:
		a.Result = e.Result
	case a.Outcome == hyperv.OutcomeMoved:
		a.Result = e.Now
	case a.Outcome == hyperv.OutcomeExpired:
	case e.Outcome == "failed" && e.Error != nil:
		return hyperv.Answer{}, false, &hyperv.ScriptError{
			Host: x.host, Function: x.call.Function, Request: x.id, Acted: e.Acted,
			ID: e.Error.ID, Category: e.Error.Category, Message: e.Error.Message, Type: e.Error.Type, HResult: e.Error.HResult,
		}
	default:
		return hyperv.Answer{}, true, x.noAnswer(fmt.Errorf("the END has the unknown outcome %q", e.Outcome))
	}
	return a, false, nil
}
