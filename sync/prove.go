package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
)

// proof is the remote as it was read back after a publishing.
type proof struct {
	observation
	own  []int32                           // the versions that the publishing made
	read map[manifest.Path]*manifest.Entry // what the remote holds of what was sent
}

// lostUpdates is what a publishing overwrote of somebody else's.
type lostUpdates struct {
	repairs   []diff.Change // to publish, so that their bytes are back
	metadata  map[string]any
	conflicts []ConflictReport
	theirs    map[manifest.ID][]byte
}

func (l lostUpdates) any() bool { return len(l.repairs) > 0 || len(l.metadata) > 0 }

func (l lostUpdates) paths() (paths []manifest.Path) {
	for _, c := range l.repairs {
		paths = append(paths, c.Path)
	}
	for _, k := range slices.Sorted(maps.Keys(l.metadata)) {
		paths = append(paths, manifest.Path("metadata "+k))
	}
	return paths
}

// content returns the bytes that others wrote.
func (l lostUpdates) content(_ context.Context, e manifest.Entry) ([]byte, error) {
	data, ok := l.theirs[e.ID]
	if !ok {
		return nil, fmt.Errorf("put %s back: its bytes were not read", e.Path)
	}
	return data, nil
}

// unrepaired tells of overwritten changes that could not be put back, when
// there are any; else it returns cause.
func (l lostUpdates) unrepaired(cause error) error {
	if !l.any() {
		return cause
	}
	return &Error{
		Kind: KindConflict, Err: cause,
		Message: fmt.Sprintf("possible lost update on %s: somebody else's change was overwritten and could not be put back: %v", somePaths(l.paths()), cause),
		Hint:    "assetsync log shows the versions; pull one with --version N --to DIR and take their change from there",
	}
}

// prove reads the asset back after the writes of s and accounts for every
// version since the observed one. The service has no compare-and-swap, so
// this look is what finds a write that slipped in between.
func (r *run) prove(ctx context.Context, id string, before observation, s script, out sent) (proof, lostUpdates, error) {
	after, err := r.observe(ctx, id)
	if err != nil {
		return proof{}, lostUpdates{}, fmt.Errorf("read back what was published: %w", err)
	}
	f, err := r.account(ctx, id, before, s, out, after)
	if err != nil {
		return proof{}, lostUpdates{}, err
	}
	p := proof{observation: after, own: slices.Sorted(slices.Values(append(f.own, out.versions...))), read: map[manifest.Path]*manifest.Entry{}}
	for _, c := range s.changes() {
		p.read[c.Path] = c.New
		if _, touched := f.files[c.Path]; !touched && c.New != nil {
			if got := after.side.Tree.Get(c.Path); got != nil {
				p.read[c.Path] = got // differs where the service rewrites
			}
		}
	}
	if len(f.versions) > 0 {
		r.note("version %s was made by somebody else meanwhile", numbers(f.versions))
	}
	return p, f.lost(before, s, after), nil
}

// lost compares what others did with what is live now.
func (f foreign) lost(before observation, s script, after observation) lostUpdates {
	l := lostUpdates{theirs: f.content, metadata: map[string]any{}}
	ours := map[manifest.Path]diff.Change{}
	for _, c := range s.changes() {
		ours[c.Path] = c
	}
	for _, p := range slices.Sorted(maps.Keys(f.files)) {
		theirs, live := f.files[p], after.side.Tree.Get(p)
		if sameEntry(theirs, live) {
			continue
		}
		c, both := ours[p]
		switch {
		case both && sameEntry(live, c.New):
			if theirs == nil {
				continue // a delete loses to an edit
			}
			l.conflicts = append(l.conflicts, ConflictReport{Path: p, Why: "changed on both sides at the same time; theirs is live again, yours is in your directory"})
		case !both && sameEntry(live, before.side.Tree.Get(p)):
			// A zip carried the observed bytes over their change.
		default:
			continue // changed again since, and not by this run
		}
		l.repairs = append(l.repairs, diff.Change{Path: p, Old: live, New: theirs, Why: "overwritten by this run; put back"})
	}
	for key, theirs := range f.metadata {
		if live, ok := after.metadata[key]; ok && !sameValue(live, theirs) {
			l.metadata[key] = theirs
			l.conflicts = append(l.conflicts, ConflictReport{Path: manifest.Path("metadata " + key), Why: "changed on both sides at the same time; theirs is live again"})
		}
	}
	return l
}
