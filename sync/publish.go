package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/assettype"
	"assetsync/sync/state"
)

// doubtWindow is how long a write that was not answered may still have an
// effect: a signed request is refused after 15 minutes at the latest, which
// is how far AWS lets its date be off.
const doubtWindow = 15 * time.Minute

// write is one call that changes the remote.
type write struct {
	operation string // "UpdateAsset", "UpdateAssetFile" or "DeleteAssetFile"
	changes   []diff.Change
	content   []byte // of the file, or the zip; nil for metadata alone and for a deletion
	zip       bool
	metadata  map[string]any
}

func (w write) path() manifest.Path {
	if w.zip || len(w.changes) == 0 {
		return ""
	}
	return w.changes[0].Path
}

// script is the writes of one publishing in their order.
type script struct {
	means  Means
	writes []write
}

func (s script) changes() (all []diff.Change) {
	for _, w := range s.writes {
		all = append(all, w.changes...)
	}
	return all
}

// contentOf gives the bytes of an entry that is about to be sent.
type contentOf func(context.Context, manifest.Entry) ([]byte, error)

// publish makes the changes on the remote, proves them and records them. What
// it overwrote of somebody else's is put back, by further rounds.
func (r *run) publish(ctx context.Context, id string, obs observation, p proposal, atomic bool) error {
	total := done{read: map[manifest.Path]*manifest.Entry{}, metadata: map[string]any{}}
	changes, meta, content := p.changes, p.meta.publish, contentOf(r.source.read)
	var lost lostUpdates
	for round := 1; ; round++ {
		s, after, more, err := r.publishOnce(ctx, id, &obs, changes, meta, atomic, content)
		if err != nil {
			return lost.unrepaired(err)
		}
		if round == 1 {
			total.add(s, after, more)
			r.res.Outcome, r.res.Published = Published, s.means
		}
		total.versions = append(total.versions, after.own...)
		r.res.Versions, r.res.Version = total.versions, after.version
		r.res.Conflicts = append(r.res.Conflicts, more.conflicts...)
		lost, obs = more, after.observation
		if !lost.any() || round == maxRounds {
			break
		}
		// What was overwritten is put back, from the bytes that were read.
		changes, meta, content = lost.repairs, lost.metadata, lost.content
		if err := r.jitter(ctx); err != nil {
			return lost.unrepaired(err)
		}
	}
	if err := r.record(ctx, obs, p, &total); err != nil {
		return err
	}
	if lost.any() {
		return lost.unrepaired(errReplan)
	}
	return nil
}

// publishOnce is one round: it sends, proves and ends the intent.
func (r *run) publishOnce(ctx context.Context, id string, obs *observation, changes []diff.Change, meta map[string]any, atomic bool, content contentOf) (s script, after proof, lost lostUpdates, err error) {
	if s, err = r.script(ctx, id, obs, changes, meta, atomic, content); err != nil {
		return s, after, lost, err
	}
	nonce, out, err := r.execute(ctx, id, *obs, s)
	if err != nil {
		return s, after, lost, err
	}
	if after, lost, err = r.prove(ctx, id, *obs, s, out); err != nil {
		return s, after, lost, err
	}
	r.end(nonce)
	return s, after, lost, nil
}

// add takes what the first round published. A path on which somebody else's
// change won keeps its base, so that the next plan sees both.
func (d *done) add(s script, after proof, lost lostUpdates) {
	for _, c := range s.changes() {
		if !slices.Contains(lost.paths(), c.Path) {
			d.changes = append(d.changes, c)
			d.read[c.Path] = after.read[c.Path]
		}
	}
	for _, w := range s.writes {
		for key, value := range w.metadata {
			if _, theirs := lost.metadata[key]; !theirs {
				d.metadata[key] = value
			}
		}
	}
}

// script decides by which calls changes are published. It reads what it
// needs for them and sends nothing.
func (r *run) script(ctx context.Context, id string, obs *observation, changes []diff.Change, meta map[string]any, atomic bool, content contentOf) (script, error) {
	files := map[manifest.Path][]byte{}
	for _, c := range changes {
		if c.New == nil {
			continue
		}
		data, err := content(ctx, *c.New)
		if err != nil {
			return script{}, err
		}
		files[c.Path] = data
	}
	want, err := r.wantsZip(obs, changes, meta, files, atomic)
	if err != nil {
		return script{}, err
	}
	oneWrite := len(changes) <= 1 && (len(meta) == 0 || r.kind.SingleFile) && len(deletions(changes)) == 0
	if want == "" || oneWrite && atomic && want == wantAtomic {
		return r.fileScript(changes, meta, files), nil
	}
	if len(changes) == 0 {
		return script{ByMetadata, []write{{operation: "UpdateAsset", metadata: meta}}}, nil
	}
	zipped, why, err := r.zip(ctx, id, obs, changes, files)
	if err != nil {
		return script{}, err
	}
	if why == "" {
		return script{ByZip, []write{{operation: "UpdateAsset", changes: changes, content: zipped, zip: true, metadata: meta}}}, nil
	}
	if atomic {
		return script{}, &Error{
			Kind:    KindGuard,
			Message: fmt.Sprintf("%s cannot be published in one write: %s", "the change of "+countFiles(len(changes)), why),
			Hint:    "nothing was written; publish without atomic, which takes a call for each file",
		}
	}
	r.note("published file by file: %s", why)
	return r.fileScript(changes, meta, files), nil
}

// Reasons to prefer a zip.
const (
	wantAtomic      = "atomic"
	wantLarge       = "the change is large"
	wantFrontmatter = "the frontmatter changes"
	wantMetadata    = "metadata changes in the same call"
	wantDelete      = "deleting a file makes no version here"
)

// wantsZip says why a zip is the better way, "" when file calls are.
func (r *run) wantsZip(obs *observation, changes []diff.Change, meta map[string]any, files map[manifest.Path][]byte, atomic bool) (string, error) {
	switch {
	case r.kind.SingleFile:
		return "", nil // one write in any case, and such types take no zip
	case len(changes) == 0:
		return wantMetadata, nil
	case atomic:
		return wantAtomic, nil
	case len(changes) > r.Target.MaxFileCalls:
		return wantLarge, nil
	case len(meta) > 0:
		return wantMetadata, nil
	case len(deletions(changes)) > 0 && r.endpoint.DeleteRaisesVersion == state.No:
		return wantDelete, nil
	}
	main := r.source.mainFile()
	if text, ok := files[main]; ok {
		same, err := r.sameFrontmatter(obs, main, text)
		if err != nil {
			return "", err
		}
		if !same {
			return wantFrontmatter, nil
		}
	}
	return "", nil
}

// sameFrontmatter reports whether the main file's metadata stays what the
// remote has. Whether the service reads it again after a file call is not
// known, so any doubt counts as a change.
func (r *run) sameFrontmatter(obs *observation, main manifest.Path, text []byte) (bool, error) {
	e, ok := obs.side.Tree.Lookup(main)
	if !ok {
		return false, nil
	}
	old, ok, err := r.blob(*obs, e.ID)
	if err != nil || !ok {
		return false, err
	}
	was, err1 := assettype.ParseFrontmatter(old)
	is, err2 := assettype.ParseFrontmatter(text)
	if errors.Is(err1, assettype.ErrNoFrontmatter) && errors.Is(err2, assettype.ErrNoFrontmatter) {
		return true, nil
	}
	return err1 == nil && err2 == nil && sameValue(was.Fields, is.Fields), nil
}

// zip makes the complete next version: the observed one with the changes. It
// says why not when a zip cannot stand for it.
func (r *run) zip(ctx context.Context, id string, obs *observation, changes []diff.Change, files map[manifest.Path][]byte) (zipped []byte, why string, err error) {
	if !r.kind.Zip {
		return nil, "assets of type " + r.kind.Name + " take no zip", nil
	}
	if obs.noZip != "" {
		return nil, obs.noZip, nil
	}
	if err := r.carry(ctx, id, obs); err != nil {
		if errors.Is(err, errMoved) {
			return nil, "", errReplan
		}
		if remote.IsKind(err, remote.KindContentSizeExceeded, remote.KindValidation) {
			return nil, "the service does not give the version as a zip", nil
		}
		return nil, "", err
	}
	next, err := diff.Apply(obs.side.Tree, changes)
	if err != nil {
		return nil, "", fmt.Errorf("make the next version: %w", err)
	}
	all := make(map[manifest.Path][]byte, next.Len())
	for e := range next.All() {
		if data, ok := files[e.Path]; ok {
			all[e.Path] = data
			continue
		}
		all[e.Path] = obs.content[e.ID]
	}
	bundle, err := manifest.NewBundle(all)
	if err != nil {
		return nil, "", err
	}
	return r.pack(bundle)
}

// pack zips a bundle within the limits of type and service.
func (r *run) pack(bundle manifest.Bundle) (zipped []byte, why string, err error) {
	if n := bundle.Tree().Len(); r.kind.MaxFiles > 0 && n > r.kind.MaxFiles {
		return nil, fmt.Sprintf("%d files are more than the %d that a zip may hold", n, r.kind.MaxFiles), nil
	}
	if !assettype.ZipFits(r.kind, bundle) {
		return nil, fmt.Sprintf("%s has no complete frontmatter", r.source.mainFile()), nil
	}
	if zipped, err = manifest.ZipBytes(bundle); err != nil {
		return nil, "", fmt.Errorf("make zip: %w", err)
	}
	if err := r.limits.CheckZip(len(zipped)); err != nil {
		return nil, err.Error(), nil
	}
	return zipped, "", nil
}

// fileScript publishes by a call for each file: changed files, new files, the
// main file, then deletions, so that at no time the asset refers to what is
// not there.
func (r *run) fileScript(changes []diff.Change, meta map[string]any, files map[manifest.Path][]byte) script {
	rank := func(c diff.Change) int {
		switch {
		case c.New == nil:
			return 3
		case c.Path == r.source.mainFile():
			return 2
		case c.Old == nil:
			return 1
		}
		return 0
	}
	ordered := slices.Clone(changes)
	slices.SortStableFunc(ordered, func(a, b diff.Change) int { return rank(a) - rank(b) })
	s := script{means: ByFiles}
	if len(meta) > 0 && (!r.kind.SingleFile || len(changes) == 0) {
		s.writes = append(s.writes, write{operation: "UpdateAsset", metadata: meta})
		if len(changes) == 0 {
			s.means = ByMetadata
		}
	}
	for _, c := range ordered {
		w := write{changes: []diff.Change{c}, content: files[c.Path], operation: "UpdateAssetFile"}
		switch {
		case c.New == nil:
			w.operation = "DeleteAssetFile"
		case c.Old == nil, r.kind.SingleFile:
			// UpdateAsset is documented to add the file and to raise the
			// version; CreateAssetFile says neither.
			w.operation = "UpdateAsset"
			if r.kind.SingleFile {
				w.metadata = meta
			}
		}
		s.writes = append(s.writes, w)
	}
	return s
}

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
	if in.Metadata, err = documentJSON(metadata); err != nil {
		return "", sent{}, err
	}
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

func documentJSON(metadata map[string]any) ([]byte, error) {
	doc, err := document(metadata)
	return doc, err
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
