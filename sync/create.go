package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
	"assetsync/sync/state"
)

const (
	// maxEpochs is how many assets under one identity may turn out to be
	// gone before the making of another is given up.
	maxEpochs = 5

	// listTries is how often the listing is looked at for an asset that must
	// be there: ListAssets may lag.
	listTries = 5
)

// create makes the asset from the local tree and returns its id. When another
// creator was first, theirs is adopted: the id comes with errReplan.
func (r *run) create(ctx context.Context, snap manifest.Snapshot, o PushOptions) (string, error) {
	p := r.creation(snap)
	r.res.Changes = reportChanges(p.changes)
	now, err := r.planNow(snap, observation{}, p)
	if err != nil {
		return "", err
	}
	r.checkNames(snap.Tree, diff.Side{})
	if err := r.blockOnProblems(); err != nil {
		return "", err
	}
	if err := r.holdTo(o.Approved, now); err != nil {
		return "", err
	}
	if err := r.mayCreate(ctx, snap, o.guardsSpeak()); err != nil {
		return "", err
	}
	bundle, err := readAll(ctx, r.source, snap.Tree)
	if err != nil {
		return "", err
	}
	if err := r.lintBundle(snap, bundle); err != nil {
		return "", err
	}
	r.noteLineEnds(ctx, p.changes)
	in, means, err := r.createInput(bundle)
	if err != nil {
		return "", err
	}
	if o.DryRun {
		r.res.Outcome = Planned
		r.planPublished(means)
		return "", nil
	}
	identity, _ := assettype.Identity(r.kind, r.Target.Metadata, bundle)
	nonce, err := r.beginCreate(snap.Tree)
	if err != nil {
		return "", err
	}
	id, version, asset, err := r.makeAsset(ctx, in, identity)
	if err != nil {
		if !errors.Is(err, remote.ErrAmbiguous) {
			err = errors.Join(err, r.narrow(nonce, nil, false))
		}
		return "", err
	}
	if err := r.adopt(id, snap.Tree); err != nil {
		return "", err
	}
	r.knownTarget.AssetID, r.knownTarget.Identity = id, identity
	r.end(nonce)
	return id, r.proveCreated(ctx, id, version, asset, snap, means)
}

// mayCreate applies the guards to the making of an asset.
func (r *run) mayCreate(ctx context.Context, snap manifest.Snapshot, speak bool) error {
	var stops []guardStop
	checks := []func(guardInput) *guardStop{guardSecrets, guardProtected}
	if snap.Tree.Len() == 0 {
		return usage("add files to it, or take the target out of assetsync.yaml", "target %s: %s holds nothing to publish", r.Target.Name, r.Target.Path)
	}
	if r.Target.Create == CreateNever {
		return usage("set asset: to an existing one, or remove create: false", "target %s has no asset, and create: false forbids to make one", r.Target.Name)
	}
	if r.Target.Protected && r.Target.Create != CreateAlways && !r.consent.Create {
		hint := "look at it with --dry-run; if it is to be made, allow it with --create"
		if !r.consent.Protected {
			hint += " --allow-protected"
		}
		stops = append(stops, guardStop{"protected", "the target is protected and has no asset yet", hint})
		checks = checks[:1] // one stop tells both consents
	}
	secrets, err := r.secretsOf(ctx, diff.Two(manifest.Tree{}, snap.Tree), r.Target.Metadata)
	if err != nil {
		return err
	}
	in := guardInput{target: r.Target, consent: r.consent, writes: true, side: "remote", secrets: secrets}
	for _, check := range checks {
		if s := check(in); s != nil {
			stops = append(stops, *s)
		}
	}
	return r.stop(stops, speak)
}

// createInput makes the request without its token: a zip where the type takes
// one, else the single file.
func (r *run) createInput(bundle manifest.Bundle) (*remote.CreateAssetInput, Means, error) {
	doc, err := document(r.allMetadata(bundle))
	if err != nil {
		return nil, "", err
	}
	in := &remote.CreateAssetInput{AgentSpaceId: &r.Space.AgentSpace, AssetType: &r.kind.Name, Metadata: doc}
	if r.kind.Zip && assettype.ZipFits(r.kind, bundle) {
		zipped, why, err := r.pack(bundle)
		if err != nil {
			return nil, "", err
		}
		if why != "" {
			return nil, "", r.tooLarge(why)
		}
		in.Content = zipContent(zipped)
		return in, ByZip, nil
	}
	if bundle.Tree().Len() != 1 {
		return nil, "", r.tooLarge("a new asset of several files needs a zip, which this one cannot go into")
	}
	for e := range bundle.Tree().All() {
		data, _ := bundle.Blob(e.ID)
		in.Content = r.fileContent(e.Path, data)
	}
	return in, ByFiles, nil
}

func (r *run) tooLarge(why string) error {
	return &Error{
		Kind:    KindGuard,
		Message: fmt.Sprintf("%s cannot be created: %s", r.Target.Name, why),
		Hint:    "nothing was sent; leave files out with ignore:, or make them smaller",
	}
}

// beginCreate makes durable what is about to be created.
func (r *run) beginCreate(tree manifest.Tree) (string, error) {
	nonce, err := newNonce(r.Rand)
	if err != nil {
		return "", err
	}
	all := write{changes: diff.Two(manifest.Tree{}, tree), metadata: r.Target.Metadata}
	return nonce, r.begin(state.Intent{Nonce: nonce}, []write{all})
}

// makeAsset sends CreateAsset until an asset stands, and returns the version
// that the answer named, or 0 when the asset is another creator's, and the asset
// where it was read since. Its token
// names space, type, identity and epoch, so a repeated call gives the same
// asset, and a second creator meets a Conflict and takes the first one's.
func (r *run) makeAsset(ctx context.Context, in *remote.CreateAssetInput, identity string) (id string, version int32, asset *remote.Asset, err error) {
	for range maxEpochs {
		token := createToken(r.Space.AgentSpace, r.kind.Name, identity, r.knownTarget.Epoch)
		in.ClientToken = &token
		out, err := r.createOnce(ctx, in)
		r.Assets.forget(r.kind)
		if remote.IsKind(err, remote.KindConflict) {
			id, err := r.awaitListed(ctx, identity)
			if err != nil || id != "" {
				return id, 0, nil, err
			}
			r.knownTarget.Epoch++
			continue
		}
		if err != nil {
			return "", 0, nil, fmt.Errorf("create asset: %w", err)
		}
		id := *out.Asset.AssetId
		r.res.AssetID = id // also when what follows fails
		asset, ours, err := r.stillOurs(ctx, id, identity)
		if err != nil || ours {
			return id, *out.Asset.Version, asset, err
		}
		r.knownTarget.Epoch++
	}
	return "", 0, nil, fmt.Errorf("create asset %s %q: %d earlier ones under this name are gone", r.kind.Name, identity, maxEpochs)
}

// stillOurs reads the asset that a creation answered with, and reports whether it
// can be the one that is wanted: the token of an earlier creation gives back an
// asset that may be gone, somebody else's, or have another name by now.
func (r *run) stillOurs(ctx context.Context, id, identity string) (asset *remote.Asset, ours bool, err error) {
	asset, err = r.getAsset(ctx, id, nil)
	if remote.IsKind(err, remote.KindNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	metadata, err := asset.Metadata.Map()
	if err != nil {
		return nil, false, fmt.Errorf("read metadata of asset %s: %w", id, err)
	}
	now, ok := assettype.Identity(r.kind, metadata, manifest.Bundle{})
	return asset, ownership(metadata) == "" && (!ok || now == identity), nil
}

// createOnce repeats a creation that was not answered under the same token,
// which gives the same asset whether or not the first call had its effect.
func (r *run) createOnce(ctx context.Context, in *remote.CreateAssetInput) (*remote.CreateAssetOutput, error) {
	const tries = 3
	for i := 1; ; i++ {
		out, err := r.Client.CreateAsset(ctx, in)
		if !errors.Is(err, remote.ErrAmbiguous) || i == tries {
			return out, err
		}
		r.log.Info("the creation was not answered; repeating it under the same token")
		if err := r.Sleep(ctx, r.DoubtWait/tries); err != nil {
			return nil, err
		}
	}
}

// awaitListed looks for the asset that another creator has just made.
func (r *run) awaitListed(ctx context.Context, identity string) (string, error) {
	for i := range listTries {
		r.Assets.forget(r.kind)
		found, err := r.Assets.Find(ctx, r.Client, r.kind, identity)
		if err != nil {
			return "", err
		}
		if id, err := r.only(found, identity); err != nil || id != "" {
			return id, err
		}
		if err := r.Sleep(ctx, time.Second<<i); err != nil {
			return "", err
		}
	}
	return "", nil
}

// proveCreated reads the new asset back, but for asset where that was read since the
// creation, and records it. One that holds
// something else belongs to another creator, who was first; the push goes on
// as one to an existing asset then. It does so as well when somebody has
// changed the new asset already.
func (r *run) proveCreated(ctx context.Context, id string, version int32, asset *remote.Asset, snap manifest.Snapshot, means Means) error {
	tree := snap.Tree
	newest, err := r.observeAhead(ctx, id, ahead{asset: asset, whole: tree.Len() > readOneByOne})
	if err != nil {
		return fmt.Errorf("read back the new asset: %w", err)
	}
	made := newest
	if version != 0 && version != newest.version && !r.sameContent(ctx, tree, newest) {
		if made, err = r.version(ctx, id, version); err != nil {
			return fmt.Errorf("read back the new asset: %w", err)
		}
	}
	if !r.sameContent(ctx, tree, made) {
		r.note("asset %s was made by somebody else meanwhile", id)
		return errReplan
	}
	d := &done{metadata: r.Target.Metadata, bases: map[manifest.Path]state.Pair{}}
	for e := range tree.All() {
		pair := state.Pair{Local: &e, Remote: made.side.Tree.Get(e.Path)}
		d.bases[e.Path] = pair
		if sameEntry(pair.Local, pair.Remote) {
			continue
		}
		sent, err := r.source.read(ctx, e)
		if err == nil {
			err = r.keepLocal(ctx, e.Path, sent)
		}
		if err != nil {
			return err
		}
	}
	r.res.Outcome, r.res.Published = Created, means
	r.res.ObservedVersion, r.res.Version = 0, made.version
	r.res.Versions = []int32{made.version}
	if version != 0 && version != made.version { // the service made a further one
		r.res.Versions = []int32{version, made.version}
	}
	r.made = r.res.Versions
	if err := r.record(ctx, made, proposal{}, d); err != nil {
		return err
	}
	if made.version != newest.version {
		return errReplan
	}
	r.reportLive(snap, made)
	return nil
}

// sameContent reports whether the remote holds the local tree, also after the
// service rewrote it.
func (r *run) sameContent(ctx context.Context, tree manifest.Tree, obs observation) bool {
	if tree.Len() != obs.side.Tree.Len() {
		return false
	}
	for e := range tree.All() {
		got := obs.side.Tree.Get(e.Path)
		if got == nil {
			return false
		}
		if got.ID == e.ID {
			continue
		}
		sent, err := r.source.read(ctx, e)
		if read, ok := obs.content[got.ID]; err != nil || !ok || !assettype.Same(r.kind, e.Path, sent, read) {
			return false
		}
	}
	return true
}
