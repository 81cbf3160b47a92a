package main

import (
	"context"
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// watchEvery is how often a run is looked at while somebody watches.
const watchEvery = 500 * time.Millisecond

// statusSource answers with a run's present picture.
type statusSource func(ctx context.Context) (plans.RunStatus, error)

// watcher prints what happens in a run as plain lines, each once, so that it
// reads the same on a terminal, in a pipe and in a log.
type watcher struct {
	t      terminal
	seen   map[string]string
	asked  map[string]bool
	footer string
	// answer is called for each new question; nil leaves them to others.
	answer func(ctx context.Context, s plans.RunStatus, q plans.Question) error
}

func newWatcher(t terminal) *watcher {
	return &watcher{t: t, seen: map[string]string{}, asked: map[string]bool{}}
}

// follow prints until the run has ended and returns its last picture. When the
// context ends first it says how to look again.
func (w *watcher) follow(ctx context.Context, source statusSource) (plans.RunStatus, error) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var last plans.RunStatus
	for {
		s, err := source(ctx)
		if ctx.Err() != nil {
			return last, w.away(last)
		}
		if err != nil {
			return last, err
		}
		last = s
		if err := w.show(ctx, s); err != nil {
			return s, err
		}
		if !s.Ended.IsZero() {
			w.clearFooter()
			return s, nil
		}
		select {
		case <-ctx.Done():
			return last, w.away(last)
		case <-tick.C:
		}
	}
}

func (w *watcher) away(s plans.RunStatus) error {
	w.clearFooter()
	return fail(exitAway, "you stopped watching; the run goes on. Look again: lifeboat run watch %s", s.Plan)
}

func (w *watcher) show(ctx context.Context, s plans.RunStatus) error {
	now := time.Now()
	for _, st := range s.StepList {
		if st.Started.IsZero() {
			continue
		}
		w.once("step", fmt.Sprint(st.Number), string(st.Verdict), func() {
			w.line("step %d of %d  %s: %s%s", st.Number, s.Steps, plain(st.Name), st.Verdict, stepNote(st))
		})
	}
	for _, vm := range s.VMs {
		if vm.Doing == "" {
			continue
		}
		w.once("vm", vm.ID, string(vm.Verdict)+string(vm.Phase)+vm.Doing, func() {
			w.line("%-12s  %s", plain(vm.Label), plain(doing(vm)))
		})
	}
	for _, q := range s.Waiting {
		key := fmt.Sprint(q.Step, q.VMID, q.Since.UnixNano())
		if w.asked[key] {
			continue
		}
		w.asked[key] = true
		w.clearFooter()
		showQuestions(w.t, plans.RunStatus{Plan: s.Plan, Waiting: []plans.Question{q}})
		if w.answer != nil {
			if err := w.answer(ctx, s, q); err != nil {
				return err
			}
		}
	}
	w.setFooter(progressLine(s, now))
	return nil
}

// once runs print when the value under the key is new.
func (w *watcher) once(kind, key, value string, print func()) {
	if w.seen[kind+key] == value {
		return
	}
	w.seen[kind+key] = value
	print()
}

func (w *watcher) line(format string, args ...any) {
	w.clearFooter()
	w.t.wrapped(time.Now().Format(clock)+"  ", 10, fmt.Sprintf(format, args...))
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
