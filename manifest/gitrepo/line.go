package gitrepo

import (
	"context"
	"fmt"
	"time"

	"assetsync/manifest"
)

// DefaultLine is how many commits of a history are looked at when the caller
// does not say: some years of a busy branch. It takes a second or so.
const DefaultLine = 10_000

// Line is the first-parent history of what lies at a path.
type Line struct {
	Points   []Point // newest first
	Complete bool    // down to a root commit: neither a maximum nor a shallow cut ended it
	Missing  bool    // a move was looked for in trees of which some are not in the repository
}

// Point is a run of commits, each the first parent of another, that have the
// same at a path.
type Point struct {
	Path   string    // slash-separated, relative to the top directory; "." is that itself
	Commit string    // id in hex of the oldest: the one that made it, unless the line ends here and is not complete
	Newest string    // id in hex of the newest
	Object string    // id in hex of the tree or blob there, as git ls-tree says; "" when nothing is there
	At     time.Time // committer time of Commit
}

// Line returns what lay at a path, absolute and inside the top directory, in
// the commit that rev names, in its first parent, in that one's, and so on. At
// most max commits are looked at, [DefaultLine] when max is not positive.
//
// Symbolic links on the way and at the end are followed within each commit, as
// [Worktree.Commit] follows them: what such a path publishes changes with what
// the link leads to, while the link stays as it is. One that leads nowhere, or
// out of the repository, leads to nothing: "". Links below a directory are not
// followed, and modes of a file do not count. At a submodule lies the commit
// that git keeps of it.
//
// Where there is nothing at the path in the parent of a commit that has
// something there, Line looks for where that came from, and goes on along the
// path that it had: a directory or file that was moved or copied as it was, or
// a directory that was moved and less than half changed (see moves). Nothing
// else is taken for a move; at most 20,000 directories are looked into.
//
// Only commits are read, the trees on the way, links on the way, and trees to
// find moves. Errors are those of [Worktree.Resolve].
func (w *Worktree) Line(ctx context.Context, rev, path string, max int) (Line, error) {
	inside, err := w.Inside(path)
	if err != nil {
		return Line{}, fmt.Errorf("follow %q in git: %w", path, err)
	}
	if max <= 0 {
		max = DefaultLine
	}
	var l Line
	err = w.withObjects(func(o *objects) error {
		id, err := w.revision(ctx, o, rev)
		if err != nil {
			return err
		}
		shallow, err := w.shallow()
		if err != nil {
			return err
		}
		l, err = o.line(ctx, id, shallow, inside, max)
		return err
	})
	if err != nil {
		return Line{}, fmt.Errorf("follow %q in git from %q: %w", inside, rev, err)
	}
	return l, nil
}

func (o *objects) line(ctx context.Context, id manifest.ID, shallow map[manifest.ID]struct{}, path string, max int) (Line, error) {
	walk := lineWalk{objects: o, path: path, moves: moves{objects: o, left: maxMoveTrees}}
	for range max {
		c, err := o.commit(id)
		if err != nil {
			return Line{}, err
		}
		if err := walk.step(ctx, id, c); err != nil {
			return Line{}, fmt.Errorf("commit %s: %w", id, err)
		}
		if len(c.parents) == 0 {
			walk.line.Complete = true
			break
		}
		if _, cut := shallow[id]; cut {
			break
		}
		id = c.parents[0]
	}
	walk.line.Missing = walk.moves.missing
	return walk.line, nil
}

// lineWalk goes back from commit to commit.
type lineWalk struct {
	objects *objects
	paths   treePaths
	moves   moves
	path    string
	last    treeEntry   // at path in the commit before
	tree    manifest.ID // of the commit before
	line    Line
}

// step takes the next commit.
func (w *lineWalk) step(ctx context.Context, id manifest.ID, c commitHeader) error {
	here, err := w.paths.find(ctx, w.objects, c.tree, w.path)
	if err != nil {
		return err
	}
	first := len(w.line.Points) == 0
	moved := false
	if !first && here.id == (manifest.ID{}) && w.last.id != here.id {
		var from origin
		if from, moved, err = w.moves.find(ctx, w.last, w.path, c.tree, w.tree); err != nil {
			return err
		}
		if moved {
			w.path, here = from.path, from.entry
		}
	}
	if first || moved || here.id != w.last.id {
		w.line.Points = append(w.line.Points, Point{Path: w.path, Newest: id.String(), Object: hexOrNone(here.id)})
	}
	p := &w.line.Points[len(w.line.Points)-1]
	p.Commit, p.At = id.String(), c.at()
	w.last, w.tree = here, c.tree
	return nil
}

// at returns the committer time.
func (c commitHeader) at() time.Time { return time.Unix(c.time, 0).UTC() }

// content returns the id of what lies at a path, through links, and zero when
// nothing does.
func (p *treePaths) content(ctx context.Context, o *objects, tree manifest.ID, path string) (manifest.ID, error) {
	e, err := p.find(ctx, o, tree, path)
	return e.id, err
}

// find is content with what kind it is.
func (p *treePaths) find(ctx context.Context, o *objects, tree manifest.ID, path string) (treeEntry, error) {
	e, err := p.resolve(ctx, o, tree, path, true)
	if isNowhere(err) {
		return treeEntry{}, nil
	}
	return e, err
}

// hexOrNone returns an id in hex, and "" for none.
func hexOrNone(id manifest.ID) string {
	if id == (manifest.ID{}) {
		return ""
	}
	return id.String()
}

// Ahead returns how many commits of its first-parent line the revision to has
// that from has not, and whether from is on that line at all. It reads the
// line as far as it must.
//
// It fails with [ErrShallow] when the line is cut off before from is found.
// Other errors are those of [Worktree.Resolve].
func (w *Worktree) Ahead(ctx context.Context, from, to string) (n int, known bool, err error) {
	err = w.withObjects(func(o *objects) error {
		old, err := w.revision(ctx, o, from)
		if err != nil {
			return err
		}
		at, err := w.revision(ctx, o, to)
		if err != nil {
			return err
		}
		shallow, err := w.shallow()
		if err != nil {
			return err
		}
		n, known, err = o.ahead(ctx, old, at, shallow)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("count git commits from %q to %q: %w", from, to, err)
	}
	return n, known, nil
}

func (o *objects) ahead(ctx context.Context, old, at manifest.ID, shallow map[manifest.ID]struct{}) (n int, known bool, err error) {
	for ; at != old; n++ {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		c, err := o.commit(at)
		if err != nil {
			return 0, false, err
		}
		if len(c.parents) == 0 {
			return 0, false, nil
		}
		if _, cut := shallow[at]; cut {
			return 0, false, errShallow()
		}
		at = c.parents[0]
	}
	return n, true, nil
}
