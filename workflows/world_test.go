package workflows

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// world stands for the hosts: pairs of copies that change as the documentation
// says when an act is done. Decisions are the real table's.
type world struct {
	mu      sync.Mutex
	pairs   map[string]*plans.Pair
	labels  map[string]string
	effects []string // "VM verb@host", in order, and "notice ..."
	notes   []string
	asked   map[string]int // gates, by VM and text
	reports []activities.ReportIn
	// watches are the looks at a lost site, by the number of copies judged.
	watches []int
	signals []string // "id signal", to workflows that are not there
	// ours is what the journal knows: failovers and test copies that were
	// asked for here, by VM id and side.
	ours map[string]bool
	// residents are VMs that live at the target, by id.
	residents map[string]*plans.Copy

	// scene is held by one of the hooks below or by the desk, never by two: what
	// a test keeps between them needs no lock of its own.
	scene sync.Mutex
	// before is asked before an act is done; a non-nil answer stands in for it.
	before func(in activities.AdvanceIn, d plans.Decision) (*activities.AdvanceOut, error)
	// after is asked after an act was done: an error loses the answer.
	after func(in activities.AdvanceIn, d plans.Decision) error
	// gate answers a gate; nil passes all.
	gate func(ctx context.Context, in activities.GateIn) (activities.GateOut, error)
	// looked is called with every look.
	looked   func(in activities.AdvanceIn)
	findings []plans.Finding
	// running and most are acts and gates at once, by verb.
	running, most map[string]int
}

func newWorld(in plans.RunInput) *world {
	w := &world{pairs: map[string]*plans.Pair{}, labels: map[string]string{}, asked: map[string]int{}, ours: map[string]bool{}, residents: map[string]*plans.Copy{}, running: map[string]int{}, most: map[string]int{}}
	for _, vm := range in.VMs() {
		w.labels[vm.ID] = vm.Label
		w.pairs[vm.ID] = &plans.Pair{ID: vm.ID,
			Source: plans.Copy{Host: vm.SourceHost, Reached: true, Exists: true, VM: vm.ID, Power: "Running", Mode: "Primary", State: "Replicating", AutoStart: "StartIfRunning"},
			Target: plans.Copy{Host: vm.TargetHost, Reached: true, Exists: true, VM: vm.ID, Power: "Off", Mode: "Replica", State: "Replicating",
				Adapters: []plans.Adapter{{Name: "Network Adapter"}}, AutoStart: "StartIfRunning"},
		}
	}
	return w
}

// pair changes a VM's pair under the lock.
func (w *world) pair(label string, change func(*plans.Pair)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, l := range w.labels {
		if l == label {
			change(w.pairs[id])
		}
	}
}

// onScene plays a hook or the desk.
func (w *world) onScene(play func()) {
	w.scene.Lock()
	defer w.scene.Unlock()
	play()
}

// aside lets the others play while a hook waits.
func (w *world) aside(wait func()) {
	w.scene.Unlock()
	defer w.scene.Lock()
	wait()
}

func (w *world) enter(key string) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running[key]++
	w.most[key] = max(w.most[key], w.running[key])
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.running[key]--
	}
}

func (w *world) Advance(_ context.Context, in activities.AdvanceIn) (activities.AdvanceOut, error) {
	w.onScene(func() {
		if w.looked != nil {
			w.looked(in)
		}
	})
	d := w.decide(in)
	if d.Kind != plans.Act {
		return activities.AdvanceOut{Decision: d}, nil
	}
	defer w.enter(string(d.Verb))()
	var out *activities.AdvanceOut
	var err error
	w.onScene(func() {
		if w.before != nil {
			out, err = w.before(in, d)
		}
	})
	if out != nil {
		return *out, err
	}
	if err != nil {
		return activities.AdvanceOut{}, err
	}
	host := w.apply(in, d)
	w.onScene(func() {
		if w.after != nil {
			err = w.after(in, d)
		}
	})
	if err != nil {
		return activities.AdvanceOut{}, err
	}
	return activities.AdvanceOut{Decision: d, Act: &plans.ActRecord{Request: "r", Host: host, Verb: d.Verb, Outcome: "done"}}, nil
}

// decide asks the table, with what the journal knows.
func (w *world) decide(in activities.AdvanceIn) plans.Decision {
	w.mu.Lock()
	defer w.mu.Unlock()
	pair := *w.pairs[in.VM.ID]
	asked := w.ours[in.VM.ID+string(in.Intent.Operation)]
	in.Intent.Ours = asked
	if in.Intent.Operation == plans.TestFailover && pair.Target.TestVM == "" && in.TestVM == "" {
		in.Intent.Ours = false // asked for, and not seen yet
	}
	d := plans.Next(in.Intent, pair.Source, pair.Target)
	d.AskedTest = asked && in.Intent.Operation == plans.TestFailover
	return d
}

func (w *world) Observe(_ context.Context, in activities.AdvanceIn) (activities.AdvanceOut, error) {
	return activities.AdvanceOut{Decision: w.decide(in)}, nil
}

// apply does what the documentation says of the verb.
func (w *world) apply(in activities.AdvanceIn, d plans.Decision) (host string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.pairs[in.VM.ID]
	side, other := &p.Target, &p.Source
	if d.Side == plans.Source {
		side, other = &p.Source, &p.Target
	}
	w.effects = append(w.effects, fmt.Sprintf("%s %s@%s", in.VM.Label, d.Verb, side.Host))
	switch d.Verb {
	case plans.VerbShutDown, plans.VerbTurnOff:
		side.Power = "Off"
	case plans.VerbAutoStart:
		side.AutoStart = d.AutoStart
	case plans.VerbNoAutoStart:
		side.AutoStart = "Nothing"
	case plans.VerbDisconnect:
		for i := range side.Adapters {
			side.Adapters[i].Switch, side.Adapters[i].Connected = "", false
		}
	case plans.VerbStart:
		if d.Side == plans.Test {
			p.Target.Test.Power = "Running"
			break
		}
		side.Power = "Running"
	case plans.VerbPrepareFailover:
		side.State = "PreparedForFailover"
	case plans.VerbStartFailover:
		side.State, side.FailoverType = "FailedOverWaitingCompletion", "Planned"
		if in.Intent.Operation == plans.UnplannedFailover {
			side.FailoverType = "Regular"
			w.ours[in.VM.ID+string(plans.UnplannedFailover)] = true
		}
	case plans.VerbStopFailover:
		side.State, side.Power, side.FailoverType = "Replicating", "Off", ""
	case plans.VerbComplete:
		side.State = "FailedOver"
	case plans.VerbAsReplica:
		side.Mode, side.State = "Replica", "WaitingForInitialReplication"
	case plans.VerbReverse:
		prepared := p.Source.State == "PreparedForFailover"
		side.Mode, side.State, side.FailoverType = "Primary", "Replicating", ""
		if !prepared {
			side.State = "ReadyForInitialReplication"
			break
		}
		other.Mode, other.State = "Replica", "Replicating"
	case plans.VerbStartInitial:
		side.State, side.SyncPercent, side.InitialBytes = "InitialReplicationInProgress", 0, 1000
	case plans.VerbSetNetwork:
		nic := in.VM.NICs[0]
		side.Adapters = []plans.Adapter{{Name: "Network Adapter", Switch: nic.Switch, Connected: true,
			FailoverIP: nic.IP, FailoverMask: nic.Mask, FailoverGateway: nic.Gateway, FailoverDNS: nic.DNS}}
	case plans.VerbSetTestNetwork:
		side.Adapters[0].TestSwitch = in.VM.NICs[0].Switch
	case plans.VerbStartTest:
		side.TestVM = "test-" + in.VM.Label
		side.Test = &plans.Copy{Host: side.Host, Reached: true, Exists: true, VM: side.TestVM, Power: "Off", Mode: "TestReplica"}
		w.ours[in.VM.ID+string(plans.TestFailover)] = true
	case plans.VerbStopTest:
		side.TestVM, side.Test = "", nil
	}
	return side.Host
}

// WatchReturn is the activity of that name over the world's pairs.
func (w *world) WatchReturn(ctx context.Context, in activities.WatchIn) (activities.WatchOut, error) {
	w.mu.Lock()
	w.watches = append(w.watches, len(in.VMs))
	var out activities.WatchOut
	for _, name := range in.Hosts {
		seen := activities.HostSeen{Name: name}
		for _, p := range w.pairs {
			seen.Seen = seen.Seen || p.Source.Host == name && p.Source.Reached
		}
		out.Hosts = append(out.Hosts, seen)
	}
	w.mu.Unlock()
	for _, vm := range in.VMs {
		w.mu.Lock()
		s, t := w.pairs[vm.VM.ID].Source, w.pairs[vm.VM.ID].Target
		w.mu.Unlock()
		done, err := w.Advance(ctx, activities.AdvanceIn{Run: in.Run, Plan: in.Plan, VM: vm.VM, Intent: vm.Intent})
		if err != nil {
			return out, err
		}
		out.VMs = append(out.VMs, activities.WatchedVM{ID: vm.VM.ID, Decision: done.Decision, Act: done.Act, Seen: s.Reached, At: s.At,
			TakenOver: plans.HasTakenOver(t), Both: plans.BothRun(s, t), Over: plans.FenceIsOver(s), Gone: plans.IsGone(s)})
	}
	return out, nil
}

// MakeRoom shuts a resident down.
func (w *world) MakeRoom(_ context.Context, in activities.RoomIn) (activities.AdvanceOut, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.residents[in.VM.ID]
	d := plans.NextResident(*c)
	if d.Kind != plans.Act {
		return activities.AdvanceOut{Decision: d}, nil
	}
	w.effects = append(w.effects, fmt.Sprintf("%s %s@%s", in.VM.Label, d.Verb, c.Host))
	c.Power = "Off"
	return activities.AdvanceOut{Decision: d, Act: &plans.ActRecord{Request: "r", Host: c.Host, Verb: d.Verb, Outcome: "done"}}, nil
}

// told keeps a signal to a workflow that is not there.
func (w *world) told(id, signal string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.signals = append(w.signals, id+" "+signal)
}

func (w *world) CheckGate(ctx context.Context, in activities.GateIn) (activities.GateOut, error) {
	defer w.enter("gate")()
	w.mu.Lock()
	w.asked[w.label(in.VM)+" "+in.Gate.Text]++
	w.mu.Unlock()
	out := activities.GateOut{Passed: true, Detail: "accepted"}
	var err error
	w.onScene(func() {
		if w.gate != nil {
			out, err = w.gate(ctx, in)
		}
	})
	if out.Passed {
		w.mu.Lock()
		w.effects = append(w.effects, w.label(in.VM)+" gate@"+in.Host)
		w.mu.Unlock()
	}
	return out, err
}

func (w *world) Preflight(_ context.Context, in plans.RunInput) (activities.PreflightOut, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := activities.PreflightOut{Findings: w.findings, Good: map[string]plans.Side{}}
	for id, p := range w.pairs {
		if good := plans.Next(plans.Intent{Operation: in.Operation, Reverse: in.Reverse, UpTo: plans.PhaseReady}, p.Source, p.Target).Good; good != "" {
			out.Good[id] = good
		}
	}
	return out, nil
}

func (w *world) Notify(_ context.Context, in activities.NotifyIn) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.effects, w.notes = append(w.effects, "notice "+in.Text), append(w.notes, in.Text)
	return nil
}

func (w *world) SaveReport(_ context.Context, in activities.ReportIn) (activities.ReportOut, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, in)
	return activities.ReportOut{NotMet: plans.NotMet(plans.MakeReport(in.Status, in.Input, in.Answers, "test", true).Judgements)}, nil
}

// did are the effects of one kind, in order: "shut-down" gives the VMs.
func (w *world) did(verb string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var vms []string
	for _, e := range w.effects {
		vm, act, _ := strings.Cut(e, " ")
		if strings.HasPrefix(act, verb+"@") {
			vms = append(vms, vm)
		}
	}
	return vms
}

// of are the effects on one VM.
func (w *world) of(vm string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var acts []string
	for _, e := range w.effects {
		if name, act, _ := strings.Cut(e, " "); name == vm {
			acts = append(acts, act)
		}
	}
	return acts
}

// index is where an effect stands, -1 if it never happened.
func (w *world) index(effect string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Index(w.effects, effect)
}

// guid is a VM's id for its label.
func guid(label string) string {
	var n int
	for _, r := range label {
		n = n*31 + int(r)
	}
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(n), n&0xffffffffffff)
}

func testVM(label string, after ...string) plans.RunVM {
	vm := plans.RunVM{ID: guid(label), Name: label, Label: label, SourceHost: "HQ1", TargetHost: "DR1", ReverseTo: "hq1.example",
		Gates: []plans.RunGate{{Kind: "tcp", Text: "tcp 443", Within: plans.Duration(2 * time.Minute), Addresses: []string{"10.0.0.1:443"}}}}
	for _, a := range after {
		vm.After = append(vm.After, guid(a))
	}
	return vm
}

// northwind is the plan of most tests: two stages, steps for people around
// them, app after db and web after app.
func northwind() plans.RunInput {
	in := plans.RunInput{
		RunID: "north-1", Plan: "north", Operation: plans.PlannedFailover, From: "HQ", To: "DR", StartedBy: "mia",
		Reverse: plans.ReverseAfterGates, Speed: 1,
		Limits: plans.Limits{Shutdown: 4, Move: 4, Start: 4, ShutdownWithin: plans.Duration(10 * time.Minute)},
		Steps: []plans.RunStep{
			{Name: "agree", Manual: &plans.ManualStep{Name: "agree", Text: "the business agrees", Owner: "duty manager", Takes: plans.Duration(time.Minute)}},
			{Name: "core", VMs: []plans.RunVM{testVM("dc")}},
			{Name: "dns", Manual: &plans.ManualStep{Name: "dns", Text: "point DNS to DR", Owner: "network"}},
			{Name: "business", VMs: []plans.RunVM{testVM("db", "dc"), testVM("app", "db"), testVM("web", "app")}},
			{Name: "tell", Notice: &plans.Notice{Text: "we run at DR", To: []string{"all"}}},
		},
	}
	for i := range in.Steps {
		in.Steps[i].Number = i + 1
	}
	return in
}

// label is a VM's label for its id, or for that of its test copy.
func (w *world) label(id string) string {
	if label, ok := strings.CutPrefix(id, "test-"); ok {
		return label + "-copy"
	}
	return w.labels[id]
}
