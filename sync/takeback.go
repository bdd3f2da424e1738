package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// BackOptions are the choices of one [Engine.Restore] or [Engine.Undo].
type BackOptions struct {
	DryRun   bool
	Metadata bool        // the owned keys go back, too
	Prefer   diff.Prefer // Local: also what changed since goes back; Remote: that stays
	Consent  Consent
}

// Preview is what an asset's files become, path by path: of a dry run.
type Preview struct{ Old, New manifest.Bundle }

// The verbs that take back, as an intent names them.
const (
	verbRestore   = "restore"
	verbUndo      = "undo"
	verbUndoLocal = "undo --local"
)

// earlier is a state that paths of an asset are to go back to.
type earlier struct {
	name     string // for people, in the middle of a sentence
	since    string // the revision after which what somebody else changed is a conflict, as diff takes it
	paths    []diff.Back
	bytes    contentOf      // of the entries in To
	metadata map[string]any // owned keys, as they are to be
	done     func()         // marks in the record, in memory, that it is reached
}

// finder finds the earlier state of an asset, beside what is here and what is
// live.
type finder func(ctx context.Context, id string, snap manifest.Snapshot, obs observation) (earlier, error)

// takeBack makes the remote what it was earlier, and then the directory, as far
// as that holds nothing of its own: what is taken back would be published again
// otherwise. The base does not move before a file is checked out. Until then
// the earlier content is a change of the remote, however the run ends.
//
// Nothing is done at all while a path is in conflict: half of an earlier state
// is none.
func (r *run) takeBack(ctx context.Context, o BackOptions, find finder) (view Preview, err error) {
	r.fileCalls = min(r.fileCalls, 1) // one version: none in between ever was
	err = r.inRounds(ctx, func() (err error) {
		view, err = r.takeBackOnce(ctx, o, find)
		return err
	})
	return view, err
}

func (r *run) takeBackOnce(ctx context.Context, o BackOptions, find finder) (Preview, error) {
	snap, err := r.scanBeside(ctx, o)
	if err != nil {
		return Preview{}, err
	}
	id, err := r.mustResolve(ctx, snap)
	if err != nil {
		return Preview{}, err
	}
	if !o.DryRun {
		if err := r.sweep(ctx, snap); err != nil {
			return Preview{}, err
		}
	}
	obs, err := r.observeLive(ctx, id, ahead{})
	if err != nil {
		return Preview{}, err
	}
	if o.DryRun {
		err = r.settle(ctx, id, obs)
	} else {
		err = r.auditOrReplan(ctx, id, obs)
	}
	if err != nil {
		return Preview{}, err
	}
	if snap.Tree.Len() > 0 {
		if err := r.derive(ctx, id, snap, obs, diff.Policy{Direction: diff.Pull, Prefer: o.Prefer}); err != nil {
			return Preview{}, err
		}
	}
	if err := r.settleCheckOuts(snap, false); err != nil {
		return Preview{}, err
	}
	then, err := find(ctx, id, snap, obs)
	if err != nil {
		return Preview{}, err
	}
	p, err := r.planBack(ctx, snap, obs, &then, o)
	if err != nil {
		return Preview{}, err
	}
	r.report(p, obs)
	r.reportLive(snap, obs)
	if err := r.stayedSince(then); err != nil {
		return Preview{}, err
	}
	if err := r.guardBack(obs, then, p, o); err != nil {
		return Preview{}, err
	}
	if o.DryRun {
		if p.writes() {
			r.res.Outcome = Planned
		}
		return r.preview(ctx, id, obs, then, p)
	}
	clean := r.untouched(snap, obs, then)
	r.keepApart(p.changes, clean)
	newest, err := r.publishBack(ctx, id, obs, then, p)
	if err != nil {
		return Preview{}, err
	}
	r.reportLive(snap, newest)
	return Preview{}, r.checkOutBack(ctx, id, snap, newest, then, clean)
}

// scanBeside reads what the directory, or the revision, holds beside what is
// taken back; git is not at work meanwhile. A missing directory holds nothing.
func (r *run) scanBeside(ctx context.Context, o BackOptions) (manifest.Snapshot, error) {
	asPush := PushOptions{DryRun: o.DryRun, Consent: o.Consent}
	if _, err := r.gitQuiet(ctx, asPush); err != nil {
		return manifest.Snapshot{}, err
	}
	snap, err := r.source.scan(ctx)
	if errors.Is(err, errSourceMissing) {
		snap.Ignore, err = manifest.NewIgnore(r.Target.Ignore)
	}
	if err != nil {
		return snap, err
	}
	_, err = r.gitQuiet(ctx, asPush)
	return snap, err
}

// planBack plans the files and, when asked to, the owned keys.
func (r *run) planBack(ctx context.Context, snap manifest.Snapshot, obs observation, then *earlier, o BackOptions) (p proposal, err error) {
	forms, err := r.formsBack(ctx, obs, then)
	if err != nil {
		return p, err
	}
	p.files = diff.TakeBack(diff.BackInput{
		Side: obs.side, Paths: then.paths, Form: forms, Prefer: o.Prefer,
		Ignored: func(path manifest.Path) bool { return r.ignores(snap, path) },
	})
	p.changes = p.files.Publish
	p.meta = metadataPlan{publish: map[string]any{}}
	if o.Metadata {
		p.meta = r.metadataBack(obs, *then, o.Prefer)
	}
	return p, r.deriveBack(ctx, obs, *then, &p)
}

// formsBack makes of text what is published of it, where the target has a form
// of text, and says of which forms the states are.
func (r *run) formsBack(ctx context.Context, obs observation, then *earlier) (map[manifest.ID]manifest.ID, error) {
	if r.Target.Text != manifest.TextLF {
		return nil, nil
	}
	forms, texts := map[manifest.ID]manifest.ID{}, map[manifest.ID][]byte{}
	for i := range then.paths {
		b := &then.paths[i]
		for _, e := range append(slices.Clone(b.From), obs.side.Tree.Get(b.Path)) {
			if e == nil {
				continue
			}
			form, err := r.formOf(obs, e.ID)
			if err != nil {
				return nil, err
			}
			forms[e.ID] = form
		}
		if b.To == nil {
			continue
		}
		data, err := then.bytes(ctx, *b.To)
		if err != nil {
			return nil, err
		}
		data = r.Target.Text.Canonical(data)
		b.To = &manifest.Entry{Path: b.Path, ID: manifest.BlobID(data), Size: int64(len(data))}
		texts[b.To.ID] = data
	}
	bytes := then.bytes
	then.bytes = func(ctx context.Context, e manifest.Entry) ([]byte, error) {
		if data, ok := texts[e.ID]; ok {
			return data, nil
		}
		return bytes(ctx, e)
	}
	return forms, nil
}

// metadataBack plans the owned keys. A key that is not as this machine left it
// was changed by somebody else: INACTIVE that was set in the web app, say.
func (r *run) metadataBack(obs observation, then earlier, prefer diff.Prefer) metadataPlan {
	p := metadataPlan{publish: map[string]any{}}
	for _, key := range slices.Sorted(maps.Keys(r.Target.Metadata)) {
		to, held := then.metadata[key]
		now := obs.metadata[key]
		if !held || sameValue(to, now) {
			continue
		}
		c := MetadataChange{Key: key, Old: now, New: to, Action: "publish", Why: string(diff.WhyBack)}
		base, known := r.knownAsset.Metadata[key]
		switch {
		case known && sameValue(decodeBase(base), now):
		case prefer == diff.Local:
			c.Why = string(diff.WhyBackPrefer)
		case prefer == diff.Remote:
			c.Action, c.Why = "pending", string(diff.WhyStays)
		default:
			c.Action, c.Why = "conflict", string(diff.WhyChangedSince)
		}
		if c.Action == "publish" {
			p.publish[key] = to
		}
		p.changes = append(p.changes, c)
	}
	return p
}

// deriveBack adds the keys that follow from a single file, which goes with
// them.
func (r *run) deriveBack(ctx context.Context, obs observation, then earlier, p *proposal) error {
	if !r.kind.SingleFile {
		return nil
	}
	for _, c := range p.changes {
		if c.New == nil {
			continue
		}
		data, err := then.bytes(ctx, *c.New)
		if err != nil {
			return err
		}
		bundle, err := manifest.NewBundle(map[manifest.Path][]byte{c.Path: data})
		if err != nil {
			return err
		}
		derived := planMetadata(nil, nil, assettype.DerivedMetadata(r.kind, bundle), obs.metadata, diff.Neither)
		maps.Copy(p.meta.publish, derived.publish)
		p.meta.changes = append(p.meta.changes, derived.changes...)
	}
	return nil
}

// stayedSince stops where somebody changed what is to be taken back.
func (r *run) stayedSince(then earlier) error {
	var names []string
	clash := false
	for _, c := range r.res.Conflicts {
		names = append(names, string(c.Path))
		clash = clash || c.Why == string(diff.WhyClash)
	}
	for _, c := range r.res.MetadataChanges {
		if c.Action == "conflict" {
			names = append(names, "metadata "+c.Key)
		}
	}
	if len(names) == 0 {
		return nil
	}
	r.res.Changes = nil // none of them is made
	r.res.MetadataChanges = slices.DeleteFunc(r.res.MetadataChanges, func(c MetadataChange) bool { return c.Action == "publish" })
	e := &Error{
		Kind:    KindConflict,
		Message: fmt.Sprintf("changed since, by somebody else or unseen by this machine: %s; nothing was done", some(names)),
		Hint:    fmt.Sprintf("assetsync diff %s..remote %s shows it; --prefer local takes it back all the same, --prefer remote leaves it and takes back the rest", then.since, r.Target.Name),
	}
	if clash {
		e.Message = fmt.Sprintf("a file stands where a directory is, or the other way round: %s; nothing was done", some(names))
		e.Hint = "take back the paths that are in the way as well"
	}
	return e
}

// guardBack runs the guards on what is about to be published. Where the changes
// come from is the earlier state beside all that stays.
func (r *run) guardBack(obs observation, then earlier, p proposal, o BackOptions) error {
	after, err := diff.Apply(obs.side.Tree, p.changes)
	if err != nil {
		return fmt.Errorf("plan %s: %w", r.verb, err)
	}
	target := r.Target
	target.Path = then.name
	return r.stop(guards(guardInput{
		target: target, consent: r.consent, main: r.source.mainFile(), now: r.Now(), record: r.knownAsset,
		local: diff.Side{Tree: after, Unknown: obs.side.Unknown}, remote: obs.side,
		version: obs.version, metadata: obs.metadata, changes: p.changes, writes: p.writes(), side: "remote",
	}), o.DryRun)
}

// preview reads both sides of what would change.
func (r *run) preview(ctx context.Context, id string, obs observation, then earlier, p proposal) (Preview, error) {
	old, now := map[manifest.Path][]byte{}, map[manifest.Path][]byte{}
	var err error
	for _, c := range p.changes {
		if c.Old != nil {
			if old[c.Path], err = r.remoteContent(ctx, id, obs, *c.Old); err != nil {
				return Preview{}, err
			}
		}
		if c.New != nil {
			if now[c.Path], err = then.bytes(ctx, *c.New); err != nil {
				return Preview{}, err
			}
		}
	}
	var view Preview
	if view.Old, err = manifest.NewBundle(old); err == nil {
		view.New, err = manifest.NewBundle(now)
	}
	return view, err
}

// untouched returns the paths on which the directory holds nothing of its own:
// what it holds is in the base, live, or what this machine published last.
func (r *run) untouched(snap manifest.Snapshot, obs observation, then earlier) map[manifest.Path]bool {
	clean := map[manifest.Path]bool{}
	for _, b := range then.paths {
		local := snap.Tree.Get(b.Path)
		last, ok := r.wroteLast(b.Path)
		ours := ok && (sameEntry(local, last.New) || last.Sent != nil && sameEntry(local, last.Sent))
		clean[b.Path] = !snap.Unknown.Has(b.Path) &&
			(ours || sameEntry(local, r.knownAsset.Base.Get(b.Path).Local) || sameEntry(local, obs.side.Tree.Get(b.Path)))
	}
	return clean
}

// keepApart remembers the paths on which the directory holds something of its
// own while the remote goes back: a merge, or an edit that wins over a deletion,
// would bring what is taken back, or was never to be published, unasked.
func (r *run) keepApart(changes []diff.Change, clean map[manifest.Path]bool) {
	for _, c := range changes {
		if !clean[c.Path] {
			d := r.knownAsset.Disputes[c.Path]
			d.Apart = true
			r.setDispute(c.Path, d)
		}
	}
}

// publishBack makes the earlier state on the remote, proves and records it. The
// base stays. It returns the newest version.
func (r *run) publishBack(ctx context.Context, id string, obs observation, then earlier, p proposal) (observation, error) {
	if !p.writes() {
		then.done()
		return obs, r.record(ctx, obs, proposal{}, nil)
	}
	r.unmerged = true // what is taken back is what it was, or a conflict
	d, after, err := r.publishOnce(ctx, id, &obs, job{
		changes: p.changes, metadata: p.meta.publish, atomic: r.Target.Atomic, repair: true, verb: r.verb, content: then.bytes,
	})
	if err != nil {
		return obs, err
	}
	r.res.Outcome = Published
	standing := d.standing(after)
	r.res.Conflicts = append(r.res.Conflicts, after.strange...)
	newest, err := r.repair(ctx, id, after.observation, after.lost)
	if err != nil {
		return newest, err
	}
	r.end(d.nonce)
	r.res.Version = newest.version
	r.noteDown(obs, d, after, standing, r.verb)
	r.countDeletions("remote", len(deletions(standing)))
	if len(r.res.Conflicts) == 0 {
		then.done()
	}
	return newest, r.record(ctx, newest, proposal{}, &done{})
}
