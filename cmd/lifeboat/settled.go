package main

import (
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/lifeboat-dr/lifeboat/plans"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/worker/control"
)

// settled is true for an unplanned failover that has nothing left to do. An old copy
// that cannot be seen is kept from running by the watch on its site alone: where
// none stands, the failover has to begin it.
func settled(c *cli.Context, look *worker.Look) bool {
	return !look.Blocked() && len(look.Settled) > 0 &&
		(!slices.ContainsFunc(look.Settled, func(vm plans.SettledVM) bool { return vm.Unseen }) || watched(c, look))
}

// watched is true while the engine watches for every old copy that cannot be seen.
func watched(c *cli.Context, look *worker.Look) bool {
	_, client, err := dial(c)
	if err != nil {
		return false
	}
	defer client.Close()
	watch, err := client.Fence(c.Context, look.Input.Plan)
	return err == nil && watch.Ended.IsZero() && !slices.ContainsFunc(look.Settled, func(vm plans.SettledVM) bool {
		return vm.Unseen && !slices.ContainsFunc(watch.VMs, func(old plans.FencedVM) bool { return old.ID == vm.ID })
	})
}

// saySettled says where the VMs run and what comes next, unless a run is not over.
func saySettled(t, words terminal, c *cli.Context, look *worker.Look, asJSON bool) error {
	in := look.Input
	if s, ok := underWay(c, in); ok {
		return startError(&control.BusyError{Status: s})
	}
	if asJSON {
		return t.json(look)
	}
	words.wrapped("DONE  ", 6, fmt.Sprintf("%s has nothing left to fail over. Nothing was changed.", plain(in.Plan)))
	for _, host := range in.Hosts {
		if here := runningAt(look.Settled, host.Name); len(here) > 0 {
			words.wrapped("  Runs       ", 13, fmt.Sprintf("at %s (%s): %s", host.Name, host.Site, plain(names(here))))
		}
	}
	after, old := furthestBack(look.Settled), "OLD"
	if after == plans.Reprotect {
		old = "replicas"
	}
	words.wrapped("  Good copy  ", 13, fmt.Sprintf("at %s, of these. Their copies at %s are %s: do not start them.", in.To, in.From, old))
	showLeftOut(words, "  Left out   ", 13, in.LeftOut)
	done := plans.VMStatus{Verdict: plans.VerdictDone, Elsewhere: slices.ContainsFunc(look.Settled, func(vm plans.SettledVM) bool { return vm.Elsewhere })}
	showNext(words, plans.RunStatus{Plan: in.Plan, From: in.From, To: in.To, Operation: after, Verdict: plans.VerdictDone, VMs: []plans.VMStatus{done}})
	return nil
}

func runningAt(all []plans.SettledVM, host string) (labels []string) {
	for _, vm := range all {
		if vm.Host == host {
			labels = append(labels, vm.VM)
		}
	}
	return labels
}

// furthestBack is the operation after which the VM with the longest way to go stands.
func furthestBack(all []plans.SettledVM) plans.Operation {
	for _, op := range []plans.Operation{plans.UnplannedFailover, plans.Commit} {
		if slices.ContainsFunc(all, func(vm plans.SettledVM) bool { return vm.After == op }) {
			return op
		}
	}
	return plans.Reprotect
}
