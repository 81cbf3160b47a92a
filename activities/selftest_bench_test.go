package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// bench is a simulated farm whose hosts run the product's own scripts in the lab's
// interpreter, without a wire between.
type bench struct {
	t     *testing.T
	farm  *hypervisor.Farm
	speed float64
	acts  *Activities
	book  *book
	// refuse stands in for a host's answer to a function, "" for none.
	refuse func(host, function string) (id string)
	// lose says whether the answer to an act is lost.
	lose func(host, function string) bool
}

// benchWorld has two hosts that let each other in by a wildcard, and a VM with
// application-consistent points, some of which are in the past.
func benchWorld(t *testing.T) *environment.Environment {
	t.Helper()
	env, err := environment.Load("pair")
	require.NoError(t, err)
	for i := range env.Hosts {
		env.Hosts[i].Replica.Allow = []string{"*.pair.example"}
	}
	env.VMs = env.VMs[:1]
	env.VMs[0].Boot, env.VMs[0].Listen = time.Second, nil
	env.VMs[0].Replicate.Points, env.VMs[0].Replicate.AppConsistentHours = 4, 1
	return env
}

func newBench(t *testing.T, dialect hypervisor.Dialect, speed float64) *bench {
	t.Helper()
	farm, err := hypervisor.New(benchWorld(t), hypervisor.Options{Seed: 7, Speed: speed, Dialect: dialect})
	require.NoError(t, err)
	t.Cleanup(farm.Close)
	b := &bench{t: t, farm: farm, speed: speed, book: &book{}, refuse: func(string, string) string { return "" }, lose: func(string, string) bool { return false }}
	hosts := map[string]*hyperv.Host{}
	for _, h := range farm.Hosts() {
		r := &benchHost{bench: b, name: h.Name()}
		r.session = powershell.NewSession(powershell.Options{
			Commands: cmdlet.New(farm, h, func() hypervisor.Caller { return hypervisor.Caller{By: "bench"} }), ComputerName: h.Name(),
		})
		require.NoError(t, r.session.Load(hyperv.Library()))
		hosts[h.Name()] = hyperv.New(r)
	}
	b.acts = New(Deps{
		Hosts: func(name string) (*hyperv.Host, error) {
			if hosts[name] == nil {
				return nil, errors.New("host " + name + " is not in the configuration")
			}
			return hosts[name], nil
		},
		Journal: b.book, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return b
}

// benchHost carries calls to one host's PowerShell.
type benchHost struct {
	bench   *bench
	name    string
	mu      sync.Mutex
	session *powershell.Session
}

func (h *benchHost) Host() string { return h.name }

func (h *benchHost) Run(ctx context.Context, c hyperv.Call) (hyperv.Answer, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	text, err := json.Marshal(c.Args)
	if err != nil {
		return hyperv.Answer{}, err
	}
	var args map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&args); err != nil {
		return hyperv.Answer{}, err
	}
	for k, v := range args {
		if n, ok := v.(json.Number); ok {
			args[k], _ = n.Int64()
		}
	}
	a := hyperv.Answer{Request: "bench", Outcome: hyperv.OutcomeDone, HostTime: time.Now()}
	if c.Guard != nil {
		now, err := h.call(ctx, "Get-LifeboatGuard", map[string]any{"VM": c.Guard.VM}, false)
		var have map[string]string
		if err != nil || json.Unmarshal(now, &have) != nil {
			return hyperv.Answer{}, err
		}
		for member, want := range c.Guard.Expect {
			if have[member] != want {
				a.Outcome, a.Result = hyperv.OutcomeMoved, now
				return a, nil
			}
		}
	}
	if id := h.bench.refuse(h.name, c.Function); id != "" {
		return hyperv.Answer{}, &hyperv.ScriptError{Host: h.name, Function: c.Function, ID: id, Message: "refused by the test", Acted: true}
	}
	began := time.Now()
	a.Result, err = h.call(ctx, c.Function, args, true)
	a.Took = time.Since(began)
	if c.Lane == hyperv.ActLane && h.bench.lose(h.name, c.Function) {
		return hyperv.Answer{}, &hyperv.NoAnswerError{Host: h.name, Request: "bench", Started: true, Err: errors.New("lost by the test")}
	}
	return a, err
}

func (h *benchHost) call(ctx context.Context, function string, args map[string]any, acted bool) (json.RawMessage, error) {
	v, rec := h.session.Call(ctx, function, args)
	if rec != nil {
		return nil, &hyperv.ScriptError{Host: h.name, Function: function, Request: "bench", ID: rec.ID, Category: rec.Category, Message: rec.Message, Acted: acted}
	}
	return json.RawMessage(powershell.ToJSON(v, 8)), nil
}

// pass lets the hosts' time go on. What is longer than two seconds is skipped:
// the farm then needs a beat or two to do what is due.
func (b *bench) pass(d time.Duration) {
	const short = 2 * time.Second
	if d > short {
		b.farm.Skip(d)
		d = short
	}
	pause := max(time.Duration(float64(d)/b.speed), 150*time.Millisecond)
	select {
	case <-time.After(pause):
	case <-b.t.Context().Done():
	}
}

func (b *bench) setup() plans.SelfTestSetup {
	s := plans.SelfTestSetup{Name: plans.SelfTestPrefix + "bench", Hours: true, Speed: b.speed, By: "somebody"}
	s.A = plans.SelfTestParty{Host: "HV-A", Site: "a", Replica: "hv-a.pair.example"}
	s.B = plans.SelfTestParty{Host: "HV-B", Site: "b", Replica: "hv-b.pair.example"}
	return s
}

// walk goes through a self-test as its workflow does; stop may end it before a
// step.
func (b *bench) walk(stop func(step string) bool) plans.SelfTestStatus {
	b.t.Helper()
	ctx := b.t.Context()
	look, err := b.acts.SelfTestLook(ctx, SelfTestLookIn{Setup: b.setup()})
	require.NoError(b.t, err)
	s := plans.SelfTestStatus{Setup: look.Setup, Findings: look.Findings, Steps: len(look.Steps)}
	if plans.Blocked(look.Findings) {
		s.Verdict = plans.VerdictRefused
		return s
	}
	var p plans.SelfTestProgress
	for _, name := range look.Steps {
		if stop != nil && stop(name) {
			s.Broken = "stopped before " + name
			break
		}
		if p = b.step(&s, name, p); s.Broken != "" {
			break
		}
	}
	s.Left = b.clean(look.Setup, p.VM)
	s.Cleaned = len(s.Left) == 0
	return s
}

func (b *bench) step(s *plans.SelfTestStatus, name string, p plans.SelfTestProgress) plans.SelfTestProgress {
	began := b.farm.Now()
	for {
		out, err := b.acts.SelfTestStep(b.t.Context(), SelfTestStepIn{Run: "r", Setup: s.Setup, Step: name, Progress: p, Waited: b.farm.Now().Sub(began)})
		require.NoError(b.t, err, name)
		p = out.Progress
		if out.Entry != nil {
			s.Entries, s.Answers = append(s.Entries, *out.Entry), append(s.Answers, out.Decision.Answers...)
		}
		switch out.Decision.Kind {
		case plans.SelfTestBroken:
			s.Broken, s.At = fmt.Sprintf("%s %s", name, out.Decision.Why), name
			return p
		case plans.SelfTestOver:
			return p
		case plans.SelfTestAct, plans.SelfTestWait:
		}
		b.pass(out.Decision.In)
	}
}

func (b *bench) clean(setup plans.SelfTestSetup, vm string) (left []string) {
	for range 60 {
		out, err := b.acts.SelfTestClean(b.t.Context(), SelfTestCleanIn{Run: "r", Setup: setup, VM: vm})
		require.NoError(b.t, err)
		if left = out.Left; len(left) == 0 {
			return nil
		}
		b.pass(out.In)
	}
	return left
}
