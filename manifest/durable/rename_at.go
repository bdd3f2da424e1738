//go:build linux || darwin

package durable

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// renameInDir renames within one directory, in one step, as flags say, or
// returns errUnsupported.
func (d *Dir) renameInDir(from, to string, flags uint) error {
	err := d.inDir(path.Dir(to), func(dir int) error {
		return renameAt(dir, path.Base(from), path.Base(to), flags)
	})
	// Linux says EINVAL when the file system knows no flags, ENOSYS when
	// the kernel knows none; macOS says ENOTSUP.
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENOTSUP) {
		return errUnsupported
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

// rmdir removes an empty directory by the call that removes nothing else,
// whatever takes the directory's place meanwhile.
func (d *Dir) rmdir(name string) error {
	return d.inDir(path.Dir(name), func(dir int) error {
		return unix.Unlinkat(dir, path.Base(name), unix.AT_REMOVEDIR)
	})
}

func (d *Dir) syncNames(dir string) error {
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTSUP) {
		err = nil // this file system has no such call; nothing is promised there
	}
	return errors.Join(err, f.Close())
}

// inDir calls f with a descriptor of dir, which os.Root has opened, so that
// no link on the way leads out of the root.
func (d *Dir) inDir(dir string, f func(fd int) error) (err error) {
	file, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = f(int(fd)) }); err != nil {
		return err
	}
	return failed
}
