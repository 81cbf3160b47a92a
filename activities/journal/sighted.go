package journal

import (
	"encoding/json"

	bolt "go.etcd.io/bbolt"
)

// sightVerb keeps sights of old copies beside what was asked for; it is no verb
// of a host.
const sightVerb = "source-seen"

// sighted is what was seen last of the old copy of a VM that is failed over on a
// person's word.
type sighted struct {
	Run  string `json:"run"`
	Open bool   `json:"open"`
}

// Sighted keeps what a run, or the watch that it began, saw last of a VM's old
// copy: open is true when that copy could run. It writes only what is news.
func (j *Journal) Sighted(run, vm string, open bool) error {
	if was, seen, err := j.Sight(run, vm); err != nil || seen && was == open {
		return err
	}
	text, err := json.Marshal(sighted{run, open})
	if err != nil {
		return err
	}
	return j.update(func(tx *bolt.Tx) error { return tx.Bucket(askedBucket).Put(askedKey(vm, "", sightVerb), text) })
}

// Sight is what Sighted kept last of a VM in a run; seen is false when nothing
// was seen in it.
func (j *Journal) Sight(run, vm string) (open, seen bool, err error) {
	err = j.view(func(tx *bolt.Tx) error {
		text := tx.Bucket(askedBucket).Get(askedKey(vm, "", sightVerb))
		if text == nil {
			return nil
		}
		var last sighted
		err := json.Unmarshal(text, &last)
		open, seen = last.Open, last.Run == run
		return err
	})
	return open && seen, seen, err
}
