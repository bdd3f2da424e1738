//go:build linux || darwin

package manifest

import (
	"os"

	"golang.org/x/sys/unix"
)

// inRoot opens a root and gives do its file descriptor.
func inRoot(root *os.Root, do func(fd int)) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer dir.Close()
	return withFD(dir, do)
}

// withFD gives do the file descriptor of an open file, for as long as it runs.
func withFD(f *os.File, do func(fd int)) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Control(func(fd uintptr) { do(int(fd)) })
}

// statAt looks at a name in an open directory.
func statAt(fd int, name string) (st unix.Stat_t, err error) {
	_, err = retried(func() (struct{}, error) { return struct{}{}, unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	return st, err
}

// retried repeats what a signal interrupted.
func retried[T any](call func() (T, error)) (T, error) {
	for {
		v, err := call()
		if err != unix.EINTR {
			return v, err
		}
	}
}

// stateAt is [stateOf] of another look.
func stateAt(st *unix.Stat_t) fileState {
	return fileState{
		size: st.Size, modified: st.Mtim.Nano(), changed: st.Ctim.Nano(),
		inode: st.Ino, device: uint64(st.Dev), mode: uint32(st.Mode),
	}
}
