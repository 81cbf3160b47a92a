package plans

import (
	"strings"
	"time"
)

// SelfTestLeft is one copy of a self-test's VM that is to go.
type SelfTestLeft struct {
	Side SelfTestSide
	VM   string
	SelfTestView
	// Last is false while another copy may be there that bears no mark yet: this one
	// tells whose it is.
	Last bool
}

// SelfTestCleaning is the next act of a clean-up; without a Verb there is none now.
type SelfTestCleaning struct {
	Verb   Verb
	Side   SelfTestSide
	VM     string
	Expect Expect
	Why    string
	In     time.Duration
}

// NextSelfTestCleaning says what takes a copy nearer to being gone. Its VM has
// been told for a self-test's by its id; nothing on it is of value. A copy that
// cannot be removed yet, since its disk is being merged, is waited for.
func NextSelfTestCleaning(l SelfTestLeft) SelfTestCleaning {
	c := SelfTestCleaning{Side: l.Side, VM: l.VM, Expect: Expect{Power: l.Power, Mode: l.Mode, State: l.State}}
	switch {
	case !l.Marked:
		c.Verb, c.Why = VerbSelfTestMark, "mark it, so that it is known whatever happens"
	case l.TestVM != "":
		c.Verb, c.Why = VerbStopTest, "remove its test copy"
	case l.Power == "Running" || l.Power == "Paused" || l.Power == "Saved":
		c.Verb, c.Why = VerbTurnOff, "turn it off"
	case l.Power != "Off":
		c.In, c.Why = selfTestEvery, "waits until it is off"
	case l.Mode == "Replica" && l.State == "RecoveryInProgress":
		c.In, c.Why = selfTestEvery, "waits until it is failed over"
	case l.Mode != "None":
		c.Verb, c.Why = VerbRemove, "end its replication here"
	case !l.Last:
		c.In, c.Why = selfTestEvery, "waits for the other host: the mark here is what tells of a copy there"
	case l.merging():
		c.In, c.Why = 10*selfTestEvery, "waits until its disk is merged"
	default:
		c.Verb, c.Why = VerbSelfTestRemove, "remove it with its disk"
	}
	return c
}

func (l SelfTestLeft) merging() bool {
	for _, d := range l.Disks {
		if strings.HasSuffix(strings.ToLower(d), ".avhdx") {
			return true
		}
	}
	return false
}
