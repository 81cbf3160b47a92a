package plans

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// onVM is a command about a VM as a person types it on its host: by the id, since
// names are not unique.
func onVM(c orphanCopy, command string) string {
	return fmt.Sprintf("%s> $vm = Get-VM -Id %s; %s", c.host.Host, c.vm.ID, command)
}

// provider is for a VM that another provider replicates. One that is well is
// that provider's business.
//
// Microsoft: Azure Site Recovery, "Remove servers and disable protection".
func (h *orphanHunt) provider(c orphanCopy, only bool) {
	if c.vm.State != "Error" && c.vm.State != "WaitingForStartResynchronize" {
		h.leave(c.host, OrphanProvider, c.vm.ID, c.vm.Name, "another provider replicates it, and it is "+c.vm.State+": hands off")
		return
	}
	f := c.finding(OrphanProvider, lastOf(c), only)
	f.Evidence = []string{c.says(), "its replication provider is " + c.vm.Provider + ", not Hyper-V's own"}
	f.Risk = "Azure Site Recovery, or another product, may still manage it: then disable it there. Only where its vault is gone is this the way out."
	f.Verb, f.Word, f.Undo = VerbRemoveByWMI, WordVaultGone, "none: the other product has to protect it again"
	f.Commands = []string{fmt.Sprintf(`%s> $ns = 'root/virtualization/v2'; $svc = Get-CimInstance -Namespace $ns Msvm_ReplicationService; `+
		`$vm = Get-CimInstance -Namespace $ns Msvm_ComputerSystem -Filter "Name='%s'"; `+
		`Invoke-CimMethod -InputObject $svc -MethodName RemoveReplicationRelationship -Arguments @{ComputerSystem=$vm}`, c.host.Host, strings.ToUpper(c.vm.ID))}
	h.add(c.host, f, needs{age: true})
}

func lastOf(c orphanCopy) (at time.Time) {
	for _, r := range c.vm.Relations {
		if r.Last.After(at) {
			at = r.Last
		}
	}
	return at
}

// test is for a test VM: known by its mode, never by its name.
func (h *orphanHunt) test(t orphanCopy) {
	f := t.finding(OrphanTest, t.vm.Created, false)
	for _, copies := range h.all {
		for _, c := range copies {
			if !slices.ContainsFunc(c.vm.Relations, func(r OrphanRelation) bool { return strings.EqualFold(r.TestVM, t.vm.ID) }) {
				continue
			}
			if c.host != t.host {
				h.leave(t.host, f.Kind, t.vm.ID, t.vm.Name, "its replica is at "+c.host.Host)
				return
			}
			// The replica's own cmdlet removes it: the act is about the replica.
			f.VM, f.Expect = c.vm.ID, c.expect()
			f.Evidence = []string{t.says(), "the test copy of " + c.vm.Name + ", made " + t.vm.Created.UTC().Format("2006-01-02 15:04") + " UTC", c.says()}
			f.Risk = "It takes room and memory, and no other test of this VM can begin."
			f.Verb, f.Commands = VerbStopTest, []string{onVM(c, "Stop-VMFailover -VM $vm")}
			f.Undo = "none needed: it holds nothing but what a drill wrote; another test makes another"
			h.add(t.host, f, needs{age: true, also: t.vm.ID})
			return
		}
	}
	if h.untold("Get-VMReplication") {
		h.leave(t.host, f.Kind, t.vm.ID, t.vm.Name, "not every VM told which test copy is its own")
		return
	}
	f.Evidence = []string{t.says(), "no replica on any host says that it is its test copy"}
	f.Risk = "It takes room, and Stop-VMFailover cannot find it any more. It holds nothing but what a drill wrote."
	f.Commands = []string{onVM(t, "Remove-VM -VM $vm -Force"), "then delete its disks, those that no other VM has"}
	f.Undo = "its disks wait in quarantine; the VM itself does not come back"
	for _, d := range t.vm.Disks {
		f.Paths = append(f.Paths, d.Path)
	}
	switch f.Verb = VerbRemoveTest; {
	case likePattern(quarantineOfAll(f.Paths)):
		f.Verb, f.Person = "", patternWhy
	case len(f.Paths) > 0 && quarantineOfAll(f.Paths) == "":
		f.Verb, f.Person = "", "its disks are not all in one place of replicas, so they cannot go into quarantine: remove it, and them, by hand"
	case t.vm.Power != "Off":
		f.Verb, f.Person = "", "it is "+t.vm.Power+": make sure that nobody works in it, then turn it off"
		f.Commands = slices.Insert(f.Commands, 0, onVM(t, "Stop-VM -VM $vm -TurnOff -Force"))
	}
	h.add(t.host, f, needs{everyHost: true, age: true})
}

// checkpoints is for those that backups left. While a failover waits to be
// completed Hyper-V keeps one itself.
func (h *orphanHunt) checkpoints(c orphanCopy, only bool) {
	if len(c.vm.Checkpoints) == 0 || slices.Contains(moving, c.vm.State) || c.vm.Provider != "" {
		return
	}
	f := c.finding(OrphanCheckpoint, c.vm.Checkpoints[0].Time, only)
	for _, p := range c.vm.Checkpoints {
		f.Points = append(f.Points, p.ID)
		if p.Time.After(f.Since) {
			f.Since = p.Time // as young as the youngest: a backup may be under way
		}
	}
	f.Bytes = 0
	f.Evidence = []string{c.says(), fmt.Sprintf("%d checkpoints of type Recovery, the newest of %s UTC", len(f.Points), f.Since.UTC().Format("2006-01-02 15:04"))}
	f.Risk = "They grow until the volume is full. Removing them merges their disks, which takes I/O; the VM goes on."
	f.Verb, f.Commands = VerbRemoveCheckpoints, []string{onVM(c, "Get-VMSnapshot -VM $vm -SnapshotType Recovery | Remove-VMSnapshot")}
	f.Undo = "none: they are merged into the VM's disks, and nothing of the VM is lost"
	h.add(c.host, f, needs{age: true})
}

// prepared is for a primary that waits for a failover.
func (h *orphanHunt) prepared(c orphanCopy, real []orphanCopy) {
	if c.vm.Mode != "Primary" || c.vm.State != "PreparedForFailover" {
		return
	}
	f := c.finding(OrphanPrepared, lastOf(c), false)
	var replica *orphanCopy
	for _, o := range c.others(real) {
		if slices.Contains(moving, o.vm.State) || o.vm.Mode == "Primary" {
			return // the failover goes on
		}
		if o.vm.Mode == "Replica" {
			replica = &o
		}
	}
	if replica == nil || len(replica.vm.Problems) > 0 {
		h.leave(c.host, f.Kind, c.vm.ID, c.vm.Name, "its replica was not seen: it may have been failed over")
		return
	}
	if at := lastOf(*replica); at.After(f.Since) {
		f.Since = at
	}
	f.Evidence = []string{c.says(), replica.says(), lastCopy(f.Since)}
	f.Risk = "It cannot be started, and it replicates nothing. Its replica was not failed over, so taking the preparation back loses nothing. It stays off then: start it where it is needed."
	f.Verb, f.Commands = VerbStopFailover, []string{onVM(c, "Stop-VMFailover -VM $vm")}
	f.Undo = "lifeboat failover PLAN --planned prepares it again"
	if c.vm.Power != "Off" {
		f.Verb, f.Person = "", "it is "+c.vm.Power+", which a prepared VM cannot be: look at it"
	}
	h.add(c.host, f, needs{everyHost: true, age: true})
}

// pending is for a failover that was never made final.
//
// Microsoft: best practices analyzer, "A failed over virtual machine has one or
// more recovery snapshots".
func (h *orphanHunt) pending(c orphanCopy, real []orphanCopy) {
	if c.vm.State != "FailedOverWaitingCompletion" {
		return
	}
	f := c.finding(OrphanPending, lastOf(c), c.only(real))
	if c.vm.Power == "Running" {
		f.Since = c.host.At.Add(-c.vm.Uptime)
	}
	f.Evidence = saying(real)
	f.Risk = "Its disks grow until it is completed. Completing removes the recovery points: there is no other point, and no way back, after it."
	f.Verb, f.Commands = VerbComplete, []string{onVM(c, "Complete-VMFailover -VM $vm")}
	f.Undo = "none: a completed failover cannot be cancelled"
	f.onlyCopyTakesAWord()
	if c.vm.Power != "Running" {
		f.Verb, f.Word, f.Person = "", "", "it is "+c.vm.Power+": say whether this copy is to go on (start it, then lifeboat commit) or not (lifeboat cancel)"
		f.Commands = []string{onVM(c, "Stop-VMFailover -VM $vm") + "   (when it is not to go on)", f.Commands[0] + "   (when it is, and only then)"}
		if runsElsewhere(c, real) {
			f.Risk = "The other copy runs: completing this one would make it the one that counts. " + f.Risk
		}
	}
	h.add(c.host, f, needs{everyHost: true, age: true})
}

func runsElsewhere(c orphanCopy, real []orphanCopy) bool {
	return slices.ContainsFunc(c.others(real), func(o orphanCopy) bool { return o.vm.Power == "Running" })
}

// files is for what stands where replicas are kept.
func (h *orphanHunt) files(host *HostReading) {
	for _, folder := range host.Folders {
		seen := slices.ContainsFunc(h.all[strings.ToLower(folder.GUID)], orphanCopy.whole)
		if !folder.Kept.IsZero() {
			h.kept(host, folder, seen)
			continue
		}
		f := Orphan{Kind: OrphanFiles, VM: folder.GUID, Name: orWord(h.nameOf(folder.GUID), folder.GUID), Bytes: folder.Bytes, Since: folder.Modified, OnlyCopy: !seen, Path: folder.Path}
		if h.hasVM(host, folder.GUID) || h.used(folder.Path) {
			continue
		}
		if h.untold("Get-VMHardDiskDrive") {
			h.leave(host, f.Kind, f.VM, f.Name, "which disks are in use was not told")
			continue
		}
		f.Evidence = []string{fmt.Sprintf("%s: %d files in %s, changed last %s UTC", host.Host, folder.Files, folder.Path, folder.Modified.UTC().Format("2006-01-02 15:04")),
			"no VM of this id is on this host, and no VM of any host has a disk there"}
		f.Risk = "They take room. They go into quarantine beside their place, and are deleted only by a second clean-up, after the time to undo."
		if folder.Link {
			h.leave(host, f.Kind, f.VM, f.Name, "it is, or holds, a junction: what that leads to may be in use")
			continue
		}
		if f.OnlyCopy {
			f.Evidence, f.Word = append(f.Evidence, "no host has a VM of this id with its disks"), WordOnlyCopy
		}
		f.Verb, f.Undo = VerbQuarantine, "lifeboat orphans undo "+orphanID(host.Host, OrphanFiles, folder.Path)+", within "+ago(h.Policy.Undo.D())
		f.Commands = []string{
			fmt.Sprintf(`%s> $into = [IO.Directory]::CreateDirectory(%s + '\' + [DateTime]::UtcNow.ToString('yyyyMMddTHHmmssZ')).FullName`, host.Host, quote(quarantineOf(folder.Path))),
			fmt.Sprintf(`%s> [IO.Directory]::Move(%s, $into + '\%s')`, host.Host, quote(folder.Path), strings.ToUpper(folder.GUID)),
		}
		if likePattern(folder.Path) {
			f.Verb, f.Person = "", patternWhy
		}
		h.add(host, f, needs{everyHost: true, age: true})
	}
}

// likePattern is true for a path that Windows PowerShell 5.1 may take for a pattern
// where something is moved to, and then move it elsewhere.
//
// PowerShell/PowerShell, issue 20521.
func likePattern(path string) bool { return strings.ContainsAny(path, "[]") }

const patternWhy = "its path holds [ or ], which Move-Item may take for a pattern in a destination: do it by hand"

// quarantineOf is where a replica's folder goes: beside the folder of all, on the
// same volume.
func quarantineOf(path string) string { return folderOf(folderOf(path)) + `\.lifeboat-quarantine` }

func folderOf(path string) string { return path[:max(0, strings.LastIndexByte(path, '\\'))] }

// kept is for files in quarantine.
func (h *orphanHunt) kept(host *HostReading, folder OrphanFolder, seen bool) {
	q := OrphanInQuarantine{
		Host: host.Host, VM: folder.GUID, Name: orWord(h.nameOf(folder.GUID), folder.GUID), Path: folder.Path, Bytes: folder.Bytes,
		Since: folder.Kept, Until: folder.Kept.Add(h.Policy.Undo.D()),
	}
	if base := folderOf(folderOf(folderOf(folder.Path))); !strings.HasPrefix(folder.Path[strings.LastIndexByte(folder.Path, '\\')+1:], "test-") {
		q.Original = base + `\Virtual hard disks\` + strings.ToUpper(folder.GUID)
	}
	// The id is that of what was found in its place, so that undo goes by it.
	q.ID = orphanID(host.Host, OrphanFiles, orWord(q.Original, folder.Path))
	h.out.Kept = append(h.out.Kept, q)
	if h.used(folder.Path) || host.At.Before(q.Until) {
		return
	}
	switch {
	case h.untold("Get-VMHardDiskDrive"):
		h.leave(host, OrphanKept, folder.GUID, q.Name, "which disks are in use was not told")
		return
	case folder.Link:
		h.leave(host, OrphanKept, folder.GUID, q.Name, "it is, or holds, a junction: deleting could follow it")
		return
	}
	f := Orphan{Kind: OrphanKept, VM: folder.GUID, Name: q.Name, Bytes: folder.Bytes, Since: folder.Kept, OnlyCopy: !seen && q.Original != "", Path: folder.Path}
	f.Evidence = []string{fmt.Sprintf("%s: %d files in %s", host.Host, folder.Files, folder.Path), fmt.Sprintf("in quarantine since %s UTC, for %s", folder.Kept.UTC().Format("2006-01-02 15:04"), ago(h.Policy.Undo.D()))}
	f.Risk = "Deleting them is for ever."
	if f.OnlyCopy {
		f.Evidence, f.Word = append(f.Evidence, "no host has a VM of this id with its disks: they may be its only copy"), WordOnlyCopy
		f.Risk += " Copy them elsewhere first."
	}
	f.Verb, f.Undo = VerbDeleteFiles, "none once they are deleted; until then lifeboat orphans undo "+q.ID
	f.Commands = []string{fmt.Sprintf("%s> Remove-Item -LiteralPath %s -Recurse -Force", host.Host, quote(folder.Path))}
	h.add(host, f, needs{everyHost: true, age: true})
}

func (h *orphanHunt) nameOf(id string) string {
	for _, c := range h.all[strings.ToLower(id)] {
		return c.vm.Name
	}
	return ""
}

func (h *orphanHunt) hasVM(host *HostReading, id string) bool {
	return slices.ContainsFunc(h.all[strings.ToLower(id)], func(c orphanCopy) bool { return c.host == host })
}

// used tells whether a VM of any host has a disk in a folder: one on shared
// storage looks the same from every node. A path that begins with two backslashes,
// as that of a share, may lead to any host's folder that ends alike.
func (h *orphanHunt) used(folder string) bool {
	folder = strings.ToLower(folder) + `\`
	tail := folder[max(0, strings.LastIndex(folder, `\hyper-v replica\`)):]
	for _, copies := range h.all {
		for _, c := range copies {
			if slices.ContainsFunc(c.vm.Disks, func(d OrphanDisk) bool {
				path := strings.ToLower(d.Path)
				return strings.HasPrefix(path, folder) || strings.HasPrefix(path, `\\`) && strings.Contains(path, tail)
			}) {
				return true
			}
		}
	}
	return false
}

// untold tells whether a host that was read did not tell a part.
func (h *orphanHunt) untold(cmdlet string) bool {
	begins := func(p string) bool { return strings.HasPrefix(p, cmdlet+":") }
	return slices.ContainsFunc(h.Hosts, func(r HostReading) bool {
		return slices.ContainsFunc(r.Problems, begins) || slices.ContainsFunc(r.VMs, func(vm OrphanVM) bool { return slices.ContainsFunc(vm.Problems, begins) })
	})
}

// entries is for authorization entries: one is used when it names a host of the
// configuration, which may have to come back this way, or any server that a
// replication anywhere names. A wildcard is never taken for unused.
func (h *orphanHunt) entries(host *HostReading) {
	for _, e := range host.Entries {
		if strings.Contains(e.Primary, "*") || h.called(e.Primary) != nil || h.named(e.Primary) {
			continue
		}
		f := Orphan{Kind: OrphanEntry, Name: e.Primary, Entry: e}
		f.Evidence = []string{
			fmt.Sprintf("%s takes replication from %s (trust group %s, storage %s)", host.Host, e.Primary, e.TrustGroup, e.Storage),
			"no host of the configuration has this name, and no replication on any host names it",
		}
		f.Risk = "A server that nobody knows may replicate to this host. If it is still wanted, its next replication is refused."
		f.Verb, f.Undo = VerbRemoveEntry, "lifeboat orphans undo "+orphanID(host.Host, OrphanEntry, e.Primary)+", within "+ago(h.Policy.Undo.D())
		f.Commands = []string{fmt.Sprintf("%s> Remove-VMReplicationAuthorizationEntry -AllowedPrimaryServer %s", host.Host, quote(e.Primary))}
		if h.untold("Get-VMReplication") {
			h.leave(host, f.Kind, "", f.Name, "not every VM told from where it receives")
			continue
		}
		h.add(host, f, needs{everyHost: true})
	}
}

// named tells whether a replication anywhere names a server.
func (h *orphanHunt) named(server string) bool {
	for _, copies := range h.all {
		for _, c := range copies {
			for _, r := range c.vm.Relations {
				if slices.ContainsFunc([]string{r.Primary, r.Replica, r.Current, r.Allowed}, func(n string) bool { return strings.EqualFold(n, server) }) {
					return true
				}
			}
		}
	}
	return false
}
