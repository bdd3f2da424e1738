package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote/assettype"
	"assetsync/sync/state"
)

// maxOwn bounds the versions that a record names as made by this machine.
const maxOwn = 1000

// setBase makes an observed version the base of every path.
func (r *run) setBase(obs observation) {
	r.knownAsset.Base = baseOf(obs, obs.side.Tree)
	r.knownAsset.Disputes = nil
}

// setPair advances the base of one path.
func (r *run) setPair(p manifest.Path, pair state.Pair) {
	r.endDispute(p)
	r.knownAsset.Base = withPair(r.knownAsset.Base, p, pair)
}

// withPair returns a base with a pair for a path; a pair of nothing is none.
func withPair(base state.ByPath[state.Pair], p manifest.Path, pair state.Pair) state.ByPath[state.Pair] {
	if pair == (state.Pair{}) {
		return base.Without(p)
	}
	return base.With(p, pair)
}

// with returns a copy of a map with one more entry.
func with[K comparable, V any](m map[K]V, k K, v V) map[K]V {
	if m = maps.Clone(m); m == nil {
		m = map[K]V{}
	}
	m[k] = v
	return m
}

// settle advances the base by what earlier runs sent: what the remote is seen
// to hold, and what it held before others changed it. It changes the record in
// memory; the next record makes it durable. Intents stay: only [run.audit] ends
// one, and tells what it overwrote.
func (r *run) settle(ctx context.Context, id string, obs observation) error {
	for _, in := range r.knownTarget.Intents {
		if r.concerns(in, obs) {
			_, a, err := r.accountPast(ctx, id, in, obs)
			if err != nil && !isLostTrack(err) { // which the next push tells
				return err
			}
			if err == nil {
				r.settlePast(in, a, obs)
			}
		}
		if err := r.settleIntent(ctx, in, obs); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) settleIntent(ctx context.Context, in state.Intent, obs observation) error {
	if in.Repair || in.AssetID != "" && in.AssetID != r.res.AssetID {
		return nil // not of the local side, or not of this asset
	}
	for _, c := range in.Changes {
		holds, err := r.holds(ctx, c, obs)
		if err != nil {
			return err
		}
		if !holds {
			continue
		}
		pair := state.Pair{Local: c.New, Remote: obs.side.Tree.Get(c.Path)}
		if c.Local != nil {
			pair = state.Pair{Local: c.Local, Remote: c.Local} // see [run.bases]
		}
		r.setPair(c.Path, pair)
		r.turned(c.Path, state.Turn{Version: obs.versionOf(c.Path), Own: true, ID: idOf(c.New)})
	}
	sent, err := decodeObject(in.Metadata)
	if err != nil {
		return fmt.Errorf("read intent: %w", err)
	}
	for key, value := range sent {
		if got, ok := obs.metadata[key]; ok && sameValue(value, got) {
			if err := r.setMetadata(key, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// holds reports whether the remote holds what a change sent, or what the
// service made of it. The latter is proven only while the bytes that were sent
// are at hand: the file is as it was, or history has them.
func (r *run) holds(ctx context.Context, c state.PlannedChange, obs observation) (bool, error) {
	got := obs.side.Tree.Get(c.Path)
	switch {
	case obs.side.Unknown.Has(c.Path):
		return false, nil
	case sameEntry(got, c.New):
		return true, nil
	case got == nil || c.New == nil:
		return false, nil
	}
	sent, err := r.source.read(ctx, *c.New)
	if err != nil { // it is another file by now
		var kept bool
		if sent, kept, err = r.History.Blob(c.New.ID); err != nil || !kept {
			return false, errors.Join(r.tellDamage(err), ctx.Err())
		}
	}
	read, ok, err := r.blob(obs, got.ID)
	return ok && assettype.Same(r.kind, c.Path, sent, read), err
}

// hasLanded reports whether all of an intent is seen on the remote.
func (r *run) hasLanded(ctx context.Context, in state.Intent, obs observation) (bool, error) {
	for _, c := range in.Changes {
		if ok, err := r.holds(ctx, c, obs); err != nil || !ok {
			return false, err
		}
	}
	sent, err := decodeObject(in.Metadata)
	if err != nil {
		return false, fmt.Errorf("read intent: %w", err)
	}
	for key, value := range sent {
		if got, ok := obs.metadata[key]; !ok || !sameValue(value, got) {
			return false, nil
		}
	}
	return true, nil
}

func (r *run) setMetadata(key string, value any) error {
	encoded, err := encodeBase(map[string]any{key: value})
	if err != nil {
		return fmt.Errorf("keep metadata %s: %w", key, err)
	}
	r.knownAsset.Metadata = maps.Clone(r.knownAsset.Metadata)
	if r.knownAsset.Metadata == nil {
		r.knownAsset.Metadata = encoded
		return nil
	}
	r.knownAsset.Metadata[key] = encoded[key]
	return nil
}

func sameEntry(a, b *manifest.Entry) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID
}

// begin makes an intent durable. Nothing of it may be sent before.
func (r *run) begin(in state.Intent, writes []write) error {
	in.AssetID = r.res.AssetID
	in.Started, in.Until = r.Now().UTC(), r.Now().Add(doubtWindow).UTC()
	if err := r.describeWrites(&in, writes); err != nil {
		return err
	}
	r.knownTarget.Intents = append(slices.Clone(r.knownTarget.Intents), in)
	return r.keepIntents()
}

// narrow makes durable that of an intent only these writes were sent; it goes
// when there are none. In doubt is the last of them.
func (r *run) narrow(nonce string, sent []write, doubt bool) error {
	if len(sent) == 0 {
		r.end(nonce)
		return r.keepIntents()
	}
	var err error
	r.changeIntent(nonce, func(in *state.Intent) {
		in.Doubt = doubt
		err = r.describeWrites(in, sent)
	})
	if err != nil {
		return err
	}
	return r.keepIntents()
}

// describeWrites puts what writes do into an intent.
func (r *run) describeWrites(in *state.Intent, writes []write) error {
	s := script{writes: writes}
	in.Changes = nil
	for _, c := range s.changes() {
		change := state.PlannedChange{Path: c.Path, Old: c.Old, New: c.New}
		if m, ok := r.merged[c.Path]; ok && sameEntry(&m.entry, c.New) {
			change.Local = &m.local
		}
		in.Changes = append(in.Changes, change)
	}
	doc, err := document(s.metadata())
	in.Metadata = json.RawMessage(doc)
	in.Zip = slices.ContainsFunc(writes, func(w write) bool { return w.zip })
	return err
}

// keepIntents makes the intents durable, together with the base that was
// settled from them: without it our own write would look foreign to the next
// run.
func (r *run) keepIntents() error {
	return r.commitState(func(tx state.Tx) error {
		if r.adopted {
			if err := tx.PutAsset(r.Space, r.res.AssetID, r.knownAsset); err != nil {
				return err
			}
		}
		return tx.PutTarget(r.Space, r.Target.Name, r.knownTarget)
	})
}

// end drops an intent, in memory: the next record makes it durable.
func (r *run) end(nonce string) {
	r.knownTarget.Intents = slices.DeleteFunc(slices.Clone(r.knownTarget.Intents), func(in state.Intent) bool { return in.Nonce == nonce })
}

// done is what a publishing proved.
type done struct {
	bases    map[manifest.Path]state.Pair // of the paths that were published
	deleted  int                          // files whose content is gone
	metadata map[string]any
}

// record makes what is known now durable: history first, then base and
// target in one transaction, which is the commit point of a run. A run that
// learned nothing writes nothing.
func (r *run) record(ctx context.Context, obs observation, p proposal, d *done) error {
	before := r.knownAsset
	settled, err := r.settledTwice(ctx, obs, p.files.Settled)
	if err != nil {
		return err
	}
	for path, pair := range settled {
		r.setPair(path, pair)
	}
	for _, path := range p.files.Released {
		r.setPair(path, state.Pair{})
	}
	for key, value := range p.meta.settled {
		if err := r.setMetadata(key, value); err != nil {
			return err
		}
	}
	if d != nil {
		if err := r.take(*d); err != nil {
			return err
		}
	}
	r.own(r.proven)
	foreign := d == nil && !slices.Contains(r.knownAsset.Own, obs.version)
	r.takeTurns(before.Base, obs, p, d)
	r.knownAsset.Version = obs.version
	if !obs.unread { // else they are as recorded
		r.knownAsset.Seen = state.NewByPath(obs.seen)
		r.knownAsset.Whole = r.wholeOf(obs)
	}
	r.knownTarget.AssetID = r.res.AssetID

	if d != nil || obs.version != before.Version {
		if err := r.remember(ctx, obs, foreign); err != nil {
			return err
		}
	}
	return r.commit()
}

// settledTwice leaves out of what is settled the paths that are gone on both
// sides and that a second listing has: one that lacked them for a moment would
// make a deletion here a file that somebody has made there.
func (r *run) settledTwice(ctx context.Context, obs observation, settled diff.Base) (map[manifest.Path]state.Pair, error) {
	pairs := map[manifest.Path]state.Pair{}
	var again map[string]stamp
	for path, pair := range settled {
		if pair == (diff.Pair{}) && r.knownAsset.Base.Get(path).Remote != nil {
			if again == nil {
				var err error
				if again, err = r.list(ctx, r.res.AssetID, obs.version); err != nil {
					return nil, fmt.Errorf("look a second time for deleted files: %w", err)
				}
			}
			if _, there := again[string(path)]; there {
				continue
			}
		}
		pairs[path] = state.Pair(pair)
	}
	return pairs, nil
}

// take advances the record by what was published.
func (r *run) take(d done) error {
	for path, pair := range d.bases {
		r.setPair(path, pair)
	}
	for key, value := range d.metadata {
		if err := r.setMetadata(key, value); err != nil {
			return err
		}
	}
	if len(d.bases) > 0 {
		r.knownAsset.Older = 0 // what is here is live
	}
	r.own(r.made)
	r.countDeletions("remote", d.deleted)
	return nil
}

// own names versions as made by this machine.
func (r *run) own(versions []int32) {
	own := slices.Clone(r.knownAsset.Own)
	for _, v := range versions {
		if !slices.Contains(own, v) {
			own = append(own, v)
		}
	}
	r.knownAsset.Own = own[max(0, len(own)-maxOwn):]
}

// countDeletions remembers deletions for the cap, those of the window only.
func (r *run) countDeletions(side string, n int) {
	if n == 0 {
		return
	}
	now := r.Now()
	recent := slices.DeleteFunc(slices.Clone(r.knownAsset.Deletions), func(d state.Deletion) bool { return !isRecent(d.At, now, deleteWindow) })
	r.knownAsset.Deletions = append(recent, state.Deletion{At: now.UTC(), Files: n, Side: side})
}

// commit writes the record in one transaction, if it differs from the stored
// one.
func (r *run) commit() error {
	if len(r.lessons) == 0 {
		if r.isAsLoaded() {
			return nil
		}
		is, err := r.State.Is(r.Space, r.res.AssetID, r.knownAsset, r.Target.Name, r.knownTarget)
		if err != nil || is {
			return err
		}
	}
	return r.commitState(func(tx state.Tx) error {
		if err := tx.PutAsset(r.Space, r.res.AssetID, r.knownAsset); err != nil {
			return err
		}
		if len(r.lessons) > 0 {
			if err := tx.ChangeEndpoint(r.Space, r.lessons.apply); err != nil {
				return err
			}
		}
		return tx.PutTarget(r.Space, r.Target.Name, r.knownTarget)
	})
}

// isAsLoaded reports whether what is known is what was read from the record, and the
// record was not written since: then nothing of it is to be compared.
func (r *run) isAsLoaded() bool {
	if r.recorded || r.loaded.asset == nil {
		return false
	}
	was, is := *r.loaded.asset, r.knownAsset
	if !was.Base.Is(is.Base) || !was.Seen.Is(is.Seen) {
		return false
	}
	was.Base, was.Seen, is.Base, is.Seen = nil, nil, nil, nil
	return reflect.DeepEqual(was, is) && reflect.DeepEqual(r.loaded.target, r.knownTarget)
}

func decodeObject(text []byte) (map[string]any, error) {
	if len(text) == 0 {
		return nil, nil
	}
	v, err := decodeValue(text)
	if err != nil {
		return nil, err
	}
	members, _ := v.(map[string]any)
	return members, nil
}
