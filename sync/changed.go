package sync

import (
	"context"
	"errors"

	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

// ChangedSince reports whether what a target publishes differs from what a git
// revision holds of it, in published form. It compares ids: of a target that
// publishes a revision no file is read whole, of one that publishes the
// directory those of the directory. What cannot be read on either side counts as
// changed. Errors are those of [gitrepo.Worktree.Resolve].
func ChangedSince(ctx context.Context, t Target, repo *gitrepo.Worktree, rev string) (bool, error) {
	kind, ok := assettype.Lookup(t.Type)
	if !ok {
		return true, nil // the engine says what is wrong with it
	}
	src, dir, err := newSource(t, kind, remote.Edition20260608(), repo)
	if err != nil {
		return false, err
	}
	now, err := scanOrNothing(ctx, src)
	if err != nil {
		return false, err
	}
	then, err := scanOrNothing(ctx, &committed{directory: dir, repo: repo, rev: rev})
	if err != nil {
		return false, err
	}
	return len(now.Unknown)+len(then.Unknown) > 0 || !now.Tree.Equal(then.Tree), nil
}

// scanOrNothing scans a source that may be missing.
func scanOrNothing(ctx context.Context, s source) (manifest.Snapshot, error) {
	snap, err := s.scan(ctx)
	if errors.Is(err, errSourceMissing) {
		err = nil
	}
	return snap, err
}
