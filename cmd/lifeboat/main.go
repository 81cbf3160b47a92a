// Command lifeboat orchestrates disaster recovery for Hyper-V Replica: ordered
// planned failover of whole plans with manual steps, on durable workflows.
//
// It only reads flags, prints words and sets exit codes; everything else is in
// the rooms below. lab.go and demo.go alone know the simulated hosts.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program as a function, so that tests call it as a person
// types it.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	app := newApp(terminal{in: in, out: out, err: errOut})
	args, err := flagsFirst(app, everyDay(args))
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	return report(ctx, errOut, err)
}

// everyDay is the look that is taken every day: lifeboat alone is lifeboat status,
// where there is a configuration.
func everyDay(args []string) []string {
	path := os.Getenv("LIFEBOAT_CONFIG")
	if path == "" {
		path = configFlag.Value
	}
	if _, err := os.Stat(path); len(args) != 1 || err != nil {
		return args
	}
	return append(slices.Clone(args), "status")
}
