package watcher

import (
	"io/fs"
	"syscall"
)

const (
	// openNonblock keeps an open from waiting should a pipe have taken the
	// place of a file.
	openNonblock = syscall.O_NONBLOCK
	// openDir fails on all that is no directory.
	openDir = syscall.O_DIRECTORY | syscall.O_NONBLOCK
	// filesHeld says that fsnotify opens the files of a watched directory.
	filesHeld = true
)

// changed returns the time of the last change of the inode, and its number.
func changed(info fs.FileInfo) (ctime int64, inode uint64) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ctimespec.Nano(), st.Ino
	}
	return 0, 0
}

// device returns the number of the file system.
func device(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Dev)
	}
	return 0
}
