//go:build !linux && !darwin

package durable

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
)

const (
	swap = iota
	noReplace
)

func (d *Dir) renameInDir(_, _ string, _ uint) error { return errUnsupported }

func (d *Dir) rmdir(name string) error {
	info, err := d.root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: %w", name, syscall.ENOTDIR)
	}
	return d.root.Remove(name)
}

// syncNames does nothing on Windows, which syncs files only.
func (d *Dir) syncNames(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := d.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
