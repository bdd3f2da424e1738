package sync

import (
	"context"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
)

// contentOf gives the bytes of an entry that is about to be sent.
type contentOf func(context.Context, manifest.Entry) ([]byte, error)

// publish makes the changes on the remote, proves them and records them. What
// it overwrote of somebody else's is put back, by further rounds.
func (r *run) publish(ctx context.Context, id string, obs observation, p proposal, atomic bool) error {
	total := done{read: map[manifest.Path]*manifest.Entry{}, metadata: map[string]any{}}
	changes, meta, content := p.changes, p.meta.publish, contentOf(r.source.read)
	var lost lostUpdates
	for round := 1; ; round++ {
		s, after, more, err := r.publishOnce(ctx, id, &obs, changes, meta, atomic, content)
		if err != nil {
			return lost.unrepaired(err)
		}
		if round == 1 {
			total.add(s, after, more)
			r.res.Outcome, r.res.Published = Published, s.means
		}
		total.versions = append(total.versions, after.own...)
		r.res.Versions, r.res.Version = total.versions, after.version
		r.res.Conflicts = append(r.res.Conflicts, more.conflicts...)
		lost, obs = more, after.observation
		if !lost.any() || round == maxRounds {
			break
		}
		// What was overwritten is put back, from the bytes that were read.
		changes, meta, content = lost.repairs, lost.metadata, lost.content
		if err := r.jitter(ctx); err != nil {
			return lost.unrepaired(err)
		}
	}
	if err := r.record(ctx, obs, p, &total); err != nil {
		return err
	}
	if lost.any() {
		return lost.unrepaired(errReplan)
	}
	return nil
}

// publishOnce is one round: it sends, proves and ends the intent.
func (r *run) publishOnce(ctx context.Context, id string, obs *observation, changes []diff.Change, meta map[string]any, atomic bool, content contentOf) (s script, after proof, lost lostUpdates, err error) {
	if s, err = r.script(ctx, id, obs, changes, meta, atomic, content); err != nil {
		return s, after, lost, err
	}
	nonce, out, err := r.execute(ctx, id, *obs, s)
	if err != nil {
		return s, after, lost, err
	}
	if after, lost, err = r.prove(ctx, id, *obs, s, out); err != nil {
		return s, after, lost, err
	}
	r.end(nonce)
	return s, after, lost, nil
}

// add takes what the first round published. A path on which somebody else's
// change won keeps its base, so that the next plan sees both.
func (d *done) add(s script, after proof, lost lostUpdates) {
	for _, c := range s.changes() {
		if !slices.Contains(lost.paths(), c.Path) {
			d.changes = append(d.changes, c)
			d.read[c.Path] = after.read[c.Path]
		}
	}
	for _, w := range s.writes {
		for key, value := range w.metadata {
			if _, theirs := lost.metadata[key]; !theirs {
				d.metadata[key] = value
			}
		}
	}
}
