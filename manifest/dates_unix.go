//go:build linux || darwin

package manifest

import (
	"os"

	"golang.org/x/sys/unix"
)

// datesDirs reports whether root lies in a file system that is known to give a
// directory new times as soon as a name comes to it or leaves it, for everybody who
// looks, as POSIX has it. FAT does not tell times of change, HFS+ counts seconds, and
// what comes over a network, or through FUSE, may tell older ones than there are.
func datesDirs(root *os.Root) (ok bool) {
	err := inRoot(root, func(fd int) {
		var st unix.Statfs_t
		_, err := retried(func() (struct{}, error) { return struct{}{}, unix.Fstatfs(fd, &st) })
		ok = err == nil && isDating(&st)
	})
	return ok && err == nil
}
