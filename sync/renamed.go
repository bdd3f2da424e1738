package sync

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// keepsIdentity stops what would make the asset another one: its main file, or
// the key that identifies it, is about to say something else than the asset is, and
// than it was when both sides were last settled. Two targets whose ids were
// exchanged, say, would each become the other. What somebody else renamed is no
// renaming from here.
func (r *run) keepsIdentity(ctx context.Context, snap manifest.Snapshot, obs observation, p proposal) error {
	if !p.writes() || !r.decidesIdentity(p) {
		return nil
	}
	identity, err := r.identity(ctx, snap)
	if err != nil || identity == "" {
		return err
	}
	live, _ := assettype.Identity(r.kind, obs.metadata, manifest.Bundle{})
	was := cmp.Or(r.settledIdentity(ctx, snap, obs), live)
	same := func(name string) bool { return name != "" && (name == was || name == live) }
	if was == "" || same(identity) || same(r.Target.RenamedFrom) {
		return nil
	}
	return usage(fmt.Sprintf("if it is the same asset under a new name, add renamed_from: %s to the target; else correct asset: of the target", was),
		"target %s: the %s of asset %s is %q, and the target's is %q", r.Target.Name, r.kind.IdentityKey, r.res.AssetID, was, identity)
}

// decidesIdentity reports whether what identifies the asset is published, or is to
// be where it is not in conflict.
func (r *run) decidesIdentity(p proposal) bool {
	main := r.source.mainFile()
	if _, ok := p.meta.publish[r.kind.IdentityKey]; ok {
		return true
	}
	return slices.ContainsFunc(p.changes, func(c diff.Change) bool { return c.Path == main }) ||
		slices.ContainsFunc(p.files.Conflicts, func(c diff.Conflict) bool { return c.Path == main })
}

// settledIdentity is what identified the asset when both sides were last settled,
// not by a choice between them; "" when that is not known.
func (r *run) settledIdentity(ctx context.Context, snap manifest.Snapshot, obs observation) string {
	main := r.source.mainFile()
	pair := r.knownAsset.Base.Get(main)
	if before := r.knownAsset.Disputes[main].Settled; before != nil {
		pair = *before
	}
	files := map[manifest.Path][]byte{}
	if pair.Local != nil {
		if data, ok := r.baseBytes(ctx, snap, obs, *pair.Local); ok {
			files[main] = data
		}
	}
	bundle, err := manifest.NewBundle(files)
	if err != nil {
		return ""
	}
	metadata := map[string]any{}
	for key, value := range r.knownAsset.Metadata {
		metadata[key] = decodeBase(value)
	}
	identity, _ := assettype.Identity(r.kind, metadata, bundle)
	return identity
}
