package lab_test

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/testenv/environment"
	"github.com/lifeboat-dr/lifeboat/testenv/lab"
)

// start starts a lab of a shipped or generated environment.
func start(t testing.TB, name string, o lab.Options) *lab.Lab {
	t.Helper()
	env, err := environment.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	o.Environment = env
	if o.Control == "" {
		o.Control = "127.0.0.1:0"
	}
	l, err := lab.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}
