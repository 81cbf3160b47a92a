package hyperv

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func setAnswer(relations string) []byte {
	return fmt.Appendf(nil, `{"power":"Running","mode":"Primary","state":"Replicating","replication":%s}`, replicationsJSON(vmA, relations))
}

// What is not to change is not named, and all relationships are read back.
func TestSettingsNameOnlyWhatChanges(t *testing.T) {
	s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: setAnswer("[" + someWatched + "]")}}
	four := 4
	r, err := New(s).SetReplication(t.Context(), strings.ToUpper(vmA), expected, time.Second, Leg{"Simple", "Replicating"}, Settings{RecoveryHistory: &four})
	require.NoError(t, err)
	require.Equal(t, "Set-LifeboatReplication", s.call.Function)
	require.JSONEq(t, `{"VM":"`+vmA+`","Relationship":"Simple","State":"Replicating","FrequencySec":0,"RecoveryHistory":4,"VSSHours":null,"Compression":null,"Auth":"","Port":0,"Thumbprint":"","Disks":[]}`, s.args(t))
	require.Len(t, r.Relations, 1)
	require.Equal(t, []string{`D:\s.vhdx`}, r.Relations[0].Replicated)

	for name, answer := range map[string][]byte{
		"nothing is read back":   []byte(view),
		"no relationship":        setAnswer("[]"),
		"another VM":             []byte(strings.Replace(string(setAnswer("["+someWatched+"]")), vmA, vmB, 1)),
		"it cannot be read back": setAnswer("null"),
	} {
		s.answer.Result = answer
		_, err := New(s).SetReplication(t.Context(), vmA, expected, time.Second, Leg{"Simple", "Replicating"}, Settings{RecoveryHistory: &four})
		require.ErrorIs(t, err, ErrAnswer, name)
	}
	_, err = New(s).SetReplication(t.Context(), vmA, expected, time.Second, Leg{}, Settings{Auth: "Certificate"})
	require.ErrorContains(t, err, "thumbprint")
}

func TestALegIsResumedInItsState(t *testing.T) {
	s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(view)}}
	_, err := New(s).ResumeLeg(t.Context(), vmA, expected, time.Second, "Error", true)
	require.NoError(t, err)
	require.Equal(t, "Resume-LifeboatLeg", s.call.Function)
	require.JSONEq(t, `{"VM":"`+vmA+`","State":"Error","Resynchronize":true}`, s.args(t))
}
