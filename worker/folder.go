package worker

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// JournalFile is the journal's name in the data folder.
const JournalFile = "journal.db"

// Folder is a data folder that this process holds: its journal is open, and
// bbolt's file lock keeps every other engine out, also after a kill.
type Folder struct {
	Dir     string
	Journal *journal.Journal
}

// ClaimFolder creates the folder when it is missing and takes it for this
// process. When another engine holds it, the error says which one.
func ClaimFolder(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	j, err := journal.Open(filepath.Join(dir, JournalFile))
	if err != nil {
		// An engine that was killed has left its file behind and holds nothing.
		if e, readErr := control.ReadEngine(dir); readErr == nil && !e.Gone() {
			return nil, fmt.Errorf("data folder %s is held by process %d of %s on %s, started %s: %w",
				dir, e.PID, e.User, e.Host, e.Started.Local().Format("2006-01-02 15:04:05 MST"), err)
		}
		return nil, fmt.Errorf("data folder %s: %w", dir, err)
	}
	return &Folder{Dir: dir, Journal: j}, nil
}

// Release gives the folder back.
func (f *Folder) Release() error { return f.Journal.Close() }
