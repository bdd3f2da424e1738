package sync

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote/assettype"
	"assetsync/sync/state"
	"assetsync/sync/worktree"
)

// maxPublishings bounds the publishings that a record keeps, and so how often
// undo can go back.
const maxPublishings = 20

// noteDown puts a publishing among those that can be taken back, in memory:
// changes are those of it that stand. The next record makes it durable.
func (r *run) noteDown(obs observation, d deed, after proof, changes []diff.Change, verb string) {
	p := state.Publishing{At: r.Now().UTC(), Observed: obs.version, Version: after.version, Verb: verb}
	for _, c := range changes {
		old, read := obs.side.Tree.Get(c.Path), after.read[c.Path]
		if !sameEntry(old, read) {
			change := publishedChange(c.Path, old, read, c.New)
			if m, ok := r.merged[c.Path]; ok && sameEntry(&m.entry, c.New) {
				base := r.knownAsset.Base.Get(c.Path)
				change.Local, change.Base = &m.local, &base
			}
			p.Changes = append(p.Changes, change)
		}
	}
	for key := range d.metadata {
		if _, own := r.Target.Metadata[key]; !own {
			continue // follows from the content
		}
		text, err := json.Marshal(obs.metadata[key])
		if err != nil {
			continue // what came as JSON goes as JSON
		}
		if p.Metadata == nil {
			p.Metadata = map[string]json.RawMessage{}
		}
		p.Metadata[key] = text
	}
	r.addPublishing(p)
}

func publishedChange(p manifest.Path, old, read, sent *manifest.Entry) state.PlannedChange {
	c := state.PlannedChange{Path: p, Old: old, New: read}
	if !sameEntry(read, sent) {
		c.Sent = sent
	}
	return c
}

func (r *run) addPublishing(p state.Publishing) {
	if len(p.Changes)+len(p.Metadata) == 0 {
		return
	}
	slices.SortFunc(p.Changes, func(a, b state.PlannedChange) int { return cmp.Compare(a.Path, b.Path) })
	all := append(slices.Clone(r.knownAsset.Published), p)
	r.knownAsset.Published = all[max(0, len(all)-maxPublishings):]
}

// noteDownIntent does the same for a publishing that was cut short, once, as
// far as it is seen: else undo would take back the one before it. A repair and
// the making of an asset are none.
func (r *run) noteDownIntent(ctx context.Context, in state.Intent, obs observation) error {
	if in.Noted || in.Observed == 0 || in.AssetID != r.res.AssetID || in.Repair && in.Verb == "" {
		return nil
	}
	if in.Verb == verbRetire {
		landed, err := r.hasLanded(ctx, in, obs)
		if err != nil {
			return err
		}
		if landed {
			r.knownAsset.Retired = obs.version
			if err := r.setMetadata(statusKey, inactive); err != nil {
				return err
			}
		}
	}
	p := state.Publishing{At: in.Started, Observed: in.Observed, Version: obs.version, Verb: in.Verb}
	sent := r.sentBytes(ctx)
	for _, c := range in.Changes {
		now := obs.side.Tree.Get(c.Path)
		if !obs.side.Unknown.Has(c.Path) && !sameEntry(now, c.Old) && (sameEntry(now, c.New) || r.cameOf(sent, c.New, now, obs)) {
			change := publishedChange(c.Path, c.Old, now, c.New)
			change.Local = c.Local
			p.Changes = append(p.Changes, change)
		}
	}
	r.addPublishing(p)
	r.changeIntent(in.Nonce, func(in *state.Intent) { in.Noted = true })
	return nil
}

// cameOf reports whether the service made what is there of what was sent,
// whose bytes have to be at hand.
func (r *run) cameOf(sent func(manifest.Entry) ([]byte, bool), want, now *manifest.Entry, obs observation) bool {
	if want == nil || now == nil {
		return false
	}
	was, ok := sent(*want)
	is, held := obs.content[now.ID]
	return ok && held && assettype.Same(r.kind, now.Path, was, is)
}

// sentBytes finds what an earlier run sent, where it is still at hand: here, or
// in history.
func (r *run) sentBytes(ctx context.Context) func(manifest.Entry) ([]byte, bool) {
	return func(e manifest.Entry) ([]byte, bool) {
		data, err := r.source.read(ctx, e)
		if err == nil {
			return data, true
		}
		data, held, err := r.History.Blob(e.ID)
		return data, err == nil && held
	}
}

// wroteLast returns this machine's last publishing of a path, and whether one is
// on record.
func (r *run) wroteLast(p manifest.Path) (state.PlannedChange, bool) {
	return r.lastOf(p, func(state.Publishing) bool { return true })
}

// pushedLast is wroteLast of the publishings that took nothing back.
func (r *run) pushedLast(p manifest.Path) (state.PlannedChange, bool) {
	return r.lastOf(p, func(one state.Publishing) bool { return one.Verb == "" })
}

func (r *run) lastOf(p manifest.Path, which func(state.Publishing) bool) (state.PlannedChange, bool) {
	for _, one := range slices.Backward(r.knownAsset.Published) {
		for _, c := range one.Changes {
			if c.Path == p && which(one) {
				return c, true
			}
		}
	}
	return state.PlannedChange{}, false
}

// describeCheckOut describes what is about to be checked out, so that it can be
// taken back whenever the run ends.
//
// Of text, which content gives as it is checked out, it notes what a scan finds then.
func (r *run) describeCheckOut(obs observation, changes []diff.Change, content worktree.Content) (*state.CheckOut, error) {
	c := &state.CheckOut{At: r.Now().UTC(), Version: obs.version}
	for _, change := range changes {
		base, err := r.baseOfEdit(obs, change)
		if err != nil {
			return nil, err
		}
		found := change.New
		if found != nil && r.Target.Text == manifest.TextLF {
			// What cannot be read is not checked out either, and told then.
			if data, err := content(*found); err == nil {
				form := entryOf(change.Path, r.Target.Text.Canonical(data))
				found = &form
			}
		}
		c.Changes = append(c.Changes, state.PlannedChange{Path: change.Path, Old: change.Old, New: found, Base: base})
	}
	return c, nil
}

// baseOfEdit returns, where a change replaces what somebody here made of a file,
// the base of that. It is nil where it replaces what both sides were. Our side of a
// merge that was published was not made of what others had published either.
func (r *run) baseOfEdit(obs observation, c diff.Change) (*state.Pair, error) {
	if c.Old == nil {
		return nil, nil
	}
	if merged, ok := r.pushedLast(c.Path); ok && merged.Local != nil && sameEntry(merged.Local, c.Old) {
		return cmp.Or(merged.Base, &state.Pair{Local: merged.Old, Remote: merged.Old}), nil
	}
	base := r.knownAsset.Base.Get(c.Path)
	same := sameEntry(c.Old, base.Local)
	if !same && base.Local != nil && r.Target.Text == manifest.TextLF {
		form, err := r.formOf(obs, base.Local.ID)
		if err != nil {
			return nil, err
		}
		same = form == c.Old.ID
	}
	if same {
		return nil, nil
	}
	return &base, nil
}

// noteKept corrects what was in the worktree: a plan names text by its LF form,
// and the bytes that go may have other line ends.
func (r *run) noteKept(p manifest.Path, data []byte) error {
	if r.knownAsset.CheckedOut == nil || r.verb == verbUndoLocal {
		return nil
	}
	c := *r.knownAsset.CheckedOut
	c.Changes = slices.Clone(c.Changes)
	for i := range c.Changes {
		one := &c.Changes[i]
		named := one.Path == p || r.dir.file != "" // a single file has its own name there
		if !named || one.Old == nil || one.Old.ID == manifest.BlobID(data) || manifest.BlobID(r.Target.Text.Canonical(data)) != one.Old.ID {
			continue
		}
		one.Old = &manifest.Entry{Path: one.Path, ID: manifest.BlobID(data), Size: int64(len(data))}
		return r.putCheckOut(&c, nil)
	}
	return nil
}

// putCheckOut makes a check out durable, and what else changes of the record on
// disk by that; nil: nothing.
func (r *run) putCheckOut(c *state.CheckOut, change func(*state.Asset)) error {
	stored, err := r.State.Asset(r.Space, r.res.AssetID)
	if err != nil {
		return err
	}
	stored.CheckedOut, r.knownAsset.CheckedOut = c, c
	if change != nil {
		change(&stored)
	}
	return r.commitState(func(tx state.Tx) error { return tx.PutAsset(r.Space, r.res.AssetID, stored) })
}
