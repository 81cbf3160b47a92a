package main

import (
	"errors"
	"strings"
	"testing"
)

// A long error is read on a narrow screen, and its command can be copied.
func TestErrorsAreNarrow(t *testing.T) {
	for text, want := range map[string]string{
		"short": "lifeboat: short",
		"the engine is not running (it was process 4116). Start it, and runs go on where they were: lifeboat up --config ./site --data ./data": "lifeboat: the engine is not running (it was process 4116).\n  Start it, and runs go on where they were: lifeboat up --config ./site --data ./data",
	} {
		got := errorWords(errors.New(text))
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		for _, line := range strings.Split(got, "\n") {
			if len([]rune(line)) > width && !strings.Contains(line, "lifeboat up") {
				t.Errorf("wider than %d: %q", width, line)
			}
		}
	}
}
