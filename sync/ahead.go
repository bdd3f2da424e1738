package sync

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/sync/state"
)

// readsAtOnce bounds the reads of one target that are in flight together: each
// answer is held in memory, and all targets share one rate of requests. It is what
// a push of three files, the default of publish.max_file_calls, reads at most:
// the asset, two listings, and the files.
const readsAtOnce = 6

// AtOnce is an [Options.Together] that runs a few reads at the same time.
func AtOnce(reads ...func()) {
	var group errgroup.Group
	group.SetLimit(readsAtOnce)
	for _, read := range reads {
		group.Go(func() error {
			read()
			return nil
		})
	}
	_ = group.Wait() // the functions return no errors
}

// together makes reads of which none needs the answer of another. They have an
// order all the same, which is the one they are made in without
// [Options.Together]: one that fails ends those after it, which would not have
// been made, and none before it; and the first error in that order is returned.
// Each may only change what is its own.
func (r *run) together(ctx context.Context, reads ...func(context.Context) error) error {
	if r.Together == nil || len(reads) == 1 {
		for _, read := range reads {
			if err := read(ctx); err != nil {
				return err
			}
		}
		return nil
	}
	errs, calls := make([]error, len(reads)), make([]func(), len(reads))
	for i, read := range reads {
		own, after := ctx, context.CancelFunc(nil)
		ctx, after = context.WithCancel(own) // of the reads after this one
		defer after()
		calls[i] = func() {
			if errs[i] = read(own); errs[i] != nil {
				after()
			}
		}
	}
	r.Together(calls...)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// isFixed reports whether a version never changes once it is made: every
// operation makes a new one. That is documented of UpdateAsset and
// UpdateAssetFile; of the two others it must have been seen at this endpoint, by
// a probe.
func (r *run) isFixed() bool {
	return r.endpoint.CreateRaisesVersion == state.Yes && r.endpoint.DeleteRaisesVersion == state.Yes
}

// ahead is what a look is likely to need, and reads beside what comes before it,
// where there is [Options.Together]. The zero value: nothing.
//
// What goes out together arrives in any order, so the order must not matter:
//
//   - GetAsset and the listing of the version that is then found to be the newest.
//     Numbers only grow, so it was the newest when the listing was read, too: all
//     is as if GetAsset had come first, apart from the time of its last change.
//   - An older version than one that a write has answered. Nothing names a version
//     to change, so only the newest changes.
//   - The listing of a version and its content, only where versions are fixed.
//     Elsewhere the content is read after the listing: older bytes under a newer
//     stamp would hide a change for good, where newer bytes under an older stamp
//     are only read again.
type ahead struct {
	asset   *remote.Asset         // as it was read just now; nil: it is to be read
	version int32                 // that is likely the newest, whose listing is read; 0: it is not known
	whole   bool                  // all of its files are read
	files   []manifest.Path       // these of its files are read
	beside  func(context.Context) // another read, which tells nothing to the look
}

// needs is what a push is likely to need of the newest version before it writes:
// what it replaces, or carries in a zip. Nothing changed here: nothing.
func (r *run) needs(snap manifest.Snapshot, atomic bool) (want ahead) {
	changed := 0
	for p, pair := range r.knownAsset.Base.All() {
		if snap.Unknown.Has(p) || sameEntry(pair.Local, snap.Tree.Get(p)) {
			continue
		}
		changed++
		if pair.Remote != nil {
			want.files = append(want.files, p)
		}
	}
	for e := range snap.Tree.All() {
		if _, known := r.knownAsset.Base.Lookup(e.Path); !known {
			changed++
		}
	}
	slices.Sort(want.files)
	want.whole = !r.kind.SingleFile && (changed > r.fileCalls || changed > 1 && atomic)
	return want
}

// expected is what a look after the writes of a deed is likely to need, where
// nobody else has written.
func (r *run) expected(id string, d *deed) (want ahead) {
	answered := int32(0)
	if len(d.answered) > 0 {
		answered = slices.Max(d.answered)
	}
	if d.silent == d.deletes && (d.deletes == 0 || r.endpoint.DeleteRaisesVersion == state.Yes) {
		want.version = r.lastMade(*d)
	}
	for p, sent := range d.changes {
		if sent != nil {
			want.files = append(want.files, p)
		}
	}
	slices.Sort(want.files)
	want.whole = len(want.files) > readOneByOne
	if answered > d.observed.version {
		want.beside = func(ctx context.Context) {
			listing, err := r.list(ctx, id, d.observed.version)
			if !isPassing(err) { // else it is asked again, once the asset could be read
				d.since = &answer[map[string]stamp]{listing, err}
			}
		}
	}
	return want
}

// answer is what a read came to, for who needs it later.
type answer[T any] struct {
	value T
	err   error
}

// readings are answers about one version that came before they were needed. Nil:
// it was not read.
type readings struct {
	version int32
	listing *answer[map[string]stamp]
	content *answer[manifest.Bundle]
	files   map[manifest.Path]*answer[[]byte]
}

// has reports whether a file was read by itself.
func (g readings) has(p manifest.Path) bool { return g.files[p] != nil }

// readAhead reads the listing of a version and what else is wanted of it, after what
// comes before that in order. An error of its own is an answer; the one that it
// returns is of before.
func (r *run) readAhead(ctx context.Context, id string, version int32, want ahead, before ...func(context.Context) error) (readings, error) {
	got := readings{version: version, files: map[manifest.Path]*answer[[]byte]{}}
	reads := slices.Clone(before)
	if version > 0 {
		reads = append(reads, func(ctx context.Context) error {
			files, err := r.list(ctx, id, version)
			got.listing = &answer[map[string]stamp]{files, err}
			return err
		})
		if r.isFixed() {
			reads = append(reads, r.readsOf(id, &got, want)...)
		}
	}
	if want.beside != nil {
		reads = append(reads, func(context.Context) error {
			want.beside(ctx) // whatever becomes of the others
			return nil
		})
	}
	err := r.together(ctx, reads...)
	if len(before) == 0 {
		err = nil
	}
	return got, err
}

// readsOf are the reads of the content that is wanted of a version.
func (r *run) readsOf(id string, got *readings, want ahead) (reads []func(context.Context) error) {
	if want.whole {
		return append(reads, func(ctx context.Context) error {
			bundle, err := r.getContent(ctx, id, got.version)
			got.content = &answer[manifest.Bundle]{bundle, err}
			return nil
		})
	}
	for _, p := range want.files {
		one := &answer[[]byte]{}
		got.files[p] = one
		reads = append(reads, func(ctx context.Context) error {
			one.value, one.err = r.readFile(ctx, id, got.version, p)
			return nil // it may not be needed
		})
	}
	return reads
}

// errOther is an asset that is not at the version that was expected.
var errOther = errors.New("the asset is at another version")

// readNewest reads the asset, and beside it what is wanted of the version that it
// is expected to be at.
func (r *run) readNewest(ctx context.Context, id string, want ahead) (asset *remote.Asset, got readings, err error) {
	if want.asset != nil {
		return want.asset, got, nil
	}
	got, err = r.readAhead(ctx, id, want.version, want, func(ctx context.Context) (err error) {
		asset, err = r.getAsset(ctx, id, nil)
		if err == nil && want.version > 0 && *asset.Version != want.version {
			err = errOther // so what is read of the other one is not needed
		}
		return err
	})
	if asset != nil {
		err = nil // what else there is, is the look's
	}
	return asset, got, err
}

// readFiles reads files of a version one by one. They are of one listing, which
// came before, so it does not matter which comes first.
func (r *run) readFiles(ctx context.Context, id string, version int32, got readings, paths []manifest.Path) (map[manifest.Path][]byte, error) {
	contents := make([][]byte, len(paths))
	reads := make([]func(context.Context) error, len(paths))
	for i, p := range paths {
		reads[i] = func(ctx context.Context) (err error) {
			if one := got.files[p]; one != nil {
				contents[i], err = one.value, one.err
			} else {
				contents[i], err = r.readFile(ctx, id, version, p)
			}
			return err
		}
	}
	if err := r.together(ctx, reads...); err != nil {
		return nil, err
	}
	files := make(map[manifest.Path][]byte, len(paths))
	for i, p := range paths {
		files[p] = contents[i]
	}
	return files, nil
}
