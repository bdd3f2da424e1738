package gitrepo

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func openFS(t testing.TB, w *Worktree, rev string) fs.FS {
	t.Helper()
	fsys, id, err := w.FS(t.Context(), rev)
	if err != nil {
		t.Fatal(err)
	}
	if want := resolve(t, w, rev); id != want {
		t.Errorf("%s is %s, want %s", rev, id, want)
	}
	return fsys
}

// treeStream is a commit of one tree for git fast-import, with what a
// checkout has everywhere.
const treeStream = `commit refs/heads/main
committer c <c@localhost> 1700000000 +0000
data 1
x
M 100644 inline a.txt
data 1
a
M 100755 inline a/run
data 3
run
M 100644 inline a0
data 0

M 100644 inline s/eks/SKILL.md
data 5
skill
M 120000 inline s/link
data 3
eks
M 120000 inline s/eks/up
data 18
../../a/../s/./eks
M 120000 inline run
data 5
a/run
M 160000 1234567890123456789012345678901234567890 sub
`

func TestFS(t *testing.T) {
	for _, packed := range []bool{false, true} {
		r := newRepo(t)
		r.fastImport(treeStream, packed)
		fsys := openFS(t, find(t, r.dir), "main")
		if err := fstest.TestFS(fsys, "a.txt", "a/run", "a0", "s/eks/SKILL.md", "s/link", "s/eks/up", "run", "sub"); err != nil {
			t.Error(err)
		}
		below, err := fs.Sub(fsys, "s/link")
		if err != nil {
			t.Fatal(err)
		}
		if err := fstest.TestFS(below, "SKILL.md", "up"); err != nil {
			t.Error(err)
		}
		info, err := fs.Stat(fsys, "run")
		if err != nil || info.Mode() != 0o755 || !info.ModTime().Equal(time.Unix(1_700_000_000, 0)) || info.Size() != 3 {
			t.Errorf("%v, %v", info, err)
		}
		if info, err := fs.Stat(fsys, "s/link"); err != nil || info.Name() != "link" || !info.IsDir() {
			t.Errorf("%v, %v", info, err)
		}
		if entries, err := fs.ReadDir(fsys, "sub"); len(entries) > 0 || err != nil {
			t.Errorf("a submodule holds %v, %v", entries, err)
		}
		if _, err := fs.Stat(fsys, "sub/x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("in a submodule: %v", err)
		}
	}
}

// TestFSIsWhatACheckoutHas compares random trees with os.Root.
func TestFSIsWhatACheckoutHas(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs a file system that takes any name, and links")
	}
	r := newRepo(t)
	checkout := r.at(filepath.Join(t.TempDir(), "checkout"))
	r.git("commit", "-q", "--allow-empty", "-m", "x")
	r.git("worktree", "add", "-q", "--detach", checkout.dir)
	root, err := os.OpenRoot(checkout.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	// The commit has no .git; while trees are compared the checkout has none.
	gitFile, err := root.ReadFile(".git")
	if err != nil {
		t.Fatal(err)
	}
	good, bad, links := 0, 0, 0
	for seed := range uint64(25) {
		rnd := rand.New(rand.NewPCG(seed, 7))
		clearWorktree(t, r)
		randomTree(t, r, rnd)
		r.git("add", "-A", "-f")
		r.git("commit", "-q", "--allow-empty", "-m", fmt.Sprint(seed))
		checkout.git("checkout", "-q", "-f", "--detach", "main")
		if err := root.Remove(".git"); err != nil {
			t.Fatal(err)
		}
		fsys := openFS(t, find(t, r.dir), "main")
		for _, name := range namesOf(t, fsys) {
			want, got := lookAt(root.FS(), name), lookAt(fsys, name)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("seed %d, %q (-os.Root +got):\n%s", seed, name, d)
			}
			switch {
			case want.Failed:
				bad++
			case want.Link != "":
				links++
			default:
				good++
			}
		}
		if err := root.WriteFile(".git", gitFile, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if good < 500 || bad < 100 || links < 15 {
		t.Errorf("%d names lead to something, %d do not, %d links do: the trees test too little", good, bad, links)
	}
}

// namesOf returns all names, and what may lie behind those that are links.
func namesOf(t *testing.T, fsys fs.FS) (names []string) {
	t.Helper()
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		names = append(names, name)
		if err == nil && e.Type() == fs.ModeSymlink {
			for _, behind := range []string{"a", "b", "c.md", "skills", "eks/a", "l1", "none"} {
				names = append(names, path.Join(name, behind))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return append(names, "none", "a/none", "", "/", "..", "./a", "a/", "a//b")
}

// lookedAt is what a name leads to.
type lookedAt struct {
	Failed, NotExist bool
	Mode             fs.FileMode // type and executable bit
	Size             int64
	Content, Link    string
	Entries          []string
}

func lookAt(fsys fs.FS, name string) (l lookedAt) {
	info, err := fs.Lstat(fsys, name)
	if err == nil && info.Mode().Type() == fs.ModeSymlink {
		l.Link, err = fs.ReadLink(fsys, name)
	}
	if err == nil {
		info, err = fs.Stat(fsys, name)
	}
	if err != nil {
		l.Failed, l.NotExist = true, errors.Is(err, fs.ErrNotExist)
		return l
	}
	l.Mode = info.Mode() & (fs.ModeType | 0o100)
	if info.IsDir() {
		entries, err := fs.ReadDir(fsys, name)
		l.Failed = err != nil
		for _, e := range entries {
			l.Entries = append(l.Entries, fmt.Sprint(e.Name(), " ", e.Type()))
		}
		return l
	}
	data, err := fs.ReadFile(fsys, name)
	l.Failed, l.Content, l.Size = err != nil, string(data), info.Size()
	return l
}

func TestFSErrors(t *testing.T) {
	r := newRepo(t)
	link := r.object("blob", []byte(strings.Repeat("x/../", 2000)))
	absolute, circle := r.object("blob", []byte("/etc/hostname")), r.object("blob", []byte("circle/x"))
	file := filepath.Join(t.TempDir(), "large")
	if err := sparse(file, maxFSFile+1); err != nil {
		t.Fatal(err)
	}
	large := r.git("hash-object", "-w", file)
	in := strings.NewReplacer("LARGE", large, "LINK", link, "ABSOLUTE", absolute, "CIRCLE", circle, "MISSING", someID).Replace(
		"commit refs/heads/main\ncommitter c <c@localhost> 1 +0000\ndata 1\nx\n" +
			"M 100644 LARGE large\nM 120000 LINK long\nM 120000 ABSOLUTE absolute\nM 120000 CIRCLE circle\nM 120000 LARGE endless\nM 160000 MISSING sub\n")
	r.fastImport(in, false)
	fsys := openFS(t, find(t, r.dir), "main")
	if info, err := fs.Stat(fsys, "large"); err != nil || info.Size() != maxFSFile+1 {
		t.Errorf("%v, %v", info, err)
	}
	for _, name := range []string{"large", "long", "absolute", "circle", "endless", "large/x", "sub", "."} {
		data, err := fs.ReadFile(fsys, name)
		var pathErr *fs.PathError
		if err == nil || !errors.As(err, &pathErr) || pathErr.Path != name {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
	f, err := fsys.Open("large")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("read: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := f.Read(make([]byte, 1)); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read of a closed file: %v", err)
	}
	if _, _, err := find(t, r.dir).FS(t.Context(), "none"); !errors.Is(err, ErrNoRevision) {
		t.Error(err)
	}
}

func TestFSOfPartialClone(t *testing.T) {
	origin := newRepo(t)
	origin.git("config", "uploadpack.allowFilter", "true")
	origin.commit("s/x", "1")
	dir := t.TempDir()
	for _, filter := range []string{"blob:none", "tree:0"} {
		r := origin.at(filepath.Join(dir, strings.ReplaceAll(filter, ":", "")))
		origin.git("clone", "-q", "--no-checkout", "--filter="+filter, "file://"+origin.dir, r.dir)
		_, err := fs.ReadFile(openFS(t, find(t, r.dir), "HEAD"), "s/x")
		wantHint(t, err, ErrObjectMissing, "--refetch")
	}
}

// It goes on after the worktree was closed, and takes many callers.
func TestFSAfterClose(t *testing.T) {
	r := newRepo(t)
	r.fastImport(treeStream, true)
	w := find(t, r.dir)
	fsys := openFS(t, w, "main")
	errs := make(chan error)
	for range 4 {
		go func() {
			err := fstest.TestFS(fsys, "a/run")
			errs <- errors.Join(err, w.Close())
		}()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
