package sync

import (
	"context"
	"fmt"
	"strings"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

// resolve finds the asset of the target: by the id in the config, else by the
// id on record, else by identity among the assets of the space. It returns
// "" when there is none, and loads the asset's record when there is one.
func (r *run) resolve(ctx context.Context, snap manifest.Snapshot) (string, error) {
	id, err := r.findAsset(ctx, snap)
	if err != nil || id == "" {
		return "", err
	}
	if err := r.adopt(id, snap.Tree); err != nil {
		return "", err
	}
	return id, nil
}

// adopt makes id the asset of this run, and goes on with the record that the
// run has of it already. The tree is what it likely holds.
func (r *run) adopt(id string, tree manifest.Tree) (err error) {
	if r.adopted && r.res.AssetID == id {
		return nil
	}
	if err := r.limits.CheckAssetID(id); err != nil {
		return usage("asset: takes the id that assetsync asset list shows", "target %s: %v", r.Target.Name, err)
	}
	if err := r.Assets.claim(id, r.Target.Name); err != nil {
		return err
	}
	r.res.AssetID, r.told, r.toldKeys = id, nil, nil
	r.knownAsset, err = r.State.AssetLike(r.Space, id, tree)
	if r.adopted = err == nil; r.adopted {
		asset := r.knownAsset
		r.loaded.asset = &asset
	}
	return err
}

func (r *run) findAsset(ctx context.Context, snap manifest.Snapshot) (string, error) {
	if r.Target.AssetID != "" {
		return r.Target.AssetID, nil
	}
	identity, err := r.identity(ctx, snap)
	if err != nil {
		return "", err
	}
	if pinned := r.knownTarget.AssetID; pinned != "" {
		if old := r.knownTarget.Identity; identity != "" && old != "" && old != identity && r.Target.RenamedFrom != old {
			return "", usage(fmt.Sprintf("if it is the same asset under a new name, add renamed_from: %s to the target", old),
				"target %s: its %s was %q and is %q now", r.Target.Name, r.kind.IdentityKey, old, identity)
		}
		return pinned, nil
	}
	if identity == "" {
		// The type's rules say it better, and say all of it.
		if err := r.lint(ctx, snap); err != nil {
			return "", err
		}
		return "", usage("set asset: to the id of the asset; assetsync asset list shows them",
			"target %s: nothing identifies the asset: %s", r.Target.Name, r.whyNoIdentity(snap))
	}
	found, err := r.Assets.Find(ctx, r.Client, r.kind, identity)
	if err == nil && len(found) == 0 && r.Target.RenamedFrom != "" {
		found, err = r.Assets.Find(ctx, r.Client, r.kind, r.Target.RenamedFrom)
	}
	if err != nil {
		return "", err
	}
	return r.only(found, identity)
}

func (r *run) only(found []remote.Asset, identity string) (string, error) {
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return *found[0].AssetId, nil
	}
	ids := make([]string, len(found))
	for i, a := range found {
		ids[i] = *a.AssetId
	}
	return "", usage("set asset: to the one that is meant",
		"target %s: %d assets have %s %q: %s", r.Target.Name, len(found), r.kind.IdentityKey, identity, strings.Join(ids, ", "))
}

// identity returns what identifies the target's asset among those of its
// type; "" when the local side does not say.
func (r *run) identity(ctx context.Context, snap manifest.Snapshot) (string, error) {
	e, ok := snap.Tree.Lookup(r.source.mainFile())
	if !ok {
		identity, _ := assettype.Identity(r.kind, r.Target.Metadata, manifest.Bundle{})
		return identity, nil
	}
	return r.identityIn(e.ID, "", func() ([]byte, error) { return r.source.read(ctx, e) })
}

func (r *run) whyNoIdentity(snap manifest.Snapshot) string {
	if r.kind.IdentityKey == "" {
		return "assets of type " + r.kind.Name + " have no name"
	}
	if _, ok := snap.Tree.Lookup(r.source.mainFile()); !ok {
		return fmt.Sprintf("%s has no %s", r.Target.Path, r.source.mainFile())
	}
	return fmt.Sprintf("%s gives no %s", r.source.mainFile(), r.kind.IdentityKey)
}
