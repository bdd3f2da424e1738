package sync

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/state"
)

const (
	// flapWindow is how long the turns of a path count: a formatter and a
	// generator that undo each other take seconds for a turn, people hardly
	// come back to the same bytes twice in an hour.
	flapWindow = time.Hour

	// flapTurns is after how many turns a path goes back and forth: ours,
	// theirs, ours, theirs, of two contents.
	flapTurns = 4

	// mostTurns is how many turns of a path are kept: some saves of one hour.
	mostTurns = 8

	// overwrittenPause is how long a path may stand as it was before our own
	// write until that is believed. Whoever publishes a whole version at the same
	// moment replaces ours, finds it out and puts it back, which takes some calls
	// and, when others write as well, a few rounds of up to half a second.
	overwrittenPause = 10 * time.Second

	// flapDiffLines bounds the patch in a report.
	flapDiffLines = 40
)

// flaps are paths of a plan that go back and forth.
type flaps struct {
	stopped map[manifest.Path]ConflictReport // not published
	ended   []manifest.Path                  // published all the same, because the user prefers it
}

// flapping counts the conflicts of the result that are flaps.
func (r *run) flapping() (n int) {
	for _, c := range r.res.Conflicts {
		if c.flap {
			n++
		}
	}
	return n
}

// isFlap reports whether publishing a content would be one turn too many: four
// turns of the window that are ours and theirs by turns, and always the same
// two contents, of which this is ours.
func isFlap(turns []state.Turn, ours manifest.ID, now time.Time) bool {
	turns = recentTurns(turns, now)
	if len(turns) < flapTurns {
		return false
	}
	turns = turns[len(turns)-flapTurns:]
	theirs := turns[flapTurns-1].ID
	for i, t := range turns {
		mine := i%2 == 0
		if t.Own != mine || mine && t.ID != ours || !mine && t.ID != theirs {
			return false
		}
	}
	return ours != theirs
}

func recentTurns(turns []state.Turn, now time.Time) []state.Turn {
	return slices.DeleteFunc(slices.Clone(turns), func(t state.Turn) bool { return !isRecent(t.At, now, flapWindow) })
}

// isRecent reports whether a time on record is less than a span from now. One
// that lies ahead was noted by a clock that was put right since: a little ahead
// is as good as a little ago, a day ahead tells nothing and must hold up nothing
// for a day.
func isRecent(at, now time.Time, span time.Duration) bool { return now.Sub(at).Abs() < span }

// stopFlaps takes out of a plan what would be one turn too many. With a
// preference it is that side's.
func (r *run) stopFlaps(ctx context.Context, plan *diff.Plan, obs observation, policy diff.Policy) (f flaps) {
	if len(r.knownAsset.Turns) == 0 || r.Target.Rev != "" || r.Target.Direction != BothWays {
		return f
	}
	now := r.Now()
	flap := func(c diff.Change) bool { return isFlap(r.knownAsset.Turns[c.Path], idOf(c.New), now) }
	if policy.Direction == diff.Pull {
		if policy.Prefer == diff.Remote {
			r.takeTheirs(plan, obs, flap)
		}
		return f
	}
	f.stopped = map[manifest.Path]ConflictReport{}
	plan.Publish = slices.DeleteFunc(plan.Publish, func(c diff.Change) bool {
		switch {
		case !flap(c):
			return false
		case policy.Prefer == diff.Local:
			f.ended = append(f.ended, c.Path)
			return false
		case policy.Prefer == diff.Neither:
			plan.Conflicts = append(plan.Conflicts, diff.Conflict{Path: c.Path, Base: r.base()[c.Path], Local: c.New, Remote: c.Old, Why: diff.WhyFlap})
			f.stopped[c.Path] = r.flapReport(ctx, c, obs, now)
		}
		return true
	})
	slices.SortFunc(plan.Conflicts, func(a, b diff.Conflict) int { return cmp.Compare(a.Path, b.Path) })
	return f
}

// takeTheirs makes checkouts of local changes that go back and forth.
func (r *run) takeTheirs(plan *diff.Plan, obs observation, flap func(diff.Change) bool) {
	plan.Ahead = slices.DeleteFunc(plan.Ahead, func(c diff.Change) bool {
		if !flap(c) {
			return false
		}
		plan.Checkout = append(plan.Checkout, diff.Change{Path: c.Path, Old: c.New, New: obs.side.Tree.Get(c.Path), Why: diff.WhyPreferRemote})
		return true
	})
	slices.SortFunc(plan.Checkout, func(a, b diff.Change) int { return cmp.Compare(a.Path, b.Path) })
}

// isOverwritten reports whether a change there is nothing but our own write
// gone, a moment ago: somebody overwrote it and is about to put it back.
func (r *run) isOverwritten(c diff.Change) bool {
	now := r.Now()
	return slices.ContainsFunc(r.knownAsset.Turns[c.Path], func(t state.Turn) bool {
		return t.Own && t.Was == idOf(c.New) && isRecent(t.At, now, overwrittenPause)
	})
}

// holdOverwritten makes a conflict with what is about to be put back a pending
// change: our next write comes after that.
func (r *run) holdOverwritten(plan *diff.Plan) {
	plan.Conflicts = slices.DeleteFunc(plan.Conflicts, func(c diff.Conflict) bool {
		there := diff.Change{Path: c.Path, Old: c.Base.Remote, New: c.Remote, Why: diff.WhyChangedThere}
		held := c.Why == diff.WhyBothChanged && r.Target.Direction == BothWays && r.isOverwritten(there)
		if held {
			plan.Pending = append(plan.Pending, there)
		}
		return held
	})
}

// flapReport names both writers of a path that goes back and forth now, and
// shows what they undo of each other. What cannot be read is left out: it is a
// report.
func (r *run) flapReport(ctx context.Context, c diff.Change, obs observation, now time.Time) ConflictReport {
	var ours, theirs []int32
	turns := recentTurns(r.knownAsset.Turns[c.Path], now)
	for _, t := range turns[len(turns)-flapTurns:] { // isFlap found so many at this time
		if t.Own {
			ours = append(ours, t.Version)
		} else {
			theirs = append(theirs, t.Version)
		}
	}
	out := ConflictReport{Path: c.Path, flap: true, Why: fmt.Sprintf("%s: this machine wrote %s, somebody else %s",
		diff.WhyFlap, versionList(ours), versionList(theirs))}
	oldName, newName := string(c.Path), string(c.Path)
	var before, after []byte
	if c.Old == nil {
		oldName = diff.DevNull
	} else {
		data, ok, err := r.blob(obs, c.Old.ID)
		if err != nil || !ok {
			return out
		}
		before = data
	}
	if c.New == nil {
		newName = diff.DevNull
	} else {
		data, err := r.source.read(ctx, *c.New)
		if err != nil {
			return out
		}
		after = data
	}
	out.Diff = firstLines(diff.Unified(oldName, newName, before, after, diff.DefaultContext), flapDiffLines)
	return out
}

// firstLines returns at most n lines of a text, and says how many it left out.
func firstLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) <= n {
		return text
	}
	return strings.Join(lines[:n], "") + fmt.Sprintf("... %d more lines\n", len(lines)-n)
}

// takeTurns remembers what came to be on the remote since the last record.
// before is what was on record until now.
func (r *run) takeTurns(before state.ByPath[state.Pair], obs observation, p proposal, d *done) {
	for _, path := range p.flaps.ended {
		if _, ok := r.knownAsset.Turns[path]; ok && d != nil {
			r.knownAsset.Turns = maps.Clone(r.knownAsset.Turns)
			delete(r.knownAsset.Turns, path)
		}
	}
	if d != nil {
		for _, path := range slices.Sorted(maps.Keys(d.bases)) {
			version := obs.versionOf(path)
			if len(r.made) > 0 && !slices.Contains(r.made, version) {
				version = slices.Max(r.made)
			}
			r.turned(path, state.Turn{Version: version, Own: true, ID: idOf(d.bases[path].Local), Was: idOf(before.Get(path).Remote)})
		}
	}
	for _, path := range slices.Sorted(maps.Keys(r.knownAsset.Turns)) {
		pair := r.knownAsset.Base.Get(path)
		_, settled := p.files.Settled[path]
		if settled || !sameEntry(pair.Remote, obs.side.Tree.Get(path)) {
			r.turnedThere(path, obs)
		}
	}
}

// turnedThere remembers what somebody else made of a path that this machine
// has written. What is there of this machine's, as a merge, is none.
func (r *run) turnedThere(p manifest.Path, obs observation) {
	version := obs.versionOf(p)
	if len(r.knownAsset.Turns[p]) == 0 || obs.side.Unknown.Has(p) || r.isAccounted(version) {
		return
	}
	r.turned(p, state.Turn{Version: version, ID: idOf(obs.side.Tree.Get(p))})
}

// turned adds a turn, unless it is the last one once more, and drops what is
// too old to count.
func (r *run) turned(p manifest.Path, t state.Turn) {
	if r.Target.Direction != BothWays {
		return
	}
	if all := r.knownAsset.Turns[p]; len(all) > 0 && all[len(all)-1].ID == t.ID && all[len(all)-1].Own == t.Own {
		return
	}
	now := r.Now().UTC()
	t.At = now
	turns := map[manifest.Path][]state.Turn{}
	for path, list := range r.knownAsset.Turns {
		if list = recentTurns(list, now); len(list) > 0 {
			turns[path] = list
		}
	}
	list := append(turns[p], t)
	turns[p] = list[max(0, len(list)-mostTurns):]
	r.knownAsset.Turns = turns
}

// idOf is the id of what a path holds, zero for nothing.
func idOf(e *manifest.Entry) manifest.ID {
	if e == nil {
		return manifest.ID{}
	}
	return e.ID
}

// versionOf is the version that a path was changed in, as far as the listing
// tells: a service may say the asset's of every file.
func (o observation) versionOf(p manifest.Path) int32 {
	version := o.listing[string(p)].version
	if o.unread {
		version = o.recorded.Get(p).Version
	}
	if version > 0 {
		return version
	}
	return o.version
}
