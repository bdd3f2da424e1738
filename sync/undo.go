package sync

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/state"
)

// Undo takes back the last publishing of this machine that was not taken back
// yet: each path that it changed goes to what it was before. One that somebody
// changed since is a conflict. Undoing again takes back the one before. The
// preview is one of a dry run.
func (e *Engine) Undo(ctx context.Context, o BackOptions) (view Preview, res Result) {
	res = e.do(ctx, verbUndo, o.Consent, func(ctx context.Context, r *run) (err error) {
		view, err = r.takeBack(ctx, o, func(_ context.Context, id string, _ manifest.Snapshot, obs observation) (earlier, error) {
			return r.beforeLast(id, obs, o), nil
		})
		return err
	})
	return view, res
}

// beforeLast is the earlier state that the last publishing found.
func (r *run) beforeLast(id string, obs observation, o BackOptions) earlier {
	i := r.lastPublishing()
	if i < 0 {
		r.note("nothing that this machine published is on record to be taken back; assetsync log shows the versions, restore brings one back")
		return earlier{name: "nothing", done: func() {}}
	}
	last := r.knownAsset.Published[i]
	out := earlier{name: fmt.Sprintf("before version %d", last.Version), since: fmt.Sprint(last.Version), metadata: map[string]any{}}
	r.note("the publish to take back is that of %s, version %d; assetsync restore %s %d brings it again",
		last.At.Local().Format(time.DateTime), last.Version, r.Target.Name, last.Version)
	for _, c := range last.Changes {
		out.paths = append(out.paths, diff.Back{Path: c.Path, From: []*manifest.Entry{c.New}, To: c.Old})
	}
	for key, text := range last.Metadata {
		if !o.Metadata {
			r.note("metadata %s stays; --metadata takes it back, too", key)
		} else if old := decodeBase(text); old != nil {
			out.metadata[key] = old
		} else {
			r.note("metadata %s stays: it was not there before, and the service removes none", key)
		}
	}
	out.bytes = func(ctx context.Context, e manifest.Entry) ([]byte, error) {
		data, ok, err := r.blob(obs, e.ID)
		if err == nil && !ok {
			data, err = r.readFile(ctx, id, last.Observed, e.Path)
		}
		if err == nil && manifest.BlobID(data) != e.ID {
			err = errMoved
		}
		if err != nil {
			return nil, fmt.Errorf("read %s as it was before version %d: %w", e.Path, last.Version, err)
		}
		if o.DryRun {
			return data, nil
		}
		return data, r.keepSent(ctx, e, data)
	}
	out.done = func() {
		published := slices.Clone(r.knownAsset.Published)
		for j := range published {
			if published[j].Version == last.Version && published[j].At.Equal(last.At) {
				published[j].Undone = true
			}
		}
		r.knownAsset.Published = published
	}
	return out
}

// keepSent makes sure that history has what is about to be sent.
func (r *run) keepSent(ctx context.Context, e manifest.Entry, data []byte) error {
	if _, held, err := r.History.Blob(e.ID); held && err == nil {
		return nil
	}
	return r.keepFile(ctx, e.Path, data, "sent by "+r.verb)
}

// lastPublishing is the index of the publishing that is to be taken back, or -1.
// What took one back is no publishing of its own here.
func (r *run) lastPublishing() int {
	for i, p := range slices.Backward(r.knownAsset.Published) {
		if !p.Undone && p.Verb != verbUndo {
			return i
		}
	}
	return -1
}

// UndoLocal brings back the files that the last check out replaced or deleted in
// the directory. Those that were changed since stay, and are conflicts. The base
// stays, too, so that what came back is a change here; where that was one before
// the check out, it is in conflict again. It asks the remote nothing.
func (e *Engine) UndoLocal(ctx context.Context, o BackOptions) (view Preview, res Result) {
	res = e.inWorktree().do(ctx, verbUndoLocal, o.Consent, func(ctx context.Context, r *run) (err error) {
		view, err = r.undoLocal(ctx, o)
		return err
	})
	return view, res
}

func (r *run) undoLocal(ctx context.Context, o BackOptions) (Preview, error) {
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
	if err := r.settleCheckOuts(snap, false); err != nil {
		return Preview{}, err
	}
	r.res.Version = r.knownAsset.Version
	last := r.knownAsset.CheckedOut
	if last == nil {
		r.note("no check out is on record to be taken back")
		return Preview{}, nil
	}
	paths := r.replacedBy(*last)
	forms, err := r.formsOfBack(paths)
	if err != nil {
		return Preview{}, err
	}
	p := proposal{files: diff.TakeBack(diff.BackInput{Side: diff.Side{Tree: snap.Tree, Unknown: snap.Unknown}, Paths: paths, Form: forms, Prefer: o.Prefer})}
	p.changes = p.files.Publish
	r.reportChanges(p.changes)
	for _, c := range p.files.Conflicts {
		r.res.Conflicts = append(r.res.Conflicts, ConflictReport{Path: c.Path, Why: "changed here since it was checked out; it stays"})
	}
	for _, f := range p.files.Frozen {
		r.res.Conflicts = append(r.res.Conflicts, ConflictReport{Path: f.Path, Why: "cannot be read here; it stays"})
	}
	kept := observation{version: last.Version}
	switch {
	case o.DryRun && len(p.changes) > 0:
		r.res.Outcome = Planned
	case o.DryRun:
	default:
		if err := r.bringBack(ctx, id, kept, p.changes); err != nil {
			return Preview{}, err
		}
	}
	view, err := r.previewLocal(ctx, p, o)
	if err != nil {
		return view, err
	}
	return view, r.conflictsLocal()
}

// replacedBy returns the paths of which a check out replaced or deleted a file.
func (r *run) replacedBy(last state.CheckOut) (paths []diff.Back) {
	var made []manifest.Path
	for _, c := range last.Changes {
		if c.Old == nil {
			made = append(made, c.Path)
			continue
		}
		paths = append(paths, diff.Back{Path: c.Path, From: []*manifest.Entry{c.New}, To: c.Old})
	}
	if len(made) > 0 {
		r.note("made by the check out, and left as it is: %s", some(made))
	}
	return paths
}

// formsOfBack says of which text the kept bytes are a form: they may have other
// line ends than what a scan finds.
func (r *run) formsOfBack(paths []diff.Back) (map[manifest.ID]manifest.ID, error) {
	forms := map[manifest.ID]manifest.ID{}
	for _, b := range paths {
		if r.Target.Text != manifest.TextLF {
			return nil, nil
		}
		form, err := r.formOf(observation{}, b.To.ID)
		if err != nil {
			return nil, err
		}
		forms[b.To.ID] = form
	}
	return forms, nil
}

// bringBack puts kept bytes into the directory and ends the record of the check
// out, unless something of it is left to be taken back.
func (r *run) bringBack(ctx context.Context, id string, kept observation, changes []diff.Change) error {
	made, failed := r.checkOut(ctx, id, kept, changes, nil)
	again := r.contest(made)
	if failed == nil && len(made) == len(changes) && len(r.res.Conflicts) == 0 {
		r.knownAsset.CheckedOut = nil
	}
	if len(again) > 0 {
		r.note("in conflict again: %s; what came back was made without theirs", some(again))
	}
	if len(made) > len(again) && r.Target.Rev == "" {
		r.note("what came back counts as changed here: the next push, or the daemon, publishes it")
	}
	if failed != nil {
		return failed
	}
	if err := r.commit(); err != nil {
		return err
	}
	r.discardTraces()
	return nil
}

// contest makes conflicts again of files that came back, in memory: what was
// edited here was not made of what was checked out in its place, or merged with
// it, so it is published over that no more than before.
func (r *run) contest(made []diff.Change) (again []manifest.Path) {
	for _, c := range r.knownAsset.CheckedOut.Changes {
		back := slices.ContainsFunc(made, func(m diff.Change) bool { return m.Path == c.Path })
		if !back || c.Base == nil || samePair(r.knownAsset.Base.Get(c.Path), *c.Base) {
			continue
		}
		r.setPair(c.Path, *c.Base)
		r.setDispute(c.Path, state.Dispute{Apart: true})
		again = append(again, c.Path)
	}
	return again
}

func (r *run) previewLocal(ctx context.Context, p proposal, o BackOptions) (view Preview, err error) {
	if !o.DryRun {
		return view, nil
	}
	old, now := map[manifest.Path][]byte{}, map[manifest.Path][]byte{}
	for _, c := range p.changes {
		if c.Old != nil {
			if old[c.Path], err = r.source.read(ctx, *c.Old); err != nil {
				return view, err
			}
		}
		var held bool
		if now[c.Path], held, err = r.History.Blob(c.New.ID); err == nil && !held {
			err = fmt.Errorf("read %s as it was: history does not have it", c.Path)
		}
		if err != nil {
			return view, err
		}
	}
	if view.Old, err = manifest.NewBundle(old); err == nil {
		view.New, err = manifest.NewBundle(now)
	}
	return view, err
}

// conflictsLocal makes an error of the files that stay.
func (r *run) conflictsLocal() error {
	if len(r.res.Conflicts) == 0 {
		return nil
	}
	var names []manifest.Path
	for _, c := range r.res.Conflicts {
		names = append(names, c.Path)
	}
	return &Error{
		Kind:    KindConflict,
		Message: fmt.Sprintf("changed here since it was checked out, and left as it is: %s", some(names)),
		Hint:    "--prefer local brings back what was there before all the same; your bytes are kept in .assetsync/history.git",
	}
}

// LastDone returns when the target was last published by this machine, and when
// it was last checked out, as far as that can be taken back; the zero time where
// nothing is on record. It reads the state alone.
func (e *Engine) LastDone() (published, checkedOut time.Time, err error) {
	r := &run{Engine: e}
	if err := r.load(); err != nil {
		return published, checkedOut, err
	}
	id := cmp.Or(e.Target.AssetID, r.knownTarget.AssetID)
	if id == "" {
		return published, checkedOut, nil
	}
	if r.knownAsset, err = e.State.Asset(e.Space, id); err != nil {
		return published, checkedOut, err
	}
	if i := r.lastPublishing(); i >= 0 {
		published = r.knownAsset.Published[i].At
	}
	if c := r.knownAsset.CheckedOut; c != nil {
		checkedOut = c.At
	}
	return published, checkedOut, nil
}
