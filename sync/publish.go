package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
)

// contentOf gives the bytes of an entry that is about to be sent.
type contentOf func(context.Context, manifest.Entry) ([]byte, error)

// job is what one round has to publish.
type job struct {
	changes  []diff.Change
	metadata map[string]any
	atomic   bool
	repair   bool   // what is sent is not the local side's, as when it puts back what was overwritten of somebody else's
	verb     string // see [state.Intent]
	content  contentOf
}

// publish makes the changes on the remote, proves them and records them. What
// it overwrote of somebody else's is put back. Until then its intent stays on
// record, so that a run that dies in between leaves the next one to it. It
// returns the newest version.
func (r *run) publish(ctx context.Context, id string, obs observation, p proposal, atomic bool) (observation, error) {
	r.meanwhile = map[manifest.Path]struct{}{}
	d, after, err := r.publishOnce(ctx, id, &obs, job{changes: p.changes, metadata: p.meta.publish, atomic: atomic, content: r.content})
	if err != nil {
		return obs, err
	}
	r.res.Outcome = Published
	r.res.Conflicts = append(r.res.Conflicts, after.strange...)
	newest, err := r.repair(ctx, id, after.observation, after.lost)
	if err != nil {
		return newest, err
	}
	total, err := r.achieved(ctx, p.changes, d, after)
	if err != nil {
		return newest, err
	}
	r.end(d.nonce)
	r.res.Version = newest.version
	r.noteMerged(d, total.bases)
	r.noteDown(obs, d, after, d.standing(after), "")
	return newest, r.record(ctx, newest, p, &total)
}

// keepTheirs makes copies of what was overwritten by a change of ours, as it was
// then: what is live in its place may have changed again by the end of the run.
func (r *run) keepTheirs(ctx context.Context, lost lostUpdates) error {
	for i := range lost.conflicts {
		c := &lost.conflicts[i]
		for _, back := range lost.repairs {
			if back.Path != c.Path || back.New == nil || c.Copy != "" {
				continue
			}
			data, err := r.theirContent(lost)(ctx, *back.New)
			if err == nil {
				c.Copy, err = r.conflictCopy(*back.New, data)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// keepRepairs keeps what was put back for somebody and is not live all the same:
// it had overwritten somebody else, who is put back now, or somebody has changed
// it since, perhaps without having seen it. It is in no directory of this machine.
func (r *run) keepRepairs(d deed, after *proof) (err error) {
	told := map[manifest.Path]bool{}
	for _, c := range after.lost.conflicts {
		told[c.Path] = true
	}
	for _, p := range slices.Sorted(maps.Keys(d.changes)) {
		back, live := d.changes[p], after.side.Tree.Get(p)
		if back != nil && !told[p] && !after.lost.overwrote(p) && !sameEntry(back, live) && !r.isRewritten(d, p, back, live, after.observation) {
			after.lost.conflicts = append(after.lost.conflicts, ConflictReport{Path: p})
		}
	}
	for i := range after.lost.conflicts {
		c := &after.lost.conflicts[i]
		back := d.changes[c.Path]
		data, ok := d.bytes(*back)
		if !ok {
			return fmt.Errorf("keep %s as it was put back: its bytes were not read", c.Path)
		}
		c.Why = whyTwoOthers
		if c.Copy, err = r.conflictCopy(*back, data); err != nil {
			return err
		}
	}
	others, err := r.keepOthers(d, after.again, after.observation, after.lost)
	after.lost.conflicts = append(after.lost.conflicts, others...)
	return err
}

const whyTwoOthers = "changed by two others at the same time; the later one is live, the earlier one is in the copy"

// keepOthers keeps what somebody else had put back just before a repair replaced
// it: see [account].
func (r *run) keepOthers(d deed, again map[manifest.Path]*manifest.Entry, obs observation, lost lostUpdates) (reports []ConflictReport, err error) {
	for _, p := range slices.Sorted(maps.Keys(again)) {
		if sameEntry(again[p], d.changes[p]) {
			continue
		}
		data, ok, err := r.blob(obs, again[p].ID)
		if err == nil && !ok {
			data, ok = lost.theirs[again[p].ID]
		}
		if err != nil || !ok {
			return reports, errors.Join(err, fmt.Errorf("keep %s as somebody put it back: its bytes were not read", p))
		}
		c := ConflictReport{Path: p, Why: whyTwoOthers}
		if c.Copy, err = r.conflictCopy(*again[p], data); err != nil {
			return reports, err
		}
		reports = append(reports, c)
	}
	return reports, nil
}

// achieved is what a publishing has changed for good. A key on which somebody
// else's change won keeps its base, so that the next plan sees both.
func (r *run) achieved(ctx context.Context, changes []diff.Change, d deed, after proof) (done, error) {
	bases, err := r.bases(ctx, d, after)
	if err != nil {
		return done{}, err
	}
	changes = slices.DeleteFunc(slices.Clone(changes), func(c diff.Change) bool { return after.lost.overwrote(c.Path) })
	total := done{bases: bases, deleted: len(losses(changes)), metadata: map[string]any{}}
	for key, value := range d.metadata {
		if _, theirs := after.lost.metadata[key]; !theirs {
			total.metadata[key] = value
		}
	}
	return total, nil
}

// publishOnce is one round: it sends and proves. The caller ends the intent.
func (r *run) publishOnce(ctx context.Context, id string, obs *observation, j job) (deed, proof, error) {
	s, err := r.script(ctx, id, obs, j)
	if err != nil {
		return deed{}, proof{}, err
	}
	d, err := r.execute(ctx, id, *obs, s, j)
	if err != nil {
		return deed{}, proof{}, err
	}
	after, err := r.prove(ctx, id, d)
	if err != nil {
		return deed{}, proof{}, err
	}
	r.made = append(r.made, after.own...)
	for _, v := range after.own {
		if !slices.Contains(r.res.Versions, v) {
			r.res.Versions = append(r.res.Versions, v)
		}
	}
	return d, after, nil
}

// repair puts back what was overwritten, from the bytes that were read of it,
// and returns the newest version.
func (r *run) repair(ctx context.Context, id string, obs observation, lost lostUpdates) (observation, error) {
	for round := 1; lost.any(); round++ {
		if err := r.keepTheirs(ctx, lost); err != nil {
			return obs, lost.unrepaired(err)
		}
		r.res.Conflicts = append(r.res.Conflicts, lost.conflicts...)
		r.res.MetadataChanges = append(r.res.MetadataChanges, lost.keys...)
		if round > maxRounds {
			return obs, lost.unrepaired(fmt.Errorf("others kept writing for %d rounds", maxRounds))
		}
		if err := r.jitter(ctx); err != nil {
			return obs, lost.unrepaired(err)
		}
		d, after, err := r.publishOnce(ctx, id, &obs, job{changes: lost.repairs, metadata: lost.metadata, repair: true, content: r.theirContent(lost)})
		if err != nil {
			return obs, lost.unrepaired(err)
		}
		r.end(d.nonce)
		if r.res.Outcome == Unchanged {
			r.res.Outcome = Published
		}
		r.reportRepairs(lost.repairs)
		if err := r.keepRepairs(d, &after); err != nil {
			return obs, after.lost.unrepaired(err)
		}
		r.res.Conflicts = append(r.res.Conflicts, after.strange...)
		lost, obs = after.lost, after.observation
	}
	r.res.Conflicts = append(r.res.Conflicts, lost.conflicts...)
	return obs, nil
}

// standing are the changes that were published and not overwritten.
func (d deed) standing(after proof) []diff.Change {
	var changes []diff.Change
	for _, p := range slices.Sorted(maps.Keys(d.changes)) {
		if !after.lost.overwrote(p) {
			changes = append(changes, diff.Change{Path: p, New: d.changes[p]})
		}
	}
	return changes
}
