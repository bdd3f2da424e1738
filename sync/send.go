package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/sync/state"
)

// doubtWindow is how long a write that was not answered may still have an
// effect: a signed request is refused after 15 minutes at the latest, which
// is how far AWS lets its date be off.
const doubtWindow = 15 * time.Minute

// execute makes the intent durable and sends the writes in order.
func (r *run) execute(ctx context.Context, id string, obs observation, s script, j job) (deed, error) {
	nonce, err := newNonce(r.Rand)
	if err != nil {
		return deed{}, err
	}
	if err := r.readReplaced(ctx, id, obs, s.changes()); err != nil {
		return deed{}, err
	}
	if err := r.keepDeleted(ctx, obs, s.changes()); err != nil {
		return deed{}, err
	}
	if err := r.keepOutgoing(ctx, s); err != nil {
		return deed{}, err
	}
	if s.means == ByZip {
		// What the zip replaces, as it was observed: should this run be cut
		// short, the version may have changed in place by the time of the audit.
		if err := r.remember(ctx, obs, !r.isAccounted(obs.version)); err != nil {
			return deed{}, err
		}
	}
	if err := r.begin(state.Intent{Nonce: nonce, Observed: obs.version, Tree: obs.side.Tree.ID(), Repair: j.repair, Verb: j.verb}, s.writes); err != nil {
		return deed{}, err
	}
	d := deed{nonce: nonce, observed: obs, changes: map[manifest.Path]*manifest.Entry{}, over: map[manifest.Path]int32{}, metadata: s.metadata(), zip: s.means == ByZip, derived: s.derived(), bytes: s.bytes}
	for _, c := range s.changes() {
		d.changes[c.Path] = c.New
	}
	for i, w := range s.writes {
		if p := w.path(); p != "" {
			d.over[p] = r.lastMade(d)
		}
		version, err := r.sendOne(ctx, id, obs.version, nonce, &w)
		switch {
		case errors.Is(err, remote.ErrAmbiguous):
			if err := r.awaitEffect(ctx, id, nonce, s.writes[:i+1], err); err != nil {
				return d, err
			}
			d.silent++
		case err != nil:
			return d, r.refused(ctx, id, nonce, s.writes[:i], w, err)
		case w.operation == "DeleteAssetFile":
			d.deletes++
			d.silent++
		case w.operation == "CreateAssetFile" && !d.raises(version):
			r.forgetCreate(w.path()) // in place: there is no version to account for
		default:
			if w.operation == "CreateAssetFile" {
				d.created = append(d.created, w.path())
			}
			d.answered = append(d.answered, version)
			r.res.Versions = append(r.res.Versions, version)
		}
		if r.res.Published == ByNothing {
			r.res.Published = s.means
		}
	}
	return d, nil
}

// lastMade is the version that the writes of a deed have made last, as far as
// nobody else wrote: else the numbers tell, and every version is read.
func (r *run) lastMade(d deed) int32 {
	last := d.observed.version
	if n := len(d.answered); n > 0 {
		last = d.answered[n-1]
	}
	if r.endpoint.DeleteRaisesVersion == state.Yes {
		last += int32(d.deletes)
	}
	return last
}

// sendOne sends a write. Where CreateAssetFile may not be used any more, or is
// not allowed, UpdateAsset takes its place, and w says so.
func (r *run) sendOne(ctx context.Context, id string, observed int32, nonce string, w *write) (int32, error) {
	for {
		if w.operation == "CreateAssetFile" && !r.createsFiles() {
			w.operation = "UpdateAsset"
		}
		token, err := w.token(id, observed, nonce)
		if err != nil {
			return 0, err
		}
		version, err := r.send(ctx, id, *w, token)
		if w.operation != "CreateAssetFile" || !remote.IsKind(err, remote.KindAccessDenied) {
			return version, err
		}
		// It had no effect; a policy that was made before the probe lacks it.
		r.noCreate = true
		r.note("aidevops:CreateAssetFile is not allowed, so new files go by UpdateAsset, which replaces what somebody else makes at the same moment; assetsync asset policy --for push prints what is needed")
	}
}

// token is the idempotency token of a write.
func (w write) token(asset string, observed int32, nonce string) (string, error) {
	doc, err := document(w.metadata)
	if err != nil {
		return "", err
	}
	return writeToken(asset, w.operation, string(w.path()), observed, nonce, manifest.BlobID(w.content).String(), string(doc)), nil
}

// refused decides about a write that had no effect. The intent keeps only
// what was sent before it. A file that is gone meanwhile, or made by somebody
// else, asks for a new plan.
func (r *run) refused(ctx context.Context, id, nonce string, before []write, w write, cause error) error {
	if err := r.narrow(nonce, before, false); err != nil {
		return errors.Join(cause, err)
	}
	create := w.operation == "CreateAssetFile"
	kinds := []remote.Kind{remote.KindNotFound, remote.KindValidation}
	if create {
		kinds = []remote.Kind{remote.KindConflict, remote.KindValidation, remote.KindInvalidParameter}
	}
	if w.operation == "UpdateAsset" || !remote.IsKind(cause, kinds...) {
		return cause
	}
	asset, err := r.getAsset(ctx, id, nil)
	if err != nil {
		return cause
	}
	listing, err := r.list(ctx, id, *asset.Version)
	if err != nil {
		return cause
	}
	if _, there := listing[string(w.path())]; there != create {
		return cause
	}
	return errReplan
}

// errStale is a file that is not as the listing made believe.
var errStale = errors.New("the file is not as it was seen")

// readReplaced reads what is about to be replaced or deleted, unless that was
// done in this run: nothing goes that only a listing was believed for.
func (r *run) readReplaced(ctx context.Context, id string, obs observation, changes []diff.Change) error {
	var replaced []diff.Change
	for _, c := range changes {
		if c.Old != nil && !obs.fresh[c.Path] {
			replaced = append(replaced, c)
		}
	}
	contents := make([][]byte, len(replaced))
	reads := make([]func(context.Context) error, len(replaced))
	for i, c := range replaced {
		reads[i] = func(ctx context.Context) (err error) {
			contents[i], err = r.readFile(ctx, id, obs.version, c.Path)
			if err == nil && manifest.BlobID(contents[i]) != c.Old.ID {
				err = errStale
			}
			return err
		}
	}
	if err := r.together(ctx, reads...); err != nil {
		if !errors.Is(err, errStale) {
			return err
		}
		r.knownAsset.Seen = nil // the listing did not tell: look at everything
		return errReplan
	}
	for i, c := range replaced {
		obs.content[c.Old.ID], obs.fresh[c.Path] = contents[i], true
	}
	return nil
}

// keepDeleted puts the bytes that are about to be deleted into history.
func (r *run) keepDeleted(ctx context.Context, obs observation, changes []diff.Change) error {
	for _, c := range changes {
		if c.New != nil {
			continue
		}
		if err := r.keepFile(ctx, c.Path, obs.content[c.Old.ID], fmt.Sprintf("deleted from version %d", obs.version)); err != nil {
			return err
		}
	}
	return nil
}

// send makes one call. The version is the asset's after it, 0 for a deletion.
func (r *run) send(ctx context.Context, id string, w write, token string) (int32, error) {
	path := string(w.path())
	switch w.operation {
	case "DeleteAssetFile":
		_, err := r.Client.DeleteAssetFile(ctx, &remote.DeleteAssetFileInput{AgentSpaceId: &r.Space.AgentSpace, AssetId: &id, Path: &path})
		if err != nil {
			err = fmt.Errorf("delete %s of asset %s: %w", path, id, err)
		}
		return 0, err
	case "CreateAssetFile":
		out, err := r.Client.CreateAssetFile(ctx, &remote.CreateAssetFileInput{
			AgentSpaceId: &r.Space.AgentSpace, AssetId: &id, Path: &path, ClientToken: &token,
			Content: remote.BodyOf(w.content, r.limits),
		})
		if err != nil {
			return 0, fmt.Errorf("create %s of asset %s: %w", path, id, err)
		}
		return *out.File.Version, nil
	case "UpdateAssetFile":
		out, err := r.Client.UpdateAssetFile(ctx, &remote.UpdateAssetFileInput{
			AgentSpaceId: &r.Space.AgentSpace, AssetId: &id, Path: &path, ClientToken: &token,
			Content: remote.BodyOf(w.content, r.limits),
		})
		if err != nil {
			return 0, fmt.Errorf("update %s of asset %s: %w", path, id, err)
		}
		return *out.File.Version, nil
	}
	doc, err := document(w.metadata)
	if err != nil {
		return 0, err
	}
	in := &remote.UpdateAssetInput{AgentSpaceId: &r.Space.AgentSpace, AssetId: &id, ClientToken: &token, Metadata: doc}
	switch {
	case w.zip:
		in.Content = zipContent(w.content)
	case path != "":
		in.Content = r.fileContent(w.path(), w.content)
	}
	out, err := r.Client.UpdateAsset(ctx, in)
	if err != nil {
		return 0, fmt.Errorf("update asset %s: %w", id, err)
	}
	return *out.Asset.Version, nil
}

func zipContent(zipped []byte) remote.AssetContent {
	return &remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: zipped}}
}

func (r *run) fileContent(p manifest.Path, data []byte) remote.AssetContent {
	path := string(p)
	return &remote.AssetContentMemberFile{Value: remote.AssetFileContent{Path: &path, Body: remote.BodyOf(data, r.limits)}}
}

// document turns metadata into what is sent; nothing for none.
func document(metadata map[string]any) (remote.Document, error) {
	if len(metadata) == 0 {
		return nil, nil
	}
	return remote.NewDocument(metadata)
}

// awaitEffect looks whether the last of the writes, which was not answered,
// had its effect, for the time of one request. When none is seen the intent
// stays in doubt, so that a late effect is known for our own, and another
// round plans anew.
func (r *run) awaitEffect(ctx context.Context, id, nonce string, writes []write, cause error) error {
	if err := r.narrow(nonce, writes, true); err != nil {
		return errors.Join(cause, err)
	}
	if ctx.Err() != nil {
		return cause // there is no time to look: the next push does
	}
	r.log.Info("write was not answered; looking for its effect")
	const looks = 4
	for i := range looks {
		if i > 0 {
			if err := r.Sleep(ctx, r.DoubtWait/(looks-1)); err != nil {
				return errors.Join(cause, err)
			}
		}
		obs, err := r.observe(ctx, id)
		if err != nil {
			return errors.Join(cause, err)
		}
		if r.hasEffect(obs, writes[len(writes)-1]) {
			return nil
		}
	}
	r.note("a write was not answered and had no effect: planned anew")
	return errReplan
}

// hasEffect reports whether the remote is as after the write.
func (r *run) hasEffect(obs observation, w write) bool {
	d := deed{bytes: script{writes: []write{w}}.bytes}
	for _, c := range w.changes {
		got := obs.side.Tree.Get(c.Path)
		if !sameEntry(got, c.New) && !r.isRewritten(d, c.Path, c.New, got, obs) {
			return false
		}
	}
	for k, v := range w.metadata {
		if got, ok := obs.metadata[k]; !ok || !sameValue(v, got) {
			return false
		}
	}
	return true
}
