package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// The exit codes. They are stable: scripts and monitors depend on them.
const (
	exitOK       = 0   // done, ready, clean
	exitFinding  = 1   // not ready, drift
	exitUsage    = 2   // usage or configuration
	exitNoAccess = 3   // no access to a host, the engine or a file of its
	exitRefused  = 4   // refused or declined: nothing changed
	exitStuck    = 5   // something changed and it needs you
	exitUnknown  = 6   // cannot see
	exitStopped  = 7   // stopped, safe: by a person, or a drill that did not pass
	exitBusy     = 8   // another run holds the plan or the VM
	exitAway     = 130 // you stopped watching; the run goes on
)

// failure is an error with the exit code it ends the program with.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func usage(format string, args ...any) error {
	return &failure{exitUsage, fmt.Errorf(format, args...)}
}

func fail(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

// quietly ends with a code when everything was said already.
func quietly(code int) error {
	if code == exitOK {
		return nil
	}
	return &failure{code, nil}
}

// exitOf is the code of a run's end.
func exitOf(v plans.Verdict) int {
	switch v {
	case plans.VerdictDone:
		return exitOK
	case plans.VerdictRefused:
		return exitRefused
	case plans.VerdictStopped:
		return exitStopped
	case plans.VerdictStuck:
		return exitStuck
	default:
		return exitUnknown
	}
}

// exitOfReport is exitOf, for a drill of the calendar with its criteria and targets.
func exitOfReport(r plans.Report) int {
	if code := exitOf(r.Status.Verdict); code != exitOK || len(plans.Misses(r)) == 0 {
		return code
	}
	return exitStopped
}

// report prints an error once and says with which code to end.
func report(ctx context.Context, out io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	var f *failure
	if errors.As(err, &f) {
		if f.err != nil {
			_, _ = fmt.Fprintln(out, errorWords(f.err))
		}
		return f.code
	}
	if ctx.Err() != nil {
		return exitAway
	}
	_, _ = fmt.Fprintln(out, errorWords(err))
	return exitUsage
}

// errorWords is an error as it is read on a narrow screen: one that is too long
// for a line has each sentence on its own. Lines are not broken elsewhere, so that
// a command can be copied and a script finds the words it looks for.
func errorWords(err error) string {
	text := "lifeboat: " + strings.TrimSpace(err.Error())
	if len([]rune(text)) <= width {
		return text
	}
	return strings.ReplaceAll(text, ". ", ".\n  ")
}
