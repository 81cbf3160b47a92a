package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// decide tells what was found and asks what a person can decide about it now.
func (s *setUp) decide(ctx context.Context, found plans.Discovery) error {
	switch n := len(found.Notes); n {
	case 0:
		return nil
	case 1:
		s.say("\nI can see 1 thing you should know now:")
	default:
		s.say("\nI can see %d things you should know now:", n)
	}
	for _, note := range found.Notes {
		i := slices.IndexFunc(found.Doubts, func(d plans.Doubt) bool { return d.Note == note })
		if i < 0 {
			s.wrapped("  ! ", 4, plain(note))
			continue
		}
		d := found.Doubts[i]
		s.wrapped("  ! ", 4, plain(d.Text))
		ask := s.askWaiting
		if len(d.Disks) > 0 {
			ask = s.askDisks
		}
		if err := ask(ctx, d); err != nil {
			return err
		}
	}
	return nil
}

// askDisks asks whether disks are left out on purpose; only a yes is recorded.
func (s *setUp) askDisks(ctx context.Context, d plans.Doubt) error {
	return s.until(ctx, "    Is that on purpose?  [y] record it  [n] show me how to add it: ", func(text string) error {
		switch strings.ToLower(text) {
		case "y", "yes":
			s.chosen.Excluded = append(s.chosen.Excluded, d.VM.ID)
		case "n", "no":
			vm := "'" + strings.ReplaceAll(plain(d.VM.Name), "'", "''") + "'"
			s.say("    On %s, in PowerShell; it sends the disk, which takes its time:", plain(d.Host))
			s.say("      Set-VMReplication -VMName %s -ReplicatedDiskPaths `", vm)
			s.say("        (Get-VMHardDiskDrive -VMName %s).Path", vm)
			s.say("    Until then lifeboat ready says what would be missing on the day.")
		default:
			return errors.New("y or n: nothing is taken for granted here")
		}
		return nil
	})
}

// askWaiting asks which VMs may stay behind where memory is short.
func (s *setUp) askWaiting(ctx context.Context, d plans.Doubt) error {
	s.wrapped("    ", 4, plain(vmList(d.VMs, true)))
	return s.until(ctx, "    Which can wait? (by commas; Enter: decide later): ", func(text string) error {
		ids, err := pick(d.VMs, text)
		if err != nil {
			return err
		}
		need := d.Need
		for _, vm := range d.VMs {
			if slices.Contains(ids, vm.ID) {
				need -= vm.Memory
			}
		}
		if len(ids) == 0 {
			return nil
		}
		if need > d.Room {
			return fmt.Errorf("the others still need %s, and there is room for %s: name more, all of them, or Enter", gigabytes(need), gigabytes(d.Room))
		}
		s.chosen.Waiting = append(s.chosen.Waiting, ids...)
		s.wrapped("    ", 4, fmt.Sprintf("The others need %s of %s. What waits starts where there is room (policy: if_capacity).", gigabytes(need), gigabytes(d.Room)))
		return nil
	})
}

func gigabytes(b uint64) string { return fmt.Sprintf("%.4g GB", float64(b)/(1<<30)) }

// pick finds VMs by the names that somebody typed.
func pick(vms []plans.FoundVM, text string) (ids []string, err error) {
	for _, name := range listed(text) {
		var same []string
		for _, vm := range vms {
			if strings.EqualFold(vm.Name, name) || strings.EqualFold(vm.ID, name) {
				same = append(same, vm.ID)
			}
		}
		switch {
		case len(same) == 0:
			return nil, fmt.Errorf("%q is none of %s", plain(name), plain(vmList(vms, false)))
		case len(same) > 1:
			return nil, fmt.Errorf("%d VMs are called %q: write the GUID of the one you mean, %s", len(same), plain(name), strings.Join(same, " or "))
		case slices.Contains(ids, same[0]):
			return nil, fmt.Errorf("%q is there twice", plain(name))
		}
		ids = append(ids, same[0])
	}
	return ids, nil
}

func vmList(vms []plans.FoundVM, memory bool) string {
	names := make([]string, len(vms))
	for i, vm := range vms {
		if names[i] = vm.Name; memory {
			names[i] += " (" + gigabytes(vm.Memory) + ")"
		}
	}
	return strings.Join(names, ", ")
}

// draft offers a recovery plan for every way of replication that a plan can go.
func (s *setUp) draft(ctx context.Context, all []plans.FoundHost, ways []plans.Way) error {
	for _, w := range ways {
		if w.From == s.chosen.Engine {
			s.wrapped("", 0, fmt.Sprintf("No plan from %s to %s: Lifeboat runs at %s and would be part of what it moves.", plain(w.From), plain(w.To), plain(w.From)))
			continue
		}
		s.say("")
		s.wrapped("", 0, fmt.Sprintf("A recovery plan, %s -> %s, for %d VMs: %s", plain(w.From), plain(w.To), len(w.VMs), plain(vmList(w.VMs, false))))
		d := plans.Draft{From: w.From, To: w.To, Stages: [][]string{idsOf(w.VMs)}}
		offered := w.PlanName()
		if s.planned(offered) {
			offered = w.From + "-to-" + w.To
		}
		none := false
		if err := s.until(ctx, fmt.Sprintf("Its name [%s] (- for no plan now): ", plain(offered)), func(text string) error {
			if d.Name = text; text == "" {
				d.Name = offered
			}
			if none = d.Name == "-"; none {
				return nil
			}
			if s.planned(d.Name) {
				return fmt.Errorf("%s is the name of another plan", plain(d.Name))
			}
			return s.fits(all, d)
		}); err != nil {
			return err
		}
		if none {
			continue
		}
		stages, err := s.askOrder(ctx, w.VMs)
		if err != nil {
			return err
		}
		d.Stages = stages
		if err := s.fits(all, d); err != nil {
			return &failure{exitFinding, err}
		}
		s.chosen.Plans = append(s.chosen.Plans, d)
	}
	return nil
}

func (s *setUp) planned(name string) bool {
	return slices.ContainsFunc(s.chosen.Plans, func(p plans.Draft) bool { return p.Name == name })
}

// fits is nil when the configuration would be valid with one more plan; what is wrong
// with it otherwise.
func (s *setUp) fits(all []plans.FoundHost, d plans.Draft) error {
	with := s.chosen
	with.Plans = append(slices.Clone(with.Plans), d)
	_, err := plans.Discover(all, with)
	var wrong plans.Errors
	if errors.As(err, &wrong) && len(wrong) > 0 {
		return fmt.Errorf("%s: %s", wrong[0].Problem, wrong[0].Remedy)
	}
	return err
}

// askOrder asks what starts first, then next, until all are placed or the rest starts
// together.
func (s *setUp) askOrder(ctx context.Context, vms []plans.FoundVM) ([][]string, error) {
	left := slices.Clone(vms)
	var stages [][]string
	question := "What must start first? (by commas; Enter: all together): "
	for len(left) > 0 {
		var ids []string
		if err := s.until(ctx, question, func(text string) (err error) {
			ids, err = pick(left, text)
			return err
		}); err != nil {
			return nil, err
		}
		if len(ids) == 0 {
			return append(stages, idsOf(left)), nil
		}
		stages = append(stages, ids)
		left = slices.DeleteFunc(left, func(vm plans.FoundVM) bool { return slices.Contains(ids, vm.ID) })
		question = "And when those are up? (Enter: the rest together): "
	}
	return stages, nil
}

func idsOf(vms []plans.FoundVM) []string {
	ids := make([]string, len(vms))
	for i, vm := range vms {
		ids[i] = vm.ID
	}
	return ids
}
