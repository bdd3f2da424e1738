package manifest

import (
	"io/fs"
	"syscall"
)

// openNonblock keeps an open from waiting should a pipe have taken the place
// of a file since it was looked at.
const openNonblock = syscall.O_NONBLOCK

// changeTime returns when the inode last changed, in nanoseconds; nobody can
// set it back as they can the modification time.
func changeTime(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ctimespec.Nano()
	}
	return 0
}

// stateOf returns all that the system tells of a file.
func stateOf(info fs.FileInfo) fileState {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileState{}
	}
	return fileState{
		size: st.Size, modified: st.Mtimespec.Nano(), changed: st.Ctimespec.Nano(),
		inode: st.Ino, device: uint64(st.Dev), mode: uint32(st.Mode),
	}
}
