package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/state"
)

const (
	// deriveVersions is how many versions back a base is looked for: each
	// that history lacks is one call.
	deriveVersions = 20

	// deriveCommits is how many commits back it is looked for, and forward
	// for what supersedes them. Walking so many takes some hundred
	// milliseconds, and those that changed the target are read as far as they
	// are needed.
	deriveCommits = 10_000
)

// deriveBoth finds a base for files and metadata.
func (r *run) deriveBoth(ctx context.Context, id string, snap manifest.Snapshot, obs observation, policy diff.Policy) error {
	if err := r.derive(ctx, id, snap, obs, policy); err != nil {
		return err
	}
	return r.deriveMetadata(ctx, id, obs)
}

// derive finds a base where none is recorded: on a machine without state, as
// in a pipeline. What both sides hold alike is settled whatever the histories
// say, so it looks at them only when something differs. In a later round of a
// run it does so anew: the remote has moved. Where a base is recorded it looks
// whether a commit is published over a newer one, and what the commits have
// taken over since.
func (r *run) derive(ctx context.Context, id string, snap manifest.Snapshot, obs observation, policy diff.Policy) error {
	if r.Repo == nil {
		return nil
	}
	paths := differing(snap, obs)
	if len(paths) == 0 {
		return nil
	}
	commits := r.commits(snap)
	if r.told == nil && (r.knownAsset.Version != 0 || len(r.knownAsset.Base) > 0) {
		if err := r.behindRecord(ctx, commits, snap, obs, policy.Direction); err != nil {
			return err
		}
		return r.catchUp(ctx, id, commits, paths, obs)
	}
	if ok, err := r.open(ctx, commits, policy); !ok {
		return err
	}
	versions, cut, err := r.versionedSides(ctx, id, obs)
	if err != nil {
		return err
	}
	h, d, err := r.compare(ctx, commits, diff.Histories{Remote: versions, RemoteCut: cut}, paths, obs)
	if err != nil {
		return err
	}
	if policy.Direction != diff.Pull {
		sent := obs
		sent.side = h.Remote[len(h.Remote)-1].Side
		if stop, err := r.behindLive(ctx, commits, snap, sent, policy.Direction); err != nil {
			return err
		} else if stop {
			r.setTold(maps.Collect(baseOf(obs, sent.side.Tree).All()))
			return nil
		}
	}
	untold := slices.DeleteFunc(d.Untold, func(p manifest.Path) bool { return !slices.Contains(paths, p) })
	if policy.Prefer == diff.Neither {
		if err := stopUntold(untold, h, snap, obs); err != nil {
			return err
		}
	}
	base := make(map[manifest.Path]state.Pair, len(d.Base))
	for p, pair := range d.Base {
		if pair, err = r.asRead(p, pair, h.Remote, versions, obs); err != nil {
			return err
		}
		if pair != (diff.Pair{}) {
			base[p] = state.Pair(pair)
		}
	}
	r.setTold(base)
	r.noteTold()
	return nil
}

// firstCommits is how many commits that changed the target are read at first.
// A pipeline publishes each, so the last that it published is among them.
const firstCommits = 16

// compare derives a base from the versions and from as many commits as tell
// about the paths that differ. It returns the histories as they were compared,
// with what was sent in the place of what the service made of it.
func (r *run) compare(ctx context.Context, commits *commitLine, h diff.Histories, paths []manifest.Path, obs observation) (diff.Histories, diff.Derived, error) {
	h.LocalCut = commits.cut
	for n := firstCommits; ; n *= 4 {
		var err error
		tried := h
		if tried.Local, tried.LocalMore, err = commits.newest(ctx, n); err != nil {
			return h, diff.Derived{}, err
		}
		var guessed bool
		if tried.Remote, guessed, err = r.asSent(ctx, commits, tried, paths, obs); err != nil {
			return h, diff.Derived{}, err
		}
		d := diff.Derive(tried)
		unsure := slices.ContainsFunc(d.Unsure, func(p manifest.Path) bool { return slices.Contains(paths, p) })
		if !tried.LocalMore || !unsure && !guessed {
			return tried, d, nil
		}
	}
}

// differing returns the paths about which something is to be told.
func differing(snap manifest.Snapshot, obs observation) (paths []manifest.Path) {
	for _, c := range diff.Two(obs.side.Tree, snap.Tree) {
		ignored := snap.Ignore != nil && snap.Ignore.Ignored(c.Path)
		if !ignored && !snap.Unknown.Has(c.Path) && !obs.side.Unknown.Has(c.Path) {
			paths = append(paths, c.Path)
		}
	}
	return paths
}

// stopUntold stops where a guess would be needed about paths of which the
// histories tell nothing.
func stopUntold(untold []manifest.Path, h diff.Histories, snap manifest.Snapshot, obs observation) error {
	switch lost, gone := unreadable(untold, h.Local[:len(h.Local)-1]), onlyHere(untold, snap, obs); {
	case len(untold) > 0 && h.LocalCut:
		return &Error{
			Kind:    KindConflict,
			Message: fmt.Sprintf("the history of the clone is cut off, so that nobody can tell who changed %s", some(untold)),
			Hint:    hintShallow,
		}
	case len(gone) > 0 && h.RemoteCut:
		return &Error{
			Kind:    KindConflict,
			Message: fmt.Sprintf("no version that can be told apart holds %s: it may have been deleted there", some(gone)),
			Hint:    "name the version that yours was made from with --base N, or say whose counts with --prefer local or remote",
		}
	case len(lost) > 0:
		return &Error{
			Kind:    KindConflict,
			Message: fmt.Sprintf("older commits cannot be read, so that nobody can tell who changed %s", some(lost)),
			Hint:    hintPartial,
		}
	}
	return nil
}

// What to do where git has not all of the history.
const (
	hintShallow = "fetch all of it (fetch-depth: 0 in a CI checkout; git fetch --unshallow), name the version that yours was made from with --base N, or say whose counts with --prefer local or remote"
	hintPartial = "fetch all of them (git fetch --refetch --no-filter in a partial clone), name the version that yours was made from with --base N, or say whose counts with --prefer local or remote"
)

// unreadable returns the paths that are unknown in a commit.
func unreadable(paths []manifest.Path, commits []diff.Committed) []manifest.Path {
	return slices.DeleteFunc(slices.Clone(paths), func(p manifest.Path) bool {
		return !slices.ContainsFunc(commits, func(c diff.Committed) bool { return c.Unknown.Has(p) })
	})
}

// onlyHere returns the paths that the remote lacks.
func onlyHere(paths []manifest.Path, snap manifest.Snapshot, obs observation) []manifest.Path {
	return slices.DeleteFunc(slices.Clone(paths), func(p manifest.Path) bool {
		return snap.Tree.Get(p) == nil || obs.side.Tree.Get(p) != nil || obs.side.Unknown.Has(p)
	})
}

// setTold makes what was found the base. What this run has settled since it
// told one before is known, not told, and stays.
func (r *run) setTold(base map[manifest.Path]state.Pair) {
	known := maps.Clone(base)
	for p, pair := range r.knownAsset.Base.All() {
		if before, ok := r.told[p]; !ok || !sameEntry(before.Local, pair.Local) || !sameEntry(before.Remote, pair.Remote) {
			known[p] = pair
		}
	}
	r.told, r.knownAsset.Base = base, state.NewByPath(known)
}

func (r *run) noteTold() {
	r.note("nothing is on record here: what changed on which side was told by the commits and the versions")
}

// baseOf returns the base that an asset is as it stands; sent is what was sent
// for it.
func baseOf(obs observation, sent manifest.Tree) state.ByPath[state.Pair] {
	base := map[manifest.Path]state.Pair{}
	for e := range obs.side.Tree.All() {
		local := sent.Get(e.Path)
		if local == nil {
			local = &e
		}
		base[e.Path] = state.Pair{Local: local, Remote: &e}
	}
	return state.NewByPath(base)
}
