package plans

import (
	"fmt"
	"strings"
	"time"
)

// trust is what is told to hosts before any VM of a protection is touched.
func (e *Explanation) trust(in RunInput) {
	for _, t := range in.Trust {
		step := ExplainStep{Text: fmt.Sprintf("let %s take replication from %s", t.Host, t.Primary)}
		if !t.Keep {
			step.Text = fmt.Sprintf("turn on the replica server at %s (%s) where it is off, and let it take replication from %s", t.Host, t.Auth, t.Primary)
			step.Native = append(step.Native, NativeCommand{t.Host, "Set-VMReplicationServer -ReplicationEnabled $true -AllowedAuthenticationType " + t.Auth})
		}
		step.Native = append(step.Native, NativeCommand{t.Host, "New-VMReplicationAuthorizationEntry -AllowedPrimaryServer " + quote(t.Primary)})
		e.Steps = append(e.Steps, step)
	}
}

func (e *Explanation) protect(in RunInput, s RunStep) {
	e.each(s, fmt.Sprintf("where it is not so yet: replicate %s from %s to %s%s, %s", labels(s.VMs), in.From, in.To, policyWords(s.VMs), seedWords(in.Seed)), func(vm RunVM, q string) []NativeCommand {
		enable := NativeCommand{vm.SourceHost, fmt.Sprintf("Enable-VMReplication -VM %s -ReplicaServerName %s -ReplicaServerPort %d -AuthenticationType %s -ReplicationFrequencySec %.0f -RecoveryHistory %d",
			q, quote(vm.Enable.Server), vm.Enable.Port, vm.Enable.Authentication, vm.Frequency.D().Seconds(), vm.Enable.RecoveryPoints)}
		start := NativeCommand{vm.SourceHost, "Start-VMInitialReplication -VM " + q}
		switch {
		case in.Seed.Import != "":
			return []NativeCommand{{vm.TargetHost, fmt.Sprintf("Import-VMInitialReplication -VM %s -Path %s", q, quote(strings.TrimRight(in.Seed.Import, `\`)+`\`+vm.Name+"_"+vm.ID))}}
		case in.Seed.How == SeedMedia:
			start.Command += " -DestinationPath " + quote(in.Seed.Export)
		case in.Seed.How == SeedExisting:
			start.Command += " -UseBackup"
			return []NativeCommand{{vm.TargetHost, "Enable-VMReplication -VM " + q + " -AsReplica"}, enable, start}
		case !in.Seed.At.IsZero():
			start.Command += " -InitialReplicationStartTime ([datetime]" + quote(in.Seed.At.UTC().Format(time.RFC3339)) + ")"
		}
		return []NativeCommand{enable, start}
	})
	e.extend(s)
}

// policyWords is how often the VMs of a group are sent, what is kept of them, and
// what is left out.
func policyWords(vms []RunVM) string {
	if len(vms) == 0 || vms[0].Enable == nil {
		return ""
	}
	text := fmt.Sprintf(" every %s with %d extra recovery points", vms[0].Frequency, vms[0].Enable.RecoveryPoints)
	for _, vm := range vms {
		if left := vm.Enable.ExcludedDisks; len(left) > 0 {
			text += fmt.Sprintf(", %s without %s", vm.Label, strings.Join(left, ", "))
		}
	}
	return text
}

func (e *Explanation) extend(s RunStep) {
	if len(s.VMs) == 0 || s.VMs[0].Extend == nil {
		return
	}
	e.each(s, fmt.Sprintf("then replicate on from %s to %s every %s", s.VMs[0].TargetHost, s.VMs[0].ThirdHost, s.VMs[0].Extend.Frequency.D()), func(vm RunVM, q string) []NativeCommand {
		return []NativeCommand{
			{vm.TargetHost, fmt.Sprintf("Enable-VMReplication -VM %s -ReplicaServerName %s -ReplicaServerPort %d -AuthenticationType %s -ReplicationFrequencySec %.0f",
				q, quote(vm.Extend.Server), vm.Extend.Port, vm.Extend.Authentication, vm.Extend.Frequency.D().Seconds())},
			{vm.TargetHost, "Start-VMInitialReplication -VM " + q},
		}
	})
}

// seedWords is how the first copy travels.
func seedWords(s SeedPlan) string {
	switch {
	case s.Import != "":
		return "and read first copies from " + s.Import
	case s.How == SeedMedia:
		return "and write first copies to " + s.Export + "; they are not protected until these were carried and read"
	case s.How == SeedExisting:
		return "beginning from the copies that stand there: they are overwritten where they differ"
	case !s.At.IsZero():
		return "and have first copies begin " + clockUTC(s.At)
	}
	return "and send first copies now"
}

func (e *Explanation) unprotect(in RunInput, s RunStep) {
	text := fmt.Sprintf("end the replication of %s: the replica's side at %s, then the primary's at %s; VMs and disks stay on both", labels(s.VMs), in.To, in.From)
	if len(s.VMs) > 0 && s.VMs[0].Extend != nil {
		text = fmt.Sprintf("end the replication of %s: first on to %s, then the replica's side at %s, then the primary's at %s; VMs and disks stay", labels(s.VMs), s.VMs[0].ThirdHost, in.To, in.From)
	}
	e.each(s, text, func(vm RunVM, q string) []NativeCommand {
		var all []NativeCommand
		if vm.Extend != nil {
			all = append(all, NativeCommand{vm.TargetHost, "Get-VMReplication -VM " + q + " -ReplicationRelationshipType Extended | Remove-VMReplication"},
				NativeCommand{vm.ThirdHost, "Remove-VMReplication -VM " + q})
		}
		return append(all, NativeCommand{vm.TargetHost, "Set-VM -VM " + q + " -AutomaticStartAction Nothing"},
			NativeCommand{vm.TargetHost, "Remove-VMReplication -VM " + q}, NativeCommand{vm.SourceHost, "Remove-VMReplication -VM " + q})
	})
}
