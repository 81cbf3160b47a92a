package journal

import (
	"bytes"
	"encoding/json"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// A failed over copy does not tell to which recovery point, nor a test copy
// whose it is, nor a fenced one how it started before, nor a repaired one who
// repaired it. What this engine asked
// for last is remembered beside the entries, so that its own work is known again
// after a kill.

// ends are the verbs after which nothing of an earlier one is left, also where
// no answer comes.
var ends = map[plans.Verb]plans.Verb{plans.VerbStopFailover: plans.VerbStartFailover, plans.VerbStopTest: plans.VerbStartTest}

func askedKey(vm, host string, verb plans.Verb) []byte {
	return []byte(strings.ToLower(vm) + "\x00" + host + "\x00" + string(verb))
}

// kept is a note as it is kept. Again is true where the same run had asked before
// and does not know that nothing came of it.
type kept struct {
	plans.ActNote
	Again bool `json:"again,omitempty"`
}

// remember keeps a note of every verb: one that was left out would be sent again
// after a kill.
func remember(asked *bolt.Bucket, n plans.ActNote) error {
	key := askedKey(n.VM, n.Host, n.Verb)
	old, found, damaged := parseAsked(asked.Get(key))
	text, err := json.Marshal(kept{n, found && damaged == nil && old.Run == n.Run})
	if err != nil {
		return err
	}
	if began := ends[n.Verb]; began != "" {
		if err := asked.Delete(askedKey(n.VM, n.Host, began)); err != nil {
			return err
		}
	}
	return asked.Put(key, text)
}

// forget takes back what the outcome of an act shows to hold no more: a failover
// that was not begun is somebody else's when it is found, and how a fenced copy
// started before is needed until it starts so again.
func forget(asked *bolt.Bucket, before Entry, outcome string) error {
	verb := before.Verb
	switch {
	case verb == plans.VerbStartFailover && (outcome == "moved" || outcome == "expired" || outcome == "not-sent"):
		var n kept
		text := asked.Get(askedKey(before.VM, before.Host, verb))
		if err := json.Unmarshal(text, &n); err != nil || n.Again {
			return nil // an earlier asking may be what was found
		}
	case verb == plans.VerbAutoStart && outcome == "done":
		verb = plans.VerbNoAutoStart
	default:
		return nil
	}
	return asked.Delete(askedKey(before.VM, before.Host, verb))
}

// Asked is what this engine asked a host for last with a verb. found is false when
// it asked for none, or has asked since to take it back.
func (j *Journal) Asked(vm, host string, verb plans.Verb) (n plans.ActNote, found bool, err error) {
	err = j.view(func(tx *bolt.Tx) (err error) {
		n, found, err = parseAsked(tx.Bucket(askedBucket).Get(askedKey(vm, host, verb)))
		return err
	})
	return n, found, err
}

// parseAsked reads a note; the first version kept the run and the point only.
func parseAsked(text []byte) (n plans.ActNote, found bool, err error) {
	switch {
	case text == nil:
		return n, false, nil
	case bytes.HasPrefix(text, []byte("{")):
		return n, true, json.Unmarshal(text, &n)
	}
	n.Run, n.Point, _ = strings.Cut(string(text), "\x00")
	return n, true, nil
}
