package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Filter chooses entries; an empty field chooses all.
type Filter struct {
	Run string
	// VM is an id or a label.
	VM   string
	Host string
}

func (f Filter) takes(e Entry) bool {
	return (f.Run == "" || f.Run == e.Run) && (f.Host == "" || f.Host == e.Host) &&
		(f.VM == "" || f.VM == e.VM || f.VM == e.Label)
}

// Head is the end of an unbroken chain. Kept elsewhere, it shows later whether
// the chain still runs through it.
type Head struct {
	Entries uint64 `json:"entries"`
	Hash    string `json:"hash"`
}

// BrokenError says where the chain breaks: Seq is the first entry that does not
// fit.
type BrokenError struct {
	Seq uint64
	Why string
}

func (e *BrokenError) Error() string {
	return fmt.Sprintf("the journal is broken at entry %d: %s", e.Seq, e.Why)
}

// Entries returns the entries after since (0 = from the first) that the filter
// takes, oldest first. An entry that cannot be read is a *BrokenError.
func (j *Journal) Entries(since uint64, f Filter) (list []Entry, err error) {
	list = []Entry{}
	err = j.view(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(entriesBucket)
		if bucket == nil || since == ^uint64(0) {
			return nil
		}
		c := bucket.Cursor()
		for k, stored := c.Seek(key(since + 1)); k != nil; k, stored = c.Next() {
			e, err := unseal(stored)
			if err != nil {
				return &BrokenError{Seq: number(k), Why: err.Error()}
			}
			if f.takes(e) {
				list = append(list, e)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Verify walks the whole chain and every report.
func (j *Journal) Verify() (head Head, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		entries, reports := tx.Bucket(entriesBucket), tx.Bucket(reportsBucket)
		if entries == nil {
			return nil
		}
		kept := 0
		c := entries.Cursor()
		for k, stored := c.First(); k != nil; k, stored = c.Next() {
			e, err := head.next(k, stored)
			if err != nil {
				return err
			}
			if e.Kind != KindReport {
				continue
			}
			kept++
			if err := e.fits(reports.Get([]byte(e.Run))); err != nil {
				return err
			}
		}
		if found := reports.Stats().KeyN; found != kept {
			return &BrokenError{Seq: head.Entries, Why: fmt.Sprintf("there are %d reports and entries for %d", found, kept)}
		}
		return nil
	})
	return head, err
}

// fits checks a report against the entry that says it was kept.
func (e Entry) fits(report []byte) error {
	if sum := sha256.Sum256(report); report == nil || hex.EncodeToString(sum[:]) != e.Report {
		return &BrokenError{Seq: e.Seq, Why: fmt.Sprintf("the report of %s is not the one that was kept", e.Run)}
	}
	return nil
}

// next checks the entry that follows h and moves h to it.
func (h *Head) next(k, stored []byte) (Entry, error) {
	seq := h.Entries + 1
	if number(k) != seq {
		return Entry{}, &BrokenError{Seq: seq, Why: "it is missing"}
	}
	e, err := unseal(stored)
	switch {
	case err != nil:
		return Entry{}, &BrokenError{Seq: seq, Why: err.Error()}
	case e.Seq != seq:
		return Entry{}, &BrokenError{Seq: seq, Why: fmt.Sprintf("it calls itself %d", e.Seq)}
	case e.Prev != h.Hash:
		return Entry{}, &BrokenError{Seq: seq, Why: "it does not follow the entry before it"}
	}
	h.Entries, h.Hash = seq, e.Hash
	return e, nil
}

func number(k []byte) uint64 {
	if len(k) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(k)
}
