package e2e

import "slices"

// standing is where a plan's VMs are between two operations.
type standing string

const (
	home     standing = "home"      // at the plan's from, replicating to its to
	away     standing = "away"      // at its to, replicating back
	open     standing = "open"      // failed over to its to, not committed: from is prepared
	openHome standing = "open home" // the same on the way home: to is prepared
	// After an unplanned failover from is not prepared. While the site is not
	// seen it is dark; then its old copies are fenced.
	dark          standing = "dark"
	lost          standing = "lost"
	darkCommitted standing = "dark, committed"
	committed     standing = "committed"
)

// stands is what the two copies are in a standing, as "power/mode/state" or the
// beginning of it; "" is not judged.
type stands struct{ from, to string }

var standings = map[standing]stands{
	home:     {"Running/Primary/", "Off/Replica/"},
	away:     {"Off/Replica/", "Running/Primary/"},
	open:     {"Off/Primary/", "Running/Replica/"},
	openHome: {"Running/Replica/", "Off/Primary/"},
	dark:     {"", "Running/Replica/FailedOverWaitingCompletion"},
	lost:     {"Off/Primary/", "Running/Replica/FailedOverWaitingCompletion"},
	// FailedOver alone is a failover that is final.
	darkCommitted: {"", "Running/Replica/FailedOver/"},
	committed:     {"Off/Primary/", "Running/Replica/FailedOver/"},
}

// seen is a standing once its lost site is back.
func (s standing) seen() standing {
	switch s {
	case dark:
		return lost
	case darkCommitted:
		return committed
	}
	return s
}

// kind is how an operation is played.
type kind int

const (
	aRun   kind = iota // a run of the plan
	aDrill             // a run beside it
	aFence             // answers to the watch on the lost site
)

// chaosOperation is an operation as the story-teller knows it. A new operation
// is a row of chaosOperations.
type chaosOperation struct {
	name string
	kind kind
	args []string
	// to is where the operation wants the VMs: "from" or "to"; "" is for a
	// command that knows by itself.
	to string
	// leads says which standings it is asked for in, and what it leads to;
	// onCommit is what is different in a plan that says reverse: on-commit.
	leads, onCommit map[standing]standing
	// stays is true for one that is asked for as often as others though it leads
	// nowhere, often for one that is asked for twice as often.
	stays, often bool
	// undo is the operation that takes a half done one back, forward the one that
	// brings it to its end where a taking back is refused.
	undo, forward string
	// losing is true when the person consents to lose writes.
	losing bool
	// unplanned starts copies while the others may run; loses is true when the
	// site is lost before, sees when it must be seen.
	unplanned, loses, sees bool
	// cmdlets are those it does: its kill points, and what rules strike.
	cmdlets []string
}

var moving = []string{"Connect-VMNetworkAdapter", "Set-VMNetworkAdapterFailoverConfiguration", "Stop-VM", "Start-VMFailover", "Start-VM", "Set-VMReplication"}

var chaosOperations = []*chaosOperation{
	{name: "planned-failover", args: []string{"failover", "--planned"}, to: "to", leads: map[standing]standing{home: away, away: away},
		onCommit: map[standing]standing{home: open}, undo: "cancel", sees: true, cmdlets: moving},
	{name: "way-home", args: []string{"failover", "--planned"}, to: "from", leads: map[standing]standing{away: home, home: home},
		onCommit: map[standing]standing{away: openHome}, sees: true, cmdlets: moving},
	{name: "failback", args: []string{"failback"}, leads: map[standing]standing{away: home},
		onCommit: map[standing]standing{away: openHome}, sees: true, cmdlets: moving},
	{name: "cancel", args: []string{"cancel", "--lose-writes"}, to: "to", leads: map[standing]standing{home: home, open: home},
		forward: "planned-failover", losing: true, sees: true, cmdlets: []string{"Stop-VMFailover", "Start-VM"}},
	{name: "commit", args: []string{"commit"}, to: "to", leads: map[standing]standing{open: away},
		sees: true, cmdlets: []string{"Set-VMReplication"}},
	{name: "commit-home", args: []string{"commit"}, to: "from", leads: map[standing]standing{openHome: home},
		sees: true, cmdlets: []string{"Set-VMReplication"}},

	// The row of a standing that comes first is what is asked for where the story
	// has lost its thread.
	{name: "fence", kind: aFence, args: []string{"fence"}, leads: map[standing]standing{dark: lost, darkCommitted: committed},
		cmdlets: []string{"Set-VM", "Stop-VM", "Disconnect-VMNetworkAdapter"}},
	{name: "unplanned-failover", often: true, args: []string{"failover", "--unplanned"}, to: "to", leads: map[standing]standing{home: dark},
		undo: "give-up", unplanned: true, loses: true, cmdlets: []string{"Connect-VMNetworkAdapter", "Set-VMNetworkAdapterFailoverConfiguration", "Start-VMFailover", "Start-VM", "Stop-VM", "Set-VM"}},
	{name: "unplanned-beside", args: []string{"failover", "--unplanned"}, to: "to", leads: map[standing]standing{home: lost},
		undo: "give-up", unplanned: true, cmdlets: []string{"Stop-VM", "Set-VM", "Start-VMFailover", "Start-VM"}},
	{name: "commit-unplanned", args: []string{"commit"}, to: "to", leads: map[standing]standing{dark: darkCommitted, lost: committed},
		cmdlets: []string{"Complete-VMFailover"}},
	{name: "reprotect", often: true, args: []string{"reprotect"}, leads: map[standing]standing{lost: away, committed: away},
		sees: true, cmdlets: []string{"Complete-VMFailover", "Set-VMReplication", "Start-VMInitialReplication"}},
	{name: "other-point", args: []string{"failover", "--unplanned", "--lose-writes"}, to: "to", leads: map[standing]standing{lost: lost},
		stays: true, unplanned: true, losing: true, sees: true, cmdlets: []string{"Stop-VMFailover", "Start-VMFailover", "Start-VM"}},
	{name: "give-up", args: []string{"cancel", "--lose-writes"}, to: "to", leads: map[standing]standing{lost: home},
		forward: "unplanned-beside", losing: true, sees: true, cmdlets: []string{"Stop-VMFailover", "Set-VM", "Start-VM"}},

	{name: "test-failover", kind: aDrill, args: []string{"failover", "--test", "--hold", "1m"}, to: "to", leads: map[standing]standing{home: home},
		stays: true, sees: true, cmdlets: drilling},
	{name: "test-failover-home", kind: aDrill, args: []string{"failover", "--test", "--hold", "1m"}, to: "from", leads: map[standing]standing{away: away},
		stays: true, sees: true, cmdlets: drilling},
}

var drilling = []string{"Set-VMNetworkAdapter", "Start-VMFailover", "Start-VM", "Stop-VMFailover"}

func operationCalled(name string) *chaosOperation {
	i := slices.IndexFunc(chaosOperations, func(op *chaosOperation) bool { return op.name == name })
	return chaosOperations[i]
}

// fits is true where an operation is asked for.
func (op *chaosOperation) fits(at standing) bool {
	_, fits := op.leads[at]
	return fits
}

// starts is true for an operation that starts what a colleague has shut down
// meanwhile: a commit and a re-protection leave that to him.
func (op *chaosOperation) starts() bool {
	return op.args[0] != "commit" && op.args[0] != "reprotect"
}
