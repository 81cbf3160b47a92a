package journal

import (
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// What became of canaries lies beside the entries: name → the last canaryKept
// results, newest first. The note that each leaves in the chain stays for ever.
var canariesBucket = []byte("canaries")

// canaryKept is how many results of a canary are kept: a year of nights.
const canaryKept = 400

// SaveCanary keeps what became of a canary, with a note in the chain. Saved again it
// changes nothing and is no error.
func (j *Journal) SaveCanary(r plans.CanaryResult) error {
	return j.note(plans.CanaryRunName(r), plans.CanaryNote(r), func(tx *bolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(canariesBucket)
		if err != nil {
			return err
		}
		var all []plans.CanaryResult
		if err := get(b, r.Canary, &all); err != nil {
			return err
		}
		all = append(all, r)
		slices.SortStableFunc(all, func(a, b plans.CanaryResult) int { return b.Due.Compare(a.Due) })
		return put(b, r.Canary, all[:min(len(all), canaryKept)])
	})
}

// Canaries are the results of each canary, by its name, newest first.
func (j *Journal) Canaries() (map[string][]plans.CanaryResult, error) {
	out := map[string][]plans.CanaryResult{}
	return out, j.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(canariesBucket)
		if b == nil {
			return nil
		}
		return b.ForEach(func(name, _ []byte) error {
			var all []plans.CanaryResult
			err := get(b, string(name), &all)
			out[string(name)] = all
			return err
		})
	})
}
