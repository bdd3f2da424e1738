package sync

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/state"
)

// maxOwn bounds the versions that a record names as made by this machine.
const maxOwn = 1000

// setBase makes an observed version the base of every path.
func (r *run) setBase(obs observation) {
	r.asset.Base = map[manifest.Path]state.Pair{}
	for e := range obs.side.Tree.All() {
		r.asset.Base[e.Path] = state.Pair{Local: &e, Remote: &e}
	}
}

// setPair advances the base of one path. It copies the map first: the record
// as loaded is compared with what is written at the end.
func (r *run) setPair(p manifest.Path, pair state.Pair) {
	r.asset.Base = maps.Clone(r.asset.Base)
	if r.asset.Base == nil {
		r.asset.Base = map[manifest.Path]state.Pair{}
	}
	if pair.Local == nil && pair.Remote == nil {
		delete(r.asset.Base, p)
		return
	}
	r.asset.Base[p] = pair
}

// settle advances the base by what earlier runs sent and the remote is seen
// to hold. It changes the record in memory; the next record makes it durable.
//
// An intent of which nothing is missing is over. Any other is in doubt from
// now on and stays until its time has passed, even when its content is seen
// later: that may come from a repetition, with the doubtful write still on
// its way. A late effect is thereby known for our own echo, and never taken
// for a foreign change.
func (r *run) settle(obs observation) {
	var open []state.Intent
	for _, in := range r.target.Intents {
		if missing := r.settleIntent(in, obs); missing || in.Doubt {
			in.Doubt = true
			if r.Now().Before(in.Until) {
				open = append(open, in)
			}
		}
	}
	r.target.Intents = open
}

// settleIntent takes over what is seen of one intent and reports whether
// anything of it is not.
func (r *run) settleIntent(in state.Intent, obs observation) (missing bool) {
	for _, c := range in.Changes {
		got := obs.side.Tree.Get(c.Path)
		if !sameEntry(got, c.New) || obs.side.Unknown.Has(c.Path) {
			missing = true
			continue
		}
		if !in.Repair { // the local side never had what a repair puts back
			r.setPair(c.Path, state.Pair{Local: c.New, Remote: got})
		}
	}
	sent, err := decodeObject(in.Metadata)
	if err != nil {
		return missing // nothing can be compared with what cannot be read
	}
	for key, value := range sent {
		got, ok := obs.metadata[key]
		if !ok || !sameValue(value, got) {
			missing = true
			continue
		}
		if !in.Repair {
			r.setMetadata(key, value)
		}
	}
	return missing
}

func (r *run) setMetadata(key string, value any) {
	encoded, err := encodeBase(map[string]any{key: value})
	if err != nil {
		return // a value that came out of JSON goes into it again
	}
	r.asset.Metadata = maps.Clone(r.asset.Metadata)
	if r.asset.Metadata == nil {
		r.asset.Metadata = encoded
		return
	}
	r.asset.Metadata[key] = encoded[key]
}

func sameEntry(a, b *manifest.Entry) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID
}

// begin makes an intent durable. Nothing of it may be sent before.
func (r *run) begin(in state.Intent, writes []write) error {
	in.Started, in.Until = r.Now().UTC(), r.Now().Add(doubtWindow).UTC()
	if err := describeWrites(&in, writes); err != nil {
		return err
	}
	r.target.Intents = append(slices.Clone(r.target.Intents), in)
	return r.keepTarget()
}

// narrow makes durable that of an intent only these writes were sent; it goes
// when there are none. In doubt is the last of them.
func (r *run) narrow(nonce string, sent []write, doubt bool) error {
	if len(sent) == 0 {
		r.end(nonce)
		return r.keepTarget()
	}
	r.target.Intents = slices.Clone(r.target.Intents)
	for i := range r.target.Intents {
		if in := &r.target.Intents[i]; in.Nonce == nonce {
			in.Doubt = doubt
			if err := describeWrites(in, sent); err != nil {
				return err
			}
		}
	}
	return r.keepTarget()
}

// describeWrites puts what writes do into an intent.
func describeWrites(in *state.Intent, writes []write) error {
	s := script{writes: writes}
	in.Changes = nil
	for _, c := range s.changes() {
		in.Changes = append(in.Changes, state.PlannedChange{Path: c.Path, Old: c.Old, New: c.New})
	}
	doc, err := document(s.metadata())
	in.Metadata = json.RawMessage(doc)
	return err
}

func (r *run) keepTarget() error {
	return r.State.Update(func(tx state.Tx) error {
		return tx.PutTarget(r.Space, r.Target.Name, r.target)
	})
}

// end drops an intent, in memory: the next record makes it durable.
func (r *run) end(nonce string) {
	r.target.Intents = slices.DeleteFunc(slices.Clone(r.target.Intents), func(in state.Intent) bool { return in.Nonce == nonce })
}

// done is what a publishing proved.
type done struct {
	changes  []diff.Change // as published; the base takes New for both sides unless read says otherwise
	read     map[manifest.Path]*manifest.Entry
	metadata map[string]any
}

// record makes what is known now durable: history first, then base and
// target in one transaction, which is the commit point of a run. A run that
// learned nothing writes nothing.
func (r *run) record(ctx context.Context, obs observation, p proposal, d *done) error {
	before := r.asset
	for path, pair := range p.files.Settled {
		r.setPair(path, state.Pair(pair))
	}
	for _, path := range p.files.Released {
		r.setPair(path, state.Pair{})
	}
	for key, value := range p.meta.settled {
		r.setMetadata(key, value)
	}
	if d != nil {
		r.take(*d)
	}
	foreign := d == nil && !slices.Contains(r.asset.Own, obs.version)
	r.asset.Version = obs.version
	r.asset.Seen = obs.seen
	r.target.AssetID = r.res.AssetID

	if d != nil || obs.version != before.Version {
		if err := r.remember(ctx, obs, "version read by assetsync", foreign); err != nil {
			return err
		}
	}
	return r.commit()
}

// take advances the record by what was published.
func (r *run) take(d done) {
	deleted := 0
	for _, c := range d.changes {
		read, ok := d.read[c.Path]
		if !ok {
			read = c.New
		}
		r.setPair(c.Path, state.Pair{Local: c.New, Remote: read})
		if c.New == nil {
			deleted++
		}
	}
	for key, value := range d.metadata {
		r.setMetadata(key, value)
	}
	r.asset.Own = r.asset.Own[max(0, len(r.asset.Own)-maxOwn):]
	r.countDeletions("remote", deleted)
}

// countDeletions remembers deletions for the cap, those of the window only.
func (r *run) countDeletions(side string, n int) {
	if n == 0 {
		return
	}
	now := r.Now()
	recent := slices.DeleteFunc(slices.Clone(r.asset.Deletions), func(d state.Deletion) bool { return now.Sub(d.At) >= deleteWindow })
	r.asset.Deletions = append(recent, state.Deletion{At: now.UTC(), Files: n, Side: side})
}

// commit writes the record in one transaction, if it differs from the stored
// one.
func (r *run) commit() error {
	asset, err := r.State.Asset(r.Space, r.res.AssetID)
	if err != nil {
		return err
	}
	target, err := r.State.Target(r.Space, r.Target.Name)
	if err != nil {
		return err
	}
	if reflect.DeepEqual(asset, r.asset) && reflect.DeepEqual(target, r.target) && !r.learned {
		return nil
	}
	return r.State.Update(func(tx state.Tx) error {
		if err := tx.PutAsset(r.Space, r.res.AssetID, r.asset); err != nil {
			return err
		}
		if r.learned { // else another target of this run may know more
			if err := tx.PutEndpoint(r.Space, r.endpoint); err != nil {
				return err
			}
		}
		return tx.PutTarget(r.Space, r.Target.Name, r.target)
	})
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
