package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ReplicationSettings are what one act sets of a relationship; what is nil, zero or
// empty stays as it is.
type ReplicationSettings struct {
	Frequency      Frequency `json:"frequency,omitempty"`
	RecoveryPoints *int      `json:"recovery_points,omitempty"`
	AppConsistent  *Duration `json:"app_consistent,omitempty"`
	Compression    *bool     `json:"compression,omitempty"`
	// Authentication is Kerberos or Certificate, with Port and Thumbprint.
	Authentication string `json:"authentication,omitempty"`
	Port           int    `json:"port,omitempty"`
	Thumbprint     string `json:"thumbprint,omitempty"`
	// Disks are the paths of all disks that are to replicate. A changed set begins a
	// disk update, which loads both hosts like a resynchronization.
	Disks []string `json:"disks,omitempty"`
}

// Connects is true where the two hosts must agree anew how they talk.
func (s ReplicationSettings) Connects() bool { return s.Authentication != "" || s.Thumbprint != "" }

// settingsFor are what sets some drift of a leg right, at the host that sends.
func settingsFor(l WatchedLeg, host string, r WatchedRelation, drift []Drift) *ReplicationSettings {
	s, p := &ReplicationSettings{}, l.Policy
	for _, d := range drift {
		switch d.Field {
		case "frequency":
			s.Frequency = p.Frequency
		case "recovery_points":
			s.RecoveryPoints = p.RecoveryPoints
		case "app_consistent":
			s.AppConsistent = p.AppConsistent
		case "compression":
			s.Compression = p.Compression
		case "authentication":
			g := ProtectionGroup{Authentication: p.Authentication}
			if s.Port, s.Authentication = g.listener(); p.Authentication == "certificate" {
				s.Thumbprint = p.Thumbprints[host]
			}
		case "certificate_thumbprint":
			s.Thumbprint = p.Thumbprints[host]
		case "excluded_disks":
			s.Disks = replicatedDisks(r, p.Excluded)
		}
	}
	return s
}

// Correctable are the settings of a leg that a repair may set.
func Correctable(drift []Drift) (may []Drift) {
	for _, d := range drift {
		if d.Manual == "" {
			may = append(may, d)
		}
	}
	return may
}

// Drifted are the legs of a host's tick that it sends and of which a setting that a
// repair may set is not as the configuration says.
func Drifted(s HostSchedule, tick HostTick) (legs []WatchedLeg) {
	for _, l := range s.Legs {
		if e := endOf(tick, l); e.role == sends && e.rel.State == "Replicating" && len(Correctable(DriftOf(l, tick.Host, e.rel))) > 0 {
			legs = append(legs, l)
		}
	}
	return legs
}

// SettingsSeen are what the ladder knows of a leg's settings: as the sending host
// tells them, and how often the middle of a chain sends on, 0 for never.
type SettingsSeen struct {
	Host     string
	Relation WatchedRelation
	Beyond   Frequency
}

// SeenIn finds the settings of a leg in what hosts tell of the VM, nil when the one
// that sends does not tell.
func SeenIn(l WatchedLeg, told ...HostTick) *SettingsSeen {
	var seen *SettingsSeen
	beyond := Frequency(0)
	for _, t := range told {
		if e := endOf(t, l); e.role == sends {
			seen = &SettingsSeen{Host: t.Host, Relation: e.rel}
		}
		on := l
		on.Leg = ExtendedLeg
		if e := endOf(t, on); l.Leg != ExtendedLeg && e.role == sends {
			beyond = Frequency(time.Duration(e.rel.FrequencySec) * time.Second)
		}
	}
	if seen != nil {
		seen.Beyond = beyond
	}
	return seen
}

// correct is for a pair that replicates: whether its settings are as the
// configuration says, and what may be done where they are not.
//
// Microsoft: Set-VMReplication.
func (l RepairLook) correct(s, r Copy) RepairStep {
	if l.Policy.Drift != DriftAsk && l.Policy.Drift != DriftCorrect {
		return RepairStep{Rung: RungWell, Why: "replicates"}
	}
	if l.Seen == nil || l.Seen.Host != s.Host {
		return RepairStep{Rung: RungWait, Why: s.Host + " does not tell the settings of its replication"}
	}
	all := DriftOf(l.Leg, s.Host, l.Seen.Relation)
	drift := Correctable(all)
	switch {
	case len(all) == 0:
		return RepairStep{Rung: RungWell, Why: "replicates, with the settings of the configuration"}
	case len(drift) == 0:
		return RepairStep{Rung: RungWell, Why: "replicates; only people can set what differs: " + driftWords(all)}
	}
	if l.VM.Leg != ExtendedLeg && (s.Extended != "" || r.Extended != "") {
		thirdCopyHangs(drift)
	}
	if step, held := l.held(); held {
		return step
	}
	consent := l.consented(RungCorrect)
	if consent != nil && consent.Set != setWords(drift) {
		consent = nil // it was a yes to something else
	}
	if free := slices.DeleteFunc(slices.Clone(drift), func(d Drift) bool { return d.Loses != "" }); consent == nil && l.Policy.Drift == DriftCorrect && len(free) > 0 {
		drift = free
	}
	step := RepairStep{Wants: RungCorrect, Set: setWords(drift), Why: driftWords(drift)}
	if consent == nil && l.asksFirst(drift, &step) {
		return step
	}
	settings := settingsFor(l.Leg, s.Host, l.Seen.Relation, drift)
	if wait, in := l.paces(s, r, settings, consent); wait != "" {
		step.Rung, step.In, step.Why = RungWait, Duration(in), step.Why+"; "+wait
		return step
	}
	step.Rung, step.Verb, step.Host, step.Settings = RungCorrect, VerbSettings, s.Host, settings
	step.Expect = Expect{Power: s.Power, Mode: s.Mode, State: s.State}
	step.Irreversible = slices.ContainsFunc(drift, func(d Drift) bool { return d.Loses != "" })
	if consent != nil {
		step.Why += ", as " + consent.By + " agreed"
	}
	return step
}

// thirdCopyHangs marks what is not documented of a chain: whether a third copy
// follows a changed set of disks.
func thirdCopyHangs(drift []Drift) {
	for i := range drift {
		if drift[i].Field == "excluded_disks" && drift[i].Loses == "" {
			drift[i].Loses = "a third copy hangs on it, of which it is not known whether it follows"
		}
	}
}

// asksFirst turns a step into a question where the policy alone does not let the
// settings be set.
func (l RepairLook) asksFirst(drift []Drift, step *RepairStep) bool {
	var loses []string
	for _, d := range drift {
		if d.Loses != "" {
			loses = append(loses, d.Field+": "+d.Loses)
		}
	}
	step.Rung, step.Remedy = RungAsk, "a yes sets it; else correct the configuration"
	if len(loses) > 0 {
		step.Remedy = strings.Join(loses, "; ") + "; " + step.Remedy
	}
	switch {
	case l.VM.Doubt != "":
		step.Why += "; " + l.VM.Doubt
	case l.Policy.Drift != DriftCorrect, len(loses) > 0:
	case l.setBefore(step.Set):
		step.Why += "; that was set in the last 24 hours already, which did not last or did not work"
	default:
		return false
	}
	return true
}

// setBefore is true when the same was set in the last day, or may have been.
func (l RepairLook) setBefore(set string) bool {
	return slices.ContainsFunc(l.VM.Acts, func(a RepairAct) bool { return a.Set == set && l.recent(a) })
}

// paces says what settings must wait for, "" for nothing. They are set by one after
// the other at a host; a disk update keeps to the window and the budget of
// resynchronizations.
func (l RepairLook) paces(s, r Copy, set *ReplicationSettings, consent *RepairConsent) (why string, in time.Duration) {
	switch {
	case r.TestVM != "":
		return fmt.Sprintf("it waits until the test copy at %s is gone", r.Host), 0
	case l.Seen.Beyond > 0 && set.Frequency > l.Seen.Beyond:
		return fmt.Sprintf("%s sends on to the third copy every %s, which must not be more often: that is set first", r.Host, l.Seen.Beyond), 0
	case len(set.Disks) == 0:
		return "", 0
	}
	return l.paced(s, r, consent)
}

func driftWords(drift []Drift) string {
	var words []string
	for _, d := range drift {
		words = append(words, fmt.Sprintf("%s is %s, should be %s", d.Field, d.Is, d.Should))
	}
	return strings.Join(words, "; ")
}

// setWords name what is set; the same words are the same settings.
func setWords(drift []Drift) string {
	var words []string
	for _, d := range drift {
		words = append(words, d.Field+" "+d.Should)
	}
	return strings.Join(words, ", ")
}

// SettingsTook says whether settings came to be in the relationship that was meant,
// and in no other: "" for yes, else what is seen. In the middle of a chain it is
// not documented which one Set-VMReplication changes.
func SettingsTook(l WatchedLeg, host string, set ReplicationSettings, before, after []WatchedRelation) string {
	extended := l.Leg == ExtendedLeg
	mine := func(r WatchedRelation) bool { return r.Extended == extended }
	i := slices.IndexFunc(after, mine)
	if i < 0 {
		return host + " does not show the relationship any more"
	}
	var wrong []string
	if left := notSet(set, after[i]); left != "" {
		wrong = append(wrong, "the "+string(l.Leg)+" leg shows "+left)
	}
	for _, now := range after {
		was := slices.IndexFunc(before, func(r WatchedRelation) bool { return r.Extended == now.Extended })
		if !mine(now) && was >= 0 && settingsOf(before[was]) != settingsOf(now) {
			wrong = append(wrong, fmt.Sprintf("another leg was changed: it was %s and is %s", settingsOf(before[was]), settingsOf(now)))
		}
	}
	if len(wrong) == 0 {
		return ""
	}
	return "UNKNOWN: " + host + " took the settings, but " + strings.Join(wrong, "; ")
}

// notSet is what a relationship shows in place of what was set, "" for all of it.
// A set of disks is on its way for a while.
func notSet(set ReplicationSettings, r WatchedRelation) string {
	switch {
	case set.Frequency > 0 && int(set.Frequency.D().Seconds()) != r.FrequencySec:
		return fmt.Sprintf("a frequency of %d s", r.FrequencySec)
	case set.RecoveryPoints != nil && *set.RecoveryPoints != r.RecoveryHistory:
		return fmt.Sprintf("%d recovery points", r.RecoveryHistory)
	case set.AppConsistent != nil && int(set.AppConsistent.D().Hours()) != r.AppHours:
		return fmt.Sprintf("application-consistent points every %d hours", r.AppHours)
	case set.Compression != nil && *set.Compression != r.Compression:
		return fmt.Sprintf("compression %t", r.Compression)
	case set.Authentication != "" && !strings.EqualFold(set.Authentication, r.Auth):
		return r.Auth + " authentication"
	case set.Thumbprint != "" && !strings.EqualFold(set.Thumbprint, r.Thumbprint):
		return "the certificate " + r.Thumbprint
	case len(set.Disks) > 0 && !sameDisks(set.Disks, r.Replicated) && r.State != "WaitingForUpdateCompletion":
		return "other disks: " + diskNames(r.Replicated)
	}
	return ""
}

func settingsOf(r WatchedRelation) string {
	return fmt.Sprintf("every %d s, %d recovery points, application-consistent every %d h, compression %t, %s %s:%d", r.FrequencySec, r.RecoveryHistory, r.AppHours, r.Compression, r.Auth, r.Thumbprint, r.Port)
}
