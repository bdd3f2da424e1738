package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/state"
	"assetsync/sync/worktree"
)

// moves says what a check out makes the base of its paths. A nil one moves no
// base: what is checked out is a change here.
type moves struct {
	newest observation // that the base is of
	base   func(diff.Change) (state.Pair, error)
}

// movesTo is of a check out that makes a version the base.
func (r *run) movesTo(ctx context.Context, id string, obs observation) *moves {
	return &moves{obs, func(c diff.Change) (state.Pair, error) { return r.baseOnce(ctx, id, obs, c) }}
}

// baseOnce is the base of a path once a change of it is checked out.
func (r *run) baseOnce(ctx context.Context, id string, obs observation, c diff.Change) (state.Pair, error) {
	there := c.New
	if m, ok := r.merged[c.Path]; ok && sameEntry(&m.entry, c.New) {
		there = &m.remote // what is here besides is a change to be published
	}
	return r.pairOf(ctx, id, obs, there)
}

// checkOut makes the changes in the directory and returns those that were
// made. Each that was not is a conflict or a problem of the result. Known before
// the first: the intent of it is durable.
func (r *run) checkOut(ctx context.Context, id string, obs observation, changes []diff.Change, m *moves) ([]diff.Change, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	root, err := r.dir.make()
	if err != nil {
		return nil, fmt.Errorf("check out: %w", err)
	}
	wt := r.worktree(root)
	defer wt.Close()
	intents, err := r.intend(ctx, id, obs, changes, m)
	if err != nil {
		return nil, err
	}
	wt.Mark = worktree.NewMark()
	content := func(e manifest.Entry) ([]byte, error) {
		if m, ok := r.merged[e.Path]; ok && m.entry.ID == e.ID {
			return m.data, nil
		}
		return r.remoteContent(ctx, id, obs, e)
	}
	if err := r.beginCheckOut(obs, changes, content, wt.Mark, intents); err != nil {
		return nil, err
	}
	keep := func(p manifest.Path, data []byte) error {
		if err := r.keepReplaced(ctx, p, data); err != nil {
			return err
		}
		return r.noteKept(p, data)
	}
	results := wt.Apply(ctx, r.dir.local(changes), content, keep)
	r.traces = wt.Traces()
	return r.applied(changes, results)
}

// applied reports what became of changes, and returns those that were made.
// The intents of those that failed, or met a save, stay: what the directory
// holds by then is for a later look to tell.
func (r *run) applied(changes []diff.Change, results []worktree.Result) (made []diff.Change, err error) {
	var failed []error
	refused := false
	for i, res := range results {
		switch res.Outcome {
		case worktree.Done:
			made = append(made, changes[i])
			r.endCheckOut(changes[i].Path)
		case worktree.Conflict:
			r.res.Conflicts = append(r.res.Conflicts, ConflictReport{Path: res.Path, Why: "was saved here while it was checked out; your save stays"})
		case worktree.Refused:
			r.res.Problems = append(r.res.Problems, refusal(res))
			r.endCheckOut(changes[i].Path)
			refused = true
		default:
			failed = append(failed, res.Err)
		}
	}
	switch {
	case refused:
		r.res.Outcome = Blocked
	case len(made) > 0 && r.res.Outcome == Unchanged:
		r.res.Outcome = CheckedOut
	}
	if len(failed) > 0 {
		return made, fmt.Errorf("check out: %w", errors.Join(failed...))
	}
	return made, nil
}

// refusal says why a change could not be made in the directory.
func refusal(res worktree.Result) manifest.Problem {
	p := manifest.Problem{Path: res.Path, Kind: manifest.BadName, Detail: res.Err.Error()}
	if errors.Is(res.Err, worktree.ErrInTheWay) {
		p.Kind, p.Hint = manifest.InTheWay, "move it away, put a directory of its own in the place of a link, and repeat the command"
	}
	return p
}

// worktree is the open directory as one that is written to.
func (r *run) worktree(root *os.Root) *worktree.Worktree {
	wt := worktree.New(root, r.hook(r.dir.dir))
	wt.Text = r.Target.Text
	return wt
}

// openWorktree opens the directory for writing, where it is there.
func (r *run) openWorktree() (*worktree.Worktree, error) {
	root, err := r.dir.open()
	if err != nil {
		return nil, fmt.Errorf("open worktree: %w", err)
	}
	return r.worktree(root), nil
}

// inDirectory does something with the directory opened for writing, and nothing where
// it is not there.
func (r *run) inDirectory(do func(*worktree.Worktree) error) error {
	wt, err := r.openWorktree()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(do(wt), wt.Close())
}

// keepReplaced makes bytes durable that are about to go from the directory.
func (r *run) keepReplaced(ctx context.Context, p manifest.Path, data []byte) error {
	return r.keepFile(ctx, p, data, "replaced by "+r.verb)
}

// local names changes as the directory does: a single file has its own name
// there.
func (s directory) local(changes []diff.Change) []diff.Change {
	if s.file == "" {
		return changes
	}
	renamed := make([]diff.Change, len(changes))
	for i, c := range changes {
		c.Path = manifest.Path(s.file)
		renamed[i] = c
	}
	return renamed
}

// recordCheckout makes durable what was checked out.
func (r *run) recordCheckout(ctx context.Context, id string, obs observation, p proposal, made []diff.Change) error {
	for _, c := range made {
		pair, err := r.baseOnce(ctx, id, obs, c)
		if err != nil {
			return err
		}
		r.setPair(c.Path, pair)
		r.turnedThere(c.Path, obs)
	}
	r.countDeletions("local", len(losses(made)))
	if err := r.record(ctx, obs, p, nil); err != nil {
		return err
	}
	r.discardTraces()
	return nil
}

// discardTraces removes what the check out left to be known by: the base is
// recorded.
func (r *run) discardTraces() {
	if len(r.traces) == 0 {
		return
	}
	wt, err := r.openWorktree()
	if err == nil {
		err = errors.Join(wt.Discard(r.traces), wt.Close())
	}
	if r.traces = nil; err != nil {
		r.note("left-overs of the check out stay until the next one: %v", err)
	}
}

// intend returns the intents of changes that move the base of their path, and
// makes sure that history has what the base is to be: a file that is changed
// here next is merged over it.
func (r *run) intend(ctx context.Context, id string, obs observation, changes []diff.Change, m *moves) (map[manifest.Path]state.CheckOutIntent, error) {
	if m == nil {
		return nil, nil
	}
	intents := map[manifest.Path]state.CheckOutIntent{}
	for _, c := range changes {
		base, err := m.base(c)
		if err != nil {
			return nil, err
		}
		was := r.knownAsset.Base.Get(c.Path)
		if samePair(was, base) {
			continue
		}
		here := c.New // a merge is in local form
		if m, ok := r.merged[c.Path]; !ok || !sameEntry(&m.entry, c.New) {
			if here, err = r.localForm(ctx, id, obs, c.New); err != nil {
				return nil, err
			}
		}
		intents[c.Path] = state.CheckOutIntent{Version: m.newest.version, Old: c.Old, New: here, Was: was, Base: base}
	}
	if len(intents) > 0 && m.newest.version != r.knownAsset.Version {
		return intents, r.remember(ctx, m.newest, !slices.Contains(r.knownAsset.Own, m.newest.version))
	}
	return intents, nil
}

// beginCheckOut makes durable what is about to be checked out, so that the next
// run can tell what of it was done, and so that it can be taken back. What is on
// record else stays as it was, for the run has not come to its commit point; but
// the base of the paths is the one that was planned on.
func (r *run) beginCheckOut(obs observation, changes []diff.Change, content worktree.Content, mark string, intents map[manifest.Path]state.CheckOutIntent) error {
	if r.verb == verbUndoLocal {
		c := *r.knownAsset.CheckedOut
		c.Back = mark
		r.knownAsset.CheckedOut = &c
		return r.commit() // what was settled; that ends the check out on record
	}
	c, err := r.describeCheckOut(obs, changes, content)
	if err != nil {
		return err
	}
	c.Mark = mark
	return r.putCheckOut(c, func(stored *state.Asset) {
		for p, in := range intents {
			in.Mark = mark
			stored.CheckingOut = with(stored.CheckingOut, p, in)
			r.knownAsset.CheckingOut = with(r.knownAsset.CheckingOut, p, in)
			if stored.Version != 0 { // else nothing is recorded that the base could be a part of
				r.planOn(stored, p, in.Was)
			}
		}
	})
}

// planOn puts into a record what was planned on at a path, where that is not on
// record.
func (r *run) planOn(stored *state.Asset, p manifest.Path, base state.Pair) {
	if samePair(stored.Base.Get(p), base) {
		return
	}
	stored.Base, stored.Disputes = withPair(stored.Base, p, base), maps.Clone(stored.Disputes)
	delete(stored.Disputes, p)
	if d, ok := r.knownAsset.Disputes[p]; ok {
		stored.Disputes = with(stored.Disputes, p, d)
	}
}

// endCheckOut drops the intent of a path, in memory: the next record makes it
// durable.
func (r *run) endCheckOut(p manifest.Path) {
	r.knownAsset.CheckingOut = maps.Clone(r.knownAsset.CheckingOut)
	if delete(r.knownAsset.CheckingOut, p); len(r.knownAsset.CheckingOut) == 0 {
		r.knownAsset.CheckingOut = nil
	}
}

// settleCheckOuts advances the base by what a run that was cut short has checked
// out, as the directory shows: what it was to bring is brought, what it was to
// replace is untouched. Anything else is a change of the user's, over what was
// brought where the run left a trace of that. What is not here and was to come is
// looked at once more later where the run checks nothing out: it may be missing
// just while it is saved. It changes the record in memory; the next record makes
// it durable.
func (r *run) settleCheckOuts(snap manifest.Snapshot, later bool) error {
	if len(r.knownAsset.CheckingOut) == 0 || r.Target.Rev != "" || r.From != nil {
		return nil
	}
	recorded := r.knownAsset.Version != 0
	var brought []diff.Change
	for _, p := range slices.Sorted(maps.Keys(r.knownAsset.CheckingOut)) {
		in := r.knownAsset.CheckingOut[p]
		if snap.Unknown.Has(p) {
			continue
		}
		here := snap.Tree.Get(p)
		moved := recorded && !samePair(r.knownAsset.Base.Get(p), in.Was)
		if moved || here != nil || in.New == nil || !later {
			r.endCheckOut(p)
		}
		if moved {
			continue
		}
		done, err := r.isBrought(p, in, here)
		switch {
		case err != nil:
			return err
		case done:
			r.setPair(p, in.Base)
			brought = append(brought, diff.Change{Path: p, Old: in.Old, New: in.New})
		case !recorded && r.told == nil:
			r.setPair(p, in.Was)
		}
	}
	r.countDeletions("local", len(losses(brought)))
	for _, c := range r.dir.local(brought) {
		r.brought = append(r.brought, c.Path)
	}
	return nil
}

// persistBrought makes durable what a run that was cut short has brought, before
// that is recorded: should the directory fall back to what it was, its old content
// would look like a change of the user's. A run that records nothing writes nothing.
func (r *run) persistBrought() error {
	paths := r.brought
	if r.brought = nil; len(paths) == 0 {
		return nil
	}
	return r.inDirectory(func(wt *worktree.Worktree) error { return wt.Persist(paths) })
}

// isBrought reports whether a path was checked out as an intent says. A path that
// is empty now, and was not to be, tells nothing: it may have been so for a moment
// when the run ended, and an edit of theirs wins over a deletion anyway. What is
// here in the place of a file that was to be deleted counts as made after that:
// should somebody bring the file back there, both are shown.
func (r *run) isBrought(p manifest.Path, in state.CheckOutIntent, here *manifest.Entry) (bool, error) {
	switch {
	case sameEntry(here, in.New):
		return true, nil
	case here == nil, sameEntry(here, in.Old):
		return false, nil
	case in.New == nil:
		return true, nil
	}
	wt, err := r.openWorktree()
	if err != nil {
		return false, err
	}
	defer wt.Close()
	c := diff.Change{Path: p, Old: in.Old, New: in.New}
	return wt.Brought(in.Mark, r.dir.local([]diff.Change{c})[0]), nil
}

func samePair(a, b state.Pair) bool { return diff.Pair(a).Equal(diff.Pair(b)) }
