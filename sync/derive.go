package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/sync/state"
)

const (
	// deriveVersions is how many versions back a base is looked for: each
	// that history lacks is one call.
	deriveVersions = 20

	// deriveCommits is how many commits back it is looked for, and forward
	// for what supersedes them. Walking so many takes some milliseconds, and
	// only those that changed the target are read.
	deriveCommits = 10_000
)

// derive finds a base where none is recorded: on a machine without state, as
// in a pipeline. What both sides hold alike is settled whatever the histories
// say, so it looks at them only when something differs.
func (r *run) derive(ctx context.Context, id string, snap manifest.Snapshot, obs observation, prefer diff.Prefer) error {
	if r.Repo == nil || r.knownAsset.Version != 0 || len(r.knownAsset.Base) > 0 || !differs(snap, obs) {
		return nil
	}
	rev := r.revision()
	line, err := r.Repo.Line(ctx, rev, r.Target.Path, deriveCommits)
	if err != nil {
		r.note("what was published from which commit cannot be told: %v", err)
		return nil // equality alone counts, as outside of git
	}
	if stop, err := r.behindLive(ctx, rev, snap, obs); stop || err != nil {
		return err
	}
	local, err := r.committedTrees(ctx, line, snap)
	if err != nil {
		return err
	}
	versions, err := r.versionedSides(ctx, id, obs)
	if err != nil {
		return err
	}
	d := diff.Derive(diff.Histories{Local: local, Remote: versions})
	if len(d.Untold) > 0 && !line.Complete && prefer == diff.Neither {
		return &Error{
			Kind:    KindConflict,
			Message: fmt.Sprintf("the history of the clone is cut off, so that nobody can tell who changed %s", some(d.Untold)),
			Hint:    "fetch all of it (fetch-depth: 0 in a CI checkout; git fetch --unshallow), name the version that yours was made from with --base N, or say whose counts with --prefer local or remote",
		}
	}
	for p, pair := range d.Base {
		r.setPair(p, state.Pair(pair))
	}
	r.note("nothing is on record here: what changed on which side was told by the commits and the versions")
	return nil
}

// differs reports whether anything is to be told at all.
func differs(snap manifest.Snapshot, obs observation) bool {
	return slices.ContainsFunc(diff.Two(obs.side.Tree, snap.Tree), func(c diff.Change) bool {
		ignored := snap.Ignore != nil && snap.Ignore.Ignored(c.Path)
		return !ignored && !snap.Unknown.Has(c.Path) && !obs.side.Unknown.Has(c.Path)
	})
}

// revision is the commit that the local side is, or comes from.
func (r *run) revision() string {
	if c, ok := r.source.(*committed); ok && c.commit != nil {
		return c.commit.ID()
	}
	return "HEAD"
}

// committedTrees returns the trees of a line of commits, oldest first, and what
// is to be published as the last.
func (r *run) committedTrees(ctx context.Context, line gitrepo.Line, snap manifest.Snapshot) ([]diff.Committed, error) {
	var trees []diff.Committed
	for _, p := range slices.Backward(line.Points) {
		tree, err := r.treeAt(ctx, p)
		if err != nil {
			return nil, err
		}
		trees = append(trees, diff.Committed{Tree: tree, At: p.At})
	}
	if n := len(trees); n == 0 || !trees[n-1].Tree.Equal(snap.Tree) {
		trees = append(trees, diff.Committed{Tree: snap.Tree, At: r.started}) // not committed yet
	}
	return trees, nil
}

// treeAt returns the published form of the target in a commit.
func (r *run) treeAt(ctx context.Context, p gitrepo.Point) (manifest.Tree, error) {
	if p.Object == "" {
		return manifest.Tree{}, nil
	}
	commit, err := (&committed{directory: r.dir, repo: r.Repo, rev: p.Commit}).open(ctx)
	if err != nil {
		return manifest.Tree{}, fmt.Errorf("read commit %s: %w", p.Commit, err)
	}
	return commit.Snapshot().Tree, nil
}

// versionedSides returns the newest versions of the asset, oldest first. One
// that is gone meanwhile is left out.
func (r *run) versionedSides(ctx context.Context, id string, newest observation) ([]diff.Versioned, error) {
	list, err := r.listVersions(ctx, id)
	if err != nil {
		return nil, err
	}
	list = list[max(0, len(list)-deriveVersions):]
	var sides []diff.Versioned
	for _, v := range list {
		if *v.Version >= newest.version {
			break // below; later ones came after the look
		}
		var one diff.Versioned
		one.Side, err = r.sideOf(ctx, id, *v.Version)
		if remote.IsKind(err, remote.KindNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if v.CreatedAt != nil {
			one.At = *v.CreatedAt
		}
		sides = append(sides, one)
	}
	return append(sides, diff.Versioned{Side: newest.side, At: madeAt(list, newest)}), nil
}

// madeAt returns when the newest version was made; a listing may lag behind.
func madeAt(list []remote.AssetVersionMetadata, newest observation) time.Time {
	for _, v := range list {
		if *v.Version == newest.version && v.CreatedAt != nil {
			return *v.CreatedAt
		}
	}
	return newest.updatedAt
}

// sideOf reads a version that is not the newest, from history where that has
// it.
func (r *run) sideOf(ctx context.Context, id string, number int32) (diff.Side, error) {
	bundle, ok, err := r.History.Get(ctx, r.historyKey(), id, int(number))
	if err := r.tellDamage(err); err != nil {
		return diff.Side{}, err
	}
	if ok {
		return diff.Side{Tree: bundle.Tree()}, nil
	}
	obs, err := r.version(ctx, id, number)
	if err != nil {
		return diff.Side{}, err
	}
	return obs.side, r.remember(ctx, obs, "version read by assetsync", true)
}

// behindLive stops a run whose commit is older than what is live, as a job that
// ends late or runs again: publishing it would undo the newer one. With
// consent, all that is live is what it goes back from.
func (r *run) behindLive(ctx context.Context, rev string, snap manifest.Snapshot, obs observation) (bool, error) {
	later, err := r.Repo.Later(ctx, rev, r.Target.Path, deriveCommits)
	if err != nil {
		r.note("whether a newer commit is live cannot be told: %v", err)
		return false, nil
	}
	for _, p := range later {
		tree, err := r.treeAt(ctx, p)
		if err != nil {
			return false, err
		}
		if !tree.Equal(obs.side.Tree) || tree.Equal(snap.Tree) {
			continue
		}
		if r.consent.Rollback {
			r.setBase(obs)
			return true, nil
		}
		r.res.Guard = GuardRollback
		return true, &Error{
			Kind:    KindConflict,
			Message: fmt.Sprintf("superseded by %.7s: that newer commit is what is live as version %d", p.Commit, obs.version),
			Hint:    "there is nothing to do, unless you want to go back: allow that with --rollback",
		}
	}
	return false, nil
}

// GuardRollback is the guard that keeps an older commit from being published
// over a newer one.
const GuardRollback = "rollback"
