package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// What callers tell apart.
var (
	// ErrHeld says that another process has the journal open.
	ErrHeld = errors.New("another process holds the journal")
	// ErrNotFound says that there is no report of that run.
	ErrNotFound = errors.New("the journal has no such report")
)

// lockWait is how long Open waits for another process to let go.
const lockWait = time.Second

var (
	entriesBucket = []byte("entries") // seq, 8 bytes → hash and JSON of an entry
	reportsBucket = []byte("reports") // run id → JSON of its report
	notesBucket   = []byte("notes")   // SHA-256 of run and text → seq of the note
	askedBucket   = []byte("asked")   // VM, host and verb → the note of what was asked for last
	metaBucket    = []byte("meta")
	formatKey     = []byte("format")
	formatNow     = []byte("1")
)

// Journal is an open journal. It is safe for concurrent use.
type Journal struct {
	db   *bolt.DB
	now  func() time.Time
	kept atomic.Uint64 // reports since it was opened
	// turn is the schedule whose history was looked after last; the file has one
	// writer at a time.
	turn string
}

// Open opens the journal for writing and creates it where there is none.
func Open(path string) (*Journal, error) {
	return open(path, &bolt.Options{Timeout: lockWait}, (*bolt.DB).Update, prepare)
}

// OpenReadOnly opens a journal that no process holds, for reading.
func OpenReadOnly(path string) (*Journal, error) {
	return open(path, &bolt.Options{Timeout: lockWait, ReadOnly: true}, (*bolt.DB).View, checkFormat)
}

func open(path string, o *bolt.Options, with func(*bolt.DB, func(*bolt.Tx) error) error, first func(*bolt.Tx) error) (*Journal, error) {
	var db *bolt.DB
	err := guarded(func() (err error) {
		db, err = bolt.Open(path, 0o600, o)
		return err
	})
	if err != nil {
		return nil, openError(path, err)
	}
	if err := guarded(func() error { return with(db, first) }); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("the journal %s: %w", path, err)
	}
	return &Journal{db: db, now: time.Now}, nil
}

// guarded turns what a damaged file does to the store, which trusts its pages,
// into an error.
func guarded(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the file is damaged: keep it, restore a copy: %v", r)
		}
	}()
	return do()
}

func (j *Journal) view(read func(*bolt.Tx) error) error {
	return guarded(func() error { return j.db.View(read) })
}

func (j *Journal) update(change func(*bolt.Tx) error) error {
	return guarded(func() error { return j.db.Update(change) })
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("the journal %s: %w: ask the engine that runs on this folder, or stop it", path, ErrHeld)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("there is no journal at %s: name the engine's data folder: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("the journal %s belongs to another account: run as the account of the engine: %w", path, err)
	}
	return fmt.Errorf("the journal %s cannot be opened: keep the file, restore a copy: %w", path, err)
}

func prepare(tx *bolt.Tx) error {
	if err := checkFormat(tx); err != nil {
		return err
	}
	for _, name := range [][]byte{entriesBucket, reportsBucket, notesBucket, askedBucket, metaBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	return tx.Bucket(metaBucket).Put(formatKey, formatNow)
}

// checkFormat tells an empty file from one that has lost a part: a part that is
// missing must not look as if nothing had ever been written.
func checkFormat(tx *bolt.Tx) error {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		if first, _ := tx.Cursor().First(); first != nil {
			return errLostPart
		}
		return nil
	}
	format := meta.Get(formatKey)
	for _, name := range [][]byte{entriesBucket, reportsBucket, notesBucket} {
		if tx.Bucket(name) == nil {
			return errLostPart
		}
	}
	switch {
	case format == nil:
		return errLostPart
	case string(format) != string(formatNow):
		return fmt.Errorf("it has format %q, this program reads %q: use the version that wrote it", format, formatNow)
	}
	return nil
}

var errLostPart = errors.New("the file is damaged, a part of it is missing: keep it, restore a copy")

// Close lets go of the file.
func (j *Journal) Close() error { return j.db.Close() }

// Before writes what is about to be done. The entry is on disk when it
// returns; what could not be written must not be done.
func (j *Journal) Before(n plans.ActNote) (uint64, error) {
	expect := n.Expect
	return j.write(func(tx *bolt.Tx) (Entry, error) {
		if err := remember(tx.Bucket(askedBucket), n); err != nil {
			return Entry{}, err
		}
		return Entry{
			Kind: KindBefore, Run: n.Run, Plan: n.Plan, VM: n.VM, Label: n.Label, Host: n.Host, Verb: n.Verb,
			Expect: &expect, Irreversible: n.Irreversible, Text: n.Why, Point: n.Point,
		}, nil
	})
}

// After writes what became of the act that seq announced.
func (j *Journal) After(seq uint64, r plans.ActRecord) error {
	_, err := j.write(func(tx *bolt.Tx) (Entry, error) {
		before, err := unseal(tx.Bucket(entriesBucket).Get(key(seq)))
		if err != nil {
			return Entry{}, fmt.Errorf("entry %d, to which this is the outcome: %w", seq, err)
		}
		if before.Kind != KindBefore {
			return Entry{}, fmt.Errorf("entry %d is a %s and has no outcome", seq, before.Kind)
		}
		if err := forget(tx.Bucket(askedBucket), before, r.Outcome); err != nil {
			return Entry{}, err
		}
		return Entry{
			Kind: KindAfter, Run: before.Run, Plan: before.Plan, VM: before.VM, Label: before.Label,
			Host: r.Host, Verb: r.Verb, Irreversible: before.Irreversible, Outcome: r.Outcome, Text: r.Error,
			Request: r.Request, Started: moment(r.Started), Ended: moment(r.Ended), Of: seq,
		}, nil
	})
	return err
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// errAlready ends a write that finds its entry there: it is no error.
var errAlready = errors.New("already there")

// write appends the entry that compose returns, in one transaction with whatever
// else compose puts.
func (j *Journal) write(compose func(*bolt.Tx) (Entry, error)) (seq uint64, err error) {
	err = j.update(func(tx *bolt.Tx) error {
		e, err := compose(tx)
		if err != nil {
			return err
		}
		bucket := tx.Bucket(entriesBucket)
		last, stored := bucket.Cursor().Last()
		if last != nil {
			before, err := unseal(stored)
			if err != nil {
				return fmt.Errorf("the last entry is damaged, nothing is written after it: keep the file, start with a new one: %w", err)
			}
			e.Seq, e.Prev = before.Seq+1, before.Hash
		} else {
			e.Seq = 1
		}
		e.At = j.now().UTC()
		e.tidy()
		stored, _, err = seal(e)
		if err != nil {
			return err
		}
		seq = e.Seq
		return bucket.Put(key(e.Seq), stored)
	})
	if errors.Is(err, errAlready) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("write to the journal: %w", err)
	}
	return seq, nil
}

// tidy bounds every text that comes from outside.
func (e *Entry) tidy() {
	for _, text := range []*string{&e.Run, &e.Plan, &e.VM, &e.Label, &e.Host, &e.Outcome, &e.Text, &e.Request} {
		*text = clip(*text)
	}
	e.Verb = plans.Verb(clip(string(e.Verb)))
}

func key(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }
