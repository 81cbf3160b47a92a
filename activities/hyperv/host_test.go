package hyperv

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	vmA = "0f6c3a52-9a33-4a53-9f6d-3f9c8f6d0a01"
	vmB = "0f6c3a52-9a33-4a53-9f6d-3f9c8f6d0a02"
)

// scripted is a Runner that answers once and remembers what it was asked.
type scripted struct {
	call   Call
	answer Answer
	err    error
}

func (s *scripted) Host() string { return "hv-b1" }

func (s *scripted) Run(_ context.Context, call Call) (Answer, error) {
	s.call = call
	return s.answer, s.err
}

func (s *scripted) args(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(s.call.Args)
	require.NoError(t, err)
	return string(text)
}

var expected = Expect{Power: "Off", Mode: "Replica", State: "Replicating"}

const view = `{"power":"Off","mode":"Replica","state":"FailedOverWaitingCompletion"}`

func TestActsSayWhatTheyDoAndUnderWhatCondition(t *testing.T) {
	ctx, id := t.Context(), strings.ToUpper(vmA)
	within := 90 * time.Second
	only := fmt.Sprintf(`{"VM":%q}`, vmA)
	for function, c := range map[string]struct {
		do   func(*Host) (ActResult, error)
		args string
	}{
		"Stop-LifeboatGuest":          {func(h *Host) (ActResult, error) { return h.ShutDown(ctx, id, expected, within) }, only},
		"Stop-LifeboatPower":          {func(h *Host) (ActResult, error) { return h.TurnOff(ctx, id, expected, within) }, only},
		"Start-LifeboatCopy":          {func(h *Host) (ActResult, error) { return h.Start(ctx, id, expected, within) }, only},
		"Start-LifeboatPrepare":       {func(h *Host) (ActResult, error) { return h.PrepareFailover(ctx, id, expected, within) }, only},
		"Start-LifeboatFailover":      {func(h *Host) (ActResult, error) { return h.StartFailover(ctx, id, expected, within) }, only},
		"Stop-LifeboatFailover":       {func(h *Host) (ActResult, error) { return h.StopFailover(ctx, id, expected, within) }, only},
		"Suspend-LifeboatReplication": {func(h *Host) (ActResult, error) { return h.SuspendReplication(ctx, id, expected, within) }, only},
		"Resume-LifeboatReplication":  {func(h *Host) (ActResult, error) { return h.ResumeReplication(ctx, id, expected, within) }, only},
		"Set-LifeboatReverse": {
			func(h *Host) (ActResult, error) {
				return h.ReverseReplication(ctx, id, expected, within, "a.'x'", "AB")
			},
			fmt.Sprintf(`{"VM":%q,"ReplicaServer":"a.'x'","Thumbprint":"AB"}`, vmA),
		},
		"Set-LifeboatStartAction": {
			func(h *Host) (ActResult, error) { return h.SetStartAction(ctx, id, expected, within, "Nothing") },
			fmt.Sprintf(`{"VM":%q,"Action":"Nothing"}`, vmA),
		},
		"Set-LifeboatNetwork": {
			func(h *Host) (ActResult, error) {
				return h.SetNetwork(ctx, id, expected, within, []NIC{{Switch: "DR"}})
			},
			fmt.Sprintf(`{"VM":%q,"NICs":[{"adapter":"","switch":"DR","ip":"","mask":"","gateway":"","dns":[],"inject":false}]}`, vmA),
		},
	} {
		s := &scripted{answer: Answer{Request: "r1", Outcome: OutcomeDone, Result: []byte(view), Took: time.Second}}
		r, err := c.do(New(s))
		require.NoError(t, err, function)
		require.Equal(t, ActResult{Request: "r1", Outcome: OutcomeDone, Now: View{"Off", "Replica", "FailedOverWaitingCompletion"}, Took: time.Second}, r)
		require.Equal(t, function, s.call.Function)
		require.Contains(t, Library(), "function "+function+" {")
		require.JSONEq(t, c.args, s.args(t))
		require.Equal(t, ActLane, s.call.Lane)
		require.Greater(t, s.call.Timeout, within)
		require.Equal(t, &Guard{
			VM: vmA, Within: 90, Expect: map[string]string{"power": "Off", "mode": "Replica", "state": "Replicating"},
		}, s.call.Guard)
	}
}

func TestAnActThatIsNotSaidInFullIsNotSent(t *testing.T) {
	for name, do := range map[string]func(*Host) (ActResult, error){
		"id":       func(h *Host) (ActResult, error) { return h.Start(t.Context(), "sql01", expected, time.Second) },
		"expect":   func(h *Host) (ActResult, error) { return h.Start(t.Context(), vmA, Expect{Power: "Off"}, time.Second) },
		"deadline": func(h *Host) (ActResult, error) { return h.Start(t.Context(), vmA, expected, 0) },
		"adapters": func(h *Host) (ActResult, error) { return h.SetNetwork(t.Context(), vmA, expected, time.Second, nil) },
		"dns": func(h *Host) (ActResult, error) {
			return h.SetNetwork(t.Context(), vmA, expected, time.Second, []NIC{{DNS: []string{"1", "2", "3"}}})
		},
	} {
		s := &scripted{}
		_, err := do(New(s))
		require.Error(t, err, name)
		require.Empty(t, s.call.Function, name)
	}
}

func TestOutcomesOfAnAct(t *testing.T) {
	moved := &scripted{answer: Answer{Outcome: OutcomeMoved, Result: []byte(`{"power":"Running","mode":"Replica","state":"Replicating"}`)}}
	r, err := New(moved).Start(t.Context(), vmA, expected, time.Second)
	require.NoError(t, err)
	require.Equal(t, OutcomeMoved, r.Outcome)
	require.Equal(t, "Running", r.Now.Power)

	late := &scripted{answer: Answer{Outcome: OutcomeExpired}}
	r, err = New(late).Start(t.Context(), vmA, expected, time.Second)
	require.NoError(t, err)
	require.Equal(t, ActResult{Outcome: OutcomeExpired}, r)

	for _, c := range []struct {
		answer Answer
		acted  bool
	}{
		{Answer{Outcome: OutcomeDone, Result: []byte(`{"power":"Off"}`)}, true},
		{Answer{Outcome: OutcomeDone, Result: []byte(view + view)}, true},
		{Answer{Outcome: OutcomeDone}, true},
		{Answer{Outcome: "fine", Result: []byte(view)}, true},
		{Answer{Outcome: OutcomeMoved, Result: []byte(`{}`)}, false},
	} {
		_, err := New(&scripted{answer: c.answer}).Start(t.Context(), vmA, expected, time.Second)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.ErrorIs(t, err, ErrAnswer)
		require.Equal(t, c.acted, e.Acted)
		require.Contains(t, err.Error(), "hv-b1: VM "+vmA+": start: ")
	}
}

func TestRefusalsAreToldByIdAndCategory(t *testing.T) {
	const vmms = ",Microsoft.HyperV.PowerShell.Commands."
	for _, c := range []struct {
		id, category string
		want         error
	}{
		{"InvalidState" + vmms + "StartVMFailover", "NotSpecified", ErrWrongState},
		{"InvalidOperation" + vmms + "SetVMReplication", "InvalidOperation", ErrNotApplicable},
		{"InvalidParameter" + vmms + "GetVM", "InvalidArgument", ErrNotFound},
		{"InvalidParameter" + vmms + "SetVM", "InvalidArgument", ErrInvalid},
		{"ObjectNotFound" + vmms + "GetVM", "ObjectNotFound", ErrNotFound},
		{"AccessDenied" + vmms + "GetVM", "PermissionDenied", ErrDenied},
		{"OutOfMemory" + vmms + "StartVM", "NotSpecified", ErrOutOfMemory},
		{"ObjectInUse" + vmms + "StopVM", "ResourceBusy", ErrBusy},
		{"CommandNotFoundException", "ObjectNotFound", ErrMissing},
		{"LifeboatAdapterNotFound", "OperationStopped", ErrNotFound},
		{"LifeboatAdapterAmbiguous", "OperationStopped", ErrInvalid},
		{"Whatever", "ResourceBusy", ErrBusy},
		{"Whatever", "NotSpecified", ErrFailed},
		{"", "", ErrFailed},
	} {
		s := &scripted{err: fmt.Errorf("carried: %w", &ScriptError{ID: c.id, Category: c.category, Message: "Der Vorgang …", Acted: true})}
		_, err := New(s).Start(t.Context(), vmA, expected, time.Second)
		require.ErrorIs(t, err, c.want, c.id)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.NotEmpty(t, e.Hint, c.id)
		require.True(t, e.Acted)
		var script *ScriptError
		require.ErrorAs(t, err, &script)
		for _, other := range []error{ErrNotFound, ErrBusy, ErrWrongState, ErrDenied, ErrNotApplicable, ErrOutOfMemory, ErrInvalid, ErrMissing, ErrTimeout, ErrFailed, ErrAnswer} {
			require.Equal(t, other == c.want, errors.Is(err, other), "%s is %v", c.id, other)
		}
	}
}

func TestWhatWasNotSentOrNotAnsweredPassesAsItIs(t *testing.T) {
	for _, want := range []error{&NotSentError{Host: "hv-b1", Reason: "denied"}, &NoAnswerError{Host: "hv-b1", Request: "r1"}} {
		_, err := New(&scripted{err: want}).Start(t.Context(), vmA, expected, time.Second)
		require.Same(t, want, err)
		_, err = New(&scripted{err: want}).Facts(t.Context())
		require.Same(t, want, err)
	}
}

func copyJSON(vm string, problems string) string {
	return fmt.Sprintf(`{"vm":%q,"name":"O'Brien \"x\" $(1)","power":"Off","mode":"Replica","state":"Replicating","health":"Normal","heartbeat":"",
"autoStart":"Nothing","version":"9.0","generation":2,"memoryStartup":1,"memoryAssigned":0,"uptimeSec":0,"status":"","relations":[],
"adapters":[{"name":"n","switch":"s","connected":true,"ips":[],"failoverIP":null,"failoverMask":null,"failoverGateway":null,"failoverDNS":[]}],
"pendingBytes":null,"failoverType":null,"problems":[%s]}`, vm, problems)
}

func copiesJSON(missing string, copies ...string) []byte {
	return fmt.Appendf(nil, `{"utc":"2026-03-01T02:03:04.1234567Z","copies":[%s],"missing":[%s]}`, strings.Join(copies, ","), missing)
}

func TestCopiesTellOfEveryVMThatWasAskedFor(t *testing.T) {
	quoted := func(s string) string { return `"` + s + `"` }
	for name, c := range map[string]struct {
		ids    []string
		answer []byte
		bad    string
	}{
		"both":         {[]string{vmA, vmB}, copiesJSON(quoted(vmB), copyJSON(vmA, "")), ""},
		"all":          {nil, copiesJSON("", copyJSON(vmA, ""), copyJSON(vmB, `"Get-VMReplication: InvalidState,x"`)), ""},
		"one left out": {[]string{vmA, vmB}, copiesJSON("", copyJSON(vmA, "")), "told of"},
		"not asked":    {[]string{vmA}, copiesJSON("", copyJSON(vmB, "")), "not asked for"},
		"twice":        {nil, copiesJSON("", copyJSON(vmA, ""), copyJSON(vmA, "")), "twice"},
		"both ways":    {[]string{vmA}, copiesJSON(quoted(vmA), copyJSON(vmA, "")), "twice"},
		"no figures":   {[]string{vmA}, copiesJSON("", copyJSON(vmA, `"Measure-VMReplication: InvalidState,x"`)), ""},
		"no point": {
			[]string{vmA},
			copiesJSON("", strings.Replace(copyJSON(vmA, `"Measure-VMReplication: InvalidState,x"`), `"Replicating"`, `"FailedOverWaitingCompletion"`, 1)),
			"Measure-VMReplication",
		},
		"no relation": {[]string{vmA}, copiesJSON("", copyJSON(vmA, `"Get-VMReplication: InvalidState,x"`)), "Get-VMReplication"},
	} {
		s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: c.answer}}
		got, err := New(s).Copies(t.Context(), c.ids)
		if c.bad != "" {
			require.ErrorContains(t, err, c.bad, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, `O'Brien "x" $(1)`, got.Copies[0].Name)
		require.Nil(t, got.Copies[0].PendingBytes)
		require.Equal(t, Watch, s.call.Lane)
		require.Nil(t, s.call.Guard)
	}
	s := &scripted{}
	_, err := New(s).Copies(t.Context(), []string{"*"})
	require.Error(t, err)
	require.Empty(t, s.call.Function)
}

func TestReads(t *testing.T) {
	point := fmt.Sprintf(`{"points":[{"id":%q,"name":"x","type":"AppConsistentReplica","created":"2026-03-01T02:03:04.0000000Z"}]}`, strings.ToUpper(vmA))
	points, err := New(&scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(point)}}).Points(t.Context(), vmB)
	require.NoError(t, err)
	require.Equal(t, vmA, points[0].ID)
	require.True(t, points[0].Recovery())
	require.False(t, Point{Type: "Standard"}.Recovery())

	guard, err := New(&scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(view)}}).Guard(t.Context(), vmA)
	require.NoError(t, err)
	require.Equal(t, "FailedOverWaitingCompletion", guard.State)

	require.NoError(t, New(&scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(`{"ok":true}`)}}).TestLink(t.Context(), Link{}))
	require.ErrorIs(t, New(&scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(`{"ok":false}`)}}).TestLink(t.Context(), Link{}), ErrAnswer)
	require.ErrorIs(t, New(&scripted{answer: Answer{Outcome: OutcomeMoved, Result: []byte(`{"ok":true}`)}}).TestLink(t.Context(), Link{}), ErrAnswer)
}

func TestASecretShowsNowhereButInTheArguments(t *testing.T) {
	const word = "hunter2"
	s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(`{"output":"ok"}`)}}
	out, err := New(s).Guest(t.Context(), vmA, "u", word, "1")
	require.NoError(t, err)
	require.Equal(t, "ok", out)
	require.Contains(t, s.args(t), word)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "password", Secret(word))
	for _, text := range []string{fmt.Sprint(Secret(word)), fmt.Sprintf("%v %+v %#v %s %q", Secret(word), s.call.Args, s.call.Args, Secret(word), Secret(word)), log.String()} {
		require.NotContains(t, text, word)
	}
}
