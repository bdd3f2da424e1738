package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
)

// GuardRollback is the guard that keeps an older commit from being published
// over a newer one.
const GuardRollback = "rollback"

// behindRecord is the look whether a newer commit is live where a base is on
// record. The worktree may go back as it likes, which is a change like any
// other; a commit that is older than what it replaces comes from a late job, or
// from a branch that was reset.
func (r *run) behindRecord(ctx context.Context, commits *commitLine, snap manifest.Snapshot, obs observation, direction diff.Direction) error {
	if r.Target.Rev == "" || direction == diff.Pull {
		return nil
	}
	live, ours := obs, obs
	live.side.Tree = r.sentFor(obs.side.Tree)
	stop, err := r.behindLive(ctx, commits, snap, live, direction)
	if err != nil {
		return err
	}
	if stop {
		r.knownAsset.Base = baseOf(obs, live.side.Tree)
		return nil
	}
	if r.consent.Rollback {
		return nil // the base is what it goes back from
	}
	// Changes of others beside it do not make the newer commit older.
	ours.side.Tree, err = r.baseTree()
	if err != nil || ours.side.Tree.Equal(live.side.Tree) {
		return err
	}
	_, err = r.behindLive(ctx, commits, snap, ours, direction)
	return err
}

// sentFor returns a tree of the asset with what the base says was sent for it.
func (r *run) sentFor(tree manifest.Tree) manifest.Tree {
	entries := make([]manifest.Entry, 0, tree.Len())
	rewritten := false
	for e := range tree.All() {
		if pair := r.knownAsset.Base.Get(e.Path); pair.Local != nil && sameEntry(pair.Remote, &e) {
			rewritten = rewritten || *pair.Local != e
			e = *pair.Local
		}
		entries = append(entries, e)
	}
	if !rewritten {
		return tree
	}
	sent, err := manifest.NewTree(entries...)
	if err != nil {
		return tree // the same paths make no other tree
	}
	return sent
}

// baseTree returns the local side of the base.
func (r *run) baseTree() (manifest.Tree, error) {
	var entries []manifest.Entry
	for _, pair := range r.knownAsset.Base.All() {
		if pair.Local != nil {
			entries = append(entries, *pair.Local)
		}
	}
	tree, err := manifest.NewTree(entries...)
	if err != nil {
		return tree, fmt.Errorf("read base: %w", err)
	}
	return tree, nil
}

// behindLive stops a run whose commit is older than what is live, as a job that
// ends late or runs again: publishing it would undo the newer one. It reports
// whether that is so and consented to: all that is live is then what it goes
// back from. The tree in obs is what was sent for what is live.
func (r *run) behindLive(ctx context.Context, commits *commitLine, snap manifest.Snapshot, obs observation, direction diff.Direction) (behind bool, err error) {
	release := r.Repo.Hold()
	defer func() { err = errors.Join(err, release()) }()
	later, err := r.Repo.Later(ctx, commits.rev, r.Target.Path, deriveCommits)
	if err != nil { // what is known counts all the same
		r.note("whether a newer commit is live cannot be told for sure: %v", err)
	}
	for _, p := range later {
		tree, err := r.treeAt(ctx, p)
		if err != nil {
			return false, err
		}
		if tree.Tree.Equal(snap.Tree) || !r.isLive(tree, obs) {
			continue
		}
		switch back, err := earlierIsLive(ctx, p, commits, obs); {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case err != nil:
			r.note("whether an older commit is what is live cannot be told: %v", err)
		case back:
			continue
		}
		if r.consent.Rollback {
			return true, nil
		}
		message := fmt.Sprintf("superseded by %.7s: that newer commit is what is live as version %d", p.Commit, obs.version)
		if direction != diff.Push {
			r.note("%s", message)
			return false, nil
		}
		r.res.Guard = GuardRollback
		return true, &Error{Kind: KindConflict, Message: message, Hint: "there is nothing to do, unless you want to go back: allow that with --rollback"}
	}
	return false, nil
}

// isLive reports whether the asset holds what a commit publishes; files that
// the commit ignores are nobody's.
func (r *run) isLive(commit manifest.Snapshot, obs observation) bool {
	if len(commit.Unknown) > 0 {
		return false
	}
	return commit.Tree.Equal(obs.side.Tree.Filter(func(e manifest.Entry) bool {
		if r.kind.SingleFile {
			return e.Path == r.source.mainFile()
		}
		return commit.Ignore == nil || !commit.Ignore.Ignored(e.Path)
	}))
}

// earlierIsLive reports whether the live version is older than a later commit
// and was that of an earlier one, to which the later one goes back.
func earlierIsLive(ctx context.Context, later gitrepo.Point, commits *commitLine, obs observation) (bool, error) {
	if !later.At.After(obs.updatedAt) {
		return false, nil
	}
	local, err := commits.all(ctx)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(local[:len(local)-1], func(c diff.Committed) bool {
		return len(c.Unknown) == 0 && !c.At.After(obs.updatedAt) && c.Tree.Equal(obs.side.Tree)
	}), nil
}
