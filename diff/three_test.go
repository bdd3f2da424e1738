package diff_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
	"assetsync/manifest"
)

// The tables write a side as "path:content" with one letter of content:
//
//	p:x     p holds x              p:x/y   (base) local side x, remote side y
//	p:-     absent (base only)     p:?     unknown
//	d/:?    d and all below it unknown     *:?  everything unknown
//
// Paths with a segment that begins with "ign" are ignored. A policy is a
// direction, then what is preferred: "both", "push", "push+local" …
//
// A plan is written one item each, joined by "; ": the list, the path, old
// and new content ("-" absent), the reason. A conflict: the path, local/remote,
// the base pair, in brackets what it clashes with, the reason.

func entry(p manifest.Path, content string) *manifest.Entry {
	if content == "-" {
		return nil
	}
	return &manifest.Entry{Path: p, ID: manifest.BlobID([]byte(content)), Size: int64(len(content))}
}

func fields(s string) (out [][2]string) {
	for f := range strings.FieldsSeq(s) {
		p, content, _ := strings.Cut(f, ":")
		out = append(out, [2]string{p, content})
	}
	return out
}

func side(t testing.TB, s string) diff.Side {
	t.Helper()
	var out diff.Side
	var entries []manifest.Entry
	for _, f := range fields(s) {
		p, below := strings.CutSuffix(strings.TrimPrefix(f[0], "*"), "/")
		if f[1] == "?" {
			out.Unknown = append(out.Unknown, manifest.Unknown{Path: manifest.Path(p), Below: below || f[0] == "*"})
			continue
		}
		entries = append(entries, *entry(manifest.Path(p), f[1]))
	}
	tree, err := manifest.NewTree(entries...)
	if err != nil {
		t.Fatal(err)
	}
	out.Tree = tree
	return out
}

func base(s string) diff.Base {
	out := diff.Base{}
	for _, f := range fields(s) {
		p := manifest.Path(f[0])
		local, remote, two := strings.Cut(f[1], "/")
		if !two {
			remote = local
		}
		out[p] = diff.Pair{Local: entry(p, local), Remote: entry(p, remote)}
	}
	return out
}

func policy(s string) diff.Policy {
	direction, prefer, _ := strings.Cut(s, "+")
	return diff.Policy{
		Direction: map[string]diff.Direction{"both": diff.Both, "push": diff.Push, "pull": diff.Pull}[direction],
		Prefer:    map[string]diff.Prefer{"": diff.Neither, "local": diff.Local, "remote": diff.Remote}[prefer],
	}
}

func ignored(p manifest.Path) bool {
	return slices.ContainsFunc(strings.Split(string(p), "/"), func(s string) bool { return strings.HasPrefix(s, "ign") })
}

// letter is the content of an entry made by these tests.
func letter(e *manifest.Entry) string {
	if e == nil {
		return "-"
	}
	for c := 'a'; c <= 'z'; c++ {
		for _, content := range []string{string(c), strings.ToUpper(string(c))} {
			if manifest.BlobID([]byte(content)) == e.ID {
				return content
			}
		}
	}
	return "?"
}

func show(p diff.Plan) string {
	var out []string
	add := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	list := func(name string, changes []diff.Change) {
		for _, c := range changes {
			add("%s %s %s%s %s", name, c.Path, letter(c.Old), letter(c.New), c.Why)
		}
	}
	list("publish", p.Publish)
	list("checkout", p.Checkout)
	for _, c := range p.Conflicts {
		with := ""
		if c.Clash != "" {
			with = " (" + string(c.Clash) + ")"
		}
		add("conflict %s %s/%s %s/%s%s %s", c.Path, letter(c.Local), letter(c.Remote), letter(c.Base.Local), letter(c.Base.Remote), with, c.Why)
	}
	list("pending", p.Pending)
	list("ahead", p.Ahead)
	for _, e := range p.Unmanaged {
		add("unmanaged %s %s", e.Path, letter(&e))
	}
	for _, f := range p.Frozen {
		add("frozen %s %s", f.Path, f.Why)
	}
	for _, path := range slices.Sorted(maps.Keys(p.Settled)) {
		add("settled %s %s/%s", path, letter(p.Settled[path].Local), letter(p.Settled[path].Remote))
	}
	for _, path := range p.Released {
		add("released %s", path)
	}
	return strings.Join(out, "; ")
}

const (
	newHere, changedHere, deletedHere    = " " + string(diff.WhyNewHere), " " + string(diff.WhyChangedHere), " " + string(diff.WhyDeletedHere)
	newThere, changedThere, deletedThere = " " + string(diff.WhyNewThere), " " + string(diff.WhyChangedThere), " " + string(diff.WhyDeletedThere)
	keptHere, keptThere                  = " " + string(diff.WhyKeptHere), " " + string(diff.WhyKeptThere)
	preferLocal, preferRemote            = " " + string(diff.WhyPreferLocal), " " + string(diff.WhyPreferRemote)
	bothNew, bothChanged, clash          = " " + string(diff.WhyBothNew), " " + string(diff.WhyBothChanged), " " + string(diff.WhyClash)
	unknownHere, unknownThere            = " " + string(diff.WhyUnknownHere), " " + string(diff.WhyUnknownThere)
	unknownBoth                          = " " + string(diff.WhyUnknownBoth)
)

func TestThree(t *testing.T) {
	tests := []struct{ name, base, local, remote, policy, want string }{
		// Nothing, or the same on both sides.
		{"nothing anywhere", "", "", "", "both", ""},
		{"unchanged", "p:x", "p:x", "p:x", "both", ""},
		{"unchanged, push", "p:x", "p:x", "p:x", "push", ""},
		{"unchanged, pull", "p:x", "p:x", "p:x", "pull", ""},
		{"rewritten by the service, unchanged since", "p:x/y", "p:x", "p:y", "both", ""},
		{"only here since the base, unchanged", "p:x/-", "p:x", "", "both", ""},
		{"only there since the base, unchanged", "p:-/y", "", "p:y", "both", ""},
		{"same new file on both sides", "", "p:x", "p:x", "both", "settled p x/x"},
		{"same new file on both sides, push", "", "p:x", "p:x", "push", "settled p x/x"},
		{"same new file on both sides, pull", "", "p:x", "p:x", "pull", "settled p x/x"},
		{"same change on both sides", "p:x", "p:y", "p:y", "both", "settled p y/y"},
		{"same change on both sides, preference has no say", "p:x", "p:y", "p:y", "both+remote", "settled p y/y"},
		{"rewritten, then taken over here", "p:x/y", "p:y", "p:y", "both", "settled p y/y"},
		{"rewritten, then taken back there", "p:x/y", "p:x", "p:x", "both", "settled p x/x"},
		{"deleted on both sides", "p:x", "", "", "both", "settled p -/-"},
		{"deleted on both sides, push", "p:x", "", "", "push", "settled p -/-"},
		{"rewritten, then deleted on both sides", "p:x/y", "", "", "pull", "settled p -/-"},
		{"was only here, deleted here", "p:x/-", "", "", "both", "settled p -/-"},
		{"was only there, deleted there", "p:-/y", "", "", "both", "settled p -/-"},
		{"a record of nothing is dropped", "p:-", "", "", "both", "settled p -/-"},

		// One side changed.
		{"new here", "", "p:x", "", "both", "publish p -x" + newHere},
		{"new here, push", "", "p:x", "", "push", "publish p -x" + newHere},
		{"new here, pull", "", "p:x", "", "pull", "ahead p -x" + newHere},
		{"changed here", "p:x", "p:y", "p:x", "both", "publish p xy" + changedHere},
		{"changed here, push", "p:x", "p:y", "p:x", "push", "publish p xy" + changedHere},
		{"changed here, pull", "p:x", "p:y", "p:x", "pull", "ahead p xy" + changedHere},
		{"deleted here", "p:x", "", "p:x", "both", "publish p x-" + deletedHere},
		{"deleted here, push", "p:x", "", "p:x", "push", "publish p x-" + deletedHere},
		{"deleted here, pull", "p:x", "", "p:x", "pull", "ahead p x-" + deletedHere},
		{"changed here, rewritten there before", "p:x/y", "p:z", "p:y", "both", "publish p yz" + changedHere},
		{"changed here, rewritten there before, pull", "p:x/y", "p:z", "p:y", "pull", "ahead p xz" + changedHere},
		{"deleted here, rewritten there before", "p:x/y", "", "p:y", "push", "publish p y-" + deletedHere},
		{"changed here, never there", "p:x/-", "p:y", "", "push", "publish p -y" + changedHere},
		{"new there", "", "", "p:x", "both", "checkout p -x" + newThere},
		{"new there, push", "", "", "p:x", "push", "pending p -x" + newThere},
		{"new there, pull", "", "", "p:x", "pull", "checkout p -x" + newThere},
		{"changed there", "p:x", "p:x", "p:y", "both", "checkout p xy" + changedThere},
		{"changed there, push", "p:x", "p:x", "p:y", "push", "pending p xy" + changedThere},
		{"changed there, pull", "p:x", "p:x", "p:y", "pull", "checkout p xy" + changedThere},
		{"deleted there", "p:x", "p:x", "", "both", "checkout p x-" + deletedThere},
		{"deleted there, push", "p:x", "p:x", "", "push", "pending p x-" + deletedThere},
		{"deleted there, pull", "p:x", "p:x", "", "pull", "checkout p x-" + deletedThere},
		{"changed there, rewritten before", "p:x/y", "p:x", "p:z", "pull", "checkout p xz" + changedThere},
		{"changed there, rewritten before, push", "p:x/y", "p:x", "p:z", "push", "pending p yz" + changedThere},
		{"deleted there, rewritten before", "p:x/y", "p:x", "", "both", "checkout p x-" + deletedThere},
		{"preference leaves one-sided changes alone, local", "p:x q:x", "p:y q:x", "p:x q:y", "both+local", "publish p xy" + changedHere + "; checkout q xy" + changedThere},
		{"preference leaves one-sided changes alone, remote", "p:x q:x", "p:y q:x", "p:x q:y", "both+remote", "publish p xy" + changedHere + "; checkout q xy" + changedThere},
		{"pending stays pending", "p:x q:x", "p:x q:y", "p:z q:x", "push", "publish q xy" + changedHere + "; pending p xz" + changedThere},

		// A delete loses to an edit.
		{"changed here, deleted there", "p:x", "p:y", "", "both", "publish p -y" + keptHere},
		{"changed here, deleted there, push", "p:x", "p:y", "", "push", "publish p -y" + keptHere},
		{"changed here, deleted there, pull", "p:x", "p:y", "", "pull", "ahead p xy" + keptHere},
		{"changed here, deleted there, remote preferred", "p:x", "p:y", "", "both+remote", "publish p -y" + keptHere},
		{"deleted here, changed there", "p:x", "", "p:y", "both", "checkout p -y" + keptThere},
		{"deleted here, changed there, push", "p:x", "", "p:y", "push", "pending p xy" + keptThere},
		{"deleted here, changed there, pull", "p:x", "", "p:y", "pull", "checkout p -y" + keptThere},
		{"deleted here, changed there, local preferred", "p:x", "", "p:y", "both+local", "checkout p -y" + keptThere},
		{"deleted here, changed there, push, local preferred", "p:x", "", "p:y", "push+local", "pending p xy" + keptThere},
		{"rewritten, changed here, deleted there", "p:x/y", "p:z", "", "both", "publish p -z" + keptHere},
		{"was only there, new here, deleted there", "p:-/y", "p:z", "", "both", "publish p -z" + keptHere},

		// Conflicts.
		{"both changed", "p:x", "p:y", "p:z", "both", "conflict p y/z x/x" + bothChanged},
		{"both changed, push", "p:x", "p:y", "p:z", "push", "conflict p y/z x/x" + bothChanged},
		{"both changed, pull", "p:x", "p:y", "p:z", "pull", "conflict p y/z x/x" + bothChanged},
		{"both new", "", "p:y", "p:z", "both", "conflict p y/z -/-" + bothNew},
		{"both new, push over a pending create", "", "p:y", "p:z", "push", "conflict p y/z -/-" + bothNew},
		{"rewritten, then both changed", "p:x/y", "p:z", "p:w", "both", "conflict p z/w x/y" + bothChanged},
		{"sides swapped", "p:x/y", "p:y", "p:x", "both", "settled p y/x"},
		{"changed here, as it was sent there", "p:x/y", "p:z", "p:x", "both", "publish p xz" + changedHere},
		{"changed there, as it was read here", "p:x/y", "p:y", "p:z", "both", "checkout p yz" + changedThere},
		{"deleted here, as it was sent there", "p:x/y", "", "p:x", "both", "checkout p -x" + keptThere},
		{"a conflict stops no other path", "p:x q:x", "p:y q:y", "p:z q:x", "push", "publish q xy" + changedHere + "; conflict p y/z x/x" + bothChanged},
		{"local preferred", "p:x", "p:y", "p:z", "both+local", "publish p zy" + preferLocal},
		{"local preferred, push", "p:x", "p:y", "p:z", "push+local", "publish p zy" + preferLocal},
		{"local preferred, pull", "p:x", "p:y", "p:z", "pull+local", "ahead p xy" + preferLocal},
		{"remote preferred", "p:x", "p:y", "p:z", "both+remote", "checkout p yz" + preferRemote},
		{"remote preferred, pull", "p:x", "p:y", "p:z", "pull+remote", "checkout p yz" + preferRemote},
		{"remote preferred, push", "p:x", "p:y", "p:z", "push+remote", "pending p xz" + preferRemote},
		{"both new, local preferred", "", "p:y", "p:z", "push+local", "publish p zy" + preferLocal},

		// Unknown.
		{"unknown here", "p:x", "p:?", "p:x", "both", "frozen p" + unknownHere},
		{"unknown there", "p:x", "p:x", "p:?", "both", "frozen p" + unknownThere},
		{"unknown on both sides", "p:x", "p:?", "p:?", "both", "frozen p" + unknownBoth},
		{"unknown here, changed there", "p:x", "p:?", "p:y", "both", "frozen p" + unknownHere},
		{"unknown here, deleted there", "p:x", "p:?", "", "pull", "frozen p" + unknownHere},
		{"unknown here, new there", "", "p:?", "p:x", "pull", "frozen p" + unknownHere},
		{"unknown there, changed here", "p:x", "p:y", "p:?", "push", "frozen p" + unknownThere},
		{"unknown there, deleted here", "p:x", "", "p:?", "push", "frozen p" + unknownThere},
		{"unknown there, new here", "", "p:x", "p:?", "push", "frozen p" + unknownThere},
		{"unknown wins over what the tree says", "p:x", "p:y p:?", "p:x", "push", "frozen p" + unknownHere},
		{"unknown and preferred", "p:x", "p:?", "p:y", "both+remote", "frozen p" + unknownHere},
		{"below an unknown directory here", "d/p:x d/q:x e:x", "d/:? e:x", "d/p:x d/q:y e:x", "push", "frozen d/p" + unknownHere + "; frozen d/q" + unknownHere},
		{"below an unknown directory there", "d/p:x", "d/p:y", "d/:?", "push", "frozen d/p" + unknownThere},
		{"beside an unknown directory", "d/p:x dd:x", "d/:?", "d/p:x dd:x", "push", "publish dd x-" + deletedHere + "; frozen d/p" + unknownHere},
		{"everything unknown here", "p:x q:x", "*:?", "p:x q:y", "both", "frozen p" + unknownHere + "; frozen q" + unknownHere},
		{"everything unknown there", "p:x q:x", "p:y", "*:?", "both", "frozen p" + unknownThere + "; frozen q" + unknownThere},
		{"unknown stops no other path", "p:x q:x", "p:? q:y", "p:x q:x", "push", "publish q xy" + changedHere + "; frozen p" + unknownHere},

		// Ignored.
		{"ignored there", "", "", "ign:x", "both", "unmanaged ign x"},
		{"ignored there, pull", "", "", "ign:x", "pull", "unmanaged ign x"},
		{"became ignored", "ign:x", "", "ign:x", "push", "unmanaged ign x; released ign"},
		{"became ignored, gone there", "ign:x", "", "", "both", "released ign"},
		{"became ignored, changed there", "ign:x", "", "ign:y", "pull", "unmanaged ign y; released ign"},
		{"ignored and unknown there", "ign:x", "", "ign:?", "push", "released ign"},
		{"ignored, remote preferred", "", "", "ign:x", "both+remote", "unmanaged ign x"},

		// A file on one side, a directory on the other.
		{"file to directory here", "a:x", "a/b:y", "a:x", "push", "publish a x-" + deletedHere + "; publish a/b -y" + newHere},
		{"directory to file here", "a/b:x", "a:y", "a/b:x", "push", "publish a -y" + newHere + "; publish a/b x-" + deletedHere},
		{"file to directory there", "a:x", "a:x", "a/b:y", "pull", "checkout a x-" + deletedThere + "; checkout a/b -y" + newThere},
		{"directory to file there", "a/b:x", "a/b:x", "a:y", "pull", "checkout a -y" + newThere + "; checkout a/b x-" + deletedThere},
		{"new file here, pending directory", "", "a:x", "a/b:y", "push", "conflict a x/- -/- (a/b)" + clash + "; pending a/b -y" + newThere},
		{"new directory here, pending file", "", "a/b:x", "a:y", "push", "conflict a/b x/- -/- (a)" + clash + "; pending a -y" + newThere},
		{"new file here, new directory there", "", "a:x", "a/b:y", "both", "conflict a x/- -/- (a/b)" + clash + "; conflict a/b -/y -/- (a)" + clash},
		{"new file here, new directory there, pull", "", "a:x", "a/b:y", "pull", "conflict a/b -/y -/- (a)" + clash + "; ahead a -x" + newHere},
		{"no preference settles a clash, local", "", "a:x", "a/b:y", "push+local", "conflict a x/- -/- (a/b)" + clash + "; pending a/b -y" + newThere},
		{"no preference settles a clash, remote", "", "a:x", "a/b:y", "pull+remote", "conflict a/b -/y -/- (a)" + clash + "; ahead a -x" + newHere},
		{"file to directory here, file changed there", "a:x", "a/b:y", "a:z", "push", "conflict a/b y/- -/- (a)" + clash + "; pending a xz" + keptThere},
		{"file changed here, file to directory there", "a:x", "a:y", "a/b:z", "both", "conflict a y/- x/x (a/b)" + clash + "; conflict a/b -/z -/- (a)" + clash},
		{"new file here, ignored file below it there", "", "i:x", "i/ign:y", "push", "conflict i x/- -/- (i/ign)" + clash + "; unmanaged i/ign y"},
		{"new directory here, unknown file there", "", "a/b:x", "a:?", "push", "conflict a/b x/- -/- (a)" + clash},
		{"new file here, unknown below there", "", "a:x", "a/b:?", "push", "conflict a x/- -/- (a/b)" + clash},
		{"new directory there, unknown file here", "", "a:?", "a/b:x", "pull", "conflict a/b -/x -/- (a)" + clash},
		{"directory to file there, unknown file in it here", "d/p:x", "d/p:x d/q:?", "d:y", "pull", "checkout d/p x-" + deletedThere + "; conflict d -/y -/- (d/q)" + clash},
		{"clash stops no other path", "", "a:x c:x", "a/b:y", "push", "publish c -x" + newHere + "; conflict a x/- -/- (a/b)" + clash + "; pending a/b -y" + newThere},
		{"a common prefix of names is no clash", "", "a:x a-b:x", "a.d:y", "push", "publish a -x" + newHere + "; publish a-b -x" + newHere + "; pending a.d -y" + newThere},
	}
	if len(tests) < 80 {
		t.Errorf("the table has %d cases, want at least 80", len(tests))
	}
	names := map[string]bool{}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if names[tc.name] {
				t.Fatal("this name is used twice")
			}
			names[tc.name] = true
			got := show(diff.Three(diff.Input{
				Base: base(tc.base), Local: side(t, tc.local), Remote: side(t, tc.remote),
				Ignored: ignored, Policy: policy(tc.policy),
			}))
			if d := cmp.Diff(strings.Split(tc.want, "; "), strings.Split(got, "; ")); d != "" {
				t.Errorf("plan (-want +got):\n%s", d)
			}
		})
	}
}

// What both sides' changes make together is given: see [diff.Merge].
func TestThreeMerges(t *testing.T) {
	const merged = " " + string(diff.WhyMerged)
	const holdsTheirs, holdsOurs = " " + string(diff.WhyHoldsTheirs), " " + string(diff.WhyHoldsOurs)
	tests := []struct{ name, base, local, remote, merged, policy, want string }{
		{"push", "p:x", "p:y", "p:z", "p:m", "push", "publish p zm" + merged},
		{"pull", "p:x", "p:y", "p:z", "p:m", "pull", "checkout p ym" + merged},
		{"both", "p:x", "p:y", "p:z", "p:m", "both", "publish p zm" + merged + "; checkout p ym" + merged},
		{"theirs holds ours, push", "p:x", "p:y", "p:z", "p:z", "push", "pending p xz" + holdsOurs},
		{"theirs holds ours, pull", "p:x", "p:y", "p:z", "p:z", "pull", "checkout p yz" + holdsOurs},
		{"ours holds theirs, push", "p:x", "p:y", "p:z", "p:y", "push", "publish p zy" + holdsTheirs},
		{"ours holds theirs, pull", "p:x", "p:y", "p:z", "p:y", "pull", "ahead p xy" + holdsTheirs},
		{"a preference is stronger", "p:x", "p:y", "p:z", "p:m", "push+local", "publish p zy" + preferLocal},
		{"one side alone changed", "p:x", "p:y", "p:x", "p:m", "push", "publish p xy" + changedHere},
		{"another path does not merge", "p:x q:x", "p:y q:y", "p:z q:z", "p:m", "push", "publish p zm" + merged + "; conflict q y/z x/x" + bothChanged},
		{"after a merge was published", "p:y", "p:y", "p:m", "", "push", "pending p ym" + changedThere},
		{"edited again after that", "p:y", "p:w", "p:m", "p:n", "push", "publish p mn" + merged},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			in := diff.Input{Base: base(tc.base), Local: side(t, tc.local), Remote: side(t, tc.remote), Merged: map[manifest.Path]manifest.Entry{}, Policy: policy(tc.policy)}
			for e := range side(t, tc.merged).Tree.All() {
				in.Merged[e.Path] = e
			}
			if d := cmp.Diff(strings.Split(tc.want, "; "), strings.Split(show(diff.Three(in)), "; ")); d != "" {
				t.Errorf("plan (-want +got):\n%s", d)
			}
		})
	}
}

func TestThreeIgnoresSizes(t *testing.T) {
	in := diff.Input{Base: base("p:x"), Local: side(t, "p:x"), Remote: side(t, "p:x")}
	in.Base["p"].Remote.Size = 99
	if got := diff.Three(in); !got.Empty() || got.Settled != nil {
		t.Errorf("plan of sides that differ only in a size: %s", show(got))
	}
}

// Ignore rules are optional.
func TestThreeWithoutRules(t *testing.T) {
	got := show(diff.Three(diff.Input{Remote: side(t, "ign:x")}))
	if want := "checkout ign -x" + newThere; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Content in capitals is a form of the same in small letters, in which files
// are published.
func TestThreeForms(t *testing.T) {
	form := map[manifest.ID]manifest.ID{}
	for c := 'a'; c <= 'z'; c++ {
		form[manifest.BlobID([]byte(strings.ToUpper(string(c))))] = manifest.BlobID([]byte(string(c)))
	}
	const why = " " + string(diff.WhyForm)
	tests := []struct{ name, base, local, remote, policy, want string }{
		{"nothing on record", "", "p:x", "p:X", "push", "settled p x/X"},
		{"as on record", "p:x/X", "p:x", "p:X", "push", ""},
		{"changed there in its form alone", "p:x", "p:x", "p:X", "push", "settled p x/X"},
		{"the same, to pull", "p:x", "p:x", "p:X", "pull", "settled p x/X"},
		{"published before there was a form", "p:X", "p:x", "p:X", "push", "publish p Xx" + why},
		{"the same, looked at", "p:X", "p:x", "p:X", "both", "publish p Xx" + why},
		{"the same, to pull", "p:X", "p:x", "p:X", "pull", "ahead p Xx" + why},
		{"the same, though others are preferred", "p:X", "p:x", "p:X", "both+remote", "publish p Xx" + why},
		{"published by another machine meanwhile", "p:X", "p:x", "p:x", "push", "settled p x/x"},
		{"changed here since", "p:X", "p:y", "p:X", "push", "publish p Xy" + changedHere},
		{"changed there since", "p:X", "p:x", "p:Y", "push", "pending p XY" + changedThere},
		{"the same, to pull", "p:X", "p:x", "p:Y", "pull", "checkout p xY" + changedThere},
		{"changed on both sides since", "p:X", "p:y", "p:Z", "both", "conflict p y/Z X/X " + string(diff.WhyBothChanged)},
		{"changed here, there in its form alone", "p:x", "p:y", "p:X", "push", "publish p Xy" + changedHere},
		{"changed there into what is here", "p:x", "p:y", "p:Y", "both", "settled p y/Y"},
		{"deleted here, there in its form alone", "p:x", "", "p:X", "push", "publish p X-" + deletedHere},
		{"deleted there", "p:X", "p:x", "", "pull", "checkout p x-" + deletedThere},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			in := diff.Input{
				Base: base(tc.base), Local: side(t, tc.local), Remote: side(t, tc.remote), Ignored: ignored, Form: form, Policy: policy(tc.policy),
			}
			plan := diff.Three(in)
			if got := show(plan); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if len(plan.Publish)+len(plan.Settled) == 0 || in.Policy.Direction != diff.Push {
				return
			}
			next := in
			next.Base = record(in, plan)
			next.Local.Tree, next.Remote.Tree = outcome(t, in, plan)
			if again := diff.Three(next); !again.Empty() || again.Settled != nil {
				t.Errorf("again: %s", show(again))
			}
		})
	}
}
