package sync

import (
	"context"
	"errors"
	"fmt"

	"assetsync/diff"
	"assetsync/manifest"
)

// checkOutBack makes the directory what the remote is on the paths that were
// taken back, where it holds nothing that was not published. A file that does
// is in conflict from now on, so that no push undoes what was taken back.
func (r *run) checkOutBack(ctx context.Context, id string, snap manifest.Snapshot, newest observation, then earlier, clean map[manifest.Path]bool) error {
	var changes []diff.Change
	var stay, gone []manifest.Path
	for _, b := range then.paths {
		local, live := snap.Tree.Get(b.Path), newest.side.Tree.Get(b.Path)
		if r.ignores(snap, b.Path) || newest.side.Unknown.Has(b.Path) {
			continue
		}
		want, err := r.localForm(ctx, id, newest, live)
		if err != nil {
			return err
		}
		if !r.isBack(ctx, then, b, live, want, newest) || sameEntry(local, want) {
			continue
		}
		switch {
		case clean[b.Path]:
			changes = append(changes, diff.Change{Path: b.Path, Old: local, New: live, Why: diff.WhyBack})
		case sameEntry(r.knownAsset.Base.Get(b.Path).Remote, live):
			r.endDispute(b.Path) // what is here was made of what is live: it is a change to be published
		case local == nil:
			gone = append(gone, b.Path)
		default:
			stay = append(stay, b.Path)
		}
	}
	if len(stay) > 0 {
		r.note("changed here and left as it is: %s; it is in conflict with what was taken back, until push --prefer local or pull --prefer remote", some(stay))
	}
	if len(gone) > 0 {
		r.note("changed here and left as it is: %s; a pull brings back what was deleted here", some(gone))
	}
	if r.Target.Rev != "" {
		if len(changes) > 0 {
			r.note("the commits are git's: git revert what was taken back, or commit the same; until then it counts as a change of the remote, and is not published again (%s)", someChanges(changes))
		}
		return r.conflictsBack()
	}
	made, failed := r.checkOut(ctx, id, newest, changes, r.movesTo(ctx, id, newest))
	if len(made) > 0 {
		r.note("checked out here: %s", someChanges(made))
	}
	if err := errors.Join(failed, r.recordCheckout(ctx, id, newest, proposal{}, made)); err != nil {
		return err
	}
	return r.conflictsBack()
}

// isBack reports whether the remote is as it was to be, also where the service
// rewrote what it was sent.
func (r *run) isBack(ctx context.Context, then earlier, b diff.Back, live, want *manifest.Entry, obs observation) bool {
	if sameEntry(live, b.To) || sameEntry(want, b.To) {
		return true
	}
	sent := func(e manifest.Entry) ([]byte, bool) {
		data, err := then.bytes(ctx, e)
		return data, err == nil
	}
	return r.cameOf(sent, b.To, live, obs)
}

func someChanges(changes []diff.Change) string {
	var names []manifest.Path
	for _, c := range changes {
		names = append(names, c.Path)
	}
	return some(names)
}

// conflictsBack makes an error of what others did meanwhile.
func (r *run) conflictsBack() error {
	var names []string
	for i, c := range r.res.Conflicts {
		names = append(names, string(c.Path))
		if c.Why == whyAtOnce {
			r.res.Conflicts[i].Why = "changed on the remote at the same time; theirs is live again"
		}
	}
	for _, c := range r.res.MetadataChanges {
		if c.Action == "conflict" {
			names = append(names, "metadata "+c.Key)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return &Error{
		Kind:    KindConflict,
		Message: fmt.Sprintf("%s was not taken back: it changed at the same time", some(names)),
		Hint:    "look with assetsync diff, and repeat the command",
	}
}
