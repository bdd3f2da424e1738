package diff

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"assetsync/manifest"
)

// Change is one path that differs between an old and a new state. An absent
// side is nil; both are never nil.
type Change struct {
	Path manifest.Path   `json:"path"`
	Old  *manifest.Entry `json:"old,omitempty"`
	New  *manifest.Entry `json:"new,omitempty"`
	Why  Why             `json:"why"`
}

// Action is what a change does to its path.
type Action string

// The actions.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// Action returns what c does to its path.
func (c Change) Action() Action {
	switch {
	case c.Old == nil:
		return Create
	case c.New == nil:
		return Delete
	}
	return Update
}

// Why is the reason of a decision, a short clause for people. The set is
// fixed, so that programs can compare with the constants.
type Why string

// Why a path is in the answer of [Two].
const (
	WhyNew     Why = "new"
	WhyChanged Why = "changed"
	WhyDeleted Why = "deleted"
)

// Why a path is in a [Plan]. "Here" is the local side, "there" the remote.
const (
	WhyNewHere      Why = "new here"
	WhyChangedHere  Why = "changed here, unchanged there"
	WhyDeletedHere  Why = "deleted here, unchanged there"
	WhyNewThere     Why = "new there"
	WhyChangedThere Why = "changed there, unchanged here"
	WhyDeletedThere Why = "deleted there, unchanged here"

	WhyKeptHere  Why = "changed here, deleted there: a delete loses to an edit"
	WhyKeptThere Why = "changed there, deleted here: a delete loses to an edit"

	WhyForm Why = "unchanged, published with other line ends before: they become LF (text: lf)"

	WhyMerged      Why = "changed on both sides, on different lines: merged"
	WhyHoldsTheirs Why = "changed on both sides: what is here holds their change too"
	WhyHoldsOurs   Why = "changed on both sides: what is there holds the change of here too"

	WhyPreferLocal  Why = "changed on both sides: local is preferred, the remote file is overwritten"
	WhyPreferRemote Why = "changed on both sides: remote is preferred, the local file is overwritten"

	WhyBothChanged Why = "changed on both sides"
	WhyBothNew     Why = "new on both sides, with different content"
	WhyClash       Why = "a file on one side, a directory on the other"

	WhyFlap Why = "goes back and forth between two writers"

	WhyUnknownHere  Why = "unknown here"
	WhyUnknownThere Why = "unknown there"
	WhyUnknownBoth  Why = "unknown on both sides"
)

// Two returns what turns old into new, in path order.
func Two(old, new manifest.Tree) []Change {
	if old.Equal(new) {
		return nil
	}
	var changes []Change
	for _, p := range union(old, new, nil) {
		o, n := old.Get(p), new.Get(p)
		switch {
		case same(o, n):
		case o == nil:
			changes = append(changes, Change{p, o, n, WhyNew})
		case n == nil:
			changes = append(changes, Change{p, o, n, WhyDeleted})
		default:
			changes = append(changes, Change{p, o, n, WhyChanged})
		}
	}
	return changes
}

// Apply returns t with the changes made. It fails when a change is not one
// of t, which is: its old side is not what t holds, or its path comes twice.
// It also fails when the result is no tree.
func Apply(t manifest.Tree, changes []Change) (manifest.Tree, error) {
	entries := make(map[manifest.Path]manifest.Entry, t.Len()+len(changes))
	for e := range t.All() {
		entries[e.Path] = e
	}
	seen := make(map[manifest.Path]bool, len(changes))
	for _, c := range changes {
		if seen[c.Path] {
			return manifest.Tree{}, fmt.Errorf("apply changes: path %q comes twice", c.Path)
		}
		seen[c.Path] = true
		if !same(t.Get(c.Path), c.Old) {
			return manifest.Tree{}, fmt.Errorf("apply changes: path %q is not what the change starts from", c.Path)
		}
		delete(entries, c.Path)
		if c.New != nil {
			e := *c.New
			e.Path = c.Path
			entries[c.Path] = e
		}
	}
	out, err := manifest.NewTree(slices.Collect(maps.Values(entries))...)
	if err != nil {
		return manifest.Tree{}, fmt.Errorf("apply changes: %w", err)
	}
	return out, nil
}

// same reports whether two states of one path are equal: both absent, or
// present with one id. Nothing else of an entry matters.
func same(a, b *manifest.Entry) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID == b.ID
}

// union returns the paths of all three, sorted.
func union(a, b manifest.Tree, base Base) []manifest.Path {
	set := make(map[manifest.Path]struct{}, a.Len()+len(base))
	for e := range a.All() {
		set[e.Path] = struct{}{}
	}
	for e := range b.All() {
		set[e.Path] = struct{}{}
	}
	for p := range base {
		set[p] = struct{}{}
	}
	return slices.SortedFunc(maps.Keys(set), cmp.Compare)
}
