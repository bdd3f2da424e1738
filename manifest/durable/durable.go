package durable

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"assetsync/manifest"
)

// Dir changes what lies below a directory. Names are slash-separated and
// relative; symbolic links in them are followed as long as they stay below
// the directory, which os.Root sees to. A Dir is safe for concurrent use as
// far as the names differ. It does not own the root.
type Dir struct {
	root *os.Root
	hook Hook
}

// Hook stands between a Dir and the system: it is called for every single
// step, makes it by calling do, and returns what the step is to answer. Tests
// fail a step without effect, or with its effect, or end the world there.
type Hook func(op Op, do func() error) error

// Op is one step: one call of the system that can fail by itself.
type Op struct {
	Step Step
	Name string
}

// Step is a kind of step.
type Step string

// The steps.
const (
	Create    Step = "create"     // an empty temporary file
	Write     Step = "write"      // all its content
	Sync      Step = "sync"       // its content to disk
	NoReplace Step = "no-replace" // give a file a name that is free
	Replace   Step = "replace"    // give a file a name, free or not
	Exchange  Step = "exchange"   // swap two names
	Aside     Step = "aside"      // give a file a temporary name
	Remove    Step = "remove"     // a file
	Mkdir     Step = "mkdir"
	Rmdir     Step = "rmdir"
	SyncDir   Step = "sync-dir" // the names in a directory to disk
	Commit    Step = "commit"   // a transaction of a database; no step of a Dir
	Append    Step = "append"   // to a store of objects; no step of a Dir
)

// New returns a Dir for what lies below root. A nil hook makes every step as
// it is.
func New(root *os.Root, hook Hook) *Dir {
	if hook == nil {
		hook = func(_ Op, do func() error) error { return do() }
	}
	return &Dir{root, hook}
}

func (d *Dir) do(step Step, name string, f func() error) error {
	return d.hook(Op{step, name}, f)
}

// WriteFile gives name the content data, whether it was there or not. On an
// error name has its old content or, when only the last sync of the
// directory failed, the new.
func (d *Dir) WriteFile(name string, data []byte, perm fs.FileMode) error {
	temp, err := d.Stage(path.Dir(name), data, perm)
	if err != nil {
		return err
	}
	if err := d.do(Replace, name, func() error { return d.root.Rename(temp, name) }); err != nil {
		return errors.Join(fmt.Errorf("replace %s: %w", name, err), d.Remove(temp))
	}
	return d.syncDir(path.Dir(name))
}

// Stage writes data to a new temporary file in dir and syncs it. The name of
// the file is not synced: it is about to change. Its mode is perm, or for 0
// what the umask leaves of 0666. On an error there is no such file, unless
// removing it failed too.
func (d *Dir) Stage(dir string, data []byte, perm fs.FileMode) (temp string, err error) {
	temp = tempName(dir)
	var f *os.File
	err = d.do(Create, temp, func() (err error) {
		create := perm
		if create == 0 {
			create = 0o666
		}
		f, err = d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, create)
		return err
	})
	if f == nil {
		return "", fmt.Errorf("create temporary file: %w", err)
	}
	if err == nil {
		err = d.fill(f, temp, data, perm)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("write temporary file %s: %w", temp, err), d.root.Remove(temp))
	}
	return temp, nil
}

// StageAs is Stage under a temporary name that is the caller's choice, and free.
// What has that name is complete, whenever one looks.
func (d *Dir) StageAs(name string, data []byte, perm fs.FileMode) error {
	temp, err := d.Stage(path.Dir(name), data, perm)
	if err != nil {
		return err
	}
	if err := d.do(NoReplace, name, func() error { return d.renameNoReplace(temp, name) }); err != nil {
		return errors.Join(fmt.Errorf("rename to %s: %w", name, err), d.drop(temp))
	}
	return nil
}

// drop removes a file that may be there.
func (d *Dir) drop(name string) error {
	if err := d.root.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Mark makes an empty file with a temporary name, which is free. It is on disk
// as soon as a later change of a name in its directory is.
func (d *Dir) Mark(temp string) error {
	if err := d.do(Create, temp, func() error {
		f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			err = f.Close()
		}
		return err
	}); err != nil {
		return fmt.Errorf("create temporary file: %w", err)
	}
	return nil
}

func (d *Dir) fill(f *os.File, temp string, data []byte, perm fs.FileMode) error {
	if err := d.do(Write, temp, func() error {
		_, err := f.Write(data)
		if perm != 0 {
			// The umask took bits that a replaced file may have had.
			err = errors.Join(err, f.Chmod(perm))
		}
		return err
	}); err != nil {
		return err
	}
	return d.do(Sync, temp, f.Sync)
}

// NoReplace renames a file within its directory to a name that is free. Its
// error is fs.ErrExist when the name is taken; then nothing has changed.
func (d *Dir) NoReplace(from, to string) error {
	if err := d.do(NoReplace, to, func() error { return d.renameNoReplace(from, to) }); err != nil {
		return fmt.Errorf("rename to %s: %w", to, err)
	}
	return d.syncDir(path.Dir(to))
}

// Exchange swaps what two names of one directory stand for, files, links or
// directories; both must be there. On an error, what stands for which name
// is to be looked up.
func (d *Dir) Exchange(a, b string) error {
	if err := d.do(Exchange, b, func() error { return d.exchange(a, b) }); err != nil {
		return fmt.Errorf("exchange %s: %w", b, err)
	}
	return d.syncDir(path.Dir(b))
}

// Aside renames name, whatever it is, to a temporary name beside it. The
// temporary name is returned with an error too, for who wants to look.
func (d *Dir) Aside(name string) (temp string, err error) {
	temp = tempName(path.Dir(name))
	return temp, d.AsideAs(name, temp)
}

// AsideAs is Aside to a temporary name that is the caller's choice, and free.
func (d *Dir) AsideAs(name, temp string) error {
	if err := d.do(Aside, name, func() error { return d.renameNoReplace(name, temp) }); err != nil {
		return fmt.Errorf("move aside %s: %w", name, err)
	}
	return d.syncDir(path.Dir(name))
}

// Remove removes a file or link.
func (d *Dir) Remove(name string) error {
	if err := d.do(Remove, name, func() error { return d.root.Remove(name) }); err != nil {
		return fmt.Errorf("remove: %w", err)
	}
	return d.syncDir(path.Dir(name))
}

// Discard removes a temporary file whose return after a crash would do no harm:
// its directory is not synced.
func (d *Dir) Discard(temp string) error {
	if err := d.do(Remove, temp, func() error { return d.root.Remove(temp) }); err != nil {
		return fmt.Errorf("remove: %w", err)
	}
	return nil
}

// RemoveDir removes an empty directory, and nothing that is not one.
func (d *Dir) RemoveDir(name string) error {
	if err := d.do(Rmdir, name, func() error { return d.rmdir(name) }); err != nil {
		return fmt.Errorf("remove directory %s: %w", name, err)
	}
	return d.syncDir(path.Dir(name))
}

// MkdirAll makes dir with the directories that hold it, as far as they are
// missing. Its error is fs.ErrExist when a file is in the way.
func (d *Dir) MkdirAll(dir string, perm fs.FileMode) error {
	for i := 0; i <= len(dir); i++ {
		if i == len(dir) || dir[i] == '/' {
			if err := d.mkdir(dir[:i], perm); err != nil {
				return fmt.Errorf("make directory %s: %w", dir[:i], err)
			}
		}
	}
	return nil
}

// mkdir makes one directory, which may be there, or come while we look.
func (d *Dir) mkdir(dir string, perm fs.FileMode) error {
	made := d.isDir(dir)
	if errors.Is(made, fs.ErrNotExist) {
		made = d.do(Mkdir, dir, func() error { return d.root.Mkdir(dir, perm) })
		if made == nil {
			return d.syncDir(path.Dir(dir))
		}
		if errors.Is(made, fs.ErrExist) {
			made = d.isDir(dir)
		}
	}
	return made
}

func (d *Dir) isDir(name string) error {
	info, err := d.root.Stat(name)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("a file is in the way: %w", fs.ErrExist)
	}
	return err
}

// SyncDir makes the names in a directory durable that somebody has left there.
func (d *Dir) SyncDir(dir string) error { return d.syncDir(dir) }

func (d *Dir) syncDir(dir string) error {
	if err := d.do(SyncDir, dir, func() error { return d.syncNames(dir) }); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}

// tempName returns a name in dir that nobody else has.
func tempName(dir string) string {
	return path.Join(dir, manifest.TempPrefix+strings.ToLower(rand.Text()))
}

// Exchanges reports whether two names of the directory can be swapped in one
// step, by trying it with two temporary files. Where they cannot, Exchange takes
// several, between which a name is missing for a moment.
func (d *Dir) Exchanges() (can bool, err error) {
	temps := [2]string{tempName("."), tempName(".")}
	for _, temp := range temps {
		if err := d.Mark(temp); err != nil {
			return false, err
		}
		defer func() { err = errors.Join(err, d.Remove(temp)) }()
	}
	err = d.renameInDir(temps[0], temps[1], swap)
	if errors.Is(err, errUnsupported) {
		return false, nil
	}
	return err == nil, err
}
