package activities

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

const vmID = "aaaaaaaa-0000-4000-8000-000000000001"

// copyState is what a simulated host holds of the VM.
type copyState struct{ power, mode, state, failover, heartbeat string }

// site is two simulated hosts, HQ1 and DR1, with one VM between them.
type site struct {
	mu    sync.Mutex
	hosts map[string]*copyState
	acts  []string
	// on stands in for an act or a read ("HQ1 Stop-LifeboatGuest"): a returned
	// error is the answer. before is asked first; after when the act is done.
	before, after func(ctx context.Context, call string) error
	outcome       func(call string) hyperv.Outcome
	guest         string
}

func newSite() *site {
	return &site{hosts: map[string]*copyState{
		"HQ1": {power: "Running", mode: "Primary", state: "Replicating", heartbeat: "OkApplicationsHealthy"},
		"DR1": {power: "Off", mode: "Replica", state: "Replicating"},
	}}
}

type fakeHost struct {
	site *site
	name string
}

func (h fakeHost) Host() string { return h.name }

func (h fakeHost) Run(ctx context.Context, c hyperv.Call) (hyperv.Answer, error) {
	s, call := h.site, h.name+" "+c.Function
	if s.before != nil {
		if err := s.before(ctx, call); err != nil {
			return hyperv.Answer{}, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.outcome != nil {
		if o := s.outcome(call); o != "" {
			return hyperv.Answer{Request: "r1", Outcome: o, Result: s.view(h.name)}, nil
		}
	}
	result := s.play(h.name, c.Function)
	if s.after != nil {
		if err := s.after(ctx, call); err != nil {
			return hyperv.Answer{}, err
		}
	}
	return hyperv.Answer{Request: "r1", Outcome: hyperv.OutcomeDone, Result: result, HostTime: time.Now()}, nil
}

func (s *site) view(host string) json.RawMessage {
	c := s.hosts[host]
	text, _ := json.Marshal(map[string]string{"power": c.power, "mode": c.mode, "state": c.state})
	return text
}

func (s *site) play(host, function string) json.RawMessage {
	c := s.hosts[host]
	switch function {
	case "Get-LifeboatCopies":
		return s.copies(c)
	case "Invoke-LifeboatGuest":
		text, _ := json.Marshal(map[string]string{"output": s.guest})
		return text
	case "Stop-LifeboatGuest", "Stop-LifeboatPower":
		c.power = "Off"
	case "Start-LifeboatCopy":
		c.power = "Running"
	case "Start-LifeboatPrepare":
		c.state = "PreparedForFailover"
	case "Start-LifeboatFailover":
		c.state, c.failover = "FailedOverWaitingCompletion", "Planned"
	case "Stop-LifeboatFailover":
		c.state, c.power, c.failover = "Replicating", "Off", ""
	case "Set-LifeboatReverse":
		c.mode, c.state, c.failover = "Primary", "Replicating", ""
		s.hosts["HQ1"].mode, s.hosts["HQ1"].state = "Replica", "Replicating"
	}
	s.acts = append(s.acts, host+" "+function)
	return s.view(host)
}

func (s *site) copies(c *copyState) json.RawMessage {
	var failover any
	if c.failover != "" {
		failover = c.failover
	}
	text, err := json.Marshal(map[string]any{"utc": time.Now().UTC(), "missing": []string{}, "copies": []any{map[string]any{
		"vm": vmID, "name": "web", "power": c.power, "mode": c.mode, "state": c.state, "health": "Normal", "heartbeat": c.heartbeat,
		"autoStart": "Nothing", "version": "10.0", "generation": 2, "memoryStartup": 1 << 30, "memoryAssigned": 0, "uptimeSec": 1,
		"status": "", "relations": []any{}, "adapters": []any{}, "pendingBytes": nil, "failoverType": failover, "problems": []string{},
	}}})
	if err != nil {
		panic(err)
	}
	return text
}

// book is a journal in memory.
type book struct {
	mu     sync.Mutex
	before []plans.ActNote
	after  []plans.ActRecord
	full   bool
	notes  map[string]bool
}

func (b *book) Before(n plans.ActNote) (uint64, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full {
		return 0, errors.New("no space left on device")
	}
	b.before = append(b.before, n)
	return uint64(len(b.before)), nil
}

func (b *book) After(_ uint64, r plans.ActRecord) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.after = append(b.after, r)
	return nil
}

func (b *book) SaveReport(plans.Report) error { return nil }

func (b *book) Note(run, text string) error {
	if b.notes == nil {
		b.notes = map[string]bool{}
	}
	b.notes[run+text] = true
	return nil
}

func engine(s *site, b *book) *Activities {
	return New(Deps{
		Hosts: func(name string) (*hyperv.Host, error) {
			if s.hosts[name] == nil {
				return nil, errors.New("host " + name + " is not in the configuration")
			}
			return hyperv.New(fakeHost{s, name}), nil
		},
		Journal: b, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		},
		Secrets:  func(plans.SecretRef) (string, error) { return "hunter2", nil },
		ReadFile: func(string) ([]byte, error) { return nil, errors.New("no such file") },
	})
}

func request(upTo plans.Phase) AdvanceIn {
	return AdvanceIn{Run: "r", Plan: "p", ShutdownWithin: time.Minute,
		VM:     plans.RunVM{ID: vmID, Label: "web", SourceHost: "HQ1", TargetHost: "DR1", ReverseTo: "hq1.example", Thumbprint: strings.Repeat("AB", 20)},
		Intent: plans.Intent{Operation: plans.PlannedFailover, Reverse: plans.ReverseAfterGates, UpTo: upTo}}
}

// toward brings the hosts to where the table asks for the verb.
func (s *site) toward(verb plans.Verb) AdvanceIn {
	hq, dr := s.hosts["HQ1"], s.hosts["DR1"]
	in := request(plans.PhaseReverse)
	in.Intent.TurnOff = verb == plans.VerbTurnOff
	if verb == plans.VerbShutDown || verb == plans.VerbTurnOff {
		return in
	}
	hq.power = "Off"
	if verb == plans.VerbPrepareFailover {
		return in
	}
	hq.state = "PreparedForFailover"
	if verb == plans.VerbStartFailover {
		return in
	}
	if verb == plans.VerbStopFailover {
		in.Intent.Operation = plans.Cancel
		return in
	}
	dr.state, dr.failover = "FailedOverWaitingCompletion", "Planned"
	if verb == plans.VerbStart {
		return in
	}
	dr.power = "Running"
	return in
}

// functionOf names the function of a verb.
var functionOf = map[plans.Verb]string{
	plans.VerbShutDown: "HQ1 Stop-LifeboatGuest", plans.VerbTurnOff: "HQ1 Stop-LifeboatPower",
	plans.VerbPrepareFailover: "HQ1 Start-LifeboatPrepare", plans.VerbStartFailover: "DR1 Start-LifeboatFailover",
	plans.VerbStart: "DR1 Start-LifeboatCopy", plans.VerbReverse: "DR1 Set-LifeboatReverse", plans.VerbStopFailover: "HQ1 Stop-LifeboatFailover",
}

// eachVerb runs a test for every verb, at a site where it is next.
func eachVerb(t *testing.T, f func(t *testing.T, verb plans.Verb, s *site, b *book, in AdvanceIn)) {
	t.Helper()
	verbs := make([]string, 0, len(functionOf))
	for v := range functionOf {
		verbs = append(verbs, string(v))
	}
	slices.Sort(verbs)
	for _, v := range verbs {
		t.Run(v, func(t *testing.T) {
			s := newSite()
			f(t, plans.Verb(v), s, &book{}, s.toward(plans.Verb(v)))
		})
	}
}
