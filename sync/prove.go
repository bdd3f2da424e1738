package sync

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
)

// proof is the remote as it was read back after a publishing, and what that
// shows.
type proof struct {
	observation
	own  []int32                           // the versions that the publishing made
	read map[manifest.Path]*manifest.Entry // what the remote holds of what was sent
	lost lostUpdates

	again map[manifest.Path]*manifest.Entry // see [account]

	// strange are paths that are not as they were sent, without a version
	// that says who changed them.
	strange []ConflictReport
}

// lostUpdates is what a publishing overwrote of somebody else's.
type lostUpdates struct {
	repairs   []diff.Change // to publish, so that their bytes are back
	metadata  map[string]any
	conflicts []ConflictReport
	keys      []MetadataChange // of metadata, in conflict
	theirs    map[manifest.ID][]byte
	merged    map[manifest.Path]bool // both are in what is put back

	// past is set for what an earlier run overwrote: that is on record, so another
	// round accounts for it again.
	past bool
}

// whyAtOnce is why a path of a push is in conflict with a write beside it.
const whyAtOnce = "changed on both sides at the same time; theirs is live again, yours is in your directory"

func (l lostUpdates) any() bool { return len(l.repairs) > 0 || len(l.metadata) > 0 }

// what names what was overwritten.
func (l lostUpdates) what() string {
	var names []string
	for _, c := range l.repairs {
		names = append(names, string(c.Path))
	}
	for _, k := range slices.Sorted(maps.Keys(l.metadata)) {
		names = append(names, "metadata "+k)
	}
	return some(names)
}

// overwrote reports whether somebody else's change of a path was overwritten.
func (l lostUpdates) overwrote(p manifest.Path) bool {
	return slices.ContainsFunc(l.repairs, func(c diff.Change) bool { return c.Path == p })
}

// theirContent returns the bytes that others wrote: as read for the account,
// or by an earlier run.
func (r *run) theirContent(l lostUpdates) contentOf {
	return func(_ context.Context, e manifest.Entry) ([]byte, error) {
		if data, ok := l.theirs[e.ID]; ok {
			return data, nil
		}
		data, ok, err := r.History.Blob(e.ID)
		if err == nil && !ok {
			err = fmt.Errorf("put %s back: its bytes were not read", e.Path)
		}
		return data, err
	}
}

// unrepaired tells of overwritten changes that are not back yet, when there
// are any; else it returns cause. The intent stays on record, so the next run
// tries again.
func (l lostUpdates) unrepaired(cause error) error {
	if !l.any() {
		return cause
	}
	told := &Error{
		Kind:    KindConflict,
		Message: fmt.Sprintf("lost update on %s: somebody else's change was overwritten and is not back yet: %v", l.what(), cause),
		Hint:    "push again, which puts it back; assetsync log shows the versions, pull --version N --to DIR brings one back",
	}
	if l.past {
		told.Err = cause // which may ask for another round
	}
	return told
}

// prove reads the asset back after a publishing and accounts for every
// version since the observed one.
func (r *run) prove(ctx context.Context, id string, d deed) (proof, error) {
	after, err := r.readBack(ctx, id, &d)
	if err != nil {
		return proof{}, fmt.Errorf("read back what was published: %w", err)
	}
	a, err := r.account(ctx, id, d, after)
	if err != nil {
		return proof{}, err
	}
	r.learnRefusals(d, a)
	if len(a.foreign) > 0 {
		r.note("made by somebody else meanwhile: %s", versionList(a.foreign))
		r.met = append(r.met, a.foreign...)
	}
	p := proof{
		observation: after, lost: r.lost(a, d, after), again: a.again, read: map[manifest.Path]*manifest.Entry{},
		own: slices.Compact(slices.Sorted(slices.Values(append(a.own, d.answered...)))),
	}
	r.slipped = r.slipped || p.lost.any()
	if p.strange, err = r.superseded(a, after); err != nil {
		return proof{}, err
	}
	for path, sent := range d.changes {
		read := after.side.Tree.Get(path)
		_, theirs := a.theirs[path]
		switch {
		case sameEntry(read, sent):
			p.read[path] = sent
		case theirs:
			p.read[path] = cmp.Or(a.ours[path], sent) // they may put that back
		case r.isRewritten(d, path, sent, read, after):
			p.read[path] = read
		default:
			p.read[path] = sent
			p.strange = append(p.strange, ConflictReport{Path: path, Why: "is not as it was sent, though no version says who changed it"})
		}
	}
	return p, nil
}

// readBack observes the asset after a write. It is patient, for the time of one
// request: without it nobody knows whether a change of somebody else's was
// overwritten, and a run without state leaves nothing to find out later. What else
// the account of the deed needs is read beside it.
func (r *run) readBack(ctx context.Context, id string, d *deed) (obs observation, err error) {
	const looks = 4
	want := r.expected(id, d)
	for i := range looks {
		if i > 0 {
			if err := r.Sleep(ctx, r.DoubtWait/(looks-1)); err != nil {
				return obs, err
			}
		}
		obs, err = r.observeAhead(ctx, id, want)
		want.beside = nil
		if !isPassing(err) {
			return obs, err
		}
	}
	return obs, err
}

// isPassing reports whether an error may be over within a moment.
func isPassing(err error) bool {
	return remote.IsKind(err, remote.KindThrottling, remote.KindUnavailable, remote.KindInternalServer)
}

// superseded reports changes of others that a version of ours replaced and
// that somebody has changed again since, perhaps without having seen them:
// they are not put back, and a copy is kept.
func (r *run) superseded(a *account, after observation) (reports []ConflictReport, err error) {
	for _, p := range slices.Sorted(maps.Keys(a.superseded)) {
		e, data := a.superseded[p], a.content[a.superseded[p].ID]
		if sameEntry(e, after.side.Tree.Get(p)) || data == nil {
			continue
		}
		c := ConflictReport{Path: p, Why: "was overwritten by this run and changed again since; what was overwritten is in the copy"}
		if c.Copy, err = r.conflictCopy(*e, data); err != nil {
			return nil, err
		}
		reports = append(reports, c)
	}
	return reports, nil
}

// lost turns what was overwritten into changes that put it back, merged with
// ours where that is possible.
func (r *run) lost(a *account, d deed, after observation) lostUpdates {
	l := lostUpdates{theirs: a.content, metadata: a.overwrittenKeys, merged: map[manifest.Path]bool{}}
	for _, p := range slices.Sorted(maps.Keys(a.overwritten)) {
		theirs := a.overwritten[p]
		ours, both := d.changes[p]
		if both && theirs == nil {
			continue // a delete loses to an edit
		}
		if both && ours != nil {
			if merged, ok := r.mergeLost(a, d, p, *ours, *theirs); ok {
				r.meet(p)
				l.merged[p] = true
				if live := after.side.Tree.Get(p); !sameEntry(live, &merged) && !r.cameOf(a.read, &merged, live, after) {
					l.repairs = append(l.repairs, diff.Change{Path: p, Old: live, New: &merged, Why: "changed on both sides at the same time: merged"})
				}
				continue
			}
			delete(r.meanwhile, p)
			l.conflicts = append(l.conflicts, ConflictReport{Path: p, Why: whyAtOnce})
		}
		l.repairs = append(l.repairs, diff.Change{Path: p, Old: after.side.Tree.Get(p), New: theirs, Why: "overwritten; put back"})
	}
	for _, key := range slices.Sorted(maps.Keys(a.overwrittenKeys)) {
		l.keys = append(l.keys, MetadataChange{Key: key, Old: a.overwrittenKeys[key], New: d.metadata[key], Action: "conflict", Why: "changed on both sides at the same time; theirs is live again"})
	}
	return l
}

func versionList(versions []int32) string {
	text := "version"
	if len(versions) > 1 {
		text += "s"
	}
	for i, v := range versions {
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d", v)
	}
	return text
}
