package activities

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// selfTestSight asks both hosts for the self-test's VM.
func (a *Activities) selfTestSight(ctx context.Context, setup plans.SelfTestSetup, step plans.SelfTestStep, vm string) (s plans.SelfTestSight) {
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	var both sync.WaitGroup
	look := func(into *plans.SelfTestView, party plans.SelfTestParty) {
		both.Go(func() {
			host, err := a.Hosts(party.Host)
			if err == nil {
				*into, err = selfTestView(ctx, host, step, vm)
			}
			if err != nil {
				*into = plans.SelfTestView{Why: err.Error()}
			}
		})
	}
	look(&s.A, setup.A)
	look(&s.B, setup.B)
	both.Wait()
	return s
}

// selfTestView is what one host says of it.
func selfTestView(ctx context.Context, host *hyperv.Host, step plans.SelfTestStep, vm string) (plans.SelfTestView, error) {
	v := plans.SelfTestView{Seen: true}
	if vm == "" {
		_, err := host.Selftests(ctx, nil)
		return v, err
	}
	ids := []string{vm}
	copies, err := host.Copies(ctx, ids)
	if err != nil {
		return v, err
	}
	for _, c := range copies.Copies {
		v.Here, v.Name, v.Power, v.Mode, v.State, v.Health, v.AutoStart = true, c.Name, c.Power, c.Mode, c.State, c.Health, c.AutoStart
		if c.FailoverType != nil {
			v.FailoverType = *c.FailoverType
		}
		for _, r := range c.Relations {
			v.LastReplication, v.TestVM, v.InitialBytes = r.LastReplication, r.TestVM, r.InitialBytes
			if v.TestVM != "" {
				ids = append(ids, v.TestVM)
			}
		}
	}
	facts, err := host.Selftests(ctx, ids)
	if err != nil {
		return v, err
	}
	for _, c := range facts.VMs {
		switch c.VM {
		case vm:
			v.Marked, v.MACs, v.Disks, v.Points = c.Marked, c.MACs, c.Disks, c.Points
		case v.TestVM:
			v.TestMACs = c.MACs
		}
	}
	if step.Settings && v.Mode == "Primary" {
		if err := compression(ctx, host, vm, &v); err != nil {
			return v, err
		}
	}
	if step.Others {
		return v, otherPoints(ctx, host, vm, &v)
	}
	return v, nil
}

func compression(ctx context.Context, host *hyperv.Host, vm string, v *plans.SelfTestView) error {
	r, err := host.Replications(ctx, []string{vm})
	for _, c := range r.Copies {
		for _, w := range c.Relations {
			v.Compression = &w.Compression
		}
	}
	return err
}

// besides is how near two points of one hour are.
const besides = 10 * time.Minute

// otherPoints counts the application-consistent points of the replicas of other
// VMs there, and those that have a standard one beside them. It changes nothing.
func otherPoints(ctx context.Context, host *hyperv.Host, vm string, v *plans.SelfTestView) error {
	all, err := host.Copies(ctx, nil)
	if err != nil {
		return err
	}
	var ids []string
	for _, c := range all.Copies {
		if c.Mode == "Replica" && c.VM != vm {
			ids = append(ids, c.VM)
		}
	}
	points, err := host.Points(ctx, ids)
	if points == nil {
		return err
	}
	for _, own := range points {
		for _, app := range own {
			if app.Type != "AppConsistentReplica" {
				continue
			}
			v.AppPoints++
			if slices.ContainsFunc(own, func(p hyperv.Point) bool { return p.Type == "Replica" && p.Created.Sub(app.Created).Abs() < besides }) {
				v.AppBesides++
			}
		}
	}
	return nil // one that does not tell its points hides no other
}

// SelfTestLookIn asks whether two hosts can take a self-test.
type SelfTestLookIn struct {
	Setup plans.SelfTestSetup `json:"setup"`
}

// SelfTestLookOut is the setup with what the hosts said, the steps of the walk and
// what stands against it.
type SelfTestLookOut struct {
	Setup    plans.SelfTestSetup `json:"setup"`
	Steps    []string            `json:"steps"`
	Findings []plans.Finding     `json:"findings,omitempty"`
}

// SelfTestLook looks at both hosts before anything is changed. A canary that had to
// wait for its turn still steps aside for a run that began meanwhile.
func (a *Activities) SelfTestLook(ctx context.Context, in SelfTestLookIn) (SelfTestLookOut, error) {
	defer beat(ctx)()
	out := LookForSelfTest(ctx, a.Hosts, in.Setup)
	if in.Setup.Canary != "" && a.Canaries.Real != nil {
		who, err := a.Canaries.Real(ctx)
		if err != nil {
			return out, err
		}
		if who != "" {
			out.Findings = append(out.Findings, plans.CanaryAside(who))
		}
	}
	return out, ctx.Err()
}

// LookForSelfTest looks at both hosts of a self-test.
func LookForSelfTest(ctx context.Context, hosts func(string) (*hyperv.Host, error), setup plans.SelfTestSetup) SelfTestLookOut {
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	said := map[plans.SelfTestSide]plans.SelfTestHost{}
	for _, side := range []plans.SelfTestSide{plans.SelfTestA, plans.SelfTestB} {
		said[side] = selfTestHost(ctx, hosts, setup.At(side).Host)
	}
	out := SelfTestLookOut{}
	out.Setup, out.Findings = plans.PrepareSelfTest(setup, said)
	for _, step := range setup.Walk() {
		out.Steps = append(out.Steps, step.Name)
	}
	if plans.Blocked(out.Findings) || setup.Clean {
		return out
	}
	for _, side := range []plans.SelfTestSide{plans.SelfTestA, plans.SelfTestB} {
		here, there := out.Setup.At(side), out.Setup.Other(side)
		host, err := hosts(here.Host)
		if err == nil {
			err = host.TestLink(ctx, hyperv.Link{ReplicaServer: there.Replica, Port: there.Port, Auth: there.Auth, Thumbprint: thumbprint(here)})
		}
		if err != nil {
			out.Findings = append(out.Findings, noLink(here.Host, there.Host, err))
		}
	}
	return out
}

// noLink says in the host's own words why it cannot replicate to another.
func noLink(here, there string, err error) plans.Finding {
	words, remedy := err.Error(), "lifeboat check names what keeps it"
	var said *hyperv.Error
	var script *hyperv.ScriptError
	if errors.As(err, &said) && errors.As(err, &script) {
		words, remedy = strings.TrimRight(script.Message, ". "), said.Hint
	}
	return plans.Finding{Severity: plans.Blocker, Code: "self-test-link", Text: here + " cannot replicate to " + there + ": " + words, Remedy: remedy}
}

func selfTestHost(ctx context.Context, hosts func(string) (*hyperv.Host, error), name string) plans.SelfTestHost {
	host, err := hosts(name)
	if err != nil {
		return plans.SelfTestHost{Why: err.Error()}
	}
	facts, err := host.Facts(ctx)
	if err != nil {
		return plans.SelfTestHost{Why: err.Error()}
	}
	marked, err := host.Selftests(ctx, nil)
	if err != nil {
		return plans.SelfTestHost{Why: err.Error()}
	}
	h := plans.SelfTestHost{
		Seen: true, Takes: facts.Replica.Enabled, Auth: facts.Replica.Auth, KerberosPort: facts.Replica.KerberosPort, CertificatePort: facts.Replica.CertificatePort,
		Thumbprint: facts.Replica.Thumbprint, AnyServer: facts.Replica.AnyServer, Windows: facts.Version, Strays: marked.Strays,
	}
	for _, e := range facts.Replica.Entries {
		h.Entries = append(h.Entries, e.Primary)
	}
	for _, c := range marked.VMs {
		h.Marked = append(h.Marked, c.Name)
	}
	return h
}
