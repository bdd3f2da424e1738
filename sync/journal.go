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
				change.Local = &m.local
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
	r.knownTarget.Intents = slices.Clone(r.knownTarget.Intents)
	for i := range r.knownTarget.Intents {
		if r.knownTarget.Intents[i].Nonce == in.Nonce {
			r.knownTarget.Intents[i].Noted = true
		}
	}
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
	for _, one := range slices.Backward(r.knownAsset.Published) {
		for _, c := range one.Changes {
			if c.Path == p {
				return c, true
			}
		}
	}
	return state.PlannedChange{}, false
}

// noteCheckOut makes durable what is about to be checked out, so that it can
// be taken back whenever the run ends. What is on record else stays as it was:
// the run has not come to its commit point.
func (r *run) noteCheckOut(obs observation, changes []diff.Change) error {
	if r.verb == verbUndoLocal {
		return nil // that ends the one on record
	}
	c := &state.CheckOut{At: r.Now().UTC(), Version: obs.version}
	for _, change := range changes {
		one := state.PlannedChange{Path: change.Path, Old: change.Old, New: change.New}
		edited, err := r.isEdited(obs, change)
		if err != nil {
			return err
		}
		if edited {
			base := r.knownAsset.Base[change.Path]
			one.Base = &base
		}
		c.Changes = append(c.Changes, one)
	}
	return r.putCheckOut(c)
}

// isEdited reports whether a change replaces what somebody here made of a file,
// and not just what both sides were.
func (r *run) isEdited(obs observation, c diff.Change) (bool, error) {
	base := r.knownAsset.Base[c.Path].Local
	if c.Old == nil || base == nil || sameEntry(c.Old, base) || r.Target.Text != manifest.TextLF {
		return c.Old != nil && !sameEntry(c.Old, base), nil
	}
	form, err := r.formOf(obs, base.ID)
	return form != c.Old.ID, err
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
		return r.putCheckOut(&c)
	}
	return nil
}

func (r *run) putCheckOut(c *state.CheckOut) error {
	stored, err := r.State.Asset(r.Space, r.res.AssetID)
	if err != nil {
		return err
	}
	stored.CheckedOut, r.knownAsset.CheckedOut = c, c
	return r.commitState(func(tx state.Tx) error { return tx.PutAsset(r.Space, r.res.AssetID, stored) })
}
