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
	if in.Operation == Cancel {
		return e.cancel(in)
	}
	for _, i := range slices.Backward(stages) {
		e.shutDown(in, in.Steps[i])
	}
	for i := first; i < len(in.Steps); i++ {
		if len(in.Steps[i].VMs) == 0 {
			e.plain(in.Steps[i])
			continue
		}
		e.start(in, in.Steps[i])
	}
	return e
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

func (e Explanation) cancel(in RunInput) Explanation {
	for _, i := range in.Stages() {
		s := in.Steps[i]
		step := ExplainStep{Text: fmt.Sprintf("take the failover of %s back at %s, then the preparation at %s, and start there (stage %s)", labels(s.VMs), in.To, in.From, s.Name)}
		for _, vm := range s.VMs {
			q := quote(vm.ID)
			step.Native = append(step.Native,
				NativeCommand{vm.TargetHost, "Stop-VMFailover -VM (Get-VM -Id " + q + ")"},
				NativeCommand{vm.SourceHost, "Stop-VMFailover -VM (Get-VM -Id " + q + ")"},
				NativeCommand{vm.SourceHost, "Start-VM -VM (Get-VM -Id " + q + ")"})
		}
		e.Steps = append(e.Steps, step)
	}
	return e
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
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
