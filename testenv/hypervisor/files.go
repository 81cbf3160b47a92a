package hypervisor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// File is a file or folder on a host.
type File struct {
	Path     string
	Folder   bool
	Size     uint64
	Modified time.Time
	// Link is true for a junction: a folder that leads elsewhere.
	Link bool
}

// Name is the last part of the path.
func (f File) Name() string { return f.Path[strings.LastIndexByte(f.Path, '\\')+1:] }

// configurations is where a host keeps the configurations of its VMs. Those of the
// nodes of a cluster are files; nobody looks for any other.
const configurations = `D:\VMs`

// replicaFolder is where a replica server keeps the disks of a VM.
//
// Microsoft: "Improvements in recovery history" (virtualization blog, 2014).
func replicaFolder(storage, id string) string {
	return storage + `\Hyper-V Replica\Virtual hard disks\` + strings.ToUpper(id)
}

// keep writes the disks of a copy as files that no VM has.
func (h *Host) keep(c *copyState) {
	for _, d := range c.disks {
		h.files[strings.ToLower(d.Path)] = File{Path: d.Path, Size: d.UsedBytes, Modified: h.farm.Now()}
	}
}

// tree is everything on the host's volumes, by its path in lower case: the
// disks of VMs, the logs beside a replica's, what VMs have left, and all folders
// on the way.
func (h *Host) tree() map[string]File {
	all := map[string]File{}
	put := func(f File) {
		all[strings.ToLower(f.Path)] = f
		for p := parent(f.Path); p != ""; p = parent(p) {
			if _, ok := all[strings.ToLower(p)]; ok {
				break
			}
			all[strings.ToLower(p)] = File{Path: p, Folder: true, Modified: h.farm.epoch}
		}
	}
	put(File{Path: configurations, Folder: true, Modified: h.farm.epoch})
	for _, storage := range h.storages() {
		put(File{Path: parent(replicaFolder(storage, "x")), Folder: true, Modified: h.farm.epoch})
	}
	for _, f := range h.files {
		put(f)
	}
	for _, c := range h.copies {
		if h.env.Cluster != "" {
			put(configurationOf(c))
		}
		for _, d := range c.disks {
			put(File{Path: d.Path, Size: d.UsedBytes, Modified: h.farm.Now()})
		}
		for _, p := range c.history {
			if c.isReplica() && len(c.disks) > 0 {
				put(File{Path: parent(c.disks[0].Path) + `\` + p.ID + ".hru", Modified: p.Created})
			}
		}
	}
	return all
}

// storages are the folders in which replicas are kept.
func (h *Host) storages() []string {
	var out []string
	for _, s := range append([]string{h.replica.Storage}, storagesOf(h.replica.Entries)...) {
		if s = clean(s); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func storagesOf(entries []Authorization) []string {
	var out []string
	for _, e := range entries {
		out = append(out, e.Storage)
	}
	return out
}

// parent is the folder that holds a path, "" above a drive.
func parent(path string) string {
	at := strings.LastIndexByte(path, '\\')
	if at < 0 {
		return ""
	}
	return path[:at]
}

func clean(path string) string { return strings.TrimRight(strings.ReplaceAll(path, "/", `\`), `\`) }

func noPath(path string) error {
	return refuse("PathNotFound", "ObjectNotFound", fmt.Sprintf("Cannot find path '%s' because it does not exist.", path))
}

// Files lists what is in a folder, and with deep all below it; sorted by path.
//
// Microsoft: Get-ChildItem.
func (h *Host) Files(dir string, deep bool) ([]File, error) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	all := h.tree()
	dir = strings.ToLower(clean(dir))
	if at, ok := all[dir]; !ok {
		return nil, noPath(dir)
	} else if !at.Folder {
		return []File{at}, nil
	}
	var out []File
	for path, f := range all {
		if path != dir && strings.HasPrefix(path, dir+`\`) && (deep || parent(path) == dir) {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(strings.ToLower(a.Path), strings.ToLower(b.Path)) })
	return out, nil
}

// NewFolder makes a folder with all above it; one that is there is left as it is
// when force is given.
//
// Microsoft: New-Item -ItemType Directory.
func (h *Host) NewFolder(by Caller, path string, force bool) (File, error) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	path = clean(path)
	if f, ok := h.tree()[strings.ToLower(path)]; ok {
		if f.Folder && force {
			return f, nil
		}
		return File{}, refuse("DirectoryExist", "ResourceExists", fmt.Sprintf("An item with the specified name %s already exists.", path))
	}
	f := File{Path: path, Folder: true, Modified: h.farm.Now()}
	h.files[strings.ToLower(path)] = f
	h.farm.write(h.env.Name, "", "folder", "", path, by.By)
	return f, nil
}

// NewFile puts a file that belongs to no VM on the host.
func (h *Host) NewFile(by Caller, path string, size uint64) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	path = clean(path)
	h.files[strings.ToLower(path)] = File{Path: path, Size: size, Modified: h.farm.Now()}
	h.farm.write(h.env.Name, "", "file", "", path, by.By)
}

// NewLink puts a junction on the host.
func (h *Host) NewLink(by Caller, path string) {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	path = clean(path)
	h.files[strings.ToLower(path)] = File{Path: path, Folder: true, Link: true, Modified: h.farm.Now()}
	h.farm.write(h.env.Name, "", "junction", "", path, by.By)
}

// MoveItem moves or renames a file, or a folder with all in it.
//
// Microsoft: Move-Item: into a folder that is there, else to a new name in one
// that is there; folders stay on their drive.
func (h *Host) MoveItem(by Caller, from, to string) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	all := h.tree()
	from, to = clean(from), clean(to)
	was, ok := all[strings.ToLower(from)]
	if !ok {
		return noPath(from)
	}
	if into, ok := all[strings.ToLower(to)]; ok && into.Folder {
		to = into.Path + `\` + was.Name()
	}
	_, taken := all[strings.ToLower(to)]
	above, ok := all[strings.ToLower(parent(to))]
	kind := "MoveFileInfoItemIOError"
	if was.Folder {
		kind = "MoveDirectoryItemIOError"
	}
	switch {
	case taken:
		return refuse(kind, "WriteError", "Cannot create a file when that file already exists.")
	case !ok || !above.Folder:
		return refuse(kind, "WriteError", "Could not find a part of the path.")
	case was.Folder && !strings.EqualFold(from[:2], to[:2]):
		return refuse(kind, "WriteError", "Source and destination path must have identical roots. Move will not work across volumes.")
	case within(to, from):
		return refuse(kind, "WriteError", "The destination is a subfolder of the source.")
	}
	if err := h.taken(kind, from, by, "moved to "+to); err != nil {
		return err
	}
	for key, f := range all {
		if !within(f.Path, from) {
			continue
		}
		delete(h.files, key)
		f.Path = to + f.Path[len(from):]
		h.files[strings.ToLower(f.Path)] = f
	}
	h.farm.write(h.env.Name, "", "file", from, to, by.By)
	return nil
}

// RemoveItem deletes a file, or a folder with all in it.
//
// Microsoft: Remove-Item; without -Recurse it asks about a folder that is not
// empty. Of -Recurse it is said only that it may not work as it should: a junction is
// taken to be followed, which empties what it leads to.
func (h *Host) RemoveItem(by Caller, path string, recurse bool) error {
	h.farm.mu.Lock()
	defer h.farm.mu.Unlock()
	all := h.tree()
	path = clean(path)
	was, ok := all[strings.ToLower(path)]
	if !ok {
		return noPath(path)
	}
	for _, f := range all {
		if within(f.Path, path) && !strings.EqualFold(f.Path, path) && !recurse {
			return refuse("InvalidOperation", "InvalidOperation", "Windows PowerShell is in NonInteractive mode. Read and Prompt functionality is not available.")
		}
	}
	kind := "RemoveFileSystemItemIOError"
	if err := h.taken(kind, path, by, "deleted"); err != nil {
		return err
	}
	for key, f := range all {
		if !within(f.Path, path) {
			continue
		}
		if f.Link {
			h.farm.violated(fmt.Sprintf("what %s on %s leads to was deleted by %s", f.Path, h.env.Name, by.By))
		}
		delete(h.files, key)
	}
	h.farm.write(h.env.Name, "", "file", was.Path, "", by.By)
	return nil
}

// within tells whether a path is folder or below it.
func within(path, folder string) bool {
	path, folder = strings.ToLower(path), strings.ToLower(folder)
	return path == folder || strings.HasPrefix(path, folder+`\`)
}

// taken refuses what takes a disk from a VM that has it open. A disk of a VM
// that is off can be taken away: that VM has lost it, which is a violation unless
// it was made empty.
func (h *Host) taken(kind, path string, by Caller, how string) error {
	for _, c := range h.copies {
		for _, d := range c.disks {
			if (within(d.Path, path) || within(d.Parent, path)) && c.power != off {
				return refuse(kind, "WriteError", "The process cannot access the file because it is being used by another process.")
			}
		}
	}
	for _, c := range h.copies {
		for _, d := range slices.Clone(c.disks) {
			if !within(d.Path, path) && !within(d.Parent, path) {
				continue
			}
			if !c.env.Empty || !strings.Contains(strings.ToLower(d.Path), strings.ToLower(c.name)) {
				h.farm.violated(fmt.Sprintf("a disk taken from a VM: %s of %s (%s) on %s was %s by %s", d.Path, c.name, c.id, h.env.Name, how, by.By))
			}
			c.disks = slices.DeleteFunc(c.disks, func(o Disk) bool { return o.Path == d.Path })
		}
	}
	return nil
}
