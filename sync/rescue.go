package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/state"
	"assetsync/sync/worktree"
)

// errRescued asks for a new look: a file is another one than was found.
var errRescued = errors.New("what was saved while a run that was killed checked out is in its place again")

// taken is a file that a check out was to replace or delete, in a run with a mark.
type taken struct {
	mark   string
	change diff.Change
	open   bool // that it was is not settled
}

// rescue finds saves that slipped in just when a check out took the file away, and
// that it had no time to put back. Where what was checked out is not settled, such a
// save is in its place again; elsewhere it is told, as a copy beside the conflicts.
func (r *run) rescue(ctx context.Context) error {
	all := r.allTaken()
	if len(all) == 0 {
		return nil
	}
	return r.inDirectory(func(wt *worktree.Worktree) error { return r.rescueIn(ctx, wt, all) })
}

func (r *run) rescueIn(ctx context.Context, wt *worktree.Worktree, all []taken) error {
	back := false
	for _, t := range all {
		var copied string
		keep := func(_ manifest.Path, data []byte) (err error) {
			if err = r.keepReplaced(ctx, t.change.Path, data); err == nil {
				copied, err = r.conflictCopy(entryOf(t.change.Path, data), data)
			}
			return err
		}
		got, err := wt.Rescue(t.mark, r.dir.local([]diff.Change{t.change})[0], t.open, keep)
		if err != nil {
			return fmt.Errorf("bring back what was saved while %s was checked out: %w", t.change.Path, err)
		}
		if back = back || got.Back; copied != "" { // also of one of two saves in a row
			r.note("%s was saved while it was checked out by a run that was killed; what is here now stays, and that save is at %s", t.change.Path, copied)
		}
	}
	if back {
		return errRescued
	}
	return nil
}

// allTaken returns what check outs on record took away, or were about to.
func (r *run) allTaken() (all []taken) {
	for _, p := range slices.Sorted(maps.Keys(r.knownAsset.CheckingOut)) {
		in := r.knownAsset.CheckingOut[p]
		open := r.knownAsset.Version == 0 || samePair(r.knownAsset.Base.Get(p), in.Was)
		all = append(all, taken{in.Mark, diff.Change{Path: p, Old: in.Old, New: in.New}, open})
	}
	last := cmp.Or(r.knownAsset.CheckedOut, &state.CheckOut{})
	for _, c := range last.Changes {
		if r.knownAsset.CheckingOut[c.Path].Mark != last.Mark {
			all = append(all, taken{last.Mark, diff.Change{Path: c.Path, Old: c.Old, New: c.New}, false})
		}
		all = append(all, taken{last.Back, diff.Change{Path: c.Path, Old: c.New, New: c.Old}, false})
	}
	return slices.DeleteFunc(all, func(t taken) bool { return t.mark == "" || t.change.Old == nil })
}
