package worktree

import (
	"context"
	"errors"
	"fmt"
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

	// Mark, when it is set, lets Apply leave traces of the files that it makes or
	// replaces, so that [Worktree.Brought] can tell of them whatever became of
	// the files since, until [Worktree.Discard]. It is another one each time.
	Mark string

	root   *os.Root
	disk   *durable.Dir
	traces []Trace
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

// ErrInTheWay is, of a change that was refused, that something which is not
// published is in its place.
var ErrInTheWay = errors.New("something else is in its place")

// The outcomes.
const (
	Done     Outcome = "done"     // the path is what the change says
	Conflict Outcome = "conflict" // the path is not what the plan assumed; what the user saved stays
	Refused  Outcome = "refused"  // the path cannot be held here, or not before somebody makes room; nothing was done
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
func Open(dir string) (*Worktree, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open worktree: %w", err)
	}
	return New(root, nil), nil
}

// New returns the worktree of an open directory, with a hook at every step that
// changes it; nil is none. Close closes root.
func New(root *os.Root, hook durable.Hook) *Worktree {
	return &Worktree{root: root, disk: durable.New(root, hook)}
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
	a := applier{w.root, w.disk, w.Text, w.Mark, content, keep, &w.traces}
	results := make([]Result, len(changes))
	early, late := w.inOrder(changes)
	for _, i := range early {
		results[i] = w.apply(ctx, a, changes[i])
	}
	w.removeEmptied(changes, results)
	for _, i := range late {
		results[i] = w.apply(ctx, a, changes[i])
	}
	return results
}

func (w *Worktree) apply(ctx context.Context, a applier, c diff.Change) Result {
	if err := ctx.Err(); err != nil {
		return fail(c, err)
	}
	name := string(c.Path)
	if reason := unholdable(name); reason != "" {
		return refuse(c, errors.New(reason))
	}
	link, err := w.linkAbove(name)
	switch {
	case err != nil:
		return refuse(c, err)
	case link != "" && a.isMade(c, name):
		return done(c)
	case link != "":
		return refuse(c, fmt.Errorf("%w: %s is a symbolic link, and what is below it is what that leads to", ErrInTheWay, link))
	case c.New == nil:
		return a.delete(c, name)
	case c.Old == nil:
		return a.create(c, name)
	}
	return a.update(c, name)
}

// removeEmptied removes the directories that deletes left empty, up to the
// root, but not those that a change is about to fill, nor those that a link
// leads to: they are not the plan's.
func (w *Worktree) removeEmptied(changes []diff.Change, results []Result) {
	needed := map[string]bool{".": true}
	for _, c := range changes {
		if c.New != nil {
			for dir := range c.Path.Dirs {
				needed[string(dir)] = true
			}
		}
	}
	for i, c := range changes {
		if c.New != nil || results[i].Outcome != Done {
			continue
		}
		if link, err := w.linkAbove(string(c.Path)); link != "" || err != nil {
			continue
		}
		// Most often the error says that the directory is not empty; in
		// any case an empty directory is no content.
		for dir := path.Dir(string(c.Path)); !needed[dir] && w.disk.RemoveDir(dir) == nil; {
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
