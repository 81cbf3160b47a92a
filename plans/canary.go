package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Canary is a throw-away VM on a calendar: it is made at Host, replicated to To,
// failed over and back by the same runs that move real VMs, and removed. So a
// night proves authentication, network, certificates, replication and this tool,
// end to end, without a real VM.
type Canary struct {
	Name string `yaml:"name"`
	// Host is where the VM is made, To where it fails over to: hosts of two sites.
	Host string `yaml:"host"`
	To   string `yaml:"to"`
	// Cron is when: minute, hour, day of the month, month, weekday, in Timezone
	// (default UTC).
	Cron     string `yaml:"cron"`
	Timezone string `yaml:"timezone,omitempty"`
	// Within is how late it may begin (default 1h).
	Within Duration `yaml:"within,omitempty"`
}

// CanaryPrefix begins the name of a canary's VM and of its runs.
const CanaryPrefix = "lifeboat-canary-"

// DefaultCanaryWithin is how late a canary may begin when it does not say.
const DefaultCanaryWithin = Duration(time.Hour)

// canaryName is how long its name may be: those of its VM and its runs hold more.
const canaryName = 40

// Canary finds a canary of the configuration.
func (cfg *Config) Canary(name string) (Canary, bool) {
	i := slices.IndexFunc(cfg.Canaries, func(c Canary) bool { return c.Name == name })
	if i < 0 {
		return Canary{}, false
	}
	return cfg.Canaries[i], true
}

// Calendar is when it runs.
func (c Canary) Calendar() (DrillCalendar, error) {
	return CalendarOf(ScheduledDrill{Name: c.Name, Cron: c.Cron, Timezone: c.Timezone})
}

func setCanaryDefaults(all []Canary) {
	for i := range all {
		setDefault(&all[i].Within, DefaultCanaryWithin)
		all[i].Timezone = orWord(all[i].Timezone, "UTC")
	}
}

func (c *checker) checkCanaries() {
	names := c.namesAt("canaries")
	for i := range c.cfg.Canaries {
		one, path := c.cfg.Canaries[i], fmt.Sprintf("canaries[%d]", i)
		c.unique(names, one.Name, path, "canary", i)
		if len(one.Name) > canaryName || strings.ContainsFunc(one.Name, func(r rune) bool {
			return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
		}) {
			c.fail(path+".name", "use small letters, digits and dashes, 40 at most", "%q goes into the name of a VM", one.Name)
		}
		c.checkCanaryHosts(one, path)
		c.checkTimes(one.Cron, one.Timezone, path)
		if calendar, err := one.Calendar(); err == nil && len(calendar.Next(anyDay, 1)) == 0 {
			c.fail(path+".cron", `write minute, hour, day, month, weekday, like "30 2 * * *"`, "no such day comes in five years: no canary would ever run")
		}
		if one.Within != 0 && one.Within.D() < leastWithin {
			c.fail(path+".within", "write 1h, or how late it may begin", "%s is too short: an engine that starts again needs longer", one.Within)
		}
	}
}

func (c *checker) checkCanaryHosts(one Canary, path string) {
	c.known(c.hosts, one.Host, path+".host", "host")
	c.known(c.hosts, one.To, path+".to", "host")
	from, ok := c.siteOf(one.Host)
	if to, ok2 := c.siteOf(one.To); ok && ok2 && from == to {
		c.fail(path+".to", "write a host of another site", "%s is at the same site as %s: that proves nothing about a lost site", one.To, one.Host)
	}
}

// ResolveCanary is what a canary asks of the two hosts; name tells its VM from
// those of other nights.
func ResolveCanary(cfg *Config, c Canary, name string, speed float64, by, reason string) (SelfTestSetup, error) {
	s, err := ResolveSelfTest(cfg, c.Host, c.To, name, false, false, speed, orWord(by, "calendar canary "+c.Name), reason)
	s.Name, s.Canary = c.vmPrefix()+name, c.Name
	return s, err
}

// vmPrefix begins the names of all its VMs.
func (c Canary) vmPrefix() string { return CanaryPrefix + c.Name + "-" }

// IsCanaryVM is true for a name that canary gives its VMs. What follows the last
// dash is a night's own: the canary a has none of those of a-b.
func IsCanaryVM(canary, name string) bool {
	night, own := strings.CutPrefix(name, Canary{Name: canary}.vmPrefix())
	return own && night != "" && !strings.Contains(night, "-")
}

// isThrowAway is true for a name that Lifeboat gives its own small VMs. It is enough to
// leave one unmentioned, never to touch it.
func isThrowAway(name string) bool {
	return strings.HasPrefix(name, CanaryPrefix) || strings.HasPrefix(name, SelfTestPrefix)
}

// Steps of a canary that only it has.
const (
	canaryThere = "fail-over"
	canaryOff   = "turn-off"
	canaryBack  = "fail-back"
)

// canaryWalk is the way of a canary: it is replicated as a self-test's VM is, and
// moved by runs of a plan of its own. It has no guest that could shut down, so it
// is off when a run begins.
func canaryWalk() []SelfTestStep {
	const a, b = SelfTestA, SelfTestB
	var walk []SelfTestStep
	for _, s := range enableWalk() {
		if slices.Contains([]string{"make", "enable", "mark-replica", "first-copy", "settled-1"}, s.Name) {
			s.Asks = nil
			walk = append(walk, s)
		}
	}
	off := turnOff(canaryOff, b)
	off.Until = both(off.Until, replicates(b))
	return append(walk, SelfTestStep{Name: canaryThere, Says: "fail over", At: b}, off, SelfTestStep{Name: canaryBack, Says: "fail back", At: a})
}

// CanaryMove says whether a step is a run of the canary's plan, and to which side.
func CanaryMove(step string) (to SelfTestSide, move bool) {
	switch step {
	case canaryThere:
		return SelfTestB, true
	case canaryBack:
		return SelfTestA, true
	}
	return "", false
}

// CanaryRunName names one night of a canary, for people and the journal.
func CanaryRunName(r CanaryResult) string {
	return "canary-" + r.Canary + "-" + r.Due.UTC().Format("20060102-150405")
}

// CanaryRun is the run that moves a canary's VM to one side: a planned failover of
// a plan that is in no file.
func CanaryRun(s SelfTestSetup, vm string, to SelfTestSide, run string) (RunInput, error) {
	plan := RecoveryPlan{
		Name: "canary-" + s.Canary, From: s.A.Site, To: s.B.Site, Purpose: "prove, with a VM that is thrown away, that a failover works",
		Steps: []Step{{Stage: "canary", VMs: []PlanVM{{VM: vm}}}},
	}
	cfg := &Config{
		Sites: []Site{{Name: s.A.Site}, {Name: s.B.Site}},
		Groups: []ProtectionGroup{{
			Name: plan.Name, From: s.A.Host, To: s.B.Host, Frequency: canaryFrequency, Authentication: strings.ToLower(s.A.Auth),
			VMs: []ProtectedVM{{Name: s.Name, ID: vm, Memory: SelfTestMemory}},
		}},
		Plans: []RecoveryPlan{plan},
	}
	for _, p := range []SelfTestParty{s.A, s.B} {
		cfg.Hosts = append(cfg.Hosts, Host{Name: p.Host, Site: p.Site, ReplicaName: p.Replica, CertificateThumbprint: p.Thumbprint})
	}
	setDefaults(cfg)
	in, err := Resolve(cfg, &cfg.Plans[0], Request{
		Operation: PlannedFailover, To: s.At(to).Site, By: s.By, Reason: orWord(s.Reason, "canary "+s.Canary), RunID: run, Speed: s.Speed,
	})
	in.Canary = s.Canary
	return in, err
}

// canaryFrequency is how often a canary replicates.
const canaryFrequency = Frequency(30 * time.Second)
