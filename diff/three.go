package diff

import (
	"cmp"
	"slices"

	"assetsync/manifest"
)

// Pair is the base of one path: what both sides were when they were last
// settled. The ids of the sides differ where the service rewrites a file.
// Either may be absent.
type Pair struct {
	Local  *manifest.Entry `json:"local,omitempty"`
	Remote *manifest.Entry `json:"remote,omitempty"`
}

// isForm reports whether e is one of two forms of one content: what was sent,
// or what the service made of it. Either side may come to hold the other's.
func (p Pair) isForm(e *manifest.Entry) bool {
	return p.Local != nil && p.Remote != nil && (same(e, p.Local) || same(e, p.Remote))
}

// Equal reports whether two pairs are of the same contents.
func (p Pair) Equal(q Pair) bool { return same(p.Local, q.Local) && same(p.Remote, q.Remote) }

// Base is the base of all paths. A path that is not in it was absent on both
// sides.
type Base map[manifest.Path]Pair

// Side is what is known of one side. Unknown wins over Tree.
type Side struct {
	Tree    manifest.Tree
	Unknown manifest.UnknownSet
}

// Direction says which side may be written.
type Direction int

// The directions.
const (
	Both Direction = iota // publish and check out
	Push                  // publish only
	Pull                  // check out only
)

// Prefer says whose content survives when both sides changed one path. It
// decides nothing else.
type Prefer int

// The preferences.
const (
	Neither Prefer = iota // such a path is a conflict
	Local                 // the local file overwrites the remote one
	Remote                // the remote file overwrites the local one
)

// Policy is what the user allows.
type Policy struct {
	Direction Direction
	Prefer    Prefer
}

// Input is what [Three] decides on. Three keeps no reference to it.
type Input struct {
	Base          Base
	Local, Remote Side
	// Ignored holds the local ignore rules; nil ignores nothing. The local
	// tree holds no ignored path.
	Ignored func(manifest.Path) bool
	// Form says for the id of a file of which other file it is a form, as text
	// with CRLF is one of that with LF; an id that is not in it is its own.
	// Files of one form are no change of each other. The local tree holds what
	// is published, which is its own form.
	Form map[manifest.ID]manifest.ID
	// Merged holds what the changes of both sides make together, for paths on
	// which both changed and which merge; see [Merge]. A path that is not in it
	// does not merge.
	Merged map[manifest.Path]manifest.Entry
	// Apart reports whether a path was taken back on the remote while the local
	// side held something of its own: then a deletion there is one that no edit
	// here undoes unasked. Nil: none was.
	Apart  func(manifest.Path) bool
	Policy Policy
}

// Conflict is a path on which neither side may be written.
type Conflict struct {
	Path   manifest.Path   `json:"path"`
	Base   Pair            `json:"base"`
	Local  *manifest.Entry `json:"local,omitempty"`
	Remote *manifest.Entry `json:"remote,omitempty"`
	Why    Why             `json:"why"`
	// Clash is, for WhyClash, the path that stands in the way: a file where
	// Path needs a directory, or a path below Path.
	Clash manifest.Path `json:"clash,omitempty"`
}

// Frozen is a path that is unknown on a side. Nothing is changed on it, and
// its base stays, whatever happened on the other side.
type Frozen struct {
	Path manifest.Path `json:"path"`
	Why  Why           `json:"why"`
}

// Plan is what to do, each list in path order. A path is in at most one of
// Publish, Checkout, Conflicts, Pending, Ahead, Unmanaged, Frozen, Settled,
// but that a merge goes both ways at once with direction Both;
// one that is in none of them needs nothing and keeps its base.
//
// The remote tree without the deletes and with the other changes of Publish
// is a valid tree; so is the local tree with Checkout. Whoever carries a list
// out in steps makes its deletes first: a file may take a directory's place.
type Plan struct {
	// Publish is made on the remote: Old is the remote entry, New the local,
	// or the merge.
	Publish []Change `json:"publish,omitempty"`
	// Checkout is made in the worktree: Old is the local entry, New the
	// remote, or the merge.
	Checkout  []Change   `json:"checkout,omitempty"`
	Conflicts []Conflict `json:"conflicts,omitempty"`
	// Pending are remote changes that are not taken because the direction is
	// Push: from base.Remote to the remote entry. The base stays.
	Pending []Change `json:"pending,omitempty"`
	// Ahead are local changes that are not published because the direction
	// is Pull: from base.Local to the local entry. The base stays.
	Ahead []Change `json:"ahead,omitempty"`
	// Unmanaged are remote files that the ignore rules match: never pulled,
	// never deleted, carried by whoever replaces the whole remote.
	Unmanaged []manifest.Entry `json:"unmanaged,omitempty"`
	Frozen    []Frozen         `json:"frozen,omitempty"`
	// Settled are paths on which both sides agree and the base does not say
	// so: the pair to record, or the zero Pair to drop the record.
	Settled Base `json:"settled,omitempty"`
	// Released are paths of the base that became ignored: the record is
	// dropped, nothing is deleted.
	Released []manifest.Path `json:"released,omitempty"`
}

// Empty reports whether the plan changes neither side.
func (p Plan) Empty() bool { return len(p.Publish) == 0 && len(p.Checkout) == 0 }

// Three compares both sides with the base. A side changed a path when it is
// not what the base says of that side. Per path:
//
//   - ignored: a remote file is unmanaged, a base entry is released;
//   - unknown on a side: frozen;
//   - both sides equal: settled, whatever the base says;
//   - both sides of one form: settled too, unless the base says that the
//     remote file was published from here before files had that form: then it
//     is published in its form, once;
//   - one side changed: the other one takes it, as far as the direction
//     allows;
//   - one side deleted, the other changed: the delete loses, the change is
//     taken as if it were the only one; but for a deletion on the remote by
//     which the path was taken back there, which is a change as others are;
//   - both changed, and one of them holds what the base is to the other: only
//     the other one did, because the sides of a base are two forms of one content;
//   - both changed: merged where that is possible, else a conflict, unless
//     there is a preference. A merge that one side holds already is no change
//     of that side.
//
// A file that would stand where another path needs a directory is a conflict
// too, which no preference settles: it would cost paths that nobody named.
func Three(in Input) Plan {
	t := three{in: in}
	for _, p := range union(in.Local.Tree, in.Remote.Tree, in.Base) {
		t.decide(p)
	}
	t.plan.Publish = t.withoutClashes(t.plan.Publish, in.Remote, publishClash)
	t.plan.Checkout = t.withoutClashes(t.plan.Checkout, in.Local, checkoutClash)
	slices.SortFunc(t.plan.Conflicts, func(a, b Conflict) int { return cmp.Compare(a.Path, b.Path) })
	return t.plan
}

type three struct {
	in   Input
	plan Plan
}

// state is everything about one path.
type state struct {
	path          manifest.Path
	base          Pair
	local, remote *manifest.Entry
}

func (t *three) decide(p manifest.Path) {
	base, recorded := t.in.Base[p]
	s := state{p, base, t.in.Local.Tree.Get(p), t.in.Remote.Tree.Get(p)}
	if t.in.Ignored != nil && t.in.Ignored(p) {
		t.ignore(s, recorded)
		return
	}
	if why, ok := t.unknown(p); ok {
		t.plan.Frozen = append(t.plan.Frozen, Frozen{p, why})
		return
	}
	here, there := !t.alike(s.local, base.Local), !t.alike(s.remote, base.Remote)
	switch {
	case same(s.local, s.remote):
		t.settle(s, recorded)
	case t.alike(s.local, s.remote) && !here && !same(s.local, base.Local) && same(s.remote, base.Remote):
		t.publish(s, WhyForm)
	case t.alike(s.local, s.remote):
		t.settle(s, recorded)
	case here && there && base.isForm(s.local) && base.isForm(s.remote):
		t.settle(s, recorded)
	case here && there:
		t.bothChanged(s)
	case here:
		t.publish(s, whyOneSide(base.Local, s.local, WhyNewHere, WhyChangedHere, WhyDeletedHere))
	case there:
		t.checkout(s, whyOneSide(base.Remote, s.remote, WhyNewThere, WhyChangedThere, WhyDeletedThere))
	}
}

// alike reports whether neither of two states is a change of the other.
func (t *three) alike(a, b *manifest.Entry) bool {
	return same(a, b) || a != nil && b != nil && t.form(a.ID) == t.form(b.ID)
}

func (t *three) form(id manifest.ID) manifest.ID {
	if form, ok := t.in.Form[id]; ok {
		return form
	}
	return id
}

func (t *three) ignore(s state, recorded bool) {
	if s.remote != nil {
		t.plan.Unmanaged = append(t.plan.Unmanaged, *s.remote)
	}
	if recorded {
		t.plan.Released = append(t.plan.Released, s.path)
	}
}

func (t *three) unknown(p manifest.Path) (Why, bool) {
	here, there := t.in.Local.Unknown.Has(p), t.in.Remote.Unknown.Has(p)
	switch {
	case here && there:
		return WhyUnknownBoth, true
	case here:
		return WhyUnknownHere, true
	case there:
		return WhyUnknownThere, true
	}
	return "", false
}

func (t *three) settle(s state, recorded bool) {
	now := Pair{s.local, s.remote}
	if s.base.Equal(now) && recorded == (s.local != nil) {
		return
	}
	if t.plan.Settled == nil {
		t.plan.Settled = Base{}
	}
	t.plan.Settled[s.path] = now
}

func (t *three) bothChanged(s state) {
	takenBack := t.in.Apart != nil && t.in.Apart(s.path)
	switch {
	case s.remote == nil && !takenBack:
		t.publish(s, WhyKeptHere)
	case s.local == nil:
		t.checkout(s, WhyKeptThere)
	case t.in.Policy.Prefer == Local:
		t.publish(s, WhyPreferLocal)
	case t.in.Policy.Prefer == Remote:
		t.checkout(s, WhyPreferRemote)
	case s.base.isForm(s.remote):
		t.publish(s, WhyChangedHere)
	case s.base.isForm(s.local):
		t.checkout(s, WhyChangedThere)
	default:
		if merged, ok := t.in.Merged[s.path]; ok {
			t.merge(s, merged)
			return
		}
		why := WhyBothChanged
		if s.base == (Pair{}) {
			why = WhyBothNew
		}
		t.plan.Conflicts = append(t.plan.Conflicts, Conflict{s.path, s.base, s.local, s.remote, why, ""})
	}
}

// merge gives the merge to the sides that lack it.
func (t *three) merge(s state, merged manifest.Entry) {
	switch {
	case same(s.remote, &merged):
		t.checkout(s, WhyHoldsOurs)
		return
	case same(s.local, &merged):
		t.publish(s, WhyHoldsTheirs)
		return
	}
	if t.in.Policy.Direction != Pull {
		t.plan.Publish = append(t.plan.Publish, Change{s.path, s.remote, &merged, WhyMerged})
	}
	if t.in.Policy.Direction != Push {
		t.plan.Checkout = append(t.plan.Checkout, Change{s.path, s.local, &merged, WhyMerged})
	}
}

// publish gives the local state to the remote, or notes that the direction
// forbids it.
func (t *three) publish(s state, why Why) {
	if t.in.Policy.Direction == Pull {
		t.plan.Ahead = append(t.plan.Ahead, Change{s.path, s.base.Local, s.local, why})
		return
	}
	t.plan.Publish = append(t.plan.Publish, Change{s.path, s.remote, s.local, why})
}

// checkout gives the remote state to the worktree, or notes that the
// direction forbids it.
func (t *three) checkout(s state, why Why) {
	if t.in.Policy.Direction == Push {
		t.plan.Pending = append(t.plan.Pending, Change{s.path, s.base.Remote, s.remote, why})
		return
	}
	t.plan.Checkout = append(t.plan.Checkout, Change{s.path, s.local, s.remote, why})
}

func whyOneSide(base, now *manifest.Entry, created, changed, deleted Why) Why {
	switch {
	case base == nil:
		return created
	case now == nil:
		return deleted
	}
	return changed
}
