package diff_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"assetsync/diff"
	"assetsync/manifest"
)

// Few paths and contents, so that everything meets everything: names that are
// a file here and a directory there, a name that is a prefix of another, an
// ignored one.
var (
	somePaths    = []manifest.Path{"a", "a/b", "a/b/c", "a/d", "a-b", "e", "e/ign", "f", "ign"}
	someContents = []string{"-", "-", "x", "y", "z"}
)

// anyTree draws a valid tree: a path that would break it is left out.
func anyTree(t *rapid.T, label string, keep func(manifest.Path) bool) manifest.Tree {
	var entries []manifest.Entry
	for _, p := range somePaths {
		e := entry(p, rapid.SampledFrom(someContents).Draw(t, label+" "+string(p)))
		if e == nil || !keep(p) {
			continue
		}
		if _, err := manifest.NewTree(append(slices.Clone(entries), *e)...); err == nil {
			entries = append(entries, *e)
		}
	}
	tree, err := manifest.NewTree(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func anyUnknown(t *rapid.T, label string) (set manifest.UnknownSet) {
	if rapid.IntRange(0, 2).Draw(t, label) > 0 {
		return nil
	}
	for _, p := range append(slices.Clone(somePaths), "") {
		if rapid.IntRange(0, 5).Draw(t, label+" "+string(p)) == 0 {
			set = append(set, manifest.Unknown{Path: p, Below: p == "" || rapid.Bool().Draw(t, label+" below")})
		}
	}
	return set
}

func anyInput(t *rapid.T) diff.Input {
	all := func(manifest.Path) bool { return true }
	in := diff.Input{
		Base:    diff.Base{},
		Local:   diff.Side{Tree: anyTree(t, "local", func(p manifest.Path) bool { return !ignored(p) }), Unknown: anyUnknown(t, "unknown here")},
		Remote:  diff.Side{Tree: anyTree(t, "remote", all), Unknown: anyUnknown(t, "unknown there")},
		Ignored: ignored,
		Policy: diff.Policy{
			Direction: rapid.SampledFrom([]diff.Direction{diff.Both, diff.Push, diff.Pull}).Draw(t, "direction"),
			Prefer:    rapid.SampledFrom([]diff.Prefer{diff.Neither, diff.Local, diff.Remote}).Draw(t, "prefer"),
		},
	}
	for _, p := range somePaths {
		if rapid.Bool().Draw(t, "base "+string(p)) {
			in.Base[p] = diff.Pair{
				Local:  entry(p, rapid.SampledFrom(someContents).Draw(t, "base local")),
				Remote: entry(p, rapid.SampledFrom(someContents).Draw(t, "base remote")),
			}
		}
	}
	return in
}

// property checks what holds of every input with its plan.
func property(t *testing.T, check func(t *rapid.T, in diff.Input, plan diff.Plan)) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInput(t)
		check(t, in, diff.Three(in))
	})
}

// outcome are the sides after the plan was carried out; it fails when a side
// is no tree.
func outcome(t interface{ Fatalf(string, ...any) }, in diff.Input, plan diff.Plan) (local, remote manifest.Tree) {
	remote, err := diff.Apply(in.Remote.Tree, plan.Publish)
	if err != nil {
		t.Fatalf("publish: %v\n%s", err, show(plan))
	}
	local, err = diff.Apply(in.Local.Tree, plan.Checkout)
	if err != nil {
		t.Fatalf("check out: %v\n%s", err, show(plan))
	}
	return local, remote
}

func TestThreeLosesNothing(t *testing.T) {
	property(t, func(t *rapid.T, in diff.Input, plan diff.Plan) {
		local, remote := outcome(t, in, plan)
		// The two of a pair are forms of one content.
		knows := func(e *manifest.Entry, base diff.Pair) bool {
			return base.Local != nil && e.ID == base.Local.ID || base.Remote != nil && e.ID == base.Remote.ID
		}
		for _, p := range somePaths {
			l, r, base := in.Local.Tree.Get(p), in.Remote.Tree.Get(p), in.Base[p]
			l2, r2 := local.Get(p), remote.Get(p)
			survives := func(e *manifest.Entry) bool {
				return l2 != nil && l2.ID == e.ID || r2 != nil && r2.ID == e.ID
			}
			// Content may only go when the other side started from it and
			// went on, or when the user preferred the other side's.
			if l != nil && !survives(l) && !knows(l, base) && !(in.Policy.Prefer == diff.Remote && r != nil) {
				t.Errorf("%s: the local content is gone\n%s", p, show(plan))
			}
			if r != nil && !survives(r) && !knows(r, base) && !(in.Policy.Prefer == diff.Local && l != nil) {
				t.Errorf("%s: the remote content is gone\n%s", p, show(plan))
			}
			// What both sides hold goes from one at most.
			if l != nil && r != nil && l2 == nil && r2 == nil {
				t.Errorf("%s: gone from both sides at once\n%s", p, show(plan))
			}
		}
	})
}

func TestThreeLeavesUnknownAlone(t *testing.T) {
	property(t, func(t *rapid.T, in diff.Input, plan diff.Plan) {
		for p := range touched(plan) {
			if in.Local.Unknown.Has(p) || in.Remote.Unknown.Has(p) {
				t.Errorf("%s is unknown and planned\n%s", p, show(plan))
			}
		}
		for p := range plan.Settled {
			if in.Local.Unknown.Has(p) || in.Remote.Unknown.Has(p) {
				t.Errorf("%s is unknown and settled\n%s", p, show(plan))
			}
		}
	})
}

func touched(plan diff.Plan) map[manifest.Path]bool {
	paths := map[manifest.Path]bool{}
	for _, c := range slices.Concat(plan.Publish, plan.Checkout) {
		paths[c.Path] = true
	}
	return paths
}

func TestThreeKeepsItsDirection(t *testing.T) {
	property(t, func(t *rapid.T, in diff.Input, plan diff.Plan) {
		d := in.Policy.Direction
		if d == diff.Push && (plan.Checkout != nil || plan.Ahead != nil) || d == diff.Pull && (plan.Publish != nil || plan.Pending != nil) ||
			d == diff.Both && (plan.Pending != nil || plan.Ahead != nil) {
			t.Errorf("direction %d: %s", d, show(plan))
		}
	})
}

func TestThreeNeverTouchesIgnored(t *testing.T) {
	property(t, func(t *rapid.T, in diff.Input, plan diff.Plan) {
		for p := range touched(plan) {
			if ignored(p) {
				t.Errorf("%s is ignored and planned\n%s", p, show(plan))
			}
		}
	})
}

// record is the base after the plan was carried out.
func record(in diff.Input, plan diff.Plan) diff.Base {
	next := maps.Clone(in.Base)
	for p, pair := range plan.Settled {
		next[p] = pair
	}
	for _, c := range slices.Concat(plan.Publish, plan.Checkout) {
		next[c.Path] = diff.Pair{Local: c.New, Remote: c.New}
	}
	for _, p := range plan.Released {
		delete(next, p)
	}
	maps.DeleteFunc(next, func(_ manifest.Path, pair diff.Pair) bool { return pair == diff.Pair{} })
	return next
}

func TestThreeIsIdempotent(t *testing.T) {
	property(t, func(t *rapid.T, in diff.Input, plan diff.Plan) {
		next := in
		next.Local.Tree, next.Remote.Tree = outcome(t, in, plan)
		next.Base = record(in, plan)
		again := diff.Three(next)
		if !again.Empty() || again.Settled != nil || again.Released != nil {
			t.Errorf("first %s\nagain %s", show(plan), show(again))
		}
		if d := cmp.Diff(paths(plan.Conflicts), paths(again.Conflicts)); d != "" {
			t.Errorf("conflicts change when nothing else does (-first +again):\n%s", d)
		}
	})
}

func paths(conflicts []diff.Conflict) (out []manifest.Path) {
	for _, c := range conflicts {
		out = append(out, c.Path)
	}
	return out
}

func TestThreeIsDeterministic(t *testing.T) {
	property(t, func(t *rapid.T, in diff.Input, plan diff.Plan) {
		if d := cmp.Diff(plan, diff.Three(in)); d != "" {
			t.Errorf("a second time differs:\n%s", d)
		}
		for _, changes := range [][]diff.Change{plan.Publish, plan.Checkout, plan.Pending, plan.Ahead} {
			if !slices.IsSortedFunc(changes, func(a, b diff.Change) int { return strings.Compare(string(a.Path), string(b.Path)) }) {
				t.Errorf("not in path order: %s", show(plan))
			}
		}
	})
}

// Every path gets at most one decision.
func TestThreeDecidesOnce(t *testing.T) {
	property(t, func(t *rapid.T, in diff.Input, plan diff.Plan) {
		seen := map[manifest.Path]int{}
		for _, c := range slices.Concat(plan.Publish, plan.Checkout, plan.Pending, plan.Ahead) {
			seen[c.Path]++
			if c.Old == nil && c.New == nil {
				t.Errorf("%s: a change of nothing", c.Path)
			}
		}
		for _, c := range plan.Conflicts {
			seen[c.Path]++
		}
		for _, e := range plan.Unmanaged {
			seen[e.Path]++
		}
		for _, f := range plan.Frozen {
			seen[f.Path]++
		}
		for p := range plan.Settled {
			seen[p]++
		}
		for p, n := range seen {
			if n > 1 {
				t.Errorf("%s is decided %d times\n%s", p, n, show(plan))
			}
		}
	})
}

func TestTwoThenApply(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := func(manifest.Path) bool { return true }
		old, new := anyTree(t, "old", all), anyTree(t, "new", all)
		got, err := diff.Apply(old, diff.Two(old, new))
		if err != nil || !got.Equal(new) {
			t.Errorf("applying the difference gives %v, %v; want %v", got, err, new)
		}
	})
}
