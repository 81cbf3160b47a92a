package hyperv

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func selftestsJSON(vm, more string) string {
	return fmt.Sprintf(`{"vms":[{"vm":%q,"name":"x","power":"Off","mode":"None","state":"Disabled","marked":true,"macs":[],"disks":[],"points":[]%s}],"strays":["lifeboat-selftest-y"]}`, vm, more)
}

func TestActsOfASelfTestAreGuarded(t *testing.T) {
	ctx := t.Context()
	for function, do := range map[string]func(*Host) (ActResult, error){
		"Set-LifeboatSelftestMark": func(h *Host) (ActResult, error) { return h.MarkSelftest(ctx, vmA, expected, time.Second) },
		"Remove-LifeboatSelftest":  func(h *Host) (ActResult, error) { return h.RemoveSelftest(ctx, vmA, expected, time.Second) },
		"Save-LifeboatSelftest":    func(h *Host) (ActResult, error) { return h.SaveSelftest(ctx, vmA, expected, time.Second) },
		"Start-LifeboatSecondTest": func(h *Host) (ActResult, error) { return h.SecondTest(ctx, vmA, expected, time.Second) },
		"Stop-LifeboatResync":      func(h *Host) (ActResult, error) { return h.StopResync(ctx, vmA, expected, time.Second) },
	} {
		s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(view)}}
		_, err := do(New(s))
		require.NoError(t, err, function)
		require.Equal(t, function, s.call.Function)
		require.Contains(t, Library(), "function "+function+" {")
		require.JSONEq(t, fmt.Sprintf(`{"VM":%q}`, vmA), s.args(t))
		require.Equal(t, vmA, s.call.Guard.VM)
	}
	unmarked := &scripted{err: &ScriptError{Host: "hv-b1", ID: "LifeboatNotMarked", Acted: true}}
	_, err := New(unmarked).RemoveSelftest(ctx, vmA, expected, time.Second)
	require.ErrorIs(t, err, ErrNotMarked)
}

func TestTheVMOfASelfTestIsKnownByItsID(t *testing.T) {
	s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(fmt.Sprintf(`{"vm":%q}`, strings.ToUpper(vmA)))}}
	id, err := New(s).MakeSelftest(t.Context(), "lifeboat-selftest-x", 64<<20, 1<<30)
	require.NoError(t, err)
	require.Equal(t, vmA, id)
	require.JSONEq(t, `{"Name":"lifeboat-selftest-x","Memory":67108864,"Disk":1073741824}`, s.args(t))
	for _, answer := range []string{`{}`, `{"vm":"x"}`, `null`} {
		_, err := New(&scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(answer)}}).MakeSelftest(t.Context(), "n", 1, 1)
		require.ErrorIs(t, err, ErrAnswer, answer)
	}
}

func TestAHostTellsOfSelfTestsInFull(t *testing.T) {
	ask := func(answer string) (SelftestFacts, error) {
		return New(&scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(answer)}}).Selftests(context.Background(), []string{vmA})
	}
	facts, err := ask(selftestsJSON(strings.ToUpper(vmA), ""))
	require.NoError(t, err)
	require.Equal(t, vmA, facts.VMs[0].VM)
	require.True(t, facts.VMs[0].Marked)
	for _, bad := range []string{
		`{"vms":null,"strays":[]}`, `{"vms":[]}`, selftestsJSON("x", ""), selftestsJSON(vmA, `,"macs":null`), strings.Replace(selftestsJSON(vmA, ""), `"Off"`, `""`, 1),
	} {
		_, err := ask(bad)
		require.ErrorIs(t, err, ErrAnswer, bad)
	}
}

func TestAskingForAReplicationThatIsNotThere(t *testing.T) {
	quiet := &scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(strings.Replace(testView(""), `""`, "null", 1))}}
	require.NoError(t, New(quiet).AskReplication(t.Context(), vmA))
	require.Nil(t, quiet.call.Guard, "it is a read")
	loud := &scripted{err: &ScriptError{ID: "InvalidOperation,Microsoft.HyperV.PowerShell.Commands.GetVMReplication"}}
	require.ErrorIs(t, New(loud).AskReplication(t.Context(), vmA), ErrNotApplicable)
}

func FuzzDecodeSelftests(f *testing.F) {
	f.Add([]byte(selftestsJSON(vmA, "")))
	f.Add([]byte(`{"vms":null,"strays":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		facts, err := decodeSelftests(data)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, c := range facts.VMs {
			if id, err := guid(c.VM); err != nil || id != c.VM || seen[id] || c.Power == "" || c.Disks == nil {
				t.Fatalf("believed: %+v", c)
			}
			seen[c.VM] = true
		}
	})
}
