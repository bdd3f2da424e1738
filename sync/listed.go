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
	known, err := r.State.Asset(r.Space, id) // it is adopted, and damage told, once nothing is in the way
	if err == nil && r.isSettledHere(known, snap) {
		r.rest(func() { r.Assets.begin(ctx, r.Client, r.kind) })
	}
}

// isSettledHere reports whether the files here and the record of the remote's are
// those of the base, and nothing is in doubt or between the sides.
func (r *run) isSettledHere(known state.Asset, snap manifest.Snapshot) bool {
	switch {
	case !r.isFixed():
		return false
	case known.Whole == nil || known.Whole.Version != known.Version || known.Older != 0:
		return false
	case len(r.knownTarget.Intents)+len(known.CheckingOut)+len(known.Disputes)+len(snap.Problems)+len(snap.Unknown) > 0:
		return false
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
	seen, same := r.knownAsset.Seen, len(r.knownAsset.Seen) == snap.Tree.Len()
	for e := range snap.Tree.All() {
		if same = same && seen.Get(e.Path).Entry == e; !same {
			break
		}
	}
	if same {
		return snap.Tree, nil
	}
	entries := make([]manifest.Entry, 0, len(seen))
	for _, s := range seen.All() {
		entries = append(entries, s.Entry)
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
