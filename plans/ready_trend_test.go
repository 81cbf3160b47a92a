package plans

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// lateFinding is what is said of a VM whose copy is 34 minutes old, in a plan that
// was watched, or looked at once.
func lateFinding(t *testing.T, trail []Sent, watched bool, backlog uint64, last time.Time) Finding {
	t.Helper()
	l := healthy()
	l.Pairs[2].Target.LastReplication = noon.Add(-34 * time.Minute)
	l.Pairs[2].Source.PendingBytes, l.Pairs[2].Source.LastReplication = backlog, last
	if watched {
		l.Sent = map[string][]Sent{l.Pairs[2].ID: trail}
	}
	r := Ready(l)
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Code == "rpo-missed" })
	if i < 0 {
		t.Fatalf("not found to be late: %+v", r.Findings)
	}
	return r.Findings[i]
}

// status said "nothing if it is catching up" and left it to the reader to find out
// whether it was.
func TestWhetherALateCopyCatchesUpIsJudged(t *testing.T) {
	const gb = 1 << 30
	stands := noon.Add(-34 * time.Minute)
	at := func(ago time.Duration, backlog uint64, last time.Time) Sent {
		return Sent{Host: "NG-HV01", At: noon.Add(-ago), Backlog: backlog, Last: last}
	}
	for _, row := range []struct {
		name    string
		trail   []Sent
		watched bool
		backlog uint64
		last    time.Time
		way     string
		says    []string
	}{
		{"the backlog falls", []Sent{at(10*time.Minute, 6*gb, stands)}, true, 2 * gb, stands, "catching-up", []string{"4.0 GB less", "10m ago", "until about 24 Nov 12:05:00 UTC"}},
		{"it sends what is newer and newer", []Sent{at(10*time.Minute, gb, noon.Add(-74*time.Minute))}, true, gb, stands, "catching-up", []string{"30m less behind than 10m ago", "24 Nov 12:06:20 UTC"}},
		{"no cycle ends", []Sent{at(10*time.Minute, gb, stands)}, true, 3 * gb, stands, "standing", []string{"NOT catching up", "since 24 Nov 11:26:00 UTC", "2.0 GB more", "Measure-VMReplication on NG-HV01"}},
		{"cycles end, and more is written", []Sent{at(10*time.Minute, gb, noon.Add(-40*time.Minute))}, true, 3 * gb, stands, "falling-behind", []string{"NOT catching up", "2.0 GB more"}},
		{"it falls too slowly", []Sent{at(10*time.Minute, 40*gb+(64<<20), stands)}, true, 40 * gb, stands, "falling-behind", []string{"hardly catches up", "not before"}},
		{"seen for too short", []Sent{at(2*time.Minute, 6*gb, stands)}, true, 2 * gb, stands, "not-judged", []string{"from 24 Nov 12:03:00 UTC on"}},
		{"another host sent before", []Sent{{Host: "NG-HV02", At: noon.Add(-20 * time.Minute), Backlog: 9 * gb}}, true, 2 * gb, stands, "not-judged", []string{"from 24 Nov 12:05:00 UTC on"}},
		{"looked at once", nil, false, 2 * gb, stands, "not-judged", []string{"one look", "lifeboat status"}},
	} {
		f := lateFinding(t, row.trail, row.watched, row.backlog, row.last)
		for _, word := range row.says {
			if f.Way != row.way || !strings.Contains(f.Remedy, word) || strings.Contains(f.Remedy, "if it is catching up") {
				t.Errorf("%s: %s, no %q in %q", row.name, f.Way, word, f.Remedy)
			}
		}
	}
}

// The trail of what was sent stays short, and begins anew where it means nothing.
func TestTheTrailOfWhatWasSent(t *testing.T) {
	var trail []Sent
	c := Copy{Host: "A"}
	for i := range 400 {
		c.At = noon.Add(time.Duration(i) * 30 * time.Second)
		trail = FollowSent(trail, c)
	}
	if span := c.At.Sub(trail[0].At); len(trail) > 25 || span < 2*15*time.Minute || span > sentKept+2*sentApart {
		t.Errorf("%d looks over %s", len(trail), span)
	}
	if moved := FollowSent(trail, Copy{Host: "B", At: c.At}); len(moved) != 1 {
		t.Errorf("another host sends: %d looks", len(moved))
	}
	if back := FollowSent(trail, Copy{Host: "A", At: noon}); len(back) != 1 {
		t.Errorf("its clock was set back: %d looks", len(back))
	}
}

// Findings advised the cmdlet for what the repair ladder was about to mend.
func TestWhatLifeboatMendsByItselfIsSaid(t *testing.T) {
	seen := func(s RepairStep) *RepairSeen { return &RepairSeen{Step: s, At: noon} }
	allow := RepairPolicy{Resume: RepairAllow, ResumeAfter: Duration(10 * time.Minute), Resync: RepairAllow, Window: "22:00-05:00"}
	ask := RepairPolicy{Resume: RepairAsk, Resync: RepairAsk}
	never := RepairPolicy{Resume: RepairNever, Resync: RepairNever}
	for _, row := range []struct {
		name, state string
		policy      *RepairPolicy
		seen        *RepairSeen
		way         string
		says, never string
	}{
		{"no policy", "Error", nil, nil, "", "then Resume-VMReplication", "Lifeboat"},
		{"a resume is due", "Error", &allow, seen(RepairStep{Rung: RungWait, Wants: RungResume, In: Duration(8 * time.Minute)}), "resume", "Lifeboat resumes it at 24 Nov 12:08:00 UTC (policy: resume); if it does not hold: Measure-VMReplication", "approve"},
		{"it is being resumed", "Error", &allow, seen(RepairStep{Rung: RungResume, Verb: VerbResume}), "resume", "resumes it now", "VMReplication"},
		{"no ladder has told", "Error", &allow, nil, "resume", "by itself when that has lasted 10m (policy: resume)", "approve"},
		{"what a ladder told long ago", "Error", &allow, &RepairSeen{Step: RepairStep{Rung: RungWait, Wants: RungResume}, At: noon.Add(-time.Hour)}, "resume", "by itself when that has lasted 10m", "11:"},
		{"resumes did not last", "Error", &allow, seen(RepairStep{Rung: RungAsk, Wants: RungResume}), "ask", "lifeboat repair approve", "by itself"},
		{"resume: ask", "Error", &ask, nil, "ask", "lifeboat repair approve", "by itself"},
		{"resume: never", "Error", &never, nil, "held", "may not (policy: resume: never): Measure-VMReplication says why, then Resume-VMReplication", "approve"},
		{"a window", "WaitingForStartResynchronize", &allow, nil, "resync", "in its window, 22:00-05:00 UTC (policy: resync); its recovery points are lost", "VMReplication"},
		{"its turn", "WaitingForStartResynchronize", &allow, seen(RepairStep{Rung: RungWait, Wants: RungResync, Why: "it has stopped; it waits its turn: 1 of 1 go on at NG-HV01"}), "resync", "by itself: it waits its turn: 1 of 1", "has stopped"},
		{"resync: ask", "WaitingForStartResynchronize", &ask, nil, "ask", "resynchronizes it after a yes; its recovery points are lost then", "VMReplication"},
		{"resync: never", "WaitingForStartResynchronize", &never, nil, "held", "may not (policy: resync: never): Resume-VMReplication -Resynchronize", "approve"},
		{"paused, whatever is allowed", "Suspended", &allow, nil, "ask", "ask who paused it and why, then lifeboat repair approve", "by itself"},
		{"a person holds it", "Error", &allow, seen(RepairStep{Rung: RungHeld, Why: "left alone by Dana: disk"}), "held", "leaves it alone (left alone by Dana: disk)", "by itself"},
	} {
		l := healthy()
		id := l.Pairs[0].ID
		l.Pairs[0].Source.State = row.state
		l.Known.Repairs = map[string]*RepairPolicy{id: row.policy}
		if row.seen != nil {
			l.Repairs = map[string]RepairSeen{id: *row.seen}
		}
		f := Ready(l).Findings[0]
		if f.Way != row.way || !strings.Contains(f.Remedy, row.says) || row.never != "" && strings.Contains(f.Remedy, row.never) {
			t.Errorf("%s: %s, %q", row.name, f.Way, f.Remedy)
		}
		// A third copy that was kept is no pair of the ladder's.
		l.Pairs[0].Target.Mode, l.Pairs[0].Target.State = "Primary", "PreparedForFailover"
		for _, f := range Ready(l).Findings {
			if strings.Contains(f.Remedy, "Lifeboat") && f.VM == l.Run.VMs()[0].Label {
				t.Errorf("%s: Lifeboat is promised to mend what is no pair: %+v", row.name, f)
			}
		}
	}
}

// A dark site was said to have lived on: what its VMs send is sent from the other
// site, to a third.
func TestWhatTheTargetSendsOnIsNoSignOfTheSource(t *testing.T) {
	l := healthy()
	l.Now, l.Read = noon.Add(20*time.Minute), map[string]time.Time{"NG-HV01": noon, "NG-HV02": noon.Add(20 * time.Minute)}
	l.Views[0] = HostView{Name: "NG-HV01", Error: "no route"}
	for i := range l.Pairs {
		p := &l.Pairs[i]
		p.Source = Copy{Host: "NG-HV01"}
		p.Target.At, p.Target.LastReplication, p.Target.Mode, p.Target.Power, p.Target.ReplicaServer = l.Now, l.Now, "Primary", "Running", "third.example"
	}
	for _, f := range Ready(l).Findings {
		if f.Code == "host-unreachable" && (!strings.Contains(f.Means, "run at warehouse already") || !strings.Contains(f.Remedy, "lifeboat fence")) {
			t.Errorf("%+v", f)
		}
		if strings.Contains(f.Means+f.Text, "lived then") || strings.Contains(f.Text, "went on sending") || strings.Contains(f.Text, "NOT PROTECTED") {
			t.Errorf("%+v", f)
		}
	}
}
