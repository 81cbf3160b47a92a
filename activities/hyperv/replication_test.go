package hyperv

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const someWatched = `{"relationship":"Simple","state":"Replicating","health":"Normal","primaryServer":"a","replicaServer":"b","frequencySec":30,` +
	`"recoveryHistory":2,"vssEnabled":true,"vssHours":4,"compression":true,"auth":"Kerberos","thumbprint":"","port":80,"replicated":["D:\\s.vhdx"],"excluded":["D:\\t.vhdx"],` +
	`"lastReplication":null,"pendingBytes":7,"missed":3,"succeeded":null,"errors":0,"monitoringStart":null}`

func replicationsJSON(vm, relations string) []byte {
	return fmt.Appendf(nil, `{"utc":"2026-03-01T02:03:04.0000000Z","copies":[{"vm":%q,"mode":"Primary","state":"Replicating","health":"Normal",`+
		`"relations":%s,"problems":[]}],"missing":[]}`, vm, relations)
}

func askReplications(answer []byte, ids ...string) (Replications, *scripted, error) {
	s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: answer}}
	r, err := New(s).Replications(context.Background(), ids)
	return r, s, err
}

func TestReplicationsAreDecodedStrictly(t *testing.T) {
	r, s, err := askReplications(replicationsJSON(strings.ToUpper(vmA), "["+someWatched+"]"), vmA)
	require.NoError(t, err)
	require.Equal(t, Watch, s.call.Lane)
	w := r.Copies[0].Relations[0]
	require.Equal(t, vmA, r.Copies[0].VM)
	require.True(t, w.LastReplication.IsZero() && w.MonitoringStart.IsZero() && w.Succeeded == nil)
	require.EqualValues(t, 3, *w.Missed)

	for name, answer := range map[string][]byte{
		"another VM":         replicationsJSON(vmB, "[]"),
		"relations are null": replicationsJSON(vmA, "null"),
		"excluded is null":   replicationsJSON(vmA, "["+strings.Replace(someWatched, `["D:\\t.vhdx"]`, "null", 1)+"]"),
		"a member too many":  replicationsJSON(vmA, "["+strings.Replace(someWatched, `"auth"`, `"x":1,"auth"`, 1)+"]"),
		"a negative count":   replicationsJSON(vmA, "["+strings.Replace(someWatched, `"missed":3`, `"missed":-3`, 1)+"]"),
		"no clock":           []byte(`{"utc":null,"copies":[],"missing":["` + vmA + `"]}`),
	} {
		_, _, err := askReplications(answer, vmA)
		require.Error(t, err, name)
	}
	_, s, err = askReplications(nil)
	require.NoError(t, err)
	require.Empty(t, s.call.Function, "no ids is no question")
}
