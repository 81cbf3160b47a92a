package workflows

// Changes of workflow code that running histories must survive are listed here:
// one constant per workflow.GetVersion id, with the date and the reason, kept
// for ever.
const (
	// retryStartsAgain (2026-11-25): a retry at a gate looks first whether the copy
	// still runs, and starts it again where it went off meanwhile.
	retryStartsAgain = "retry-starts-again-20261125"
	// watchTakenBack (2026-11-25): a cancel tells the watch which VMs it took back,
	// and no longer to end: others may still be failed over.
	watchTakenBack = "watch-taken-back-20261125"
	// repairsGiveWay (2026-11-25): a stage that finds a VM held tells what holds it
	// to give way, and waits for it, before it asks a person.
	repairsGiveWay = "repairs-give-way-20261125"
	// answersCountOnce (2026-11-29): an answer counts for the question it was given to,
	// not for the next one of its VM.
	answersCountOnce = "answers-count-once-20261129"
	// watchBegunAgain (2026-11-29): a watch that ends just when an unplanned failover
	// relies on it is begun anew.
	watchBegunAgain = "watch-begun-again-20261129"
)
