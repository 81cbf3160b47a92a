package main

import (
	"bytes"
	"errors"
	"flag"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
)

// The plan's name typed back starts a run; anything else changes nothing.
func TestTheNameIsTypedBack(t *testing.T) {
	for _, c := range []struct {
		typed string
		yes   bool
		want  int
		says  string
	}{
		{"web\n", false, exitOK, "Type web to start: "},
		{"  web  \r\n", false, exitOK, ""},
		{"web", false, exitOK, ""}, // a pipe without a line end
		{"", false, exitRefused, "--yes"},
		{"\n", false, exitRefused, "Nothing was changed"},
		{"Web\n", false, exitRefused, "Nothing was changed"},
		{"yes\n", false, exitRefused, `not "web"`},
		{"", true, exitOK, ""},
	} {
		set := flag.NewFlagSet("failover", flag.ContinueOnError)
		set.Bool("yes", c.yes, "")
		var out bytes.Buffer
		err := askName(terminal{in: strings.NewReader(c.typed), out: &out, err: &out}, cli.NewContext(nil, set, nil), "web")
		code := exitOK
		var f *failure
		if errors.As(err, &f) {
			code = f.code
			out.WriteString(f.Error())
		}
		if code != c.want || !strings.Contains(out.String(), c.says) {
			t.Errorf("typed %q, --yes %v: ended with %d, want %d; said %q, want %q in it", c.typed, c.yes, code, c.want, out.String(), c.says)
		}
		if c.yes && out.Len() > 0 {
			t.Errorf("--yes asked: %q", out.String())
		}
	}
}

// What is protected already is left alone; a folder that was written, or a host
// that has to be told whom it takes replication from, is not protection.
func TestWhatIsThereAlready(t *testing.T) {
	vm := []plans.RunStep{{Number: 1, VMs: []plans.RunVM{{ID: "1", Label: "DB"}}}}
	done := []plans.Finding{{Severity: plans.Info, Code: "already-there", VM: "DB"}}
	for name, c := range map[string]struct {
		in    plans.RunInput
		found []plans.Finding
		want  bool
	}{
		"protected":          {plans.RunInput{Operation: plans.Protect, Steps: vm}, done, true},
		"not yet":            {plans.RunInput{Operation: plans.Protect, Steps: vm}, nil, false},
		"a folder":           {plans.RunInput{Operation: plans.Protect, Steps: vm, Seed: plans.SeedPlan{How: plans.SeedMedia, Export: `E:\x`}}, done, false},
		"nobody is let in":   {plans.RunInput{Operation: plans.Protect, Steps: vm, Trust: []plans.HostTrust{{}}}, done, false},
		"moved":              {plans.RunInput{Operation: plans.PlannedFailover, Steps: vm}, done, true},
		"another operation":  {plans.RunInput{Operation: plans.Unprotect, Steps: vm}, done, false},
		"a plan without VMs": {plans.RunInput{Operation: plans.PlannedFailover}, done, false},
	} {
		if got := thereAlready(&worker.Look{Input: c.in, Findings: c.found}); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
