package hyperv

import (
	"context"
	"encoding/json"
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
		"Stop-LifeboatGuest":    {func(h *Host) (ActResult, error) { return h.ShutDown(ctx, id, expected, within) }, only},
		"Stop-LifeboatPower":    {func(h *Host) (ActResult, error) { return h.TurnOff(ctx, id, expected, within) }, only},
		"Start-LifeboatCopy":    {func(h *Host) (ActResult, error) { return h.Start(ctx, id, expected, within) }, only},
		"Start-LifeboatPrepare": {func(h *Host) (ActResult, error) { return h.PrepareFailover(ctx, id, expected, within) }, only},
		"Start-LifeboatFailover": {
			func(h *Host) (ActResult, error) { return h.StartFailover(ctx, id, expected, within, "") },
			fmt.Sprintf(`{"VM":%q,"Point":""}`, vmA),
		},
		"Complete-LifeboatFailover":  {func(h *Host) (ActResult, error) { return h.CompleteFailover(ctx, id, expected, within) }, only},
		"Disconnect-LifeboatNetwork": {func(h *Host) (ActResult, error) { return h.Disconnect(ctx, id, expected, within) }, only},
		"Stop-LifeboatInitial":       {func(h *Host) (ActResult, error) { return h.StopInitial(ctx, id, expected, within) }, only},
		"Start-LifeboatResync":       {func(h *Host) (ActResult, error) { return h.Resynchronize(ctx, id, expected, within) }, only},
		"Resume-LifeboatExtended":    {func(h *Host) (ActResult, error) { return h.ContinueExtended(ctx, id, expected, within) }, only},
		"Stop-LifeboatTest":          {func(h *Host) (ActResult, error) { return h.StopTest(ctx, id, expected, within) }, only},
		"Set-LifeboatAsReplica": {
			func(h *Host) (ActResult, error) { return h.SetAsReplica(ctx, id, expected, within, "*.x") },
			fmt.Sprintf(`{"VM":%q,"AllowedPrimary":"*.x"}`, vmA),
		},
		"Enable-LifeboatAsReplica": {
			func(h *Host) (ActResult, error) { return h.EnableAsReplica(ctx, id, expected, within, "") },
			fmt.Sprintf(`{"VM":%q,"AllowedPrimary":""}`, vmA),
		},
		"Start-LifeboatInitial": {
			func(h *Host) (ActResult, error) {
				return h.StartInitial(ctx, id, expected, within, InitialOptions{UseBackup: true})
			},
			fmt.Sprintf(`{"VM":%q,"UseBackup":true,"Path":"","At":""}`, vmA),
		},
		"Import-LifeboatInitial": {
			func(h *Host) (ActResult, error) { return h.ImportInitial(ctx, id, expected, within, `E:\it's $(1)`) },
			fmt.Sprintf(`{"VM":%q,"Path":"E:\\it's $(1)"}`, vmA),
		},
		"Remove-LifeboatReplication": {
			func(h *Host) (ActResult, error) { return h.RemoveReplication(ctx, id, expected, within, "Extended") },
			fmt.Sprintf(`{"VM":%q,"Relationship":"Extended"}`, vmA),
		},
		"Enable-LifeboatReplication": {
			func(h *Host) (ActResult, error) { return h.EnableReplication(ctx, id, expected, within, enable(nil)) },
			fmt.Sprintf(`{"VM":%q,"ReplicaServer":"hv-b1.x","Port":443,"Auth":"Certificate","Thumbprint":"AB","FrequencySec":300,"RecoveryHistory":4,"VSSHours":2,"Compression":null,"ExcludedDisks":[]}`, vmA),
		},
		"Set-LifeboatTestNetwork": {
			func(h *Host) (ActResult, error) {
				return h.SetTestNetwork(ctx, id, expected, within, []TestNIC{{Switch: "Bubble"}})
			},
			fmt.Sprintf(`{"VM":%q,"NICs":[{"adapter":"","switch":"Bubble"}]}`, vmA),
		},
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

// enable is options that every host takes, changed by change.
func enable(change func(*EnableOptions)) EnableOptions {
	o := EnableOptions{
		ReplicaServer: "hv-b1.x", Port: 443, Auth: "Certificate", Thumbprint: "AB", FrequencySec: 300, RecoveryHistory: 4, VSSHours: 2,
	}
	if change != nil {
		change(&o)
	}
	return o
}

func TestWhatNoHostWouldEnableIsNotSent(t *testing.T) {
	yes := true
	for name, c := range map[string]struct {
		change func(*EnableOptions)
		bad    string
	}{
		"kerberos":    {func(o *EnableOptions) { o.Auth, o.Thumbprint = "Kerberos", "" }, ""},
		"no points":   {func(o *EnableOptions) { o.RecoveryHistory, o.VSSHours = 0, 0 }, ""},
		"compressed":  {func(o *EnableOptions) { o.Compression, o.ExcludedDisks = &yes, []string{`D:\page.vhdx`} }, ""},
		"no server":   {func(o *EnableOptions) { o.ReplicaServer = "" }, "replica server"},
		"port":        {func(o *EnableOptions) { o.Port = 0 }, "port"},
		"auth":        {func(o *EnableOptions) { o.Auth = "Basic" }, "auth"},
		"thumbprint":  {func(o *EnableOptions) { o.Thumbprint = "" }, "thumbprint"},
		"frequency":   {func(o *EnableOptions) { o.FrequencySec = 60 }, "frequency"},
		"history":     {func(o *EnableOptions) { o.RecoveryHistory = 25 }, "recovery points"},
		"hours":       {func(o *EnableOptions) { o.VSSHours = 13 }, "hours"},
		"vss, no rec": {func(o *EnableOptions) { o.RecoveryHistory = 0 }, "recovery history"},
	} {
		s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(view)}}
		_, err := New(s).EnableReplication(t.Context(), vmA, expected, time.Second, enable(c.change))
		if c.bad == "" {
			require.NoError(t, err, name)
			require.NotContains(t, s.args(t), `"ExcludedDisks":null`)
			continue
		}
		require.ErrorContains(t, err, c.bad, name)
		require.Empty(t, s.call.Function, name)
	}
}

func TestAPointGoesToTheHostByItsID(t *testing.T) {
	for function, do := range map[string]func(*Host, string) (ActResult, error){
		"Start-LifeboatFailover": func(h *Host, point string) (ActResult, error) {
			return h.StartFailover(t.Context(), vmA, expected, time.Second, point)
		},
		"Start-LifeboatTest": func(h *Host, point string) (ActResult, error) {
			return h.StartTest(t.Context(), vmA, expected, time.Second, point)
		},
	} {
		s := &scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(testView(strings.ToUpper(vmB)))}}
		_, err := do(New(s), strings.ToUpper(vmB))
		require.NoError(t, err)
		require.Equal(t, function, s.call.Function)
		require.JSONEq(t, fmt.Sprintf(`{"VM":%q,"Point":%q}`, vmA, vmB), s.args(t))
		s = &scripted{}
		_, err = do(New(s), "latest")
		require.ErrorContains(t, err, "point")
		require.Empty(t, s.call.Function)
	}
}

func testView(test string) string {
	return fmt.Sprintf(`{"power":"Off","mode":"Replica","state":"Replicating","testVM":%q}`, test)
}

func TestATestHasACopyOfItsOwn(t *testing.T) {
	start := func(answer string) (ActResult, error) {
		return New(&scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(answer)}}).StartTest(t.Context(), vmA, expected, time.Second, "")
	}
	r, err := start(testView(strings.ToUpper(vmB)))
	require.NoError(t, err)
	require.Equal(t, vmB, r.TestVM)
	for _, answer := range []string{view, strings.Replace(testView(""), `""`, "null", 1), testView("x - Test")} {
		_, err = start(answer)
		var e *Error
		require.ErrorAs(t, err, &e, answer)
		require.ErrorIs(t, err, ErrAnswer, answer)
		require.True(t, e.Acted, "a test VM may be there")
	}
	moved := &scripted{answer: Answer{Outcome: OutcomeMoved, Result: []byte(view)}}
	r, err = New(moved).StartTest(t.Context(), vmA, expected, time.Second, "")
	require.NoError(t, err)
	require.Equal(t, OutcomeMoved, r.Outcome)
	gone := &scripted{answer: Answer{Outcome: OutcomeDone, Result: []byte(strings.Replace(testView(""), `""`, "null", 1))}}
	r, err = New(gone).StopTest(t.Context(), vmA, expected, time.Second)
	require.NoError(t, err)
	require.Empty(t, r.TestVM)
}

func TestAnActThatIsNotSaidInFullIsNotSent(t *testing.T) {
	for name, do := range map[string]func(*Host) (ActResult, error){
		"id":       func(h *Host) (ActResult, error) { return h.Start(t.Context(), "sql01", expected, time.Second) },
		"expect":   func(h *Host) (ActResult, error) { return h.Start(t.Context(), vmA, Expect{Power: "Off"}, time.Second) },
		"deadline": func(h *Host) (ActResult, error) { return h.Start(t.Context(), vmA, expected, 0) },
		"adapters": func(h *Host) (ActResult, error) { return h.SetNetwork(t.Context(), vmA, expected, time.Second, nil) },
		"test adapters": func(h *Host) (ActResult, error) {
			return h.SetTestNetwork(t.Context(), vmA, expected, time.Second, nil)
		},
		"test switch": func(h *Host) (ActResult, error) {
			return h.SetTestNetwork(t.Context(), vmA, expected, time.Second, []TestNIC{{Adapter: "n"}})
		},
		"relationship": func(h *Host) (ActResult, error) {
			return h.RemoveReplication(t.Context(), vmA, expected, time.Second, "")
		},
		"folder": func(h *Host) (ActResult, error) {
			return h.ImportInitial(t.Context(), vmA, expected, time.Second, "")
		},
		"two ways": func(h *Host) (ActResult, error) {
			return h.StartInitial(t.Context(), vmA, expected, time.Second, InitialOptions{UseBackup: true, Path: "E:"})
		},
		"a time and a folder": func(h *Host) (ActResult, error) {
			return h.StartInitial(t.Context(), vmA, expected, time.Second, InitialOptions{At: time.Unix(1, 0), Path: "E:"})
		},
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
		"no point at the end": {
			[]string{vmA},
			copiesJSON("", strings.NewReplacer(`"Replicating"`, `"FailedOver"`, `"Replica"`, `"ExtendedReplica"`).Replace(copyJSON(vmA, `"Measure-VMReplication: InvalidState,x"`))),
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

func TestACopyTellsItsFiguresAndItsTestNetwork(t *testing.T) {
	relation := `{"relationship":%q,"mode":"Replica","state":"Replicating","health":"Normal","primaryServer":"a","replicaServer":"b","currentReplicaServer":"",
"frequencySec":300,"recoveryHistory":4,"lastReplication":null,"auth":"Kerberos","thumbprint":"","port":80,"testVM":null,"autoResync":false,
"initialBytes":%s,"pendingBytes":%s,"averageBytes":%s}`
	both := fmt.Sprintf(relation, "Simple", "30", "20", "10") + "," + fmt.Sprintf(relation, "Extended", "null", "null", "null")
	answer := strings.Replace(copyJSON(vmA, ""), `"relations":[]`, `"relations":[`+both+`]`, 1)
	answer = strings.Replace(answer, `"failoverDNS":[]`, `"failoverDNS":[],"testSwitch":"Bubble"`, 1)
	test := strings.Replace(strings.Replace(copyJSON(vmB, ""), `"Replica"`, `"TestReplica"`, 1), `"Replicating"`, `"Disabled"`, 1)
	c, err := New(&scripted{answer: Answer{Outcome: OutcomeDone, Result: copiesJSON("", answer, test)}}).Copies(t.Context(), []string{vmA, vmB})
	require.NoError(t, err)
	simple, extended := c.Copies[0].Relations[0], c.Copies[0].Relations[1]
	require.Equal(t, []uint64{30, 20, 10}, []uint64{*simple.InitialBytes, *simple.PendingBytes, *simple.AverageBytes})
	require.Nil(t, extended.InitialBytes)
	require.Nil(t, extended.PendingBytes)
	require.Nil(t, extended.AverageBytes)
	require.Equal(t, "Bubble", c.Copies[0].Adapters[0].TestSwitch)
	require.Equal(t, "TestReplica", c.Copies[1].Mode)
}

func TestReads(t *testing.T) {
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
