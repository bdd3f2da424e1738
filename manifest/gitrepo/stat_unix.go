//go:build unix

package gitrepo

import (
	"io/fs"
	"syscall"
)

// openNonblock keeps an open from waiting should a pipe have taken the place
// of a file since it was looked at.
const openNonblock = syscall.O_NONBLOCK

// inode returns the number that tells a file from one that replaced it.
func inode(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Ino)
	}
	return 0
}
