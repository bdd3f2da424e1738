package diff

import (
	"maps"
	"slices"
	"time"

	"assetsync/manifest"
)

// Histories are what both sides held, one after the other: the trees of the
// commits that led to what is published now, and the versions of the asset.
// Both have at least one member.
type Histories struct {
	Local  []Committed // oldest first; the last is what is published now
	Remote []Versioned // oldest first; the last is the newest version
}

// Committed is the tree of a commit.
type Committed struct {
	Tree manifest.Tree
	At   time.Time // when it was committed
}

// Versioned is a version of an asset.
type Versioned struct {
	Side Side
	At   time.Time // when it was made, by the service's clock
}

// Derived is the base that two histories tell.
type Derived struct {
	// Base holds the paths whose base is known, also those that were absent on
	// both sides, as a pair of nothing.
	Base Base
	// Untold are the paths that differ now and whose base the histories do not
	// tell, sorted.
	Untold []manifest.Path
}

// Derive finds the base that nobody recorded. For each path it goes through
// the versions, oldest first, and along the commits, never back: a version
// that holds what a commit held, the commit of the version before or a later
// one, was published from there. The last such version is the base; the
// versions after it are somebody else's. So a commit that reverts another is
// a change here, and a version that goes back to what an older one held is a
// change there, which is left alone.
//
// Where several commits held the same, the version came from the newest that
// was there when it was made. Times decide nothing else: clocks differ, and a
// rebase makes commits younger than what was published from them.
//
// Where both sides are equal now, that is the base.
func Derive(h Histories) Derived {
	local, remote := h.Local[len(h.Local)-1].Tree, h.Remote[len(h.Remote)-1].Side
	out := Derived{Base: Base{}}
	for _, p := range allPaths(h) {
		now := local.Get(p)
		if !remote.Unknown.Has(p) && same(now, remote.Tree.Get(p)) {
			out.Base[p] = Pair{now, now}
			continue
		}
		held, ok := lastMatch(p, h)
		if !ok {
			out.Untold = append(out.Untold, p)
			continue
		}
		out.Base[p] = Pair{held, held}
	}
	return out
}

// lastMatch returns what the last version held that was published from a
// commit.
func lastMatch(p manifest.Path, h Histories) (held *manifest.Entry, ok bool) {
	at := 0
	for _, version := range h.Remote {
		if version.Side.Unknown.Has(p) {
			continue // it may hold anything
		}
		content := version.Side.Tree.Get(p)
		if from, found := publishedFrom(p, content, version.At, h.Local[at:]); found {
			at += from
			held, ok = content, true
		}
	}
	return held, ok
}

// publishedFrom returns the newest of the commits that held content when the
// version was made; if none of them is as old as that, the oldest.
func publishedFrom(p manifest.Path, content *manifest.Entry, made time.Time, commits []Committed) (at int, found bool) {
	for i, c := range commits {
		if !same(c.Tree.Get(p), content) {
			continue
		}
		if !found || !c.At.After(made) {
			at, found = i, true
		}
	}
	return at, found
}

func allPaths(h Histories) []manifest.Path {
	seen := map[manifest.Path]bool{}
	add := func(t manifest.Tree) {
		for e := range t.All() {
			seen[e.Path] = true
		}
	}
	for _, c := range h.Local {
		add(c.Tree)
	}
	for _, v := range h.Remote {
		add(v.Side.Tree)
	}
	return slices.Sorted(maps.Keys(seen))
}
