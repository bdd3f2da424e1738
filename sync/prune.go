package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/assettype"
	"assetsync/sync/state"
)

// The metadata that takes an asset out of use, which only skills have.
const (
	statusKey    = "status"
	inactive     = "INACTIVE"
	verbRetire   = "prune"
	metadataFile = "metadata.json" // that history keeps of an asset that is deleted
)

// Standing is what an asset is that may be nobody's any more.
type Standing struct {
	Version  int32
	Tree     manifest.ID // git tree id of its files
	Owner    string      // who else owns it, see [ownership]; "" for nobody
	Inactive bool
	Status   bool // the type has a status
	Retired  bool // this machine made it INACTIVE, and nobody changed it since
	Whole    bool // every file can be held here

	// Ours says that this machine published what it holds. Changed, that it
	// published something there, and somebody has changed it since.
	Ours, Changed bool
}

// Asset returns the id of the target's asset, "" when it has none yet. It
// changes nothing. Where nothing tells which it is, that is an error.
func (e *Engine) Asset(ctx context.Context) (id string, res Result) {
	res = e.do(ctx, "asset", Consent{}, func(ctx context.Context, r *run) error {
		snap, err := r.source.scan(ctx)
		if err != nil && !errors.Is(err, errSourceMissing) {
			return err
		}
		if id = r.Target.AssetID; id == "" {
			id = r.knownTarget.AssetID
		}
		switch {
		case id != "":
			return nil
		case snap.Tree.Len() == 0:
			return usage("bring its files back, or remove the entry from assetsync.yaml",
				"target %s: %s holds nothing, so which asset is its own cannot be told", r.Target.Name, r.Target.Path)
		}
		id, err = r.findAsset(ctx, snap)
		return err
	})
	return id, res
}

// Standing reads what the target's asset is: AssetID names it, there need be no
// directory. It changes nothing.
func (e *Engine) Standing(ctx context.Context) (s Standing, res Result) {
	res = e.do(ctx, "asset", Consent{}, func(ctx context.Context, r *run) error {
		obs, err := r.observeNamed(ctx)
		if err != nil {
			return err
		}
		s = r.standing(obs)
		return nil
	})
	return s, res
}

// observeNamed reads the asset that the target names.
func (r *run) observeNamed(ctx context.Context) (observation, error) {
	if err := r.adopt(r.Target.AssetID, manifest.Tree{}); err != nil {
		return observation{}, err
	}
	obs, err := r.observe(ctx, r.Target.AssetID)
	if err == nil {
		r.res.ObservedVersion, r.res.Version = obs.version, obs.version
	}
	return obs, err
}

func (r *run) standing(obs observation) Standing {
	s := Standing{
		Version: obs.version, Tree: obs.side.Tree.ID(), Owner: ownership(obs.metadata), Whole: len(obs.side.Unknown) == 0,
		Inactive: obs.metadata[statusKey] == inactive,
	}
	_, s.Status = assettype.DefaultMetadata(r.kind)[statusKey]
	s.Retired = s.Inactive && r.knownAsset.Retired == obs.version
	published := len(r.knownAsset.Own) > 0
	s.Ours = published && s.Whole && (slices.Contains(r.knownAsset.Own, obs.version) || r.isSettled(obs))
	s.Changed = published && !s.Ours
	return s
}

// isSettled reports whether an asset holds what it held when both sides were
// last settled, file by file.
func (r *run) isSettled(obs observation) bool {
	held := 0
	for p, pair := range r.knownAsset.Base.All() {
		if pair.Remote == nil {
			continue
		}
		held++
		if !sameEntry(pair.Remote, obs.side.Tree.Get(p)) {
			return false
		}
	}
	return held == obs.side.Tree.Len()
}

// Retire makes the target's asset INACTIVE, so that agents do not use it, and
// remembers that this machine did: a target that comes to have it, and owns
// status: ACTIVE, brings it back to use.
func (e *Engine) Retire(ctx context.Context, consent Consent) Result {
	return e.do(ctx, verbRetire, consent, func(ctx context.Context, r *run) error {
		return r.inRounds(ctx, func() error { return r.retire(ctx) })
	})
}

func (r *run) retire(ctx context.Context) error {
	obs, err := r.observeNamed(ctx)
	if err != nil {
		return err
	}
	id := r.res.AssetID
	if err := r.auditOrReplan(ctx, id, obs); err != nil {
		return err
	}
	in := guardInput{target: r.Target, consent: r.consent, metadata: obs.metadata, writes: true, side: "remote"}
	for _, check := range []func(guardInput) *guardStop{guardOwnership, guardProtected} {
		if stop := check(in); stop != nil {
			return r.stop([]guardStop{*stop}, false)
		}
	}
	if obs.metadata[statusKey] == inactive {
		return r.record(ctx, obs, proposal{}, nil) // the audit may have found that it was us
	}
	newest, err := r.publishMetadata(ctx, id, obs, map[string]any{statusKey: inactive}, verbRetire)
	if err != nil {
		return err
	}
	isInactive, proven := newest.metadata[statusKey] == inactive, done{}
	if isInactive {
		proven.metadata = map[string]any{statusKey: inactive}
		r.knownAsset.Retired = newest.version
		r.res.MetadataChanges = []MetadataChange{{Key: statusKey, Old: obs.metadata[statusKey], New: inactive, Action: "publish", Why: "no target any more"}}
	}
	if err := r.record(ctx, newest, proposal{}, &proven); err != nil || isInactive {
		return err
	}
	return &Error{Kind: KindConflict, Message: fmt.Sprintf("the status of asset %s was set by somebody else at the same time, to %v", id, newest.metadata[statusKey]),
		Hint: "assetsync log shows the versions"}
}

// noteRetired says that agents do not use the asset since it was retired, where the
// target does not say which status it has.
func (r *run) noteRetired(obs observation) {
	if _, owned := r.Target.Metadata[statusKey]; !owned && r.knownAsset.Retired != 0 && obs.metadata[statusKey] == inactive {
		r.note("asset %s is INACTIVE since assetsync prune retired it, so agents do not use it; metadata: {status: ACTIVE} brings it back", r.res.AssetID)
	}
}

// DropOptions are the choices of one [Engine.Drop].
type DropOptions struct {
	Retired bool // only what this machine made INACTIVE, and nobody changed since
	Unread  bool // also when a version cannot be read, so that it is lost
	Forget  bool // the target is none any more: nothing is to be known of its asset
}

// Drop deletes the target's asset for good, once every version of it that can
// be read is in history, and its metadata beside them.
func (e *Engine) Drop(ctx context.Context, o DropOptions) Result {
	return e.do(ctx, "delete", Consent{}, func(ctx context.Context, r *run) error { return r.drop(ctx, o) })
}

func (r *run) drop(ctx context.Context, o DropOptions) error {
	obs, err := r.observeNamed(ctx)
	id := r.res.AssetID
	if err != nil && ctx.Err() == nil && isOfOneVersion(unreadVersion{err}) {
		obs, err = r.unreadable(ctx, id, err)
	}
	if err != nil {
		return err
	}
	if o.Retired && !r.standing(obs).Retired {
		return &Error{Kind: KindConflict, Message: fmt.Sprintf("asset %s was changed since it was made INACTIVE, at version %d", id, obs.version),
			Hint: "nothing was deleted; assetsync asset get " + id + " shows it"}
	}
	if err := r.keepAll(ctx, id, obs, o); err != nil {
		return err
	}
	asset, err := r.getAsset(ctx, id, nil)
	if err != nil {
		return err
	}
	if *asset.Version != obs.version || asset.UpdatedAt != nil && !asset.UpdatedAt.Equal(obs.updatedAt) {
		return &Error{Kind: KindConflict, Message: fmt.Sprintf("asset %s changed while its versions were read", id), Hint: "nothing was deleted; repeat the command"}
	}
	if err := r.deleteAsset(ctx, id); err != nil {
		return err
	}
	r.res.Outcome, r.res.Version = Deleted, 0
	r.note("its versions are kept: git --git-dir .assetsync/history.git archive %s | tar -x -C DIR, then push DIR; its metadata is %s at the ref %s",
		r.historyKey().VersionsRef(), metadataFile, r.historyKey().KeptRef())
	if !o.Forget {
		return nil // a target notices that its asset is gone
	}
	r.knownTarget.AssetID, r.knownTarget.Intents = "", nil
	r.knownTarget.Epoch++
	return r.commitState(func(tx state.Tx) error { return tx.PutTarget(r.Space, r.Target.Name, r.knownTarget) })
}

// unreadable is the newest version where its files cannot be read, because of
// why.
func (r *run) unreadable(ctx context.Context, id string, why error) (observation, error) {
	asset, err := r.getAsset(ctx, id, nil)
	if err != nil {
		return observation{}, err
	}
	obs := observation{version: *asset.Version, noZip: why.Error()}
	obs.side.Unknown = manifest.UnknownSet{{Below: true, Reason: why.Error()}} // all of it
	if asset.UpdatedAt != nil {
		obs.updatedAt = *asset.UpdatedAt
	}
	obs.metadata, err = asset.Metadata.Map()
	return obs, err
}

// deleteAsset deletes an asset. A deletion that was not answered is looked for.
func (r *run) deleteAsset(ctx context.Context, id string) error {
	_, err := r.Client.DeleteAsset(ctx, &remote.DeleteAssetInput{AgentSpaceId: &r.Space.AgentSpace, AssetId: &id})
	if errors.Is(err, remote.ErrAmbiguous) {
		if _, looked := r.getAsset(ctx, id, nil); remote.IsKind(looked, remote.KindNotFound) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("delete asset %s: %w", id, err)
	}
	return nil
}

// keepAll reads every version into history, the newest last, and the metadata
// of that. What cannot be read, as a whole, needs consent.
func (r *run) keepAll(ctx context.Context, id string, newest observation, o DropOptions) error {
	list, err := r.listVersions(ctx, id)
	if err != nil {
		return err
	}
	numbers := []int32{newest.version} // a listing may lag behind
	for _, v := range list {
		numbers = append(numbers, *v.Version)
	}
	slices.Sort(numbers)
	var lost []string
	for _, number := range slices.Compact(numbers) {
		why, err := r.keepWhole(ctx, id, newest, number)
		if err != nil {
			return err
		}
		if why != "" {
			lost = append(lost, why)
		}
	}
	if len(lost) > 0 && !o.Unread {
		r.res.Guard = "unread"
		return &Error{
			Kind:    KindGuard,
			Message: fmt.Sprintf("not every version of asset %s can be read, so that it would be lost: %s", id, some(lost)),
			Hint:    "if that is meant, allow it with --allow-unread",
		}
	}
	text, err := json.MarshalIndent(newest.metadata, "", "  ")
	if err != nil {
		return fmt.Errorf("keep metadata of asset %s: %w", id, err)
	}
	return r.keepFile(ctx, metadataFile, append(text, '\n'), fmt.Sprintf("metadata of asset %s version %d, deleted", id, newest.version))
}

// keepWhole reads one version into history, and says why not all of it.
func (r *run) keepWhole(ctx context.Context, id string, newest observation, number int32) (lost string, err error) {
	if number != newest.version {
		_, held, err := r.History.Get(ctx, r.historyKey(), id, int(number))
		if held && err == nil {
			return "", nil
		}
		if err := r.tellDamage(err); err != nil {
			return "", err
		}
	}
	if number == newest.version && newest.side.Unknown.Has("") {
		return fmt.Sprintf("version %d: %s", number, newest.side.Unknown[0].Reason), nil
	}
	obs := newest
	if number != newest.version {
		obs, err = r.version(ctx, id, number)
	}
	var bundle manifest.Bundle
	if err == nil {
		bundle, err = r.fullBundle(ctx, id, obs)
	}
	if err != nil {
		if ctx.Err() == nil && isOfOneVersion(unreadVersion{err}) {
			return fmt.Sprintf("version %d: %v", number, err), nil
		}
		return "", err
	}
	if n := len(obs.side.Unknown); n > 0 {
		lost = fmt.Sprintf("version %d without %s: %s %s", number, countFiles(n), obs.side.Unknown[0].Path, obs.side.Unknown[0].Reason)
	}
	kept := r.asVersion(obs, bundle, !slices.Contains(r.knownAsset.Own, number))
	kept.Last = number == newest.version // that is what comes back
	return lost, r.putVersion(ctx, kept)
}

// HeldInGit says which of some trees and files, by their ids in git, commits of
// a revision's first-parent line have held, and names the newest that has; max
// is how many are looked at. Errors are those of [gitrepo.Worktree.Resolve].
func HeldInGit(ctx context.Context, repo *gitrepo.Worktree, ids []manifest.ID) (map[manifest.ID]string, error) {
	return repo.Held(ctx, headRev, ids, heldCommits)
}

// heldCommits is how many commits an orphan's content is looked for in: the
// trees of each are read once, whatever commits share them.
const heldCommits = 5_000
