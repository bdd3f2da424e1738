package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
	"assetsync/sync/state"
)

// write is one call that changes the remote.
type write struct {
	operation string // "UpdateAsset", "UpdateAssetFile", "CreateAssetFile" or "DeleteAssetFile"
	changes   []diff.Change
	files     map[manifest.Path][]byte // content of each changed file
	content   []byte                   // what is sent: of the file, or the zip; nil for metadata alone and for a deletion
	zip       bool
	metadata  map[string]any
	derived   map[string]any // metadata that the service makes of a zip
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

// script decides by which calls changes are published. It reads what it
// needs for them and sends nothing.
func (r *run) script(ctx context.Context, id string, obs *observation, j job) (script, error) {
	changes, meta, atomic := j.changes, j.metadata, j.atomic
	files := map[manifest.Path][]byte{}
	for _, c := range changes {
		if c.New == nil {
			continue
		}
		data, err := j.content(ctx, *c.New)
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
	whole, why, err := r.zip(ctx, id, obs, changes, files)
	if err != nil {
		return script{}, err
	}
	if why == "" {
		whole.metadata = meta
		return script{ByZip, []write{whole}}, nil
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
	wantClash       = "a file and a directory change places"
)

// metadata is what all writes send.
func (s script) metadata() map[string]any {
	all := map[string]any{}
	for _, w := range s.writes {
		maps.Copy(all, w.metadata)
	}
	return all
}

// derived is the metadata that the service makes of what is sent.
func (s script) derived() map[string]any {
	all := map[string]any{}
	for _, w := range s.writes {
		maps.Copy(all, w.derived)
	}
	return all
}

// bytes returns the content that is sent for an entry.
func (s script) bytes(e manifest.Entry) ([]byte, bool) {
	for _, w := range s.writes {
		if data, ok := w.files[e.Path]; ok {
			return data, true
		}
	}
	return nil, false
}

// wantsZip says why a zip is the better way, "" when file calls are.
func (r *run) wantsZip(obs *observation, changes []diff.Change, meta map[string]any, files map[manifest.Path][]byte, atomic bool) (string, error) {
	switch {
	case r.kind.SingleFile:
		return "", nil // one write in any case, and such types take no zip
	case len(changes) == 0:
		return wantMetadata, nil
	case atomic:
		return wantAtomic, nil
	case len(changes) > r.fileCalls:
		return wantLarge, nil
	case len(meta) > 0:
		return wantMetadata, nil
	case changePlaces(changes):
		return wantClash, nil
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

// changePlaces reports whether a file becomes a directory or the other way
// round, which no order of file calls does without a moment of neither.
func changePlaces(changes []diff.Change) bool {
	gone := deletions(changes)
	names := slices.Clone(gone)
	for _, c := range changes {
		if c.Old == nil {
			names = append(names, c.Path)
		}
	}
	if len(gone) > 0 && len(manifest.Twins(slices.Values(names))) > 0 {
		return true // a name changes its case alone: for a moment there would be twins
	}
	return slices.ContainsFunc(changes, func(c diff.Change) bool {
		return c.New != nil && slices.ContainsFunc(gone, func(p manifest.Path) bool { return p.Under(c.Path) || c.Path.Under(p) })
	})
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

// zip makes the write of the complete next version: the observed one with the
// changes. It says why not when a zip cannot stand for it.
func (r *run) zip(ctx context.Context, id string, obs *observation, changes []diff.Change, files map[manifest.Path][]byte) (w write, why string, err error) {
	if !r.kind.Zip {
		return w, "assets of type " + r.kind.Name + " take no zip", nil
	}
	if obs.noZip != "" {
		return w, obs.noZip, nil
	}
	if err := r.carry(ctx, id, obs); err != nil {
		if errors.Is(err, errMoved) {
			r.knownAsset.Seen = nil // the listing did not tell: look at everything
			return w, "", errReplan
		}
		if remote.IsKind(err, remote.KindContentSizeExceeded, remote.KindValidation) {
			return w, "the service does not give the version as a zip", nil
		}
		return w, "", err
	}
	next, err := diff.Apply(obs.side.Tree, changes)
	if err != nil {
		return w, "", fmt.Errorf("make the next version: %w", err)
	}
	all := make(map[manifest.Path][]byte, next.Len())
	for e := range next.All() {
		if data, ok := files[e.Path]; ok {
			all[e.Path] = data
			continue
		}
		data, ok := obs.content[e.ID]
		if !ok {
			return w, "", fmt.Errorf("make the next version: the bytes of %s were not read", e.Path)
		}
		all[e.Path] = data
	}
	bundle, err := manifest.NewBundle(all)
	if err != nil {
		return w, "", err
	}
	if key := r.setApart(*obs, bundle); key != "" {
		return w, "metadata " + key + " was changed apart from the frontmatter, which a zip would undo", nil
	}
	w = write{operation: "UpdateAsset", changes: changes, files: files, zip: true, derived: assettype.DerivedMetadata(r.kind, bundle)}
	w.content, why, err = r.pack(bundle)
	return w, why, err
}

// setApart names a key that the service derives from the frontmatter of a
// zip, and that somebody has set to something else by itself: a zip with the
// same frontmatter would silently undo that. A frontmatter that changes here
// is meant to be taken over.
func (r *run) setApart(obs observation, next manifest.Bundle) string {
	main := r.source.mainFile()
	e, ok := obs.side.Tree.Lookup(main)
	if !ok {
		return ""
	}
	now, err := manifest.NewBundle(map[manifest.Path][]byte{main: obs.content[e.ID]})
	if err != nil {
		return ""
	}
	was, is := assettype.DerivedMetadata(r.kind, now), assettype.DerivedMetadata(r.kind, next)
	for _, key := range slices.Sorted(maps.Keys(was)) {
		live, ok := obs.metadata[key]
		if ok && sameValue(was[key], is[key]) && !sameText(live, was[key]) {
			return key
		}
	}
	return ""
}

// sameText compares texts apart from white space, in which YAML readers
// differ.
func sameText(a, b any) bool {
	return slices.Equal(strings.Fields(fmt.Sprint(a)), strings.Fields(fmt.Sprint(b)))
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
	first := changePlaces(changes)
	rank := func(c diff.Change) int {
		switch {
		case c.New == nil && first:
			return -1
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
		w := write{changes: []diff.Change{c}, files: map[manifest.Path][]byte{c.Path: files[c.Path]}, content: files[c.Path], operation: "UpdateAssetFile"}
		switch {
		case c.New == nil:
			w.operation = "DeleteAssetFile"
		case c.Old == nil && !r.kind.SingleFile && c.Path != r.source.mainFile() && r.createsFiles():
			w.operation = "CreateAssetFile"
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
