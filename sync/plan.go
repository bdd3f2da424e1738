package sync

import (
	"context"
	"errors"
	"slices"
	"sync"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// scan reads the local side. A missing source is an empty one here: the guards know what it
// held.
func (r *run) scan(ctx context.Context) (manifest.Snapshot, error) {
	var snap manifest.Snapshot
	var err error
	onItsOwn(func() { snap, err = r.source.scan(ctx) })
	if errors.Is(err, errSourceMissing) {
		if r.knownTarget.AssetID == "" && !r.Target.Direction.Takes() {
			return snap, usage("correct path: in assetsync.yaml, or create it", "target %s: %v", r.Target.Name, err)
		}
		err = nil
	}
	if err != nil {
		return snap, err
	}
	switch s := r.source.(type) {
	case *committed:
		if s.commit != nil {
			r.note("what counts here is commit %.7s, not the directory", s.commit.ID())
		}
	case *promoted:
		if err := r.trace(ctx, s, snap); err != nil {
			return snap, err
		}
	}
	r.res.Problems = snap.Problems
	return snap, nil
}

// onItsOwn runs f in a goroutine that ends with it, so that the stack it needed serves
// the next one: what a target rests on, see [Options.Rest], is small then.
func onItsOwn(f func()) {
	var own sync.WaitGroup
	own.Go(f)
	own.Wait()
}

// checkNames adds to the problems what the service's pattern of names
// forbids. A name that the asset has already is one that it takes.
func (r *run) checkNames(tree manifest.Tree, asset diff.Side) {
	if tree.Equal(asset.Tree) {
		return
	}
	for _, p := range badNames(r.limits, tree) {
		if _, ok := asset.Tree.Lookup(p.Path); !ok && !asset.Unknown.Has(p.Path) {
			r.res.Problems = append(r.res.Problems, p)
		}
	}
}

// proposal is what one round found to do.
type proposal struct {
	files   diff.Plan
	meta    metadataPlan
	changes []diff.Change // to publish
	flaps   flaps
}

func (p proposal) writes() bool { return len(p.changes) > 0 || len(p.meta.publish) > 0 }

// propose plans the files and the owned keys.
func (r *run) propose(ctx context.Context, snap manifest.Snapshot, obs observation, policy diff.Policy) (proposal, error) {
	r.merged, r.marked = nil, nil
	var plan diff.Plan // nothing, where all is in step
	if !r.isInStep(snap, obs) {
		var err error
		if plan, err = r.compareSides(ctx, snap, obs, policy); err != nil {
			return proposal{}, err
		}
	}
	flaps := r.stopFlaps(ctx, &plan, obs, policy)
	r.holdOverwritten(&plan)
	var derived map[string]any
	if !r.livesInOtherForm(snap, obs, plan) && len(plan.Pending)+len(plan.Conflicts)+len(plan.Frozen) == 0 { // else what is live is not our file
		var err error
		if derived, err = r.derived(ctx, snap); err != nil {
			return proposal{}, err
		}
	}
	meta := planMetadata(r.knownAsset.Metadata, r.Target.Metadata, derived, obs.metadata, policy.Prefer)
	return proposal{plan, meta, plan.Publish, flaps}, nil
}

// compareSides plans the files.
func (r *run) compareSides(ctx context.Context, snap manifest.Snapshot, obs observation, policy diff.Policy) (diff.Plan, error) {
	forms, err := r.forms(snap.Tree, obs)
	if err != nil {
		return diff.Plan{}, err
	}
	in := diff.Input{
		Base:    r.base(),
		Local:   diff.Side{Tree: snap.Tree, Unknown: snap.Unknown},
		Remote:  obs.side,
		Ignored: func(p manifest.Path) bool { return r.ignores(snap, p) },
		Form:    forms,
		Apart:   func(p manifest.Path) bool { return r.knownAsset.Disputes[p].Apart },
		Policy:  policy,
	}
	plan := diff.Three(in)
	if len(plan.Conflicts) > 0 && r.mayMerge(policy) {
		if in.Merged, err = r.mergeConflicts(ctx, snap, obs, plan); err != nil {
			return diff.Plan{}, err
		}
		plan = diff.Three(in)
	}
	return plan, nil
}

// isInStep reports whether both sides hold just what the base says, of which no path
// is ignored: then [diff.Three] plans nothing at all, and what is live is what is
// here.
func (r *run) isInStep(snap manifest.Snapshot, obs observation) bool {
	if len(snap.Unknown)+len(obs.side.Unknown) > 0 || !snap.Tree.Equal(obs.side.Tree) || !isBase(r.knownAsset.Base, snap.Tree) {
		return false
	}
	for e := range snap.Tree.All() {
		if r.ignores(snap, e.Path) {
			return false
		}
	}
	return true
}

// livesInOtherForm reports whether the main file of the asset stays what it is,
// though ours has other line ends.
func (r *run) livesInOtherForm(snap manifest.Snapshot, obs observation, plan diff.Plan) bool {
	main := r.source.mainFile()
	return r.Target.Text == manifest.TextLF && len(plan.Publish) == 0 && !sameEntry(snap.Tree.Get(main), obs.side.Tree.Get(main))
}

// ignores reports whether a remote path is none of the target's.
func (r *run) ignores(snap manifest.Snapshot, p manifest.Path) bool {
	if r.kind.SingleFile {
		return p != r.source.mainFile() // whoever names a file wants it, and nothing else
	}
	return ignoredBy(snap)(p)
}

func (r *run) base() diff.Base {
	base := make(diff.Base, len(r.knownAsset.Base))
	for p, pair := range r.knownAsset.Base.All() {
		base[p] = diff.Pair(pair)
	}
	return base
}

// derived returns the metadata that follows from the content of a single
// file and is sent together with it. What the service itself derives from a
// frontmatter is not sent.
func (r *run) derived(ctx context.Context, snap manifest.Snapshot) (map[string]any, error) {
	if !r.kind.SingleFile || snap.Tree.Len() == 0 {
		return nil, nil
	}
	bundle, err := readAll(ctx, r.source, snap.Tree)
	if err != nil {
		return nil, err
	}
	return assettype.DerivedMetadata(r.kind, bundle), nil
}

// report puts a proposal into the result.
func (r *run) report(p proposal, obs observation) {
	r.res.ObservedVersion = obs.version
	r.res.Version = obs.version
	r.reportChanges(p.changes)
	r.noteForms(p.changes)
	r.noteRetired(obs)
	r.notePreferred(p.changes, obs)
	r.res.Pending = reportChanges(p.files.Pending)
	for i, u := range obs.side.Unknown {
		if i == mostNotes {
			r.note("%d more files of the remote are left alone", len(obs.side.Unknown)-mostNotes)
			break
		}
		r.note("%s is left alone: it %s", shownName(u.Path), u.Reason)
	}
	r.res.MetadataChanges = r.masked(p.meta.changes)
	r.res.Conflicts = nil
	r.addConflicts(p)
}

// masked hides values that look like credentials: what is reported ends in logs.
func (r *run) masked(changes []MetadataChange) []MetadataChange {
	mask := func(key string, value any) any {
		if found := r.scanner.ScanValue(key, value); len(found) > 0 {
			return found[0].Excerpt
		}
		return value
	}
	out := slices.Clone(changes)
	for i, c := range out {
		out[i].Old, out[i].New = mask(c.Key, c.Old), mask(c.Key, c.New)
	}
	return out
}

// addConflicts puts the conflicts of a proposal into the result, beside those
// of other paths.
func (r *run) addConflicts(p proposal) {
	for _, c := range p.files.Conflicts {
		report := ConflictReport{Path: c.Path, Why: string(c.Why)}
		if flap, ok := p.flaps.stopped[c.Path]; ok {
			report = flap
		}
		if !slices.ContainsFunc(r.res.Conflicts, func(old ConflictReport) bool { return old.Path == c.Path }) {
			r.res.Conflicts = append(r.res.Conflicts, report)
		}
	}
}

// notePreferred names what a preference overwrites.
func (r *run) notePreferred(changes []diff.Change, obs observation) {
	for _, c := range changes {
		switch c.Why {
		case diff.WhyPreferLocal:
			r.note("%s of version %d, which somebody else changed, is overwritten; assetsync pull --version %d --to DIR gives it back", c.Path, obs.version, obs.version)
		case diff.WhyPreferRemote:
			r.note("%s as it was here is overwritten; assetsync undo --local brings it back", c.Path)
		}
	}
}

// reportRepairs puts repairs in the place of what they undo.
func (r *run) reportRepairs(repairs []diff.Change) {
	r.res.Changes = slices.DeleteFunc(r.res.Changes, func(c ChangeReport) bool {
		return slices.ContainsFunc(repairs, func(repair diff.Change) bool { return repair.Path == c.Path })
	})
	r.reportChanges(repairs)
}

// mostNotes is how many files are named one by one in what people read.
const mostNotes = 5

// reportChanges adds changes to the result. A later round has less to do;
// what an earlier one did stays reported.
func (r *run) reportChanges(changes []diff.Change) {
	for _, c := range reportChanges(changes) {
		if !slices.ContainsFunc(r.res.Changes, func(old ChangeReport) bool { return old.Path == c.Path }) {
			r.res.Changes = append(r.res.Changes, c)
		}
	}
}
