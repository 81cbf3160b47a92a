package activities

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"regexp"
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
type copyState struct {
	power, mode, state, failover, heartbeat, autoStart string
	// relations are as Get-LifeboatReplication tells them.
	relations []map[string]any
}

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
	setting       func(*copyState) // what Set-LifeboatReplication does
	testing       bool             // a test copy of another VM runs on every host
	all           bool             // no VM was named in the question
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
	asked := guidIn(c.Args)
	s.all = asked == ""
	result := s.play(h.name, c.Function)
	if c.Function == "Get-LifeboatCopies" && asked != "" {
		result = json.RawMessage(strings.ReplaceAll(string(result), vmID, asked)) // every VM is alike
	}
	if s.after != nil {
		if err := s.after(ctx, call); err != nil {
			return hyperv.Answer{}, err
		}
	}
	return hyperv.Answer{Request: "r1", Outcome: hyperv.OutcomeDone, Result: result, HostTime: time.Now()}, nil
}

var guids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// guidIn is the first GUID in the arguments of a call, "" for none.
func guidIn(args any) string {
	text, _ := json.Marshal(args)
	return guids.FindString(string(text))
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
	case "Get-LifeboatReplication":
		return replications(c)
	case "Get-LifeboatPoints":
		return json.RawMessage(`{"vms":[],"missing":["` + vmID + `"]}`)
	case "Resume-LifeboatReplication":
		c.state = "Replicating"
	case "Resume-LifeboatLeg":
		c.relations[1]["state"] = "Replicating"
	case "Test-LifeboatLink":
		return json.RawMessage(`{"ok":true}`)
	case "Set-LifeboatReplication":
		s.acts = append(s.acts, host+" "+function)
		s.setting(c)
		return json.RawMessage(strings.TrimSuffix(string(s.view(host)), "}") + `,"replication":` + string(replications(c)) + "}")
	case "Start-LifeboatResync":
		c.state = "Resynchronizing"
		s.hosts["DR1"].state = "Resynchronizing"
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
	case "Complete-LifeboatFailover":
		c.state = "FailedOver"
	case "Set-LifeboatStartAction":
		c.autoStart = "Nothing"
	case "Start-LifeboatInitial":
		c.state = "InitialReplicationInProgress"
	case "Set-LifeboatReverse":
		c.mode, c.state, c.failover = "Primary", "Replicating", ""
		s.hosts["HQ1"].mode, s.hosts["HQ1"].state = "Replica", "Replicating"
	}
	s.acts = append(s.acts, host+" "+function)
	return s.view(host)
}

func orNothing(action string) string {
	if action == "" {
		return "Nothing"
	}
	return action
}

func (s *site) copies(c *copyState) json.RawMessage {
	var failover any
	if c.failover != "" {
		failover = c.failover
	}
	relations := []any{}
	for _, r := range c.relations {
		relations = append(relations, map[string]any{"relationship": r["relationship"], "mode": c.mode, "state": r["state"]})
	}
	copies := []any{map[string]any{
		"vm": vmID, "name": "web", "power": c.power, "mode": c.mode, "state": c.state, "health": "Normal", "heartbeat": c.heartbeat,
		"autoStart": orNothing(c.autoStart), "version": "10.0", "generation": 2, "memoryStartup": 1 << 30, "memoryAssigned": 0, "uptimeSec": 1,
		"status": "", "relations": relations, "adapters": []any{}, "pendingBytes": nil, "failoverType": failover, "problems": []string{},
	}}
	if s.testing && s.all {
		test := maps.Clone(copies[0].(map[string]any))
		test["vm"], test["mode"], test["power"] = "aaaaaaaa-0000-4000-8000-000000000002", "TestReplica", "Running"
		copies = append(copies, test)
	}
	text, err := json.Marshal(map[string]any{"utc": time.Now().UTC(), "missing": []string{}, "copies": copies})
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
	sights map[string]bool
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

func (b *book) Asked(vm, host string, verb plans.Verb) (note plans.ActNote, found bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range b.before {
		switch {
		case n.VM != vm || n.Host != host:
		case n.Verb == verb:
			note, found = n, true
		case n.Verb == plans.VerbStopFailover || n.Verb == plans.VerbStopTest:
			found = false
		}
	}
	return note, found, nil
}

func (b *book) Sighted(run, vm string, open bool) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.sights == nil {
		b.sights = map[string]bool{}
	}
	b.sights[run+vm] = open
	return nil
}

func (b *book) Sight(run, vm string) (open, seen bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	open, seen = b.sights[run+vm]
	return open, seen, nil
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
		in.Intent.Operation, in.Intent.UpTo = plans.Cancel, plans.PhaseStart
		return in
	}
	dr.state, dr.failover = "FailedOverWaitingCompletion", "Planned"
	if verb == plans.VerbStart {
		return in
	}
	dr.power = "Running"
	if verb == plans.VerbReverse {
		return in
	}
	// What follows an unplanned failover: the old primary is off and in error.
	hq.state, dr.failover = "Error", "Regular"
	switch verb {
	case plans.VerbComplete:
		in.Intent.Operation, in.Intent.UpTo = plans.Commit, plans.PhaseCommit
	case plans.VerbNoAutoStart:
		hq.autoStart = "Start"
		in.Intent.Operation, in.Intent.UpTo = plans.Fence, plans.PhaseFence
	case plans.VerbStartInitial:
		hq.mode, hq.state, dr.mode, dr.state = "Replica", "WaitingForInitialReplication", "Primary", "ReadyForInitialReplication"
		in.Intent.Operation, in.Intent.UpTo = plans.Reprotect, plans.PhaseSync
	}
	return in
}

// functionOf names the function of a verb.
var functionOf = map[plans.Verb]string{
	plans.VerbShutDown: "HQ1 Stop-LifeboatGuest", plans.VerbTurnOff: "HQ1 Stop-LifeboatPower",
	plans.VerbPrepareFailover: "HQ1 Start-LifeboatPrepare", plans.VerbStartFailover: "DR1 Start-LifeboatFailover",
	plans.VerbStart: "DR1 Start-LifeboatCopy", plans.VerbReverse: "DR1 Set-LifeboatReverse", plans.VerbStopFailover: "HQ1 Stop-LifeboatFailover",
	plans.VerbComplete: "DR1 Complete-LifeboatFailover", plans.VerbNoAutoStart: "HQ1 Set-LifeboatStartAction", plans.VerbStartInitial: "DR1 Start-LifeboatInitial",
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
