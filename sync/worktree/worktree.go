package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/durable"
)

// Worktree is a directory that is written to. One at a time may Apply or
// Sweep: the caller holds the lock of the target.
type Worktree struct {
	// Text is the form in which a plan names what is in the directory. It is
	// set before Apply. What is checked out is written as it is.
	Text manifest.Text

	root *os.Root
	real string // the absolute name of the root, free of links
	disk *durable.Dir
}

// Content returns the bytes of an entry that is checked out. Worktree checks
// them against the entry's id.
type Content func(manifest.Entry) ([]byte, error)

// Keep stores bytes that are about to go from a path. When it returns nil,
// they survive a crash. It is called before they go, and may be called for
// bytes that then stay.
type Keep func(manifest.Path, []byte) error

// Outcome is what became of a change.
type Outcome string

// The outcomes.
const (
	Done     Outcome = "done"     // the path is what the change says
	Conflict Outcome = "conflict" // the path is not what the plan assumed; what the user saved stays
	Refused  Outcome = "refused"  // the path cannot be held here; nothing was done
	Failed   Outcome = "failed"   // a step failed; look again to see what is there
)

// Result is what became of the change at a path. Err is nil for Done and
// says why otherwise.
type Result struct {
	Path    manifest.Path
	Outcome Outcome
	Err     error
}

// Open opens the directory dir for writing.
func Open(dir string) (*Worktree, error) { return OpenHooked(dir, nil) }

// OpenHooked is Open with a hook at every step that changes the directory; nil
// is none.
func OpenHooked(dir string, hook durable.Hook) (*Worktree, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open worktree: %w", err)
	}
	real, err := filepath.EvalSymlinks(abs)
	if err != nil {
		return nil, fmt.Errorf("open worktree: %w", err)
	}
	root, err := os.OpenRoot(real)
	if err != nil {
		return nil, fmt.Errorf("open worktree: %w", err)
	}
	return &Worktree{root: root, real: real, disk: durable.New(root, hook)}, nil
}

// Close releases the directory.
func (w *Worktree) Close() error { return w.root.Close() }

// Apply makes the changes, each by itself: one that fails stops no other. It
// returns a result for each change, in their order. Deletes are done first,
// for a file may take the place of a directory and, where case does not
// count, of a file whose name differs only by case; directories that they
// leave empty go too. A change that is made already is Done, so that a run
// that was cut short can be repeated. When ctx ends, the changes not begun
// fail.
func (w *Worktree) Apply(ctx context.Context, changes []diff.Change, content Content, keep Keep) []Result {
	a := applier{w.root, w.disk, w.Text, content, keep}
	results := make([]Result, len(changes))
	var emptied []string
	for i, c := range changes {
		if c.New == nil {
			var dir string
			dir, results[i] = w.delete(ctx, a, c)
			emptied = append(emptied, dir)
		}
	}
	w.removeEmptied(emptied, changes)
	for i, c := range changes {
		if c.New != nil {
			results[i] = w.write(ctx, a, c)
		}
	}
	return results
}

// delete returns, besides the result, the directory that the delete may have
// left empty.
func (w *Worktree) delete(ctx context.Context, a applier, c diff.Change) (string, Result) {
	name, r := w.prepare(ctx, c)
	if r.Outcome != "" {
		return ".", r
	}
	r = a.delete(c, name)
	if r.Outcome != Done || name != string(c.Path) {
		return ".", r // a directory that a link leads to is not the plan's
	}
	return path.Dir(name), r
}

func (w *Worktree) write(ctx context.Context, a applier, c diff.Change) Result {
	name, r := w.prepare(ctx, c)
	if r.Outcome != "" {
		return r
	}
	if c.Old == nil {
		return a.create(c, name)
	}
	// A link stays; the file that it names is what is published.
	name, err := w.resolve(name)
	if err != nil {
		return refuse(c, err)
	}
	return a.update(c, name)
}

// prepare returns the name to work on, or a result that ends the change.
func (w *Worktree) prepare(ctx context.Context, c diff.Change) (string, Result) {
	if err := ctx.Err(); err != nil {
		return "", fail(c, err)
	}
	if reason := unholdable(string(c.Path)); reason != "" {
		return "", refuse(c, errors.New(reason))
	}
	name, err := w.locate(string(c.Path))
	if err != nil {
		return "", refuse(c, err)
	}
	return name, Result{}
}

// locate returns name with the links in its directory resolved; name itself
// may be a link, and directories may be missing.
func (w *Worktree) locate(name string) (string, error) {
	dir, rest := path.Dir(name), path.Base(name)
	for dir != "." {
		_, err := w.root.Lstat(dir)
		if err == nil {
			break
		}
		if !isGone(err) {
			return "", err
		}
		dir, rest = path.Dir(dir), path.Join(path.Base(dir), rest)
	}
	at, err := w.resolve(dir)
	if err != nil {
		return "", err
	}
	return path.Join(at, rest), nil
}

// resolve returns the name, free of links, of what name leads to. It is
// where to look; that nothing outside is written, whatever moves meanwhile,
// is os.Root's doing.
func (w *Worktree) resolve(name string) (string, error) {
	real, err := filepath.EvalSymlinks(filepath.Join(w.real, filepath.FromSlash(name)))
	if isGone(err) {
		if info, lerr := w.root.Lstat(name); lerr == nil && info.Mode().Type() == fs.ModeSymlink {
			return "", errors.New("is a symbolic link to nothing")
		}
		return name, nil // gone; whoever looks at it will say so
	}
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(w.real, real)
	if err != nil || !filepath.IsLocal(rel) {
		return "", errors.New("leads out of the directory by a symbolic link")
	}
	rel = filepath.ToSlash(rel)
	if reason := unholdable(rel); reason != "" && rel != "." {
		return "", fmt.Errorf("leads to %q, which %s", rel, reason)
	}
	return rel, nil
}

// removeEmptied removes the directories that deletes left empty, up to the
// root, but not those that a change is about to fill.
func (w *Worktree) removeEmptied(dirs []string, changes []diff.Change) {
	needed := map[string]bool{".": true}
	for _, c := range changes {
		if c.New != nil {
			for dir := range c.Path.Dirs {
				needed[string(dir)] = true
			}
		}
	}
	for _, dir := range dirs {
		// Most often the error says that the directory is not empty; in
		// any case an empty directory is no content.
		for !needed[dir] && w.disk.RemoveDir(dir) == nil {
			dir = path.Dir(dir)
		}
	}
}

func result(c diff.Change, o Outcome, err error) Result {
	if err != nil {
		err = fmt.Errorf("%s %s: %w", c.Action(), c.Path, err)
	}
	return Result{c.Path, o, err}
}

func done(c diff.Change) Result                { return result(c, Done, nil) }
func refuse(c diff.Change, err error) Result   { return result(c, Refused, err) }
func conflict(c diff.Change, err error) Result { return result(c, Conflict, err) }

// fail ends a change on an error of the system; a name that the file system
// does not take is refused, for trying again will not help.
func fail(c diff.Change, err error) Result {
	if errors.Is(err, syscall.ENAMETOOLONG) || errors.Is(err, syscall.EILSEQ) {
		return refuse(c, err)
	}
	return result(c, Failed, err)
}

// unholdable says why this machine cannot, or must not, hold a name, as the
// end of a sentence, or nothing.
func unholdable(name string) string { return unholdableOn(name, hostIsWindows) }

// unholdableOn looks at every segment. What belongs to git or to assetsync
// itself is never written, whatever a remote holds: a file in .git can make
// git run it.
func unholdableOn(name string, windows bool) string {
	for segment := range strings.SplitSeq(name, "/") {
		lower := strings.ToLower(segment)
		switch {
		case lower == ".git" || lower == "git~1":
			return "belongs to git"
		case lower == ".assetsync" || strings.HasPrefix(lower, manifest.TempPrefix):
			return "belongs to assetsync itself"
		case windows && strings.ContainsAny(segment, `<>:"|?*`):
			return "has a character that Windows does not allow in a name"
		case windows && segment != "." && strings.TrimRight(segment, " .") != segment:
			return "ends in a dot or blank, which Windows drops"
		case windows && !filepath.IsLocal(segment):
			return "names a device on Windows"
		}
	}
	return ""
}
