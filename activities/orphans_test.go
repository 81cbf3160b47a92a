package activities_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/cmdlet"
	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// simulated is a host of a farm without its wire: the product's own functions run
// in the interpreter. What luck says may get lost: a request before the host has
// it, or an answer after the host has acted.
type simulated struct {
	name    string
	session *powershell.Session
	luck    func() string
	hangs   func() // from now on
	mu      sync.Mutex
}

const reads = "Get-LifeboatOrphans"

func (s *simulated) Host() string { return s.name }

func (s *simulated) Run(ctx context.Context, call hyperv.Call) (hyperv.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	luck := s.luck()
	if luck == "hang" {
		<-ctx.Done()
		return hyperv.Answer{}, ctx.Err()
	}
	if luck == "down" || call.Function != reads && luck == "lost before" {
		return hyperv.Answer{}, &hyperv.NotSentError{Host: s.name, Reason: "unreachable", Err: errors.New("no line")}
	}
	if call.Guard != nil {
		now, err := s.ask(ctx, "Get-LifeboatGuard", map[string]string{"VM": call.Guard.VM})
		if err != nil {
			return hyperv.Answer{}, err
		}
		seen := map[string]string{}
		if err := json.Unmarshal(now, &seen); err != nil {
			return hyperv.Answer{}, err
		}
		for what, want := range call.Guard.Expect {
			if seen[what] != want {
				return hyperv.Answer{Request: "r", Outcome: hyperv.OutcomeMoved, Result: now}, nil
			}
		}
	}
	result, err := s.ask(ctx, call.Function, call.Args)
	if call.Function != reads && luck == "then hang" {
		s.hangs()
	}
	if call.Function != reads && luck == "lost after" {
		return hyperv.Answer{}, &hyperv.NoAnswerError{Host: s.name, Request: "r", Started: true, Err: errors.New("the line was cut")}
	}
	return hyperv.Answer{Request: "r", Outcome: hyperv.OutcomeDone, Result: result, HostTime: time.Now()}, err
}

func (s *simulated) ask(ctx context.Context, function string, args any) (json.RawMessage, error) {
	text, err := json.Marshal(args)
	if err != nil {
		return nil, err
	}
	var named map[string]any
	if err := json.Unmarshal(text, &named); err != nil {
		return nil, err
	}
	out, rec := s.session.Call(ctx, function, named)
	if rec != nil {
		return nil, &hyperv.ScriptError{Host: s.name, Function: function, ID: rec.ID, Category: rec.Category, Message: rec.Message, Acted: true}
	}
	return json.RawMessage(powershell.ToJSON(out, 10)), nil
}

// orphanScene is what somebody does to a pair of copies; healthy ones look alike
// and must stay as they are.
type orphanScene struct {
	name    string
	healthy bool
	play    func(p, r *hypervisor.Host, id string, do func(error))
}

var orphanScenes = []orphanScene{
	{"pair", true, func(_, _ *hypervisor.Host, _ string, _ func(error)) {}},
	{"paused", true, func(p, _ *hypervisor.Host, id string, do func(error)) {
		do(p.SuspendReplication(context.Background(), colleague, id))
	}},
	{"a person's checkpoint", true, func(p, _ *hypervisor.Host, id string, do func(error)) {
		do(p.TakeCheckpoint(context.Background(), colleague, id))
	}},
	{"another provider's, and well", true, func(p, r *hypervisor.Host, id string, do func(error)) {
		do(r.RemoveReplication(context.Background(), colleague, id, "Simple"))
		do(r.RemoveVM(context.Background(), colleague, id))
		do(p.HandOver(context.Background(), colleague, id))
	}},
	{"the vault is gone", false, func(p, r *hypervisor.Host, id string, do func(error)) {
		do(r.RemoveReplication(context.Background(), colleague, id, "Simple"))
		do(r.RemoveVM(context.Background(), colleague, id))
		do(p.HandOver(context.Background(), colleague, id))
		do(p.FailProvider(context.Background(), colleague, id))
	}},
	{"primary gone", false, func(p, _ *hypervisor.Host, id string, do func(error)) {
		do(p.RemoveReplication(context.Background(), colleague, id, "Simple"))
		do(p.StopVM(context.Background(), colleague, id, hypervisor.StopHow{TurnOff: true}))
		do(p.RemoveVM(context.Background(), colleague, id))
	}},
	{"replica gone", false, func(_, r *hypervisor.Host, id string, do func(error)) {
		do(r.RemoveReplication(context.Background(), colleague, id, "Simple"))
		do(r.RemoveVM(context.Background(), colleague, id))
	}},
	{"both gone", false, func(p, r *hypervisor.Host, id string, do func(error)) {
		for _, h := range []*hypervisor.Host{p, r} {
			do(h.RemoveReplication(context.Background(), colleague, id, "Simple"))
			do(h.StopVM(context.Background(), colleague, id, hypervisor.StopHow{TurnOff: true}))
			do(h.RemoveVM(context.Background(), colleague, id))
		}
	}},
	{"a role of the cluster", true, func(_, r *hypervisor.Host, id string, do func(error)) {
		do(r.MakeRole(context.Background(), colleague, id))
	}},
	{"a role that failed", true, func(_, r *hypervisor.Host, id string, do func(error)) {
		do(r.MakeRole(context.Background(), colleague, id))
		do(r.FailRole(context.Background(), colleague, id))
	}},
	{"a role whose configuration is offline", true, func(_, r *hypervisor.Host, id string, do func(error)) {
		do(r.MakeRole(context.Background(), colleague, id))
		do(r.OfflineRole(context.Background(), colleague, id))
	}},
	{"a role left, with a disk", false, func(_, r *hypervisor.Host, id string, do func(error)) {
		do(r.MakeRole(context.Background(), colleague, id))
		do(r.DiskRole(context.Background(), colleague, id))
		do(r.RemoveReplication(context.Background(), colleague, id, "Simple"))
		do(r.RemoveVM(context.Background(), colleague, id))
	}},
	{"a role left", false, func(_, r *hypervisor.Host, id string, do func(error)) {
		do(r.MakeRole(context.Background(), colleague, id))
		do(r.RemoveReplication(context.Background(), colleague, id, "Simple"))
		do(r.RemoveVM(context.Background(), colleague, id))
	}},
	{"a role left without any copy", false, func(p, r *hypervisor.Host, id string, do func(error)) {
		do(r.MakeRole(context.Background(), colleague, id))
		for _, h := range []*hypervisor.Host{p, r} {
			do(h.RemoveReplication(context.Background(), colleague, id, "Simple"))
			do(h.StopVM(context.Background(), colleague, id, hypervisor.StopHow{TurnOff: true}))
			do(h.RemoveVM(context.Background(), colleague, id))
		}
	}},
	{"removed on the primary", false, func(p, _ *hypervisor.Host, id string, do func(error)) {
		do(p.RemoveReplication(context.Background(), colleague, id, "Simple"))
	}},
	{"removed on the replica", false, func(_, r *hypervisor.Host, id string, do func(error)) {
		do(r.RemoveReplication(context.Background(), colleague, id, "Simple"))
	}},
	{"test left", false, func(_, r *hypervisor.Host, id string, do func(error)) {
		_, err := r.StartFailover(context.Background(), colleague, id, hypervisor.Failover{AsTest: true})
		do(err)
	}},
	{"test without its replica", false, func(_, r *hypervisor.Host, id string, do func(error)) {
		_, err := r.StartFailover(context.Background(), colleague, id, hypervisor.Failover{AsTest: true})
		do(err)
		do(r.LoseTest(context.Background(), colleague, id))
	}},
	{"backup left", false, func(p, _ *hypervisor.Host, id string, do func(error)) {
		do(p.LeaveBackup(context.Background(), colleague, id))
	}},
	{"prepared", false, func(p, _ *hypervisor.Host, id string, do func(error)) {
		do(p.StopVM(context.Background(), colleague, id, hypervisor.StopHow{TurnOff: true}))
		_, err := p.StartFailover(context.Background(), colleague, id, hypervisor.Failover{Prepare: true})
		do(err)
	}},
	{"failed over", false, func(p, r *hypervisor.Host, id string, do func(error)) {
		do(p.StopVM(context.Background(), colleague, id, hypervisor.StopHow{TurnOff: true}))
		_, err := r.StartFailover(context.Background(), colleague, id, hypervisor.Failover{})
		do(err)
		do(r.StartVM(context.Background(), colleague, id))
	}},
}

var colleague = hypervisor.Caller{By: "control"}

// orphanEstate is a farm in which things were left behind, with a sweep over it.
type orphanEstate struct {
	farm   *hypervisor.Farm
	acts   *activities.Activities
	scenes map[string]orphanScene // by VM id
	rand   *rand.Rand
	mu     sync.Mutex
	luck   map[string]string
}

func newOrphanEstate(t *testing.T, seed uint64) *orphanEstate {
	t.Helper()
	env, err := environment.Load("pair")
	require.NoError(t, err)
	e := &orphanEstate{scenes: map[string]orphanScene{}, rand: rand.New(rand.NewPCG(seed, 11)), luck: map[string]string{}}
	env.Hosts[0].ClusterTools, env.Hosts[1].Cluster = true, "CL-B"
	one := env.VMs[2]
	env.VMs = nil
	for i := range len(orphanScenes) {
		vm := one
		vm.ID, vm.Name, vm.IP, vm.Network = fmt.Sprintf("%08x-0000-4000-8000-000000000001", i+1), fmt.Sprintf("VM%d", i/2), "", ""
		env.VMs = append(env.VMs, vm)
	}
	e.farm, err = hypervisor.New(env, hypervisor.Options{Seed: int64(seed), Speed: 600})
	require.NoError(t, err)
	t.Cleanup(e.farm.Close)
	e.sweepOver(t)
	p, r := e.farm.Hosts()[0], e.farm.Hosts()[1]
	for i, at := range e.rand.Perm(len(orphanScenes)) {
		id, scene := env.VMs[i].ID, orphanScenes[at]
		e.scenes[id] = scene
		scene.play(p, r, id, func(err error) { require.NoError(t, err, "seed %d: %s", seed, scene.name) })
	}
	played := e.farm.Now()
	require.Eventually(t, func() bool { return e.farm.Now().Sub(played) > 20*time.Minute }, time.Minute, 20*time.Millisecond)
	return e
}

func (e *orphanEstate) sweepOver(t *testing.T) {
	text := hyperv.Library()
	hosts := map[string]*hyperv.Host{}
	estate := plans.OrphanEstate{Policy: plans.OrphanPolicy{After: plans.Duration(10 * time.Minute), Undo: plans.Duration(time.Hour)}, Speed: 600, Simulated: true}
	for _, h := range e.farm.Hosts() {
		name := h.Name()
		s := powershell.NewSession(powershell.Options{ComputerName: name, Commands: cmdlet.New(e.farm, h, func() hypervisor.Caller { return hypervisor.Caller{By: "sweep"} })})
		require.NoError(t, s.Load(text))
		hosts[name] = hyperv.New(&simulated{name: name, session: s, hangs: func() { e.fate(name, "hang") }, luck: func() string {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.luck[name]
		}})
		estate.Hosts = append(estate.Hosts, plans.HostReading{Host: name, Names: []string{name}})
	}
	j, err := journal.Open(filepath.Join(t.TempDir(), "journal.db"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	e.acts = activities.New(activities.Deps{
		Hosts: func(name string) (*hyperv.Host, error) { return hosts[name], nil }, Journal: j, Log: slog.New(slog.DiscardHandler),
		Orphans: activities.OrphanDeps{Estate: func() plans.OrphanEstate {
			out := estate
			out.Hosts = slices.Clone(estate.Hosts)
			return out
		}},
	})
}

func (e *orphanEstate) fate(host, luck string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.luck[host] = luck
}

// lasting is what no clean-up may change: every copy that is no test, with what is
// on its disk and whether it runs, and how the healthy ones replicate.
func (e *orphanEstate) lasting() map[string]string {
	out := map[string]string{}
	for _, c := range e.farm.State().Copies {
		if c.Test || c.Mode == "TestReplica" {
			continue
		}
		text := "runs: " + strconv.FormatBool(c.Power == "Running") + ", missing: " + strconv.FormatUint(c.Writes.Missing, 10)
		if e.scenes[c.VM].healthy {
			text += " " + c.Mode + " " + c.State
		}
		out[c.VM+" "+c.Host] = text
	}
	cluster, _ := e.farm.Hosts()[1].Cluster()
	for _, role := range cluster.Roles {
		if e.scenes[role.VM].healthy {
			out["role "+role.VM] = role.State
		}
	}
	return out
}

// Whatever is cleaned, in whichever order and with whatever getting lost on the
// way, nothing that is wanted is touched: judged by the simulated world itself.
func TestOrphansAreCleanedByGroundTruth(t *testing.T) {
	first, seeds := uint64(1), uint64(6)
	if text := os.Getenv("LIFEBOAT_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
		first, seeds = n, 1
	}
	for seed := first; seed < first+seeds; seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			playOrphans(t, seed)
		})
	}
}

func playOrphans(t *testing.T, seed uint64) {
	e := newOrphanEstate(t, seed)
	down := e.farm.Hosts()[e.rand.IntN(2)].Name()
	e.fate(down, "down")
	blind, err := e.acts.OrphanLook(t.Context())
	require.NoError(t, err)
	for _, f := range blind.Picture.Findings {
		require.NotContains(t, []plans.OrphanKind{plans.OrphanPrimaryGone, plans.OrphanReplicaGone, plans.OrphanFiles, plans.OrphanRole}, f.Kind, "seed %d: with %s down", seed, down)
	}
	e.fate(down, "")
	look, err := e.acts.OrphanLook(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, len(slices.DeleteFunc(slices.Clone(look.Picture.Findings), func(f plans.Orphan) bool { return f.Kind != plans.OrphanRole })), "seed %d", seed)
	before := e.lasting()
	cleaned := map[string]plans.Verdict{}
	order := e.rand.Perm(len(look.Picture.Findings))
	for n, i := range order {
		f := look.Picture.Findings[i]
		require.False(t, e.scenes[f.VM].healthy && f.Verb != "" && f.Kind != plans.OrphanFiles, "seed %d: %s of a VM that is well (%s)", seed, f.Kind, e.scenes[f.VM].name)
		require.NotEqual(t, "a role whose configuration is offline", e.scenes[f.VM].name, "seed %d: %s of a VM that its cluster may bring back", seed, f.Kind)
		if f.Verb == "" {
			continue
		}
		fate := []string{"", "", "", "lost before", "lost after"}[e.rand.IntN(5)]
		e.fate(f.Host, fate)
		out, err := e.acts.OrphanAct(t.Context(), activities.OrphanActIn{Run: "orphans", Orphan: f, By: "test", Now: time.Unix(int64(n), 0).UTC()})
		e.fate(f.Host, "")
		require.NoError(t, err)
		cleaned[f.ID] = out.Verdict
		t.Logf("seed %d: %s of %s at %s, %s: %s %s", seed, out.Verb, e.scenes[f.VM].name, f.Host, orNo(fate), out.Verdict, out.Text)
		want := plans.VerdictDone
		if fate == "lost before" {
			want = plans.VerdictRefused
		}
		require.Equal(t, want, out.Verdict, "seed %d: %s", seed, f.Kind)
	}
	again, err := e.acts.OrphanLook(t.Context())
	require.NoError(t, err)
	for id, verdict := range cleaned {
		_, still := again.Picture.Find(id)
		require.False(t, still && verdict == plans.VerdictDone, "seed %d: %s is said to be done", seed, id)
	}
	require.Equal(t, before, e.lasting(), "seed %d: something that was to stay has changed", seed)
	require.Empty(t, e.farm.State().Violations, "seed %d", seed)
	e.undo(t, again.Picture)
}

func orNo(text string) string {
	if text == "" {
		return "nothing lost"
	}
	return text
}

// undo takes all out of quarantine that can be, and it is where it was.
func (e *orphanEstate) undo(t *testing.T, p plans.OrphanPicture) {
	for n, q := range p.Kept {
		if q.Original == "" {
			continue
		}
		out, err := e.acts.OrphanAct(t.Context(), activities.OrphanActIn{
			Run: "orphans", Undo: true, By: "test", Now: time.Unix(int64(1000+n), 0).UTC(),
			Orphan: plans.Orphan{ID: q.ID, Kind: plans.OrphanFiles, Host: q.Host, VM: q.VM, Path: q.Path},
		})
		require.NoError(t, err)
		require.Equal(t, plans.VerdictDone, out.Verdict, out.Text)
		var host *hypervisor.Host
		for _, h := range e.farm.Hosts() {
			if h.Name() == q.Host {
				host = h
			}
		}
		files, err := host.Files(q.Original, true)
		require.NoError(t, err)
		require.NotEmpty(t, files)
	}
}

// An answer that an engine's end has swallowed is not asked for again: the second
// attempt reads what the first has done.
func TestACleanUpIsNotRepeatedAfterAKill(t *testing.T) {
	e := newOrphanEstate(t, 99)
	look, err := e.acts.OrphanLook(t.Context())
	require.NoError(t, err)
	i := slices.IndexFunc(look.Picture.Findings, func(f plans.Orphan) bool { return f.Kind == plans.OrphanFiles && f.Verb != "" })
	require.GreaterOrEqual(t, i, 0)
	in := activities.OrphanActIn{Run: "orphans", Orphan: look.Picture.Findings[i], By: "test", Now: time.Unix(7, 0).UTC()}
	first, err := e.acts.OrphanAct(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, plans.VerdictDone, first.Verdict, first.Text)
	moves := func() (n int) {
		for _, entry := range e.farm.Ledger(0) {
			if entry.What == "file" && strings.Contains(entry.To, "quarantine") {
				n++
			}
		}
		return n
	}
	was := moves()
	second, err := e.acts.OrphanAct(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, plans.VerdictDone, second.Verdict, second.Text)
	require.Equal(t, "no-answer", second.Act.Outcome)
	require.Equal(t, was, moves())
	in.Now = in.Now.Add(time.Second)
	third, err := e.acts.OrphanAct(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, plans.VerdictRefused, third.Verdict, "somebody asks again for what is done")
	require.Nil(t, third.Act)
	var text bytes.Buffer
	require.NoError(t, json.NewEncoder(&text).Encode(third))
	require.Contains(t, text.String(), "Nothing was changed")
}

// An undo whose answer an engine's end has swallowed is verified, not repeated.
func TestAnUndoIsNotRepeatedAfterAKill(t *testing.T) {
	e := newOrphanEstate(t, 99)
	look, err := e.acts.OrphanLook(t.Context())
	require.NoError(t, err)
	i := slices.IndexFunc(look.Picture.Findings, func(f plans.Orphan) bool { return f.Kind == plans.OrphanFiles && f.Verb != "" })
	require.GreaterOrEqual(t, i, 0)
	id := look.Picture.Findings[i].ID
	out, err := e.acts.OrphanAct(t.Context(), activities.OrphanActIn{Run: "orphans", Orphan: look.Picture.Findings[i], By: "test", Now: time.Unix(7, 0).UTC()})
	require.NoError(t, err)
	require.Equal(t, plans.VerdictDone, out.Verdict, out.Text)
	look, err = e.acts.OrphanLook(t.Context())
	require.NoError(t, err)
	q, kept := look.Picture.InQuarantine(id)
	require.True(t, kept)
	in := activities.OrphanActIn{Run: "orphans", Undo: true, By: "test", Now: time.Unix(8, 0).UTC(), Orphan: plans.Orphan{
		ID: q.ID, Kind: plans.OrphanFiles, Host: q.Host, VM: q.VM, Path: q.Path, Paths: []string{q.Original},
	}}
	for _, outcome := range []string{"done", "no-answer"} {
		out, err = e.acts.OrphanAct(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, plans.VerdictDone, out.Verdict, out.Text)
		require.Equal(t, outcome, out.Act.Outcome)
	}
}

// The clock of a host that is no lab's is compared with ours.
func TestAClockThatIsOffIsNoticed(t *testing.T) {
	e := newOrphanEstate(t, 7)
	estate := e.acts.Orphans.Estate
	e.acts.Orphans.Estate = func() plans.OrphanEstate {
		out := estate()
		out.Simulated = false // its hosts live in another year
		return out
	}
	look, err := e.acts.OrphanLook(t.Context())
	require.NoError(t, err)
	for _, f := range look.Picture.Findings {
		require.NotEqual(t, plans.OrphanFiles, f.Kind)
	}
	require.True(t, slices.ContainsFunc(look.Picture.Quiet, func(q plans.OrphanQuiet) bool { return strings.Contains(q.Why, "the clock of") }))
}

// A clean-up that an operation waits for does not go on looking at a host that hangs.
func TestACleanUpThatGivesWayEndsSoon(t *testing.T) {
	e := newOrphanEstate(t, 99)
	look, err := e.acts.OrphanLook(t.Context())
	require.NoError(t, err)
	i := slices.IndexFunc(look.Picture.Findings, func(f plans.Orphan) bool { return f.Kind == plans.OrphanFiles && f.Verb != "" })
	require.GreaterOrEqual(t, i, 0)
	f := look.Picture.Findings[i]
	e.fate(f.Host, "then hang")
	ctx, giveWay := context.WithCancel(t.Context())
	var out activities.OrphanActOut
	ended := make(chan error, 1)
	go func() {
		var err error
		out, err = e.acts.OrphanAct(ctx, activities.OrphanActIn{Run: "orphans", Orphan: f, By: "test", Now: time.Unix(7, 0).UTC()})
		ended <- err
	}()
	require.Eventually(t, func() bool {
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.luck[f.Host] == "hang"
	}, time.Minute, time.Millisecond)
	giveWay()
	select {
	case err := <-ended:
		require.NoError(t, err)
		require.Equal(t, plans.VerdictUnknown, out.Verdict, out.Text)
	case <-time.After(time.Minute):
		t.Fatal("it keeps the VM")
	}
}
