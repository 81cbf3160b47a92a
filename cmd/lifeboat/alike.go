package main

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/plans"
)

// alike puts together what is the same but for the VM, in the order of the
// first of each: after a mishap on a host the same is true of all its VMs, and
// is read once.
func alike[T any](all []T, key func(T) string) [][]T {
	var groups [][]T
	at := map[string]int{}
	for _, one := range all {
		k := key(one)
		i, ok := at[k]
		if !ok {
			i = len(groups)
			at[k], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], one)
	}
	return groups
}

// several names a group of VMs.
func several(labels []string) string {
	for i := range labels {
		labels[i] = plain(labels[i])
	}
	if len(labels) < 3 {
		return strings.Join(labels, " and ")
	}
	return fmt.Sprintf("%d VMs (%s)", len(labels), names(labels))
}

// showLeftOut says who does not take part, and why, each reason once.
func showLeftOut(t terminal, head string, indent int, all []plans.LeftOut) {
	for _, group := range alike(all, func(l plans.LeftOut) string { return l.Why }) {
		labels := make([]string, len(group))
		for i, l := range group {
			labels[i] = l.VM
		}
		t.wrapped(head, indent, several(labels)+": "+group[0].Why)
	}
}

func showFindings(t terminal, findings []plans.Finding) {
	key := func(f plans.Finding) string {
		return strings.Join([]string{string(f.Severity), f.Code, f.Host, f.Text, f.Means, f.Remedy}, "\x00")
	}
	for _, group := range alike(findings, key) {
		var labels []string
		for _, f := range group {
			if f.VM != "" {
				labels = append(labels, f.VM)
			}
		}
		showFinding(t, group[0], strings.TrimSpace(several(labels)+" "+group[0].Host))
	}
}

func showFinding(t terminal, f plans.Finding, subject string) {
	mark := map[plans.Severity]string{plans.Blocker: "x", plans.Warning: "!", plans.Info: "-"}[f.Severity]
	text := plain(f.Text)
	if subject != "" {
		text = plain(subject) + ": " + text
	}
	t.wrapped(fmt.Sprintf("  %s ", mark), 4, text)
	if f.Severity == plans.Info {
		return
	}
	if f.Means != "" {
		t.wrapped("    Means ", 10, f.Means)
	}
	if f.Remedy != "" {
		t.wrapped("    Do    ", 10, f.Remedy)
	}
	if f.Raw != "" {
		t.say("    Raw   %s", rawWords(f.Raw, width-10))
	}
}

// rawWords is the end of what the machinery said, which says why, without the
// advice behind it.
func rawWords(raw string, max int) string {
	raw, _, _ = strings.Cut(plain(raw), "; ")
	r := []rune(raw)
	if len(r) <= max {
		return raw
	}
	return "\u2026" + string(r[len(r)-max+1:])
}

// mostAlone is up to how many VMs that are held for the same reason are told
// one by one.
const mostAlone = 3

// together puts questions of which the same is asked into one group where there
// are many; every other question stands alone.
func together(all []plans.Question) [][]plans.Question {
	key := func(q plans.Question) string {
		if q.VM == "" {
			return fmt.Sprint(q.Step)
		}
		// A host's own words name the VM, native commands its GUID.
		text := strings.NewReplacer(q.VM, "", q.VMID, "").Replace(q.Text)
		return strings.Join([]string{"\x00", text, q.SafeToWait, fmt.Sprint(q.Choices)}, "\x00")
	}
	var groups [][]plans.Question
	for _, group := range alike(all, key) {
		if len(group) > mostAlone {
			groups = append(groups, group)
			continue
		}
		for _, q := range group {
			groups = append(groups, []plans.Question{q})
		}
	}
	return groups
}

// heldWords names the VMs that a group of questions is about.
func heldWords(group []plans.Question) string {
	labels := make([]string, len(group))
	for i, q := range group {
		labels[i] = q.VM
	}
	if len(labels) == 1 {
		return "HELD " + plain(labels[0])
	}
	return "HELD " + several(labels)
}
