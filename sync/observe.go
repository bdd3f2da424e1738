package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/sync/state"
)

const (
	// readOneByOne is up to how many files are read by GetAssetFile before
	// one GetAssetContent is cheaper.
	readOneByOne = 3

	// racyWindow is how close to its change a reading may be for an equal
	// time stamp to prove nothing, when the service's stamps are whole
	// seconds: git's racy rule, with its two seconds.
	racyWindow = 2 * time.Second

	// observeTries is how often an observation starts again because the
	// version changed while it was read.
	observeTries = 3
)

// mostNames bounds the names of the files of one version together, in bytes. A
// skill has 100 files with at most 512 bytes each; what is told apart of names
// takes some fifty times their size.
const mostNames = 4 << 20

// observation is one look at the remote, pinned to a version.
type observation struct {
	version   int32
	updatedAt time.Time
	metadata  map[string]any
	side      diff.Side
	listing   map[string]stamp // by path as listed, also such that no Path can hold
	seen      map[manifest.Path]state.Seen
	content   map[manifest.ID][]byte // bytes read in this run
	fresh     map[manifest.Path]bool // paths whose bytes were read in this run

	// whole is set when every byte of this very version was read by one
	// GetAssetContent in this run: only then may a zip carry its files.
	whole bool
	// unread is set when nothing but a listing of assets was read: nothing may be
	// written on the strength of it. The record stands for the listing then.
	unread   bool
	recorded state.ByPath[state.Seen]
	// noZip says why a zip could not stand for this version, "" when it can.
	noZip string
}

// stamp is what a listing says of a file.
type stamp struct {
	version   int32
	updatedAt time.Time
	metadata  bool // it has metadata of its own
}

func (s stamp) equal(t stamp) bool {
	return s.version == t.version && s.updatedAt.Equal(t.updatedAt)
}

// errMoved is an observation that met a version while it changed.
var errMoved = errors.New("the version changed while it was read")

// observe reads the newest version. What an earlier reading saw stands where
// the listing is the same; all else is read.
func (r *run) observe(ctx context.Context, id string) (observation, error) {
	return r.observeAhead(ctx, id, ahead{})
}

// observeAhead is observe for who knows what it is likely to need.
func (r *run) observeAhead(ctx context.Context, id string, want ahead) (observation, error) {
	if r.Together == nil {
		want = ahead{asset: want.asset}
	}
	var err error
	for range observeTries {
		var asset *remote.Asset
		var got readings
		if asset, got, err = r.readNewest(ctx, id, want); err != nil {
			return observation{}, err
		}
		want.asset, want.version, want.beside = nil, 0, nil // they were read, or it was not so
		if asset.AssetType != nil && *asset.AssetType != r.kind.Name {
			return observation{}, usage("correct type: or asset: in assetsync.yaml", "target %s: asset %s is of type %s, not %s", r.Target.Name, id, *asset.AssetType, r.kind.Name)
		}
		var obs observation
		if obs, err = r.look(ctx, id, asset, r.knownAsset.Seen, want, got); !errors.Is(err, errMoved) {
			return obs, err
		}
	}
	return observation{}, &Error{
		Kind: KindUnavailable, Err: err,
		Message: fmt.Sprintf("read asset %s: %v, %d times", id, err, observeTries),
		Hint:    "somebody is changing it; repeat the command later",
	}
}

func (r *run) getAsset(ctx context.Context, id string, version *int32) (*remote.Asset, error) {
	out, err := r.Client.GetAsset(ctx, &remote.GetAssetInput{AgentSpaceId: &r.Space.AgentSpace, AssetId: &id, AssetVersion: version})
	if err != nil {
		return nil, fmt.Errorf("read asset %s: %w", id, err)
	}
	return out.Asset, nil
}

// look reads the version of asset, apart from what was read of it already. Of what
// is wanted only the content counts.
func (r *run) look(ctx context.Context, id string, asset *remote.Asset, seen state.ByPath[state.Seen], want ahead, got readings) (observation, error) {
	obs := observation{
		version: *asset.Version,
		seen:    map[manifest.Path]state.Seen{},
		content: map[manifest.ID][]byte{},
		fresh:   map[manifest.Path]bool{},
	}
	if asset.UpdatedAt != nil {
		obs.updatedAt = *asset.UpdatedAt
	}
	var err error
	if obs.metadata, err = asset.Metadata.Map(); err != nil {
		return obs, fmt.Errorf("read metadata of asset %s version %d: %w", id, obs.version, err)
	}
	if got.version != obs.version || got.listing == nil {
		if got, err = r.readAhead(ctx, id, obs.version, want); err != nil {
			return obs, err
		}
	}
	if obs.listing, err = got.listing.value, got.listing.err; err != nil {
		return obs, err
	}
	held := obs.sort(remote.Edition20260617(), r.knownAsset.Base)
	var entries []manifest.Entry
	var missing []manifest.Path
	for _, p := range held {
		if s, ok := seen.Lookup(p); ok && trusted(s, obs.listing[string(p)]) && !got.has(p) {
			obs.seen[p] = s
			entries = append(entries, *s.Entry)
		} else {
			missing = append(missing, p)
		}
	}
	read, err := r.read(ctx, id, &obs, got, held, missing)
	if err != nil {
		return obs, err
	}
	if obs.whole {
		entries = nil
	}
	if obs.side.Tree, err = manifest.NewTree(append(entries, read...)...); err != nil {
		return obs, fmt.Errorf("read asset %s version %d: %w", id, obs.version, err)
	}
	return obs, nil
}

// list reads the listing of one version, all pages.
func (r *run) list(ctx context.Context, id string, version int32) (map[string]stamp, error) {
	files, names := map[string]stamp{}, 0
	pages := remote.NewListAssetFilesPaginator(r.Client, &remote.ListAssetFilesInput{
		AgentSpaceId: &r.Space.AgentSpace, AssetId: &id, AssetVersion: &version,
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list files of asset %s version %d: %w", id, version, err)
		}
		for _, f := range page.Items {
			if names += len(*f.Path); names > mostNames {
				return nil, &Error{
					Kind:    KindFailed,
					Message: fmt.Sprintf("list files of asset %s version %d: the names of its files are larger than %d bytes", id, version, mostNames),
					Hint:    "no asset of ours is like that: check endpoint and proxies, and look at the asset in the web app",
				}
			}
			s := stamp{metadata: hasMembers(f.Metadata)}
			if f.Version != nil {
				s.version = *f.Version
			}
			if f.UpdatedAt != nil {
				s.updatedAt = *f.UpdatedAt
			}
			files[*f.Path] = s
		}
	}
	return files, nil
}

func hasMembers(d remote.Document) bool {
	members, err := d.Map()
	return err != nil || len(members) > 0
}

// sort parts the listing into paths that a tree can hold, which it returns
// in order, and those that it cannot, which become unknown: no change is
// made to them, and no zip can carry them. Of names that exclude each other
// those that are in the base stay: they are held here.
func (o *observation) sort(limits remote.Limits, base state.ByPath[state.Pair]) []manifest.Path {
	bad := map[manifest.Path]string{}
	var held []manifest.Path
	for _, name := range slices.Sorted(maps.Keys(o.listing)) {
		p, err := manifest.ParsePath(name)
		if err == nil {
			err = limits.CheckPath(name)
		}
		if err != nil {
			bad[manifest.Path(name)] = "has a name that cannot be handled: " + shortened(err.Error())
			continue
		}
		for dir := range p.Dirs {
			if _, ok := o.listing[string(dir)]; ok {
				if _, here := base.Lookup(dir); !here {
					bad[dir] = "is both a file and a directory on the remote"
				}
				bad[p] = fmt.Sprintf("lies below %s, which is a file on the remote", dir)
			}
		}
		if o.listing[name].metadata {
			o.forbidZip(fmt.Sprintf("%s has metadata of its own, which a zip may drop", p))
		}
		held = append(held, p)
	}
	for p, group := range belowTwins(held) {
		if _, here := base.Lookup(p); !here {
			bad[p] = fmt.Sprintf("differs from another name only by case: %s", some(group))
		}
	}
	for _, p := range slices.Sorted(maps.Keys(bad)) {
		o.side.Unknown = append(o.side.Unknown, manifest.Unknown{Path: p, Reason: bad[p]})
		o.forbidZip(shownName(p) + " " + bad[p])
	}
	return slices.DeleteFunc(held, func(p manifest.Path) bool { return bad[p] != "" })
}

// belowTwins returns, of paths, those that are twins or lie below one, with the
// group of the innermost. A hostile listing has as many groups as paths.
func belowTwins(paths []manifest.Path) map[manifest.Path][]manifest.Path {
	twins := map[manifest.Path][]manifest.Path{}
	for _, group := range manifest.Twins(slices.Values(paths)) {
		for _, p := range group {
			twins[p] = group
		}
	}
	below := map[manifest.Path][]manifest.Path{}
	if len(twins) == 0 {
		return below
	}
	for _, p := range paths {
		if group, ok := twins[p]; ok {
			below[p] = group
			continue
		}
		for dir := range p.Dirs {
			if group, ok := twins[dir]; ok {
				below[p] = group
			}
		}
	}
	return below
}

// forbidZip keeps the first reason why a zip cannot stand for the version.
func (o *observation) forbidZip(why string) {
	if o.noZip == "" {
		o.noZip = why
	}
}

// trusted reports whether an equal listing proves that the content is still
// the one that was seen.
func trusted(s state.Seen, now stamp) bool {
	if !now.equal(stamp{version: s.Version, updatedAt: s.UpdatedAt}) {
		return false
	}
	wholeSeconds := s.UpdatedAt.Nanosecond() == 0
	return !wholeSeconds || s.ReadAt.Sub(s.UpdatedAt).Abs() > racyWindow
}

// read fetches the content of missing paths, and of all when one call for
// all is cheaper, or was made already.
func (r *run) read(ctx context.Context, id string, obs *observation, got readings, held, missing []manifest.Path) ([]manifest.Entry, error) {
	if (len(missing) > readOneByOne || got.content != nil) && len(held) == len(obs.listing) {
		bundle, err := r.readWhole(ctx, id, obs, got)
		if err == nil {
			// What was read stands above what the listing made believe.
			return obs.take(bundle.Files(), held, r.Now()), nil
		}
		// Too large for one zip: file by file.
		if !remote.IsKind(err, remote.KindContentSizeExceeded, remote.KindValidation) {
			return nil, err
		}
	}
	files, err := r.readFiles(ctx, id, obs.version, got, missing)
	if err != nil {
		return nil, err
	}
	return obs.take(files, missing, r.Now()), nil
}

// take puts content into the observation and returns the entries of paths.
func (o *observation) take(files map[manifest.Path][]byte, paths []manifest.Path, now time.Time) []manifest.Entry {
	entries := make([]manifest.Entry, 0, len(paths))
	for _, p := range paths {
		e := manifest.Entry{Path: p, ID: manifest.BlobID(files[p]), Size: int64(len(files[p]))}
		s := o.listing[string(p)]
		o.seen[p] = state.Seen{Entry: &e, Stamp: &state.Stamp{Version: s.version, UpdatedAt: s.updatedAt, ReadAt: now.UTC()}}
		o.content[e.ID] = files[p]
		o.fresh[p] = true
		entries = append(entries, e)
	}
	return entries
}

// readWhole reads the observed version by one GetAssetContent and checks that
// it holds just the files of the listing.
func (r *run) readWhole(ctx context.Context, id string, obs *observation, got readings) (manifest.Bundle, error) {
	if got.content == nil {
		bundle, err := r.getContent(ctx, id, obs.version)
		got.content = &answer[manifest.Bundle]{bundle, err}
	}
	bundle, err := got.content.value, got.content.err
	if err != nil {
		return manifest.Bundle{}, err
	}
	if bundle.Tree().Len() != len(obs.listing) {
		return manifest.Bundle{}, errMoved
	}
	for e := range bundle.Tree().All() {
		if _, ok := obs.listing[string(e.Path)]; !ok {
			return manifest.Bundle{}, errMoved
		}
		data, _ := bundle.Blob(e.ID)
		obs.content[e.ID] = data
		obs.fresh[e.Path] = true
	}
	obs.whole = true
	return bundle, nil
}

// getContent reads all files of a version.
func (r *run) getContent(ctx context.Context, id string, version int32) (manifest.Bundle, error) {
	out, err := r.Client.GetAssetContent(ctx, &remote.GetAssetContentInput{
		AgentSpaceId: &r.Space.AgentSpace, AssetId: &id, AssetVersion: &version,
	})
	if err != nil {
		return manifest.Bundle{}, fmt.Errorf("read content of asset %s version %d: %w", id, version, err)
	}
	if *out.Version != version {
		return manifest.Bundle{}, fmt.Errorf("read content of asset %s version %d: the answer holds version %d", id, version, *out.Version)
	}
	bundle, err := manifest.ReadZip(out.Content.ZipFile, manifest.ZipLimits{})
	if err != nil {
		return manifest.Bundle{}, &Error{
			Kind: KindFailed, Err: err,
			Message: fmt.Sprintf("read content of asset %s version %d: %v", id, version, err),
			Hint:    "nothing of it was used; correct the asset in the web app, or publish another version with the AWS CLI",
		}
	}
	return bundle, nil
}

func (r *run) readFile(ctx context.Context, id string, version int32, p manifest.Path) ([]byte, error) {
	name := string(p)
	out, err := r.Client.GetAssetFile(ctx, &remote.GetAssetFileInput{
		AgentSpaceId: &r.Space.AgentSpace, AssetId: &id, Path: &name, AssetVersion: &version,
	})
	// A service may say either of a file that is missing. Not wrapped: it is the
	// file that is gone, not the asset or the version.
	if remote.IsKind(err, remote.KindNotFound, remote.KindValidation) {
		return nil, fmt.Errorf("%w: %v", errMoved, err)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s of asset %s version %d: %w", p, id, version, err)
	}
	data, err := remote.ContentOf(out.File.Content)
	if err != nil {
		return nil, fmt.Errorf("read %s of asset %s version %d: %w", p, id, version, err)
	}
	return data, nil
}

// carry makes sure that the bytes of the whole observed version were read in
// this run, because a zip is about to carry them. Equality of listings may
// justify not writing; it never justifies bytes that are written.
func (r *run) carry(ctx context.Context, id string, obs *observation) error {
	if obs.whole {
		return nil
	}
	bundle, err := r.readWhole(ctx, id, obs, readings{})
	if err != nil {
		return err
	}
	if !bundle.Tree().Equal(obs.side.Tree) {
		return errMoved
	}
	return nil
}

// owned returns the values of the keys that the target owns.
func owned(metadata map[string]any, keys map[string]any) map[string]any {
	out := map[string]any{}
	for k := range maps.Keys(keys) {
		if v, ok := metadata[k]; ok {
			out[k] = v
		}
	}
	return out
}
