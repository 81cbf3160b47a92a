package plans

import "time"

// ReadyConfigOf is what the configuration says of hosts and VMs beside a run.
func ReadyConfigOf(cfg *Config) ReadyConfig {
	k := ReadyConfig{Thumbprints: map[string]string{}, Storages: map[string]string{}, Excluded: map[string][]string{}, Extends: map[string]Extension{}, Notes: map[string]string{}, Auths: map[string]string{}, Repairs: map[string]*RepairPolicy{}}
	for key, target := range Repairs(cfg) {
		k.Repairs[key] = target.Policy
	}
	for _, s := range cfg.Sites {
		if s.Engine {
			k.EngineSite = s.Name
		}
	}
	for _, h := range cfg.Hosts {
		k.Storages[h.Name] = h.ReplicaStorage
	}
	for _, g := range cfg.Groups {
		if g.Authentication == "certificate" {
			for _, name := range []string{g.From, g.To} {
				k.Thumbprints[name] = cfg.host(name).CertificateThumbprint
			}
		}
		for _, vm := range g.VMs {
			k.Excluded[vm.ID] = vm.ExcludedDisks
			_, k.Auths[vm.ID] = g.listener()
			if vm.Note != "" {
				k.Notes[vm.ID] = vm.Note
			}
			if g.Extends != nil {
				k.Extends[vm.ID] = *g.Extends
			}
		}
	}
	return k
}

// AwayFromHome is true when most of a run's VMs live at its target: the
// question is then what it would mean to lose that site.
func AwayFromHome(pairs []Pair) bool {
	home, away := 0, 0
	for _, p := range pairs {
		source, target := familyOf(Classify(p.Source)), familyOf(Classify(p.Target))
		switch {
		case target == famPrimary && (source != famPrimary || runs(p.Target) && !runs(p.Source)), target == famFailed && runs(p.Target):
			away++
		case source == famPrimary:
			home++
		}
	}
	return away > home
}

// LastDrills are the newest test failovers that ended, by plan. reports are the
// newest first. A drill may have left VMs out: what is proved of each is kept too.
func LastDrills(reports []Report) map[string]*Drill {
	out, proofs := map[string]*Drill{}, map[string]Proof{}
	for _, r := range reports {
		proved(&r, proofs)
		if r.Input.Operation != TestFailover || r.Status.Ended.IsZero() || r.Status.Verdict == VerdictRefused || gaveWay(r.Status) || out[r.Input.Plan] != nil {
			continue // one that was not begun, or gave way, proves nothing, either way
		}
		passed := r.Status.Verdict == VerdictDone && len(Misses(r)) == 0
		d := &Drill{Run: r.Status.RunID, Ended: r.Status.Ended, Passed: passed, proofs: proofs}
		if r.AllUp() {
			d.RTO = r.RTO
		}
		out[r.Input.Plan] = d
	}
	return out
}

// ReadyUnseen is the answer about a plan of which nothing could be asked.
func ReadyUnseen(plan *RecoveryPlan, why string, now time.Time) ReadyReport {
	return ReadyReport{Plan: plan.Name, From: plan.From, To: plan.To, Verdict: ReadyUnknown, Why: why, At: now, Speed: 1}
}

// WorstReady is the verdict of all plans together.
func WorstReady(all []ReadyReport) ReadyVerdict {
	worst := ReadyYes
	for _, r := range all {
		switch {
		case r.Verdict == ReadyNo:
			return ReadyNo
		case r.Verdict == ReadyUnknown:
			worst = ReadyUnknown
		}
	}
	return worst
}
