package activities

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/activities/hyperv"
	"github.com/lifeboat-dr/lifeboat/plans"
)

// Names of a sweep's activities.
const (
	OrphanLookName = "orphan-look"
	OrphanActName  = "orphan-act"
)

// OrphanDeps is what a sweep needs from outside. The zero value knows no host.
type OrphanDeps struct {
	// Estate is the configuration as it is now.
	Estate func() plans.OrphanEstate
	// Held names who works on which VM now, by VM id in lower case.
	Held func(ctx context.Context) (map[string]string, error)
	// Busy names what goes on with one of the plans, asked so that it is never
	// behind; "" for nothing.
	Busy func(ctx context.Context, plans []string) (string, error)
}

func (o OrphanDeps) estate() plans.OrphanEstate {
	if o.Estate == nil {
		return plans.OrphanEstate{Speed: 1}
	}
	return o.Estate()
}

// OrphanLookOut is what one look at all hosts shows.
type OrphanLookOut struct {
	Picture plans.OrphanPicture `json:"picture"`
}

// OrphanLook reads every host of the configuration and classifies what was seen.
// It changes nothing.
func (a *Activities) OrphanLook(ctx context.Context) (OrphanLookOut, error) {
	defer beat(ctx)()
	picture, _ := a.orphans(ctx)
	return OrphanLookOut{Picture: picture}, ctx.Err()
}

// orphansAtOnce is how many hosts are read at once.
const orphansAtOnce = 16

// orphans reads all hosts. Who works on what is asked before and after: what began
// meanwhile counts.
func (a *Activities) orphans(ctx context.Context) (plans.OrphanPicture, map[string]plans.HostReading) {
	estate := a.Orphans.estate()
	look := plans.OrphanLook{Hosts: estate.Hosts, Policy: estate.Policy}
	before, err := a.held(ctx)
	var reading sync.WaitGroup
	free := make(chan struct{}, orphansAtOnce)
	for i := range look.Hosts {
		free <- struct{}{}
		reading.Go(func() {
			h := &look.Hosts[i]
			if a.readOrphans(ctx, h); h.Read && !estate.Simulated {
				h.Off = time.Until(h.At)
			}
			<-free
		})
	}
	reading.Wait()
	after, err2 := a.held(ctx)
	for vm, who := range before {
		after[vm] = who
	}
	look.Held = after
	if err == nil {
		err = err2
	}
	if err != nil {
		look.Blind = err.Error()
	}
	byHost := map[string]plans.HostReading{}
	for _, h := range look.Hosts {
		byHost[h.Host] = h
	}
	return plans.FindOrphans(look), byHost
}

func (a *Activities) held(ctx context.Context) (map[string]string, error) {
	if a.Orphans.Held == nil {
		return map[string]string{}, nil
	}
	held, err := a.Orphans.Held(ctx)
	if held == nil {
		held = map[string]string{}
	}
	return held, err
}

// orphanLimit bounds the reading of one host.
const orphanLimit = 4 * time.Minute

// readOrphans fills in what a host answers.
func (a *Activities) readOrphans(ctx context.Context, h *plans.HostReading) {
	ctx, cancel := context.WithTimeout(ctx, orphanLimit)
	defer cancel()
	host, err := a.Hosts(h.Host)
	if err != nil {
		h.Why = err.Error()
		return
	}
	answer, err := host.Orphans(ctx)
	if err != nil {
		h.Why = whyUnreached(err)
		return
	}
	readingOf(h, answer)
}

func readingOf(h *plans.HostReading, o hyperv.Orphans) {
	h.Read, h.At, h.Problems, h.Parents = true, o.UTC, o.Problems, o.Parents
	h.Names = append(append([]string(nil), h.Names...), o.Name, o.FQDN)
	for i := range o.VMs {
		h.VMs = append(h.VMs, orphanVM(&o.VMs[i]))
	}
	for _, e := range o.Entries {
		h.Entries = append(h.Entries, plans.Authorized{Primary: e.Primary, Storage: e.Storage, TrustGroup: e.TrustGroup})
	}
	for _, f := range o.Folders {
		if folder, ok := folderOf(f); ok {
			h.Folders = append(h.Folders, folder)
		}
	}
	if c := o.Cluster; c != nil {
		h.Cluster = &plans.OrphanCluster{Name: c.Name, Nodes: c.Nodes}
		for _, g := range c.Groups {
			h.Cluster.Groups = append(h.Cluster.Groups, plans.OrphanGroup{ID: g.ID, Name: g.Name, Owner: g.Owner, State: g.State, VM: g.VM, Store: g.Store, Failed: g.Failed, Others: g.Others, Files: g.Files})
		}
	}
}

func orphanVM(vm *hyperv.OrphanVM) plans.OrphanVM {
	out := plans.OrphanVM{
		ID: vm.VM, Name: vm.Name, Power: vm.Power, Mode: vm.Mode, State: vm.State, Created: vm.Created,
		Uptime: time.Duration(vm.UptimeSec) * time.Second, Provider: vm.ForeignProvider(), Problems: vm.Problems,
	}
	for _, r := range vm.Relations {
		out.Relations = append(out.Relations, plans.OrphanRelation{
			Relationship: r.Relationship, Primary: r.PrimaryServer, Replica: r.ReplicaServer, Current: r.CurrentReplicaServer,
			Allowed: r.AllowedPrimary, TestVM: r.TestVM, Last: r.LastReplication,
		})
	}
	for _, d := range vm.Disks {
		out.Disks = append(out.Disks, plans.OrphanDisk{Path: d.Path, Bytes: d.Bytes})
	}
	for _, b := range vm.Backups {
		out.Checkpoints = append(out.Checkpoints, plans.Point{ID: b.ID, Kind: "Recovery", Time: b.Created})
	}
	return out
}

// folderOf is a folder that is named by a VM's GUID; any other is nobody's
// business.
func folderOf(f hyperv.ReplicaFolder) (plans.OrphanFolder, bool) {
	parts := strings.Split(f.Path, `\`)
	id, err := hyperv.VMID(strings.TrimPrefix(parts[len(parts)-1], "test-"))
	if err != nil || len(parts) < 2 {
		return plans.OrphanFolder{}, false
	}
	out := plans.OrphanFolder{Path: f.Path, GUID: id, Files: f.Files, Bytes: f.Bytes, Modified: f.Modified, Link: f.Link}
	if f.Kept {
		out.Kept, err = plans.KeptAt(parts[len(parts)-2])
	}
	return out, err == nil
}

// OrphanActIn asks to clean one thing, or to take that back.
type OrphanActIn struct {
	Run string `json:"run"`
	// Orphan is what was agreed to.
	Orphan plans.Orphan `json:"orphan"`
	Undo   bool         `json:"undo,omitempty"`
	By     string       `json:"by"`
	Now    time.Time    `json:"now"`
}

// OrphanActOut is what became of it.
type OrphanActOut struct {
	Verdict plans.Verdict    `json:"verdict"`
	Text    string           `json:"text"`
	Verb    plans.Verb       `json:"verb"`
	Act     *plans.ActRecord `json:"act,omitempty"`
}

// OrphanAct reads every host anew, and acts only if the same is still found, then
// reads again: done is what was verified. It may be run again from its beginning
// at any moment: what the journal has of this request was sent, and is not sent
// again.
func (a *Activities) OrphanAct(ctx context.Context, in OrphanActIn) (OrphanActOut, error) {
	defer beat(ctx)()
	picture, hosts := a.orphans(ctx)
	f, verb, why := plans.OrphanStep(picture, in.Orphan, in.Undo)
	out := OrphanActOut{Verb: verb, Verdict: plans.VerdictRefused}
	sent, err := a.orphanSent(in, f, verb)
	if err != nil {
		return out, err
	}
	if sent == nil {
		if why == "" {
			why = a.orphanBusy(ctx, f.VM)
		}
		if why != "" || ctx.Err() != nil {
			out.Text = orText(why, "it was called off") + ". Nothing was changed."
			return out, nil
		}
		done, err := a.send(plans.ActNote{
			Run: in.Run, VM: orText(f.VM, f.ID), Label: f.Name, Host: f.Host, Verb: verb, Expect: f.Expect, At: in.Now,
			Why: fmt.Sprintf("%s (%s), agreed to by %s", f.Kind, f.ID, in.By), Irreversible: verb != plans.VerbQuarantine && verb != plans.VerbRestore && verb != plans.VerbRemoveEntry && verb != plans.VerbAddEntry,
		}, func() (hyperv.ActResult, error) { return a.clean(ctx, f, verb, hosts[f.Host]) })
		if err != nil {
			return out, err
		}
		sent = &done.record
	}
	out.Act = sent
	out.Verdict, out.Text = a.verified(ctx, f, verb, *sent)
	return out, nil
}

func orText(text, instead string) string {
	if text == "" {
		return instead
	}
	return text
}

// orphanSent is the act of an earlier attempt at this same request, of which
// nobody heard the answer.
func (a *Activities) orphanSent(in OrphanActIn, f plans.Orphan, verb plans.Verb) (*plans.ActRecord, error) {
	n, found, err := a.asked(orText(f.VM, f.ID), f.Host, verb)
	if err != nil || !found || n.Run != in.Run || !n.At.Equal(in.Now) {
		return nil, err
	}
	return &plans.ActRecord{Host: n.Host, Verb: n.Verb, Started: n.At, Outcome: "no-answer", Error: "the engine ended before the answer came"}, nil
}

func (a *Activities) orphanBusy(ctx context.Context, vm string) string {
	named := a.Orphans.estate().PlansOf(vm)
	if a.Orphans.Busy == nil || len(named) == 0 {
		return ""
	}
	run, err := a.Orphans.Busy(ctx, named)
	switch {
	case err != nil:
		return "which runs are under way is not known: " + err.Error()
	case run != "":
		return run + " goes first"
	}
	return ""
}

// clean does the one act of a verb.
func (a *Activities) clean(ctx context.Context, f plans.Orphan, verb plans.Verb, at plans.HostReading) (hyperv.ActResult, error) {
	host, err := a.Hosts(f.Host)
	if err != nil {
		return hyperv.ActResult{}, err
	}
	expect := hyperv.Expect(f.Expect)
	switch verb {
	case plans.VerbRemove:
		return host.RemoveReplication(ctx, f.VM, expect, beginWithin, "Simple")
	case plans.VerbRemoveExtended:
		return host.RemoveReplication(ctx, f.VM, expect, beginWithin, "Extended")
	case plans.VerbRemoveByWMI:
		return host.RemoveByWMI(ctx, f.VM, expect, beginWithin)
	case plans.VerbStopFailover:
		return host.StopFailover(ctx, f.VM, expect, beginWithin)
	case plans.VerbComplete:
		return host.CompleteFailover(ctx, f.VM, expect, beginWithin)
	case plans.VerbStopTest:
		return host.StopTest(ctx, f.VM, expect, beginWithin)
	case plans.VerbRemoveTest:
		return host.RemoveTestVM(ctx, f.VM, expect, beginWithin, f.Paths, f.Quarantine(at))
	case plans.VerbRemoveCheckpoints:
		return host.RemoveCheckpoints(ctx, f.VM, expect, beginWithin, f.Points)
	case plans.VerbQuarantine:
		return host.Quarantine(ctx, f.VM, f.Path, f.Quarantine(at))
	case plans.VerbDeleteFiles:
		return host.DeleteFiles(ctx, f.Path)
	case plans.VerbRestore:
		return host.RestoreFiles(ctx, f.Path, f.Paths[0])
	case plans.VerbRemoveRole:
		return host.RemoveClusterGroup(ctx, f.VM, f.Group)
	case plans.VerbRemoveEntry:
		_, err = host.Unauthorize(ctx, f.Entry.Primary)
	case plans.VerbAddEntry:
		_, err = host.Authorize(ctx, f.Entry.Primary, f.Entry.Storage, f.Entry.TrustGroup)
	default:
		err = fmt.Errorf("nobody knows how to %s", verb)
	}
	if err != nil {
		return hyperv.ActResult{}, err
	}
	return hyperv.ActResult{Outcome: hyperv.OutcomeDone}, nil
}

// What was done is looked for so many times, so long apart: hosts show some things
// late.
const (
	verifyTries = 5
	verifyEvery = 3 * time.Second
	// verifyAway is how long it is still looked for once an operation waits for the VM.
	verifyAway = 5 * time.Second
)

// verified reads the host again and says what has become of an act.
func (a *Activities) verified(ctx context.Context, f plans.Orphan, verb plans.Verb, act plans.ActRecord) (plans.Verdict, string) {
	speed := a.Orphans.estate().Speed
	called := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*orphanLimit)
	defer cancel()
	defer context.AfterFunc(called, func() { time.AfterFunc(time.Duration(float64(verifyAway)/speed), cancel) })()
	said := ""
	if act.Error != "" {
		said = " The host said: " + act.Error
	}
	nothing := act.Outcome == "moved" || act.Outcome == "expired" || act.Outcome == "not-sent"
	var seen plans.HostReading
	for try := range verifyTries {
		seen = plans.HostReading{Host: f.Host}
		a.readOrphans(ctx, &seen)
		gone, told := f.Gone(verb, seen)
		if gone && told {
			return plans.VerdictDone, "Read back from " + f.Host + "." + said
		}
		if nothing && told {
			return plans.VerdictRefused, fmt.Sprintf("%s did nothing (%s): it was not as it was a moment ago.%s", f.Host, act.Outcome, said)
		}
		if try < verifyTries-1 {
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(float64(verifyEvery) / speed)):
			}
		}
	}
	if !seen.Read {
		return plans.VerdictUnknown, fmt.Sprintf("%s was asked (%s), and cannot be read now: %s. Scan again when it answers.%s", f.Host, act.Outcome, seen.Why, said)
	}
	if act.Outcome == "failed" && f.AsItWas(verb, seen) {
		return plans.VerdictRefused, "It is as it was." + said
	}
	return plans.VerdictUnknown, fmt.Sprintf("%s was asked (%s), and it is not as it should be now. Scan again, and look at the host.%s", f.Host, act.Outcome, said)
}
