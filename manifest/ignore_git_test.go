package manifest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestIgnoreAgreesWithGit compares random patterns over random paths with
// "git check-ignore". One repository serves all cases, each a directory of
// its own, so that git starts once. The paths need not exist: git takes what
// does not for a file, and what leads to it for directories.
func TestIgnoreAgreesWithGit(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	if testing.Short() {
		t.Skip("starts git on thousands of files")
	}
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { compareWithGit(t, rand.New(rand.NewPCG(seed, 0))) })
	}
}

func compareWithGit(t *testing.T, rnd *rand.Rand) {
	const cases = 1000
	repo := t.TempDir()
	git(t, repo, "", "init", "-q")
	rules := newIgnore(t)
	var files []IgnoreFile
	var ask strings.Builder
	var paths []Path
	isDir := make(map[Path]bool)
	for i := range cases {
		dir := Path(fmt.Sprintf("d%04d", i))
		files = append(files, writeIgnoreFile(t, repo, dir, randomIgnoreFile(rnd)))
		if rnd.IntN(2) == 0 {
			files = append(files, writeIgnoreFile(t, repo, dir+"/a", randomIgnoreFile(rnd)))
			isDir[dir+"/a"] = true
		}
		for range 12 {
			p := dir + "/" + randomPath(rnd)
			paths = append(paths, p)
			ask.WriteString(string(p) + "\x00")
		}
	}
	rules = rules.With(files...)
	want := make(map[Path]bool)
	for p := range strings.SplitSeq(git(t, repo, ask.String(), "check-ignore", "--no-index", "--stdin", "-z"), "\x00") {
		want[Path(p)] = p != ""
	}
	if n := len(want); n < len(paths)/50 || n > len(paths)*9/10 {
		t.Fatalf("git ignores %d of %d paths: the cases decide nothing", n, len(paths))
	}
	for _, p := range paths {
		dir := p[:5]
		got := rules.Ignored(p)
		if isDir[p] { // git sees what it is
			if got := rules.IgnoredDir(p); got != want[p] {
				t.Errorf("IgnoredDir(%q) = %v, want %v\n%s", p, got, want[p], describe(files, dir))
			}
			continue
		}
		if got != want[p] {
			t.Errorf("Ignored(%q) = %v, want %v\n%s", p, got, want[p], describe(files, dir))
		}
		if why := rules.Why(p); (why != "") != got {
			t.Errorf("Why(%q) = %q, but Ignored is %v", p, why, got)
		}
		compareBelow(t, rules, files, dir, p, want[p])
	}
}

// compareBelow asks the same of a tree whose root is the directory "a" of a
// case: the ignore file beside it is an enclosing one then.
func compareBelow(t *testing.T, all *Ignore, files []IgnoreFile, dir, p Path, want bool) {
	rel, ok := strings.CutPrefix(string(p), string(dir)+"/a/")
	if !ok || all.IgnoredDir(dir+"/a") {
		return
	}
	below := newIgnore(t)
	for _, f := range files {
		switch f.Dir {
		case dir:
			below = below.With(IgnoreFile{Above: "a", Data: f.Data})
		case dir + "/a":
			below = below.With(IgnoreFile{Data: f.Data})
		}
	}
	if got := below.Ignored(Path(rel)); got != want {
		t.Errorf("from below a: Ignored(%q) = %v, want %v\n%s", rel, got, want, describe(files, dir))
	}
}

func newIgnore(t testing.TB, target ...string) *Ignore {
	t.Helper()
	rules, err := NewIgnore(target)
	if err != nil {
		t.Fatal(err)
	}
	return rules
}

func writeIgnoreFile(t *testing.T, repo string, dir Path, data string) IgnoreFile {
	t.Helper()
	abs := filepath.Join(repo, filepath.FromSlash(string(dir)))
	if err := os.MkdirAll(abs, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(abs, ".gitignore"), []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return IgnoreFile{Layer: GitIgnore, Dir: dir, Data: []byte(data)}
}

func describe(files []IgnoreFile, dir Path) string {
	var b strings.Builder
	for _, f := range files {
		if f.Dir.Under(dir) {
			fmt.Fprintf(&b, "%s/.gitignore: %q\n", f.Dir, f.Data)
		}
	}
	return b.String()
}

func randomPath(rnd *rand.Rand) Path {
	names := []string{"a", "a", "b", "c", "ab", "abc", "a b", "a-b", "a.b", "A", "a]", "ü", "[a", "!a", "#a", "b ", "x1", "aab"}
	segments := make([]string, 1+rnd.IntN(4))
	for i := range segments {
		segments[i] = names[rnd.IntN(len(names))]
	}
	return Path(strings.Join(segments, "/"))
}

// randomIgnoreFile joins pieces that matter to the syntax in any order, most
// of them sensible now and then.
func randomIgnoreFile(rnd *rand.Rand) string {
	pieces := []string{
		"a", "a", "b", "c", "ab", "x1", "ü", "A", ".", "-", " ", "/", "/", "/", "*", "*", "**", "**/", "/**", "/**/", "***", "?",
		"[ab]", "[!a]", "[^b]", "[a-c]", "[]a]", "[!]a]", "[a", "[]", "[[:alpha:]]", "[[:upper:][:digit:]]", "[[:foo:]]", "[[:]",
		"[a\\]]", "[\\a-c]", "[a-]", "[-a]", "[c-a]", "[[a]", "[[:space:]]", "\\", "\\a", "\\ ", "\\*", "\\[", "!", "#", "[a/b]", "\\/", "\x00", "\t",
	}
	ends := []string{"\n", "\n", "\n", "\r\n", " \n", "  \r\n", ""}
	var b strings.Builder
	if rnd.IntN(20) == 0 {
		b.WriteString("\ufeff")
	}
	for range 1 + rnd.IntN(3) {
		if rnd.IntN(4) == 0 {
			b.WriteString("!")
		}
		for range 1 + rnd.IntN(4) {
			b.WriteString(pieces[rnd.IntN(len(pieces))])
		}
		b.WriteString(ends[rnd.IntN(len(ends))])
	}
	return b.String()
}
