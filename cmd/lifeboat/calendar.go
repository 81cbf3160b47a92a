package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// called is the one of a name, or all where none is named; key is where the
// configuration has them.
func called[T any](all []T, kind, key, name string, nameOf func(T) string) ([]T, error) {
	if name == "" {
		return all, nil
	}
	known := make([]string, len(all))
	for i, one := range all {
		if known[i] = nameOf(one); known[i] == name {
			return all[i : i+1], nil
		}
	}
	if len(known) == 0 {
		return nil, usage("no %s %q: the configuration has none (%s:)", kind, name, key)
	}
	return nil, usage("no %s %q: the configuration has %s", kind, name, strings.Join(known, ", "))
}

// calendarRow is how something stands on its calendar.
type calendarRow struct {
	State string `json:"state"` // armed, paused, running, unseen
	// Paused is true for what is begun no more, also while one is under way; Note is
	// why, or why it is unseen.
	Paused bool   `json:"paused,omitempty"`
	Note   string `json:"note,omitempty"`
	// Next is when it runs, paused or not.
	Next time.Time `json:"next,omitzero"`
	when string
}

// rowOfCalendar takes what the engine says, nil for nothing, and the files' own times.
func rowOfCalendar(is *control.Calendar, calendar plans.DrillCalendar, now time.Time) calendarRow {
	r := calendarRow{State: "unseen"}
	if is != nil {
		r.State, r.Paused = "armed", is.Paused
		if is.Paused {
			r.Note = is.Note
		}
		switch {
		case is.Running:
			r.State = "running"
		case is.Paused:
			r.State = "paused"
		}
	}
	if next := calendar.Next(now, 1); len(next) > 0 {
		r.Next, r.when = next[0], onWall(next[0], calendar)
	}
	return r
}

// head prints the first lines of a row.
func (r calendarRow) head(t terminal, name string, bad bool) {
	mark := "  "
	if bad {
		mark = "! "
	}
	t.say("%s%-24s %-8s next %s", mark, cut(plain(name), 24), r.State, r.when)
	switch {
	case r.Paused:
		t.wrapped("    paused  ", 12, plain(r.Note))
	case r.Note != "":
		t.wrapped("    why     ", 12, plain(r.Note))
	}
}

// wallForm is how a moment stands on a calendar's own clock.
const wallForm = "Mon 2 Jan 2006 15:04 MST"

func onWall(at time.Time, c plans.DrillCalendar) string { return at.In(c.Zone()).Format(wallForm) }

// calendarsOf asks the engine for each name, nil for one that it does not have; why
// says that it cannot be asked.
func calendarsOf(c *cli.Context, names []string, missing error, ask func(*control.Client, string) (control.Calendar, error)) (out []*control.Calendar, why error) {
	out = make([]*control.Calendar, len(names))
	_, client, err := dial(c)
	if err != nil {
		return out, err
	}
	defer client.Close()
	for i, name := range names {
		switch is, err := ask(client, name); {
		case errors.Is(err, missing):
		case err != nil:
			return out, err
		default:
			out[i] = &is
		}
	}
	return out, nil
}

// orByHand adds to what is asked of a calendar whether one that a person began is under
// way.
func orByHand(ctx context.Context, is control.Calendar, err error, name string, ask func(context.Context, string) (bool, error)) (control.Calendar, error) {
	if err == nil && !is.Running {
		is.Running, err = ask(ctx, name)
	}
	return is, err
}

// notTaken says of what that the engine has not taken it over from the files.
func notTaken(err error) string {
	return fmt.Sprintf("%v yet: it takes changed files over within a minute; lifeboat plan validate says what is wrong with them", err)
}

// calendarFailure is what became of asking for one; missing says that the engine has
// none.
func calendarFailure(missing error) func(error) error {
	return func(err error) error {
		if errors.Is(err, missing) {
			return fail(exitUnknown, "%s", notTaken(err))
		}
		return fail(exitNoAccess, "%v", err)
	}
}

// steered is a kind of thing on a calendar that people pause and resume.
type steered struct {
	kind, means string // "drill", "nothing is tested"
	missing     error  // says that the engine has none of a name
	known       func(name string) error
	// is asks for the calendar, and for what is answered as JSON.
	is            func(client *control.Client, name string) (control.Calendar, any, error)
	pause, resume func(client *control.Client, ctx context.Context, name, by, reason string) error
}

// steerCalendar pauses or resumes one.
func steerCalendar(t terminal, c *cli.Context, pause bool, s steered) error {
	asJSON, err := wantsJSON(c)
	if err != nil {
		return err
	}
	name, err := one(c, "the name of a "+s.kind)
	if err != nil {
		return err
	}
	if err := s.known(name); err != nil {
		return err
	}
	if pause && strings.TrimSpace(c.String("reason")) == "" {
		return usage("pause needs --reason: whoever comes next must know why %s", s.means)
	}
	failed := calendarFailure(s.missing)
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	is, answer, err := s.is(client, name)
	if err != nil {
		return failed(err)
	}
	if is.Paused == pause {
		return fail(exitRefused, "REFUSED  %s is %s already. Nothing was changed.", name, map[bool]string{true: "paused (" + is.Note + ")", false: "armed"}[pause])
	}
	if !c.Bool("dry-run") {
		do := s.resume
		if pause {
			do = s.pause
		}
		if err := do(client, c.Context, name, who(c), c.String("reason")); err != nil {
			return failed(err)
		}
		if _, answer, err = s.is(client, name); err != nil {
			return failed(err)
		}
	}
	if asJSON {
		return t.json(answer)
	}
	words := "begins again when it is due"
	if pause {
		words = fmt.Sprintf("begins no more until: lifeboat %s resume %s", s.kind, shellWord(name))
	}
	if c.Bool("dry-run") {
		words += ". Dry run: nothing was changed"
	}
	t.wrapped("", 0, fmt.Sprintf("%s %s.", plain(name), words))
	return nil
}
