package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/durable"
)

// world is a directory with a user, a worktree and a keeper.
type world struct {
	t    testing.TB
	dir  string
	kept map[string]manifest.Path // content -> path
	hook durable.Hook             // nil: none
}

// newWorld makes files of "name:content" words; "name/" is a directory,
// "name->target" a link.
func newWorld(t testing.TB, files string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), kept: map[string]manifest.Path{}}
	for f := range strings.FieldsSeq(files) {
		if name, target, ok := strings.Cut(f, "->"); ok {
			w.mkdir(path.Dir(name))
			if err := os.Symlink(target, w.file(name)); err != nil {
				t.Skip(err)
			}
			continue
		}
		if name, ok := strings.CutSuffix(f, "/"); ok {
			w.mkdir(name)
			continue
		}
		name, content, _ := strings.Cut(f, ":")
		w.mkdir(path.Dir(name))
		w.write(name, content)
	}
	return w
}

func (w *world) file(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func (w *world) mkdir(name string) {
	w.t.Helper()
	if err := os.MkdirAll(w.file(name), 0o755); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(w.file(name), []byte(content), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// list returns what the directory holds, as newWorld takes it, sorted.
func (w *world) list() string {
	w.t.Helper()
	var out []string
	root := os.DirFS(w.dir)
	err := fs.WalkDir(root, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		shown := name
		if strings.HasPrefix(e.Name(), manifest.TempPrefix) {
			shown = path.Join(path.Dir(name), "TEMP")
		}
		switch e.Type() {
		case fs.ModeDir:
			if inside, err := fs.ReadDir(root, name); err != nil || len(inside) == 0 {
				out = append(out, shown+"/")
			}
			return nil
		case fs.ModeSymlink:
			target, err := os.Readlink(w.file(name))
			out = append(out, shown+"->"+target)
			return err
		}
		data, err := fs.ReadFile(root, name)
		out = append(out, shown+":"+string(data))
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func (w *world) keep(p manifest.Path, data []byte) error {
	w.kept[string(data)] = p
	return nil
}

func (w *world) open() *Worktree {
	w.t.Helper()
	root, err := os.OpenRoot(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	tree := New(root, w.hook)
	w.t.Cleanup(func() { tree.Close() })
	return tree
}

// content gives each entry the letter that it was made of.
func content(e manifest.Entry) ([]byte, error) {
	for c := 'a'; c <= 'z'; c++ {
		if manifest.BlobID([]byte(string(c))) == e.ID {
			return []byte(string(c)), nil
		}
	}
	return nil, errors.New("no such content")
}

func entry(p, content string) *manifest.Entry {
	if content == "-" {
		return nil
	}
	return &manifest.Entry{Path: manifest.Path(p), ID: manifest.BlobID([]byte(content)), Size: int64(len(content))}
}

// changes reads "path:old>new" words; "-" is absent.
func changes(s string) (out []diff.Change) {
	for f := range strings.FieldsSeq(s) {
		i := strings.LastIndexByte(f, ':')
		before, after, _ := strings.Cut(f[i+1:], ">")
		out = append(out, diff.Change{Path: manifest.Path(f[:i]), Old: entry(f[:i], before), New: entry(f[:i], after)})
	}
	return out
}

func (w *world) apply(s string) []Result {
	return w.open().Apply(w.t.Context(), changes(s), content, w.keep)
}

func outcomes(results []Result) string {
	var out []string
	for _, r := range results {
		out = append(out, string(r.Outcome))
	}
	return strings.Join(out, " ")
}

func TestApply(t *testing.T) {
	tests := []struct{ name, files, changes, outcomes, want, kept string }{
		{"nothing", "a:x", "", "", "a:x", ""},
		{"create", "a:x", "b:->y", "done", "a:x b:y", ""},
		{"create in new directories", "", "d/e/f:->y", "done", "d/e/f:y", ""},
		{"update", "a:x b:z", "a:x>y", "done", "a:y b:z", "x"},
		{"delete", "a:x b:z", "a:x>-", "done", "b:z", "x"},
		{"delete the last of a directory", "d/e/a:x b:z", "d/e/a:x>-", "done", "b:z", "x"},
		{"delete one of a directory", "d/a:x d/b:y", "d/a:x>-", "done", "d/b:y", "x"},
		{"delete the last of everything", "a:x", "a:x>-", "done", "", "x"},
		{"a directory that is filled again stays", "d/a:x", "d/a:x>- d/b:->y", "done done", "d/b:y", "x"},
		{"file to directory", "a:x", "a:x>- a/b:->y", "done done", "a/b:y", "x"},
		{"file to directory, any order", "a:x", "a/b:->y a:x>-", "done done", "a/b:y", "x"},
		{"directory to file", "a/b:x a/c/d:x", "a:->y a/b:x>- a/c/d:x>-", "done done done", "a:y", "x"},

		{"created already", "a:y", "a:->y", "done", "a:y", ""},
		{"updated already", "a:y", "a:x>y", "done", "a:y", ""},
		{"deleted already", "", "a:x>-", "done", "", ""},
		{"deleted already, its directory is a file", "d:x", "d/a:x>-", "done", "d:x", ""},

		{"create over a file", "a:x", "a:->y", "conflict", "a:x", ""},
		{"create over a directory", "a/b:x", "a:->y", "refused", "a/b:x", ""},
		{"create over an empty directory", "a/", "a:->y", "done", "a:y", ""},
		{"create below a file", "a:x", "a/b:->y", "conflict", "a:x", ""},
		{"update of other content", "a:z", "a:x>y", "conflict", "a:z", ""},
		{"update of nothing", "", "a:x>y", "conflict", "", ""},
		{"update of a directory", "a/b:x", "a:x>y", "conflict", "a/b:x", ""},
		{"update below a file", "a:x", "a/b:x>y", "conflict", "a:x", ""},
		{"delete of other content", "a:z", "a:x>-", "conflict", "a:z", ""},
		{"delete of a directory", "a/b:x", "a:x>-", "conflict", "a/b:x", ""},
		{"one conflict stops no other", "a:z b:x", "a:x>y b:x>y c:->y", "conflict done done", "a:z b:y c:y", "x"},

		{"update of a link", "a->d/f d/f:x", "a:x>y", "done", "a:y d/f:x", "x"},
		{"update of a link to a link", "a->b b->c c:x", "a:x>y", "done", "a:y b->c c:x", "x"},
		{"update of a link and differently of what it names", "a->b b:x", "a:x>y b:x>z", "done done", "a:y b:z", "x"},
		{"the same, any order", "b->a a:x", "a:x>z b:x>y", "done done", "a:z b:y", "x"},
		{"update of a link, delete of what it names", "a->b b:x", "a:x>y b:x>-", "done done", "a:y", "x"},
		{"a link stays where what it names becomes the same", "a->d/b d/b:x", "a:x>y d/b:x>y", "done done", "a->d/b d/b:y", "x"},
		{"links stay where what they name becomes the same", "a->b b->c c:x", "a:x>y b:x>y c:x>y", "done done done", "a->b b->c c:y", "x"},
		{"update of a link that holds it already", "a->f f:y", "a:x>y", "done", "a->f f:y", ""},
		{"delete a link", "a->f f:x", "a:x>-", "done", "f:x", "x"},
		{"delete a link and what it names", "z->f f:x", "f:x>- z:x>-", "done done", "", "x"},
		{"a link becomes a directory", "a->f f:x", "a:x>- a/b:->y", "done done", "a/b:y f:x", "x"},
		{"create over a link", "a->f f:x", "a:->y", "conflict", "a->f f:x", ""},
		{"created already, as a link", "a->f f:y", "a:->y", "done", "a->f f:y", ""},
		{"update of a link to other content", "a->f f:z", "a:x>y", "conflict", "a->f f:z", ""},
		{"delete of a link to other content", "a->f f:z", "a:x>-", "conflict", "a->f f:z", ""},
		{"update of a broken link", "a->f", "a:x>y", "conflict", "a->f", ""},
		{"delete of a broken link", "a->f", "a:x>-", "conflict", "a->f", ""},
		{"update of a link in a circle", "a->b b->a", "a:x>y", "conflict", "a->b b->a", ""},
		{"update of a link into .git", "l->.git/config .git/config:x", "l:x>y", "done", ".git/config:x l:y", "x"},

		{"update in a linked directory", "l->d d/f:x", "l/f:x>y", "refused", "d/f:x l->d", ""},
		{"delete in a linked directory", "l->d d/f:x", "l/f:x>-", "refused", "d/f:x l->d", ""},
		{"create in a linked directory", "l->d d/", "l/f:->y", "refused", "d/ l->d", ""},
		{"create in a new directory of a linked one", "l->d d/", "l/e/f:->y", "refused", "d/ l->d", ""},
		{"the same in a linked directory and in what it leads to", "d->e e/f:x e/g:x e/i:x", "d/f:x>y d/g:x>- d/h:->y e/f:x>y e/g:x>- e/h:->y", "done done done done done done", "d->e e/f:y e/h:y e/i:x", "x"},
		{"deleted already, with what a link leads to", "l->d d/e/", "l/e/f:x>-", "done", "d/e/ l->d", ""},
		{"create below a broken link", "l->d", "l/f:->y", "refused", "l->d", ""},
		{"create in .git by a link", "l->.git .git/", "l/config:->y", "refused", ".git/ l->.git", ""},

		{"git's own", ".git/config:x", ".git/config:x>y .GIT/hooks/pre-commit:->y d/.git:->y git~1/x:->y", "refused refused refused refused", ".git/config:x", ""},
		{"our own", "", ".assetsync/state.db:->y " + manifest.TempPrefix + "a:->y", "refused refused", "", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.files)
			results := w.apply(tc.changes)
			if got := outcomes(results); got != tc.outcomes {
				t.Errorf("outcomes %q, want %q: %v", got, tc.outcomes, results)
			}
			if d := cmp.Diff(tc.want, w.list()); d != "" {
				t.Errorf("files (-want +got):\n%s", d)
			}
			var kept string
			for k := range w.kept {
				kept += k
			}
			if kept != tc.kept {
				t.Errorf("kept %q, want %q", kept, tc.kept)
			}
			for i, c := range changes(tc.changes) {
				if results[i].Path != c.Path || (results[i].Err == nil) != (results[i].Outcome == Done) {
					t.Errorf("result %d of %s: %+v", i, c.Path, results[i])
				}
			}
		})
	}
}

func TestApplyOutside(t *testing.T) {
	out := newWorld(t, "f:x d/f:x")
	for _, change := range []string{"l:x>y", "l:x>-", "ld/f:x>y", "ld/f:x>-", "ld/g:->y", "ld/e/g:->y", "up/f:x>y"} {
		t.Run(change, func(t *testing.T) {
			w := newWorld(t, "l->"+out.file("f")+" ld->"+out.file("d")+" up->..")
			if got := outcomes(w.apply(change)); got == string(Done) {
				t.Errorf("outcome %s through a link out of the directory", got)
			}
			if d := cmp.Diff("d/f:x f:x", out.list()); d != "" {
				t.Errorf("outside (-want +got):\n%s", d)
			}
		})
	}
}

func TestErrorsSayWhat(t *testing.T) {
	w := newWorld(t, "a:x b:z")
	w.hook = func(op durable.Op, do func() error) error {
		if op.Step == durable.NoReplace {
			return errFault
		}
		return do()
	}
	want := []string{
		"<nil>",
		"update b: it was saved, moved or removed since the plan was made",
		"create c: rename to c: fault",
		"create .git: belongs to git",
	}
	var got []string
	for _, r := range w.apply("a:x>y b:x>y c:->y .git:->y") {
		got = append(got, fmt.Sprint(r.Err))
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("errors (-want +got):\n%s", d)
	}
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	w := newWorld(t, "run.sh:x secret:x plain:x")
	for name, mode := range map[string]fs.FileMode{"run.sh": 0o755, "secret": 0o600} {
		if err := os.Chmod(w.file(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if got := outcomes(w.apply("run.sh:x>y secret:x>y new:->y")); got != "done done done" {
		t.Fatal(got)
	}
	for name, like := range map[string]fs.FileMode{"run.sh": 0o755, "secret": 0o600, "new": mode(t, w.file("plain"))} {
		if got := mode(t, w.file(name)); got != like {
			t.Errorf("%s has mode %v, want %v", name, got, like)
		}
	}
}

func mode(t *testing.T, file string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode().Perm()
}

func TestCallersErrors(t *testing.T) {
	errCaller := errors.New("caller")
	noContent := func(manifest.Entry) ([]byte, error) { return nil, errCaller }
	otherContent := func(manifest.Entry) ([]byte, error) { return []byte("other"), nil }
	noKeep := func(manifest.Path, []byte) error { return errCaller }
	keeps := func(manifest.Path, []byte) error { return nil }
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name    string
		ctx     context.Context
		content Content
		keep    Keep
		changes string
		want    error // nil: any
	}{
		{"no content for an update", t.Context(), noContent, keeps, "a:x>y", errCaller},
		{"no content for a create", t.Context(), noContent, keeps, "b:->y", errCaller},
		{"other content", t.Context(), otherContent, keeps, "a:x>y b:->y", nil},
		{"an update that cannot be kept", t.Context(), content, noKeep, "a:x>y", errCaller},
		{"a delete that cannot be kept", t.Context(), content, noKeep, "a:x>-", errCaller},
		{"cancelled", cancelled, content, keeps, "a:x>y b:->y c:x>-", context.Canceled},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, "a:x")
			for _, r := range w.open().Apply(tc.ctx, changes(tc.changes), tc.content, tc.keep) {
				if r.Outcome != Failed || tc.want != nil && !errors.Is(r.Err, tc.want) {
					t.Errorf("%+v, want failed: %v", r, tc.want)
				}
			}
			if got := w.list(); got != "a:x" {
				t.Errorf("files %q", got)
			}
		})
	}
}

func TestUnholdable(t *testing.T) {
	tests := []struct {
		name             string
		anywhere, onWins bool // whether it is refused
	}{
		{"a/b.md", false, false},
		{".github/x", false, false},
		{"git/x", false, false},
		{".gitignore", false, false},
		{"a/.git/x", true, true},
		{".Git", true, true},
		{"GIT~1/config", true, true},
		{".assetsync/state.db", true, true},
		{manifest.TempPrefix + "x", true, true},
		{"a:b", false, true},
		{"a?", false, true},
		{"what.", false, true},
		{"what /x", false, true},
		{"a..b", false, false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := unholdableOn(tc.name, false); (got != "") != tc.anywhere {
				t.Errorf("anywhere: %q", got)
			}
			if got := unholdableOn(tc.name, true); (got != "") != tc.onWins {
				t.Errorf("on Windows: %q", got)
			}
		})
	}
	if hostIsWindows {
		for _, name := range []string{"con", "AUX.md", "d/lpt1.txt"} {
			if unholdable(name) == "" {
				t.Errorf("%s is taken for a name", name)
			}
		}
	}
}

func TestOpenErrors(t *testing.T) {
	w := newWorld(t, "f:x")
	for _, name := range []string{"f", "missing"} {
		if tree, err := Open(w.file(name)); err == nil {
			tree.Close()
			t.Errorf("opened %s", name)
		}
	}
	tree, err := Open(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := tree.Close(); err != nil {
		t.Error(err)
	}
}

func TestSweep(t *testing.T) {
	const temp = manifest.TempPrefix
	start := time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)
	spare := map[string]bool{temp + "spared": true}
	tests := []struct{ name, old, young, want, kept, err string }{
		{"nothing", "a:x", "", "a:x", "", ""},
		{"a file", "a:x " + temp + "1:y d/" + temp + "2:z", "", "a:x d/", "yz", ""},
		{"an empty file", "a:x " + temp + "1:", "", "a:x", "", ""},
		{"one that is spared", temp + "spared:y d/" + temp + "spared:z", "", "TEMP:y d/TEMP:z", "", ""},
		{"a file of a run that goes on", "", temp + "1:y", "TEMP:y", "", ""},
		{"a link", "a:x " + temp + "1->a", "", "a:x", "", ""},
		{"a directory", temp + "1/a:x", "", "TEMP/a:x", "", "is a directory"},
		{"not in .git", ".git/" + temp + "1:x .assetsync/" + temp + "1:x", "", ".assetsync/TEMP:x .git/TEMP:x", "", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, tc.old+" "+tc.young)
			for i, files := range []string{tc.old, tc.young} {
				at := start.Add(time.Duration(2*i-1) * time.Second)
				for f := range strings.FieldsSeq(files) {
					name, _, file := strings.Cut(f, ":")
					if !file {
						continue
					}
					if err := os.Chtimes(w.file(name), at, at); err != nil {
						t.Fatal(err)
					}
				}
			}
			before := start
			if strings.Contains(tc.old, "->") {
				before = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) // a link has the time of now
			}
			err := w.open().Sweep(t.Context(), before, spare, w.keep)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			if d := cmp.Diff(tc.want, strings.ReplaceAll(w.list(), temp+"1/", "TEMP/")); d != "" {
				t.Errorf("files (-want +got):\n%s", d)
			}
			var kept []string
			for k := range w.kept {
				kept = append(kept, k)
			}
			slices.Sort(kept)
			if got := strings.Join(kept, ""); got != tc.kept {
				t.Errorf("kept %q, want %q", got, tc.kept)
			}
		})
	}
}

// What cannot be kept is not removed.
func TestSweepKeepsFirst(t *testing.T) {
	w := newWorld(t, manifest.TempPrefix+"1:x")
	fails := func(manifest.Path, []byte) error { return errFault }
	err := w.open().Sweep(t.Context(), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), nil, fails)
	if !errors.Is(err, errFault) || w.list() != "TEMP:x" {
		t.Errorf("error %v, files %q", err, w.list())
	}
}
