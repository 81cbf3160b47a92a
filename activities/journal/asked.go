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

// ends are the verbs after which nothing of an earlier one is left.
var ends = map[plans.Verb]plans.Verb{
	plans.VerbStopFailover: plans.VerbStartFailover, plans.VerbStopTest: plans.VerbStartTest, plans.VerbAutoStart: plans.VerbNoAutoStart,
}

func askedKey(vm, host string, verb plans.Verb) []byte {
	return []byte(strings.ToLower(vm) + "\x00" + host + "\x00" + string(verb))
}

// remember keeps a note of every verb: one that was left out would be sent again
// after a kill.
func remember(asked *bolt.Bucket, n plans.ActNote) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if began := ends[n.Verb]; began != "" {
		if err := asked.Delete(askedKey(n.VM, n.Host, began)); err != nil {
			return err
		}
	}
	return asked.Put(askedKey(n.VM, n.Host, n.Verb), text)
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
