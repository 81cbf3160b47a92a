package plans

import (
	"slices"
	"testing"
)

// What the hosts show decides whether a second unplanned failover has anything to
// do, and what comes after it.
func TestAFailoverThatHasNothingLeft(t *testing.T) {
	dark := Copy{Host: "A"}
	fenced := standingCopy("A", "Off", "Primary", "WaitingForStartResynchronize")
	fenced.AutoStart = "Nothing"
	byItself := fenced
	byItself.AutoStart = "StartIfRunning"
	over := standingCopy("B", "Running", "Replica", "FailedOverWaitingCompletion")
	over.FailoverType = "Regular"
	off := over
	off.Power = "Off"
	older := standingCopy("A", "Off", "Primary", "PreparedForFailover")
	for name, row := range map[string]struct {
		source, target Copy
		asks           func(*RunInput)
		want           Operation // "" where something is left
	}{
		"site dark":                    {dark, over, nil, UnplannedFailover},
		"old copy fenced":              {fenced, over, nil, UnplannedFailover},
		"committed":                    {fenced, standingCopy("B", "Running", "Replica", "FailedOver"), nil, Commit},
		"first copy under way":         {standingCopy("A", "Off", "Replica", "WaitingForInitialReplication"), standingCopy("B", "Running", "Primary", "InitialReplicationInProgress"), nil, Commit},
		"replicates back":              {standingCopy("A", "Off", "Replica", "Replicating"), standingCopy("B", "Running", "Primary", "Replicating"), nil, Reprotect},
		"off at the target":            {dark, off, nil, ""},
		"old copy runs":                {standingCopy("A", "Running", "Primary", "WaitingForStartResynchronize"), over, nil, ""},
		"old copy starts by itself":    {byItself, over, nil, ""},
		"the prepared copy has more":   {older, over, nil, ""},
		"not failed over":              {dark, standingCopy("B", "Off", "Replica", "Replicating"), nil, ""},
		"another point":                {dark, over, func(in *RunInput) { in.Point = AskCommon }, ""},
		"what was written is given up": {dark, over, func(in *RunInput) { in.LoseWrites = true }, ""},
		"a planned failover":           {fenced, over, func(in *RunInput) { in.Operation = PlannedFailover }, ""},
		"one of two":                   {dark, over, func(in *RunInput) { in.Steps = append(in.Steps, RunStep{VMs: []RunVM{{ID: "other"}}}) }, ""},
		"somebody makes room for more": {dark, over, func(in *RunInput) { in.MakeRoom = []ResidentVM{{ID: "x"}} }, ""},
	} {
		in := standingRun()
		in.Point = AskLatest
		if row.asks != nil {
			row.asks(&in)
		}
		got := Settled(in, []Pair{{ID: "sql", Source: row.source, Target: row.target}})
		if (row.want == "") != (got == nil) {
			t.Errorf("%s: %+v, want %q", name, got, row.want)
			continue
		}
		if got != nil && !slices.Equal(got, []SettledVM{{ID: "sql", VM: got[0].VM, Host: in.VMs()[0].TargetHost, Unseen: !row.source.Reached, After: row.want}}) {
			t.Errorf("%s: %+v, want %s", name, got, row.want)
		}
	}
}

// After a chain whose third copy was kept nothing of the old site is wanted again.
func TestAKeptChainHasNothingLeft(t *testing.T) {
	in := standingRun()
	in.Point, in.Steps[0].VMs[0].ReverseTo = AskLatest, "a.example"
	fenced := standingCopy("A", "Off", "Primary", "WaitingForStartResynchronize")
	fenced.AutoStart = "Nothing"
	kept := standingCopy("B", "Running", "Primary", "Replicating")
	kept.ReplicaServer = "c.example"
	if got := Settled(in, []Pair{{ID: "sql", Source: fenced, Target: kept}}); len(got) != 1 || !got[0].Elsewhere {
		t.Errorf("%+v", got)
	}
	kept.ReplicaServer = "a.example"
	if got := Settled(in, []Pair{{ID: "sql", Source: fenced, Target: kept}}); len(got) == 1 && got[0].Elsewhere {
		t.Errorf("it replicates home: %+v", got)
	}
}
