//go:build unix

package manifest

import (
	"os"

	"golang.org/x/sys/unix"
)

// Listable returns the same open directory as a file of its own, to be listed once and
// closed. Of each name in one that was opened below an [os.Root] package os asks the
// system again, for an Info that could not be told later; nobody here asks for that of
// what is listed, and the kind comes with the name.
func Listable(dir *os.File) (*os.File, error) {
	conn, err := dir.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	controlErr := conn.Control(func(open uintptr) { fd, err = unix.FcntlInt(open, unix.F_DUPFD_CLOEXEC, 0) })
	if controlErr != nil {
		return nil, controlErr
	}
	if err != nil {
		return nil, &os.PathError{Op: "dup", Path: dir.Name(), Err: err}
	}
	return os.NewFile(uintptr(fd), dir.Name()), nil
}
