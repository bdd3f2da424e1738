package diff_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"assetsync/diff"
)

func TestMerge(t *testing.T) {
	for _, tt := range []struct{ name, base, ours, theirs, want string }{
		{"nothing changed", "a\nb\n", "a\nb\n", "a\nb\n", "a\nb\n"},
		{"ours changed", "a\nb\n", "a\nc\n", "a\nb\n", "a\nc\n"},
		{"theirs changed", "a\nb\n", "a\nb\n", "c\nb\n", "c\nb\n"},
		{"the same change", "a\nb\n", "a\nc\n", "a\nc\n", "a\nc\n"},
		{"apart", "1\n2\n3\n4\n5\n", "one\n2\n3\n4\n5\n", "1\n2\n3\n4\nfive\n", "one\n2\n3\n4\nfive\n"},
		{"insert and delete", "1\n2\n3\n4\n5\n", "0\n1\n2\n3\n4\n5\n", "1\n2\n3\n4\n", "0\n1\n2\n3\n4\n"},
		{"one line between", "1\n2\n3\n", "one\n2\n3\n", "1\n2\nthree\n", "one\n2\nthree\n"},
		{"lines that touch", "1\n2\n", "one\n2\n", "1\ntwo\n", "conflict"},
		{"the same line", "1\n2\n3\n", "1\nx\n3\n", "1\ny\n3\n", "conflict"},
		{"inserted at one place", "1\n", "1\nx\n", "1\ny\n", "conflict"},
		{"changed and deleted", "1\n2\n3\n", "1\nx\n3\n", "1\n3\n", "conflict"},
		{"one of two changes is the same", "1\n2\n3\n4\n5\n", "x\n2\n3\n4\ny\n", "x\n2\n3\n4\n5\n", "x\n2\n3\n4\ny\n"},
		{"no end of line", "1\n2\n3", "one\n2\n3", "1\n2\n3\n", "one\n2\n3\n"},
		{"CRLF", "1\r\n2\r\n3\r\n", "one\r\n2\r\n3\r\n", "1\r\n2\r\nthree\r\n", "one\r\n2\r\nthree\r\n"},
		{"line ends on one side", "1\n2\n3\n", "1\r\n2\r\n3\r\n", "1\n2\nthree\n", "conflict"},
		{"empty base, the same", "", "x\n", "x\n", "x\n"},
		{"empty base", "", "x\n", "y\n", "conflict"},
		{"all deleted", "1\n2\n", "", "1\n2\n", ""},
		{"NUL", "1\n2\n3\n", "one\n2\n3\n", "1\n2\n\x00\n", "conflict"},
		{"not UTF-8", "1\n2\n3\n", "one\n2\n3\n", "1\n2\n\xff\n", "conflict"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, swapped := range []bool{false, true} {
				ours, theirs := tt.ours, tt.theirs
				if swapped {
					ours, theirs = theirs, ours
				}
				got, ok := diff.Merge([]byte(tt.base), []byte(ours), []byte(theirs))
				if ok != (tt.want != "conflict") || ok && string(got) != tt.want {
					t.Errorf("swapped %v: %q, %v; want %q", swapped, got, ok, tt.want)
				}
			}
		})
	}
}

// anyEdit changes some lines, few of which are alike.
func anyEdit(r *rand.Rand, lines []string) []string {
	out := slices.Clone(lines)
	for range r.IntN(4) {
		at := r.IntN(len(out) + 1)
		line := string(rune('a'+r.IntN(6))) + "\n"
		switch k := r.IntN(3); {
		case k == 0 || at == len(out):
			out = slices.Insert(out, at, line)
		case k == 1:
			out[at] = line
		default:
			out = slices.Delete(out, at, at+1)
		}
	}
	return out
}

// TestMergeLikeGit merges random texts as git merge-file does. Where the
// two-way differences of a text are ambiguous the two may see the same change
// at other lines; such inputs are rare and counted.
func TestMergeLikeGit(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	const inputs = 2000
	dir := t.TempDir()
	file := func(name string, lines []string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(strings.Join(lines, "")), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	r := rand.New(rand.NewPCG(7, 7))
	merged, bolder, shyer := 0, 0, 0
	for range inputs {
		var base []string
		for range r.IntN(12) {
			base = append(base, string(rune('a'+r.IntN(12)))+"\n")
		}
		ours, theirs := anyEdit(r, base), anyEdit(r, base)
		got, ok := diff.Merge([]byte(strings.Join(base, "")), []byte(strings.Join(ours, "")), []byte(strings.Join(theirs, "")))
		want, err := exec.CommandContext(t.Context(), git, "merge-file", "-p", file("ours", ours), file("base", base), file("theirs", theirs)).Output()
		switch clean := err == nil; {
		case ok && clean && !bytes.Equal(got, want):
			t.Logf("base %q ours %q theirs %q: %q, git %q", base, ours, theirs, got, want)
			bolder++
		case ok && !clean:
			t.Logf("base %q ours %q theirs %q: %q, git has a conflict", base, ours, theirs, got)
			bolder++
		case !ok && clean:
			shyer++
		case ok:
			merged++
		}
	}
	t.Logf("%d inputs: %d merged alike, %d only by us or otherwise, %d only by git", inputs, merged, bolder, shyer)
	if bolder > inputs/100 || shyer > inputs/50 || merged < inputs/10 {
		t.Error("too many differences")
	}
}

func FuzzMerge(f *testing.F) {
	f.Add("1\n2\n3\n", "one\n2\n3\n", "1\n2\nthree\n")
	f.Add("", "x", "x\n")
	f.Fuzz(func(t *testing.T, base, ours, theirs string) {
		got, ok := diff.Merge([]byte(base), []byte(ours), []byte(theirs))
		back, okBack := diff.Merge([]byte(base), []byte(theirs), []byte(ours))
		if ok != okBack || !bytes.Equal(got, back) {
			t.Errorf("%q %v, swapped %q %v", got, ok, back, okBack)
		}
		if one, ok := diff.Merge([]byte(base), []byte(ours), []byte(base)); ok && string(one) != ours {
			t.Errorf("nothing of theirs makes %q of %q", one, ours)
		}
		if !ok {
			return
		}
		for _, line := range strings.SplitAfter(string(got), "\n") {
			if line != "" && !strings.Contains(ours+"\n"+theirs, strings.TrimSuffix(line, "\n")) {
				t.Errorf("line %q is of neither side", line)
			}
		}
	})
}
