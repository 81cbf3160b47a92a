package journal

import (
	"bytes"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// What people were told and what waits to be sent lies beside the entries and
// outside their chain, as the history does: it changes, and is forgotten. It is
// one value, so that what was said and what is still to be sent are never apart.
var (
	alertsBucket = []byte("alerts")
	deskKey      = []byte("desk")
)

// Alerts changes what people were told and what waits to be sent. It is on disk
// when the call returns; a change that changes nothing writes nothing. It may be
// called twice: the last call counts.
func (j *Journal) Alerts(change func(*plans.AlertDesk)) error {
	before, err := j.AlertDesk()
	if err != nil {
		return err
	}
	// Most looks bring nothing new, and a transaction costs a sync.
	was, err := json.Marshal(before)
	if err != nil {
		return err
	}
	if change(&before); sameDesk(was, before) {
		return nil
	}
	err = j.update(func(tx *bolt.Tx) error { return changeDesk(tx, change) })
	if err != nil {
		return fmt.Errorf("write to the journal: %w", err)
	}
	return nil
}

func sameDesk(was []byte, d plans.AlertDesk) bool {
	now, err := json.Marshal(d)
	return err == nil && bytes.Equal(was, now)
}

// Tell keeps a run's message to people as Note does, and puts it where change
// says, in one transaction: told again, it is neither kept nor sent again.
func (j *Journal) Tell(run, text string, change func(*plans.AlertDesk)) error {
	return j.note(run, text, func(tx *bolt.Tx) error { return changeDesk(tx, change) })
}

// AlertDesk reads what people were told and what waits to be sent.
func (j *Journal) AlertDesk() (d plans.AlertDesk, err error) {
	err = j.view(func(tx *bolt.Tx) (err error) {
		d, err = readDesk(tx.Bucket(alertsBucket))
		return err
	})
	return d, err
}

func changeDesk(tx *bolt.Tx, change func(*plans.AlertDesk)) error {
	b, err := tx.CreateBucketIfNotExists(alertsBucket)
	if err != nil {
		return err
	}
	d, err := readDesk(b)
	if err != nil {
		return err
	}
	change(&d)
	return put(b, string(deskKey), d)
}

func readDesk(b *bolt.Bucket) (d plans.AlertDesk, err error) {
	if b == nil {
		return d, nil
	}
	return d, get(b, string(deskKey), &d)
}
