package worker

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/testenv/people"
)

const alertsSite = `version: 1
lab: {speed: 10000}
sites: [{name: hq}, {name: dr, engine: true}]
hosts:
  - {name: A, site: hq, address: 10.0.0.1, winrm: {user: u, secret: env:A}}
  - {name: B, site: dr, address: 10.0.0.2, winrm: {user: u, secret: env:B}}
groups:
  - {name: g, from: A, to: B, frequency: 5m, vms: [{name: DB, id: 0f6c3a52-9a33-4a53-9f6d-3f9c8f6d0a01}]}
alerts:
  to: [hook]
  heartbeat: {secret: file:heart, every: 1s, plaintext: true}
  channels:
    - {name: hook, webhook: {secret: file:hook, plaintext: true}}
`

// desk is a working alert desk of an engine whose trouble the test decides.
func desk(t *testing.T, change ...func(*alerts)) (a *alerts, hook, heart *people.Web, trouble *atomic.Bool) {
	t.Helper()
	dir := t.TempDir()
	hook, heart, trouble = people.NewWeb(true), people.NewWeb(true), &atomic.Bool{}
	t.Cleanup(hook.Close)
	t.Cleanup(heart.Close)
	write(t, filepath.Join(dir, "hook"), hook.URL()+"/hook", 0o600)
	write(t, filepath.Join(dir, "heart"), heart.URL()+"/heart", 0o600)
	write(t, filepath.Join(dir, "lifeboat.yaml"), alertsSite, 0o600)
	cfg, err := LoadConfiguration(dir)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := ClaimFolder(filepath.Join(dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Release() })
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	nobody := func(string) (*hyperv.Host, error) { return nil, os.ErrNotExist }
	l := newLookout(cfg, nobody, func() ([]plans.Report, error) { return nil, nil })
	a = newAlerts(Options{Configuration: cfg, Folder: folder, Log: log}, l, newHosts(cfg, log))
	for _, c := range change {
		c(a)
	}
	a.start(nil, func() []plans.Problem {
		if trouble.Load() {
			return []plans.Problem{{Key: "x", What: "something of the engine"}}
		}
		return nil
	})
	t.Cleanup(func() { a.stop(t.Context()) })
	return a, hook, heart, trouble
}

func eventually(t *testing.T, what string, fact func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		if fact() {
			return
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatalf("waited for: %s", what)
}

func TestTheEnginesOwnTroubleIsTold(t *testing.T) {
	a, hook, _, trouble := desk(t)
	says := func(n int, words string) func() bool {
		return func() bool { got := hook.Got(); return len(got) == n && strings.Contains(string(got[n-1].Body), words) }
	}
	trouble.Store(true)
	eventually(t, "the trouble is told", says(1, "something of the engine"))
	trouble.Store(false)
	eventually(t, "it is over", says(2, "The engine is well again"))
	for range 3 {
		if err := a.tell(activities.NotifyIn{Run: "r", Plan: "p", Text: "we run at DR", To: []string{"staff"}}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "a notice", says(3, "we run at DR"))
	eventually(t, "all of it is on record", func() bool {
		v, err := a.view()
		return err == nil && v.Live && len(v.Told) == 3 && len(v.Waiting) == 0 && !v.Channels[0].Sent.IsZero() && v.Heartbeat != nil
	})
}

// An engine that cannot write down what it sees does not say that it watches.
// A canary that does not pass is told once, and again when it passes; what cannot
// be read is no news.
func TestACanaryThatFailsIsTold(t *testing.T) {
	var night atomic.Pointer[plans.CanaryResult]
	var unread atomic.Bool
	var blind atomic.Int32
	_, hook, _, _ := desk(t, func(a *alerts) {
		a.canaries = func() ([]plans.CanaryState, error) {
			s := plans.CanaryState{Canary: plans.Canary{Name: "nightly", Host: "A", To: "B"}}
			if r := night.Load(); r != nil {
				s.Results = []plans.CanaryResult{*r}
			}
			if unread.Load() {
				blind.Add(1)
				return nil, os.ErrNotExist
			}
			return []plans.CanaryState{s}, nil
		}
	})
	told := func(words string) func() bool {
		return func() bool {
			all := hook.Got()
			return len(all) > 0 && strings.Contains(string(all[len(all)-1].Body), words)
		}
	}
	night.Store(&plans.CanaryResult{Canary: "nightly", Verdict: plans.VerdictStopped, Step: "fail-over", Why: "refused by B", Ended: time.Now()})
	eventually(t, "it failed", told("refused by B"))
	unread.Store(true)
	eventually(t, "it looked in vain", func() bool { return blind.Load() > 2 })
	unread.Store(false)
	night.Store(&plans.CanaryResult{Canary: "nightly", Verdict: plans.VerdictDone, Ended: time.Now()})
	eventually(t, "it passes again", told("Canary nightly passes again"))
	if n := len(hook.Got()); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

func TestTheHeartbeatEndsWithTheJournal(t *testing.T) {
	a, _, heart, _ := desk(t)
	eventually(t, "it beats", func() bool { return len(heart.Got()) >= 2 })
	if err := a.journal.Close(); err != nil {
		t.Fatal(err)
	}
	beats, since := len(heart.Got()), time.Now()
	eventually(t, "it is silent for three beats", func() bool {
		if n := len(heart.Got()); n != beats {
			beats, since = n, time.Now()
		}
		return time.Since(since) > 3*time.Second
	})
}

// Who does not take the heartbeat is told of like any other trouble.
func TestAHeartbeatThatFailsIsTold(t *testing.T) {
	_, hook, heart, _ := desk(t)
	heart.Answers(404, "no such check")
	eventually(t, "the heartbeat's failure is told", func() bool {
		got := hook.Got()
		return len(got) > 0 && strings.Contains(string(got[0].Body), "its heartbeat does not arrive: it answered 404 Not Found")
	})
}
