package plans

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Request is what a person asks of a plan.
type Request struct {
	Operation Operation
	// To is the target site; empty means the plan's own.
	To string
	// VMs names the VMs of policy manual that shall take part too.
	VMs []string
	// Only names the VMs that take part; empty means all.
	Only       []string
	By, Reason string
	RunID      string
	Speed      float64
	Auto       bool
	LoseWrites bool
	// Point, Statement, Fence, Chain and Hold go into the run as they are; see
	// RunInput.
	Point     string
	Statement *Statement
	Fence     FencePolicy
	Chain     ChainPolicy
	Hold      *Duration
	// StopResidents names VMs that live at the target and may be shut down to
	// make room.
	StopResidents []string
	// Past is what past runs took.
	Past Durations
}

// Resolve turns a plan into the input of a run: hosts, order, addresses and
// networks of the run's direction, with the plan's hash. A target that is the
// plan's own "from" is the way home.
func Resolve(cfg *Config, plan *RecoveryPlan, r Request) (RunInput, error) {
	from, to, err := direction(plan, r.To)
	if err != nil {
		return RunInput{}, err
	}
	in := RunInput{
		RunID: r.RunID, Plan: plan.Name, PlanHash: hashOf(cfg, plan), Operation: r.Operation, From: from, To: to,
		StartedBy: r.By, Reason: r.Reason, Reverse: plan.Reverse, Limits: plan.Limits, Objectives: plan.Objectives,
		Speed: r.Speed, Auto: r.Auto, LoseWrites: r.LoseWrites, Statement: r.Statement, Fence: r.Fence, Chain: r.Chain,
		About: aboutOf(plan, r.Operation),
	}
	switch r.Operation {
	case UnplannedFailover:
		in.Point, in.OnReturn = orWord(r.Point, AskLatest), FencePolicy(orWord(string(plan.OnReturn), string(FenceAsk)))
	case TestFailover:
		in.Point, in.Hold, in.TTL = orWord(r.Point, AskLatest), plan.Test.Hold, plan.Test.TTL
	case PlannedFailover, Cancel, Commit, Reprotect, Fence, Protect, Unprotect:
	}
	if r.Hold != nil {
		in.Hold = *r.Hold
	}
	if in.Operation == TestFailover && in.TTL == 0 {
		in.TTL = DefaultTestTTL
	}
	res := resolver{cfg: cfg, plan: plan, op: r.Operation, from: from, to: to, index: indexVMs(cfg), wanted: r.VMs, only: r.Only}
	res.names = res.countNames()
	if err := res.checkWanted(); err != nil {
		return RunInput{}, err
	}
	stage := ""
	for i := range plan.Steps {
		step, left, ok := res.step(&plan.Steps[i], r.Operation)
		in.LeftOut = append(in.LeftOut, left...)
		stage = orWord(plan.Steps[i].Stage, stage)
		if ok {
			step.Number, step.Of = len(in.Steps)+1, stage
			in.Steps = append(in.Steps, step)
		}
	}
	in.Hosts = res.hosts(in)
	return Learn(in, r.Past), nil
}

// hosts are the hosts of a run's VMs, source hosts first, each once.
func (r *resolver) hosts(in RunInput) []RunHost {
	var out []RunHost
	add := func(name string) {
		if slices.ContainsFunc(out, func(h RunHost) bool { return h.Name == name }) {
			return
		}
		host := r.cfg.host(name)
		out = append(out, RunHost{Name: name, Site: host.Site, Reserve: host.MemoryReserve})
	}
	for _, vm := range in.VMs() {
		add(vm.SourceHost)
	}
	for _, vm := range in.VMs() {
		add(vm.TargetHost)
	}
	return out
}

// host finds a host; validation has made sure that it is there.
func (cfg *Config) host(name string) Host {
	for i := range cfg.Hosts {
		if cfg.Hosts[i].Name == name {
			return cfg.Hosts[i]
		}
	}
	return Host{Name: name}
}

func direction(plan *RecoveryPlan, to string) (from, target string, err error) {
	switch to {
	case "", plan.To:
		return plan.From, plan.To, nil
	case plan.From:
		return plan.To, plan.From, nil
	}
	return "", "", fmt.Errorf("plan %s goes between %s and %s: --to %q is neither", plan.Name, plan.From, plan.To, to)
}

// hashOf identifies the plan and the groups it uses as they were.
func hashOf(cfg *Config, plan *RecoveryPlan) string {
	text, err := json.Marshal(struct {
		Plan     *RecoveryPlan
		Groups   []ProtectionGroup
		Networks []Network
	}{plan, cfg.Groups, cfg.Networks})
	if err != nil { // the types are ours and hold nothing that cannot be encoded
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func indexVMs(cfg *Config) map[string]vmRef {
	index := map[string]vmRef{}
	for i := range cfg.Groups {
		for j := range cfg.Groups[i].VMs {
			ref := vmRef{&cfg.Groups[i], &cfg.Groups[i].VMs[j]}
			index[strings.ToLower(ref.vm.ID)] = ref
			index[ref.vm.Name] = ref
		}
	}
	return index
}

// resolver resolves the steps of one plan in one direction.
type resolver struct {
	cfg      *Config
	plan     *RecoveryPlan
	op       Operation
	from, to string
	index    map[string]vmRef
	names    map[string]int
	wanted   []string
	only     []string
}

func (r *resolver) find(name string) vmRef {
	if ref, ok := r.index[name]; ok && !guidForm.MatchString(name) {
		return ref
	}
	return r.index[strings.ToLower(name)]
}

// countNames says how often each name stands in the plan, for labels.
func (r *resolver) countNames() map[string]int {
	names := map[string]int{}
	for _, s := range r.plan.Steps {
		for _, vm := range s.VMs {
			found := r.find(vm.VM).vm
			names[found.Name]++
			names[found.Name+" ("+found.ID[:8]+")"]++
		}
	}
	return names
}

// checkWanted says what is wrong with the VMs that a person named, all at once.
func (r *resolver) checkWanted() error {
	var wrong []error
	for _, named := range []struct {
		flag  string
		names []string
	}{{"--vm", r.wanted}, {"--only", r.only}} {
		for _, name := range named.names {
			ref := r.find(name)
			if ref.vm == nil || !r.inPlan(ref.vm.ID) {
				wrong = append(wrong, fmt.Errorf("%s %q: plan %s has no such VM", named.flag, name, r.plan.Name))
			}
		}
	}
	if len(wrong) > 0 || len(r.only) == 0 {
		return errors.Join(wrong...)
	}
	var vm, only []string
	for _, name := range r.wanted {
		if !r.among(r.only, r.find(name).vm.ID) {
			vm, only = append(vm, "--vm "+ShellWord(name)), append(only, "--only "+ShellWord(name))
		}
	}
	if len(vm) == 0 {
		return nil
	}
	return fmt.Errorf("%s contradicts --only, which takes no other VM. To take it too, add: %s. To take it with the whole plan: leave --only out. Nothing was started",
		strings.Join(vm, " "), strings.Join(only, " "))
}

// among is true for a VM that is one of those named.
func (r *resolver) among(names []string, id string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return r.find(name).vm.ID == id })
}

func (r *resolver) inPlan(id string) bool {
	for _, s := range r.plan.Steps {
		for _, vm := range s.VMs {
			if r.find(vm.VM).vm.ID == id {
				return true
			}
		}
	}
	return false
}

// step resolves one step; ok is false when it takes no part in the operation.
// Work for people belongs to moving the business: a drill must not change a
// public address, and taking back or re-protecting has none of it, unless only:
// says so.
func (r *resolver) step(s *Step, op Operation) (out RunStep, left []LeftOut, ok bool) {
	if len(s.Only) > 0 && !slices.Contains(s.Only, op) {
		return out, nil, false
	}
	switch {
	case s.Manual != nil:
		manual := *s.Manual
		manual.Text = r.directed(manual.Text)
		return RunStep{Name: manual.Name, Manual: &manual}, nil, op.Moves() || len(s.Only) > 0
	case s.Notice != nil:
		notice := *s.Notice
		notice.Text = r.directed(notice.Text)
		return RunStep{Name: "notice", Notice: &notice}, nil, op.Moves() || len(s.Only) > 0
	}
	out = RunStep{Name: s.Stage, Parallel: s.Parallel}
	for i := range s.VMs {
		vm := r.vm(&s.VMs[i])
		switch why := r.leaveOut(&s.VMs[i], vm); why {
		case "":
			out.VMs = append(out.VMs, vm)
		default:
			left = append(left, LeftOut{VM: vm.Label, Why: why, Tenant: vm.Tenant})
		}
	}
	return out, left, len(out.VMs) > 0
}

// directed names the sites of this run in a text that the plan has for both ways.
func (r *resolver) directed(text string) string {
	return strings.NewReplacer("{from}", r.from, "{to}", r.to).Replace(text)
}

func (r *resolver) leaveOut(p *PlanVM, vm RunVM) string {
	only := r.among(r.only, vm.ID)
	switch {
	case len(r.only) > 0 && !only:
		return "not named with --only"
	case p.Policy == PolicyNever:
		return "policy never: it stays where it is"
	case p.Policy == PolicyManual && !only && !r.among(r.wanted, vm.ID):
		return "policy manual: it moves only when named with --vm"
	case vm.SourceHost == "" || vm.TargetHost == "":
		return fmt.Sprintf("its hosts are not at %s and %s", r.from, r.to)
	}
	return ""
}

func (r *resolver) vm(p *PlanVM) RunVM {
	ref := r.find(p.VM)
	out := RunVM{
		ID: ref.vm.ID, Name: ref.vm.Name, Label: r.label(ref.vm), Settle: p.Settle, RTO: p.RTO, RPO: ref.group.RPO,
		Frequency: ref.group.Frequency, Memory: ref.vm.Memory, IfCapacity: p.Policy == PolicyIfCapacity,
		Priority: p.Priority, Tenant: ref.group.Tenant,
	}
	for _, host := range []string{ref.group.From, ref.group.To} {
		switch r.cfg.hostSite(host) {
		case r.from:
			out.SourceHost = host
		case r.to:
			out.TargetHost = host
		}
	}
	out.ReverseTo = orWord(r.cfg.host(out.SourceHost).ReplicaName, out.SourceHost)
	out.TargetName = orWord(r.cfg.host(out.TargetHost).ReplicaName, out.TargetHost)
	if ref.group.Authentication == "certificate" {
		out.Thumbprint = r.cfg.host(out.TargetHost).CertificateThumbprint
	}
	if r.op == Reprotect {
		// For a VM whose replication somebody has ended meanwhile.
		out.Enable = enableSettings(ref.group, ref.vm, SeedNetwork)
	}
	for _, name := range p.After {
		out.After = append(out.After, r.find(name).vm.ID)
	}
	ip := ""
	for _, nic := range ref.vm.NICs {
		wanted := r.nic(ref, nic)
		if ip == "" {
			ip = wanted.IP
		}
		if r.op == TestFailover {
			// The failover address stands on the replica's own adapter.
			wanted = WantedNIC{Adapter: nic.Adapter, Switch: r.networkAt(nic.Network, r.to).TestSwitch}
		}
		out.NICs = append(out.NICs, wanted)
		if r.op == Cancel {
			out.SourceNICs = append(out.SourceNICs, WantedNIC{Adapter: nic.Adapter, Switch: r.networkAt(nic.Network, r.from).Switch})
		}
	}
	for _, g := range p.Gates {
		if r.op == TestFailover && len(ref.vm.NICs) > 0 {
			out.Gates = append(out.Gates, testGate(g, ip, r.networkAt(ref.vm.NICs[0].Network, r.to)))
			continue
		}
		out.Gates = append(out.Gates, gate(g, ip))
	}
	if r.op == TestFailover && !slices.ContainsFunc(out.Gates, func(g RunGate) bool { return g.Kind == "heartbeat" }) {
		// Without a gateway no port can be asked in an isolated network: that it
		// came up is the heartbeat's to say.
		out.Gates = slices.Insert(out.Gates, 0, gate(Gate{Heartbeat: &HeartbeatGate{}}, ip))
	}
	return out
}

// label is the name, with as much of the GUID as it takes where names repeat.
func (r *resolver) label(vm *ProtectedVM) string {
	switch short := vm.Name + " (" + vm.ID[:8] + ")"; {
	case r.names[vm.Name] <= 1:
		return vm.Name
	case r.names[short] <= 1:
		return short
	}
	return vm.Name + " (" + vm.ID + ")"
}

// nic is what an adapter must be at the target site: its network's switch
// there, and the address with the same host part.
func (r *resolver) nic(ref vmRef, nic NIC) WantedNIC {
	out := WantedNIC{Adapter: nic.Adapter, Inject: nic.Inject == nil || *nic.Inject}
	target, home := r.networkAt(nic.Network, r.to), r.networkAt(nic.Network, r.cfg.hostSite(ref.group.From))
	out.Switch, out.Gateway, out.DNS = target.Switch, target.Gateway, target.DNS
	if nic.IP == "" {
		return out
	}
	out.IP = moveIP(nic.IP, home.Subnet, target.Subnet)
	out.Mask = maskOf(target.Subnet)
	return out
}

func (r *resolver) networkAt(name, site string) NetworkSite {
	for _, n := range r.cfg.Networks {
		for _, s := range n.Sites {
			if n.Name == name && s.Site == site {
				return s
			}
		}
	}
	return NetworkSite{}
}

// moveIP keeps the host part of an address and takes the network part of
// another subnet. Without two subnets of one size the address stays.
func moveIP(ip, from, to string) string {
	addr, err := netip.ParseAddr(ip)
	old, oldErr := netip.ParsePrefix(from)
	target, newErr := netip.ParsePrefix(to)
	if err != nil || oldErr != nil || newErr != nil || old.Bits() != target.Bits() || addr.Is4() != target.Addr().Is4() {
		return ip
	}
	host, net := addr.AsSlice(), target.Masked().Addr().AsSlice()
	for i := range host {
		keep := max(0, min(8, target.Bits()-8*i)) // network bits in this byte
		mask := byte(0xff >> keep)
		host[i] = net[i]&^mask | host[i]&mask
	}
	moved, _ := netip.AddrFromSlice(host)
	return moved.String()
}

// maskOf is a subnet's mask as Hyper-V takes it: dotted for IPv4, the prefix
// length for IPv6.
func maskOf(subnet string) string {
	p, err := netip.ParsePrefix(subnet)
	if err != nil {
		return ""
	}
	if !p.Addr().Is4() {
		return strconv.Itoa(p.Bits())
	}
	bits := ^uint32(0) << (32 - p.Bits())
	if p.Bits() == 0 {
		bits = 0
	}
	return fmt.Sprintf("%d.%d.%d.%d", byte(bits>>24), byte(bits>>16), byte(bits>>8), byte(bits))
}

// gate resolves a gate's addresses for a VM that is reached at ip.
func gate(g Gate, ip string) RunGate {
	out := RunGate{Within: g.Within}
	if out.Within == 0 {
		out.Within = DefaultGateWithin
	}
	switch {
	case g.Heartbeat != nil:
		out.Kind, out.Text, out.Healthy = "heartbeat", "heartbeat", g.Heartbeat.Healthy
	case g.TCP != nil:
		at := orWord(g.TCP.Address, ip)
		out.Kind = "tcp"
		ports := make([]string, len(g.TCP.Ports))
		for i, port := range g.TCP.Ports {
			ports[i] = strconv.Itoa(port)
			out.Addresses = append(out.Addresses, netip.AddrPortFrom(netip.MustParseAddr(at), uint16(port)).String())
		}
		out.Text = "tcp " + strings.Join(ports, ", ") + " at " + at
	case g.HTTP != nil:
		out.Kind, out.URL, out.Status, out.Contains = "http", strings.ReplaceAll(g.HTTP.URL, "{ip}", ip), g.HTTP.Status, g.HTTP.Contains
		out.CA, out.Insecure = g.HTTP.CA, g.HTTP.Insecure
		if out.Status == 0 {
			out.Status = 200
		}
		out.Text = fmt.Sprintf("http %d from %s", out.Status, out.URL)
	case g.Script != nil && g.Script.In == "guest":
		out.Kind, out.Run, out.User, out.Secret, out.Text = "guest-script", g.Script.Run, g.Script.User, g.Script.Secret, "script in the guest"
	case g.Script != nil:
		out.Kind, out.Command, out.Text = "engine-script", g.Script.Command, "script on the engine: "+strings.Join(g.Script.Command, " ")
	}
	return out
}
