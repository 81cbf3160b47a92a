package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/channels"
	"github.com/lifeboat-dr/lifeboat/activities/journal"
	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// serveAlerts adds what people were told, a test of a channel, and silences.
func (a *api) serveAlerts(mux *http.ServeMux) {
	with := func(do func(*alerts, http.ResponseWriter, *http.Request)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if desk := a.alerts.Load(); desk != nil {
				do(desk, w, r)
				return
			}
			http.Error(w, "the engine is starting", http.StatusServiceUnavailable)
		}
	}
	mux.HandleFunc("GET /v1/alerts", with(func(desk *alerts, w http.ResponseWriter, _ *http.Request) {
		v, err := desk.view()
		answer(w, v, err)
	}))
	mux.HandleFunc("POST /v1/alerts/test", with((*alerts).serveTest))
	mux.HandleFunc("POST /v1/alerts/silence", with((*alerts).serveSilence))
}

func (a *alerts) serveTest(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	target := plans.AlertTarget{Channel: q.Get("channel"), Address: q.Get("address")}
	if _, ok := a.now().Config.Channel(target.Channel); !ok {
		http.Error(w, fmt.Sprintf("the engine has no channel %q", target.Channel), http.StatusNotFound)
		return
	}
	id, now := "", time.Now().UTC()
	err := a.journal.Alerts(func(d *plans.AlertDesk) { id = d.Test(target, q.Get("by"), now) })
	a.hurry()
	answer(w, map[string]string{"id": id}, err)
}

// serveSilence silences a plan until a time; a time that is over ends it.
func (a *alerts) serveSilence(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	until, err := time.Parse(time.RFC3339, q.Get("until"))
	if err != nil {
		http.Error(w, "until must be a time", http.StatusBadRequest)
		return
	}
	err = a.journal.Alerts(func(d *plans.AlertDesk) {
		if d.Silences == nil {
			d.Silences = map[string]plans.Silence{}
		}
		d.Silences[q.Get("plan")] = plans.Silence{Until: until, By: q.Get("by"), Reason: q.Get("reason")}
		if !until.After(time.Now()) {
			delete(d.Silences, q.Get("plan"))
		}
	})
	answer(w, map[string]any{"plan": q.Get("plan"), "until": until}, err)
}

// ReadAlerts reads what people were told and what waits: from the engine, or
// from the file of one that does not run, by the configuration cfg.
func ReadAlerts(ctx context.Context, data string, cfg *Configuration) (plans.AlertsView, error) {
	return read(ctx, data, "/v1/alerts", nil, func(j *journal.Journal) (plans.AlertsView, error) {
		desk, err := j.AlertDesk()
		if err != nil {
			return plans.AlertsView{}, err
		}
		policy := plans.AlertPolicy{Zone: time.UTC}
		if cfg != nil {
			policy = plans.AlertPolicyOf(cfg.Config, cfg.Speed())
		}
		return desk.View(policy, time.Now().UTC()), nil
	})
}

// Silence asks the engine to send nothing about a plan until a time.
func Silence(ctx context.Context, data, plan string, until time.Time, by, reason string) error {
	engine, err := control.ReadEngine(data)
	if err != nil {
		return err
	}
	var said map[string]any
	query := url.Values{"plan": {plan}, "until": {until.UTC().Format(time.RFC3339)}, "by": {by}, "reason": {reason}}
	return control.Post(ctx, engine, "/v1/alerts/silence", query, &said)
}

// testLimit bounds the wait for the outcome of a test.
const testLimit = time.Minute

// ErrNotTold says that a test message did not arrive.
var ErrNotTold = errors.New("it did not arrive")

// TestChannel sends a message that only shows that a channel works, through the
// engine of a data folder: its environment holds the secrets. Without an engine
// this process sends it, and direct is true.
func TestChannel(ctx context.Context, data string, cfg *Configuration, target plans.AlertTarget, by string) (direct bool, err error) {
	engine, err := control.ReadEngine(data)
	if err != nil || engine.Gone() {
		return true, sendTest(ctx, cfg, target, by)
	}
	var said struct {
		ID string `json:"id"`
	}
	query := url.Values{"channel": {target.Channel}, "address": {target.Address}, "by": {by}}
	if err := control.Post(ctx, engine, "/v1/alerts/test", query, &said); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, testLimit)
	defer cancel()
	for {
		var v plans.AlertsView
		if err := control.Get(ctx, engine, "/v1/alerts", nil, &v); err != nil {
			return false, err
		}
		if m, ok := v.Find(said.ID); ok {
			switch d := m.Deliveries[0]; {
			case !d.Sent.IsZero():
				return false, nil
			case !d.Lost.IsZero():
				return false, fmt.Errorf("%w: %s", ErrNotTold, d.Error)
			}
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("%w within %s: lifeboat alerts list", ErrNotTold, testLimit)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func sendTest(ctx context.Context, cfg *Configuration, target plans.AlertTarget, by string) error {
	h := newHosts(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))
	machine, _ := os.Hostname()
	sender := channels.Sender{Engine: machine, Secrets: secrets{cfg.Dir}.resolve, ReadFile: func(name string) ([]byte, error) { return os.ReadFile(h.path(name)) }}
	now := time.Now().UTC()
	m := plans.TestAlert(by, now)
	m.ID = fmt.Sprintf("test-%x", now.UnixNano())
	if err := sender.Send(ctx, plans.AlertPolicyOf(cfg.Config, cfg.Speed()), plans.Parcel{Message: m, Target: target}, now); err != nil {
		return fmt.Errorf("%w: %w", ErrNotTold, err)
	}
	return nil
}
