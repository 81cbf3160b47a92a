package main

import (
	"bytes"
	"errors"
	"flag"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// The plan's name typed back starts a run; anything else changes nothing.
func TestTheNameIsTypedBack(t *testing.T) {
	for _, c := range []struct {
		typed string
		yes   bool
		want  int
		says  string
	}{
		{"web\n", false, exitOK, "Type the plan name"},
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
