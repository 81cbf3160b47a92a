package plans

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// LikeDisk is a disk of a VM that is to be protected; sizes are 0 where the host
// does not tell.
type LikeDisk struct {
	Path       string `json:"path"`
	Size, Used uint64
	Problem    string `json:"problem,omitempty"`
}

// LikeFacts are what the hosts said about a VM that is to be protected.
type LikeFacts struct {
	Copy  Copy
	Disks []LikeDisk
	// Points are its checkpoints. Untold are the parts that could not be read.
	Points []Point
	Untold []string
	// Target is the host that is to hold the copy, Store its volumes.
	Target HostView
	Store  StoreView
	// Rate is how fast first copies went there, nil when that is not known.
	Rate *CopyRate
}

// LikePlan is what will be done for a VM that is protected as another is.
type LikePlan struct {
	VM   ProtectedVM `json:"vm"`
	Host string      `json:"host"`
	Like string      `json:"like"`
	// Steps are what is done, in words; Checks what was looked at.
	Steps    []string    `json:"steps"`
	Checks   []string    `json:"checks"`
	Adds     []Insertion `json:"adds"`
	Findings []Finding   `json:"findings,omitempty"`
}

// LikeSum is what the hosts of a plan say, before and after a VM is added.
type LikeSum struct {
	Plan          string
	Before, After RunInput
	PairsBefore   []Pair
	PairsAfter    []Pair
}

// ExplainLike says what will be done, and what of it is worth a word. cfg is the
// configuration with the VM; in is the run that protects it.
func (l Like) ExplainLike(cfg *Config, vm ProtectedVM, in RunInput, f LikeFacts, adds []Insertion, sums []LikeSum) LikePlan {
	p := LikePlan{VM: vm, Host: l.Group.From, Like: l.Other.Name, Adds: adds}
	var trust Explanation
	trust.trust(in)
	for _, s := range trust.Steps {
		p.Steps = append(p.Steps, s.Text)
	}
	p.Steps = append(p.Steps, l.replicates(f), l.sends(in.Seed, f))
	p.Steps = append(p.Steps, l.maps(cfg, vm)...)
	p.Steps = append(p.Steps, l.writes(cfg, vm, f, adds)...)
	p.version(f)
	p.space(f)
	p.checkpoints(f)
	p.memory(l, f, sums)
	for _, text := range f.Untold {
		p.warn(Warning, "not-told", f.Copy.Host, "it does not tell all: "+text, "what it would have told is not known", "run that cmdlet on the host and mend what it says")
	}
	return p
}

func (p *LikePlan) warn(s Severity, code, host, text, means, remedy string) {
	p.Findings = append(p.Findings, Finding{Severity: s, Code: code, VM: p.VM.Name, Host: host, Text: text, Means: means, Remedy: remedy})
}

// replicates is how the VM will replicate.
func (l Like) replicates(f LikeFacts) string {
	var size uint64
	sent, told := 0, true
	for _, d := range f.Disks {
		if d.Problem == "" {
			sent++
		}
		size, told = size+d.Size, told && d.Problem == ""
	}
	text := fmt.Sprintf("replicate its disks, whose sizes are not told, to %s", l.Group.To)
	switch {
	case len(f.Disks) == 0:
	case told:
		text = fmt.Sprintf("replicate %d of %d disks (%s) to %s", sent, len(f.Disks), gib(size), l.Group.To)
	default:
		text = fmt.Sprintf("replicate %s (%s, of %d it is not told) to %s", counted(len(f.Disks), "disk"), gib(size), len(f.Disks)-sent, l.Group.To)
	}
	text += fmt.Sprintf(", every %s, %s", l.Group.Frequency, counted(l.Group.RecoveryPoints, "extra point"))
	if e := l.Group.Extends; e != nil {
		text += fmt.Sprintf("; then on to %s, every %s", e.To, e.Frequency)
	}
	return text
}

// sends is how the first copy goes. A time is said only where first copies went that
// way before.
func (l Like) sends(s SeedPlan, f LikeFacts) string {
	switch {
	case s.Import != "":
		return "read the first copy from " + s.Import + " at " + l.Group.To
	case s.How == SeedMedia:
		return "write the first copy to " + s.Export + " at " + l.Group.From + "; NOT PROTECTED until it was carried and read"
	case s.How == SeedExisting:
		return "begin from the copy that stands at " + l.Group.To + ": it is overwritten where it differs"
	}
	text := "send the first copy over the network now"
	if !s.At.IsZero() {
		text = "send the first copy over the network " + clockUTC(s.At) + ", by the clock of " + l.Group.From
	}
	var used uint64
	for _, d := range f.Disks {
		if d.Problem != "" {
			return text + "; how long that takes the run says"
		}
		used += d.Used
	}
	if f.Rate == nil || used == 0 {
		return text + "; how long that takes the run says: none went there before"
	}
	return text + " " + f.Rate.words(used)
}

// maps is which network the VM comes into, and with which address.
func (l Like) maps(cfg *Config, vm ProtectedVM) []string {
	var out []string
	res := &resolver{cfg: cfg, from: l.From, to: l.To}
	for _, nic := range vm.NICs {
		home := cfg.networkAt(nic.Network, l.From)
		want := res.nic(vmRef{&l.Group, &vm}, nic)
		text := fmt.Sprintf("map %s -> %s", home.Switch, orWord(want.Switch, "NO SWITCH: network "+nic.Network+" has none at "+l.To))
		if nic.Adapter != "" {
			text = fmt.Sprintf("map %s on %s -> %s", nic.Adapter, home.Switch, orWord(want.Switch, "NO SWITCH"))
		}
		switch {
		case want.IP == "":
			text += "; no failover IP: the VM does not tell its address, so it keeps what its guest has. --failover-ip ADDRESS gives it one"
		case !want.Inject:
			text += fmt.Sprintf(", there %s, which its guest sets itself, as that of %s does", want.IP, l.Other.Name)
		case want.IP == nic.IP:
			text += ", failover IP " + want.IP + ", the same as now"
		default:
			text += ", failover IP " + want.IP
		}
		out = append(out, text)
	}
	return out
}

// writes is what is put into the configuration.
func (l Like) writes(cfg *Config, vm ProtectedVM, f LikeFacts, adds []Insertion) []string {
	var out []string
	planned := false
	for _, i := range adds {
		text := fmt.Sprintf("add to %s, after %s (%s, line %d)", i.Into, l.Other.Name, i.File, i.After)
		if strings.HasPrefix(i.Into, "plan ") {
			planned = true
			if after := afterOf(cfg, i.Into, vm); len(after) > 0 {
				text = fmt.Sprintf("add to %s, after %s (%s, line %d)", i.Into, strings.Join(after, ", "), i.File, i.After)
			} else {
				text = fmt.Sprintf("add to %s (%s, line %d)", i.Into, i.File, i.After)
			}
			text += gateOf(f.Copy, l.Other.Name)
		}
		out = append(out, text)
	}
	if !planned {
		out = append(out, fmt.Sprintf("add to no plan: none has %s. It will be replicated, and nothing starts it on the day", l.Other.Name))
	}
	return out
}

func gateOf(c Copy, other string) string {
	if beats(c) {
		return "; its gate is its heartbeat: write what it serves, those of " + other + " do not fit"
	}
	return "; it has no gate, and is up once it runs: write what it serves"
}

// afterOf is what a VM waits for in a stage that is named in words.
func afterOf(cfg *Config, into string, vm ProtectedVM) []string {
	index := &resolver{cfg: cfg, index: indexVMs(cfg)}
	for _, plan := range cfg.Plans {
		for _, s := range plan.Steps {
			if into != intoStage(plan.Name, s.Stage) {
				continue
			}
			for _, p := range s.VMs {
				if ref := index.find(p.VM); ref.vm != nil && ref.vm.ID == vm.ID {
					return p.After
				}
			}
		}
	}
	return nil
}

func intoStage(plan, stage string) string { return "plan " + plan + ", stage " + stage }

func (p *LikePlan) check(text string) { p.Checks = append(p.Checks, text) }

// version says whether the target can run the VM; where it cannot, the run's own
// findings refuse it.
func (p *LikePlan) version(f LikeFacts) {
	switch known := f.Target.Versions; {
	case len(known) == 0 || f.Copy.Version == "":
		p.check("version NOT TOLD")
	case slices.Contains(known, f.Copy.Version):
		p.check("version ok")
	default:
		p.check("version " + f.Copy.Version + " NOT KNOWN there")
	}
}

// space checks that the target's volume holds the copy.
func (p *LikePlan) space(f LikeFacts) {
	v := ReplicaVolume(f.Store, "")
	var size, used uint64
	told := len(f.Disks) > 0
	for _, d := range f.Disks {
		size, used, told = size+d.Size, used+d.Used, told && d.Problem == ""
	}
	switch {
	case v == nil || v.Size == 0:
		p.check("space NOT TOLD")
		if !f.Target.Reached {
			return // the run's own finding says it
		}
		p.warn(Warning, "volume-not-told", f.Target.Name, "NOT CHECKED whether there is room for its copy: the host does not tell", "replication stops on a full volume", "lifeboat check, then look at what it says of this host")
	case !told:
		p.check("space NOT CHECKED (" + bytesWords(v.Free) + " free)")
	case used > v.Free:
		p.check("space " + bytesWords(used-v.Free) + " SHORT")
		p.warn(Blocker, "volume-short", f.Target.Name, fmt.Sprintf("its copy takes %s, and %s has %s left", bytesWords(used), v.Name, bytesWords(v.Free)), "the volume would be full, and replication of all VMs there would stop", "make room there first")
	case size > v.Free:
		p.check("space ok for now (" + bytesWords(v.Free) + " free)")
		p.warn(Warning, "volume-short", f.Target.Name, fmt.Sprintf("its disks may grow to %s, and %s has %s left", bytesWords(size), v.Name, bytesWords(v.Free)), "on the day that it is full, replication stops", "plan for more room")
	default:
		p.check("space ok (" + bytesWords(v.Free) + " free)")
	}
}

// checkpoints looks for those that do not go to the other side.
func (p *LikePlan) checkpoints(f LikeFacts) {
	if slices.ContainsFunc(f.Untold, func(t string) bool { return strings.HasPrefix(t, "Get-VMSnapshot") }) {
		p.check("checkpoints NOT TOLD")
		return
	}
	if len(f.Points) == 0 {
		p.check("no checkpoints")
		return
	}
	p.check(strings.ToUpper(counted(len(f.Points), "checkpoint")))
	p.warn(Warning, "checkpoint", f.Copy.Host, fmt.Sprintf("it has a checkpoint of %s", clock(f.Points[0].Time)),
		"it does not go to the other side; going back to it makes a resynchronization necessary", "remove it when nobody needs it (Remove-VMSnapshot)")
}

// memory says for each plan whether its hosts still hold it.
func (p *LikePlan) memory(l Like, f LikeFacts, sums []LikeSum) {
	if !f.Target.Reached || f.Target.MemoryBytes == 0 {
		p.check("memory NOT TOLD")
		return
	}
	views, worst, over := []HostView{f.Target}, uint64(0), false
	if len(sums) == 0 {
		if free, known := freeAt(RunInput{}, f.Target.Name, views); known && uint64(p.VM.Memory) > free {
			worst, over = uint64(p.VM.Memory)-free, true
		}
	}
	for _, s := range sums {
		before, after := Shed(s.Before, views, s.PairsBefore), Shed(s.After, views, s.PairsAfter)
		_, needs := demand(after, s.PairsAfter)
		free, known := freeAt(after, f.Target.Name, views)
		if short := needs[f.Target.Name]; known && short > free {
			worst, over = max(worst, short-free), true
			p.short(s.Plan, after, f, short-free)
			continue
		}
		if left := leftOutMore(before, after); len(left) > 0 {
			p.warn(Warning, "stays-behind", f.Target.Name, fmt.Sprintf("with %s (%s), %s would stay behind in plan %s: they are if_capacity", p.VM.Name, gib(uint64(p.VM.Memory)), strings.Join(left, ", "), s.Plan),
				"they are not started on the day while memory is short", "give the one that must come a higher priority:, or none")
		}
	}
	if over {
		p.check("memory " + gib(worst) + " OVER")
		return
	}
	p.check("memory ok")
}

// short is for a plan that the target does not hold any more.
func (p *LikePlan) short(plan string, in RunInput, f LikeFacts, by uint64) {
	text := fmt.Sprintf("with %s (%s) it is %s short for plan %s", p.VM.Name, gib(uint64(p.VM.Memory)), gib(by), plan)
	var stays []string
	for _, l := range in.LeftOut {
		if strings.HasPrefix(l.Why, "if_capacity") {
			stays = append(stays, l.VM)
		}
	}
	if len(stays) > 0 {
		text += ", though " + strings.Join(stays, ", ") + " would stay behind"
	}
	could := strings.Join(append([]string{p.VM.Name + " itself"}, canWait(in, p.VM.ID, f.Target.Name, by)...), ", or ")
	do := fmt.Sprintf("let one that can wait stay behind (policy: if_capacity in the plan): %s; or shrink it", could)
	p.Findings = append(p.Findings, Finding{Severity: Warning, Code: "memory-short", Host: f.Target.Name, Text: text, Means: "a failover of that plan would be refused until there is room", Remedy: do})
}

// canWait are VMs of the last stage that nothing waits for and that make enough
// room, the smallest first.
func canWait(in RunInput, but, host string, need uint64) []string {
	stages := in.Stages()
	if len(stages) == 0 {
		return nil
	}
	var fit []RunVM
	waited := map[string]bool{}
	for _, vm := range in.VMs() {
		for _, id := range vm.After {
			waited[id] = true
		}
	}
	for _, vm := range in.Steps[stages[len(stages)-1]].VMs {
		if vm.ID != but && vm.TargetHost == host && !vm.IfCapacity && !waited[vm.ID] && uint64(vm.Memory) >= need {
			fit = append(fit, vm)
		}
	}
	slices.SortStableFunc(fit, func(a, b RunVM) int { return cmp.Compare(a.Memory, b.Memory) })
	var out []string
	for _, vm := range fit[:min(3, len(fit))] {
		out = append(out, fmt.Sprintf("%s (%s)", vm.Label, gib(uint64(vm.Memory))))
	}
	return out
}

// leftOutMore are the VMs that only the second of two inputs leaves out.
func leftOutMore(before, after RunInput) []string {
	var out []string
	for _, l := range after.LeftOut {
		if !slices.ContainsFunc(before.LeftOut, func(b LeftOut) bool { return b.VM == l.VM }) {
			out = append(out, l.VM)
		}
	}
	return out
}

// bytesWords is a size for people, in the largest unit that fits.
func bytesWords(b uint64) string {
	if b >= 1<<40 {
		return fmt.Sprintf("%.1f TB", float64(b)/(1<<40))
	}
	return gib(b)
}
