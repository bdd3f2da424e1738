package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// errUnsupported says that the system or the file system cannot rename in
// the way that was asked for.
var errUnsupported = errors.New("not supported here")

func (d *Dir) renameNoReplace(from, to string) error {
	if err := d.renameInDir(from, to, noReplace); !errors.Is(err, errUnsupported) {
		return err
	}
	return d.linkNoReplace(from, to)
}

func (d *Dir) exchange(a, b string) error {
	if err := d.renameInDir(a, b, swap); !errors.Is(err, errUnsupported) {
		return err
	}
	return d.exchangeByRenames(a, b)
}

// linkNoReplace replaces nothing as long as the file system has hard links.
func (d *Dir) linkNoReplace(from, to string) error {
	err := d.root.Link(from, to)
	switch {
	case err == nil:
		return d.root.Remove(from)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	// No hard links (FAT, some network file systems), or a directory.
	if _, err := d.root.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fs.ErrExist, err)
	}
	return d.root.Rename(from, to)
}

// exchangeByRenames takes b away first and never replaces anything, so that
// a file that somebody creates as b meanwhile stays. Then, as on a crash,
// what b was remains under the temporary name in the error.
func (d *Dir) exchangeByRenames(a, b string) error {
	aside := tempName(path.Dir(b))
	if err := d.root.Rename(b, aside); err != nil {
		return err
	}
	if err := d.renameNoReplace(a, b); err != nil {
		if !errors.Is(err, fs.ErrExist) {
			err = errors.Join(err, d.renameNoReplace(aside, b))
		}
		return fmt.Errorf("%w (the old file may lie at %s)", err, aside)
	}
	return d.renameNoReplace(aside, a)
}
