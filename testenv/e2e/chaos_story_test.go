package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

// story is everything that one seed decides: the world, the plan's options,
// what people ask for, and what goes wrong meanwhile. Only moments in real time
// differ from one playing to the next.
type story struct {
	seed        uint64
	environment string // a name, or a file in dir
	speed       float64
	plan        string
	from, to    string // sites
	// drillsAt are the sides that have an isolated network.
	drillsAt []string
	// real is true where hosts run their scripts in a real PowerShell, if there
	// is one.
	real     bool
	fields   map[string]any
	acts     []storyAct
	troubles []trouble
}

// storyAct is one thing that somebody asks of a plan.
type storyAct struct {
	op *chaosOperation
	// stopAfter stops the run after this time, 0 never; the next act of the
	// story then finds everything half done.
	stopAfter time.Duration
	// loss is how the site is lost before an unplanned failover; back is when it
	// returns in the middle of it, 0 for afterwards.
	loss string
	back time.Duration
	// point and fence are words of an unplanned failover; bare asks without
	// statement and consent first, which must be refused.
	point, fence string
	bare         bool
	// disconnect is how old copies that run are answered for.
	disconnect bool
	// drill is when the operation comes after a drill has begun, which gives way;
	// 0 for none.
	drill time.Duration
}

// The ways to lose a site: its power, its line (its VMs run on, and whoever
// states that they do not is wrong), one host of it.
var siteLosses = []string{"power", "power", "cut", "host"}

// trouble is one thing that goes wrong: it begins at a moment after the
// beginning of an act, or when the ledger shows a cmdlet done, and lasts.
type trouble struct {
	act    int
	kind   string
	after  time.Duration
	seen   string // cmdlet, for engine-kill: the moment it was done
	lasts  time.Duration
	host   int // which host of the environment, counted round
	vm     int // which copy, counted round
	verb   string
	count  int
	skip   int
	manner string // for colleague: what he does
}

func (t trouble) String() string {
	words := []string{fmt.Sprintf("act %d +%s %s", t.act+1, t.after.Round(time.Millisecond), t.kind)}
	for _, w := range []struct{ name, value string }{{"", t.verb}, {"once done ", t.seen}, {"", t.manner}} {
		if w.value != "" {
			words = append(words, w.name+w.value)
		}
	}
	if t.count > 0 {
		words = append(words, fmt.Sprintf("x%d after %d", t.count, t.skip))
	}
	if t.lasts > 0 {
		words = append(words, "for "+t.lasts.Round(time.Millisecond).String())
	}
	return strings.Join(words, " ")
}

// What can go wrong, with its weight: rules strike calls of one cmdlet.
var (
	ruleKinds   = []string{"drop-before", "drop-after", "cut", "delay", "hang", "refuse", "access-denied", "out-of-memory"}
	actVerbs    = everyCmdlet()
	readVerbs   = []string{"Get-VM", "Get-VMReplication", "Measure-VMReplication", "Get-VMNetworkAdapter", "Get-VMHost"}
	colleagueDo = []string{"suspend", "save", "shut-down", "start", "turn-off"}
	otherKinds  = []string{
		"engine-kill", "engine-kill", "engine-kill-seen", "engine-kill-seen", "engine-kill-seen", "engine-kill-seen",
		"host-crash", "link-cut", "guest-hang", "gate-fail", "colleague", "database-locked", "database-locked", "disk-full", "powershell-kill",
	}
)

// newStory tells the story of a seed; what needs a file is written into dir.
func newStory(seed uint64, dir string) (*story, error) {
	dice := rand.New(rand.NewPCG(seed, 0x11feb0a7))
	s := &story{seed: seed, speed: 100, fields: map[string]any{}}
	s.fields["reverse"] = pick(dice, "after-gates", "after-gates", "before-start", "on-commit")
	s.fields["on_return"] = pick(dice, "ask", "ask", "ask", "turn-off", "shut-down")
	s.fields["limits"] = map[string]any{"shutdown": 1 + dice.IntN(4), "move": 1 + dice.IntN(4), "start": 1 + dice.IntN(4)}
	switch dice.IntN(8) {
	case 0:
		s.environment, s.plan, s.from, s.to, s.speed = "northgate", "northgate-site-loss", "hq", "warehouse", 200
		s.drillsAt = []string{"to"}
	case 1, 2:
		s.environment, s.plan, s.from, s.to = "testdata/pair-tests.yaml", "both", "a", "b"
		s.drillsAt = []string{"to", "from"}
	default:
		s.environment, s.plan, s.from, s.to = filepath.Join(dir, "world.yaml"), "all", "a", "b"
		s.drillsAt = []string{"to", "from"}
		if err := writeWorld(s.environment, dice); err != nil {
			return nil, err
		}
	}
	if s.real = dice.IntN(12) == 0; s.real && findPowerShell() != "" {
		s.speed = 20 // its processes take their time
	}
	s.tell(dice)
	for i, a := range s.acts {
		for range 2 + dice.IntN(5) {
			s.troubles = append(s.troubles, newTrouble(i, a, dice))
		}
	}
	return s, nil
}

// tell chooses what people ask for, one after the other.
func (s *story) tell(dice *rand.Rand) {
	at, disconnected := home, false
	for range 2 + dice.IntN(4) {
		var fit []*chaosOperation
		for _, op := range chaosOperations {
			switch {
			case !op.fits(at), op.kind == aDrill && !slices.Contains(s.drillsAt, op.to):
			case disconnected && op.undo == "" && op.losing:
				// What was taken off the network would come back without one.
			case s.after(op, at) != at || op.stays || dice.IntN(8) == 0:
				// What changes nothing is asked for too, but seldom.
				if fit = append(fit, op); op.often {
					fit = append(fit, op)
				}
			}
		}
		a := newAct(fit[dice.IntN(len(fit))], dice)
		if op := a.op; op.kind == aRun && dice.IntN(4) == 0 {
			// Half way; then the same again brings it to its end, or somebody
			// has thought better of it.
			half := a
			half.stopAfter = time.Duration(500+dice.IntN(5000)) * time.Millisecond
			s.acts = append(s.acts, half)
			a.drill = 0
			if op.undo != "" && at != s.after(op, at) && dice.IntN(2) == 0 {
				a = newAct(operationCalled(op.undo), dice)
				at = at.halfway(op)
			}
		}
		s.acts = append(s.acts, a)
		at = s.after(a.op, at)
		if a.op.loses && a.back > 0 {
			at = at.seen()
		}
		disconnected = at != home && at != away && (disconnected || a.disconnect)
	}
}

// halfway is the standing that taking back a half done operation begins in.
func (at standing) halfway(op *chaosOperation) standing {
	if op.unplanned {
		return lost
	}
	return at
}

func newAct(op *chaosOperation, dice *rand.Rand) storyAct {
	a := storyAct{op: op, point: pick(dice, "latest", "latest", "common"), fence: pick(dice, "turn-off", "shut-down"), bare: dice.IntN(3) == 0}
	if op.loses {
		a.loss = pick(dice, siteLosses...)
		if dice.IntN(3) == 0 {
			a.back = time.Duration(1000+dice.IntN(5000)) * time.Millisecond
		}
	}
	a.disconnect = op.kind == aFence && dice.IntN(3) == 0
	if op.fits(home) && op.leads[home] != home && dice.IntN(5) == 0 {
		a.drill = time.Duration(500+dice.IntN(4000)) * time.Millisecond
	}
	return a
}

// after is where the VMs are when an operation is done.
func (s *story) after(op *chaosOperation, at standing) standing {
	if to, other := op.onCommit[at]; other && s.fields["reverse"] == "on-commit" {
		return to
	}
	if to, leads := op.leads[at]; leads {
		return to
	}
	return at
}

// args are the command of an operation; bare leaves out what a person must say.
func (s *story) args(a storyAct, point string, bare bool) []string {
	args := append(append([]string{a.op.args[0], s.plan}, a.op.args[1:]...), "--yes")
	switch a.op.to {
	case "to":
		args = append(args, "--to", s.to)
	case "from":
		args = append(args, "--to", s.from)
	}
	if a.op.unplanned {
		args = append(args, "--point", point)
		switch {
		case bare:
		case a.op.loses:
			args = append(args, "--fence", a.fence, "--statement", statement)
		default:
			args = append(args, "--fence", a.fence)
		}
	}
	return args
}

// everyCmdlet is every cmdlet that an operation does.
func everyCmdlet() (all []string) {
	for _, op := range chaosOperations {
		for _, c := range op.cmdlets {
			if !slices.Contains(all, c) {
				all = append(all, c)
			}
		}
	}
	return all
}

// cmdlet is one that an act does, or now and then any.
func (a storyAct) cmdlet(dice *rand.Rand) string {
	switch {
	case dice.IntN(5) == 0:
		return pick(dice, actVerbs...)
	case a.disconnect:
		return pick(dice, "Set-VM", "Disconnect-VMNetworkAdapter")
	}
	return pick(dice, a.op.cmdlets...)
}

func newTrouble(act int, a storyAct, dice *rand.Rand) trouble {
	t := trouble{act: act, after: time.Duration(dice.IntN(6000)) * time.Millisecond, host: dice.IntN(8), vm: dice.IntN(32)}
	if dice.IntN(2) == 0 {
		t.kind, t.count, t.skip = pick(dice, ruleKinds...), 1+dice.IntN(3), dice.IntN(4)
		t.verb = a.cmdlet(dice)
		if dice.IntN(4) == 0 {
			t.verb = pick(dice, readVerbs...)
		}
		t.after = time.Duration(dice.IntN(3000)) * time.Millisecond
		if t.kind == "hang" {
			t.count = 1
		}
		return t
	}
	t.kind = pick(dice, otherKinds...)
	t.lasts = time.Duration(500+dice.IntN(5000)) * time.Millisecond
	switch t.kind {
	case "engine-kill-seen":
		t.seen = a.cmdlet(dice)
		t.after, t.skip = 0, dice.IntN(3)
	case "colleague":
		t.manner = pick(dice, colleagueDo...)
	case "guest-hang", "gate-fail":
		t.after /= 4
	}
	return t
}

func pick[T any](dice *rand.Rand, of ...T) T { return of[dice.IntN(len(of))] }

// writeWorld writes a small random environment: one or two pairs of hosts, up
// to six VMs in up to three stages, some after others, a clock that is wrong.
func writeWorld(file string, dice *rand.Rand) error {
	pairs, count := 1+dice.IntN(2), 2+dice.IntN(5)
	least := dice.IntN(2) // of recovery points
	var hosts, vms []map[string]any
	for p := range pairs {
		for i, site := range []string{"a", "b"} {
			h := map[string]any{
				"name": fmt.Sprintf("HV-%s%d", strings.ToUpper(site), p+1), "site": site, "ip": fmt.Sprintf("10.%d.0.%d", i+1, 5+p), "memory_gb": 64,
				"switches": []any{map[string]any{"name": "vSwitch-" + strings.ToUpper(site), "type": "External"}, map[string]any{"name": "vSwitch-TEST", "type": "Private"}},
				"replica":  map[string]any{"enabled": true, "auth": "Certificate", "allow": []string{"*"}},
			}
			if dice.IntN(3) == 0 {
				h["clock_skew"] = fmt.Sprintf("%ds", dice.IntN(1200)-600)
			}
			hosts = append(hosts, h)
		}
	}
	stages := make([][]any, 1+dice.IntN(min(3, count)))
	last := make([]string, len(stages))
	for i := range count {
		name, p, stage := fmt.Sprintf("VM%d", i+1), dice.IntN(pairs)+1, i%len(stages)
		vm := map[string]any{
			"name": name, "host": fmt.Sprintf("HV-A%d", p), "memory_gb": 2, "network": "lan", "ip": fmt.Sprintf("10.1.0.%d", 20+i),
			"boot": fmt.Sprintf("%ds", 5+dice.IntN(25)), "shutdown": fmt.Sprintf("%ds", 5+dice.IntN(15)), "writes_per_minute": 60 + dice.IntN(600),
			"replicate": map[string]any{"to": fmt.Sprintf("HV-B%d", p), "frequency": pick(dice, "30s", "5m", "15m"), "points": least + dice.IntN(4)},
		}
		member := map[string]any{"vm": name, "gates": []any{map[string]any{"heartbeat": map[string]any{}}}}
		if dice.IntN(3) == 0 {
			vm["listen"] = []int{1433}
			member["gates"] = []any{map[string]any{"tcp": map[string]any{"ports": []int{1433}}, "within": "2m"}}
		}
		if last[stage] != "" && dice.IntN(2) == 0 {
			member["after"] = []string{last[stage]}
		}
		last[stage], vms, stages[stage] = name, append(vms, vm), append(stages[stage], member)
	}
	var steps []any
	for i, s := range stages {
		if dice.IntN(3) == 0 {
			steps = append(steps, map[string]any{"manual": map[string]any{"name": fmt.Sprintf("ask %d", i+1), "text": "go on?", "owner": "Mia"}})
		}
		steps = append(steps, map[string]any{"stage": fmt.Sprintf("stage %d", i+1), "parallel": 1 + dice.IntN(3), "vms": s})
	}
	text, err := yaml.Marshal(map[string]any{
		"environment": "chaos", "description": "made from a seed",
		"sites": []any{map[string]any{"name": "a"}, map[string]any{"name": "b", "engine": true}},
		"networks": []any{map[string]any{"name": "lan", "sites": []any{
			map[string]any{"site": "a", "switch": "vSwitch-A", "subnet": "10.1.0.0/24", "gateway": "10.1.0.1", "test_switch": "vSwitch-TEST"},
			map[string]any{"site": "b", "switch": "vSwitch-B", "subnet": "10.2.0.0/24", "gateway": "10.2.0.1", "test_switch": "vSwitch-TEST"},
		}}},
		"hosts": hosts, "vms": vms,
		"plans": []any{map[string]any{"name": "all", "from": "a", "to": "b", "purpose": "chaos", "steps": steps}},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o644)
}
