package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/sync/state"
	"assetsync/sync/worktree"
)

// PullOptions are the choices of one pull.
type PullOptions struct {
	Version int32 // 0: the newest
	DryRun  bool
	Prefer  diff.Prefer
	Consent Consent
}

// Pull checks out what changed there and was not changed here. An older
// version is checked out as a local change: the base stays, so that the next
// push publishes it.
func (e *Engine) Pull(ctx context.Context, o PullOptions) Result {
	return e.inWorktree().do(ctx, "pull", o.Consent, func(ctx context.Context, r *run) error { return r.pull(ctx, o) })
}

// inWorktree returns an engine whose local side is the directory: files are
// checked out there, whatever is published.
func (e *Engine) inWorktree() *Engine {
	in := *e
	in.source = e.dir
	return &in
}

func (r *run) pull(ctx context.Context, o PullOptions) error {
	snap, err := r.source.scan(ctx)
	missing := errors.Is(err, errSourceMissing)
	if err != nil && !missing {
		return err
	}
	r.res.Problems = snap.Problems
	id, err := r.mustResolve(ctx, snap)
	if err != nil {
		return err
	}
	if !o.DryRun {
		if err := r.sweep(ctx, snap); err != nil {
			return err
		}
	}
	obs, err := r.observeLive(ctx, id, ahead{})
	if err != nil {
		return err
	}
	if err := r.settle(ctx, id, obs); err != nil {
		return err
	}
	if missing {
		r.knownAsset.Base, r.knownAsset.CheckingOut, r.knownAsset.Older = nil, nil, 0 // nothing here can have been changed knowingly
	} else if err := r.derive(ctx, id, snap, obs, diff.Policy{Direction: diff.Pull, Prefer: o.Prefer}); err != nil {
		return err
	}
	if err := r.settleCheckOuts(snap, false); err != nil {
		return err
	}
	wanted, err := r.wanted(ctx, id, obs, o.Version)
	if err != nil {
		return err
	}
	r.unmerged = wanted.version != obs.version
	p, err := r.proposeVersion(ctx, id, snap, wanted, o)
	if err != nil {
		return err
	}
	p.meta = p.meta.asPulled()
	if r.unmerged {
		p.meta = metadataPlan{} // what an older version agreed on is not what is settled
	}
	p.changes = p.files.Checkout
	r.report(p, wanted)
	r.res.Version = wanted.version
	if r.holdsUp(p, wanted) {
		r.res.Outcome = Blocked
	}
	if err := r.guardCheckout(ctx, id, snap, obs, wanted, p, o); err != nil {
		return err
	}
	if o.DryRun {
		if len(p.changes) > 0 && r.res.Outcome == Unchanged {
			r.res.Outcome = Planned
		}
		return r.conflicts(ctx, id, wanted, true)
	}
	applied, failed := r.checkOut(ctx, id, wanted, p.changes, r.movesOfPull(ctx, id, obs, wanted))
	r.res.Changes = reportChanges(applied)
	if r.Target.Rev != "" {
		// What is checked out is not committed: until it is, it stays a
		// change of the remote, or the next push would undo it.
		p.files.Settled, p.files.Released, applied = nil, nil, nil
		if len(p.changes) > 0 {
			r.note("commit what was checked out: until then it counts as a change of the remote (source: git)")
		}
	} else if wanted.version != obs.version {
		if err := r.holdOlder(ctx, id, obs, wanted.version, p, applied); err != nil {
			return err
		}
		p.files.Settled, applied = nil, nil
		if n := len(p.files.Ahead); n > 0 {
			r.note("%s changed here and left as they are: the directory is not just version %d", countFiles(n), wanted.version)
		}
	} else if o.Version != 0 && failed == nil {
		r.knownAsset.Older = 0
	}
	if err := errors.Join(failed, r.recordCheckout(ctx, id, obs, p, applied)); err != nil {
		return err
	}
	return r.conflicts(ctx, id, wanted, false)
}

// movesOfPull says what a pull of a version makes the base.
func (r *run) movesOfPull(ctx context.Context, id string, newest, wanted observation) *moves {
	switch {
	case r.Target.Rev != "":
		return nil
	case wanted.version == newest.version:
		return r.movesTo(ctx, id, newest)
	case len(r.knownAsset.Base) > 0:
		return nil
	}
	return &moves{newest, func(c diff.Change) (state.Pair, error) {
		return r.pairOf(ctx, id, newest, newest.side.Tree.Get(c.Path))
	}} // see [run.holdOlder]
}

// mustResolve is resolve for verbs that need an asset.
func (r *run) mustResolve(ctx context.Context, snap manifest.Snapshot) (string, error) {
	id, err := r.resolve(ctx, snap)
	if err == nil && id == "" {
		return "", usage("assetsync push creates it; assetsync asset list shows what is there", "target %s has no asset yet", r.Target.Name)
	}
	return id, err
}

// wanted returns the version to check out: the newest, or an older one.
func (r *run) wanted(ctx context.Context, id string, newest observation, version int32) (observation, error) {
	if version == 0 || version == newest.version {
		return newest, nil
	}
	asset, err := r.getAsset(ctx, id, &version)
	if remote.IsKind(err, remote.KindNotFound, remote.KindValidation) {
		return observation{}, &Error{
			Kind: KindUsage, Err: err,
			Message: fmt.Sprintf("asset %s has no version %d", id, version),
			Hint:    "assetsync log " + r.Target.Name + " shows the versions",
		}
	}
	if err != nil {
		return observation{}, err
	}
	return r.look(ctx, id, asset, nil, ahead{}, readings{})
}

// guardCheckout runs the guards on what is about to change here.
func (r *run) guardCheckout(ctx context.Context, id string, snap manifest.Snapshot, newest, obs observation, p proposal, o PullOptions) error {
	record := r.knownAsset
	if o.Version != 0 {
		record.Version = 0 // going back is what was asked for
	}
	stops := guards(guardInput{
		target: r.Target, consent: r.consent, main: r.source.mainFile(), now: r.Now(), record: record,
		local: diff.Side{Tree: snap.Tree, Unknown: snap.Unknown}, remote: obs.side,
		version: obs.version, metadata: obs.metadata, changes: p.changes, writes: true, side: "local",
	})
	if err := r.stop(stops, o.DryRun); err != nil || o.DryRun || len(deletions(p.changes)) == 0 {
		return err
	}
	return r.readTwice(ctx, id, newest.version, obs)
}

// errUnsteady is a second read that does not agree with the first.
var errUnsteady = errors.New("the asset changed while it was read twice")

// readTwice reads the asset again: a removal is believed only when a second
// read agrees with it, of the asset as of the listing. One that is gone by then,
// older, another type's or a newer one tells nothing of what was removed.
func (r *run) readTwice(ctx context.Context, id string, newest int32, obs observation) error {
	changed := &Error{Kind: KindUnavailable, Err: errUnsteady, Message: errUnsteady.Error(), Hint: "nothing was checked out; repeat the command"}
	asset, err := r.getAsset(ctx, id, nil)
	switch {
	case remote.IsKind(err, remote.KindNotFound):
		return changed
	case err != nil:
		return err
	case *asset.Version != newest, asset.AssetType != nil && *asset.AssetType != r.kind.Name:
		return changed
	}
	again, err := r.list(ctx, id, obs.version)
	if err != nil {
		return err
	}
	if !maps.EqualFunc(again, obs.listing, stamp.equal) {
		return changed
	}
	return nil
}

// holdsUp reports whether a change of the remote cannot be taken, because what is
// here at its path cannot be told.
func (r *run) holdsUp(p proposal, obs observation) bool {
	return slices.ContainsFunc(p.files.Frozen, func(f diff.Frozen) bool {
		return f.Why != diff.WhyUnknownThere && !sameEntry(r.knownAsset.Base.Get(f.Path).Remote, obs.side.Tree.Get(f.Path))
	})
}

// Export writes a version of the asset into a directory that is empty or does
// not exist. It changes neither the source nor the state.
func (e *Engine) Export(ctx context.Context, version int32, dir string) Result {
	return e.inWorktree().do(ctx, "pull", Consent{}, func(ctx context.Context, r *run) error {
		snap, err := r.source.scan(ctx)
		if err != nil && !errors.Is(err, errSourceMissing) {
			return err
		}
		id, err := r.mustResolve(ctx, snap)
		if err != nil {
			return err
		}
		obs, err := r.version(ctx, id, version)
		if err != nil {
			return err
		}
		r.res.ObservedVersion, r.res.Version = obs.version, obs.version
		if err := makeEmpty(dir); err != nil {
			return err
		}
		wt, err := worktree.Open(dir)
		if err != nil {
			return err
		}
		defer wt.Close()
		held, err := r.holdable(obs.side.Tree)
		if err != nil {
			return err
		}
		changes := diff.Two(manifest.Tree{}, held)
		r.res.Changes = reportChanges(changes)
		content := func(e manifest.Entry) ([]byte, error) { return r.remoteContent(ctx, id, obs, e) }
		var failed []error
		for _, res := range wt.Apply(ctx, changes, content, func(manifest.Path, []byte) error { return nil }) {
			failed = append(failed, res.Err)
		}
		for _, u := range obs.side.Unknown {
			failed = append(failed, fmt.Errorf("%s cannot be written: %s", shownName(u.Path), u.Reason))
		}
		r.res.Outcome = CheckedOut
		return errors.Join(failed...)
	})
}

// holdable leaves out of a version what may be in no directory of ours: a
// hostile .git/config, for one, would run programs.
func (r *run) holdable(tree manifest.Tree) (manifest.Tree, error) {
	floor, err := manifest.NewIgnore([]string{"!*"}) // opens all rules but the floor
	if err != nil {
		return tree, err
	}
	return tree.Filter(func(e manifest.Entry) bool {
		if floor.Ignored(e.Path) {
			r.note("%s is left out: %s", e.Path, floor.Why(e.Path))
			return false
		}
		return true
	}), nil
}

// version observes one version; 0 is the newest.
func (r *run) version(ctx context.Context, id string, version int32) (observation, error) {
	if version == 0 {
		return r.observe(ctx, id)
	}
	return r.wanted(ctx, id, observation{}, version)
}

func makeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("write version: %w", err)
		}
		return nil
	case err != nil:
		return fmt.Errorf("write version: %w", err)
	case len(entries) > 0:
		return usage("give --to a directory that is empty or does not exist", "%s is not empty", dir)
	}
	return nil
}
