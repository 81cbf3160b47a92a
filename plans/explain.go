package plans

import (
	"fmt"
	"slices"
	"strings"
)

// Explanation is what a run will do, in order, in words.
type Explanation struct {
	Steps []ExplainStep `json:"steps"`
}

// ExplainStep is one line of it, with the native commands for the sceptic.
// They are for reading: Lifeboat itself sends values as data.
type ExplainStep struct {
	Text   string          `json:"text"`
	Native []NativeCommand `json:"native,omitempty"`
}

// NativeCommand is what a person would type on a host.
type NativeCommand struct {
	Host    string `json:"host"`
	Command string `json:"command"`
}

// Explain says what a run will do, in order.
func Explain(in RunInput) Explanation {
	var e Explanation
	stages := in.Stages()
	first := len(in.Steps)
	if len(stages) > 0 {
		first = stages[0]
	}
	for i := range in.Steps[:first] {
		e.plain(in.Steps[i])
	}
	switch in.Operation {
	case PlannedFailover:
		for _, i := range slices.Backward(stages) {
			e.shutDown(in, in.Steps[i])
		}
	case UnplannedFailover:
		for _, i := range slices.Backward(stages) {
			e.fence(in, in.Steps[i])
		}
	case TestFailover, Cancel, Commit, Reprotect, Fence, Unprotect:
	case Protect:
		e.trust(in)
	}
	for i := first; i < len(in.Steps); i++ {
		if len(in.Steps[i].VMs) == 0 {
			e.plain(in.Steps[i])
			continue
		}
		e.stage(in, in.Steps[i])
	}
	if in.Operation == TestFailover {
		e.cleanUp(in)
	}
	return e
}

// stage is what happens with a stage on the way forward.
func (e *Explanation) stage(in RunInput, s RunStep) {
	switch in.Operation {
	case PlannedFailover:
		e.start(in, s)
	case UnplannedFailover:
		e.failOver(in, s)
	case TestFailover:
		e.test(in, s)
	case Cancel:
		e.cancel(in, s)
	case Commit:
		e.commit(in, s)
	case Reprotect:
		e.reprotect(in, s)
	case Fence:
		e.fence(in, s)
	case Protect:
		e.protect(in, s)
	case Unprotect:
		e.unprotect(in, s)
	}
}

// each adds one line with native commands for every VM.
func (e *Explanation) each(s RunStep, text string, native func(vm RunVM, q string) []NativeCommand) {
	step := ExplainStep{Text: text}
	for _, vm := range s.VMs {
		step.Native = append(step.Native, native(vm, "(Get-VM -Id "+quote(vm.ID)+")")...)
	}
	e.Steps = append(e.Steps, step)
}

func (e *Explanation) fence(in RunInput, s RunStep) {
	e.each(s, fmt.Sprintf("where %s can be seen: keep %s from running or starting there (stage %s)", in.From, labels(s.VMs), s.Name), func(vm RunVM, q string) []NativeCommand {
		return []NativeCommand{{vm.SourceHost, "Set-VM -VM " + q + " -AutomaticStartAction Nothing"}}
	})
}

func (e *Explanation) failOver(in RunInput, s RunStep) {
	e.each(s, fmt.Sprintf("fail over %s at %s to %s, start, wait for %s (stage %s)", labels(s.VMs), in.To, orWord(in.Point, AskLatest), gateWords(s.VMs), s.Name), func(vm RunVM, q string) []NativeCommand {
		command := "Start-VMFailover -VM " + q + " -Confirm:$false"
		if vm.Point.ID != "" {
			command = "Start-VMFailover -VMRecoverySnapshot (Get-VMSnapshot -Id " + quote(vm.Point.ID) + ") -Confirm:$false"
		}
		return []NativeCommand{{vm.TargetHost, command}, {vm.TargetHost, "Start-VM -VM " + q}}
	})
}

func (e *Explanation) test(in RunInput, s RunStep) {
	e.each(s, fmt.Sprintf("make test copies of %s at %s on the isolated network, start them, ask their heartbeat (stage %s)", labels(s.VMs), in.To, s.Name), func(vm RunVM, q string) []NativeCommand {
		return []NativeCommand{{vm.TargetHost, "Start-VMFailover -VM " + q + " -AsTest"}}
	})
}

func (e *Explanation) cleanUp(in RunInput) {
	all := RunStep{VMs: in.VMs()}
	e.each(all, "remove all test copies and look that none is left", func(vm RunVM, q string) []NativeCommand {
		return []NativeCommand{{vm.TargetHost, "Stop-VMFailover -VM " + q}}
	})
}

func (e *Explanation) commit(in RunInput, s RunStep) {
	e.each(s, fmt.Sprintf("ask the gates of %s again, then commit at %s: no other point can be chosen after it (stage %s)", labels(s.VMs), in.To, s.Name), func(vm RunVM, q string) []NativeCommand {
		return []NativeCommand{{vm.TargetHost, "Complete-VMFailover -VM " + q + " -Confirm:$false"}}
	})
}

func (e *Explanation) reprotect(in RunInput, s RunStep) {
	if in.Replace != "" {
		e.replace(in, s)
		return
	}
	if in.Chain == ChainKeep {
		e.each(s, fmt.Sprintf("go on from %s to the third copies of %s; the copies at %s are left out, old as they are (stage %s). A VM without a third copy is re-protected to %s", in.To, labels(s.VMs), in.From, s.Name, in.From), func(vm RunVM, q string) []NativeCommand {
			return []NativeCommand{{vm.TargetHost, "Resume-VMReplication -VM " + q + " -Continue"}}
		})
		return
	}
	e.each(s, fmt.Sprintf("make the old copies of %s at %s replicas and send what differs from %s (stage %s)", labels(s.VMs), in.From, in.To, s.Name), func(vm RunVM, q string) []NativeCommand {
		return []NativeCommand{
			{vm.SourceHost, "Set-VMReplication -VM " + q + " -AsReplica"},
			{vm.TargetHost, "Set-VMReplication -VM " + q + " -Reverse"},
			{vm.TargetHost, "Start-VMInitialReplication -VM " + q},
		}
	})
}

func (e *Explanation) plain(s RunStep) {
	switch {
	case s.Manual != nil:
		who := orWord(s.Manual.Owner, "somebody")
		takes := ""
		if s.Manual.Takes > 0 {
			takes = fmt.Sprintf(" (about %s)", s.Manual.Takes)
		}
		e.Steps = append(e.Steps, ExplainStep{Text: fmt.Sprintf("%s%s: %s", who, takes, s.Manual.Text)})
	case s.Notice != nil:
		e.Steps = append(e.Steps, ExplainStep{Text: "tell " + orWord(strings.Join(s.Notice.To, ", "), "everybody") + ": " + s.Notice.Text})
	}
}

func (e *Explanation) shutDown(in RunInput, s RunStep) {
	step := ExplainStep{Text: fmt.Sprintf("shut down %s at %s, send the last changes, fail over at %s (stage %s)", labels(s.VMs), in.From, in.To, s.Name)}
	for _, vm := range s.VMs {
		q := quote(vm.ID)
		step.Native = append(step.Native,
			NativeCommand{vm.SourceHost, "Stop-VM -VM (Get-VM -Id " + q + ") -Force"},
			NativeCommand{vm.SourceHost, "Start-VMFailover -VM (Get-VM -Id " + q + ") -Prepare -Confirm:$false"},
			NativeCommand{vm.TargetHost, "Start-VMFailover -VM (Get-VM -Id " + q + ") -Confirm:$false"})
	}
	e.Steps = append(e.Steps, step)
}

func (e *Explanation) start(in RunInput, s RunStep) {
	reverse := ", then replicate back"
	if in.Reverse == ReverseOnCommit {
		reverse = ""
	}
	step := ExplainStep{Text: fmt.Sprintf("start %s at %s (stage %s), wait for %s%s", labels(s.VMs), in.To, s.Name, gateWords(s.VMs), reverse)}
	for _, vm := range s.VMs {
		q := quote(vm.ID)
		step.Native = append(step.Native, NativeCommand{vm.TargetHost, "Start-VM -VM (Get-VM -Id " + q + ")"})
		if in.Reverse != ReverseOnCommit {
			step.Native = append(step.Native, NativeCommand{vm.TargetHost, "Set-VMReplication -VM (Get-VM -Id " + q + ") -Reverse"})
		}
	}
	e.Steps = append(e.Steps, step)
}

func (e *Explanation) replace(in RunInput, s RunStep) {
	e.each(s, fmt.Sprintf("end the replication of %s towards %s, replicate to the new host instead, send first copies (group %s)", labels(s.VMs), in.Replace, s.Name), func(vm RunVM, q string) []NativeCommand {
		return []NativeCommand{
			{vm.TargetHost, "Remove-VMReplication -VM " + q},
			{vm.TargetHost, "Enable-VMReplication -VM " + q + " -ReplicaServerName " + vm.ReverseTo},
			{vm.TargetHost, "Start-VMInitialReplication -VM " + q},
		}
	})
}

func (e *Explanation) cancel(in RunInput, s RunStep) {
	e.each(s, fmt.Sprintf("take the failover of %s back at %s, and start at %s, where a preparation is taken back first (stage %s)", labels(s.VMs), in.To, in.From, s.Name), func(vm RunVM, q string) []NativeCommand {
		return []NativeCommand{
			{vm.TargetHost, "Stop-VMFailover -VM " + q},
			{vm.SourceHost, "Stop-VMFailover -VM " + q},
			{vm.SourceHost, "Start-VM -VM " + q},
		}
	})
}

func labels(vms []RunVM) string {
	names := make([]string, len(vms))
	for i := range vms {
		names[i] = vms[i].Label
	}
	if len(names) > 6 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:5], ", "), len(names)-5)
	}
	return strings.Join(names, ", ")
}

func gateWords(vms []RunVM) string {
	var texts []string
	for i := range vms {
		for _, g := range vms[i].Gates {
			if !slices.Contains(texts, g.Text) {
				texts = append(texts, g.Text)
			}
		}
	}
	switch {
	case len(texts) == 0:
		return "it to run"
	case len(texts) > 4:
		return fmt.Sprintf("%d gates", len(texts))
	}
	return strings.Join(texts, "; ")
}

// quote writes a PowerShell string for reading.
func quote(s string) string { return "'" + psQuotes.Replace(s) + "'" }

// psQuotes are all characters that end a string in single quotes: PowerShell takes
// the typographic ones for the same.
//
// Microsoft: about_Quoting_Rules.
var psQuotes = strings.NewReplacer("'", "''", "\u2018", "\u2018\u2018", "\u2019", "\u2019\u2019", "\u201a", "\u201a\u201a", "\u201b", "\u201b\u201b")
