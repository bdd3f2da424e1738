package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/sync/state"
)

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
		r.res.Conflicts = append(r.res.Conflicts, others...)
		r.noteCopies(others) // a plan that follows reports its own conflicts alone
		if err != nil {
			return lost, nil, err
		}
	}
	return lost, a.own, r.settleMerged(ctx, in, d, lost)
}

// noteCopies tells of what an earlier run overwrote and the copies of it.
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

// withoutBack leaves out what an intent is known to have overwritten no longer: a later
// version of ours has put it back, and others may have replaced it with that in view.
// Where both are left out of a walk, what they changed together does not tell that.
func (a *account) withoutBack(in state.Intent) {
	isBack := func(p manifest.Path, theirs *manifest.Entry) bool {
		back, ok := in.Back[p]
		return ok && a.by[p] <= back.Version && idOf(theirs) == back.ID
	}
	maps.DeleteFunc(a.overwritten, isBack)
	maps.DeleteFunc(a.superseded, isBack)
	maps.DeleteFunc(a.overwrittenKeys, func(key string, _ any) bool { return a.keysBy[key] <= in.KeysBack[key] })
}

// noteBack adds what was found to be back to an intent.
func (a *account) noteBack(in *state.Intent) {
	if len(a.back)+len(a.keysBack) == 0 {
		return
	}
	paths, keys := map[manifest.Path]state.PutBack{}, map[string]int32{}
	maps.Copy(paths, in.Back)
	maps.Copy(keys, in.KeysBack)
	for p, back := range a.back {
		if back.version > paths[p].Version {
			paths[p] = state.PutBack{ID: idOf(back.entry), Version: back.version}
		}
	}
	for key, version := range a.keysBack {
		keys[key] = max(keys[key], version)
	}
	in.Back, in.KeysBack = paths, keys
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
