package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
)

// commitOf reads a directory of HEAD.
func commitOf(t testing.TB, r repo, dir string, opts manifest.ScanOptions) *Commit {
	t.Helper()
	c, err := find(t, r.dir).Commit(t.Context(), "HEAD", filepath.Join(r.dir, filepath.FromSlash(dir)), opts)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// seen is what two looks at one tree must agree on.
type seen struct {
	Tree     string
	Unknown  []string
	Problems []string
	Ignore   []string // why some names would be left out
}

func look(snap manifest.Snapshot) seen {
	text, _ := snap.Tree.MarshalText() // it never fails
	s := seen{Tree: string(text)}
	for _, u := range snap.Unknown {
		s.Unknown = append(s.Unknown, fmt.Sprintf("%s %v", u.Path, u.Below))
	}
	for _, p := range snap.Problems {
		s.Problems = append(s.Problems, fmt.Sprintf("%s %s: %s", p.Kind, p.Path, p.Detail))
	}
	for _, p := range []manifest.Path{"a", "b/a", "a.log", "b/c.md", "a/b/c"} {
		s.Ignore = append(s.Ignore, snap.Ignore.Why(p))
	}
	return s
}

// scanned is what a look at the same directory of the worktree finds.
func scanned(t testing.TB, r repo, dir string, opts manifest.ScanOptions) (manifest.Snapshot, error) {
	t.Helper()
	abs := filepath.Join(r.dir, filepath.FromSlash(dir))
	root, err := os.OpenRoot(abs)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if opts.Enclosing, err = manifest.EnclosingIgnore(abs, r.dir); err != nil {
		return manifest.Snapshot{}, err
	}
	return manifest.Scan(t.Context(), root, opts)
}

// TestCommitIsWhatScanFinds makes random trees with git itself.
func TestCommitIsWhatScanFinds(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a file system that takes any name, and links")
	}
	r := newRepo(t)
	r.git("config", "core.quotePath", "false")
	problems := map[string]int{}
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		clearWorktree(t, r)
		randomTree(t, r, rnd)
		r.git("add", "-A", "-f")
		r.git("commit", "-q", "--allow-empty", "-m", fmt.Sprint(seed))
		if seed%7 == 3 {
			r.git("gc", "-q")
		}
		// A clean checkout has no empty directories.
		clearWorktree(t, r)
		r.git("checkout", "-q", "-f", "HEAD", "--", ".")
		for _, dir := range []string{".", "skills", "skills/eks"} {
			real, err := filepath.EvalSymlinks(filepath.Join(r.dir, dir))
			if err != nil || real != r.dir && !strings.HasPrefix(real, r.dir+"/") {
				continue
			}
			if info, err := os.Stat(real); err != nil || !info.IsDir() {
				continue
			}
			opts := manifest.ScanOptions{MaxFileSize: 3000}
			if rnd.IntN(2) == 0 {
				opts.Ignore = []string{"c.md", "!keep.log"}
			}
			if rnd.IntN(2) == 0 {
				opts.Text = manifest.TextLF
			}
			got, err := find(t, r.dir).Commit(t.Context(), "HEAD", filepath.Join(r.dir, dir), opts)
			snap, scanErr := scanned(t, r, dir, opts)
			if scanErr != nil && err != nil { // an ignore file that cannot be read
				continue
			}
			if scanErr != nil || err != nil {
				t.Fatalf("seed %d, %s: scan says %v, commit says %v", seed, dir, scanErr, err)
			}
			if d := cmp.Diff(look(snap), look(got.Snapshot())); d != "" {
				t.Fatalf("seed %d, %s: (-scan +commit):\n%s\n%s", seed, dir, d, r.git("ls-tree", "-r", "HEAD"))
			}
			for _, p := range snap.Problems {
				problems[string(p.Kind)]++
			}
			checkBytes(t, r, dir, got, opts.Text)
		}
	}
	for _, kind := range []manifest.ProblemKind{manifest.LinkEscapes, manifest.LinkBroken, manifest.BadName, manifest.NameTwins, manifest.TooLarge} {
		if problems[string(kind)] < 3 {
			t.Errorf("only %d problems %s: the trees test too little", problems[string(kind)], kind)
		}
	}
}

func checkBytes(t *testing.T, r repo, dir string, c *Commit, text manifest.Text) {
	t.Helper()
	for e := range c.Snapshot().Tree.All() {
		got, err := c.Read(e)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(path.Join(dir, string(e.Path)))))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(text.Canonical(want)) {
			t.Errorf("%s: other bytes", e.Path)
		}
	}
}

func clearWorktree(t *testing.T, r repo) {
	t.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != ".git" {
			if err := os.RemoveAll(filepath.Join(r.dir, e.Name())); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// randomTree fills the worktree. What cannot be made, a file where a
// directory is or behind a link that leads out, is left out. Everything is
// written through an os.Root: a link made here must lead no write elsewhere.
func randomTree(t *testing.T, r repo, rnd *rand.Rand) {
	t.Helper()
	root, err := os.OpenRoot(r.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	names := []string{"a", "b", "c.md", "C.md", "a.log", "keep.log", "ü", "u\u0308", "b\\c", "tab\t", "\xff\xfe", "new\nline", ".hidden", "x y", "eks", "skills"}
	dirs := []string{".", "skills", "skills/eks", "skills/eks/a", "skills/eks/b", "skills/eks/b/a", "skills/other", "shared"}
	targets := []string{"a", "../a", "c.md", "../../shared", "../shared/a", "..", ".", "b", "b/a", "/none/absolute", "none", "../../..", "a/../b", "./b//a", ".git/config", ".gitignore", "l1", "../l2", "skills"}
	rules := []string{"*.log\n", "/a\n", "b/\n", "!keep.log\n", "skills/other\n", "c.md\n!c.md\n", "*\n!*/\n!*.md\n", "l1/\n", "x*\n", "/skills/eks/b\n"}
	pick := func(from ...string) string { return from[rnd.IntN(len(from))] }
	for range 6 + rnd.IntN(30) {
		dir := pick(dirs...)
		name, target, content, mode := path.Join(dir, pick(names...)), "", "", fs.FileMode(0o644)
		switch n := rnd.IntN(12); {
		case n < 3:
			target = pick(targets...)
			if rnd.IntN(2) == 0 {
				name = path.Join(dir, pick("l1", "l2"))
			}
		case n < 5:
			name, content = path.Join(dir, pick(".gitignore", ".assetsyncignore")), pick(rules...)+pick(rules...)
			// One that leads out of the repository is another test.
			if rnd.IntN(8) == 0 && dir != "." {
				target = pick("c.md", "../shared/a", "none")
			}
		default:
			content = strings.Repeat(pick("a", "*.md\n", "text ", "line\r\n", "\r\r\n"), rnd.IntN(800))
			if rnd.IntN(3) == 0 {
				mode = 0o755
			}
		}
		if err := root.MkdirAll(dir, 0o755); err != nil {
			continue
		}
		if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if target != "" {
			err = root.Symlink(target, name)
		} else {
			err = root.WriteFile(name, []byte(content), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
