package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/sync/state"
)

// doubtWindow is how long a write that was not answered may still have an
// effect: a signed request is refused after 15 minutes at the latest, which
// is how far AWS lets its date be off.
const doubtWindow = 15 * time.Minute

// sent is what is known of the writes of a script right after them.
type sent struct {
	versions []int32 // that the answers named
	deletes  int     // deletions, whose answers name none
	doubt    bool    // a write's effect was seen, but not its answer
}

// execute makes the intent durable and sends the writes in order.
func (r *run) execute(ctx context.Context, id string, obs observation, s script) (string, sent, error) {
	nonce, err := newNonce(r.Rand)
	if err != nil {
		return "", sent{}, err
	}
	if err := r.keepDeleted(ctx, id, obs, s.changes()); err != nil {
		return "", sent{}, err
	}
	in := state.Intent{Nonce: nonce, Observed: obs.version, Started: r.Now().UTC(), Until: r.Now().Add(doubtWindow).UTC()}
	tokens := make([]string, len(s.writes))
	metadata := map[string]any{}
	for i, w := range s.writes {
		doc, err := document(w.metadata)
		if err != nil {
			return "", sent{}, err
		}
		for k, v := range w.metadata {
			metadata[k] = v
		}
		tokens[i] = writeToken(id, w.operation, string(w.path()), obs.version, nonce, manifest.BlobID(w.content).String(), string(doc))
		for _, c := range w.changes {
			in.Changes = append(in.Changes, state.PlannedChange{Path: c.Path, Old: c.Old, New: c.New})
		}
	}
	in.Tokens = tokens
	doc, err := document(metadata)
	if err != nil {
		return "", sent{}, err
	}
	in.Metadata = json.RawMessage(doc)
	if err := r.begin(in); err != nil {
		return "", sent{}, err
	}
	var out sent
	for i, w := range s.writes {
		version, err := r.send(ctx, id, w, tokens[i])
		switch {
		case errors.Is(err, remote.ErrAmbiguous):
			if err := r.awaitEffect(ctx, id, nonce, w, err); err != nil {
				return nonce, out, err
			}
			out.doubt = true
		case remote.IsKind(err, remote.KindNotFound) && w.operation != "UpdateAsset":
			return nonce, out, errReplan
		case err != nil:
			return nonce, out, err
		case w.operation == "DeleteAssetFile":
			out.deletes++
		default:
			out.versions = append(out.versions, version)
		}
	}
	return nonce, out, nil
}

// keepDeleted puts the bytes that are about to be deleted into history.
func (r *run) keepDeleted(ctx context.Context, id string, obs observation, changes []diff.Change) error {
	for _, c := range changes {
		if c.New != nil {
			continue
		}
		data, ok, err := r.blob(obs, c.Old.ID)
		if err == nil && !ok {
			data, err = r.readFile(ctx, id, obs.version, c.Path)
		}
		if err != nil {
			return err
		}
		kept := gitrepo.Kept{Path: c.Path, Content: data, Why: fmt.Sprintf("deleted from version %d", obs.version), At: r.Now()}
		if err := r.History.Keep(ctx, r.historyKey(), kept); err != nil {
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

// awaitEffect looks whether a write that was not answered had its effect, for
// the time of one request. When none is seen the intent stays in doubt, so
// that a late effect is known for our own, and another round plans anew.
func (r *run) awaitEffect(ctx context.Context, id, nonce string, w write, cause error) error {
	if err := r.doubt(nonce); err != nil {
		return err
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
		if hasEffect(obs, w) {
			return nil
		}
	}
	r.note("a write was not answered and had no effect: planned anew")
	return errReplan
}

// hasEffect reports whether the remote is as after the write.
func hasEffect(obs observation, w write) bool {
	for _, c := range w.changes {
		if !sameEntry(obs.side.Tree.Get(c.Path), c.New) {
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
