//go:build linux || darwin

package worker

import "syscall"

// freeSpace is what is left for this user on the disk of a folder, in bytes.
func freeSpace(dir string) (free uint64, known bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
