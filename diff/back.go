package diff

import (
	"cmp"
	"slices"

	"assetsync/manifest"
)

// Why a path is in the answer of [TakeBack].
const (
	WhyBack         Why = "taken back"
	WhyBackPrefer   Why = "changed since; what is taken back is preferred"
	WhyStays        Why = "changed since; what is there is preferred"
	WhyChangedSince Why = "changed since"
)

// Back is a path that is to be taken back. An absent state is nil.
type Back struct {
	Path manifest.Path
	From []*manifest.Entry // the states that may be replaced: what is known of it
	To   *manifest.Entry   // what it is to be
}

// BackInput is what [TakeBack] decides on.
type BackInput struct {
	Side  Side // that is changed
	Paths []Back
	// Ignored and Form are as in [Input].
	Ignored func(manifest.Path) bool
	Form    map[manifest.ID]manifest.ID
	// Prefer says what becomes of a path that changed since: Local takes it
	// back all the same, Remote leaves it.
	Prefer Prefer
}

// TakeBack plans the return of paths to an earlier state. It is three-way, as
// [Three] is: From is the base. Per path:
//
//   - ignored: left alone;
//   - unknown on the side: frozen;
//   - it is To already: nothing;
//   - it is one of From: a change, in Publish, to To;
//   - it is anything else, deleted included: somebody changed it since, which
//     is a conflict, unless there is a preference. One that is left is in
//     Pending.
//
// A file that would stand where another path needs a directory is a conflict
// whatever is preferred.
func TakeBack(in BackInput) Plan {
	t := three{in: Input{Form: in.Form, Remote: in.Side}}
	for _, b := range in.Paths {
		now := in.Side.Tree.Get(b.Path)
		known := slices.ContainsFunc(b.From, func(e *manifest.Entry) bool { return t.alike(e, now) })
		switch {
		case in.Ignored != nil && in.Ignored(b.Path):
		case in.Side.Unknown.Has(b.Path):
			t.plan.Frozen = append(t.plan.Frozen, Frozen{b.Path, WhyUnknownThere})
		case t.alike(now, b.To):
		case known:
			t.plan.Publish = append(t.plan.Publish, Change{b.Path, now, b.To, WhyBack})
		case in.Prefer == Local:
			t.plan.Publish = append(t.plan.Publish, Change{b.Path, now, b.To, WhyBackPrefer})
		case in.Prefer == Remote:
			t.plan.Pending = append(t.plan.Pending, Change{b.Path, b.To, now, WhyStays})
		default:
			t.plan.Conflicts = append(t.plan.Conflicts, Conflict{Path: b.Path, Local: b.To, Remote: now, Why: WhyChangedSince})
		}
	}
	t.plan.Publish = t.withoutClashes(t.plan.Publish, in.Side, publishClash)
	slices.SortFunc(t.plan.Conflicts, func(a, b Conflict) int { return cmp.Compare(a.Path, b.Path) })
	return t.plan
}
