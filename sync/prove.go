package sync

import (
	"cmp"
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

// audit accounts for the publishings of earlier runs that were cut short
// before their proof, or of which a write is in doubt, puts back what they
// overwrote, or settles them. It reports whether it wrote anything.
//
// Only here an intent ends: when nothing is lost by it, and it is either seen
// as a whole or its time has passed. One in doubt stays until then even when
// its content is seen: that may come from a repetition, with the doubtful
// write still on its way. A late effect is thereby known for our own echo.
func (r *run) audit(ctx context.Context, id string, obs observation) (bool, error) {
	for _, in := range slices.Clone(r.knownTarget.Intents) {
		lost, own, err := r.auditOne(ctx, id, in, obs)
		if err != nil {
			return false, err
		}
		if lost.any() && r.exact {
			return false, lost.unrepaired(errors.New("a plan is carried out as it was approved, or not at all"))
		}
		if lost.any() {
			r.note("the push of %s had overwritten a change of somebody else's: %s", in.Started.Local().Format(time.DateTime), lost.what())
			_, err := r.repair(ctx, id, obs, lost)
			return true, err
		}
		if err := r.settleIntent(ctx, in, obs); err != nil {
			return false, err
		}
		if err := r.noteDownIntent(ctx, in, obs); err != nil {
			return false, err
		}
		landed, err := r.hasLanded(ctx, in, obs)
		if err != nil {
			return false, err
		}
		if over := !r.Now().Before(in.Until); over || landed && !in.Doubt {
			r.end(in.Nonce)
			r.proven = append(r.proven, own...)
		} else {
			r.changeIntent(in.Nonce, func(in *state.Intent) { in.Doubt = true }) // not everything of it is seen
		}
	}
	return false, nil
}

// auditOrReplan is audit for who has to look again after a repair.
func (r *run) auditOrReplan(ctx context.Context, id string, obs observation) error {
	repaired, err := r.audit(ctx, id, obs)
	if err == nil && repaired {
		err = errReplan
	}
	return err
}

// auditOne accounts for an intent of an earlier run. It returns what that
// overwrote, and the versions that are its own.
func (r *run) auditOne(ctx context.Context, id string, in state.Intent, obs observation) (lost lostUpdates, own []int32, err error) {
	if !r.concerns(in, obs) {
		return lost, nil, nil
	}
	d, a, err := r.accountPast(ctx, id, in, obs)
	if isLostTrack(err) {
		return lost, nil, errors.Join(err, r.giveUp(ctx, in, obs))
	}
	if err != nil {
		return lost, nil, err
	}
	a.withoutBack(in)
	r.changeIntent(in.Nonce, a.noteBack)
	r.settlePast(in, a, obs)
	if err := r.rememberPast(ctx, a); err != nil {
		return lost, nil, err
	}
	told, err := r.superseded(a, obs)
	r.noteCopies(told)
	if err != nil {
		return lost, nil, err
	}
	lost = r.lost(a, d, obs)
	lost.past = true
	if in.Repair {
		others, err := r.keepOthers(d, a.again, obs, lost)
		r.noteCopies(others)
		if err != nil {
			return lost, nil, err
		}
	}
	return lost, a.own, r.settleMerged(ctx, in, d, lost)
}

// noteCopies tells of conflicts of an earlier run. What is reported as a conflict is
// what the plan of this run finds.
func (r *run) noteCopies(conflicts []ConflictReport) {
	for _, c := range conflicts {
		r.note("%s %s: %s", c.Path, c.Why, c.Copy)
	}
}

// settleMerged makes what an earlier run sent of files that are merged now the
// base, as [run.bases] does: the rest of the merge is still to be pulled.
func (r *run) settleMerged(ctx context.Context, in state.Intent, d deed, lost lostUpdates) error {
	for _, c := range in.Changes {
		if in.Repair || !lost.merged[c.Path] || r.isNewer(in, c) {
			continue
		}
		local := cmp.Or(c.Local, c.New)
		r.setPair(c.Path, state.Pair{Local: local, Remote: local})
		if data, ok := d.bytes(*local); ok {
			if err := r.keepLocal(ctx, c.Path, data); err != nil {
				return err
			}
		}
	}
	return nil
}

// isNewer reports whether a pull since an intent has made something newer the
// base of a path.
func (r *run) isNewer(in state.Intent, c state.PlannedChange) bool {
	return r.knownAsset.Version > in.Observed && !sameEntry(r.knownAsset.Base.Get(c.Path).Remote, c.Old)
}

// concerns reports whether an intent may have overwritten something of the
// observed asset: it is no creation, and none of another asset.
func (r *run) concerns(in state.Intent, obs observation) bool {
	return in.AssetID == r.res.AssetID && in.Observed <= obs.version
}

// accountPast accounts for the versions since an intent of an earlier run.
func (r *run) accountPast(ctx context.Context, id string, in state.Intent, obs observation) (deed, *account, error) {
	observed, err := r.past(ctx, id, in.Observed)
	if remote.IsKind(err, remote.KindNotFound, remote.KindValidation) {
		err = lostTrack(fmt.Errorf("version %d, on which a run that was cut short had planned, cannot be read", in.Observed))
	}
	if err != nil {
		return deed{}, nil, err
	}
	// As it was observed, not as it may have become in place since.
	then, ok, err := r.History.GetAs(ctx, r.historyKey(), in.AssetID, int(in.Observed), in.Tree)
	if err == nil && !ok { // an earlier program did not note the tree
		then, ok, err = r.History.Get(ctx, r.historyKey(), in.AssetID, int(in.Observed))
	}
	if err := r.tellDamage(err); err != nil {
		return deed{}, nil, err
	}
	if ok && !then.Tree().Equal(observed.side.Tree) {
		observed.side.Tree, observed.listing = then.Tree(), nil
	}
	d := deed{
		observed: observed, changes: map[manifest.Path]*manifest.Entry{}, zip: in.Zip,
		silent: len(in.Changes) + 1, // how many calls came through is not known
		bytes:  r.sentBytes(ctx),
	}
	if d.metadata, err = decodeObject(in.Metadata); err != nil {
		return d, nil, fmt.Errorf("read intent: %w", err)
	}
	for _, c := range in.Changes {
		d.changes[c.Path] = c.New
	}
	a, err := r.account(ctx, id, d, obs)
	return d, a, err
}

// settlePast advances the base by what a version of an earlier run held as it
// was sent: what came later is a change of others. Not so where it is what was
// there before: whose zip carried that had not seen ours.
func (r *run) settlePast(in state.Intent, a *account, obs observation) {
	if in.Repair {
		return
	}
	for _, c := range in.Changes {
		held, ok := a.ours[c.Path]
		if !ok || sameEntry(obs.side.Tree.Get(c.Path), c.Old) || r.isNewer(in, c) {
			continue
		}
		pair := state.Pair{Local: c.New, Remote: held}
		if c.Local != nil {
			pair = state.Pair{Local: c.Local, Remote: c.Local} // see [run.bases]
		}
		r.setPair(c.Path, pair)
	}
}

// rememberPast keeps versions of an earlier run in history: what they held as it
// was sent is what later changes of both sides are merged on.
func (r *run) rememberPast(ctx context.Context, a *account) error {
	for _, v := range a.own {
		if past, ok := r.pastRead[v]; ok {
			if err := r.remember(ctx, past, false); err != nil {
				return err
			}
		}
	}
	return nil
}

func isLostTrack(err error) bool {
	var track *Error
	return errors.As(err, &track) && track.Kind == KindConflict
}

// giveUp ends an intent that cannot be accounted for: that is told once, there is
// nothing more to find out. What is live of it is settled all the same.
func (r *run) giveUp(ctx context.Context, in state.Intent, obs observation) error {
	if err := r.settleIntent(ctx, in, obs); err != nil {
		return err
	}
	if err := r.noteDownIntent(ctx, in, obs); err != nil {
		return err
	}
	r.end(in.Nonce)
	return r.keepIntents()
}

// changeIntent changes an intent, in memory: the next record makes it durable.
func (r *run) changeIntent(nonce string, change func(*state.Intent)) {
	r.knownTarget.Intents = slices.Clone(r.knownTarget.Intents)
	for i := range r.knownTarget.Intents {
		if r.knownTarget.Intents[i].Nonce == nonce {
			change(&r.knownTarget.Intents[i])
		}
	}
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
