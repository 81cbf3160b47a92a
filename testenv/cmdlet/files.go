package cmdlet

import (
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/testenv/hypervisor"
	"github.com/lifeboat-dr/lifeboat/testenv/powershell"
)

// getChildItem is Get-ChildItem for the machine's certificates and for the files
// of the host's volumes; the lab has no other drive, and patterns are for -Path
// alone.
//
// Microsoft: Get-ChildItem; about_Certificate_Provider; about_FileSystem_Provider.
func getChildItem(k *call) error {
	return k.guarded("", func() error {
		for _, path := range append(texts(k.bound["Path"]), texts(k.bound["LiteralPath"])...) {
			var err error
			switch {
			case strings.EqualFold(path, myStore):
				err = k.ownCertificate()
			case strings.EqualFold(path, shieldedStore):
				err = k.guardianCertificates(path)
			default:
				err = k.childFiles(path)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *call) childFiles(path string) error {
	if !onDrive(path) || k.has("Path") && strings.ContainsAny(path, "*?[") {
		return notSimulated("the path " + path)
	}
	files, err := k.host.Files(path, k.on("Recurse"))
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := k.put(k.file(f)); err != nil {
			return err
		}
	}
	return nil
}

// onDrive tells whether a path begins with a drive's letter.
func onDrive(path string) bool {
	return len(path) >= 3 && path[1] == ':' && (path[2] == '\\' || path[2] == '/')
}

// file is a FileInfo or a DirectoryInfo.
func (k *call) file(f hypervisor.File) *powershell.Object {
	class, attributes := "System.IO.FileInfo", "Archive"
	if f.Folder {
		class, attributes = "System.IO.DirectoryInfo", "Directory"
	}
	if f.Link {
		attributes += ", ReparsePoint"
	}
	o := powershell.NewObject(class, "System.IO.FileSystemInfo", "System.Object").
		Set("Name", f.Name()).Set("FullName", f.Path).Set("PSIsContainer", f.Folder).Set("LastWriteTime", k.clock(f.Modified.Truncate(time.Microsecond))).Set("Attributes", attributes)
	if !f.Folder {
		o.Set("Length", int64(f.Size))
	}
	return o
}

// newItem is New-Item for folders.
func newItem(k *call) error {
	return k.guarded("", func() error {
		for _, path := range texts(k.bound["Path"]) {
			if !strings.EqualFold(k.text("ItemType"), "Directory") || !onDrive(path) {
				return notSimulated("New-Item of anything but a folder")
			}
			f, err := k.host.NewFolder(k.by, path, k.on("Force"))
			if err != nil {
				return err
			}
			if err := k.put(k.file(f)); err != nil {
				return err
			}
		}
		return nil
	})
}

// moveItem is Move-Item.
func moveItem(k *call) error {
	return k.guarded("", func() error {
		for _, path := range texts(k.bound["LiteralPath"]) {
			if err := k.host.MoveItem(k.by, path, k.text("Destination")); err != nil {
				return err
			}
		}
		return nil
	})
}

// removeItem is Remove-Item.
func removeItem(k *call) error {
	return k.guarded("", func() error {
		for _, path := range texts(k.bound["LiteralPath"]) {
			if err := k.host.RemoveItem(k.by, path, k.on("Recurse")); err != nil {
				return err
			}
		}
		return nil
	})
}
