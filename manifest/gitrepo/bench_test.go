package gitrepo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"assetsync/manifest"
)

// fastImport makes a branch main of many commits, and a branch old that
// leaves it after the first tenth. Each commit changes one of 100 files.
func fastImport(b *testing.B, r repo, commits int) {
	b.Helper()
	var s strings.Builder
	for i := range commits {
		content := fmt.Sprintf("%d %s", i, strings.Repeat("text ", 200))
		fmt.Fprintf(&s, "commit refs/heads/main\ncommitter c <c@localhost> %d +0000\ndata 1\nx\nM 100644 inline s/f%02d\ndata %d\n%s\n",
			1_700_000_000+60*i, i%100, len(content), content)
		if i == commits/10 {
			fmt.Fprint(&s, "reset refs/heads/old\nfrom refs/heads/main\n\n")
		}
	}
	fmt.Fprintf(&s, "commit refs/heads/old\ncommitter c <c@localhost> %d +0000\ndata 1\ny\n\n", 1_700_000_000+60*commits)
	cmd := exec.CommandContext(b.Context(), "git", "fast-import", "--quiet")
	cmd.Dir, cmd.Stdin, cmd.Env = r.dir, strings.NewReader(s.String()), append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	r.git("checkout", "-q", "main")
}

func BenchmarkState(b *testing.B) {
	for _, refs := range []int{1, 20_000} {
		b.Run(fmt.Sprint(refs, " packed refs"), func(b *testing.B) {
			r := newRepo(b)
			id := r.commit("x", "")
			r.git("pack-refs", "--all")
			packed := &strings.Builder{}
			for i := range refs - 1 {
				fmt.Fprintf(packed, "%s refs/heads/b%06d\n", id, i)
			}
			fmt.Fprintf(packed, "%s refs/heads/main\n", id)
			r.write(".git/packed-refs", packed.String())
			w := find(b, r.dir)
			for b.Loop() {
				if s := state(b, w); s.Head != id {
					b.Fatal(s)
				}
			}
		})
	}
}

func BenchmarkOnBranch(b *testing.B) {
	r := newRepo(b)
	fastImport(b, r, 20_000)
	for _, head := range []string{"main~5", "main~15000", "old"} {
		b.Run(head, func(b *testing.B) {
			s := State{Head: r.git("rev-parse", head)}
			w := find(b, r.dir)
			for b.Loop() {
				w.ancestry = ancestryAnswer{}
				if on, err := w.OnBranch(b.Context(), s, "main"); err != nil || on != (head != "old") {
					b.Fatal(on, err)
				}
			}
		})
	}
}

func BenchmarkCommit(b *testing.B) {
	r := newRepo(b)
	fastImport(b, r, 2000)
	w := find(b, r.dir)
	for b.Loop() {
		c, err := w.Commit(b.Context(), "HEAD", filepath.Join(r.dir, "s"), manifest.ScanOptions{})
		if err != nil || c.Snapshot().Tree.Len() != 100 {
			b.Fatal(err)
		}
	}
}

func BenchmarkLine(b *testing.B) {
	r := newRepo(b)
	fastImport(b, r, 20_000)
	w := find(b, r.dir)
	for b.Loop() {
		l, err := w.Line(b.Context(), "main", filepath.Join(r.dir, "s"), 0)
		if err != nil || len(l.Points) != DefaultLine {
			b.Fatal(len(l.Points), err)
		}
	}
}

func BenchmarkLater(b *testing.B) {
	r := newRepo(b)
	fastImport(b, r, 20_000)
	w := find(b, r.dir)
	for _, rev := range []string{"main~20", "main~5000"} {
		b.Run(rev, func(b *testing.B) {
			for b.Loop() {
				if _, err := w.Later(b.Context(), rev, filepath.Join(r.dir, "s"), 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPut keeps versions in which 60 of 100 files are new; where TMPDIR lies
// decides what a sync takes.
func BenchmarkPut(b *testing.B) {
	h := open(b, newDir(b))
	files := map[manifest.Path][]byte{}
	for i := range 100 {
		files[manifest.Path(fmt.Sprintf("dir/file-%02d.md", i))] = []byte("a file\n")
	}
	n := 0
	for b.Loop() {
		n++
		for i := range 60 {
			files[manifest.Path(fmt.Sprintf("dir/file-%02d.md", i))] = fmt.Appendf(nil, "file %d of version %d\n", i, n)
		}
		bundle, err := manifest.NewBundle(files)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := h.Put(b.Context(), someKey, Version{Asset: "ki-1", Number: n, Bundle: bundle, At: someDay}); err != nil {
			b.Fatal(err)
		}
	}
}
