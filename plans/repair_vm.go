package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// RepairVM is what is known of one leg of one VM on the ladder. Times are the
// engine's.
type RepairVM struct {
	ID string `json:"id"`
	// Leg is "" for the first.
	Leg   Leg    `json:"leg,omitempty"`
	Label string `json:"label"`
	// Since is when the trouble was first seen, zero while there is none.
	Since time.Time  `json:"since,omitzero"`
	Step  RepairStep `json:"step"`
	// AskedSince is since when a person is asked.
	AskedSince time.Time `json:"asked_since,omitzero"`
	// Paused is true from when replication was seen paused until it is seen
	// well: a host that goes down forgets the pause.
	Paused  bool           `json:"paused,omitempty"`
	Consent *RepairConsent `json:"consent,omitempty"`
	// Hold is set while a person wants it left alone.
	Hold *RepairHold `json:"hold,omitempty"`
	// Doubt says why nothing more is set until a person agrees: what was set last did
	// not come to be, or something else did.
	Doubt string `json:"doubt,omitempty"`
	// Acts are what was done, oldest first; none is older than a day.
	Acts []RepairAct `json:"acts,omitempty"`
	// Points are the recovery points of the replica, counted once it is known that
	// they would be lost; nil before, -1 when the host did not tell.
	Points *int `json:"points,omitempty"`
	// Resync is the resynchronization under way that this ladder began.
	Resync *RepairCost `json:"resync,omitempty"`
}

// Key names it among all of the ladder.
func (v RepairVM) Key() string { return RepairKey(v.ID, v.Leg) }

// Named is true for a name or an id that people know it by.
func (v RepairVM) Named(name string) bool { return v.Label == name || strings.EqualFold(v.Key(), name) }

// RepairConsent is a person's yes to one rung.
type RepairConsent struct {
	Rung Rung `json:"rung"`
	// Set are the settings that it is about.
	Set    string    `json:"set,omitempty"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	// Now is true when it may begin outside its window and the day's budget.
	Now bool `json:"now,omitempty"`
}

// RepairHold is a person's wish to leave a VM alone.
type RepairHold struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

// RepairAct is one rung that was taken.
type RepairAct struct {
	At      time.Time `json:"at"`
	Rung    Rung      `json:"rung"`
	Host    string    `json:"host"`
	Why     string    `json:"why"`
	Outcome string    `json:"outcome"`
	Error   string    `json:"error,omitempty"`
	// Set are the settings that were to be set; Loads is true for what both hosts must
	// have room for.
	Set   string `json:"set,omitempty"`
	Loads bool   `json:"loads,omitempty"`
	// Consent is whose yes it was, "" for the policy's.
	Consent string `json:"consent,omitempty"`
	// Cost is what a resynchronization cost, once it has ended.
	Cost *RepairCost `json:"cost,omitempty"`
}

// RepairCost is what a resynchronization costs. Points are recovery points of
// the replica before it and after it, -1 when the host did not tell.
type RepairCost struct {
	Began  time.Time `json:"began"`
	Took   Duration  `json:"took,omitempty"` // of the hosts' time
	Bytes  uint64    `json:"bytes,omitempty"`
	Before int       `json:"points_before"`
	After  int       `json:"points_after"`
}

// Look takes a step into what is known of a VM, and says whether people should
// hear of it: a question that is new, or the end of the trouble.
func (v *RepairVM) Look(step RepairStep, now time.Time, speed float64) (news string) {
	before := v.Step
	v.Step = step
	v.Paused = (v.Paused || step.Paused) && step.Rung != RungWell
	v.Acts = slices.DeleteFunc(v.Acts, func(a RepairAct) bool { return float64(now.Sub(a.At))*max(1, speed) >= float64(repairDay) })
	if step.Moving && v.Resync != nil && step.Progress != nil {
		v.Resync.Bytes = max(v.Resync.Bytes, step.Progress.Total)
	}
	switch step.Rung {
	case RungWell:
		if v.Since.IsZero() {
			return ""
		}
		news = "replicates again"
		if before.Wants == RungCorrect || v.set() {
			news = "its settings are those of the configuration"
		}
		v.Since, v.AskedSince, v.Consent, v.Hold, v.Points, v.Doubt = time.Time{}, time.Time{}, nil, nil, nil, ""
		return news
	case RungAsk:
		if !v.AskedSince.IsZero() && before.Rung == RungAsk && before.Wants == step.Wants && before.Set == step.Set {
			return ""
		}
		v.AskedSince = now
		if v.Consent != nil && (v.Consent.Rung != step.Wants || v.Consent.Set != step.Set) {
			v.Consent = nil // it was a yes to something else
		}
		return step.Why + ". " + step.Remedy
	case RungNone:
		v.Since, v.AskedSince, v.Consent, v.Hold, v.Points, v.Resync, v.Doubt = time.Time{}, time.Time{}, nil, nil, nil, nil, ""
	default:
		v.AskedSince = time.Time{}
	}
	return ""
}

// set is true when the last that was done about the trouble was to set settings.
func (v *RepairVM) set() bool {
	n := len(v.Acts)
	return n > 0 && v.Acts[n-1].Rung == RungCorrect && !v.Acts[n-1].At.Before(v.Since)
}

// Done keeps an act. A consent is used up by an act that took place, or may
// have.
func (v *RepairVM) Done(a RepairAct) {
	if v.Consent != nil {
		a.Consent = v.Consent.By
	}
	v.Acts = append(v.Acts, a)
	if !a.counts() {
		return
	}
	v.Consent, v.Doubt = nil, ""
	if a.Rung == RungResync {
		v.Resync = &RepairCost{Began: a.At, Before: -1, After: -1}
		if v.Points != nil {
			v.Resync.Before = *v.Points
		}
	}
}

// Settle ends a resynchronization: its cost goes to the act that began it.
func (v *RepairVM) Settle(now time.Time, speed float64, after int) (cost *RepairCost) {
	cost, v.Resync = v.Resync, nil
	if cost == nil {
		return nil
	}
	cost.Took, cost.After = Duration(time.Duration(float64(now.Sub(cost.Began))*max(1, speed)).Round(time.Second)), after
	for i := range v.Acts {
		if v.Acts[i].Rung == RungResync && v.Acts[i].At.Equal(cost.Began) {
			v.Acts[i].Cost = cost
		}
	}
	return cost
}

// String is the cost in words.
func (c RepairCost) String() string {
	words := "took " + c.Took.String()
	if c.Bytes > 0 {
		words += ", " + size(c.Bytes) + " sent"
	}
	switch {
	case c.Before < 0 || c.After < 0:
		return words + "; how many recovery points were lost was not told"
	case c.Before > c.After:
		return fmt.Sprintf("%s; %d recovery points were lost", words, c.Before-c.After)
	}
	return words + "; no recovery point was lost"
}

// ResyncsIn counts the resynchronizations, and the disk updates, that VMs began in
// the last day.
func ResyncsIn(vms []RepairVM, now time.Time, speed float64) int {
	n, day := 0, RepairLook{Now: now, Speed: max(1, speed)}
	for _, v := range vms {
		for _, a := range v.Acts {
			if (a.Rung == RungResync || a.Loads) && day.recent(a) {
				n++
			}
		}
	}
	return n
}

// RepairStatus is the ladder of one sending host.
type RepairStatus struct {
	Host    string     `json:"host"`
	Started time.Time  `json:"started"`
	Looked  time.Time  `json:"looked,omitzero"`
	Speed   float64    `json:"speed"`
	VMs     []RepairVM `json:"vms"`
	// Problem says why the last look or act could not be made.
	Problem string `json:"problem,omitempty"`
}

// Troubled are the legs of a host's tick whose replication has stopped by its
// state, whichever end this is.
func Troubled(s HostSchedule, tick HostTick) (ill []WatchedLeg) {
	for _, l := range s.Legs {
		e := endOf(tick, l)
		if e.role == "" {
			continue
		}
		switch e.rel.State {
		case "Suspended", "Error", "UpdateError", "WaitingForStartResynchronize", "ResynchronizeSuspended":
			ill = append(ill, l)
		}
	}
	return ill
}

// SenderAt is the host that sends a leg, as one host's tick shows it.
func SenderAt(l WatchedLeg, tick HostTick) string {
	if endOf(tick, l).role == sends {
		return tick.Host
	}
	return l.other(tick.Host)
}
