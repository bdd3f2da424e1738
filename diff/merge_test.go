package diff_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
)

var merges = flag.Int("merges", 1000, "hold so many random `merges` against git's")

// mergeText is a random text of few different lines, so that changes collide.
func mergeText(r *rand.Rand, alphabet, lines int) string {
	var b strings.Builder
	for range lines {
		b.WriteString(mergeLine(r, alphabet))
	}
	return mergeEnd(r, b.String())
}

func mergeLine(r *rand.Rand, alphabet int) string {
	end := "\n"
	if r.IntN(20) == 0 {
		end = "\r\n"
	}
	return fmt.Sprint("line ", r.IntN(alphabet), end)
}

// mergeEnd takes the last line end away now and then.
func mergeEnd(r *rand.Rand, text string) string {
	if r.IntN(6) == 0 {
		return strings.TrimSuffix(text, "\n")
	}
	return text
}

// mergeEdit makes up to four random changes.
func mergeEdit(r *rand.Rand, text string, alphabet int) string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	cut := func() (int, int) {
		from := r.IntN(len(lines) + 1)
		return from, min(len(lines), from+r.IntN(3))
	}
	for range r.IntN(5) {
		from, to := cut()
		switch r.IntN(6) {
		case 0: // insert
			lines = slices.Insert(lines, from, mergeLine(r, alphabet))
		case 1: // delete
			lines = slices.Delete(lines, from, to)
		case 2: // replace
			lines = slices.Replace(lines, from, to, mergeLine(r, alphabet))
		case 3: // move
			moved := slices.Clone(lines[from:to])
			lines = slices.Delete(lines, from, to)
			lines = slices.Insert(lines, r.IntN(len(lines)+1), moved...)
		case 4: // duplicate
			lines = slices.Insert(lines, from, slices.Clone(lines[from:to])...)
		case 5: // line end
			if from < to {
				lines[from] = strings.TrimRight(lines[from], "\r\n") + "\r\n"
			}
		}
	}
	for i, line := range lines { // a line without an end may have moved up
		if i < len(lines)-1 && !strings.HasSuffix(line, "\n") {
			lines[i] = line + "\n"
		}
	}
	return mergeEnd(r, strings.Join(lines, ""))
}

// gitMerge is "git merge-file -p"; conflicts counts them.
func gitMerge(t *testing.T, git, dir string, base, ours, theirs string) (merged string, conflicts int) {
	t.Helper()
	for name, text := range map[string]string{"base": base, "ours": ours, "theirs": theirs} {
		writeFile(t, filepath.Join(dir, name), text)
	}
	cmd := exec.Command(git, "merge-file", "-p", "-L", "ours", "-L", "base", "-L", "theirs", "ours", "base", "theirs")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() > 0 && exit.ExitCode() < 128 {
		return string(out), exit.ExitCode()
	} else if err != nil {
		t.Fatalf("git merge-file: %v", err)
	}
	return string(out), 0
}

// mergeCase is a random base with what two sides made of it.
func mergeCase(r *rand.Rand, maxLines int) (base, ours, theirs string) {
	alphabet := []int{3, 8, 30, 1000}[r.IntN(4)]
	base = mergeText(r, alphabet, r.IntN(maxLines+1))
	return base, mergeEdit(r, base, alphabet), mergeEdit(r, base, alphabet)
}

// Where lines repeat, a change can be described in more than one way that is
// equally short, so Merge and git do not always see the same changes. These
// are the only cases in which they may differ: few, and what Merge then makes
// must be a merge of disjoint changes all the same.
func TestMergeIsGits(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	var merged, conflict, onlyGit, onlyMerge, other int
	for range *merges {
		base, ours, theirs := mergeCase(r, 15)
		want, conflicts := gitMerge(t, git, dir, base, ours, theirs)
		got, ok := diff.Merge([]byte(base), []byte(ours), []byte(theirs))
		switch {
		case ok && conflicts == 0 && string(got) == want:
			merged++
			continue
		case !ok && conflicts > 0:
			conflict++
			continue
		case !ok:
			onlyMerge++
		case conflicts > 0:
			onlyGit++
		default:
			other++
		}
		if ok && !disjoint(base, ours, theirs, string(got)) {
			t.Errorf("no merge of disjoint changes\nbase   %q\nours   %q\ntheirs %q\ngit %q\ngot %q", base, ours, theirs, want, got)
		}
	}
	t.Logf("%d cases: %d merged alike, %d conflicts in both; conflict only for git %d, only for Merge %d; merged otherwise %d",
		*merges, merged, conflict, onlyGit, onlyMerge, other)
	if n := onlyGit + onlyMerge + other; n*100 > *merges {
		t.Errorf("%d of %d cases differ, want at most 1 in 100", n, *merges)
	}
	if other*1000 > *merges {
		t.Errorf("%d of %d cases merge to other bytes than git's, want at most 1 in 1000", other, *merges)
	}
	if merged*3 < *merges || conflict*10 < *merges {
		t.Error("the cases are too much alike to show anything")
	}
}

// disjoint reports whether merged is base with changes that make ours of it
// and changes that make theirs of it, such that between a change of one and a
// different change of the other there is a line that nobody changed. It tries
// every way to see the changes, so it knows nothing of how Merge looks for
// them. It is for texts of some 20 lines.
func disjoint(base, ours, theirs, merged string) bool {
	b, o, t, m := mergeLines(base), mergeLines(ours), mergeLines(theirs), mergeLines(merged)
	const (
		nobody = iota // the line before is unchanged
		byOurs
		byTheirs
		byBoth
	)
	type state struct{ b, o, t, m, who int }
	seen := map[state]bool{}
	var try func(s state) bool
	try = func(s state) bool {
		if seen[s] {
			return false
		}
		seen[s] = true
		inB, inO, inT, inM := s.b < len(b), s.o < len(o), s.t < len(t), s.m < len(m)
		if !inB && !inO && !inT && !inM {
			return true
		}
		if inB && inO && inT && inM && b[s.b] == o[s.o] && b[s.b] == t[s.t] && b[s.b] == m[s.m] &&
			try(state{s.b + 1, s.o + 1, s.t + 1, s.m + 1, nobody}) {
			return true
		}
		may := func(who int) bool { return s.who == nobody || s.who == who }
		return may(byOurs) && (inB && inT && b[s.b] == t[s.t] && try(state{s.b + 1, s.o, s.t + 1, s.m, byOurs}) ||
			inO && inM && o[s.o] == m[s.m] && try(state{s.b, s.o + 1, s.t, s.m + 1, byOurs})) ||
			may(byTheirs) && (inB && inO && b[s.b] == o[s.o] && try(state{s.b + 1, s.o + 1, s.t, s.m, byTheirs}) ||
				inT && inM && t[s.t] == m[s.m] && try(state{s.b, s.o, s.t + 1, s.m + 1, byTheirs})) ||
			may(byBoth) && (inB && try(state{s.b + 1, s.o, s.t, s.m, byBoth}) ||
				inO && inT && inM && o[s.o] == t[s.t] && o[s.o] == m[s.m] && try(state{s.b, s.o + 1, s.t + 1, s.m + 1, byBoth}))
	}
	return try(state{})
}

func mergeLines(text string) []string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func TestDisjoint(t *testing.T) {
	tests := []struct {
		name                       string
		base, ours, theirs, merged string
		want                       bool
	}{
		{"far apart", "1\n2\n3\n", "a\n2\n3\n", "1\n2\nb\n", "a\n2\nb\n", true},
		{"alike", "1\n2\n", "1\na\n", "1\na\n", "1\na\n", true},
		{"touching", "1\n2\n", "a\n2\n", "1\nb\n", "a\nb\n", false},
		{"a change lost", "1\n2\n3\n", "a\n2\n3\n", "1\n2\nb\n", "a\n2\n3\n", false},
		{"taken twice", "1\n", "1\na\n", "1\na\n", "1\na\na\n", false},
		{"in the wrong order", "1\n", "1\na\n", "1\nb\n", "1\na\nb\n", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := disjoint(tc.base, tc.ours, tc.theirs, tc.merged); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// The cases are held against git, too, where it is there.
func TestMerge(t *testing.T) {
	tests := []struct {
		name               string
		base, ours, theirs string
		want               string
		conflict           bool
	}{
		{name: "all empty"},
		{"far apart", "1\n2\n3\n", "a\n2\n3\n", "1\n2\nb\n", "a\n2\nb\n", false},
		{"next to each other", "1\n2\n", "a\n2\n", "1\nb\n", "", true},
		{"the same line", "1\n", "a\n", "b\n", "", true},
		{"the same line alike", "1\n2\n3\n4\n", "a\n2\n3\n4\n", "a\n2\n3\nb\n", "a\n2\n3\nb\n", false},
		{"insertions at one place", "1\n2\n", "1\na\n2\n", "1\nb\n2\n", "", true},
		{"insertions at one place alike", "1\n2\n", "1\na\n2\n", "1\na\n2\n", "1\na\n2\n", false},
		{"an insertion at an edge", "1\n2\n3\n", "1\n2\na\n3\n", "1\nb\n3\n", "", true},
		{"deleted and changed", "1\n2\n3\n", "1\n3\n", "1\nb\n3\n", "", true},
		{"deleted by both", "1\n2\n3\n", "1\n3\n", "1\n3\n", "1\n3\n", false},
		{"one contains the other", "1\n2\n3\n4\n", "a\n2\n3\n4\n", "a\n2\n3\nd\n", "a\n2\n3\nd\n", false},
		{"overlapping to the same", "1\n2\n3\n", "1\na\n", "1\na\n", "1\na\n", false},
		{"a chain that touches", "1\n2\n3\n4\n5\n", "a\nb\n3\n4\nc\n", "1\n2\nd\ne\n5\n", "", true},
		{"both new, alike", "", "a\n", "a\n", "a\n", false},
		{"both new", "", "a\n", "b\n", "", true},
		{"emptied and changed", "1\n", "", "a\n", "", true},
		{"emptied by both", "1\n", "", "", "", false},
		{"final line end lost", "1\n2\n3\n", "1\n2\n3", "a\n2\n3\n", "a\n2\n3", false},
		{"final line end lost by both", "1\n2\n3\n", "1\n2\n3", "a\n2\n3", "a\n2\n3", false},
		{"final line end lost and line added", "1\n2\n", "1\n2", "1\n2\n3\n", "", true},
		{"line added after none", "1\n2\n3", "1\n2\n3\n4\n", "a\n2\n3", "a\n2\n3\n4\n", false},
		{"line ends changed by one", "1\n2\n", "1\r\n2\r\n", "1\n2\n", "1\r\n2\r\n", false},
		{"line ends changed by one, a line by the other", "1\n2\n3\n", "1\r\n2\r\n3\r\n", "1\nb\n3\n", "", true},
		{"no line ends but CR", "1\r2\r", "1\r3\r", "2\r2\r", "", true},
		{"UTF-8", "1\nü\n3\n", "1\nü\n→\n", "日\nü\n3\n", "日\nü\n→\n", false},
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Log(err)
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := diff.Merge([]byte(tc.base), []byte(tc.ours), []byte(tc.theirs))
			if string(got) != tc.want || ok == tc.conflict {
				t.Errorf("got %q, %v; want %q, %v", got, ok, tc.want, !tc.conflict)
			}
			if ok != (got != nil) {
				t.Errorf("got %v, %v", got, ok)
			}
			if git == "" {
				return
			}
			if want, conflicts := gitMerge(t, git, t.TempDir(), tc.base, tc.ours, tc.theirs); conflicts > 0 != tc.conflict || conflicts == 0 && want != tc.want {
				t.Errorf("git merge-file: %q, %d conflicts", want, conflicts)
			}
		})
	}
}

// No text, no merge, even if nothing else was changed.
func TestMergeOnlyText(t *testing.T) {
	long := bytes.Repeat([]byte("a\n"), diff.MergeLimit/2)
	tests := []struct {
		name string
		text []byte
		want bool
	}{
		{"text", []byte("a\n"), true},
		{"NUL", []byte("a\x00\n"), false},
		{"NUL far down", append(bytes.Repeat([]byte("a\n"), 10000), 0), false},
		{"Latin-1", []byte("\xfc\n"), false},
		{"half a rune", []byte("a\n\xc3"), false},
		{"at the limit", long, true},
		{"over the limit", append(long, 'a'), false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			for i := range 3 {
				side := [3][]byte{[]byte("x\n"), []byte("x\n"), []byte("x\n")}
				side[i] = tc.text
				if i == 0 {
					side[1] = tc.text // else both sides changed the base
				}
				if _, ok := diff.Merge(side[0], side[1], side[2]); ok != tc.want {
					t.Errorf("text %d: ok is %v, want %v", i, ok, tc.want)
				}
			}
		})
	}
}

// mergeLaws holds whatever the texts are.
func mergeLaws(t *testing.T, base, ours, theirs string) {
	t.Helper()
	merge := func(base, ours, theirs string) (string, bool) {
		merged, ok := diff.Merge([]byte(base), []byte(ours), []byte(theirs))
		return string(merged), ok
	}
	for _, x := range []string{ours, theirs} {
		for _, three := range [][3]string{{base, base, x}, {base, x, base}, {base, x, x}} {
			if got, ok := merge(three[0], three[1], three[2]); !ok || got != x {
				t.Fatalf("Merge(%q) = %q, %v, want %q", three, got, ok, x)
			}
		}
	}
	got, ok := merge(base, ours, theirs)
	if turned, turnedOK := merge(base, theirs, ours); turned != got || turnedOK != ok {
		t.Fatalf("Merge(%q, %q, %q) = %q, %v; turned %q, %v", base, ours, theirs, got, ok, turned, turnedOK)
	}
	marked, conflicts := diff.MergeMarked([]byte(base), []byte(ours), []byte(theirs), diff.Labels{})
	if ok != (conflicts == 0) || ok && string(marked) != got {
		t.Fatalf("Merge(%q, %q, %q) = %q, %v; marked %q, %d conflicts", base, ours, theirs, got, ok, marked, conflicts)
	}
	if !ok {
		return
	}
	b, o, th, m := mergeLines(base), mergeLines(ours), mergeLines(theirs), mergeLines(got)
	for _, line := range m {
		if !slices.Contains(o, line) && !slices.Contains(th, line) {
			t.Fatalf("Merge(%q, %q, %q) = %q: line %q is of no side", base, ours, theirs, got, line)
		}
	}
	if max(len(b), len(o), len(th)) <= 20 && !disjoint(base, ours, theirs, got) {
		t.Fatalf("Merge(%q, %q, %q) = %q is no merge of disjoint changes", base, ours, theirs, got)
	}
}

func TestMergeLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 400 {
		base, ours, theirs := mergeCase(r, 15)
		mergeLaws(t, base, ours, theirs)
	}
	for range 100 { // long and unlike: past what is searched for
		lines, alphabet := 300+r.IntN(300), []int{3, 100, 1000, 100000}[r.IntN(4)]
		base, ours := mergeText(r, alphabet, lines), mergeText(r, alphabet, lines)
		theirs := base
		for range 150 {
			theirs = mergeEdit(r, theirs, alphabet)
		}
		mergeLaws(t, base, ours, theirs)
	}
}

// Very many changes of one side leave room for those of the other.
func TestMergeManyChanges(t *testing.T) {
	section := func(name string) string {
		var b strings.Builder
		for i := range 300 {
			fmt.Fprintf(&b, "%s %d\n", name, i%100)
		}
		return b.String()
	}
	base := numbered(1000, nil)
	ours := numbered(1000, map[int]string{100: "100\n" + section("a"), 500: section("b"), 900: ""})
	theirs := numbered(1000, map[int]string{300: "three hundred\n", 700: "", 999: "999\nnew\n"})
	want := numbered(1000, map[int]string{100: "100\n" + section("a"), 500: section("b"), 900: "",
		300: "three hundred\n", 700: "", 999: "999\nnew\n"})
	got, ok := diff.Merge([]byte(base), []byte(ours), []byte(theirs))
	if !ok || string(got) != want {
		t.Errorf("ok %v (-want +got):\n%s", ok, cmp.Diff(want, string(got)))
	}
}

func FuzzMerge(f *testing.F) {
	f.Add("", "a", "a\n")
	f.Add("1\n2\n3\n", "a\n2\n3\n", "1\n2\nb")
	f.Fuzz(func(t *testing.T, base, ours, theirs string) {
		for _, text := range []string{base, ours, theirs} {
			if strings.Contains(text, "\x00") || !utf8.ValidString(text) || len(text) > diff.MergeLimit {
				if got, ok := diff.Merge([]byte(base), []byte(ours), []byte(theirs)); ok || got != nil {
					t.Fatalf("%q is no text, but was merged to %q", text, got)
				}
				return
			}
		}
		mergeLaws(t, base, ours, theirs)
	})
}

func BenchmarkMerge(b *testing.B) {
	change := func(from int) map[int]string {
		lines := map[int]string{}
		for i := range 10 {
			lines[from+100*i] = fmt.Sprintf("changed %d\n", from)
		}
		return lines
	}
	base, ours, theirs := []byte(numbered(1000, nil)), []byte(numbered(1000, change(20))), []byte(numbered(1000, change(70)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := diff.Merge(base, ours, theirs); !ok {
			b.Fatal("conflict")
		}
	}
}

// The texts are of the greatest size, with no more in common than said.
func BenchmarkMergeHostile(b *testing.B) {
	fill := func(line func(i int) string) []byte {
		var text []byte
		for i := 0; ; i++ {
			if s := line(i); len(text)+len(s) <= diff.MergeLimit {
				text = append(text, s...)
			} else {
				return text
			}
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	cases := []struct {
		name string
		line func(text string, i int) string
	}{
		{"nothing", func(text string, i int) string { return fmt.Sprintf("%s%d\n", text, i) }},
		{"two lines in any order", func(string, int) string { return fmt.Sprintf("%d\n", r.IntN(2)) }},
		{"every second line", func(text string, i int) string {
			if i%2 == 0 {
				return fmt.Sprintf("u%d\n", i)
			}
			return fmt.Sprintf("%d\n", r.IntN(2))
		}},
		{"every 200th line", func(text string, i int) string {
			if i%200 == 0 {
				return fmt.Sprintf("u%d\n", i)
			}
			return fmt.Sprintf("%d\n", r.IntN(2))
		}},
	}
	for _, tc := range cases {
		var texts [3][]byte
		for i := range texts {
			texts[i] = fill(func(line int) string { return tc.line(string(rune('a'+i)), line) })
		}
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := diff.Merge(texts[0], texts[1], texts[2]); ok {
					b.Fatal("no conflict")
				}
			}
		})
	}
}
