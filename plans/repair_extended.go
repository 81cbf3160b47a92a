package plans

// nextExtended is the ladder of what the middle of a chain, A, sends on to the
// third copy, B. It acts on that leg alone: the relationship with the primary is
// another's, and goes first while it does not replicate.
//
// Microsoft: "Hyper-V Replica: extend replication"; Resume-VMReplication.
func (l RepairLook) nextExtended() RepairStep {
	middle, third := l.A, l.B
	s, r := middle, third
	chain := middle.Reached && third.Reached && middle.Exists && third.Exists
	switch own := Classify(middle); {
	case !chain: // the ladder says what is missing
	case middle.Mode != "Replica" || middle.Extended == "" || third.Mode != "ExtendedReplica" || familyOf(own) == famFailed || own == RFailingOver || own == ROn:
		return RepairStep{Rung: RungNone, Why: "no middle and third copy to repair: at " + middle.Host + " " + orWord(middle.Mode, "nothing") + "/" + middle.State + ", at " + third.Host + " " + orWord(third.Mode, "nothing") + "/" + third.State}
	case middle.State != "Replicating":
		return RepairStep{Rung: RungWait, Sender: middle.Host, Receiver: third.Host, Why: "the copy at " + middle.Host + " that it follows is " + middle.State + ": that goes first"}
	}
	if chain {
		s.Mode, s.State, s.Extended = "Primary", middle.Extended, ""
		r.Mode = "Replica"
	}
	step := l.look(s, r)
	step.Sender, step.Receiver = middle.Host, third.Host
	if !step.Acts() {
		return step
	}
	own := third
	if step.Host == middle.Host {
		own, step.LegState = middle, middle.Extended
		switch step.Verb {
		case VerbResume:
			step.Verb = VerbResumeExtended
		case VerbResync:
			step.Verb = VerbResyncExtended
		}
	}
	step.Expect = Expect{Power: own.Power, Mode: own.Mode, State: own.State}
	return step
}
