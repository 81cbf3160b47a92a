package plans

import (
	"testing"
	"time"
)

// What is being sent ends at the pace that it has had so far.
func TestSendingIsExpectedToKeepItsPace(t *testing.T) {
	in := RunInput{Operation: Reprotect, Speed: 60, Limits: Limits{Move: 2}, Steps: []RunStep{{Number: 1, VMs: []RunVM{{ID: "1", Label: "FS01"}}}}}
	s := RunStatus{Operation: Reprotect, VMs: []VMStatus{{ID: "1", Label: "FS01", Verdict: VerdictRunning, Phase: PhaseSync,
		Progress: &SyncProgress{Percent: 25}, Times: []PhaseTime{{Phase: PhaseReverse, Started: noon.Add(-time.Hour), Ended: noon.Add(-30 * time.Minute)}, {Phase: PhaseSync, Started: noon.Add(-10 * time.Minute)}}}}}
	if eta, _ := Progress(s, in, noon); eta.Sub(noon) != 30*time.Minute {
		t.Errorf("a quarter took 10 minutes, and the rest is expected to take %s", eta.Sub(noon))
	}
	s.VMs[0].Progress = nil
	if eta, _ := Progress(s, in, noon); eta.Sub(noon) != expected(in.VMs()[0], PhaseSync)/60 {
		t.Errorf("without a word of the host it is expected to take %s", eta.Sub(noon))
	}
}

// Test copies stay up for the whole hold, then for what is left of it, and are
// removed then, all at once.
func TestADrillEndsAfterItsHold(t *testing.T) {
	vms := []RunVM{{ID: "1", Label: "A"}, {ID: "2", Label: "B"}}
	in := RunInput{Operation: TestFailover, Speed: 1, Hold: Duration(time.Hour), Limits: Limits{Start: 2}, Steps: []RunStep{{Number: 1, VMs: vms}}}
	up := expected(vms[0], PhaseTest) + expected(vms[0], PhaseStart) + expected(vms[0], PhaseGates)
	if got, want := Predict(in, nil).Duration.D(), up+time.Hour+expected(vms[0], PhaseCleanUp); got != want {
		t.Errorf("it is expected to take %s, want %s", got, want)
	}
	s := RunStatus{Operation: TestFailover, Waiting: []Question{{Choices: []Choice{ChoiceEnd}, Due: noon.Add(10 * time.Minute)}}}
	for _, vm := range vms {
		var past []PhaseTime
		for _, phase := range []Phase{PhaseTest, PhaseStart, PhaseGates} {
			past = append(past, PhaseTime{Phase: phase, Started: noon.Add(-time.Minute), Ended: noon})
		}
		s.VMs = append(s.VMs, VMStatus{ID: vm.ID, Label: vm.Label, Verdict: VerdictRunning, Phase: PhaseGates, Times: past})
	}
	if eta, _ := Progress(s, in, noon); eta.Sub(noon) != 10*time.Minute+expected(vms[0], PhaseCleanUp) {
		t.Errorf("with the copies up it is expected to end in %s", eta.Sub(noon))
	}
	s.Waiting = nil
	for i := range s.VMs {
		s.VMs[i].Phase = PhaseCleanUp
	}
	if eta, _ := Progress(s, in, noon); eta.Sub(noon) != expected(vms[0], PhaseCleanUp) {
		t.Errorf("while they are removed it is expected to end in %s", eta.Sub(noon))
	}
}
