package worktree

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"assetsync/diff"
	"assetsync/manifest"
)

// NewMark returns a mark that no other run has.
func NewMark() string { return strings.ToLower(rand.Text()) }

// Trace is a temporary file that [Worktree.Apply] left beside a file which it
// made or replaced.
type Trace struct {
	name string
	id   manifest.ID // of its content, which is kept
}

// Traces returns what Apply left for changes that are Done. Those of others stay
// for [Worktree.Brought], [Worktree.Rescue] and [Worktree.Sweep].
func (w *Worktree) Traces() []Trace { return w.traces }

// Discard removes traces that nobody will ask for any more. One that was written
// to meanwhile stays, for Rescue to find: a program had the replaced file open.
func (w *Worktree) Discard(traces []Trace) error {
	a := applier{root: w.root, disk: w.disk}
	var troubles []error
	for _, t := range traces {
		troubles = append(troubles, a.discard(t))
	}
	if err := errors.Join(troubles...); err != nil {
		return fmt.Errorf("clean up worktree: %w", err)
	}
	return nil
}

func (a applier) discard(t Trace) error {
	info, err := a.root.Lstat(t.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() == fs.ModeSymlink:
		return a.disk.Discard(t.name) // what it names is still there
	}
	id, err := a.look(t.name)
	if err != nil || id != t.id {
		return err
	}
	return a.disk.Discard(t.name)
}

// Brought reports whether a run with a mark had made a file of a change what the
// change says, though it may be anything else by now. False is no answer. It
// tells nothing of deletions.
//
// An exchange leaves the old file under the temporary name in one step with its
// effect. A file that is made takes its temporary name away, and the mark that
// was made before that stays.
func (w *Worktree) Brought(mark string, c diff.Change) bool {
	if c.New == nil || mark == "" {
		return false
	}
	name := string(c.Path)
	if link, err := w.linkAbove(name); link != "" || err != nil {
		return false
	}
	a := applier{root: w.root, text: w.Text}
	temp := traceName(mark, c.Path, name)
	if c.Old == nil {
		_, staged := w.root.Lstat(temp)
		_, marked := w.root.Lstat(newMark(temp))
		return marked == nil && errors.Is(staged, fs.ErrNotExist)
	}
	data, _, err := a.readThrough(temp)
	return err == nil && !a.is(data, *c.New) && a.is(data, *c.Old)
}

// Persist makes durable that what is at some paths, a file or nothing, is there. A
// run that died leaves what it did in memory; until that is on disk, a loss of
// power takes it back.
func (w *Worktree) Persist(paths []manifest.Path) error {
	dirs := map[string]bool{}
	for _, p := range paths {
		link, err := w.linkAbove(string(p))
		if err != nil {
			return fmt.Errorf("make %s durable: %w", p, err)
		}
		if link != "" {
			continue // what is behind it belongs to nobody here
		}
		dir := path.Dir(string(p))
		for isGone(w.isThere(dir)) {
			dir = path.Dir(dir)
		}
		dirs[dir] = true
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if err := w.disk.SyncDir(dir); err != nil {
			return fmt.Errorf("make durable what was checked out: %w", err)
		}
	}
	return nil
}

func (w *Worktree) isThere(dir string) error {
	_, err := w.root.Lstat(dir)
	return err
}

// TraceNames returns what the temporary files are called that a run with a mark
// may leave for a path, without their directory.
func TraceNames(mark string, p manifest.Path) []string {
	base := traceName(mark, p, ".")
	return []string{base, newMark(base)}
}

// traceName is the temporary name beside the file name, for a change of p.
func traceName(mark string, p manifest.Path, name string) string {
	id := manifest.BlobID([]byte(mark + "\x00" + string(p)))
	return path.Join(path.Dir(name), manifest.TempPrefix+id.String())
}

// newMark is the name of the mark of a file that is made.
func newMark(temp string) string { return temp + "-new" }

// stage writes the content that name is about to have to a temporary file.
func (a applier) stage(c diff.Change, name string, data []byte, perm os.FileMode) (string, error) {
	if a.mark == "" {
		return a.disk.Stage(path.Dir(name), data, perm)
	}
	temp := traceName(a.mark, c.Path, name)
	return temp, a.disk.StageAs(temp, data, perm)
}

// aside gives what is at name a temporary name.
func (a applier) aside(c diff.Change, name string) (string, error) {
	if a.mark == "" {
		return a.disk.Aside(name)
	}
	temp := traceName(a.mark, c.Path, name)
	return temp, a.disk.AsideAs(name, temp)
}

func (a applier) markNew(temp string) error {
	if a.mark == "" {
		return nil
	}
	return a.disk.Mark(newMark(temp))
}

// leave notes a trace of what is done.
func (a applier) leave(name string, content []byte) {
	if a.mark != "" {
		*a.traces = append(*a.traces, Trace{name, manifest.BlobID(content)})
	}
}

// retract removes a staged file that was not given its name, its mark first. A
// mark alone says that it was.
func (a applier) retract(temp string) error {
	if a.mark != "" {
		if _, err := a.root.Lstat(temp); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err := a.drop(newMark(temp)); err != nil {
			return err
		}
	}
	return a.drop(temp)
}

func isTemp(name string) bool { return strings.HasPrefix(name, manifest.TempPrefix) }
