package plans

import (
	"strings"
	"testing"
	"time"
)

// standingRun is one VM of a plan whose name a shell would cut.
func standingRun() RunInput {
	return RunInput{Plan: "hq loss", Operation: UnplannedFailover, From: "hq", To: "dr", Steps: []RunStep{{VMs: []RunVM{{ID: "sql", Label: "SQL01", SourceHost: "A", TargetHost: "B"}}}}}
}

func standingCopy(host, power, mode, state string) Copy {
	return Copy{Host: host, Reached: true, Exists: true, VM: "sql", Power: power, Mode: mode, State: state}
}

// decide said "a planned failover loses nothing" while both copies ran, and spoke of
// a VM that was failed over hours ago as if it were at home.
func TestDecideSaysWhichCopyIsGood(t *testing.T) {
	over := standingCopy("B", "Running", "Replica", "FailedOverWaitingCompletion")
	over.FailoverType = "Regular"
	replica := standingCopy("B", "Off", "Replica", "Replicating")
	dark := Copy{Host: "A"}
	for _, row := range []struct {
		name           string
		source, target Copy
		site           SiteVerdict
		good           string
		says, never    string
	}{
		{"quiet day", standingCopy("A", "Running", "Primary", "Replicating"), replica, SiteAnswers, "hq", "failover \"hq loss\" --planned", "cannot be seen"},
		{"site dark", dark, replica, SiteSilent, "", "newest data of all 1 VMs is at hq", "Good copy"},
		{"over, site dark", dark, over, SiteSilent, "dr", "What is at hq is OLD", "--unplanned"},
		{"over, old copy fenced", standingCopy("A", "Off", "Primary", "WaitingForStartResynchronize"), over, SiteAnswers, "dr", "lifeboat reprotect \"hq loss\"", "--planned"},
		{"both run", standingCopy("A", "Running", "Primary", "WaitingForStartResynchronize"), over, SiteAnswers, "", "lifeboat fence \"hq loss\"", "--planned"},
		{"one host of the site dark", dark, replica, SiteAnswers, "", "not every host there", "--planned"},
	} {
		t.Run(row.name, func(t *testing.T) {
			site := WitnessView{Site: "hq", Kind: "host", Answers: row.site == SiteAnswers}
			s := Decide(standingRun(), []WitnessView{site, {Site: "dr", Kind: "host", Answers: true}}, nil, []Pair{{ID: "sql", Source: row.source, Target: row.target}}, nil, time.Now())
			text := strings.Join(s.Text, "\n")
			if s.Verdict != row.site || s.VMs[0].Good != row.good || !strings.Contains(text, row.says) || strings.Contains(text, row.never) {
				t.Errorf("verdict %s, good copy at %q:\n%s", s.Verdict, s.VMs[0].Good, text)
			}
		})
	}
}

// decide took a time with --point and passed it over.
func TestDecideTellsOfAPointByItsTime(t *testing.T) {
	at := time.Date(2027, 1, 12, 8, 0, 0, 0, time.UTC)
	have := []VMPoints{{VM: "sql", At: at, Latest: at, Points: []Point{{ID: "p", Kind: "StandardReplica", Time: at.Add(-2 * time.Hour)}}}}
	in := standingRun()
	for point, want := range map[string]time.Time{"07:00": at.Add(-2 * time.Hour), "05:00": {}} {
		in.Point = point
		s := Decide(in, nil, nil, nil, have, at)
		missing := len(s.Findings) > 0 && s.Findings[0].Code == "no-such-point"
		if s.Asked != point || !s.VMs[0].Asked.Time.Equal(want) || missing != want.IsZero() {
			t.Errorf("%s: %+v, %+v", point, s.VMs[0], s.Findings)
		}
	}
}

// A planned failover after an unplanned one advised to give the good copy up, and
// called the way home a pair that nobody expects.
func TestAPlannedFailoverAfterAnUnplannedOneKeepsTheGoodCopy(t *testing.T) {
	over := standingCopy("B", "Running", "Replica", "FailedOverWaitingCompletion")
	over.FailoverType = "Regular"
	old := standingCopy("A", "Off", "Primary", "WaitingForStartResynchronize")
	intent := Intent{Plan: "hq loss", Operation: PlannedFailover, UpTo: PhaseReverse}

	again := Next(intent, old, over)
	if again.Kind != Refuse || !strings.Contains(again.Remedy, "lifeboat reprotect \"hq loss\"") || strings.Contains(again.Remedy, "Stop-VMFailover") {
		t.Errorf("again: %s: %s %s", again.Kind, again.Why, again.Remedy)
	}
	home := Next(intent, over, old)
	if home.Kind != Refuse || !strings.Contains(home.Why, "NOT PROTECTED") || !strings.Contains(home.Remedy, "lifeboat reprotect \"hq loss\"") {
		t.Errorf("home: %s: %s %s", home.Kind, home.Why, home.Remedy)
	}
}

// Of an old replica a planned failover loses nothing, an unplanned one what was
// written since: it said "nothing is lost" of both.
func TestAnOldCopyIsALossOnlyUnplanned(t *testing.T) {
	source, target := standingCopy("A", "Off", "Primary", "Replicating"), standingCopy("B", "Off", "Replica", "Replicating")
	target.At = time.Date(2027, 1, 12, 8, 0, 0, 0, time.UTC)
	target.LastReplication = target.At.Add(-time.Hour)
	for op, lost := range map[Operation]bool{PlannedFailover: false, UnplannedFailover: true} {
		in := standingRun()
		in.Operation, in.Steps[0].VMs[0].RPO = op, Duration(time.Minute)
		in.Statement = &Statement{Text: "dark"}
		found := Readiness(in, nil, []Pair{{ID: "sql", Source: source, Target: target}}, target.At)
		at := -1
		for i, f := range found {
			if f.Code == "rpo-missed" {
				at = i
			}
		}
		if at < 0 || strings.Contains(found[at].Means, "nothing is lost") == lost {
			t.Errorf("%s: %+v", op, found)
		}
	}
}

// While the first site was lost its third copy could not be kept: the command asked
// for the very host that it leaves out, and the VM ran without any protection.
func TestAThirdCopyIsKeptWhileTheFirstSiteIsDark(t *testing.T) {
	dark := Copy{Host: "A"}
	over := standingCopy("B", "Running", "Replica", "FailedOverWaitingCompletion")
	over.FailoverType, over.Extended, over.ExtendedTo = "Regular", "Replicating", "c.example"
	kept := standingCopy("B", "Running", "Primary", "Replicating")
	kept.ReplicaServer = "c.example"
	loose := over
	loose.Extended, loose.ExtendedTo = "", ""
	intent := Intent{Operation: Reprotect, UpTo: PhaseSync, Chain: ChainKeep, ReplicaName: "a.example"}
	if d := Next(intent, dark, over); d.Kind != Act || d.Verb != VerbContinue || d.Side != Target {
		t.Errorf("it does not go on to the third site: %+v", d)
	}
	if d := Next(intent, dark, kept); d.Kind != Done || !d.Elsewhere {
		t.Errorf("kept, it is not done: %+v", d)
	}
	if d := Next(intent, dark, loose); d.Kind != UnknownPair || !d.Unseen {
		t.Errorf("without a third copy the dark site is needed: %+v", d)
	}
	for _, chain := range []ChainPolicy{"", ChainBack} {
		intent.Chain = chain
		if d := Next(intent, dark, over); d.Kind == Act {
			t.Errorf("--chain %q acts beside a site that cannot be seen: %+v", chain, d)
		}
	}

	in := RunInput{Plan: "hq loss", Operation: Reprotect, Chain: ChainKeep, From: "hq", To: "dr", Steps: []RunStep{{VMs: []RunVM{{ID: "sql", Label: "SQL01", SourceHost: "A", TargetHost: "B", ReverseTo: "a.example"}}}}}
	if told := Explain(in).Steps[0]; !strings.Contains(told.Text, "left out") || !strings.Contains(told.Native[0].Command, "-Continue") {
		t.Errorf("a dry run tells of another: %+v", told)
	}
	hosts := []HostView{{Name: "A"}, {Name: "B", Reached: true}}
	for _, f := range Readiness(in, hosts, []Pair{{ID: "sql", Source: dark, Target: over}}, time.Now()) {
		if f.Severity == Blocker {
			t.Errorf("the run would be refused: %+v", f)
		}
	}
}

// A remedy names the plan, and a host whose name begins with PLAN keeps its own.
func TestARemedyNamesThePlanAndNoOtherHost(t *testing.T) {
	over := standingCopy("PLANT2", "Running", "Replica", "FailedOverWaitingCompletion")
	over.FailoverType = "Regular"
	again := Next(Intent{Plan: "hq loss", Operation: PlannedFailover, UpTo: PhaseReverse},
		standingCopy("PLAN-HV01", "Off", "Primary", "WaitingForStartResynchronize"), over)
	for _, word := range []string{"stay at PLANT2:", "the copy at PLAN-HV01 and", `lifeboat reprotect "hq loss".`, `lifeboat cancel "hq loss" --lose-writes`} {
		if again.Kind != Refuse || !strings.Contains(again.Remedy, word) {
			t.Errorf("%s %s: no %q in %q", again.Kind, again.Why, word, again.Remedy)
		}
	}
}

// While the third copy of a chain that was kept was being resynchronized, the run and
// every later command said that both copies call themselves primary, decide advised a
// re-protection that is refused, and status that the lost site had gone on sending.
func TestAKeptThirdCopyIsNoSecondPrimary(t *testing.T) {
	old := standingCopy("A", "Off", "Primary", "WaitingForStartResynchronize")
	old.PrimaryServer, old.AutoStart = "a.example", "Nothing"
	good := standingCopy("B", "Running", "Primary", "Replicating")
	good.ReplicaServer = "c.example"
	in := standingRun()
	in.Steps[0].VMs[0].ReverseTo = "a.example"
	for state, kind := range map[string]DecisionKind{"Replicating": Done, "Resynchronizing": Wait, "Suspended": Refuse, "WaitingForStartResynchronize": Refuse, "Error": Refuse} {
		good.State = state
		for _, source := range []Copy{old, {Host: "A"}} {
			intent := Intent{Operation: Reprotect, UpTo: PhaseSync, Chain: ChainKeep, ReplicaName: "a.example"}
			kept := Next(intent, source, good)
			if text := kept.Why + kept.Remedy; kept.Kind != kind || !strings.Contains(text, "A is OLD and left out") || !strings.Contains(text, "c.example") {
				t.Errorf("%s, keep: %+v", state, kept)
			}
			intent = in.Intent(in.Steps[0].VMs[0])
			again := Next(intent, source, good)
			if protected := strings.Contains(again.Why, "protected there"); again.Kind != Done || protected != (state == "Replicating") || strings.Contains(again.Why, "until re-protected") {
				t.Errorf("%s, the failover again: %+v", state, again)
			}
			s := Decide(in, nil, nil, []Pair{{ID: "sql", Source: source, Target: good}}, nil, time.Now())
			text := strings.Join(s.Text, "\n")
			for _, word := range []string{"Good copy: dr", "third site: c.example", "left out", "lifeboat fence \"hq loss\"", "Remove-VMReplication", "lifeboat failback \"hq loss\""} {
				if !strings.Contains(text, word) {
					t.Errorf("%s: decide does not say %q:\n%s", state, word, text)
				}
			}
			if stuck := strings.Contains(text, "NOT PROTECTED while"); stuck == (state == "Replicating") || !s.VMs[0].Final {
				t.Errorf("%s: decide says:\n%s", state, text)
			}
		}
		plain := Next(Intent{Operation: Reprotect, UpTo: PhaseSync, ReplicaName: "a.example"}, old, good)
		if plain.Kind != Refuse || !strings.Contains(plain.Why, "OLD and left out") {
			t.Errorf("%s, without a choice: %+v", state, plain)
		}
	}

	over := standingCopy("B", "Running", "Replica", "FailedOverWaitingCompletion")
	over.FailoverType, over.Extended, over.ExtendedTo = "Regular", "Replicating", "c.example"
	pair := []Pair{{ID: "sql", Source: Copy{Host: "A"}, Target: over}}
	if text := strings.Join(Decide(in, nil, nil, pair, nil, time.Now()).Text, "\n"); !strings.Contains(text, "lifeboat reprotect \"hq loss\" --chain keep") || !strings.Contains(text, "--chain back") {
		t.Errorf("nobody is asked which way:\n%s", text)
	}
	in.Operation = Reprotect
	if found := Readiness(in, []HostView{{Name: "A"}, {Name: "B", Reached: true}}, pair, time.Now()); !strings.Contains(found[0].Remedy, "--chain keep") {
		t.Errorf("the way that needs no dark site is not told: %+v", found)
	}
}
