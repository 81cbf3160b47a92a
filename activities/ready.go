package activities

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// HostSight is one host's answer, kept for as long as somebody watches.
type HostSight struct {
	View   plans.HostView
	Copies map[string]plans.Copy
}

// LookAtHost reads one host once: itself and every VM on it. A host that does
// not answer is in the view with its error.
func LookAtHost(ctx context.Context, hosts func(string) (*hyperv.Host, error), h plans.RunHost) HostSight {
	ctx, cancel := context.WithTimeout(ctx, observeLimit)
	defer cancel()
	view, copies := lookAt(ctx, hosts, h)
	return HostSight{View: view, Copies: copies}
}

// PairsOf are the pairs of copies of a run, out of what was seen of its hosts. A
// host without a sight is not reached.
func PairsOf(in plans.RunInput, seen map[string]HostSight) []plans.Pair {
	find := func(host, vm string) plans.Copy {
		s, ok := seen[host]
		if !ok || s.Copies == nil {
			return plans.Copy{Host: host}
		}
		if c, ok := s.Copies[vm]; ok {
			return testIn(c, s.Copies)
		}
		return plans.Copy{Host: host, Reached: true, At: s.View.At, VM: vm}
	}
	var pairs []plans.Pair
	for _, vm := range in.VMs() {
		pairs = append(pairs, plans.Pair{ID: vm.ID, Source: find(vm.SourceHost, vm.ID), Target: find(vm.TargetHost, vm.ID)})
	}
	return pairs
}

// storesLimit bounds a reading of certificates, volumes, disks and checkpoints.
const storesLimit = 2 * time.Minute

// LookAtStores reads what changes seldom about a host. primaries are the VMs
// whose checkpoints are asked for.
func LookAtStores(ctx context.Context, hosts func(string) (*hyperv.Host, error), name string, primaries []string) plans.StoreView {
	ctx, cancel := context.WithTimeout(ctx, storesLimit)
	defer cancel()
	view := plans.StoreView{Host: name}
	host, err := hosts(name)
	if err != nil {
		view.Error = err.Error()
		return view
	}
	stores, err := host.Stores(ctx)
	if err != nil {
		view.Error = whyUnreached(err)
		return view
	}
	storeView(&view, stores)
	points, err := host.Points(ctx, primaries)
	if err != nil {
		reason, _ := reasonOf(err)
		view.Problems = append(view.Problems, "Get-VMSnapshot: "+reason)
	}
	view.Checkpoints = map[string][]plans.Point{}
	for vm, all := range points {
		for _, p := range all {
			if !p.Recovery() {
				view.Checkpoints[vm] = append(view.Checkpoints[vm], plans.Point{ID: p.ID, Kind: p.Type, Time: p.Created})
			}
		}
	}
	return view
}

func storeView(v *plans.StoreView, s hyperv.Stores) {
	v.Clock, v.Storages = s.UTC, s.Storages
	// A host without BitLocker has no such command, and nothing to tell.
	v.Problems = slices.DeleteFunc(s.Problems, func(p string) bool { return strings.HasPrefix(p, "Get-BitLockerVolume: CommandNotFoundException") })
	v.Certificates = map[string]time.Time{}
	for _, c := range s.Certificates {
		v.Certificates[c.Thumbprint] = c.NotAfter
	}
	for _, one := range s.Volumes {
		v.Volumes = append(v.Volumes, plans.VolumeView{Name: one.Name, Size: one.Size, Free: one.Free})
	}
	for _, one := range s.Encrypted {
		v.Encrypted = append(v.Encrypted, plans.EncryptedView(one))
	}
	v.Keys = keysView(s.Keys)
	v.Disks = map[string]map[string]bool{}
	for _, vm := range s.VMs {
		if len(vm.Problems) > 0 {
			v.Untold = append(v.Untold, vm.VM)
			continue
		}
		v.Disks[vm.VM] = map[string]bool{}
		for _, d := range vm.Disks {
			v.Disks[vm.VM][d.Path] = d.Replicated
		}
	}
}

// noStore begins the id of the error about a store of certificates that was never
// made: no guardian's key is there.
//
// Microsoft: about_Certificate_Provider; System.Management.Automation,
// ItemNotFoundException.
const noStore = "Get-ChildItem: PathNotFound,"

func keysView(k hyperv.Keys) *plans.KeysView {
	v := &plans.KeysView{VMs: map[string]plans.VMKeyView{}, Local: k.Local, Server: k.Server, Guarded: k.Guarded, Attestation: k.Attestation}
	v.Problem = strings.Join(slices.DeleteFunc(slices.Clone(k.Problems), func(p string) bool { return strings.HasPrefix(p, noStore) }), ", ")
	for _, vm := range k.VMs {
		v.VMs[vm.VM] = plans.VMKeyView{TPM: vm.TPM, Other: vm.Other, Guardians: vm.Guardians, Problem: strings.Join(vm.Problems, ", ")}
	}
	return v
}
