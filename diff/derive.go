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

	LocalCut, RemoteCut bool // there were earlier ones, which are not known

	// LocalMore says that earlier commits are left out and can be had: what
	// they may change is told as unsure.
	LocalMore bool
}

// Committed is the tree of a commit.
type Committed struct {
	Tree    manifest.Tree
	Unknown manifest.UnknownSet // wins over Tree
	At      time.Time           // when it was committed
}

// Versioned is a version of an asset.
type Versioned struct {
	Number int32
	Side   Side
	At     time.Time // when it was made, by the service's clock
}

// Derived is the base that two histories tell.
type Derived struct {
	// Base holds the paths whose base is known, also those that were absent on
	// both sides, as a pair of nothing.
	Base Base
	// From holds, for the paths of Base that differ now, the number of the
	// version that the base is of.
	From map[manifest.Path]int32
	// Untold are the paths that differ now and whose base the histories do not
	// tell, sorted.
	Untold []manifest.Path
	// Unsure are the paths, told or not, about which earlier commits may tell
	// something else, sorted. There are none without LocalMore.
	Unsure []manifest.Path
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
// rebase makes commits younger than what was published from them. Where a
// version has what no version had before, it came from a commit all the same,
// also from one before the commit of the version before, if that one may have
// come from an earlier commit too.
//
// Where earlier commits are not known, one that is younger than a version is
// not where that came from: a commit that is not known may have been. Where
// earlier versions are not known, what stands since the first may have been
// put there by anybody, unless it was what was committed at that time.
//
// Where both sides are equal now, that is the base.
func Derive(h Histories) Derived {
	last, remote := h.Local[len(h.Local)-1], h.Remote[len(h.Remote)-1].Side
	out := Derived{Base: Base{}, From: map[manifest.Path]int32{}}
	for _, p := range allPaths(h) {
		now := last.Tree.Get(p)
		if !last.Unknown.Has(p) && !remote.Unknown.Has(p) && same(now, remote.Tree.Get(p)) {
			out.Base[p] = Pair{now, now}
			continue
		}
		m := lastMatch(p, h)
		if h.LocalMore && !m.sure {
			out.Unsure = append(out.Unsure, p)
		}
		if m.version == nil {
			out.Untold = append(out.Untold, p)
			continue
		}
		held := m.version.Side.Tree.Get(p)
		out.Base[p], out.From[p] = Pair{held, held}, m.version.Number
	}
	return out
}

// match is the last version that was published from a commit.
type match struct {
	version *Versioned // nil when there is none

	// sure is set when no earlier commits can change it: the first version
	// that came from any of these came from one that is older than itself.
	// Versions before that came from earlier ones, if from any, and those after
	// it did not, unless one of them has what no version had before and none of
	// these held. Whether something else was committed at the time of the first
	// version, where that matters, these tell as well.
	sure bool
}

func lastMatch(p manifest.Path, h Histories) (m match) {
	at, least := 0, 0 // of the commit that the last match came from, and may have come from
	held := map[manifest.ID]bool{}
	var first *Versioned // that tells what it holds
	cut := h.RemoteCut   // until that changes
	for i, version := range h.Remote {
		if version.Side.Unknown.Has(p) {
			continue // it may hold anything
		}
		content := version.Side.Tree.Get(p)
		if first == nil {
			first = &h.Remote[i]
		}
		cut = cut && same(content, first.Side.Tree.Get(p))
		was, dated := Committed{}, true
		if cut {
			was, dated = committedAt(p, first.At, h.Local)
			if dated && !same(was.Tree.Get(p), content) {
				continue // another content was committed by then
			}
		}
		anew := content != nil && !held[content.ID] && !h.RemoteCut
		if content != nil {
			held[content.ID] = true
		}
		from, found := publishedFrom(p, content, version.At, h.Local[at:], h.LocalCut)
		if !found && anew {
			// Nobody had it but from a commit. One that was published late, in
			// several versions, leaves the first of them as commits of both
			// times had it.
			at = least
			from, found = publishedFrom(p, content, version.At, h.Local[at:], h.LocalCut)
			if !found || !isOlder(h.Local[at+from], version.At) {
				m.sure = false // an earlier commit may be that one
			}
		}
		if !found {
			continue
		}
		at += from
		least = leastFrom(p, content, h.Local, least)
		if m.version == nil {
			m.sure = dated && isOlder(h.Local[at], version.At)
		}
		m.version = &h.Remote[i]
	}
	return m
}

// committedAt returns the newest commit, of those that tell, when a version was
// made.
func committedAt(p manifest.Path, made time.Time, commits []Committed) (Committed, bool) {
	for _, c := range slices.Backward(commits) {
		if !c.At.After(made) && !c.Unknown.Has(p) {
			return c, true
		}
	}
	return Committed{}, false
}

// isOlder reports whether a commit was there when a version was made. It has
// whole seconds: one of the same second may have come after the version.
func isOlder(c Committed, made time.Time) bool { return c.At.Before(made.Truncate(time.Second)) }

// publishedFrom returns the newest of the commits that held content when the
// version was made; if none of them is as old as that, the oldest, unless older
// ones are not known.
func publishedFrom(p manifest.Path, content *manifest.Entry, made time.Time, commits []Committed, cut bool) (at int, found bool) {
	for i, c := range commits {
		if c.Unknown.Has(p) || !same(c.Tree.Get(p), content) || cut && c.At.After(made) {
			continue
		}
		if !found || isOlder(c, made) {
			at, found = i, true
		}
	}
	return at, found
}

// leastFrom returns the oldest commit, from one on, that held content.
func leastFrom(p manifest.Path, content *manifest.Entry, commits []Committed, from int) int {
	for i, c := range commits[from:] {
		if !c.Unknown.Has(p) && same(c.Tree.Get(p), content) {
			return from + i
		}
	}
	return from
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
