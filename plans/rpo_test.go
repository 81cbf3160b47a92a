package plans

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var tickAt = time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)

func halfMinute(host string, legs ...WatchedLeg) HostSchedule {
	return HostSchedule{ScheduleID: ScheduleID{Host: host, Frequency: Frequency(30 * time.Second)}, Every: 30 * time.Second, Speed: 1, Legs: legs}
}

func dbLeg() WatchedLeg {
	return WatchedLeg{VM: "db", Label: "DB", Leg: FirstLeg, From: "A", To: "B", Names: []string{"A", "B"}, Target: Duration(time.Minute)}
}

// tickOf is a host's answer about one VM whose last replication was so long ago
// by the host's clock, which is off by skew.
func tickOf(host, mode string, age, skew time.Duration, extended ...bool) HostTick {
	clock := tickAt.Add(skew)
	rel := WatchedRelation{Extended: len(extended) > 0, State: "Replicating", Health: "Normal", LastReplication: clock.Add(-age)}
	if mode == "Primary" {
		pending, missed := uint64(7<<20), uint32(3)
		rel.Pending, rel.Missed = &pending, &missed
	}
	return HostTick{Host: host, At: tickAt, Clock: clock, Copies: []WatchedCopy{{VM: "db", Mode: mode, State: "Replicating", Health: "Normal", Relations: []WatchedRelation{rel}}}}
}

func measure(s HostSchedule, tick HostTick, other TickRecord) (LegStatus, []Sample, TickResult) {
	record, samples, result := MeasureTick(s, tick, TickRecord{}, func(string) TickRecord { return other })
	if len(record.Legs) == 0 {
		return LegStatus{}, samples, result
	}
	return record.Legs[0], samples, result
}

// The receiver's own times count, whatever the clocks of sender and engine say.
func TestTheReceiverTellsTheAge(t *testing.T) {
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for range 500 {
		age := time.Duration(r.IntN(7200)) * time.Second
		skewA, skewB := time.Duration(r.IntN(9000)-4500)*time.Second, time.Duration(r.IntN(9000)-4500)*time.Second
		sender := TickRecord{Tick: tickOf("A", "Primary", 0, skewA)}
		l, samples, result := measure(halfMinute("B", dbLeg()), tickOf("B", "Replica", age, skewB), sender)
		if !l.Known || l.RPO.D() != age || l.Sender != "A" || l.Receiver != "B" || *l.Backlog != 7<<20 {
			t.Fatalf("age %s, skews %s %s: %+v", age, skewA, skewB, l)
		}
		if len(samples) != 1 || !samples[0].Measured || samples[0].RPO != age || l.Late() != (age > time.Minute) || (result.Late == 1) != l.Late() {
			t.Fatalf("age %s: samples %+v, result %+v", age, samples, result)
		}
		// The sender's schedule leaves the measuring to it.
		l, samples, _ = measure(halfMinute("A", dbLeg()), tickOf("A", "Primary", 0, skewA), TickRecord{Tick: tickOf("B", "Replica", age, skewB)})
		if l.RPO.D() != age || len(samples) != 0 {
			t.Fatalf("the sender's schedule: %+v, %+v", l, samples)
		}
	}
}

// What the receiver said some ticks ago has grown older since, unless the sender
// knows of a later cycle.
func TestWhatTheReceiverSaidGrowsOld(t *testing.T) {
	for _, c := range []struct{ told, ago, sent, want time.Duration }{
		{time.Minute, 0, time.Second, time.Minute},
		{time.Minute, time.Minute, 10 * time.Minute, 2 * time.Minute},
		{10 * time.Second, time.Minute, 20 * time.Second, 20 * time.Second},
		{5 * time.Minute, time.Minute, time.Second, 5 * time.Minute},
	} {
		receiver := TickRecord{Tick: tickOf("B", "Replica", c.told, 0)}
		receiver.Tick.At = tickAt.Add(-c.ago)
		if l, _, _ := measure(halfMinute("A", dbLeg()), tickOf("A", "Primary", c.sent, time.Hour), receiver); l.RPO.D() != c.want {
			t.Errorf("%s old %s ago, last cycle %s ago: %s", c.told, c.ago, c.sent, l.RPO)
		}
	}
}

// A host whose clock was set back is behind its own copies: they are not fresh.
func TestAClockThatWasSetBackMakesNoCopyFresh(t *testing.T) {
	l, samples, result := measure(halfMinute("B", dbLeg()), tickOf("B", "Replica", -time.Hour, 0), TickRecord{})
	if l.Known || l.Why == "" || len(samples) != 1 || samples[0].Known || result.Unknown != 1 {
		t.Errorf("%+v, %+v, %+v", l, samples, result)
	}
	if l, _, _ = measure(halfMinute("B", dbLeg()), tickOf("B", "Replica", -time.Second, 0), TickRecord{}); !l.Known || l.RPO != 0 {
		t.Errorf("a second ahead: %+v", l)
	}
}

func TestWithoutTheReceiverTheSenderTells(t *testing.T) {
	away := TickRecord{Tick: tickOf("B", "Replica", 5*time.Second, 0), Since: tickAt}
	old := TickRecord{Tick: tickOf("B", "Replica", 5*time.Second, 0)}
	old.Tick.At = tickAt.Add(-5 * time.Minute)
	for name, other := range map[string]TickRecord{"away": away, "old": old, "never seen": {}} {
		l, samples, _ := measure(halfMinute("A", dbLeg()), tickOf("A", "Primary", 9*time.Minute, 0), other)
		if !l.Known || l.RPO.D() != 9*time.Minute || l.Receiver != "" || len(samples) != 1 || !samples[0].Measured {
			t.Errorf("%s: %+v, %+v", name, l, samples)
		}
	}
	// The lost site's copy grows old at the receiver.
	l, samples, _ := measure(halfMinute("B", dbLeg()), tickOf("B", "Replica", 6*time.Hour, 0), TickRecord{Since: tickAt})
	if l.RPO.D() != 6*time.Hour || l.Backlog != nil || len(samples) != 1 {
		t.Errorf("the sender is lost: %+v, %+v", l, samples)
	}
}

// Unknown is never zero: a copy without a time, a failed over one, a VM that is
// nowhere, and one that is not told.
func TestWhatHasNoAge(t *testing.T) {
	never := tickOf("B", "Replica", 0, 0)
	never.Copies[0].Relations[0].LastReplication = time.Time{}
	over := tickOf("B", "Replica", time.Hour, 0)
	over.Copies[0].Relations[0].State = "FailedOverWaitingCompletion"
	untold := tickOf("B", "Replica", 0, 0)
	untold.Copies[0].Relations, untold.Copies[0].Problems = nil, []string{"Get-VMReplication: OperationFailed"}
	for name, c := range map[string]struct {
		tick HostTick
		why  string
	}{
		"never": {never, "not protected yet: nothing was replicated"}, "failed over": {over, "failed over: no other copy follows it"},
	} {
		l, samples, result := measure(halfMinute("B", dbLeg()), c.tick, TickRecord{})
		if l.Known || l.Why != c.why || result.Unknown != 1 || result.Worst != nil || len(samples) != 1 || samples[0].Known {
			t.Errorf("%s: %+v, %+v", name, l, samples)
		}
	}
	l, _, _ := measure(halfMinute("A", dbLeg()), HostTick{Host: "A", At: tickAt, Clock: tickAt}, TickRecord{Tick: untold})
	if l.Known || l.Why != "the host does not tell how it replicates" {
		t.Errorf("untold: %+v", l)
	}
	l, samples, _ := measure(halfMinute("A", dbLeg()), HostTick{Host: "A", At: tickAt, Clock: tickAt}, TickRecord{})
	if l.Known || l.Why != "it does not replicate here" || len(samples) != 1 || samples[0].Known {
		t.Errorf("nowhere: %+v", l)
	}
	if l, samples, _ = measure(halfMinute("B", dbLeg()), HostTick{Host: "B", At: tickAt, Clock: tickAt}, TickRecord{}); l.VM != "" || len(samples) != 0 {
		t.Errorf("two schedules tell of a VM that is nowhere: %+v", l)
	}
}

// B4: the first leg is green, the extension six hours behind.
func TestTheExtendedLegStandsForItself(t *testing.T) {
	ext := dbLeg()
	ext.Leg, ext.From, ext.To, ext.Target = ExtendedLeg, "B", "C", Duration(45*time.Minute)
	middle := tickOf("B", "Replica", 5*time.Second, 0)
	middle.Copies[0].Relations = append(middle.Copies[0].Relations, tickOf("B", "Replica", 6*time.Hour, 0, true).Copies[0].Relations...)
	third := tickOf("C", "ExtendedReplica", 6*time.Hour, 0)
	record, samples, result := MeasureTick(halfMinute("B", dbLeg(), ext), middle, TickRecord{}, func(host string) TickRecord {
		if host == "C" {
			return TickRecord{Tick: third}
		}
		return TickRecord{Tick: tickOf("A", "Primary", 0, 0)}
	})
	if len(record.Legs) != 2 || record.Legs[0].Late() || !record.Legs[1].Late() || record.Legs[1].RPO.D() != 6*time.Hour {
		t.Fatalf("legs %+v", record.Legs)
	}
	if l := record.Legs[1]; l.Sender != "B" || l.Receiver != "C" || result.Worst.Leg != ExtendedLeg || result.Late != 1 {
		t.Errorf("leg %+v, result %+v", l, result)
	}
	if len(samples) != 1 || samples[0].Leg != FirstLeg {
		t.Errorf("samples %+v: the third copy's schedule measures the extended leg", samples)
	}
	l, samples, _ := measure(halfMinute("C", ext), third, TickRecord{Tick: middle})
	if l.Leg != ExtendedLeg || l.RPO.D() != 6*time.Hour || len(samples) != 1 {
		t.Errorf("at C: %+v, %+v", l, samples)
	}
}

// However the host's counter moves and begins anew, no cycle is counted twice:
// the sum of what is reported is what was missed, but for what a reset between
// two looks hid.
func TestMissedCyclesAreCountedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 3))
	for range 200 {
		began, counter, truth, seen, hidden := tickAt, uint32(r.IntN(50)), uint32(0), uint32(0), uint32(0)
		var before TickRecord
		lost := uint32(0) // since the last look
		for i := range 100 {
			n := uint32(r.IntN(4))
			counter, truth, lost = counter+n, truth+n, lost+n
			if r.IntN(20) == 0 {
				began, counter, hidden, lost = began.Add(12*time.Hour), 0, hidden+lost, 0
			}
			if r.IntN(3) == 0 {
				continue
			}
			tick, now := tickOf("A", "Primary", 0, 0), counter
			tick.Copies[0].Relations[0].Missed, tick.Copies[0].Relations[0].Monitoring = &now, began
			record, samples, result := MeasureTick(halfMinute("A", dbLeg()), tick, before, func(string) TickRecord { return TickRecord{Tick: tickOf("B", "Replica", 0, 0)} })
			if before.Tick.At.IsZero() {
				truth, hidden = 0, 0
			}
			for _, s := range samples {
				seen += s.Missed
			}
			if len(samples) > 0 && samples[0].Measured || result.Missed < 0 {
				t.Fatalf("step %d: samples %+v", i, samples)
			}
			before, lost = record, 0
		}
		if seen+hidden+lost != truth {
			t.Fatalf("%d seen, %d hidden, %d not yet seen, %d missed", seen, hidden, lost, truth)
		}
	}
}

func TestDrift(t *testing.T) {
	points, four, yes := 2, Duration(4*time.Hour), true
	l := dbLeg()
	l.Policy = LegPolicy{Frequency: Frequency(5 * time.Minute), RecoveryPoints: &points, AppConsistent: &four, Compression: &yes, Authentication: "certificate", Excluded: []string{`tempdb.vhdx`}}
	same := WatchedRelation{FrequencySec: 300, RecoveryHistory: 2, AppHours: 4, Compression: true, Auth: "Certificate", Excluded: []string{`D:\VMs\TempDB.vhdx`}, ReplicaServer: "b"}
	if found := DriftOf(l, "A", same); len(found) != 0 {
		t.Fatalf("nothing differs: %+v", found)
	}
	change := map[string]func(*WatchedRelation){
		"frequency": func(r *WatchedRelation) { r.FrequencySec = 30 }, "recovery_points": func(r *WatchedRelation) { r.RecoveryHistory = 3 },
		"app_consistent": func(r *WatchedRelation) { r.AppHours = 0 }, "compression": func(r *WatchedRelation) { r.Compression = false },
		"authentication": func(r *WatchedRelation) { r.Auth = "Kerberos" }, "excluded_disks": func(r *WatchedRelation) { r.Excluded = nil },
		"partner": func(r *WatchedRelation) { r.ReplicaServer = "elsewhere" },
	}
	for field, do := range change {
		other := same
		do(&other)
		found := DriftOf(l, "A", other)
		if len(found) != 1 || found[0].Field != field || found[0].Is == found[0].Should {
			t.Errorf("%s: %+v", field, found)
		}
	}
	// What is not said is not compared; a note that names no file is counted.
	l.Policy = LegPolicy{Excluded: []string{"60 GB"}}
	if found := DriftOf(l, "A", same); len(found) != 0 {
		t.Errorf("%+v", found)
	}
	l.Policy.Excluded = []string{}
	if found := DriftOf(l, "A", same); len(found) != 1 || found[0].Is != "tempdb.vhdx" || found[0].Should != "none" {
		t.Errorf("%+v", found)
	}
}

// Rolling up by hours and then by days is the same as by days at once, and loses
// no tick.
func TestRollUpInStepsOrAtOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 4))
	for range 50 {
		var points []RPOPoint
		for range r.IntN(300) {
			s := Sample{Measured: r.IntN(5) > 0, Known: r.IntN(4) > 0, RPO: time.Duration(r.IntN(9999)) * time.Second, Missed: uint32(r.IntN(3)), Health: Healths[r.IntN(5)]}
			points = append(points, PointOf(s, tickAt.Add(time.Duration(r.IntN(20*24*3600))*time.Second)))
		}
		once, twice := RollUp(points, DayStep), RollUp(RollUp(points, HourStep), DayStep)
		if !slices.Equal(once, twice) {
			t.Fatalf("at once %+v\nin steps %+v", once, twice)
		}
		known := 0
		for _, p := range once {
			known += p.Known
			if p.Known > 0 && (p.Min > p.Avg() || p.Avg() > p.Max) {
				t.Fatalf("min, avg, max: %+v", p)
			}
		}
		for _, p := range points {
			known -= p.Known
		}
		if known != 0 {
			t.Fatalf("%d ticks too many", known)
		}
	}
}
