package gitrepo

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assetsync/manifest"
)

// textRepo holds text as committed by somebody with core.autocrlf, by somebody
// without who saves CRLF, and what git takes for binary.
func textRepo(t *testing.T) repo {
	t.Helper()
	r := newRepo(t)
	r.git("config", "core.autocrlf", "false")
	r.write("s/lf.md", "a\nb\n")
	r.write("s/crlf.md", "a\r\nb\r\n")
	r.write("s/mixed.md", "a\r\nb\n")
	r.write("s/large.md", strings.Repeat("line\r\n", 1000))
	r.write("s/binary", "a\r\n\x00\n")
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "first")
	return r
}

// Every checkout and the commit itself have one LF form.
func TestTextIsOneInEveryCheckout(t *testing.T) {
	r := textRepo(t)
	lf := manifest.ScanOptions{Text: manifest.TextLF}
	c := commitOf(t, r, "s", lf)
	want := c.Snapshot().Tree
	checkBytes(t, r, "s", c, manifest.TextLF)
	for path, content := range map[manifest.Path]string{"lf.md": "a\nb\n", "crlf.md": "a\nb\n", "mixed.md": "a\nb\n", "binary": "a\r\n\x00\n"} {
		if got := want.Get(path); got == nil || got.ID != manifest.BlobID([]byte(content)) {
			t.Errorf("%s is %+v, want the id of %q", path, got, content)
		}
	}
	if got := commitOf(t, r, "s", manifest.ScanOptions{}).Snapshot().Tree.ID().String(); got != r.git("rev-parse", "HEAD:s") {
		t.Errorf("without a form the commit holds tree %s, git says %s", got, r.git("rev-parse", "HEAD:s"))
	}
	crlf := 0
	for _, config := range []string{"core.autocrlf=true", "core.autocrlf=false", "core.autocrlf=input", "core.eol=crlf"} {
		clone := repo{t: t, dir: filepath.Join(t.TempDir(), "clone")}
		r.git("clone", "-q", "-c", config, r.dir, clone.dir)
		if config == "core.eol=crlf" {
			clone.write(".gitattributes", "*.md text\n")
			if err := os.RemoveAll(filepath.Join(clone.dir, "s")); err != nil {
				t.Fatal(err)
			}
			clone.git("checkout", "-q", "--", "s")
		}
		snap, err := scanned(t, clone, "s", lf)
		if err != nil {
			t.Fatal(err)
		}
		if !snap.Tree.Equal(want) || len(snap.Problems) > 0 {
			t.Errorf("with %s the checkout holds\n%v%v, the commit\n%v", config, snap.Tree, snap.Problems, want)
		}
		exact, err := scanned(t, clone, "s", manifest.ScanOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if exact.Tree.Get("lf.md").ID != manifest.BlobID([]byte("a\nb\n")) {
			crlf++
		}
	}
	if crlf != 2 {
		t.Errorf("git turned LF into CRLF in %d checkouts, want 2: the test tests too little", crlf)
	}
}

func TestTextOfOneFile(t *testing.T) {
	r := textRepo(t)
	w := find(t, r.dir)
	c, err := w.CommitFile(t.Context(), "HEAD", filepath.Join(r.dir, "s", "crlf.md"), "AGENTS.md", manifest.ScanOptions{Text: manifest.TextLF})
	if err != nil {
		t.Fatal(err)
	}
	e := c.Snapshot().Tree.Get("AGENTS.md")
	if e == nil || e.Size != 4 {
		t.Fatalf("AGENTS.md is %+v, want 4 bytes", e)
	}
	if data, err := c.Read(*e); err != nil || string(data) != "a\nb\n" {
		t.Errorf("Read = %q, %v", data, err)
	}
}

// An entry of one commit can be read from another one, and as the blob it is
// where a commit holds it.
func TestTextOfAnotherCommit(t *testing.T) {
	r := textRepo(t)
	w := find(t, r.dir)
	opts := manifest.ScanOptions{Text: manifest.TextLF}
	old, err := w.Commit(t.Context(), "HEAD", filepath.Join(r.dir, "s"), opts)
	if err != nil {
		t.Fatal(err)
	}
	r.write("s/crlf.md", "c\n")
	r.write("s/large.md", "d\n")
	r.git("commit", "-q", "-a", "-m", "second")
	now, err := w.Commit(t.Context(), "HEAD", filepath.Join(r.dir, "s"), opts)
	if err != nil {
		t.Fatal(err)
	}
	exact, err := w.Commit(t.Context(), "HEAD~", filepath.Join(r.dir, "s"), manifest.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for e := range old.Snapshot().Tree.All() {
		data, err := now.Read(e)
		if err != nil || manifest.BlobID(data) != e.ID {
			t.Errorf("Read(%s) = %q, %v", e.Path, data, err)
		}
	}
	for e := range exact.Snapshot().Tree.All() {
		data, err := exact.Read(e)
		if err != nil || manifest.BlobID(data) != e.ID {
			t.Errorf("Read(%s) of the commit as it is = %q, %v", e.Path, data, err)
		}
	}
}

// A blob is read for its form once: a second look does not notice that its
// bytes are damaged since.
func TestTextIsReadOnce(t *testing.T) {
	r := textRepo(t)
	w := find(t, r.dir)
	scan := func() (manifest.Snapshot, error) {
		c, err := w.Commit(t.Context(), "HEAD", filepath.Join(r.dir, "s"), manifest.ScanOptions{Text: manifest.TextLF})
		if err != nil {
			return manifest.Snapshot{}, err
		}
		return c.Snapshot(), nil
	}
	first, err := scan()
	if err != nil {
		t.Fatal(err)
	}
	damageBlob(t, r, r.git("rev-parse", "HEAD:s/large.md"), 6000)
	again, err := scan()
	if err != nil || !again.Tree.Equal(first.Tree) || len(again.Problems) > 0 {
		t.Errorf("the second look finds\n%v%v, %v", again.Tree, again.Problems, err)
	}
	w = find(t, r.dir)
	fresh, err := scan()
	if err != nil || len(fresh.Problems) != 1 || fresh.Problems[0].Path != "large.md" || !fresh.Unknown.Has("large.md") {
		t.Errorf("another worktree finds %v, %v, want the damage", fresh.Problems, err)
	}
}

// damageBlob writes other bytes of the same size in the place of a blob's.
func damageBlob(t *testing.T, r repo, id string, size int) {
	t.Helper()
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	fmt.Fprintf(z, "blob %d\x00%s", size, strings.Repeat("x", size))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(r.dir, ".git", "objects", id[:2], id[2:])
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, out.Bytes(), 0o444); err != nil {
		t.Fatal(err)
	}
}

// A file that is too large to be published is not read, one that fits in its
// form is.
func TestTextLimitsOfCommit(t *testing.T) {
	r := textRepo(t)
	for limit, problems := range map[int64]int{6000: 0, 5000: 0, 4999: 1, 2000: 1} {
		snap := commitOf(t, r, "s", manifest.ScanOptions{Text: manifest.TextLF, MaxFileSize: limit}).Snapshot()
		if len(snap.Problems) != problems {
			t.Errorf("with a limit of %d bytes: %v", limit, snap.Problems)
		}
	}
}
