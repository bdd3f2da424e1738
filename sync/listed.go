package sync

import (
	"cmp"
	"context"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/sync/state"
)

// observeOrListed is observeLive, and reads nothing of an asset that rests: it is as
// recorded here, and as recorded there by one listing of all assets.
//
// An equal version proves that the files are the same only where no operation
// changes a version in place. That is documented of UpdateAsset and UpdateAssetFile;
// of the two others it must have been seen at this endpoint, by a probe. A listing
// may lag, so what it says is what was so a moment ago. Nothing is written on the
// strength of it: see [run.pushOnce]. Who only looks has no options.
func (r *run) observeOrListed(ctx context.Context, id string, snap manifest.Snapshot, o *PushOptions) (observation, error) {
	if r.mayBeListed() && r.isSettledHere(r.knownAsset, snap) {
		asset, err := r.listed(ctx, id)
		if err != nil {
			return observation{}, err
		}
		if asset != nil {
			return r.asRecorded(asset, snap)
		}
	}
	want := ahead{version: cmp.Or(r.likely, r.knownAsset.Version)}
	if o != nil && (!o.DryRun || r.plan != nil) {
		need := r.needs(snap, o.Atomic || r.Target.Atomic)
		if want.whole = need.whole; !o.DryRun {
			want.files = need.files
		}
	}
	return r.observeLive(ctx, id, want)
}

func (r *run) mayBeListed() bool { return r.Listed && !r.lookCloser && r.From == nil }

// listAhead reads the listing of all assets for a target that will need it, which is
// one in which nothing changed, and lets others be scanned meanwhile. A target that has
// something to write goes on.
func (r *run) listAhead(ctx context.Context, snap manifest.Snapshot) {
	id := cmp.Or(r.Target.AssetID, r.knownTarget.AssetID)
	if id == "" || !r.mayBeListed() {
		return
	}
	// What is on record is adopted, and damage told, once nothing is in the way.
	known, rests, err := r.State.RestsAt(r.Space, id, snap.Tree)
	if rests = rests && r.isCalm(known, snap); !rests && err == nil {
		known, err = r.State.AssetLike(r.Space, id, snap.Tree)
		rests = err == nil && r.isSettledHere(known, snap)
	}
	if rests {
		r.rest(func() { r.Assets.begin(ctx, r.Client, r.kind) })
	}
}

// isSettledHere reports whether the files here and the record of the remote's are
// those of the base, and nothing is in doubt or between the sides.
func (r *run) isSettledHere(known state.Asset, snap manifest.Snapshot) bool {
	if !r.isCalm(known, snap) {
		return false
	}
	if isBase(known.Base, snap.Tree) && isSeen(known.Seen, snap.Tree) {
		return true
	}
	here, there := 0, 0
	for p, pair := range known.Base.All() {
		seen, ok := known.Seen.Lookup(p)
		if pair.Local == nil || pair.Remote == nil || !ok || seen.ID != pair.Remote.ID {
			return false
		}
		if e, ok := snap.Tree.Lookup(p); !ok || e.ID != pair.Local.ID {
			return false
		}
		here, there = here+1, there+1
	}
	for p := range known.Seen.All() {
		if _, ok := known.Base.Lookup(p); !ok {
			if !r.ignores(snap, p) {
				return false
			}
			there++
		}
	}
	return here > 0 && here == snap.Tree.Len() && there == len(known.Seen)
}

// isCalm reports whether, but for the files, nothing is in doubt or between the sides,
// and there is something here.
func (r *run) isCalm(known state.Asset, snap manifest.Snapshot) bool {
	switch {
	case !r.isFixed() || snap.Tree.Len() == 0:
		return false
	case known.Whole == nil || known.Whole.Version != known.Version || known.Older != 0:
		return false
	}
	return len(r.knownTarget.Intents)+len(known.CheckingOut)+len(known.Disputes)+len(snap.Problems)+len(snap.Unknown) == 0
}

// isBase reports whether both sides of a base are just what a tree holds.
func isBase(base state.ByPath[state.Pair], tree manifest.Tree) bool {
	return isJust(base, tree, func(pair state.Pair, id manifest.ID) bool {
		return pair.Local != nil && pair.Remote != nil && pair.Local.ID == id && pair.Remote.ID == id
	})
}

// isSeen reports whether just what a tree holds was seen.
func isSeen(seen state.ByPath[state.Seen], tree manifest.Tree) bool {
	return isJust(seen, tree, func(s state.Seen, id manifest.ID) bool { return s.ID == id })
}

// isJust reports whether the paths are those of a tree, and the value of each says that
// it has the id that it has in the tree.
func isJust[V any](values state.ByPath[V], tree manifest.Tree, has func(V, manifest.ID) bool) bool {
	if len(values) != tree.Len() {
		return false
	}
	i := 0
	for e := range tree.All() {
		if at := values[i]; at.Path != e.Path || !has(at.Value, e.ID) {
			return false
		}
		i++
	}
	return true
}

// listed returns an asset as the listing of its type has it, when that is the
// recorded version; else nil.
func (r *run) listed(ctx context.Context, id string) (*remote.Asset, error) {
	list, err := r.Assets.list(ctx, r.Client, r.kind)
	if remote.IsKind(err, remote.KindAccessDenied) {
		return nil, nil // listing needs a permission of its own
	}
	if err != nil {
		return nil, err
	}
	for i := range list {
		a, whole := &list[i], r.knownAsset.Whole
		if a.AssetId == nil || *a.AssetId != id || a.AssetType == nil || *a.AssetType != r.kind.Name {
			continue
		}
		if a.Version != nil && *a.Version == whole.Version && a.UpdatedAt != nil && a.UpdatedAt.Equal(whole.UpdatedAt) {
			return a, nil
		}
		if a.Version != nil {
			r.likely = *a.Version
		}
		return nil, nil
	}
	return nil, nil
}

// asRecorded is the observation that the record holds, of the metadata that the
// listing has.
func (r *run) asRecorded(asset *remote.Asset, snap manifest.Snapshot) (obs observation, err error) {
	obs = observation{
		version: *asset.Version, updatedAt: *asset.UpdatedAt, unread: true, recorded: r.knownAsset.Seen,
		content: map[manifest.ID][]byte{}, fresh: map[manifest.Path]bool{},
	}
	if obs.metadata, err = asset.Metadata.Map(); err != nil {
		return obs, err
	}
	obs.side.Tree, err = r.seenTree(snap)
	return obs, err
}

// seenTree is the tree that was seen of the remote: most often, the one that is here.
func (r *run) seenTree(snap manifest.Snapshot) (manifest.Tree, error) {
	if isSeen(r.knownAsset.Seen, snap.Tree) {
		return snap.Tree, nil
	}
	entries := make([]manifest.Entry, 0, len(r.knownAsset.Seen))
	for _, s := range r.knownAsset.Seen.All() {
		entries = append(entries, *s.Entry)
	}
	return manifest.NewTree(entries...)
}

// wholeOf says of what is observed whether it is all that there is: then an equal
// version stands for it. Names that cannot be held, and metadata of files, are not
// on record. Where a version may change in place, the time of the asset's last change
// may be later than what was read of it: see [ahead].
func (r *run) wholeOf(obs observation) *state.Whole {
	if r.Together != nil && !r.isFixed() || obs.updatedAt.IsZero() || len(obs.side.Unknown) > 0 || obs.noZip != "" || len(obs.seen) != len(obs.listing) {
		return nil
	}
	return &state.Whole{Version: obs.version, UpdatedAt: obs.updatedAt}
}
