package sync

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
)

// revision is the commit that the local side is, or comes from.
func (r *run) revision() string {
	switch s := r.source.(type) {
	case *committed:
		if s.commit != nil {
			return s.commit.ID()
		}
	case *promoted:
		return s.revision()
	}
	return headRev
}

// commitLine are the commits that led to what is published, read from the
// newest on as far as they are asked for.
type commitLine struct {
	r    *run
	rev  string
	snap manifest.Snapshot // what is published

	found bool            // the points are known
	left  []gitrepo.Point // not read yet, newest first
	cut   bool            // earlier commits are not there
	read  []diff.Committed

	opened  bool // commit, or why there is none, is known
	commit  *gitrepo.Commit
	openErr error
}

// commits returns the commits that lead to snap. Nothing is read yet.
func (r *run) commits(snap manifest.Snapshot) *commitLine {
	return &commitLine{r: r, rev: r.revision(), snap: snap}
}

// find looks for the commits that changed the target.
func (c *commitLine) find(ctx context.Context) error {
	if c.found {
		return nil
	}
	line, err := c.r.Repo.Line(ctx, c.rev, c.r.Target.Path, deriveCommits)
	if err != nil {
		return err
	}
	c.found, c.left, c.cut = true, line.Points, !line.Complete
	return nil
}

// open finds the commits. It is false where they tell nothing, and only what
// is equal counts, as outside of git.
func (r *run) open(ctx context.Context, c *commitLine, policy diff.Policy) (bool, error) {
	err := c.find(ctx)
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, gitrepo.ErrObjectMissing) && policy.Prefer == diff.Neither:
		return false, &Error{
			Kind: KindConflict, Err: err,
			Message: fmt.Sprintf("older commits cannot be read, so that nobody can tell who changed what: %v", err),
			Hint:    hintPartial,
		}
	}
	r.note("what was published from which commit cannot be told: %v", err)
	return false, nil
}

// newest returns the trees of the n newest commits that changed the target,
// oldest first, and what is to be published as the last. More says that there
// are others.
func (c *commitLine) newest(ctx context.Context, n int) (trees []diff.Committed, more bool, err error) {
	if err := c.find(ctx); err != nil {
		return nil, false, err
	}
	release := c.r.Repo.Hold()
	defer func() { err = errors.Join(err, release()) }()
	for len(c.read) < n && len(c.left) > 0 {
		p := c.left[0]
		tree, err := c.r.treeAt(ctx, p)
		if err != nil {
			return nil, false, err
		}
		c.left = c.left[1:]
		c.read = append(c.read, diff.Committed{Tree: tree.Tree, Unknown: tree.Unknown, At: p.At})
	}
	trees = slices.Clone(c.read)
	slices.Reverse(trees)
	if len(c.read) == 0 || len(c.read[0].Unknown)+len(c.snap.Unknown) > 0 || !c.read[0].Tree.Equal(c.snap.Tree) {
		trees = append(trees, diff.Committed{Tree: c.snap.Tree, Unknown: c.snap.Unknown, At: c.r.started}) // not committed yet
	}
	return trees, len(c.left) > 0, nil
}

// all returns the trees of all commits, oldest first, and what is to be
// published as the last.
func (c *commitLine) all(ctx context.Context) ([]diff.Committed, error) {
	trees, _, err := c.newest(ctx, deriveCommits)
	return trees, err
}

// treeAt returns the published form of the target in a commit, at the place
// where it lay then. What cannot be read of it is unknown: one old commit stops
// nothing, and lacks nothing. It is for comparing: sizes may be unknown.
func (r *run) treeAt(ctx context.Context, p gitrepo.Point) (manifest.Snapshot, error) {
	if p.Object == "" {
		return manifest.Snapshot{}, nil
	}
	if r.reader == nil {
		r.reader = r.Repo.Past()
	}
	var snap manifest.Snapshot
	var err error
	at := filepath.Join(r.Repo.Top(), filepath.FromSlash(p.Path))
	if r.kind.SingleFile {
		snap, err = r.reader.CommitFile(ctx, p.Commit, at, r.dir.as, r.dir.opts)
	} else {
		snap, err = r.reader.Commit(ctx, p.Commit, at, r.dir.opts)
	}
	switch {
	case ctx.Err() != nil:
		return manifest.Snapshot{}, ctx.Err()
	case err != nil:
		return manifest.Snapshot{Unknown: manifest.UnknownSet{{Below: true, Reason: err.Error()}}}, nil
	}
	return snap, nil
}
