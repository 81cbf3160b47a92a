package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

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

// steered is a kind of thing on a calendar that people pause and resume.
type steered struct {
	kind, means string // "drill", "nothing is tested"
	known       func(name string) error
	// is asks for the calendar, and for what is answered as JSON.
	is            func(client *control.Client, name string) (control.Calendar, any, error)
	pause, resume func(client *control.Client, ctx context.Context, name, by, reason string) error
	failed        func(error) error
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
	_, client, err := dial(c)
	if err != nil {
		return err
	}
	defer client.Close()
	is, answer, err := s.is(client, name)
	if err != nil {
		return s.failed(err)
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
			return s.failed(err)
		}
		if _, answer, err = s.is(client, name); err != nil {
			return s.failed(err)
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
