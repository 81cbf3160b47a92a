package main

import (
	"slices"
	"strings"
	"testing"
)

// Flags are understood before and after the plan's name, and before the
// command too.
func TestFlagsMayStandAnywhere(t *testing.T) {
	app := newApp(terminal{})
	want := []string{"lifeboat", "failover", "--planned", "--to", "hq", "web"}
	for _, typed := range [][]string{
		{"lifeboat", "failover", "--planned", "--to", "hq", "web"},
		{"lifeboat", "failover", "web", "--planned", "--to", "hq"},
		{"lifeboat", "failover", "--planned", "web", "--to", "hq"},
		{"lifeboat", "--planned", "--to", "hq", "failover", "web"},
	} {
		got, err := flagsFirst(app, typed)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q -> %q, %v; want %q", typed, got, err, want)
		}
	}
	got, err := flagsFirst(app, []string{"lifeboat", "run", "skip", "web", "-m", "--odd reason", "--vm=x y", "--", "-z"})
	if want := []string{"lifeboat", "run", "skip", "-m", "--odd reason", "--vm=x y", "web", "--", "-z"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestAnUnknownCommandIsAUsageError(t *testing.T) {
	for _, typed := range []string{"lifeboat fail web", "lifeboat run aprove web", "lifeboat frobnicate"} {
		if _, err := flagsFirst(newApp(terminal{}), strings.Fields(typed)); err == nil {
			t.Errorf("%q was taken", typed)
		}
	}
}

func TestFoldKeepsToTheWidth(t *testing.T) {
	text := "the copy at NG-HV02 was failed over, but the one at NG-HV01 was not prepared: starting it could lose changes or run two copies"
	for _, line := range fold(text, 40) {
		if len([]rune(line)) > 40 {
			t.Errorf("%q is longer than 40", line)
		}
	}
	if strings.Join(fold(text, 40), " ") != text {
		t.Error("folding changed the words")
	}
}

func TestNamesCannotDriveTheTerminal(t *testing.T) {
	if got := plain("a\x1b[2Jb\nc"); strings.ContainsAny(got, "\x1b\n") {
		t.Errorf("control characters came through: %q", got)
	}
	if got := shellWord("it's $(rm)"); got != `'it'\''s $(rm)'` {
		t.Errorf("shellWord = %s", got)
	}
}
