package plans

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

func (c *checker) checkPlans() {
	for i := range c.cfg.Plans {
		path := fmt.Sprintf("plans[%d]", i)
		c.unique(c.plans, c.cfg.Plans[i].Name, path, "plan", i)
		p := planChecker{checker: c, plan: &c.cfg.Plans[i], path: path, stageOf: map[string]int{}, label: map[string]string{}}
		p.check()
	}
}

// planChecker checks one plan.
type planChecker struct {
	*checker
	plan *RecoveryPlan
	path string
	// stageOf maps a VM's GUID to its step; label to how the plan calls it.
	stageOf map[string]int
	label   map[string]string
	order   []planEntry
	// directed is true where from and to are two sites, partial where the plan may
	// have VMs that are not known.
	directed, partial bool
}

// planEntry is a VM of a plan in the order of the file.
type planEntry struct {
	id, path string
	vm       *PlanVM
}

func (p *planChecker) check() {
	from, to := p.known(p.sites, p.plan.From, p.path+".from", "site"), p.known(p.sites, p.plan.To, p.path+".to", "site")
	p.directed = from && to && p.plan.From != p.plan.To
	if from && to && !p.directed {
		p.fail(p.path+".to", "name the other site", "from and to are the same site")
	}
	if i, ok := p.sites.one(p.plan.From); ok && p.cfg.Sites[i].Engine {
		p.fail(p.path+".from", "run Lifeboat at the site that takes over and set engine: true there; the way home is this plan with --to "+p.plan.From,
			"Lifeboat runs at %q, so it would be part of what it fails over", p.plan.From)
	}
	if strings.ContainsAny(p.plan.Name, "/\n\r\t") {
		p.fail(p.path+".name", "use letters, digits and dashes", "a plan's name must hold no slash and no line break")
	}
	if rest, taken := strings.CutPrefix(p.plan.Name, ProtectionPlan("")); taken &&
		(len(p.vms[rest]) > 0 || slices.ContainsFunc(p.cfg.Groups, func(g ProtectionGroup) bool { return g.Name == rest })) {
		p.fail(p.path+".name", "call the plan otherwise", "%q is what runs of lifeboat protect %s are called", p.plan.Name, rest)
	}
	if len(p.plan.Steps) == 0 {
		p.fail(p.path+".steps", "write stages of VMs, in the order they start", "the plan has no steps")
	}
	p.checkLimits()
	p.partial = p.anyLost(p.path, "steps")
	for i := range p.plan.Steps {
		p.checkStep(i)
	}
	p.checkAfter()
	p.checkCycles()
	p.checkKnots()
}

func (p *planChecker) checkLimits() {
	l := p.plan.Limits
	for _, one := range []struct {
		name  string
		value int
	}{{"shutdown", l.Shutdown}, {"move", l.Move}, {"start", l.Start}} {
		if one.value < 0 || one.value > 64 {
			p.fail(p.path+".limits."+one.name, "write 1 to 64", "is %d", one.value)
		}
	}
}

func (p *planChecker) checkStep(i int) {
	s := &p.plan.Steps[i]
	path := fmt.Sprintf("%s.steps[%d]", p.path, i)
	stage := s.Stage != "" || len(s.VMs) > 0
	if s.mayBeStage() && p.anyLost(path, "vms") {
		p.partial = true
	} else {
		p.exactlyOne(path, "step", []string{"stage", "manual", "notice"}, stage, s.Manual != nil, s.Notice != nil)
	}
	if s.Manual != nil {
		p.checkManual(s.Manual, path+".manual")
	}
	if s.Notice != nil && s.Notice.Text == "" {
		p.fail(path+".notice.text", "write what people shall be told", "a notice needs a text")
	}
	if stage {
		p.checkStage(i, s, path)
	}
}

// mayBeStage is true for a step that is neither of the other two kinds.
func (s *Step) mayBeStage() bool { return s.Manual == nil && s.Notice == nil }

func (p *planChecker) checkManual(m *ManualStep, path string) {
	if m.Name == "" {
		p.fail(path+".name", "give it a short name", "a manual step needs a name")
	}
	if m.Text == "" {
		p.fail(path+".text", "write what the person shall do, so that it is understood at 3 am", "a manual step needs a text")
	}
	if m.Quorum < 0 || m.Quorum > 9 {
		p.fail(path+".quorum", "write how many different people must approve, 1 to 9", "is %d", m.Quorum)
	}
	if len(m.Escalate) > 0 && m.Within == 0 {
		p.fail(path+".within", "write when the answer is late, for example within: 15m", "escalate: needs a time after which it happens")
	}
}

func (p *planChecker) checkStage(i int, s *Step, path string) {
	if s.Stage == "" {
		p.fail(path+".stage", "write stage: NAME", "a stage needs a name")
	}
	if len(s.VMs) == 0 {
		p.fail(path+".vms", "name the VMs that start together", "stage %q has no VMs", s.Stage)
	}
	if s.Parallel < 0 || s.Parallel > 64 {
		p.fail(path+".parallel", "write 1 to 64", "is %d", s.Parallel)
	}
	if len(s.Only) > 0 {
		p.fail(path+".only", "remove it: only: is for manual steps and notices", "a stage of VMs takes part in every operation")
	}
	for j := range s.VMs {
		p.checkPlanVM(i, &s.VMs[j], fmt.Sprintf("%s.vms[%d]", path, j))
	}
}

func (p *planChecker) checkPlanVM(step int, vm *PlanVM, path string) {
	ref, ok := p.find(vm.VM, path+".vm")
	hasIP := !ok || p.hasIP(ref)
	for k, g := range vm.Gates {
		p.checkGate(g, fmt.Sprintf("%s.gates[%d]", path, k), hasIP)
	}
	if !ok {
		p.partial = true
		return
	}
	if first, twice := p.stageOf[ref.vm.ID]; twice {
		p.fail(path+".vm", "keep one of the two", "VM %q is in step %d already", vm.VM, first+1)
		return
	}
	p.stageOf[ref.vm.ID], p.label[ref.vm.ID] = step, vm.VM
	p.order = append(p.order, planEntry{ref.vm.ID, path, vm})
	p.checkDirection(vm, ref.group, path)
}

// hasIP is true for a VM with an address, or with one that was lost.
func (p *planChecker) hasIP(ref checkedVM) bool {
	return len(ref.vm.NICs) > 0 && ref.vm.NICs[0].IP != "" || p.anyLost(ref.path, "nics", "nics[0].ip")
}

// checkDirection compares a plan with a group of which both ends are known.
func (p *planChecker) checkDirection(vm *PlanVM, g *ProtectionGroup, path string) {
	from, ok := p.siteOf(g.From)
	to, ok2 := p.siteOf(g.To)
	if !p.directed || !ok || !ok2 || g.From == g.To {
		return
	}
	if forward, back := from == p.plan.From && to == p.plan.To, from == p.plan.To && to == p.plan.From; !forward && !back {
		p.fail(path+".vm", "put it into a plan of its own direction", "VM %q replicates %s -> %s, the plan goes %s -> %s", vm.VM, from, to, p.plan.From, p.plan.To)
	}
}

// find resolves a VM's name or GUID.
func (p *planChecker) find(name, path string) (checkedVM, bool) {
	refs := p.vms[name]
	if len(refs) == 0 && guidForm.MatchString(name) {
		refs = p.vms[strings.ToLower(name)]
	}
	switch len(refs) {
	case 1:
		return refs[0], true
	case 0:
		if name == "" || !p.nameless && !p.guidless[name] && (len(p.guidless) == 0 || !guidForm.MatchString(name)) {
			p.fail(path, "add it to a protection group, or mend the name", "no protected VM is called %q", name)
		}
	default:
		p.fail(path, "write the GUID of the one you mean", "%d VMs are called %q", len(refs), name)
	}
	return checkedVM{}, false
}

func (p *planChecker) checkGate(g Gate, path string, hasIP bool) {
	p.exactlyOne(path, "gate", []string{"heartbeat", "tcp", "http", "script"}, g.Heartbeat != nil, g.TCP != nil, g.HTTP != nil, g.Script != nil)
	if g.TCP != nil {
		p.checkTCP(g.TCP, path+".tcp", hasIP)
	}
	if g.HTTP != nil {
		u, err := url.Parse(strings.ReplaceAll(g.HTTP.URL, "{ip}", "192.0.2.1"))
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			p.fail(path+".http.url", "write it like http://{ip}:8080/health", "%q is no URL", g.HTTP.URL)
		}
		if strings.Contains(g.HTTP.URL, "{ip}") && !hasIP {
			p.fail(path+".http.url", "give the VM's nic an ip, or write the address out", "{ip} needs an address of the VM")
		}
	}
	if g.Script != nil {
		p.checkScript(g.Script, path+".script")
	}
}

func (p *planChecker) checkTCP(g *TCPGate, path string, hasIP bool) {
	if len(g.Ports) == 0 {
		p.fail(path+".ports", "write the ports: [53, 389]", "a tcp gate needs ports")
	}
	for i, port := range g.Ports {
		if port < 1 || port > 65535 {
			p.fail(fmt.Sprintf("%s.ports[%d]", path, i), "write 1 to 65535", "is %d", port)
		}
	}
	if g.Address == "" && !hasIP && !p.anyLost(path, "address") {
		p.fail(path, "give the VM's nic an ip, or the gate an address", "there is no address to connect to")
	}
	if g.Address != "" {
		if _, err := netip.ParseAddr(g.Address); err != nil {
			p.fail(path+".address", "write an IP address: names may not resolve on the day", "%q is no address", g.Address)
		}
	}
}

func (p *planChecker) checkScript(s *ScriptGate, path string) {
	p.oneOf(path+".in", s.In, "guest", "engine")
	switch s.In {
	case "guest":
		if s.Run == "" {
			p.fail(path+".run", "write PowerShell whose last output is true when the service is up", "a script in a guest needs run:")
		}
		if s.User == "" && !p.anyLost(path, "user") || !secretForm.MatchString(string(s.Secret)) {
			p.fail(path+".secret", "write user: NAME and secret: env:NAME or file:PATH", "a script in a guest needs an account of the guest")
		}
	case "engine":
		if len(s.Command) == 0 {
			p.fail(path+".command", "write command: [program, argument, ...]", "a script on the engine needs command:")
		}
	case "":
		p.fail(path+".in", "write guest or engine", "where the script runs must be said")
	}
}

// checkAfter resolves after: to earlier or equal stages.
func (p *planChecker) checkAfter() {
	for i, s := range p.plan.Steps {
		for j := range s.VMs {
			for k := range s.VMs[j].After {
				p.checkAfterOne(i, &s.VMs[j], k, fmt.Sprintf("%s.steps[%d].vms[%d].after[%d]", p.path, i, j, k))
			}
		}
	}
}

func (p *planChecker) checkAfterOne(own int, vm *PlanVM, k int, path string) {
	ref, ok := p.find(vm.After[k], path)
	if !ok {
		return
	}
	step, inPlan := p.stageOf[ref.vm.ID]
	switch {
	case !inPlan && !p.partial:
		p.fail(path, "add it to the plan, or remove it here", "VM %q is not in this plan", vm.After[k])
	case inPlan && step > own:
		p.fail(path, "move one of them", "VM %q starts in step %d, after %q in step %d", vm.After[k], step+1, vm.VM, own+1)
	}
}

// checkCycles names each circle of after: VM by VM, once.
func (p *planChecker) checkCycles() {
	after := map[string][]string{}
	for _, e := range p.order {
		for _, name := range e.vm.After {
			if refs := p.vms[name]; len(refs) == 1 {
				after[e.id] = append(after[e.id], refs[0].vm.ID)
			}
		}
	}
	done := map[string]bool{}
	for _, e := range p.order {
		if cycle := findCycle(e.id, after, done, nil); cycle != nil {
			names := make([]string, len(cycle))
			for i, id := range cycle {
				names[i] = p.label[id]
			}
			p.fail(e.path+".after", "take one of these away", "these wait for each other: %s", strings.Join(names, " -> "))
		}
	}
}

// findCycle follows after: from id; the cycle it finds begins and ends with the
// same VM.
func findCycle(id string, after map[string][]string, done map[string]bool, trail []string) []string {
	if i := slices.Index(trail, id); i >= 0 {
		return append(slices.Clone(trail[i:]), id)
	}
	if done[id] {
		return nil
	}
	for _, next := range after[id] {
		if cycle := findCycle(next, after, done, append(trail, id)); cycle != nil {
			done[id] = true
			return cycle
		}
	}
	done[id] = true
	return nil
}

// checkKnots refuses more VMs of one stage tied together by after: than one
// part of a stage may hold.
func (p *planChecker) checkKnots() {
	stages := map[int][]RunVM{}
	for _, e := range p.order {
		vm := RunVM{ID: e.id}
		for _, name := range e.vm.After {
			if refs := p.vms[name]; len(refs) == 1 {
				vm.After = append(vm.After, refs[0].vm.ID)
			}
		}
		stages[p.stageOf[e.id]] = append(stages[p.stageOf[e.id]], vm)
	}
	for i := range p.plan.Steps {
		for _, knot := range knots(stages[i]) {
			if len(knot) > maxStage {
				p.fail(fmt.Sprintf("%s.steps[%d]", p.path, i), "make two stages of it: a stage starts when the one before it is up",
					"after: ties %d VMs of this stage together, %d is the most", len(knot), maxStage)
			}
		}
	}
}
