package worker

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// A look at a protection that begins from existing copies shows the refusal of a run:
// the copy at the target may be the newer one, since the VM was failed over to it last.
func TestALookAtAnExistingCopyKnowsOfTheLastFailover(t *testing.T) {
	cfg := (&drillDesk{t: t}).configuration("")
	data := t.TempDir()
	j, err := journal.Open(filepath.Join(data, JournalFile))
	require.NoError(t, err)
	moved := func(host string) {
		_, err := j.Before(plans.ActNote{Run: "r", VM: watchedVM, Host: host, Verb: plans.VerbStartFailover, At: time.Now().UTC()})
		require.NoError(t, err)
	}
	blockers := func(data string) (found []string) {
		in, err := plans.ResolveProtection(cfg.Config, plans.ProtectionRequest{Operation: plans.Protect, Name: "g", Seed: plans.SeedPlan{How: plans.SeedExisting}, Speed: 1})
		require.NoError(t, err)
		require.Nil(t, recallMoves(t.Context(), data, in))
		loose := plans.Copy{Reached: true, Exists: true, VM: watchedVM, Name: "dc", Power: "Running", Mode: "None", State: "Disabled"}
		there := loose
		loose.Host, there.Host, there.Power = "A", "B", "Off"
		for _, f := range plans.Readiness(in, nil, []plans.Pair{{ID: watchedVM, Source: loose, Target: there}}, time.Now()) {
			if f.Severity == plans.Blocker && f.VM != "" {
				found = append(found, f.Text)
			}
		}
		return found
	}
	require.NoError(t, j.Close())
	require.Empty(t, blockers(data))
	require.Empty(t, blockers(filepath.Join(data, "nowhere")), "a fresh engine has failed nothing over")

	j, err = journal.Open(filepath.Join(data, JournalFile))
	require.NoError(t, err)
	moved("B")
	require.NoError(t, j.Close())
	require.Len(t, blockers(data), 1)
	require.Contains(t, blockers(data)[0], "failed the VM over to B last, and never back")

	j, err = journal.Open(filepath.Join(data, JournalFile))
	require.NoError(t, err)
	moved("A")
	require.NoError(t, j.Close())
	require.Empty(t, blockers(data), "it came back since")

	// A journal that cannot be read is said.
	require.NoError(t, os.WriteFile(filepath.Join(data, JournalFile), []byte("no journal"), 0o600))
	in, err := plans.ResolveProtection(cfg.Config, plans.ProtectionRequest{Operation: plans.Protect, Name: "g", Seed: plans.SeedPlan{How: plans.SeedExisting}, Speed: 1})
	require.NoError(t, err)
	unread := recallMoves(t.Context(), data, in)
	require.NotNil(t, unread)
	require.Equal(t, plans.Warning, unread.Severity)
}
