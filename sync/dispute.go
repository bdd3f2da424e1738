package sync

import (
	"maps"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/state"
)

// setDispute remembers what is known of a path beyond its base. It copies the
// map first. [run.setPair] drops what is remembered.
func (r *run) setDispute(p manifest.Path, d state.Dispute) {
	r.knownAsset.Disputes = with(r.knownAsset.Disputes, p, d)
}

func (r *run) endDispute(p manifest.Path) {
	if _, ok := r.knownAsset.Disputes[p]; ok {
		r.knownAsset.Disputes = maps.Clone(r.knownAsset.Disputes)
		delete(r.knownAsset.Disputes, p)
	}
}

// show remembers what people are shown as the other side of a conflict. What a
// daemon tells by itself does not take the place of what they have before them:
// a merge by hand may be under way.
func (r *run) show(theirs manifest.Entry) {
	d := r.knownAsset.Disputes[theirs.Path]
	if r.unattended && d.Shown != (manifest.ID{}) {
		return
	}
	d.Shown = theirs.ID
	r.setDispute(theirs.Path, d)
}

// wasShown reports whether people were shown what the remote holds of a path in
// conflict. Where it holds nothing, there is nothing to be shown.
func (r *run) wasShown(c diff.Conflict) bool {
	return c.Remote == nil || r.knownAsset.Disputes[c.Path].Shown == c.Remote.ID
}

// reopen makes conflicts again of the named paths that were settled for what is
// here, in memory.
func (r *run) reopen(paths []manifest.Path) {
	for p, d := range r.knownAsset.Disputes {
		if d.Settled != nil && len(paths) > 0 && isAmong(p, paths) {
			r.setPair(p, *d.Settled)
			r.setDispute(p, state.Dispute{Apart: true})
		}
	}
}
