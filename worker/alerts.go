package worker

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/activities/channels"
	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/metrics"
)

const (
	// alertEvery is how often it is looked at what is wrong, in a lab divided by
	// its speed; sendEvery how often at what is due.
	alertEvery = 5 * time.Second
	sendEvery  = time.Second
)

// alerts tells people what is wrong. What was told, and what waits to be sent,
// is in the journal before anything is sent: a kill at any moment loses nothing,
// and repeats at most a message under its own id.
type alerts struct {
	journal *journal.Journal
	lookout *lookout
	runs    *alertRuns
	// trouble is what is wrong with the engine itself.
	trouble func() []plans.Problem
	// canaries is where canaries stand; nil without any.
	canaries func() ([]plans.CanaryState, error)
	sender   channels.Sender
	log      *slog.Logger
	began    time.Time
	wake     chan struct{}

	mu     sync.Mutex
	policy plans.AlertPolicy
	busy   map[string]bool // channels that a message is on its way to
	tries  map[string]*tries
	beat   *plans.HeartbeatHealth
	asked  time.Time // when the heartbeat was due last
	failed error     // why what is wrong could not be written down
	cancel context.CancelFunc
	loops  sync.WaitGroup
}

func newAlerts(o Options, l *lookout, h *hosts) *alerts {
	machine, _ := os.Hostname()
	a := &alerts{
		journal: o.Folder.Journal, lookout: l, log: o.Log, began: time.Now(), wake: make(chan struct{}, 1), busy: map[string]bool{}, tries: map[string]*tries{},
		trouble: func() []plans.Problem { return nil },
		sender: channels.Sender{
			Engine: machine, Secrets: secrets{o.Configuration.Dir}.resolve,
			ReadFile: func(name string) ([]byte, error) { return os.ReadFile(h.path(name)) },
		},
	}
	a.adopt(o.Configuration)
	return a
}

// adopt goes on with a changed configuration.
func (a *alerts) adopt(cfg *Configuration) {
	a.mu.Lock()
	a.policy = plans.AlertPolicyOf(cfg.Config, cfg.Speed())
	a.mu.Unlock()
	a.hurry()
}

func (a *alerts) now() plans.AlertPolicy {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.policy
}

// hurry lets the sending loop look at once.
func (a *alerts) hurry() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

func (a *alerts) start(runs *alertRuns, trouble func() []plans.Problem) {
	a.runs, a.trouble = runs, trouble
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.loops.Go(func() { a.watch(ctx) })
	a.loops.Go(func() { a.deliver(ctx) })
}

// stop ends the loops; a message under way is given up and sent again later. A
// server that hangs is not waited for longer than ctx.
func (a *alerts) stop(ctx context.Context) {
	if a.cancel == nil {
		return
	}
	a.cancel()
	ended := make(chan struct{})
	go func() {
		a.loops.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
}

// watch looks at what is wrong, over and over.
func (a *alerts) watch(ctx context.Context) {
	for {
		if p := a.now(); p.Config != nil {
			a.look(ctx, p)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(sendEvery, time.Duration(float64(alertEvery)/a.lookout.configuration().Speed()))):
		}
	}
}

// look takes what is seen now into the journal. The heartbeat goes out only when
// that worked: an engine whose disk is full is silent, and silence alarms.
func (a *alerts) look(ctx context.Context, p plans.AlertPolicy) {
	look := a.seen(ctx, p, time.Now())
	if ctx.Err() != nil {
		return
	}
	now := time.Now().UTC()
	err := a.journal.Alerts(func(d *plans.AlertDesk) { d.Step(p, look, now) })
	if err != nil && a.failed == nil {
		a.log.Error("nobody can be told what is wrong: it cannot be written down", "error", err)
	}
	a.failed = err
	if err == nil {
		a.hurry()
		a.heartbeat(ctx, p)
	}
}

// seen is what there is to tell about: plans, runs, the engine.
func (a *alerts) seen(ctx context.Context, p plans.AlertPolicy, now time.Time) plans.AlertLook {
	var look plans.AlertLook
	trouble := a.trouble()
	hushed := map[string]bool{}
	desk, err := a.journal.AlertDesk()
	if err == nil && a.runs != nil {
		err = a.runs.look(ctx, p, desk, &look, hushed)
	}
	if err != nil {
		look.Unseen = append(look.Unseen, "run/")
		trouble = append(trouble, plans.Problem{Key: "runs", What: "the runs cannot be read: " + err.Error(), Means: "a run that waits for a person would not be told of", Do: "look at lifeboat.log and temporal.log, then start the engine again"})
	}
	// A host that was not asked since the start says nothing yet; one that hangs
	// is not waited for.
	young := now.Sub(a.began) < p.After+time.Minute
	for _, r := range a.lookout.all(now) {
		if young && !a.lookout.looked(r) {
			look.Unseen = append(look.Unseen, "plan/"+r.Plan)
			continue
		}
		look.Watched = append(look.Watched, p.WatchPlan(r, hushed[r.Plan]))
	}
	if a.canaries != nil {
		states, err := a.canaries()
		if err != nil {
			look.Unseen = append(look.Unseen, "canary/")
		}
		for _, s := range states {
			look.Watched = append(look.Watched, p.WatchCanary(s))
		}
	}
	if h := a.heartHealth(); h != nil && !h.Failing.IsZero() {
		trouble = append(trouble, plans.Problem{Key: "heartbeat", What: "its heartbeat does not arrive: " + h.Error, Means: "its silence alarms elsewhere, or no longer would", Do: "lifeboat alerts list", Since: h.Failing})
	}
	look.Watched = append(look.Watched, p.WatchEngine(trouble))
	return look
}

// heartbeat says that the engine watches, when that is due. Nothing waits for it.
func (a *alerts) heartbeat(ctx context.Context, p plans.AlertPolicy) {
	h := p.Config.Heartbeat
	a.mu.Lock()
	defer a.mu.Unlock()
	if h == nil {
		a.beat = nil
		return
	}
	if a.beat == nil {
		a.beat = &plans.HeartbeatHealth{}
	}
	if a.busy["\x00heartbeat"] || time.Since(a.asked) < h.Every.D() {
		return
	}
	a.busy["\x00heartbeat"], a.asked = true, time.Now()
	a.loops.Go(func() {
		err := a.sender.Beat(ctx, h)
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.busy, "\x00heartbeat")
		now := time.Now().UTC()
		switch {
		case err == nil:
			a.beat = &plans.HeartbeatHealth{Sent: now}
		case ctx.Err() == nil:
			failing := *a.beat
			if failing.Error = err.Error(); failing.Failing.IsZero() {
				failing.Failing = now
			}
			a.beat = &failing
		}
	})
}

func (a *alerts) heartHealth() *plans.HeartbeatHealth {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.beat
}

// deliver sends what is due, over and over; no channel waits for another.
func (a *alerts) deliver(ctx context.Context) {
	for {
		if p := a.now(); p.Config != nil {
			a.sendDue(ctx, p)
		}
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		case <-time.After(sendEvery):
		}
	}
}

func (a *alerts) sendDue(ctx context.Context, p plans.AlertPolicy) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// Read while nobody can say that a channel is free again: what has just
	// arrived must not look as if it were still to be sent.
	desk, err := a.journal.AlertDesk()
	if err != nil {
		a.log.Error("what is to be sent cannot be read", "error", err)
		return
	}
	for _, parcel := range desk.Due(p, maps.Clone(a.busy), time.Now()) {
		a.busy[parcel.Target.Channel] = true
		a.loops.Go(func() {
			a.send(ctx, p, parcel)
			a.mu.Lock()
			delete(a.busy, parcel.Target.Channel)
			a.mu.Unlock()
			a.hurry()
		})
	}
}

// send carries one message and writes down what became of it. What cannot be
// written down is sent again, under the same id.
func (a *alerts) send(ctx context.Context, p plans.AlertPolicy, parcel plans.Parcel) {
	sent := a.sender.Send(ctx, p, parcel, time.Now())
	if sent != nil && ctx.Err() != nil {
		return // the engine stops: nothing is known of the channel
	}
	a.count(parcel.Target.Channel, sent == nil)
	id, target, now, lost := parcel.Message.ID, parcel.Target, time.Now().UTC(), false
	err := a.journal.Alerts(func(d *plans.AlertDesk) {
		if sent == nil {
			d.Delivered(id, target, now)
		} else {
			lost = d.Failed(id, target, sent.Error(), now)
		}
	})
	if sent != nil {
		a.log.Warn("a message does not arrive", "channel", target.String(), "message", id, "error", sent)
	}
	if lost && parcel.Message.Kind != plans.AlertTest {
		text := fmt.Sprintf("Nobody was told by %s: %s. It was given up: %s", target, parcel.Message.Title, sent)
		if noted := a.journal.Note("alert "+id, text); noted != nil {
			err = noted
		}
	}
	if err != nil {
		a.log.Error("it cannot be written down what became of a message: it may be sent again", "message", id, "error", err)
	}
}

// tries are what became of messages on a channel since the engine began.
type tries struct{ sent, failed int64 }

func (a *alerts) count(channel string, taken bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.tries[channel] == nil {
		a.tries[channel] = &tries{}
	}
	if taken {
		a.tries[channel].sent++
	} else {
		a.tries[channel].failed++
	}
}

// channels are what metrics tell of the channels of the configuration; none when
// the journal cannot be read.
func (a *alerts) channels() []metrics.Channel {
	view, err := a.view()
	if err != nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []metrics.Channel
	for _, c := range view.Channels {
		one := metrics.Channel{Name: c.Name, Waiting: c.Waiting, Failing: !c.Failing.IsZero()}
		if n := a.tries[c.Name]; n != nil {
			one.Sent, one.Failed = n.sent, n.failed
		}
		out = append(out, one)
	}
	return out
}

// tell keeps a run's words to people in the journal and lets them be sent, both
// once however often it is asked.
func (a *alerts) tell(in activities.NotifyIn) error {
	p, now := a.now(), time.Now().UTC()
	err := a.journal.Tell(in.Run, in.Text, func(d *plans.AlertDesk) {
		if p.Config != nil {
			d.Notify(p, in.Run, in.Plan, in.Text, in.To, !in.Calm, now)
		}
	})
	a.hurry()
	return err
}

// view is what people look at.
func (a *alerts) view() (plans.AlertsView, error) {
	desk, err := a.journal.AlertDesk()
	if err != nil {
		return plans.AlertsView{}, err
	}
	v := desk.View(a.now(), time.Now().UTC())
	v.Live, v.Heartbeat = true, a.heartHealth()
	return v, nil
}

// looked is true when every host of a report was asked since the start.
func (l *lookout) looked(r plans.ReadyReport) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range r.Hosts {
		if _, asked := l.seen[h.Name]; !asked {
			return false
		}
	}
	return true
}

// trouble is a changed configuration that the engine does not use, and schedules
// that measure nothing.
func (w *watch) trouble() []plans.Problem {
	l := w.schedules()
	w.mu.Lock()
	out := slices.Clone(w.silent)
	w.mu.Unlock()
	if l.Problem != "" {
		first, _, _ := strings.Cut(l.Problem, "\n")
		out = append(out, plans.Problem{Key: "configuration", What: "the changed configuration is not used: " + first, Means: "the engine goes on with the one before", Do: "lifeboat plan validate", Since: l.Since})
	}
	return out
}
