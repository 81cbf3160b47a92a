package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// LikeLook is what one look says about a VM that is to be protected as another is:
// what will be written, and the run.
type LikeLook struct {
	*plans.LikePlan
	Look *Look `json:"look"`
	// Known is true when the configuration has the VM already: nothing is written.
	Known bool `json:"known,omitempty"`

	files, changed []plans.File
}

// Blocked is true when nothing may be done.
func (l *LikeLook) Blocked() bool {
	return l.Look.Blocked() || l.LikePlan != nil && plans.Blocked(l.Findings)
}

// Write puts the VM into the configuration, all of its files or none, and says which
// were written. With an error these are files that could not be put back.
func (l *LikeLook) Write() (names []string, err error) {
	written, err := RewriteFiles(l.files, l.changed)
	if err == nil {
		return written, nil
	}
	for _, name := range written { // half of it is not left behind
		if back := Rewrite(name, dataOf(l.changed, name), dataOf(l.files, name)); back != nil {
			names, err = append(names, name), errors.Join(err, back)
		}
	}
	return names, err
}

func dataOf(files []plans.File, name string) []byte {
	if i := slices.IndexFunc(files, func(f plans.File) bool { return f.Name == name }); i >= 0 {
		return files[i].Data
	}
	return nil
}

// LookAtLike finds a VM on the hosts, and says what protecting it as another one is
// protected would mean. It changes nothing and needs no engine. request is that of
// the run; its RunID is completed with the run's name.
func LookAtLike(ctx context.Context, path, data string, like plans.LikeRequest, request plans.ProtectionRequest, ahead time.Duration) (*LikeLook, error) {
	dir, files, err := readFiles(path)
	if err != nil {
		return nil, err
	}
	config, err := plans.Decode(files)
	if err != nil {
		return nil, err
	}
	cfg := &Configuration{Config: config, Dir: dir, Path: path}
	l, err := config.Like(like)
	if err != nil {
		return nil, err
	}
	known, err := l.Known(config)
	if err != nil {
		return nil, err
	}
	if known {
		look, err := LookAtProtection(ctx, cfg, data, named(request, like.VM), ahead)
		return &LikeLook{Look: look, Known: true}, err
	}
	a := &likeLook{cfg: cfg, like: l, hosts: newHosts(cfg, slog.New(slog.NewTextHandler(io.Discard, nil)))}
	defer a.hosts.close(context.WithoutCancel(ctx))
	if err := a.find(ctx); err != nil {
		return nil, a.orLines(files, err)
	}
	vm, found, err := l.Protected(config, a.facts.Copy)
	if err != nil {
		return nil, err
	}
	changed, adds, err := plans.AddLike(files, l.Other, vm, l.Part(a.facts.Copy))
	if err != nil {
		return nil, err
	}
	if cfg, err = withFiles(cfg, files, changed); err != nil {
		return nil, err
	}
	a.read(ctx)
	a.facts.Rate = plans.RateOf(ReadFirstCopies(ctx, data), l.Group.From, l.Group.To, cfg.Speed())
	look, err := LookAtProtection(ctx, cfg, data, named(request, config.NameFor(vm)), ahead)
	if err != nil {
		return nil, err
	}
	sums, err := a.sums(cfg.Config, request.By)
	if err != nil {
		return nil, err
	}
	plan := l.ExplainLike(cfg.Config, vm, look.Input, a.facts, adds, sums)
	plan.Findings = append(found, plan.Findings...)
	plans.SortFindings(plan.Findings)
	return &LikeLook{LikePlan: &plan, Look: look, files: files, changed: changed}, nil
}

// named completes a request with the VM's name.
func named(r plans.ProtectionRequest, name string) plans.ProtectionRequest {
	r.Name, r.RunID = name, plans.ProtectionPlan(name)+"-"+r.RunID
	return r
}

func withFiles(cfg *Configuration, files, changed []plans.File) (*Configuration, error) {
	config, err := plans.Decode(plans.Replaced(files, changed))
	return &Configuration{Config: config, Dir: cfg.Dir, Path: cfg.Path}, err
}

// likeLook reads what has to be known of a VM that the configuration does not have.
type likeLook struct {
	cfg   *Configuration
	like  plans.Like
	hosts *hosts
	seen  map[string]activities.HostSight
	facts plans.LikeFacts
}

// find looks for the VM where the other one runs, and at all other hosts only where
// it is not there.
func (a *likeLook) find(ctx context.Context) error {
	a.look(ctx, a.like.Group.From, a.like.Group.To)
	c, found, err := a.like.Find(a.cfg.Config, a.answers(), false)
	if !found {
		var names []string
		for _, h := range a.cfg.Hosts {
			names = append(names, h.Name)
		}
		a.look(ctx, names...)
		c, _, err = a.like.Find(a.cfg.Config, a.answers(), true)
	}
	a.facts.Copy, a.facts.Target = c, a.seen[a.like.Group.To].View
	return err
}

// look reads hosts that were not read yet, all at once.
func (a *likeLook) look(ctx context.Context, names ...string) {
	if a.seen == nil {
		a.seen = map[string]activities.HostSight{}
	}
	var mu sync.Mutex
	var running sync.WaitGroup
	for _, h := range a.cfg.Hosts {
		if _, read := a.seen[h.Name]; read || !slices.Contains(names, h.Name) {
			continue
		}
		running.Go(func() {
			sight := activities.LookAtHost(ctx, a.hosts.host, plans.RunHost{Name: h.Name, Site: h.Site, Reserve: h.MemoryReserve})
			mu.Lock()
			defer mu.Unlock()
			a.seen[h.Name] = sight
		})
	}
	running.Wait()
}

func (a *likeLook) answers() []plans.SeenHost {
	var out []plans.SeenHost
	for _, h := range a.cfg.Hosts {
		if s, read := a.seen[h.Name]; read {
			out = append(out, plans.SeenHost{View: s.View, Copies: s.Copies})
		}
	}
	return out
}

// orLines adds to the refusal of a VM that replicates as the other one does what a
// person may write: it is only missing in the configuration.
func (a *likeLook) orLines(files []plans.File, err error) error {
	var refused *plans.Refusal
	if !errors.As(err, &refused) || !a.like.Goes(a.cfg.Config, a.facts.Copy) {
		return err
	}
	vm, _, bad := a.like.Protected(a.cfg.Config, a.facts.Copy)
	if bad != nil {
		return err
	}
	if _, adds, bad := plans.AddLike(files, a.like.Other, vm, a.like.Part(a.facts.Copy)); bad == nil {
		refused.Lines = adds
		refused.Do = fmt.Sprintf("it is only missing in the configuration: write it there, as below; lifeboat protect %s then says whether it is protected", plans.ShellWord(vm.Name))
	}
	return err
}

// read asks for the VM's disks and checkpoints, and for the target's volumes.
func (a *likeLook) read(ctx context.Context) {
	var running sync.WaitGroup
	running.Go(func() {
		a.facts.Store = activities.LookAtStores(ctx, a.hosts.host, a.like.Group.To, nil)
		if at := storageOf(a.cfg, a.like.Group.To); at != "" {
			a.facts.Store.Storages = []string{at}
		}
	})
	host, err := a.hosts.host(a.like.Group.From)
	if err != nil { // it was asked before
		a.facts.Untold = append(a.facts.Untold, err.Error())
		running.Wait()
		return
	}
	disks, err := host.Disks(ctx, a.facts.Copy.VM)
	if err != nil {
		a.facts.Untold = append(a.facts.Untold, "Get-VMHardDiskDrive: "+err.Error())
	}
	for _, d := range disks {
		one := plans.LikeDisk{Path: d.Path, Problem: d.Problem}
		if d.Problem == "" {
			one.Size, one.Used = *d.Size, *d.Used
		}
		a.facts.Disks = append(a.facts.Disks, one)
	}
	points, err := host.Points(ctx, []string{a.facts.Copy.VM})
	if err != nil {
		a.facts.Untold = append(a.facts.Untold, "Get-VMSnapshot: "+err.Error())
	}
	for _, p := range points[a.facts.Copy.VM] {
		a.facts.Points = append(a.facts.Points, plans.Point{ID: p.ID, Kind: p.Type, Time: p.Created})
	}
	running.Wait()
}

func storageOf(cfg *Configuration, host string) string {
	if h := hostNamed(cfg, host); h != nil {
		return h.ReplicaStorage
	}
	return ""
}

// sums are what each plan that has the other VM needs, without this one and with it.
func (a *likeLook) sums(after *plans.Config, by string) ([]plans.LikeSum, error) {
	var out []plans.LikeSum
	for i := range a.cfg.Plans {
		was, is := &a.cfg.Plans[i], &after.Plans[i]
		request := plans.Request{Operation: plans.UnplannedFailover, To: a.like.To, By: by}
		if was.From != a.like.From && was.To != a.like.From {
			continue
		}
		before, err := plans.Resolve(a.cfg.Config, was, request)
		if err != nil {
			continue // the plan goes elsewhere
		}
		with, err := plans.Resolve(after, is, request)
		if err != nil {
			return nil, err
		}
		if len(with.VMs())+len(with.LeftOut) == len(before.VMs())+len(before.LeftOut) {
			continue // it has neither of them
		}
		out = append(out, plans.LikeSum{Plan: was.Name, Before: before, After: with, PairsBefore: activities.PairsOf(before, a.seen), PairsAfter: activities.PairsOf(with, a.seen)})
	}
	return out, nil
}
