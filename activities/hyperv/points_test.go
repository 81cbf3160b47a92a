package hyperv

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const somePoint = `{"id":"0F6C3A52-9A33-4A53-9F6D-3F9C8F6D0A0F","name":"x","type":"AppConsistentReplica","created":"2026-03-01T02:03:04.0000000+00:00"}`

func pointsOf(vm, points, problems string) string {
	return fmt.Sprintf(`{"vm":%q,"points":[%s],"problems":[%s]}`, vm, points, problems)
}

func pointsJSON(missing string, vms ...string) []byte {
	return fmt.Appendf(nil, `{"vms":[%s],"missing":[%s]}`, strings.Join(vms, ","), missing)
}

func askPoints(t *testing.T, answer []byte, ids ...string) (map[string][]Point, *scripted, error) {
	t.Helper()
	s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: answer}}
	points, err := New(s).Points(t.Context(), ids)
	return points, s, err
}

func TestPointsOfManyVMsComeInOneCall(t *testing.T) {
	points, s, err := askPoints(t, pointsJSON("", pointsOf(strings.ToUpper(vmA), somePoint, ""), pointsOf(vmB, "", "")), vmA, strings.ToUpper(vmB))
	require.NoError(t, err)
	require.Len(t, points, 2)
	require.Equal(t, "0f6c3a52-9a33-4a53-9f6d-3f9c8f6d0a0f", points[vmA][0].ID)
	require.True(t, points[vmA][0].Recovery())
	require.False(t, Point{Type: "Standard"}.Recovery())
	require.NotNil(t, points[vmB])
	require.Empty(t, points[vmB])
	require.JSONEq(t, fmt.Sprintf(`{"VMs":[%q,%q]}`, vmA, vmB), s.args(t))
	require.Equal(t, Watch, s.call.Lane)
	require.Nil(t, s.call.Guard)

	points, s, err = askPoints(t, nil)
	require.NoError(t, err)
	require.Empty(t, points)
	require.Empty(t, s.call.Function)
	_, s, err = askPoints(t, nil, "*")
	require.Error(t, err)
	require.Empty(t, s.call.Function)
}

func TestAVMWithoutPointsToTellHidesNoOther(t *testing.T) {
	const refused = `"Get-VMSnapshot: InvalidState,Microsoft.HyperV.PowerShell.Commands.GetVMSnapshot"`
	points, _, err := askPoints(t, pointsJSON("", pointsOf(vmA, somePoint, ""), pointsOf(vmB, "", refused)), vmA, vmB)
	require.Len(t, points[vmA], 1)
	require.NotContains(t, points, vmB, "unknown is not none")
	require.ErrorIs(t, err, ErrWrongState)
	require.ErrorContains(t, err, vmB)
	require.NotContains(t, err.Error(), vmA)

	points, _, err = askPoints(t, pointsJSON(`"`+vmB+`"`, pointsOf(vmA, somePoint, "")), vmA, vmB)
	require.Len(t, points[vmA], 1)
	require.ErrorIs(t, err, ErrNotFound)
	require.ErrorContains(t, err, vmB)
}

func TestPointsAreBelievedWholeOrNotAtAll(t *testing.T) {
	for name, answer := range map[string][]byte{
		"left out":   pointsJSON("", pointsOf(vmA, "", "")),
		"not asked":  pointsJSON("", pointsOf(vmA, "", ""), pointsOf("0f6c3a52-9a33-4a53-9f6d-3f9c8f6d0a03", "", "")),
		"twice":      pointsJSON("", pointsOf(vmA, "", ""), pointsOf(vmA, "", "")),
		"both ways":  pointsJSON(`"`+vmA+`"`, pointsOf(vmA, "", "")),
		"no type":    pointsJSON("", pointsOf(vmA, strings.Replace(somePoint, "AppConsistentReplica", "", 1), ""), pointsOf(vmB, "", "")),
		"no id":      pointsJSON("", pointsOf("x", "", ""), pointsOf(vmB, "", "")),
		"no list":    []byte(`{"vms":null,"missing":[]}`),
		"no points":  []byte(`{"vms":[{"vm":"` + vmA + `","points":null,"problems":[]}],"missing":["` + vmB + `"]}`),
		"other form": []byte(`{"points":[]}`),
	} {
		points, _, err := askPoints(t, answer, vmA, vmB)
		require.ErrorIs(t, err, ErrAnswer, name)
		require.Nil(t, points, name)
	}
}
