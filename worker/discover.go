package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// discoverLimit bounds the reading of one host.
const discoverLimit = 2 * time.Minute

// Discover reads hosts that no configuration names yet: what each says of itself, all
// at once and each for itself alone. No host is made to ask another, and nothing is
// changed. Every host must answer.
func Discover(ctx context.Context, hosts []plans.Host, typed Typed) ([]plans.FoundHost, error) {
	all, err := strangers(hosts, typed)
	if err != nil {
		return nil, err
	}
	defer all.close(context.WithoutCancel(ctx))
	found, checks := make([]plans.FoundHost, len(hosts)), make([]HostCheck, len(hosts))
	var running sync.WaitGroup
	for i := range hosts {
		running.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, discoverLimit)
			defer cancel()
			var err error
			if found[i], err = all.discover(ctx, hosts[i]); err != nil {
				checks[i] = unread(hosts[i], err)
			}
		})
	}
	running.Wait()
	if failed := slices.DeleteFunc(checks, HostCheck.OK); len(failed) > 0 {
		return nil, &UnreadError{failed}
	}
	return found, nil
}

// strangers are hosts that no configuration names yet: paths begin where the program
// was called.
func strangers(all []plans.Host, typed Typed) (*hosts, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	out := newHosts(&Configuration{Config: &plans.Config{Hosts: all}, Dir: dir}, slog.New(slog.NewTextHandler(io.Discard, nil)))
	out.typed = typed
	return out, nil
}

// UnreadError is that hosts could not be read.
type UnreadError struct{ Hosts []HostCheck }

func (e *UnreadError) Error() string {
	var all []string
	for _, h := range e.Hosts {
		all = append(all, h.Host+": "+h.Problem)
	}
	return strings.Join(all, "; ")
}

// unread says of a host that could not be read what CheckHosts would say, without
// asking again: accounts get locked.
func unread(h plans.Host, err error) HostCheck {
	c := HostCheck{Host: h.Name, Step: "read", Problem: err.Error()}
	var not *hyperv.NotSentError
	if errors.As(err, &not) {
		c.Step, c.Problem, c.Remedy = not.Reason, fmt.Sprintf("%s: %v", h.Address, not.Err), not.Hint
	}
	return c
}

// discover asks one host for all it knows.
func (h *hosts) discover(ctx context.Context, at plans.Host) (plans.FoundHost, error) {
	out := plans.FoundHost{Host: at}
	host, err := h.host(at.Name)
	if err != nil {
		return out, err
	}
	facts, err := host.Facts(ctx)
	if err != nil {
		return out, err
	}
	copies, err := host.Copies(ctx, nil)
	if err != nil {
		return out, err
	}
	stores, err := host.Stores(ctx)
	if err != nil {
		return out, err
	}
	replications, err := host.Replications(ctx, idsOf(copies))
	if err != nil {
		return out, err
	}
	out.Told, out.OS, out.Replica, out.Storage = facts.Name, facts.OS, facts.Replica.Enabled, facts.Replica.Storage
	out.Thumbprint, out.Memory, out.Clock = facts.Replica.Thumbprint, facts.Memory, stores.UTC
	for _, c := range stores.Certificates {
		if out.Thumbprint != "" && strings.EqualFold(c.Thumbprint, out.Thumbprint) {
			out.CertificateEnds = c.NotAfter
		}
	}
	for _, s := range facts.Switches {
		out.Switches = append(out.Switches, plans.SwitchView{Name: s.Name, Type: s.Type})
	}
	for _, c := range copies.Copies {
		out.CopiesFound = append(out.CopiesFound, foundCopy(c, replications, stores))
	}
	return out, nil
}

func idsOf(c hyperv.Copies) []string {
	ids := make([]string, len(c.Copies))
	for i := range c.Copies {
		ids[i] = c.Copies[i].VM
	}
	return ids
}

func foundCopy(c hyperv.Copy, all hyperv.Replications, stores hyperv.Stores) plans.FoundCopy {
	out := plans.FoundCopy{ID: c.VM, Name: c.Name, Power: c.Power, Mode: c.Mode, State: c.State, Memory: c.MemoryStartup, Problems: c.Problems}
	for _, a := range c.Adapters {
		out.Adapters = append(out.Adapters, plans.Adapter{Name: a.Name, Switch: a.Switch, IPs: a.IPs, FailoverIP: a.FailoverIP, FailoverMask: a.FailoverMask, FailoverGateway: a.FailoverGateway, FailoverDNS: a.FailoverDNS})
	}
	for _, v := range stores.VMs {
		for _, disk := range v.Disks {
			if v.VM == c.VM && !disk.Replicated {
				out.Unreplicated = append(out.Unreplicated, disk.Path)
			}
		}
	}
	for _, r := range all.Copies {
		if r.VM != c.VM {
			continue
		}
		for _, w := range r.Relations {
			f := plans.FoundRelation{
				Extended: w.Relationship == "Extended", Primary: w.PrimaryServer, Replica: w.ReplicaServer, Frequency: time.Duration(w.FrequencySec) * time.Second,
				Points: w.RecoveryHistory, Auth: w.Auth, Compression: w.Compression,
			}
			if w.VSSEnabled {
				f.AppConsistent = time.Duration(w.VSSHours) * time.Hour
			}
			out.Relations = append(out.Relations, f)
		}
	}
	return out
}
