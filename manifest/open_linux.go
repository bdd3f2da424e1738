package manifest

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// openingIn gives do what opens the files of a directory, by their names in it. It
// asks the system five times for a file where package os asks nine times: to look at
// a name first is the listing's part, which has told the kind of each file, an open
// file needs no poller, and its end is where its size says.
func openingIn(dir *os.Root, do func(opener)) error {
	return inRoot(dir, func(fd int) { do(openAt(fd)) })
}

// openAt opens files in an open directory. A pipe that took the place of one since it
// was listed does not block, and a link is not followed.
func openAt(dir int) opener {
	return func(name string) (opened, error) {
		fd, err := retried(func() (int, error) {
			return unix.Openat(dir, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		})
		switch {
		case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO): // a link, a socket
			return nil, errIrregular
		case err != nil:
			return nil, &os.PathError{Op: "openat", Path: name, Err: err}
		}
		f := &openFile{fd: fd, dir: dir, name: name}
		_, err = retried(func() (struct{}, error) { return struct{}{}, unix.Fstat(fd, &f.stat) })
		if err == nil && f.stat.Mode&unix.S_IFMT != unix.S_IFREG {
			err = errIrregular
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
}

// openFile is a file that was opened in an open directory.
type openFile struct {
	fd, dir int
	name    string
	stat    unix.Stat_t // as it was opened
	at      int64       // how much of it was read
}

func (f *openFile) size() int64      { return f.stat.Size }
func (f *openFile) state() fileState { return stateAt(&f.stat) }
func (f *openFile) Close() error     { return unix.Close(f.fd) }

// same asks for the name, which leads to the inode that was read: that tells of a
// write in place, too.
func (f *openFile) same() error {
	now, err := statAt(f.dir, f.name)
	if err != nil {
		return &os.PathError{Op: "fstatat", Path: f.name, Err: err}
	}
	if stateAt(&now) != f.state() {
		return errUnstable
	}
	return nil
}

// Read implements [io.Reader]. Whoever asks for more than there should be is told of
// the end without asking the system again: when the file grew since, same finds it.
func (f *openFile) Read(p []byte) (int, error) {
	n, err := retried(func() (int, error) { return unix.Read(f.fd, p) })
	if err != nil {
		return 0, &os.PathError{Op: "read", Path: f.name, Err: err}
	}
	f.at += int64(n)
	if n == 0 || n < len(p) && f.at == f.size() {
		return n, io.EOF
	}
	return n, nil
}

// Seek implements [io.Seeker].
func (f *openFile) Seek(offset int64, whence int) (int64, error) {
	at, err := unix.Seek(f.fd, offset, whence)
	if err == nil {
		f.at = at
	}
	return at, err
}
