package hypervtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
)

// Both sides of a VM tell how it replicates, with the settings that a schedule
// compares and the figures it counts.
func TestReplicationsOfBothSides(t *testing.T) {
	l := startPair(t)
	db, nobody := l.Farm().VMID(0), "00000000-0000-4000-8000-00000000dead"
	for i, mode := range []string{"Primary", "Replica"} {
		h := hyperv.New(dialLab(t, l, l.Hosts()[i]))
		r, err := h.Replications(t.Context(), []string{strings.ToUpper(db), nobody})
		require.NoError(t, err)
		require.Equal(t, []string{nobody}, r.Missing)
		require.Len(t, r.Copies, 1)
		c := r.Copies[0]
		require.Equal(t, []string{db, mode, "Replicating"}, []string{c.VM, c.Mode, c.State})
		require.Empty(t, c.Problems)
		require.Len(t, c.Relations, 1)
		w := c.Relations[0]
		require.Equal(t, []any{"Simple", 30, "Certificate", true}, []any{w.Relationship, w.FrequencySec, w.Auth, w.Compression})
		require.NotNil(t, w.PendingBytes)
		require.NotNil(t, w.Missed)
		require.False(t, w.LastReplication.IsZero())
		require.Less(t, r.UTC.Sub(w.LastReplication), 10*time.Minute)
		require.GreaterOrEqual(t, r.UTC.Sub(w.LastReplication), time.Duration(0))
	}
}

// What one VM does not tell is named and hides no other.
func TestReplicationsDespiteABrokenVM(t *testing.T) {
	l := startPair(t)
	at := l.Hosts()[0]
	h := hyperv.New(dialLab(t, l, at))
	broken, whole := l.Farm().VMID(0), l.Farm().VMID(1)
	for _, cmdlet := range []string{"Get-VMReplication", "Measure-VMReplication"} {
		fault, err := l.Farm().AddFault(hypervisor.Fault{Host: at.Name, Verb: cmdlet, VM: broken, Kind: "refuse"})
		require.NoError(t, err)
		r, err := h.Replications(t.Context(), []string{broken, whole})
		require.NoError(t, err)
		require.Len(t, r.Copies, 2)
		for _, c := range r.Copies {
			if c.VM == whole {
				require.Empty(t, c.Problems)
				require.NotNil(t, c.Relations[0].Missed)
				continue
			}
			require.Len(t, c.Problems, 1)
			require.Contains(t, c.Problems[0], cmdlet+": ")
			require.Equal(t, cmdlet == "Get-VMReplication", len(c.Relations) == 0)
			for _, w := range c.Relations {
				require.Nil(t, w.Missed)
			}
		}
		require.True(t, l.Farm().RemoveFault(fault))
	}
}
