package worker

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// How much room the data folder's disk must have, in bytes: the journal and
// Temporal's database grow by some gigabytes in busy days, and an engine that
// cannot write does nothing any more.
const (
	roomShort = 4 << 30
	roomGone  = 512 << 20
)

// trouble is what is wrong with the engine itself.
func (e *Engine) trouble() []plans.Problem {
	out := e.watch.trouble()
	if off := e.watch.schedules().Off; off != "" {
		out = append(out, plans.Problem{Key: "schedules", What: "no replication schedule runs: " + off, Means: "what goes wrong with replication is neither measured nor mended", Do: "lifeboat schedule list"})
	}
	if free, known := freeSpace(e.folder.Dir); known {
		out = append(out, roomProblem(e.folder.Dir, free)...)
	}
	return out
}

// roomProblem says that a data folder's disk has little room, if so.
func roomProblem(dir string, free uint64) []plans.Problem {
	if free > roomShort {
		return nil
	}
	return []plans.Problem{{
		Key: "disk", What: fmt.Sprintf("the disk of its data folder %s has %d MB left", dir, free>>20),
		Means: "when it is full nothing is written down any more, so nothing is done: no failover begins, and one under way stands still",
		Do:    "make room there, or move the data folder (--data) while no run is under way", Urgent: free <= roomGone,
	}}
}
