package githook

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"assetsync/manifest/durable"
)

// maxScript bounds what is read of a hook: no script is that large, so a
// larger file is a program.
const maxScript = 1 << 20

// ErrNotExecutable is a hook that git passes over, with a word, because its
// file may not be run.
var ErrNotExecutable = errors.New("it is not executable, so git passes over it")

// Action is what became of a hook file.
type Action string

// The actions.
const (
	Installed Action = "installed"
	Updated   Action = "updated" // another block was there
	Unchanged Action = "unchanged"
	Removed   Action = "removed"
	Absent    Action = "not installed" // there was nothing to remove
)

// File is a hook file as it was read.
type File struct {
	Path string // where its bytes are: links are followed
	Text []byte // nil: there is none
	Mode fs.FileMode

	isLink bool
}

// Read reads a hook file. One that is not there is no error; a link that leads
// nowhere is, and so is what is no file.
func Read(name string) (File, error) {
	f := File{Path: name}
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("read hook: %w", err)
	}
	if info.Mode().Type() == fs.ModeSymlink {
		f.isLink = true
		if f.Path, err = filepath.EvalSymlinks(name); err != nil {
			return f, fmt.Errorf("read hook %s: follow the link: %w", name, err)
		}
		if info, err = os.Stat(f.Path); err != nil {
			return f, fmt.Errorf("read hook: %w", err)
		}
	}
	if !info.Mode().IsRegular() {
		return f, fmt.Errorf("read hook %s: it is not a file", name)
	}
	f.Mode = info.Mode().Perm()
	file, err := os.Open(f.Path)
	if err != nil {
		return f, fmt.Errorf("read hook: %w", err)
	}
	defer file.Close()
	if f.Text, err = io.ReadAll(io.LimitReader(file, maxScript+1)); err != nil {
		return f, fmt.Errorf("read hook: %w", err)
	}
	if f.Text == nil {
		f.Text = []byte{}
	}
	return f, nil
}

// IsForeign reports whether a hook holds lines of others.
func (f File) IsForeign() bool {
	rest, _, err := Remove(f.Text)
	return err != nil || !IsOurs(rest)
}

// Install puts a block into a hook file, which is made when it is not there,
// with its directory. Mode, links and all other lines stay as they are. It
// fails, and changes nothing, with [ErrNotShell] and [ErrDamaged], and with
// [ErrNotExecutable] where git itself starts the file.
func Install(name, block string, started bool) (Action, error) {
	f, err := Read(name)
	if err != nil {
		return "", err
	}
	if len(f.Text) > maxScript {
		return "", fmt.Errorf("install hook %s: %w", name, ErrNotShell)
	}
	text, err := Insert(f.Text, block)
	if err != nil {
		return "", fmt.Errorf("install hook %s: %w", name, err)
	}
	switch {
	case f.Text == nil:
		f.Mode = 0o755
	case started && f.Mode&0o111 == 0 && runtime.GOOS != "windows":
		return "", fmt.Errorf("install hook %s: %w", name, ErrNotExecutable)
	case string(text) == string(f.Text):
		return Unchanged, nil
	}
	action := Installed
	if _, had, _ := Remove(f.Text); had { // Insert has found no damage
		action = Updated
	}
	if err := f.write(text); err != nil {
		return "", fmt.Errorf("install hook %s: %w", name, err)
	}
	return action, nil
}

// Uninstall takes the block out of a hook file. The file goes when nothing is
// left but what Install made, unless its name is a link. It fails with
// [ErrDamaged].
func Uninstall(name string) (Action, error) {
	f, err := Read(name)
	if err != nil || f.Text == nil {
		return Absent, err
	}
	rest, found, err := Remove(f.Text)
	switch {
	case len(f.Text) > maxScript, err == nil && !found:
		return Absent, nil
	case err == nil && IsOurs(rest) && !f.isLink:
		err = os.Remove(f.Path)
	case err == nil:
		err = f.write(rest)
	}
	if err != nil {
		return "", fmt.Errorf("uninstall hook %s: %w", name, err)
	}
	return Removed, nil
}

// write replaces the file in one step: git may start it at any moment.
func (f File) write(text []byte) error {
	dir := filepath.Dir(f.Path)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return durable.New(root, nil).WriteFile(filepath.Base(f.Path), text, f.Mode)
}
