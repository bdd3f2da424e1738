package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/state"
)

// Resolution says which content of a path in conflict counts.
type Resolution string

// The resolutions.
const (
	Ours   Resolution = "ours"   // what is here; the next push publishes it
	Theirs Resolution = "theirs" // what is there; it is checked out
	Merged Resolution = "merged" // what is here, made of both by hand; the next push publishes it
)

// ResolveOptions are the choices of one [Engine.Resolve].
type ResolveOptions struct {
	Take Resolution
	// Paths are files, or directories that hold files, in conflict; none: all
	// that are in conflict.
	Paths   []manifest.Path
	Consent Consent
}

// Resolve settles conflicts of files. It writes nothing to the remote: with
// Ours and Merged the remote content that people were shown is the new base, so
// that a push publishes what is here, and meets a conflict again when somebody
// has changed the file since. A path of which the remote holds something that
// nobody here was shown stays in conflict, and is shown. With Theirs, a path that
// is named, and was settled for what is here before, is in conflict again.
func (e *Engine) Resolve(ctx context.Context, o ResolveOptions) Result {
	return e.do(ctx, "resolve", o.Consent, func(ctx context.Context, r *run) error {
		snap, err := r.scan(ctx)
		if err != nil {
			return err
		}
		id, err := r.mustResolve(ctx, snap)
		if err != nil {
			return err
		}
		if err := r.sweep(ctx, snap); err != nil {
			return err
		}
		obs, err := r.observeLive(ctx, id, ahead{})
		if err != nil {
			return err
		}
		if err := r.settle(ctx, id, obs); err != nil {
			return err
		}
		both := diff.Policy{Direction: diff.Both}
		if err := r.derive(ctx, id, snap, obs, both); err != nil {
			return err
		}
		if err := r.settleCheckOuts(snap, false); err != nil {
			return err
		}
		if o.Take == Theirs {
			r.reopen(o.Paths)
		}
		p, err := r.propose(ctx, snap, obs, both)
		if err != nil {
			return err
		}
		r.res.ObservedVersion, r.res.Version = obs.version, obs.version
		chosen, err := r.chosen(p.files.Conflicts, o.Paths)
		if err != nil {
			return err
		}
		if o.Take == Theirs {
			return r.checkOutTheirs(ctx, id, snap, obs, chosen)
		}
		return r.takeOurs(ctx, id, obs, chosen, o.Take)
	})
}

// chosen returns the conflicts at or below paths; all of them without paths.
func (r *run) chosen(conflicts []diff.Conflict, paths []manifest.Path) (chosen []diff.Conflict, err error) {
	hit := make([]bool, len(paths))
	for _, c := range conflicts {
		named := len(paths) == 0
		for i, p := range paths {
			if c.Path.Under(p) {
				named, hit[i] = true, true
			}
		}
		if !named {
			continue
		}
		if c.Why == diff.WhyClash {
			return nil, usage(hintClash, "%s cannot be settled so: %s", c.Path, c.Why)
		}
		chosen = append(chosen, c)
	}
	for i, p := range paths {
		if !hit[i] {
			return nil, usage("assetsync status lists conflicts", "%s of target %s is not in conflict", p, r.Target.Name)
		}
	}
	if len(chosen) == 0 {
		r.note("nothing is in conflict")
	}
	return chosen, nil
}

// isAmong reports whether a path is one of paths, or below one.
func isAmong(p manifest.Path, paths []manifest.Path) bool {
	return slices.ContainsFunc(paths, p.Under)
}

// takeOurs makes the remote content the base, as if the local one had been
// made from it. Where that is not what was shown, nobody here knows it, and it
// would be overwritten: it is shown instead.
func (r *run) takeOurs(ctx context.Context, id string, obs observation, conflicts []diff.Conflict, take Resolution) error {
	if len(conflicts) == 0 {
		return nil
	}
	for _, c := range conflicts {
		if take != Merged {
			continue
		}
		data, err := r.source.read(ctx, *c.Local)
		if err != nil {
			return err
		}
		if line := markerLine(data); line > 0 {
			return usage("finish the merge in the file, then repeat the command", "%s:%d is a conflict marker", c.Path, line)
		}
	}
	var unseen []diff.Conflict
	for _, c := range conflicts {
		if !r.wasShown(c) {
			unseen = append(unseen, c)
			continue
		}
		there, err := r.localForm(ctx, id, obs, c.Remote)
		if err != nil {
			return err
		}
		r.setPair(c.Path, state.Pair{Local: there, Remote: c.Remote})
		r.setDispute(c.Path, state.Dispute{Settled: (*state.Pair)(&c.Base)})
		r.res.Changes = append(r.res.Changes, ChangeReport{Path: c.Path, Action: string(diff.Update), Why: fmt.Sprintf("what is here counts, over version %d; a push publishes it", obs.version)})
	}
	r.res.Outcome = Planned
	if err := r.record(ctx, obs, proposal{}, nil); err != nil {
		return err
	}
	return r.showUnseen(ctx, id, obs, unseen)
}

// showUnseen makes an error of conflicts of which people were not shown what the
// remote holds by now, and shows it.
func (r *run) showUnseen(ctx context.Context, id string, obs observation, unseen []diff.Conflict) error {
	if len(unseen) == 0 {
		return nil
	}
	var names []manifest.Path
	for _, c := range unseen {
		names = append(names, c.Path)
		why := "was not shown before"
		if r.knownAsset.Disputes[c.Path].Shown != (manifest.ID{}) {
			why = "changed on the remote since it was shown"
		}
		r.res.Conflicts = append(r.res.Conflicts, ConflictReport{Path: c.Path, Why: why})
	}
	if err := r.conflicts(ctx, id, obs, false); !errors.Is(err, errBothChanged) {
		return err
	}
	return &Error{
		Kind: KindConflict, Err: errBothChanged,
		Message: fmt.Sprintf("what version %d holds was not shown here before, and is not settled: %s", obs.version, some(names)),
		Hint:    "look at theirs, take over what you want of it, and repeat the command",
	}
}

// checkOutTheirs checks out the remote content.
func (r *run) checkOutTheirs(ctx context.Context, id string, snap manifest.Snapshot, obs observation, conflicts []diff.Conflict) error {
	var p proposal
	for _, c := range conflicts {
		p.changes = append(p.changes, diff.Change{Path: c.Path, Old: c.Local, New: c.Remote, Why: diff.WhyPreferRemote})
	}
	r.report(p, obs)
	made, failed := r.checkOut(ctx, id, obs, p.changes, r.movesOfPull(ctx, id, obs, obs))
	if r.Target.Rev != "" {
		made = nil
		if len(p.changes) > 0 {
			r.note("commit what was checked out: until then it stays in conflict (source: git)")
		}
	}
	if err := r.recordCheckout(ctx, id, obs, p, made); err != nil {
		return err
	}
	if failed != nil {
		return failed
	}
	return r.conflicts(ctx, id, obs, false)
}

// conflictMarkers begin the lines that git, and editors, put around both sides
// of a conflict.
var conflictMarkers = []string{"<<<<<<< ", ">>>>>>> "}

// markerLine returns the number of the first line that is a conflict marker; 0
// for none.
func markerLine(data []byte) int {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if slices.ContainsFunc(conflictMarkers, func(m string) bool { return strings.HasPrefix(string(line), m) }) {
			return number
		}
	}
	return 0
}
