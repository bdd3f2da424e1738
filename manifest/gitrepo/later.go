package gitrepo

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"

	"assetsync/manifest"
)

// Later returns what lay at a path in the descendants of the commit that rev
// names, without that commit itself: those on the first-parent line of any
// local or remote-tracking branch, newest first by committer time and no
// commit before one of its descendants. The max newest are looked at,
// [DefaultLine] when max is not positive. Paths are those of [Worktree.Line].
//
// A move is not followed: what lay elsewhere, or lies elsewhere by then, is not
// there.
//
// Commits on one line, or on two that share it, that have the same there are
// one point, whose Commit is the oldest of those that were looked at. It may
// have the content of rev itself.
//
// When the history of a branch is cut off before it tells whether it leads to
// rev, Later fails with [ErrShallow], beside the points that are known all the
// same. All other errors, which are those of [Worktree.Resolve], come without
// points.
func (w *Worktree) Later(ctx context.Context, rev, path string, max int) ([]Point, error) {
	inside, err := w.Inside(path)
	if err != nil {
		return nil, fmt.Errorf("look for later %q in git: %w", path, err)
	}
	if max <= 0 {
		max = DefaultLine
	}
	var points []Point
	err = w.withObjects(func(o *objects) error {
		lines, err := w.descendants(ctx, o, rev)
		if err != nil {
			return err
		}
		commits := lines.newestFirst(max)
		if points, err = lines.points(ctx, o, commits, inside); err == nil && lines.cut {
			err = errShallow()
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("look for later %q in git than %q: %w", inside, rev, err)
	}
	return points, err
}

// laterLines are the descendants of a commit.
type laterLines struct {
	commits map[manifest.ID]*laterCommit
	cut     bool // some commits on a first-parent line may be descendants, too
}

// laterCommit is a descendant.
type laterCommit struct {
	*seenCommit
	onLine   bool // the first-parent line of a branch
	children int  // among the descendants, not yet listed
}

// descendants finds those of rev that branches have.
func (w *Worktree) descendants(ctx context.Context, o *objects, rev string) (*laterLines, error) {
	head, err := w.revision(ctx, o, rev)
	if err != nil {
		return nil, err
	}
	shallow, err := w.shallow()
	if err != nil {
		return nil, err
	}
	tips, err := w.branchTips(o)
	if err != nil {
		return nil, err
	}
	walk := &ancestryWalk{objects: o, head: head, shallow: shallow, seen: map[manifest.ID]*seenCommit{}}
	if err := walk.all(ctx, tips); err != nil {
		return nil, err
	}
	return walk.lines(tips), nil
}

// branchTips returns the commits at the tips of branches.
func (w *Worktree) branchTips(o *objects) ([]manifest.ID, error) {
	names, err := w.branches()
	if err != nil {
		return nil, err
	}
	tips := map[manifest.ID]struct{}{}
	var order []manifest.ID
	for _, name := range names {
		_, hex, err := w.resolveRef(name)
		if err != nil {
			return nil, err
		}
		if hex == "" { // a symbolic ref to a branch that is gone
			continue
		}
		id, err := parseObjectID(hex)
		if err == nil {
			id, err = o.peel(id)
		}
		if err != nil {
			return nil, fmt.Errorf("ref %q: %w", name, err)
		}
		if _, ok := tips[id]; !ok {
			tips[id] = struct{}{}
			order = append(order, id)
		}
	}
	return order, nil
}

// lines goes from the head of a walk that has seen all back to its children,
// theirs, and so on.
func (w *ancestryWalk) lines(tips []manifest.ID) *laterLines {
	children := map[manifest.ID][]*seenCommit{}
	var cut []*seenCommit
	for _, c := range w.seen {
		if _, ok := w.shallow[c.id]; ok {
			if c.paint == byTip {
				cut = append(cut, c)
			}
			continue
		}
		for _, parent := range c.parents {
			children[parent] = append(children[parent], c)
		}
	}
	spread := func(from []*seenCommit) map[manifest.ID]*laterCommit {
		reached := map[manifest.ID]*laterCommit{}
		for len(from) > 0 {
			c := from[len(from)-1]
			from = from[:len(from)-1]
			if reached[c.id] == nil {
				reached[c.id] = &laterCommit{seenCommit: c}
				from = append(from, children[c.id]...)
			}
		}
		return reached
	}
	l := &laterLines{commits: spread(children[w.head])}
	for _, c := range l.commits {
		for _, parent := range c.parents {
			if p := l.commits[parent]; p != nil {
				p.children++
			}
		}
	}
	unsure := spread(cut)
	for _, tip := range tips {
		l.mark(tip, unsure)
	}
	return l
}

// mark follows the first-parent line of a tip until it leaves the descendants.
// No commit before that is one, for its children would be, too. If the one
// where it leaves them leads to a cut, it may be one after all.
func (l *laterLines) mark(tip manifest.ID, unsure map[manifest.ID]*laterCommit) {
	c := l.commits[tip]
	for c != nil && !c.onLine {
		c.onLine = true
		tip = c.parents[0]
		c = l.commits[tip]
	}
	l.cut = l.cut || c == nil && unsure[tip] != nil
}

// newestFirst returns the commits on lines, no commit before a descendant of
// it.
func (l *laterLines) newestFirst(max int) (commits []*laterCommit) {
	var queue commitQueue
	for _, c := range l.commits {
		if c.children == 0 {
			heap.Push(&queue, c.seenCommit)
		}
	}
	for queue.Len() > 0 && len(commits) < max {
		c := l.commits[heap.Pop(&queue).(*seenCommit).id]
		if c.onLine {
			commits = append(commits, c)
		}
		for _, parent := range c.parents {
			p := l.commits[parent]
			if p == nil {
				continue
			}
			if p.children--; p.children == 0 {
				heap.Push(&queue, p.seenCommit)
			}
		}
	}
	return commits
}

// points makes runs of commits, from the oldest on.
func (l *laterLines) points(ctx context.Context, o *objects, newestFirst []*laterCommit, path string) ([]Point, error) {
	type run struct {
		Point
		object manifest.ID
		newest int // where Newest stands among the commits
	}
	var paths treePaths
	runs := map[manifest.ID]*run{} // that a commit belongs to
	var all []*run
	for i, c := range slices.Backward(newestFirst) {
		here, err := paths.content(ctx, o, c.tree, path)
		if err != nil {
			return nil, fmt.Errorf("commit %s: %w", c.id, err)
		}
		r := runs[c.parents[0]]
		if r == nil || r.object != here {
			r = &run{Point: Point{Path: path, Commit: c.id.String(), Object: hexOrNone(here), At: c.at()}, object: here}
			all = append(all, r)
		}
		r.Newest, r.newest = c.id.String(), i
		runs[c.id] = r
	}
	slices.SortFunc(all, func(a, b *run) int { return cmp.Compare(a.newest, b.newest) })
	var points []Point
	for _, r := range all {
		points = append(points, r.Point)
	}
	return points, nil
}
