package journal

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"
)

// filled is a journal of 3 acts with outcomes and a report: 7 entries.
func filled(t *testing.T) (*Journal, string) {
	t.Helper()
	j, path := fresh(t)
	for range 3 {
		seq, err := j.Before(note("run-1"))
		require.NoError(t, err)
		require.NoError(t, j.After(seq, outcome()))
	}
	require.NoError(t, j.SaveReport(report("run-1", time.Unix(1e9, 0))))
	return j, path
}

func TestVerifyNamesTheFirstBrokenEntry(t *testing.T) {
	cases := map[string]struct {
		seq    uint64
		tamper func(entries, reports *bolt.Bucket) error
	}{
		"edited": {3, func(b, _ *bolt.Bucket) error {
			return b.Put(key(3), []byte(strings.Replace(string(b.Get(key(3))), "hv-b1", "hv-b2", 1)))
		}},
		"edited and hashed anew": {4, func(b, _ *bolt.Bucket) error {
			e, err := unseal(b.Get(key(3)))
			if err != nil {
				return err
			}
			e.Host = "hv-b2"
			stored, _, err := seal(e)
			if err != nil {
				return err
			}
			return b.Put(key(3), stored)
		}},
		"removed":    {5, func(b, _ *bolt.Bucket) error { return b.Delete(key(5)) }},
		"first gone": {1, func(b, _ *bolt.Bucket) error { return b.Delete(key(1)) }},
		"cut off":    {2, func(b, _ *bolt.Bucket) error { return b.Put(key(2), b.Get(key(2))[:20]) }},
		"swapped":    {2, func(b, _ *bolt.Bucket) error { return b.Put(key(2), b.Get(key(4))) }},
		"added":      {8, func(b, _ *bolt.Bucket) error { return b.Put(key(8), b.Get(key(7))) }},
		"report edited": {7, func(_, r *bolt.Bucket) error {
			return r.Put([]byte("run-1"), []byte(strings.Replace(string(r.Get([]byte("run-1"))), "6 VMs up", "9 VMs up", 1)))
		}},
		"report gone":  {7, func(_, r *bolt.Bucket) error { return r.Delete([]byte("run-1")) }},
		"report added": {7, func(_, r *bolt.Bucket) error { return r.Put([]byte("run-2"), []byte("{}")) }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			j, _ := filled(t)
			_, err := j.Verify()
			require.NoError(t, err)
			require.NoError(t, j.db.Update(func(tx *bolt.Tx) error {
				return c.tamper(tx.Bucket(entriesBucket), tx.Bucket(reportsBucket))
			}))
			_, err = j.Verify()
			var broken *BrokenError
			require.ErrorAs(t, err, &broken)
			require.Equal(t, c.seq, broken.Seq, broken.Why)
		})
	}
}

func TestNothingIsWrittenAfterADamagedEntry(t *testing.T) {
	j, _ := filled(t)
	require.NoError(t, j.db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket(entriesBucket).Put(key(7), []byte("x"))
	}))
	_, err := j.Before(note("run-2"))
	require.ErrorContains(t, err, "damaged")
}

func TestANewerFormatIsRefused(t *testing.T) {
	j, path := filled(t)
	require.NoError(t, j.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(metaBucket).Put(formatKey, []byte("2")) }))
	require.NoError(t, j.Close())
	for _, open := range []func(string) (*Journal, error){Open, OpenReadOnly} {
		_, err := open(path)
		require.ErrorContains(t, err, "format")
	}
}

// A file with flipped bits or a lost end never passes for another history: it
// is refused, found broken, or (where the spot is unused) the very same.
func TestADamagedFileNeverPassesForAnother(t *testing.T) {
	j, path := filled(t)
	head, err := j.Verify()
	require.NoError(t, err)
	require.NoError(t, j.Close())
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	seen := map[string]int{}
	for i := range 300 {
		harmed := append([]byte{}, whole...)
		if i%10 == 0 {
			harmed = harmed[:r.IntN(len(harmed))]
		} else {
			harmed[r.IntN(len(harmed))] ^= 1 << r.IntN(8)
		}
		name := filepath.Join(dir, fmt.Sprint(i))
		require.NoError(t, os.WriteFile(name, harmed, 0o600))
		seen[verdict(t, name, head, len(harmed) < len(whole))]++
	}
	t.Log(seen)
	require.NotZero(t, seen["refused"]+seen["broken"])
}

func verdict(t *testing.T, name string, want Head, short bool) string {
	j, err := OpenReadOnly(name)
	if err != nil {
		return "refused"
	}
	defer func() { _ = j.Close() }()
	got, err := j.Verify()
	if err != nil {
		return "broken"
	}
	// One of the two root pages may be lost: the one before it, one write
	// older, is then valid, as after a power cut.
	if got != want && got.Entries+1 != want.Entries && !(short && got.Entries == 0) {
		t.Fatalf("%s: passes as %+v, was %+v", name, got, want)
	}
	return "same"
}

func FuzzUnseal(f *testing.F) {
	stored, _, err := seal(Entry{Seq: 1, At: time.Unix(1e9, 0).UTC(), Kind: KindNote, Text: "x"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(stored)
	f.Add([]byte(nil))
	f.Add(append(make([]byte, 32), `{"seq":1}`...))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := unseal(data)
		if err != nil {
			return
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		_ = e.Words()
		data[len(data)-2] ^= 1
		if _, err := unseal(data); err == nil {
			t.Fatal("an edited entry passes")
		}
	})
}
