package plans

import (
	"strings"
	"testing"
)

// A VM that was pointed at another host leaves its old copy behind, which says
// Replicating for a while: that is no protection, and ending the new one is not
// what the group says.
func TestAVMThatReplicatesElsewhereIsNeitherProtectedNorEnded(t *testing.T) {
	source := Copy{Host: "A", Reached: true, Exists: true, VM: "1", Mode: "Primary", State: "Replicating", Power: "Running", ReplicaServer: "x.example"}
	left := Copy{Host: "B", Reached: true, Exists: true, VM: "1", Mode: "Replica", State: "Replicating", Power: "Off", AutoStart: "Nothing"}
	for _, target := range []Copy{left, {Host: "B", Reached: true}} {
		for _, op := range []Operation{Protect, Unprotect} {
			i := Intent{Operation: op, UpTo: lastPhase(op, ""), ReplicaName: "b.example", Seed: SeedPlan{How: SeedNetwork}}
			if d := Next(i, source, target); d.Kind != Refuse || !strings.Contains(d.Why, "x.example") {
				t.Errorf("%s beside %q: %s %s", op, target.Mode, d.Kind, d.Why)
			}
			for _, name := range []string{"B.Example", "b"} {
				here := source
				here.ReplicaServer = name
				if d := Next(i, here, left); d.Kind == Refuse {
					t.Errorf("%s refuses %s, which is the same host: %s", op, name, d.Why)
				}
			}
		}
	}
}

// A third copy that the group does not name is nobody's to end.
func TestAThirdCopyThatTheGroupDoesNotNameStays(t *testing.T) {
	source := Copy{Host: "A", Reached: true, Exists: true, VM: "1", Mode: "Primary", State: "Replicating", Power: "Running", ReplicaServer: "b.example"}
	target := Copy{Host: "B", Reached: true, Exists: true, VM: "1", Mode: "Replica", State: "Replicating", Power: "Off", Extended: "Replicating", ExtendedTo: "x.example"}
	for named, ends := range map[string]bool{"": false, "c.example": false, "x.example": true, "X": true} {
		third := Copy{Host: "C", Reached: true}
		i := Intent{Operation: Unprotect, UpTo: PhaseRemove, ReplicaName: "b.example", ExtendTo: named, Third: &third}
		if d := Next(i, source, target); (d.Kind == Act && d.Verb == VerbRemoveExtended) != ends || !ends && d.Kind != Refuse {
			t.Errorf("the group names %q: %s %s: %s", named, d.Kind, d.Verb, d.Why)
		}
	}
}
