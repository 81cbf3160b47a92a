package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// watchHost answers one question of a schedule.
type watchHost struct {
	result string
	err    error
	asked  int
}

func (h *watchHost) Host() string { return "HQ1" }

func (h *watchHost) Run(ctx context.Context, c hyperv.Call) (hyperv.Answer, error) {
	h.asked++
	if c.Function != "Get-LifeboatReplication" {
		return hyperv.Answer{}, fmt.Errorf("asked %s", c.Function)
	}
	if h.err != nil {
		return hyperv.Answer{}, h.err
	}
	return hyperv.Answer{Outcome: hyperv.OutcomeDone, Result: json.RawMessage(h.result)}, nil
}

// kept is a History that remembers.
type kept struct {
	ticks []plans.HostTick
	whys  []string
	ended []plans.ScheduleID
	err   error
}

func (k *kept) Tick(_ plans.HostSchedule, t plans.HostTick) (plans.TickResult, error) {
	k.ticks = append(k.ticks, t)
	return plans.TickResult{Reached: true}, k.err
}

func (k *kept) NoTick(_ plans.HostSchedule, _ time.Time, why string) (plans.TickResult, error) {
	k.whys = append(k.whys, why)
	return plans.TickResult{Why: why}, k.err
}

func (k *kept) EndSchedule(id plans.ScheduleID) error {
	k.ended = append(k.ended, id)
	return k.err
}

func watcher(h *watchHost, k *kept, speed float64) *Activities {
	s := plans.HostSchedule{ScheduleID: plans.ScheduleID{Host: "HQ1", Frequency: plans.Frequency(30 * time.Second)}, Every: 30 * time.Second, Speed: speed,
		Legs: []plans.WatchedLeg{{VM: vmID, Leg: plans.FirstLeg, From: "HQ1", To: "DR1"}}}
	return New(Deps{
		Hosts: func(string) (*hyperv.Host, error) { return hyperv.New(h), nil }, History: k, Log: slog.New(slog.DiscardHandler),
		Schedule: func(id plans.ScheduleID) (plans.HostSchedule, bool) { return s, id == s.ScheduleID },
	})
}

func watchAnswer() string {
	clock := time.Now().Add(75 * time.Second).UTC()
	return fmt.Sprintf(`{"utc":%q,"copies":[{"vm":%q,"mode":"Primary","state":"Replicating","health":"Warning","relations":[`+
		`{"relationship":"Simple","state":"Replicating","health":"Warning","primaryServer":"a","replicaServer":"b","frequencySec":30,"recoveryHistory":2,`+
		`"vssEnabled":false,"vssHours":4,"compression":true,"auth":"Kerberos","thumbprint":"","port":80,"replicated":[],"excluded":[],"lastReplication":%q,"pendingBytes":7,"missed":3,`+
		`"succeeded":4,"errors":0,"monitoringStart":null}],"problems":[]}],"missing":[]}`,
		clock.Format(time.RFC3339Nano), vmID, clock.Add(-40*time.Second).Format(time.RFC3339Nano))
}

func TestWatchTick(t *testing.T) {
	id := WatchTickIn{ScheduleID: plans.ScheduleID{Host: "HQ1", Frequency: plans.Frequency(30 * time.Second)}}
	h, k := &watchHost{result: watchAnswer()}, &kept{}
	if r, err := watcher(h, k, 1).WatchTick(t.Context(), id); err != nil || !r.Reached || h.asked != 1 || len(k.ticks) != 1 {
		t.Fatalf("%+v, %v, asked %d", r, err, h.asked)
	}
	tick := k.ticks[0]
	w := tick.Copies[0].Relations[0]
	if age := tick.Clock.Sub(w.LastReplication); age != 40*time.Second || *w.Missed != 3 || w.AppHours != 0 || *w.Pending != 7 {
		t.Errorf("age %s, %+v", age, w)
	}
	if tick.Skew == nil || tick.Skew.D() < 60*time.Second || tick.Skew.D() > 80*time.Second {
		t.Errorf("skew %v, want about 75s", tick.Skew)
	}
	// A lab has a calendar of its own.
	lab := watcher(h, k, 60)
	lab.Simulated = true
	if _, err := lab.WatchTick(t.Context(), id); err != nil || k.ticks[1].Skew != nil {
		t.Errorf("skew %v, %v", k.ticks[1].Skew, err)
	}
	if r, err := watcher(h, k, 1).WatchTick(t.Context(), WatchTickIn{ScheduleID: plans.ScheduleID{Host: "HQ1"}}); err != nil || !r.Gone || h.asked != 2 || len(k.ended) != 1 {
		t.Errorf("gone: %+v, %v, asked %d", r, err, h.asked)
	}
	id.Only = true
	if r, err := watcher(h, k, 1).WatchTick(t.Context(), id); err != nil || r.Gone || r.Every != 30*time.Second || h.asked != 2 {
		t.Errorf("only asked whether it is wanted: %+v, %v, asked %d", r, err, h.asked)
	}
}

func TestWatchTickOfAHostThatIsAway(t *testing.T) {
	id := WatchTickIn{ScheduleID: plans.ScheduleID{Host: "HQ1", Frequency: plans.Frequency(30 * time.Second)}}
	h, k := &watchHost{err: &hyperv.NotSentError{Reason: "the logon was refused", Hint: "check the password", Err: errors.New("401")}}, &kept{}
	if r, err := watcher(h, k, 1).WatchTick(t.Context(), id); err != nil || r.Reached || len(k.whys) != 1 || k.whys[0] != "the logon was refused; check the password" {
		t.Errorf("%+v, %v, %q", r, err, k.whys)
	}
	// An answer that is not as agreed is no answer.
	h = &watchHost{result: `{"utc":"2026-03-01T00:00:00Z","copies":[],"missing":[]}`}
	if _, err := watcher(h, k, 1).WatchTick(t.Context(), id); err != nil || len(k.whys) != 2 || len(k.ticks) != 0 {
		t.Errorf("%v, %q", err, k.whys)
	}
	// An engine that stops says nothing of the host.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := watcher(&watchHost{err: ctx.Err()}, k, 1).WatchTick(ctx, id); !errors.Is(err, context.Canceled) || len(k.whys) != 2 {
		t.Errorf("%v, %q", err, k.whys)
	}
	k.err = errors.New("disk full")
	if _, err := watcher(&watchHost{result: watchAnswer()}, k, 1).WatchTick(t.Context(), id); !errors.Is(err, k.err) {
		t.Errorf("%v", err)
	}
}
