package workflows

// Changes of workflow code that running histories must survive are listed here:
// one constant per workflow.GetVersion id, with the date and the reason, kept
// for ever. There is none yet: no released version exists whose runs could be
// under way.
