// Package workflows says WHEN: it waits, keeps order, asks people, holds and
// goes on. It decides nothing about a VM (the activity Advance does, and its
// decision is followed) and reaches nothing outside.
//
// RecoveryPlanRun (plan/<plan>) is one run of a plan. It starts one StageRun
// per stage, each of which starts one VMOperation (vm/<guid>) per VM: the only
// thing that changes a VM. Phases are released by signals, downwards; reports
// come back by signals, upwards. People answer by Updates of the
// RecoveryPlanRun. How each operation goes through its stages is its shape, in
// the file of its name.
//
// A test failover runs beside other runs (drill/<plan>, drill/<guid>) and gives
// way to them. FenceReturn (fence/<plan>) outlives an unplanned failover: it
// watches the lost site. CommitLater (commit/<plan>) waits and then starts a
// commit.
package workflows
