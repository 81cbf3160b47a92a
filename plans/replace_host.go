package plans

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Ports of Hyper-V Replica, as Set-VMReplicationServer sets them by default.
const (
	kerberosPort    = 80
	certificatePort = 443
)

// The ways the first copy goes to a new host.
const (
	SeedNetwork  = "network"  // over the line, now
	SeedExisting = "existing" // a copy of the VM is there already, with its GUID: only what differs is sent
)

// ReplacePlan is the name of the run that replaces a host.
func ReplacePlan(old string) string { return "replace-host-" + old }

// ResolveReplacement turns "this host is gone, that one takes its place" into
// the input of a re-protection: every VM that the lost host had a part in runs
// at its partner and gets a copy at the new host. The lost host's own entries
// are removed last.
func ResolveReplacement(cfg *Config, lost, fresh, seed string, r Request) (RunInput, error) {
	if err := replaceable(cfg, lost, fresh, seed); err != nil {
		return RunInput{}, err
	}
	in := RunInput{
		RunID: r.RunID, Plan: ReplacePlan(lost), Operation: Reprotect, From: cfg.hostSite(fresh), StartedBy: r.By, Reason: r.Reason,
		Reverse: ReverseOnCommit, Limits: Limits{Shutdown: DefaultParallel, Move: DefaultParallel, Start: DefaultParallel}, Speed: r.Speed, Replace: lost,
	}
	for i := range cfg.Groups {
		g := &cfg.Groups[i]
		partner := ""
		switch lost {
		case g.From:
			partner = g.To
		case g.To:
			partner = g.From
		default:
			continue
		}
		in.To = cfg.hostSite(partner)
		step := RunStep{Number: len(in.Steps) + 1, Name: g.Name}
		for j := range g.VMs {
			step.VMs = append(step.VMs, replacementVM(cfg, g, &g.VMs[j], fresh, partner, seed))
		}
		in.Steps = append(in.Steps, step)
		in.Trust = trusts(in.Trust, cfg, g, fresh, partner)
		in.Distrust = append(in.Distrust, HostTrust{Host: partner, Primary: cfg.host(lost).replicaName()})
	}
	if len(in.Steps) == 0 {
		return RunInput{}, fmt.Errorf("no protection group names the host %q: there is nothing to move to %q", lost, fresh)
	}
	res := resolver{cfg: cfg}
	in.Hosts = res.hosts(in)
	return in, nil
}

func replaceable(cfg *Config, lost, fresh, seed string) error {
	known := func(name string) bool {
		return slices.ContainsFunc(cfg.Hosts, func(h Host) bool { return h.Name == name })
	}
	switch {
	case lost == fresh:
		return fmt.Errorf("%q cannot replace itself", lost)
	case !known(lost):
		return fmt.Errorf("the configuration has no host %q: name the lost host as its groups do", lost)
	case !known(fresh):
		return fmt.Errorf("the configuration has no host %q: add the new host to hosts:, with its address and account", fresh)
	case cfg.hostSite(lost) != cfg.hostSite(fresh):
		return fmt.Errorf("%q stands at %s and %q at %s: a host is replaced at its own site", lost, cfg.hostSite(lost), fresh, cfg.hostSite(fresh))
	case seed != SeedNetwork && seed != SeedExisting:
		return fmt.Errorf("seed %q: write %s or %s", seed, SeedNetwork, SeedExisting)
	}
	return nil
}

func replacementVM(cfg *Config, g *ProtectionGroup, vm *ProtectedVM, fresh, partner, seed string) RunVM {
	out := RunVM{
		ID: vm.ID, Name: vm.Name, Label: vm.Name, SourceHost: fresh, TargetHost: partner, ReverseTo: cfg.host(fresh).replicaName(),
		TargetName: cfg.host(partner).replicaName(), Frequency: g.Frequency, Memory: vm.Memory, RPO: g.RPO, Enable: enableSettings(g, vm, seed),
	}
	if g.Authentication == "certificate" {
		out.Thumbprint = cfg.host(partner).CertificateThumbprint
	}
	return out
}

// enableSettings are those with which a VM of a group begins to replicate.
func enableSettings(g *ProtectionGroup, vm *ProtectedVM, seed string) *EnableSettings {
	port, auth := g.listener()
	return &EnableSettings{Port: port, Authentication: auth, RecoveryPoints: g.RecoveryPoints, ExcludedDisks: vm.ExcludedDisks, Seed: seed}
}

// listener is where the hosts of a group listen for replication, and for what
// authentication.
func (g *ProtectionGroup) listener() (port int, auth string) {
	if g.Authentication == "certificate" {
		return certificatePort, "Certificate"
	}
	return kerberosPort, "Kerberos"
}

// trusts lets the two hosts of a group replicate to one another.
func trusts(have []HostTrust, cfg *Config, g *ProtectionGroup, fresh, partner string) []HostTrust {
	for _, way := range [][2]string{{fresh, partner}, {partner, fresh}} {
		if t := trustOf(cfg, g, way[0], way[1]); !slices.Contains(have, t) {
			have = append(have, t)
		}
	}
	return have
}

// trustOf is that a host takes the replication of a group from another.
func trustOf(cfg *Config, g *ProtectionGroup, host, from string) HostTrust {
	own := cfg.host(host)
	_, auth := g.listener()
	return HostTrust{Host: host, Primary: cfg.host(from).replicaName(), Auth: auth, Thumbprint: own.CertificateThumbprint, Storage: own.ReplicaStorage}
}

// RenameHost writes one host's name in place of another's in the groups of
// configuration files, and leaves all else as it is, comments too. It returns
// the files that change.
func RenameHost(files []File, lost, fresh string) ([]File, error) {
	var changed []File
	for _, file := range files {
		cfg, at, errs := decodeFile(file)
		if len(errs) > 0 {
			return nil, errs
		}
		lines := strings.SplitAfter(string(file.Data), "\n")
		n := 0
		for i, g := range cfg.Groups {
			for field, host := range map[string]string{"from": g.From, "to": g.To} {
				if host != lost {
					continue
				}
				where, ok := at[fmt.Sprintf("groups[%d].%s", i, field)]
				if !ok || !rename(lines, where, lost, fresh) {
					return nil, fmt.Errorf("%s: groups[%d].%s cannot be changed in place: write %s there yourself", file.Name, i, field, fresh)
				}
				n++
			}
		}
		if n > 0 {
			changed = append(changed, File{Name: file.Name, Data: []byte(strings.Join(lines, ""))})
		}
	}
	return changed, nil
}

// rename replaces a scalar where it stands.
func rename(lines []string, at place, lost, fresh string) bool {
	if at.line < 1 || at.line > len(lines) {
		return false
	}
	line := lines[at.line-1]
	for _, form := range [][2]string{{lost, fresh}, {strconv.Quote(lost), strconv.Quote(fresh)}, {"'" + lost + "'", "'" + fresh + "'"}} {
		if start := at.column - 1; start >= 0 && start <= len(line) && strings.HasPrefix(line[start:], form[0]) {
			lines[at.line-1] = line[:start] + form[1] + line[start+len(form[0]):]
			return true
		}
	}
	return false
}
