package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
	"assetsync/sync/state"
)

// maxAccounted bounds the versions that are read to find out who made them: one
// every 3 seconds of the quarter hour in which a write can be in doubt. To read one
// takes 3 calls.
const maxAccounted = 300

// deed is a publishing whose effect is accounted for: of this run, or of one
// that was cut short.
type deed struct {
	nonce    string
	observed observation                         // what it was planned on
	changes  map[manifest.Path]*manifest.Entry   // as sent; nil: deleted
	metadata map[string]any                      // as sent
	answered []int32                             // versions that the answers named
	deletes  int                                 // deletions that were answered
	zip      bool                                // sent as the whole next version
	silent   int                                 // writes whose version no answer named: deletions and doubtful ones
	bytes    func(manifest.Entry) ([]byte, bool) // what was sent, where it is still at hand
	created  []manifest.Path                     // made by CreateAssetFile
	over     map[manifest.Path]int32             // the version that a file was sent over
	derived  map[string]any                      // metadata that the service makes of a zip's frontmatter
	since    *answer[map[string]stamp]           // the listing of the observed version, read after the writes; nil: not yet
}

// account is who made the versions since the observed one, and what of
// others a version of ours replaced.
type account struct {
	own, foreign []int32

	ours        map[manifest.Path]*manifest.Entry // as a version of ours held what was sent, before others changed it; nil: deleted
	theirs      map[manifest.Path]*manifest.Entry // as others left it last; nil: deleted
	overwritten map[manifest.Path]*manifest.Entry // of theirs, replaced by us and not back since
	content     map[manifest.ID][]byte            // of theirs

	// superseded is theirs, replaced by us, and changed again by somebody who
	// may have seen only ours.
	superseded map[manifest.Path]*manifest.Entry
	back       map[manifest.Path]putBack // theirs, replaced by us and put back by somebody
	by         map[manifest.Path]int32   // the version that replaced theirs last

	// again are sent paths that others wrote as they were: they may have put back
	// the very thing that we are about to replace.
	again map[manifest.Path]*manifest.Entry

	theirKeys, overwrittenKeys map[string]any // the same for metadata
	keysBack, keysBy           map[string]int32
}

// putBack is what others had at a path, nil for nothing, and the version in which it was
// back.
type putBack struct {
	entry   *manifest.Entry
	version int32
}

func newAccount() *account {
	return &account{
		ours: map[manifest.Path]*manifest.Entry{}, theirs: map[manifest.Path]*manifest.Entry{}, overwritten: map[manifest.Path]*manifest.Entry{},
		superseded: map[manifest.Path]*manifest.Entry{}, back: map[manifest.Path]putBack{}, by: map[manifest.Path]int32{},
		again:     map[manifest.Path]*manifest.Entry{},
		content:   map[manifest.ID][]byte{},
		theirKeys: map[string]any{}, overwrittenKeys: map[string]any{},
		keysBack: map[string]int32{}, keysBy: map[string]int32{},
	}
}

// read returns bytes that others wrote, or that theirs were merged to.
func (a *account) read(e manifest.Entry) ([]byte, bool) {
	data, ok := a.content[e.ID]
	return data, ok
}

// account reads what stands between the observed version and the newest one.
// The service has no compare-and-swap, so this look is what finds a write
// that slipped in between.
func (r *run) account(ctx context.Context, id string, d deed, after observation) (*account, error) {
	a := newAccount()
	start, err := r.grown(ctx, id, d, after)
	if err != nil {
		return nil, err
	}
	a.step(r, d, d.observed, start, false)
	inPlace := len(a.theirs) > 0 || len(a.theirKeys) > 0
	if !inPlace {
		if inPlace, err = r.slippedIn(ctx, id, d); err != nil {
			return nil, err
		}
	}
	gap := d.gap(after.version)
	if !inPlace && (gap == 0 || r.areOurDeletions(d, gap, after)) {
		for v := after.version; gap > 0; gap-- {
			a.own = append(a.own, v)
			v--
		}
		r.learnDeletes(d, after)
		return a, nil
	}
	if err := r.walk(ctx, id, d, start, after, a); err != nil {
		return nil, err
	}
	if len(a.foreign) == 0 {
		r.learnDeletes(d, after)
	}
	return a, nil
}

// gap counts the numbers after the observed version, up to another, that no
// answer named.
func (d deed) gap(up int32) int {
	gap := int(up) - int(d.observed.version)
	for _, v := range d.answered {
		if v > d.observed.version && v <= up {
			gap--
		}
	}
	return gap
}

// grown returns the observed version as it is now: where creating or deleting
// a file raises no version, it can change in place.
func (r *run) grown(ctx context.Context, id string, d deed, after observation) (observation, error) {
	if after.version == d.observed.version {
		return after, nil
	}
	version := d.observed.version
	if d.since == nil {
		listing, err := r.list(ctx, id, version)
		d.since = &answer[map[string]stamp]{listing, err}
	}
	listing, err := d.since.value, d.since.err
	if remote.IsKind(err, remote.KindNotFound, remote.KindValidation) {
		r.note("version %d can no longer be read, so a change that somebody made to it in place could not be seen", version)
		return d.observed, nil
	}
	if err != nil {
		return observation{}, fmt.Errorf("account for version %d: %w", version, err)
	}
	if maps.EqualFunc(listing, d.observed.listing, stamp.equal) {
		return d.observed, nil
	}
	return r.version(ctx, id, version)
}

// slippedIn reports whether a file that a deed sent as one of several may have
// been changed between two of its writes: where creating a file raises no
// version, that is in no version of anybody else's, but in one of ours.
func (r *run) slippedIn(ctx context.Context, id string, d deed) (bool, error) {
	if r.endpoint.CreateRaisesVersion == state.Yes {
		return false, nil
	}
	listings := map[int32]map[string]stamp{}
	for _, p := range slices.Sorted(maps.Keys(d.over)) {
		version := d.over[p]
		if version == d.observed.version {
			continue // see [run.grown]
		}
		listing, ok := listings[version]
		if !ok {
			var err error
			listing, err = r.list(ctx, id, version)
			if remote.IsKind(err, remote.KindNotFound, remote.KindValidation) {
				return true, nil // the account says what that means
			}
			if err != nil {
				return false, fmt.Errorf("account for version %d: %w", version, err)
			}
			listings[version] = listing
		}
		was, before := d.observed.listing[string(p)]
		is, there := listing[string(p)]
		if before != there || !was.equal(is) {
			return true, nil
		}
	}
	return false, nil
}

// areOurDeletions reports whether the versions without a known maker can be
// nothing but our own deletions: their answers name no version, they come
// last, and there is just one for each, on a service that is known to make
// one.
func (r *run) areOurDeletions(d deed, gap int, after observation) bool {
	if d.silent != d.deletes || r.endpoint.DeleteRaisesVersion != state.Yes || gap != d.deletes {
		return false
	}
	last := d.observed.version
	if len(d.answered) > 0 {
		last = slices.Max(d.answered)
	}
	return int(after.version-last) == gap && d.expected().Equal(after.side.Tree)
}

// expected is the tree that the observed version becomes by the deed.
func (d deed) expected() manifest.Tree {
	var entries []manifest.Entry
	for e := range d.observed.side.Tree.All() {
		if _, changed := d.changes[e.Path]; !changed {
			entries = append(entries, e)
		}
	}
	for _, e := range d.changes {
		if e != nil {
			entries = append(entries, *e)
		}
	}
	tree, err := manifest.NewTree(entries...)
	if err != nil {
		return d.observed.side.Tree // no deed makes such a tree, so nothing equals it
	}
	return tree
}

// looksLike reports whether a version without a known maker is one of the
// deed: its zip, or a version that changes nothing but what was sent.
func (r *run) looksLike(d deed, previous, now observation) bool {
	changes := diff.Two(previous.side.Tree, now.side.Tree)
	ours := func(c diff.Change) bool { return r.isOurs(d, c, now) }
	switch {
	case len(changes) == 0:
	case !slices.ContainsFunc(changes, func(c diff.Change) bool { return !ours(c) }):
		return true
	case r.isExpected(d, now, func(diff.Change) bool { return false }):
		return true
	case slices.ContainsFunc(changes, func(c diff.Change) bool { return c.New != nil && ours(c) }):
		// It is ours by what it brought. Where making or deleting a file may
		// raise no version, somebody may have changed it since.
		if d.zip {
			return r.isExpected(d, now, r.mayBeInPlace)
		}
		return !slices.ContainsFunc(changes, func(c diff.Change) bool { return !ours(c) && !r.mayBeInPlace(c) })
	}
	for key, value := range d.metadata {
		if is, ok := now.metadata[key]; len(changes) == 0 && ok && sameValue(is, value) && !sameValue(previous.metadata[key], is) {
			return true
		}
	}
	return false
}

// isExpected reports whether a version is as the deed leaves it, apart from
// what the service rewrites and from what may differ.
func (r *run) isExpected(d deed, now observation, may func(diff.Change) bool) bool {
	return !slices.ContainsFunc(diff.Two(d.expected(), now.side.Tree), func(c diff.Change) bool {
		return !may(c) && !r.isRewritten(d, c.Path, c.Old, c.New, now)
	})
}

// mayBeInPlace reports whether a change may have been made to a version without
// raising one.
func (r *run) mayBeInPlace(c diff.Change) bool {
	if c.New == nil {
		return r.endpoint.DeleteRaisesVersion != state.Yes
	}
	return r.endpoint.CreateRaisesVersion != state.Yes
}

// isReforming reports whether a version changes nothing but the form of what was
// sent: the service has rewritten it, or a write that was late has sent it again.
func (r *run) isReforming(d deed, previous, now observation) bool {
	changes := diff.Two(previous.side.Tree, now.side.Tree)
	return len(changes) > 0 && !slices.ContainsFunc(changes, func(c diff.Change) bool {
		sent, ok := d.changes[c.Path]
		if ok && sameEntry(sent, c.New) {
			return !r.isRewritten(d, c.Path, sent, c.Old, previous)
		}
		return !ok || !r.isRewritten(d, c.Path, sent, c.New, now)
	})
}

// isOurs reports whether a change of the remote is one that was sent, also
// after the service rewrote it.
func (r *run) isOurs(d deed, c diff.Change, now observation) bool {
	sent, ok := d.changes[c.Path]
	return ok && (sameEntry(sent, c.New) || r.isRewritten(d, c.Path, sent, c.New, now))
}

// isRewritten reports whether the service made read of sent.
func (r *run) isRewritten(d deed, p manifest.Path, sent, read *manifest.Entry, now observation) bool {
	if sent == nil || read == nil {
		return false
	}
	was, ok := d.bytes(*sent)
	is, held, err := r.blob(now, read.ID)
	return ok && held && err == nil && assettype.Same(r.kind, p, was, is)
}

// wrote reports whether a change that lies in a version of ours is what that
// version's write did: a zip sets every path, a file call its own. Anything
// else was done to the version in place, by somebody else.
func (r *run) wrote(d deed, c diff.Change, now observation) bool {
	if r.isOurs(d, c, now) {
		return true
	}
	return d.zip && sameEntry(d.expected().Get(c.Path), c.New)
}

// left is what the deed leaves at a path.
func (d deed) left(p manifest.Path) *manifest.Entry {
	if sent, ok := d.changes[p]; ok {
		return sent
	}
	return d.observed.side.Tree.Get(p)
}

// sent reports whether the deed sent a state of a path, in whatever form it is
// by now: it is overwritten by no version of the deed.
func (d deed) sent(p manifest.Path, e *manifest.Entry) bool {
	sent, ok := d.changes[p]
	return ok && sameEntry(sent, e)
}

// drops reports whether a change deletes just what the deed meant to delete. Who
// carried that on, or brought it back, has lost nothing that was not known.
func (d deed) drops(c diff.Change, theirs *manifest.Entry) bool {
	return c.New == nil && sameEntry(theirs, d.observed.side.Tree.Get(c.Path))
}

// sets reports whether a path was replaced by the deed by the time of a version
// of its own.
func (d deed) sets(p manifest.Path, version int32) bool {
	sent, ok := d.over[p]
	return d.zip || ok && version > sent
}

// step takes the change from one version to the next into the account.
func (a *account) step(r *run, d deed, then, now observation, mine bool) {
	for _, c := range diff.Two(then.side.Tree, now.side.Tree) {
		theirs, touched := a.theirs[c.Path]
		if mine && touched && theirs != nil && !r.wrote(d, c, now) && d.sets(c.Path, now.version) {
			// Ours has replaced it before somebody changed our version in place.
			a.superseded[c.Path], a.by[c.Path] = theirs, now.version
		}
		if mine && !touched && r.isOurs(d, c, now) {
			a.ours[c.Path] = c.New
		}
		switch {
		case mine && r.wrote(d, c, now) && touched && !sameEntry(theirs, c.New) && !d.sent(c.Path, theirs) && !d.drops(c, theirs):
			a.overwritten[c.Path], a.by[c.Path] = theirs, now.version
			delete(a.ours, c.Path) // what came first cannot be told
		case mine && r.wrote(d, c, now), then.version == now.version && r.isOurs(d, c, now):
			delete(a.overwritten, c.Path) // what was theirs is back, or never was
		default:
			lost, isLost := a.overwritten[c.Path]
			switch back := a.back[c.Path].entry; {
			case isLost && sameEntry(lost, c.New):
				a.back[c.Path] = putBack{lost, now.version}
			case lost != nil:
				a.superseded[c.Path] = lost
			case back != nil && sameEntry(c.New, d.left(c.Path)) && !r.isAccounted(now.version):
				// Somebody takes our overwriting for a change that was meant, and does
				// it again. A later publishing of ours has seen what is back.
				a.superseded[c.Path], a.by[c.Path] = back, now.version
			}
			a.theirs[c.Path] = c.New
			delete(a.overwritten, c.Path)
			if c.New != nil && now.fresh[c.Path] {
				a.content[c.New.ID] = now.content[c.New.ID]
			}
		}
	}
	for p := range d.changes {
		is := now.side.Tree.Get(p)
		stamped := !then.listing[string(p)].equal(now.listing[string(p)])
		if !mine && is != nil && stamped && then.version != now.version && sameEntry(then.side.Tree.Get(p), is) {
			a.again[p] = is
			if data, ok := now.content[is.ID]; ok {
				a.content[is.ID] = data
			}
		}
	}
	for _, key := range slices.Concat(slices.Collect(maps.Keys(d.metadata)), slices.Collect(maps.Keys(d.derived))) {
		was, is := then.metadata[key], now.metadata[key]
		if is == nil || sameValue(was, is) {
			continue
		}
		theirs, touched := a.theirKeys[key]
		switch {
		case mine && touched && !sameValue(theirs, is):
			a.overwrittenKeys[key], a.keysBy[key] = theirs, now.version
		case mine:
			delete(a.overwrittenKeys, key)
		default:
			if lost, ok := a.overwrittenKeys[key]; ok && sameValue(lost, is) {
				a.keysBack[key] = now.version
			}
			a.theirKeys[key] = is
			delete(a.overwrittenKeys, key)
		}
	}
}
