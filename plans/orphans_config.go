package plans

import (
	"time"

	"github.com/robfig/cron/v3"
)

// OrphanPolicy is what may be done about what replication leaves behind.
type OrphanPolicy struct {
	// After is how long a thing must look left behind before it is offered
	// (default 24h): what is younger may be somebody's work.
	After Duration `yaml:"after,omitempty"`
	// Undo is how long files stay in quarantine, and a removed entry can be put
	// back (default 336h, two weeks).
	Undo Duration `yaml:"undo,omitempty"`
	// Clean are kinds that orphans clean --by-policy may clean without naming
	// each. Nothing is ever cleaned without somebody asking for it.
	Clean []OrphanKind `yaml:"clean,omitempty"`
	// Cron is when a sweep looks and reports by itself, like "0 6 * * 1", in
	// Timezone (default: UTC). It cleans nothing.
	Cron     string `yaml:"cron,omitempty"`
	Timezone string `yaml:"timezone,omitempty"`
}

// The defaults of an orphan policy.
const (
	DefaultOrphanAfter = 24 * time.Hour
	DefaultOrphanUndo  = 14 * 24 * time.Hour
)

// policyKinds are the kinds that a policy may name: what can be taken back, or
// holds nothing of a VM's own.
var policyKinds = []OrphanKind{OrphanFiles, OrphanKept, OrphanTest, OrphanCheckpoint, OrphanEntry, OrphanReplicaEnded, OrphanRole}

func policyKindWords() []string {
	var all []string
	for _, k := range policyKinds {
		all = append(all, string(k))
	}
	return all
}

// OrphanPolicyOf is a configuration's policy with defaults.
func OrphanPolicyOf(cfg *Config) OrphanPolicy {
	var p OrphanPolicy
	if cfg.Orphans != nil {
		p = *cfg.Orphans
	}
	setDefault(&p.After, Duration(DefaultOrphanAfter))
	setDefault(&p.Undo, Duration(DefaultOrphanUndo))
	return p
}

// checkOrphans checks the policy.
func (c *checker) checkOrphans(p *OrphanPolicy) {
	if p == nil {
		return
	}
	for _, span := range []struct {
		field string
		d     Duration
		least time.Duration
	}{{"after", p.After, time.Hour}, {"undo", p.Undo, 24 * time.Hour}} {
		if span.d != 0 && span.d.D() < span.least {
			c.fail("orphans."+span.field, "write "+Duration(span.least).String()+" or more", "is %s", span.d)
		}
	}
	if _, err := time.LoadLocation(p.Timezone); err != nil {
		c.fail("orphans.timezone", "write it like Europe/Berlin or UTC", "there is no time zone %q", p.Timezone)
	}
	if p.Cron == "" {
		return
	}
	if _, err := cron.ParseStandard(p.Cron); err != nil {
		c.fail("orphans.cron", `write minute, hour, day, month and weekday, like "0 6 * * 1"`, "%v", err)
	}
}
