package sync

import (
	"context"
	"errors"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
)

// SyncOptions are the choices of one run in the target's direction.
type SyncOptions struct {
	OneVersion, Unattended, Budgeted bool // see [PushOptions]
}

// Sync keeps a target in step in its direction. Of [BothWays] it first
// publishes what changed here, then checks out what changed there, on what the
// publishing saw last. The result's Changes are those of the remote and its
// CheckedOut those of the directory. A conflict holds up its path alone; all
// else that stops a push stops the checking out, too. Of [PullOnly] nothing is
// published, and an asset that is not there yet is nothing to do.
func (e *Engine) Sync(ctx context.Context, o SyncOptions) Result {
	return e.do(ctx, "sync", Consent{}, func(ctx context.Context, r *run) error { return r.sync(ctx, o) })
}

func (r *run) sync(ctx context.Context, o SyncOptions) error {
	r.unattended = o.Unattended
	switch {
	case r.Target.Direction.Takes() && (r.Target.Rev != "" || r.From != nil):
		return usage("use source: worktree, or direction: push", "target %s publishes what is in git, so nothing can be checked out for it", r.Target.Name)
	case r.Target.Direction == PullOnly:
		return r.follow(ctx)
	}
	err := r.push(ctx, PushOptions{OneVersion: o.OneVersion, Unattended: o.Unattended, Budgeted: o.Budgeted})
	if r.Target.Direction != BothWays || r.ended == nil || err != nil && !errors.Is(err, errBothChanged) {
		return err
	}
	obs := *r.ended
	if !r.hasNews(obs) {
		return err
	}
	snap, quiet := r.scanQuiet(ctx, PushOptions{}) // as it is now: the publishing took its time
	if quiet != nil {
		return quiet
	}
	return r.takeSteady(ctx, snap, obs)
}

// takeSteady checks out what is pending, and looks again a few times where
// others write while it does.
func (r *run) takeSteady(ctx context.Context, snap manifest.Snapshot, obs observation) error {
	for round := 1; ; round++ {
		err := r.takePending(ctx, snap, obs)
		if !errors.Is(err, errUnsteady) || round == maxRounds {
			return err
		}
		if err := r.jitter(ctx); err != nil {
			return err
		}
		if snap, err = r.scanQuiet(ctx, PushOptions{}); err != nil {
			return err
		}
		if obs, err = r.observeLive(ctx, r.res.AssetID, ahead{}); err != nil {
			return err
		}
		r.res.Version = obs.version
		r.reportLive(snap, obs)
	}
}

// follow is a run of [PullOnly].
func (r *run) follow(ctx context.Context) error {
	snap, err := r.scanQuiet(ctx, PushOptions{})
	if err != nil {
		return err
	}
	id, err := r.resolve(ctx, snap)
	if err != nil {
		return err
	}
	if id == "" {
		r.noteNoAsset()
		return nil
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
	if err := r.derive(ctx, id, snap, obs, diff.Policy{Direction: diff.Pull}); err != nil {
		return err
	}
	r.res.ObservedVersion, r.res.Version = obs.version, obs.version
	r.reportLive(snap, obs)
	return r.takeSteady(ctx, snap, obs)
}

func (r *run) noteNoAsset() {
	r.note("there is no asset yet; it is checked out once somebody has published it")
}

// hasNews reports whether the remote holds anything else than what this side
// knows. Files that the ignore rules match are such, too.
func (r *run) hasNews(obs observation) bool {
	for e := range obs.side.Tree.All() {
		if !sameEntry(r.knownAsset.Base.Get(e.Path).Remote, &e) {
			return true
		}
	}
	for p, pair := range r.knownAsset.Base.All() {
		if pair.Remote != nil && obs.side.Tree.Get(p) == nil {
			return true
		}
	}
	return false
}

// takePending checks out what changed there and not here. What is on record
// must be what the observation is compared with.
func (r *run) takePending(ctx context.Context, snap manifest.Snapshot, obs observation) error {
	id := r.res.AssetID
	if err := r.settleCheckOuts(snap, false); err != nil {
		return err
	}
	p, err := r.propose(ctx, snap, obs, diff.Policy{Direction: diff.Pull})
	if err != nil {
		return err
	}
	p.meta = p.meta.asPulled()
	r.res.Pending = reportChanges(slices.Concat(p.files.Checkout, p.files.Pending))
	p.changes = slices.DeleteFunc(slices.Clone(p.files.Checkout), r.isOverwritten)
	r.noteAhead(p)
	r.addConflicts(p)
	if err := r.guardCheckout(ctx, id, snap, obs, obs, p, PullOptions{}); err != nil {
		return err
	}
	if r.holdsUp(p, obs) {
		r.res.Outcome = Blocked
	}
	made, failed := r.checkOut(ctx, id, obs, p.changes, r.movesTo(ctx, id, obs))
	r.res.CheckedOut = reportChanges(made)
	r.res.Pending = slices.DeleteFunc(r.res.Pending, func(c ChangeReport) bool {
		return slices.ContainsFunc(made, func(m diff.Change) bool { return m.Path == c.Path })
	})
	if err := errors.Join(failed, r.recordCheckout(ctx, id, obs, p, made)); err != nil {
		return err
	}
	return r.conflicts(ctx, id, obs, false)
}

// noteAhead says what is changed here of a target that publishes nothing.
func (r *run) noteAhead(p proposal) {
	if n := len(p.files.Ahead); n > 0 && r.Target.Direction == PullOnly {
		r.note("%s changed here and not published (direction: pull)", countFiles(n))
	}
}
