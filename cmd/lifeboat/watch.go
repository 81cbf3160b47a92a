package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

const (
	// watchEvery is how often a run is looked at while somebody watches.
	watchEvery = 500 * time.Millisecond
	// blindLimit is how long a run may not be read before watching ends: an engine
	// that has too much to do answers again.
	blindLimit = time.Minute
)

// statusSource answers with a run's present picture.
type statusSource func(ctx context.Context) (plans.RunStatus, error)

// watcher prints what happens in a run as plain lines, each once, so that it
// reads the same on a terminal, in a pipe and in a log.
type watcher struct {
	t      terminal
	seen   map[string]bool
	asked  map[string]bool
	footer string
	// auto is true when a lab operator answers manual steps.
	auto bool
	// answer is called for each new question, or the same one about several VMs;
	// nil leaves them to others.
	answer func(ctx context.Context, s plans.RunStatus, group []plans.Question) error
}

func newWatcher(t terminal) *watcher {
	return &watcher{t: t, seen: map[string]bool{}, asked: map[string]bool{}}
}

// follow prints until the run has ended and returns its last picture. When the
// context ends first, or the run could not be read for blindLimit, it says how to
// look again.
func (w *watcher) follow(ctx context.Context, source statusSource) (plans.RunStatus, error) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last plans.RunStatus
	read, lost := time.Now(), false
	for {
		s, err := source(ctx)
		switch {
		case ctx.Err() != nil:
			return last, w.away(last)
		case err == nil:
			if lost {
				w.line(time.Now(), fmt.Sprintf("%-10s answers again; the run goes on", "ENGINE"))
			}
			last, read, lost = s, time.Now(), false
			if err := w.show(ctx, s); err != nil {
				return s, err
			}
			if !s.Ended.IsZero() {
				w.clearFooter()
				return s, nil
			}
		case errors.Is(err, control.ErrNoRun) || time.Since(read) >= blindLimit:
			w.clearFooter()
			return last, fail(exitNoAccess, "the run cannot be read: %v. It goes on when the engine does. Look: lifeboat run list", err)
		case !lost:
			w.line(time.Now(), fmt.Sprintf("%-10s %s", "ENGINE", lostWords(last)))
			lost = true
		}
		select {
		case <-ctx.Done():
			return last, w.away(last)
		case <-tick.C:
		}
	}
}

// lostWords is what a person needs to know while the engine is away; s is what was
// seen of the run last.
func lostWords(s plans.RunStatus) string {
	text := "does not answer. The run is kept and goes on when it is back; nothing is lost by waiting. If it was stopped: lifeboat up."
	if s.GoodCopy == "" {
		return text
	}
	return text + " Good copy, as last seen: " + plain(s.GoodCopy)
}

func (w *watcher) away(s plans.RunStatus) error {
	w.clearFooter()
	return fail(exitAway, "you stopped watching; the run goes on. Look again: lifeboat run watch %s", shellWord(runName(s.Plan, s.Operation)))
}

func (w *watcher) show(ctx context.Context, s plans.RunStatus) error {
	for _, e := range w.fresh(s) {
		w.line(e.at, e.text)
	}
	for _, group := range together(w.unasked(s)) {
		w.clearFooter()
		if q := group[0]; w.auto && q.VM == "" && q.Step != 0 {
			// The lab operator answers at once: the text is enough.
			w.line(q.Since, fmt.Sprintf("%-10s %s", ownerOf(q)+":", plain(q.Text)))
			continue
		}
		showQuestion(w.t, s, group)
		if w.answer != nil {
			if err := w.answer(ctx, s, group); err != nil {
				return err
			}
		}
	}
	w.setFooter(progressLine(s, time.Now()))
	return nil
}

// unasked are the questions since the last look.
func (w *watcher) unasked(s plans.RunStatus) []plans.Question {
	var fresh []plans.Question
	for _, q := range s.Waiting {
		key := fmt.Sprint(q.Step, q.VMID, q.Since.UnixNano())
		if !w.asked[key] {
			fresh = append(fresh, q)
		}
		w.asked[key] = true
	}
	return fresh
}

// fresh are the events since the last look, oldest first.
func (w *watcher) fresh(s plans.RunStatus) []event {
	var found []event
	keep := func(about string, e event) {
		if e.text == "" || w.seen[about+"\x00"+e.key] {
			return
		}
		w.seen[about+"\x00"+e.key] = true
		found = append(found, e)
	}
	for _, st := range s.StepList {
		at := st.Started
		if !st.Ended.IsZero() {
			at = st.Ended
		}
		keep("step", event{at: at, key: fmt.Sprint(st.Number, st.Verdict), text: stepLine(s, st)})
	}
	for _, vm := range s.VMs {
		for _, e := range vmEvents(s, vm) {
			e.text = fmt.Sprintf("%-10s %s", plain(vm.Label), plain(e.text))
			keep(vm.ID, e)
		}
	}
	for _, slow := range s.Slow {
		keep("slow", event{at: time.Now(), key: slow.VM + string(slow.Phase), text: "SLOW       " + plain(slow.Words())})
	}
	slices.SortStableFunc(found, func(a, b event) int { return a.at.Compare(b.at) })
	return found
}

func (w *watcher) line(at time.Time, text string) {
	w.clearFooter()
	w.t.hanging(at.Local().Format(clock)+"  ", 10, text)
}

// The footer is redrawn in place on a terminal; elsewhere it is left out.
func (w *watcher) setFooter(text string) {
	if !isTerminal(w.t.out) || text == w.footer {
		return
	}
	_, _ = fmt.Fprintf(w.t.out, "\r\033[K%s", cut(text, width))
	w.footer = text
}

func (w *watcher) clearFooter() {
	if w.footer != "" {
		_, _ = fmt.Fprint(w.t.out, "\r\033[K")
		w.footer = ""
	}
}

// ownerOf is whom a question is for.
func ownerOf(q plans.Question) string {
	if q.Owner == "" {
		return "anybody"
	}
	return q.Owner
}
