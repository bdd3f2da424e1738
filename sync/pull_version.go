package sync

import (
	"context"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/state"
)

// proposeVersion plans a check out of what is wanted. What an earlier pull
// checked out of an older version, and nobody has edited since, is no edit to
// one that names a version: else there would be no way to another one, or back.
func (r *run) proposeVersion(ctx context.Context, id string, snap manifest.Snapshot, wanted observation, o PullOptions) (p proposal, err error) {
	policy := diff.Policy{Direction: diff.Pull, Prefer: o.Prefer}
	if o.Version == 0 || r.knownAsset.Older == 0 {
		return r.propose(ctx, snap, wanted, policy)
	}
	base := r.knownAsset.Base
	defer func() { r.knownAsset.Base = base }() // which is that of the newest one
	if r.knownAsset.Base, err = r.baseOfOlder(ctx, id, snap); err != nil {
		return p, err
	}
	return r.propose(ctx, snap, wanted, policy)
}

// baseOfOlder is the base with the older version in it wherever the directory is
// as that is. One that cannot be read any more tells nothing.
func (r *run) baseOfOlder(ctx context.Context, id string, snap manifest.Snapshot) (state.ByPath[state.Pair], error) {
	older := observation{version: r.knownAsset.Older, content: map[manifest.ID][]byte{}}
	side, ok, err := r.sideOf(ctx, id, older.version)
	if err != nil || !ok {
		return r.knownAsset.Base, err
	}
	base := r.knownAsset.Base
	paths := base
	for e := range side.Tree.All() {
		paths = paths.With(e.Path, base.Get(e.Path))
	}
	for p := range paths.All() {
		there := side.Tree.Get(p)
		here, err := r.localForm(ctx, id, older, there)
		switch {
		case err != nil:
			return nil, err
		case side.Unknown.Has(p) || !sameEntry(snap.Tree.Get(p), here):
		case there == nil:
			base = base.Without(p)
		default:
			base = base.With(p, state.Pair{Local: here, Remote: there})
		}
	}
	return base, nil
}

// holdOlder remembers that the directory holds an older version. That is a local
// change: the base stays that of the newest one. Where there was no base, the
// newest one becomes it of what was checked out, or was here already: what is in
// conflict, or never was here, nobody here has decided about.
func (r *run) holdOlder(ctx context.Context, id string, newest observation, version int32, p proposal, made []diff.Change) error {
	r.knownAsset.Older = version
	if len(r.knownAsset.Base) > 0 {
		return nil
	}
	var paths []manifest.Path
	for _, c := range made {
		paths = append(paths, c.Path)
	}
	for path := range p.files.Settled {
		paths = append(paths, path)
	}
	for _, path := range paths {
		pair, err := r.pairOf(ctx, id, newest, newest.side.Tree.Get(path))
		if err != nil {
			return err
		}
		r.setPair(path, pair)
	}
	return nil
}

// pairOf is the base that a file of an observed version makes of its path.
func (r *run) pairOf(ctx context.Context, id string, obs observation, there *manifest.Entry) (state.Pair, error) {
	here, err := r.localForm(ctx, id, obs, there)
	return state.Pair{Local: here, Remote: there}, err
}
