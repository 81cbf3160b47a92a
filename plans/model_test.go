package plans

import (
	"fmt"
	"slices"
)

// model is an abstract pair of copies after replica-model §4, with what the
// table must never do built in as faults. It shares nothing with the table.
type model struct {
	s, t    Copy
	dialect dialect
	// data is the number of the last write each copy holds; written grows with
	// every look while a copy runs.
	sData, tData, written int
	// base is what the target held when it was failed over.
	base  int
	later []func() // what is under way, one step per look
	acts  []Verb
	wasOn bool
	// returned: the old primary came back by itself, so two may run.
	returned bool
	fault    string
}

// dialect is one reading of each fact that Microsoft leaves open.
type dialect struct {
	name string
	// slow: shutting down, starting and failing over show what is on its way.
	slow bool
	// plannedType is the target's FailoverType after a planned failover.
	plannedType string
	// lateSource: after the reverse, the source stays prepared for some looks.
	lateSource bool
	// afterReverse is the target's state just after the reverse.
	afterReverse string
}

var dialects = []dialect{
	{name: "documented", plannedType: "Planned", afterReverse: "Replicating"},
	{name: "slow", slow: true, plannedType: "Planned", afterReverse: "Replicating"},
	{name: "no type told", plannedType: "None", afterReverse: "Replicating", lateSource: true},
	{name: "resync after reverse", plannedType: "", slow: true, afterReverse: "Resynchronizing", lateSource: true},
}

func newModel(d dialect) *model {
	return &model{dialect: d,
		s: Copy{Host: "A", Reached: true, Exists: true, VM: "vm", Power: "Running", Mode: "Primary", State: "Replicating", Adapters: []Adapter{{Name: "net", Switch: homeNIC.Switch, Connected: true}}},
		t: Copy{Host: "B", Reached: true, Exists: true, VM: "vm", Power: "Off", Mode: "Replica", State: "Replicating", Adapters: []Adapter{{Name: "net"}}},
	}
}

// look lets time pass and shows both copies.
func (m *model) look() (Copy, Copy) {
	if len(m.later) > 0 {
		next := m.later[0]
		m.later = m.later[1:]
		next()
	}
	for _, one := range []struct {
		c    *Copy
		data *int
	}{{&m.s, &m.sData}, {&m.t, &m.tData}} {
		if isRunning(one.c.Power) {
			m.written++
			*one.data = m.written
		}
	}
	// A host that comes back by itself is nobody's act; one beside the other is.
	if !isOff(m.s.Power) && !isOff(m.t.Power) && !m.returned {
		m.fault = "two copies hold a running state"
	}
	return m.s, m.t
}

func (m *model) after(power *string, on, final string) {
	if !m.dialect.slow {
		*power = final
		return
	}
	*power = on
	m.later = append(m.later, func() { *power = final })
}

func (m *model) refused(v Verb, side Side) {
	m.fault = fmt.Sprintf("%s at the %s: the host refuses it in %s/%s/%s beside %s/%s/%s", v, side,
		m.s.Power, m.s.Mode, m.s.State, m.t.Power, m.t.Mode, m.t.State)
}

// do is what a host does with a verb, or its refusal.
func (m *model) do(d Decision) {
	m.acts = append(m.acts, d.Verb)
	if d.Verb == VerbAutoStart {
		c := map[Side]*Copy{Source: &m.s, Target: &m.t}[d.Side]
		c.AutoStart = d.AutoStart
		return
	}
	if d.Side == Source {
		m.atSource(d.Verb)
	} else {
		m.atTarget(d.Verb)
	}
}

func (m *model) atSource(v Verb) {
	switch {
	case v == VerbShutDown && m.s.Power == "Running":
		m.after(&m.s.Power, "Stopping", "Off")
	case v == VerbTurnOff && m.s.Power != "Off":
		m.s.Power = "Off"
	case v == VerbStart && m.s.Power == "Off" && m.s.Mode == "Primary" && m.s.State != "PreparedForFailover":
		m.after(&m.s.Power, "Starting", "Running")
	case v == VerbPrepareFailover && m.s.Power == "Off" && m.s.Mode == "Primary" && m.s.State == "Replicating" && m.t.State == "Replicating":
		m.s.State, m.tData = "PreparedForFailover", m.sData
	case v == VerbStopFailover && m.s.State == "PreparedForFailover" && m.s.Power == "Off":
		m.s.State = "Replicating"
	case v == VerbNoAutoStart:
		m.s.AutoStart = "Nothing"
	case v == VerbAsReplica && m.s.Power == "Off" && m.s.Mode == "Primary":
		m.s.Mode, m.s.State = "Replica", "WaitingForInitialReplication"
	case v == VerbDisconnect:
		m.s.Adapters = []Adapter{{Name: "net"}}
	case v == VerbSetNetwork && len(m.s.Adapters) == 1:
		m.s.Adapters = []Adapter{{Name: "net", Switch: homeNIC.Switch, Connected: true}}
	case v == VerbResume && slices.Contains([]string{"Suspended", "Error"}, m.s.State):
		m.s.State = "Replicating"
	default:
		m.refused(v, Source)
	}
}

func (m *model) atTarget(v Verb) {
	switch {
	case v == VerbSetNetwork && len(m.t.Adapters) == 1:
		m.t.Adapters = []Adapter{{Name: "net", Switch: wantedNIC.Switch, Connected: true, FailoverIP: wantedNIC.IP, FailoverMask: wantedNIC.Mask, FailoverGateway: wantedNIC.Gateway}}
	case v == VerbStartFailover && m.t.Power == "Off" && m.t.Mode == "Replica" && slices.Contains([]string{"Replicating", "Suspended", "Resynchronizing"}, m.t.State):
		m.base, m.t.FailoverType = m.tData, m.dialect.plannedType
		if m.s.State != "PreparedForFailover" {
			m.t.FailoverType = "Regular"
		}
		m.after(&m.t.State, "RecoveryInProgress", "FailedOverWaitingCompletion")
	case v == VerbStart && m.t.Power == "Off" && (m.t.State == "FailedOverWaitingCompletion" || m.t.Mode == "Primary"):
		m.after(&m.t.Power, "Starting", "Running")
	case v == VerbStopFailover && m.t.State == "FailedOverWaitingCompletion":
		m.t.Power, m.t.State, m.t.FailoverType, m.tData = "Off", "Replicating", "", m.base
	case v == VerbReverse && m.t.State == "FailedOverWaitingCompletion" && m.s.State == "PreparedForFailover":
		m.t.Mode, m.t.State = "Primary", m.dialect.afterReverse
		settle := func() { m.s.Mode, m.s.State, m.t.State = "Replica", "Replicating", "Replicating" }
		if m.dialect.lateSource {
			m.later = append(m.later, func() {}, settle)
		} else {
			settle()
			m.t.State = m.dialect.afterReverse
		}
	case v == VerbReverse && m.t.State == "FailedOver" && m.s.Mode == "Replica" && m.s.State == "WaitingForInitialReplication":
		m.t.Mode, m.t.State = "Primary", "ReadyForInitialReplication"
	case v == VerbComplete && m.t.State == "FailedOverWaitingCompletion":
		m.t.State = "FailedOver"
	case v == VerbStart && m.t.Power == "Off" && m.t.State == "FailedOver":
		m.after(&m.t.Power, "Starting", "Running")
	case v == VerbResume && slices.Contains([]string{"Suspended", "Error"}, m.t.State):
		m.t.State = "Replicating"
	case v == VerbStartInitial && m.t.State == "ReadyForInitialReplication":
		m.t.State = "InitialReplicationInProgress"
		m.later = append(m.later, func() {}, func() {
			m.t.State, m.s.State, m.sData = "Replicating", "Replicating", m.tData
		})
	case v == VerbContinue && m.t.Extended != "" && m.t.Mode == "Replica" && (m.t.State == "FailedOverWaitingCompletion" || m.t.State == "FailedOver"):
		m.t.Mode, m.t.State, m.t.Extended = "Primary", "Replicating", ""
	case v == VerbRemoveExtended && m.t.Extended != "":
		m.t.Extended = ""
	case v == VerbStopTest && m.t.TestVM != "" && m.t.State == "Replicating":
		m.t.TestVM = ""
	default:
		m.refused(v, Target)
	}
}

// crash is the source's host losing its power; comeBack its return, with the
// VMs that start by themselves.
func (m *model) crash() {
	m.s.Reached = false
	if m.s.Mode == "Primary" && m.s.Power != "Off" {
		m.s.Power, m.s.State, m.wasOn = "Off", "WaitingForStartResynchronize", true
	}
}

func (m *model) comeBack() {
	m.s.Reached = true
	if m.wasOn && m.s.Mode == "Primary" && m.s.AutoStart != "Nothing" && m.s.State != "PreparedForFailover" {
		m.s.Power = "Running"
	}
	m.wasOn = false
}

// walk follows the table until it is done, refuses, or has acted maxActs
// times. It is the loop that a VM's operation is.
func (m *model) walk(i Intent, maxActs int) Decision {
	var d Decision
	acts := 0
	for range 60 {
		s, t := m.look()
		d = Next(i, s, t)
		switch d.Kind {
		case Act:
			if acts == maxActs {
				return d
			}
			acts++
			m.do(d)
			if d.Verb == VerbStart && d.Side == Target {
				i.NeverStarted = false
			}
		case Wait:
			if len(m.later) == 0 {
				return d
			}
		case Done, Refuse, UnknownPair:
			return d
		}
		if m.fault != "" {
			return d
		}
	}
	m.fault = "60 looks and no end"
	return d
}

// settle lets what is under way come to its end.
func (m *model) settle() {
	for len(m.later) > 0 {
		m.look()
	}
}
