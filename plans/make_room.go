package plans

import "fmt"

// NextResident decides about a VM that lives at the target and that a person
// agreed to shut down to make room. One that turns out to take part in a
// replication is left alone: it may be somebody's only copy.
//
// Microsoft: Stop-VM.
func NextResident(c Copy) Decision {
	switch {
	case !c.Reached:
		return Decision{Kind: UnknownPair, Unseen: true, Why: "cannot see " + c.Host + ": whether there is room is not known",
			Remedy: "bring " + c.Host + " back within reach"}
	case !c.Exists:
		return finished("there is no such VM at " + c.Host)
	case isOff(c.Power):
		return finished("off at " + c.Host)
	case familyOf(Classify(c)) != famLoose:
		return refuse(fmt.Sprintf("the VM at %s is %s/%s: it takes part in a replication", c.Host, c.Mode, c.State),
			"it is not shut down to make room; skip goes on without that room")
	case isRunning(c.Power):
		return act(PhaseShutdown, VerbShutDown, Target, c, "", "shut down at "+c.Host+" to make room, as a person agreed")
	case primaryByPower(c.Power) == PSaved:
		return finished(fmt.Sprintf("%s at %s: it holds no memory", c.Power, c.Host))
	}
	return wait(fmt.Sprintf("the VM at %s is %s", c.Host, c.Power))
}
