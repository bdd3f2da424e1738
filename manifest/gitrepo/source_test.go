package gitrepo

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
)

const lfsPointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

func problems(c *Commit) []string {
	var list []string
	for _, p := range c.Snapshot().Problems {
		list = append(list, string(p.Kind)+" "+string(p.Path)+": "+p.Detail)
		if p.Hint == "" {
			list = append(list, "without a hint")
		}
	}
	return list
}

func paths(c *Commit) []string {
	var list []string
	for e := range c.Snapshot().Tree.All() {
		list = append(list, string(e.Path))
	}
	return list
}

func TestCommitRevisions(t *testing.T) {
	r := newRepo(t)
	first := r.commit("s/x", "1")
	r.git("tag", "-a", "-m", "one", "v1")
	r.git("tag", "-a", "-m", "tag of a tag", "v1-again", "v1")
	r.git("tag", "plain")
	r.git("update-ref", "refs/remotes/origin/main", first)
	r.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main")
	second := r.commit("s/x", "2")
	r.git("branch", "feature/x")
	r.git("tag", "a-tree", "HEAD^{tree}")
	w := find(t, r.dir)
	for _, packed := range []bool{false, true} {
		if packed {
			r.git("gc", "-q")
		}
		for rev, want := range map[string]string{
			"HEAD": second, "main": second, "refs/heads/main": second, "heads/main": second, "feature/x": second, first: first,
			"v1": first, "v1-again": first, "plain": first, "refs/tags/v1": first, "origin/main": first, "origin": first,
		} {
			c, err := w.Commit(t.Context(), rev, filepath.Join(r.dir, "s"), manifest.ScanOptions{})
			if err != nil {
				t.Errorf("%s: %v", rev, err)
				continue
			}
			if c.ID() != want {
				t.Errorf("%s is %s, want %s", rev, c.ID(), want)
			}
		}
		for rev, want := range map[string]error{
			"none": ErrNoRevision, "": ErrNoRevision, "../../x": ErrNoRevision, "-x": ErrNoRevision,
			strings.Repeat("12", 20): ErrObjectMissing, strings.Repeat("12", 32): ErrObjectFormat, "a-tree": nil,
		} {
			_, err := w.Commit(t.Context(), rev, r.dir, manifest.ScanOptions{})
			if err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%s: error %v, want %v", rev, err, want)
			}
		}
	}
}

// Some refs belong to one worktree.
func TestCommitPrivateRefs(t *testing.T) {
	r := newRepo(t)
	first := r.commit("x", "1")
	linked := r.at(filepath.Join(t.TempDir(), "linked"))
	r.git("worktree", "add", "-q", "--detach", linked.dir)
	second := linked.commit("x", "2")
	for _, ref := range []string{"refs/bisect/bad", "refs/worktree/here", "refs/rewritten/onto", "ORIG_HEAD"} {
		r.git("update-ref", ref, first)
		linked.git("update-ref", ref, second)
		for dir, want := range map[string]string{r.dir: first, linked.dir: second} {
			c, err := find(t, dir).Commit(t.Context(), ref, dir, manifest.ScanOptions{})
			if err != nil {
				t.Errorf("%s: %v", ref, err)
			} else if c.ID() != want {
				t.Errorf("%s is %s, want %s", ref, c.ID(), want)
			}
		}
	}
}

func TestCommitDirectories(t *testing.T) {
	r := newRepo(t)
	r.write("skills/eks/SKILL.md", "s")
	r.write("skills/eks/sub/x", "x")
	if err := os.Symlink("skills/eks", filepath.Join(r.dir, "short")); err != nil {
		t.Skip(err)
	}
	if err := os.Symlink("..", filepath.Join(r.dir, "out")); err != nil {
		t.Fatal(err)
	}
	r.commit("file", "")
	w := find(t, r.dir)
	outside := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(r.dir, outside); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"skills/eks", "short", "skills/../skills/eks"} {
		for _, top := range []string{r.dir, outside} {
			c, err := w.Commit(t.Context(), "HEAD", filepath.Join(top, dir), manifest.ScanOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]string{"SKILL.md", "sub/x"}, paths(c)); d != "" {
				t.Errorf("%s (-want +got):\n%s", dir, d)
			}
		}
	}
	for dir, missing := range map[string]bool{"none": true, "skills/none/x": true, "file/x": true, "file": false, "out": false, "..": false, "../x": false} {
		_, err := w.Commit(t.Context(), "HEAD", filepath.Join(r.dir, filepath.FromSlash(dir)), manifest.ScanOptions{})
		if err == nil || errors.Is(err, fs.ErrNotExist) != missing {
			t.Errorf("%s: error %v, want missing %v", dir, err, missing)
		}
	}
}

func TestCommitFile(t *testing.T) {
	r := newRepo(t)
	r.write("ops/TEAM.md", "team")
	r.write("ops/.gitignore", "*")
	for link, target := range map[string]string{"link.md": "TEAM.md", "out.md": "../other", "broken": "none"} {
		if err := os.Symlink(target, filepath.Join(r.dir, "ops", link)); err != nil {
			t.Skip(err)
		}
	}
	r.write("other", "")
	r.git("add", "-A", "-f")
	r.commit("x", "")
	w := find(t, r.dir)
	root, err := os.OpenRoot(filepath.Join(r.dir, "ops"))
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for _, name := range []string{"TEAM.md", "link.md", "out.md", "broken"} {
		want, err := manifest.ScanFile(t.Context(), root, name, "AGENTS.md", manifest.ScanOptions{MaxFileSize: 4})
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.CommitFile(t.Context(), "HEAD", filepath.Join(r.dir, "ops", name), "AGENTS.md", manifest.ScanOptions{MaxFileSize: 4})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(look(want), look(got.Snapshot())); d != "" {
			t.Errorf("%s (-scan +commit):\n%s", name, d)
		}
		for e := range got.Snapshot().Tree.All() {
			if data, err := got.Read(e); string(data) != "team" || err != nil {
				t.Errorf("%s: %q, %v", name, data, err)
			}
		}
	}
	if _, err := w.CommitFile(t.Context(), "HEAD", filepath.Join(r.dir, "ops", "none"), "AGENTS.md", manifest.ScanOptions{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestCommitLFS(t *testing.T) {
	r := newRepo(t)
	r.write("SKILL.md", "about\n"+lfsPointer)
	r.write("big.bin", lfsPointer)
	r.write("old.bin", strings.Replace(lfsPointer, "git-lfs.github.com", "hawser.github.com", 1))
	r.write("long.md", lfsPointer+strings.Repeat("x", 1024))
	r.write("left.bin", lfsPointer)
	r.commit("x", "")
	c := commitOf(t, r, ".", manifest.ScanOptions{Ignore: []string{"left.bin"}})
	want := []string{
		"lfs-pointer big.bin: is a Git LFS pointer: its content is not in the repository",
		"lfs-pointer old.bin: is a Git LFS pointer: its content is not in the repository",
	}
	if d := cmp.Diff(want, problems(c)); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"SKILL.md", "long.md", "x"}, paths(c)); d != "" {
		t.Errorf("paths (-want +got):\n%s", d)
	}
	one, err := find(t, r.dir).CommitFile(t.Context(), "HEAD", filepath.Join(r.dir, "big.bin"), "big.bin", manifest.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want[:1], problems(one)); d != "" {
		t.Errorf("a single file (-want +got):\n%s", d)
	}
}

func TestCommitSubmodule(t *testing.T) {
	inner := newRepo(t)
	inner.commit("x", "")
	r := newRepo(t)
	r.git("submodule", "--quiet", "add", inner.dir, "s/sub")
	r.git("submodule", "--quiet", "add", inner.dir, "s/left")
	for link, target := range map[string]string{"link": "sub", "into": "sub/x"} {
		if err := os.Symlink(target, filepath.Join(r.dir, "s", link)); err != nil {
			t.Skip(err)
		}
	}
	r.commit("s/SKILL.md", "")
	c := commitOf(t, r, "s", manifest.ScanOptions{Ignore: []string{"left/"}})
	want := []string{
		`link-broken into: leads to "sub/x", which does not exist`,
		"submodule link: is a submodule, whose files are not in this commit",
		"submodule sub: is a submodule, whose files are not in this commit",
	}
	if d := cmp.Diff(want, problems(c)); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
	for p, unknown := range map[manifest.Path]bool{"sub/x": true, "link/y": true, "SKILL.md": false, "left/x": false} {
		if got := c.Snapshot().Unknown.Has(p); got != unknown {
			t.Errorf("%s is unknown: %v", p, got)
		}
	}
}

// An ignore file that is there and cannot be read never counts as none.
func TestCommitIgnoreFileOutside(t *testing.T) {
	r := newRepo(t)
	r.write("s/x", "")
	if err := os.Symlink("../rules", filepath.Join(r.dir, ".gitignore")); err != nil {
		t.Skip(err)
	}
	r.git("add", "-A", "-f")
	r.git("commit", "-q", "-m", "x")
	if _, err := find(t, r.dir).Commit(t.Context(), "HEAD", filepath.Join(r.dir, "s"), manifest.ScanOptions{}); err == nil {
		t.Error("an enclosing ignore file outside of the repository is passed over")
	}
	c := commitOf(t, r, ".", manifest.ScanOptions{})
	if d := cmp.Diff([]string{"link-escapes .gitignore: leads out of the directory"}, problems(c)); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
}

func TestCommitOfPartialClone(t *testing.T) {
	origin := newRepo(t)
	origin.git("config", "uploadpack.allowFilter", "true")
	origin.write("SKILL.md", "skill")
	origin.write("sub/.gitignore", "*.log")
	origin.commit("sub/a", "a")
	dir := t.TempDir()
	noBlobs, noTrees := origin.at(filepath.Join(dir, "blobs")), origin.at(filepath.Join(dir, "trees"))
	origin.git("clone", "-q", "--no-checkout", "--filter=blob:none", "file://"+origin.dir, noBlobs.dir)
	origin.git("clone", "-q", "--no-checkout", "--filter=tree:0", "file://"+origin.dir, noTrees.dir)

	c := commitOf(t, noBlobs, ".", manifest.ScanOptions{})
	if got := c.Snapshot(); got.Tree.Len() != 0 || len(got.Problems) != 2 || !got.Unknown.Has("sub/x") || !got.Unknown.Has("SKILL.md") {
		t.Errorf("without blobs: %+v", got)
	}
	for _, p := range c.Snapshot().Problems {
		if p.Kind != manifest.Unreadable || !strings.Contains(p.Hint, "git fetch") {
			t.Errorf("problem %+v", p)
		}
	}
	if got := commitOf(t, noTrees, ".", manifest.ScanOptions{}).Snapshot(); !got.Unknown.Has("anything") || len(got.Problems) != 1 {
		t.Errorf("without trees: %+v", got)
	}
	if _, err := c.Read(manifest.Entry{Path: "SKILL.md", ID: manifest.BlobID([]byte("skill")), Size: 5}); !errors.Is(err, ErrObjectMissing) {
		t.Errorf("read: %v", err)
	}
	// What the hint says helps, without opening anything again.
	w := find(t, noBlobs.dir)
	if _, err := w.Commit(t.Context(), "HEAD", noBlobs.dir, manifest.ScanOptions{}); err != nil {
		t.Fatal(err)
	}
	noBlobs.git("fetch", "-q", "--refetch", "--no-filter")
	c, err := w.Commit(t.Context(), "HEAD", noBlobs.dir, manifest.ScanOptions{})
	if err != nil || len(problems(c)) > 0 {
		t.Errorf("after the fetch: %v, %v", problems(c), err)
	}
}

func TestCommitSeesGC(t *testing.T) {
	r := newRepo(t)
	id := r.commit("a/x", "1")
	w := find(t, r.dir)
	c, err := w.Commit(t.Context(), "HEAD", r.dir, manifest.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.git("gc", "-q")
	r.commit("a/y", "2")
	r.git("gc", "-q")
	for e := range c.Snapshot().Tree.All() {
		if data, err := c.Read(e); string(data) != "1" || err != nil {
			t.Errorf("%q, %v", data, err)
		}
	}
	for rev, want := range map[string][]string{"HEAD": {"a/x", "a/y"}, id: {"a/x"}} {
		c, err := w.Commit(t.Context(), rev, r.dir, manifest.ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, paths(c)); d != "" {
			t.Errorf("%s (-want +got):\n%s", rev, d)
		}
	}
}

// Objects above and below what go-git reads at once, whole and as deltas.
func TestCommitLargeFiles(t *testing.T) {
	r := newRepo(t)
	random := make([]byte, 3<<20)
	rnd := rand.NewChaCha8([32]byte{})
	rnd.Read(random)
	sizes := []int{0, 1, 1023, 1024, 16 << 10, 17 << 10, lazySize, lazySize + 1, 3 << 20}
	want := map[string]string{}
	for i, size := range sizes {
		name := string(rune('a' + i))
		want[name] = string(random[:size])
		want[name+"-delta"] = string(slices.Concat([]byte("another beginning"), random[:size]))
	}
	for name, content := range want {
		r.write(name, content)
	}
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "x")
	for _, packed := range []bool{false, true} {
		if packed {
			r.git("repack", "-q", "-a", "-d", "-f")
		}
		c := commitOf(t, r, ".", manifest.ScanOptions{})
		if n := c.Snapshot().Tree.Len(); n != len(want) {
			t.Fatalf("%d files, want %d: %v", n, len(want), problems(c))
		}
		for e := range c.Snapshot().Tree.All() {
			data, err := c.Read(e)
			if err != nil || string(data) != want[string(e.Path)] || e.Size != int64(len(data)) {
				t.Errorf("packed %v, %s: %d bytes, %v, want %d", packed, e.Path, len(data), err, len(want[string(e.Path)]))
			}
		}
	}
}

func TestUnsupportedFormats(t *testing.T) {
	r := newRepo(t, "--object-format=sha256")
	head := r.commit("x", "1")
	wantState(t, r.dir, State{Branch: "main", Head: head})
	w := find(t, r.dir)
	if !onBranch(t, w, "main") {
		t.Error("not on its own branch")
	}
	r.git("checkout", "-q", "--detach")
	r.commit("x", "2")
	if _, err := w.OnBranch(t.Context(), state(t, w), "main"); !errors.Is(err, ErrObjectFormat) {
		t.Errorf("OnBranch: %v", err)
	}
	if _, err := w.Commit(t.Context(), "HEAD", r.dir, manifest.ScanOptions{}); !errors.Is(err, ErrObjectFormat) {
		t.Errorf("Commit: %v", err)
	}

	// As git 2.45 writes it; the git of the tests may be older.
	r = newRepo(t)
	r.write(".git/HEAD", "ref: refs/heads/.invalid\n")
	r.write(".git/reftable/tables.list", "")
	w = find(t, r.dir)
	_, err := w.State()
	wantHint(t, err, ErrReftable, "git refs migrate")
	for _, rev := range []string{"HEAD", "main"} {
		_, err = w.Commit(t.Context(), rev, r.dir, manifest.ScanOptions{})
		wantHint(t, err, ErrReftable, "git refs migrate")
	}
	_, err = w.OnBranch(t.Context(), State{Head: head}, "main")
	wantHint(t, err, ErrReftable, "git refs migrate")
}
