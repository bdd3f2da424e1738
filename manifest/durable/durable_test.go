package durable

import (
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

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
)

var errFault = errors.New("fault")

// newRoot makes a directory with files, given as "name:content" words.
func newRoot(t testing.TB, files string) *os.Root {
	t.Helper()
	dir := t.TempDir()
	for f := range strings.FieldsSeq(files) {
		name, content, _ := strings.Cut(f, ":")
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

// list returns all files as sorted "name:content" words; a temporary name is
// "TEMP", an empty directory ends in a slash.
func list(t testing.TB, root *os.Root) string {
	t.Helper()
	var out []string
	err := fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		shown := name
		if strings.HasPrefix(path.Base(name), manifest.TempPrefix) {
			shown = path.Join(path.Dir(name), "TEMP")
		}
		if e.IsDir() {
			inside, err := fs.ReadDir(root.FS(), name)
			if len(inside) == 0 {
				out = append(out, shown+"/")
			}
			return err
		}
		data, err := root.ReadFile(name)
		out = append(out, shown+":"+string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// steps notes what a Dir does.
func steps(out *[]string) Hook {
	return func(op Op, do func() error) error {
		name := op.Name
		if strings.HasPrefix(path.Base(name), manifest.TempPrefix) {
			name = path.Join(path.Dir(name), "TEMP")
		}
		*out = append(*out, string(op.Step)+" "+name)
		return do()
	}
}

// failing fails one step, with or without its effect.
func failing(step Step, effect bool) Hook {
	return func(op Op, do func() error) error {
		if op.Step != step {
			return do()
		}
		if effect {
			return errors.Join(errFault, do())
		}
		return errFault
	}
}

// The methods in use, with what they do in which order.
func TestSteps(t *testing.T) {
	tests := []struct {
		name, files string
		do          func(d *Dir) error
		steps       string
		want        string
	}{
		{"write a new file", "d/b:x", func(d *Dir) error { return d.WriteFile("d/a", []byte("y"), 0o600) },
			"create d/TEMP, write d/TEMP, sync d/TEMP, replace d/a, sync-dir d", "d/a:y d/b:x"},
		{"write over a file", "a:x", func(d *Dir) error { return d.WriteFile("a", []byte("y"), 0o600) },
			"create TEMP, write TEMP, sync TEMP, replace a, sync-dir .", "a:y"},
		{"stage", "", func(d *Dir) error { _, err := d.Stage(".", []byte("y"), 0); return err },
			"create TEMP, write TEMP, sync TEMP", "TEMP:y"},
		{"stage under a name", "", func(d *Dir) error { return d.StageAs("a", []byte("y"), 0) },
			"create TEMP, write TEMP, sync TEMP, no-replace a", "a:y"},
		{"no-replace", "d/a:x", func(d *Dir) error { return d.NoReplace("d/a", "d/b") }, "no-replace d/b, sync-dir d", "d/b:x"},
		{"exchange", "d/a:x d/b:y", func(d *Dir) error { return d.Exchange("d/a", "d/b") }, "exchange d/b, sync-dir d", "d/a:y d/b:x"},
		{"exchange with a directory", "a:x b/c:y", func(d *Dir) error { return d.Exchange("a", "b") }, "exchange b, sync-dir .", "a/c:y b:x"},
		{"aside", "d/a:x", func(d *Dir) error { _, err := d.Aside("d/a"); return err }, "aside d/a, sync-dir d", "d/TEMP:x"},
		{"aside to a name", "d/a:x", func(d *Dir) error { return d.AsideAs("d/a", "d/b") }, "aside d/a, sync-dir d", "d/b:x"},
		{"remove", "d/a:x", func(d *Dir) error { return d.Remove("d/a") }, "remove d/a, sync-dir d", "d/"},
		{"make directories", "a/f:x", func(d *Dir) error { return d.MkdirAll("a/b/c", 0o755) }, "mkdir a/b, sync-dir a, mkdir a/b/c, sync-dir a/b", "a/b/c/ a/f:x"},
		{"make what is there", "a/f:x", func(d *Dir) error { return d.MkdirAll("a", 0o755) }, "", "a/f:x"},
		{"the root is there", "", func(d *Dir) error { return d.MkdirAll(".", 0o755) }, "", ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			root := newRoot(t, tc.files)
			var got []string
			if err := tc.do(New(root, steps(&got))); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tc.steps, strings.Join(got, ", ")); d != "" {
				t.Errorf("steps (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tc.want, list(t, root)); d != "" {
				t.Errorf("files (-want +got):\n%s", d)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	tests := []struct {
		name, files string
		do          func(d *Dir) error
		want        error // nil: any
	}{
		{"no-replace of a taken name", "a:x b:y", func(d *Dir) error { return d.NoReplace("a", "b") }, fs.ErrExist},
		{"no-replace of nothing", "", func(d *Dir) error { return d.NoReplace("a", "b") }, fs.ErrNotExist},
		{"exchange with nothing", "a:x", func(d *Dir) error { return d.Exchange("a", "b") }, fs.ErrNotExist},
		{"stage under a taken name", "a:x", func(d *Dir) error { return d.StageAs("a", nil, 0) }, fs.ErrExist},
		{"aside to a taken name", "a:x b:y", func(d *Dir) error { return d.AsideAs("a", "b") }, fs.ErrExist},
		{"aside of nothing", "", func(d *Dir) error { _, err := d.Aside("a"); return err }, fs.ErrNotExist},
		{"remove of nothing", "", func(d *Dir) error { return d.Remove("a") }, fs.ErrNotExist},
		{"remove a directory that is full", "a/b:x", func(d *Dir) error { return d.RemoveDir("a") }, nil},
		{"remove a file as a directory", "a:x", func(d *Dir) error { return d.RemoveDir("a") }, nil},
		{"make a directory through a file", "a:x", func(d *Dir) error { return d.MkdirAll("a/b", 0o755) }, fs.ErrExist},
		{"make a directory of a file", "a/b:x", func(d *Dir) error { return d.MkdirAll("a/b", 0o755) }, fs.ErrExist},
		{"out of the root", "", func(d *Dir) error { return d.WriteFile("../a", nil, 0o600) }, nil},
		{"into no directory", "", func(d *Dir) error { return d.WriteFile("d/a", nil, 0o600) }, fs.ErrNotExist},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			root := newRoot(t, tc.files)
			err := tc.do(New(root, nil))
			if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if d := cmp.Diff(tc.files, list(t, root)); d != "" {
				t.Errorf("files (-want +got):\n%s", d)
			}
		})
	}
}

// Links that lead out are not followed, whoever made them.
func TestLinksOut(t *testing.T) {
	root := newRoot(t, "")
	outside := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(root.Name(), "out")); err != nil {
		t.Skip(err)
	}
	d := New(root, nil)
	for name, err := range map[string]error{
		"write": d.WriteFile("out/a", []byte("x"), 0o600),
		"mkdir": d.MkdirAll("out/b", 0o755),
		"rmdir": d.RemoveDir("out/b"),
	} {
		if err == nil {
			t.Errorf("%s through a link out of the root", name)
		}
	}
	if left, err := os.ReadDir(outside); err != nil || len(left) > 0 {
		t.Errorf("outside: %v, %v", left, err)
	}
}

func TestRemoveDir(t *testing.T) {
	root := newRoot(t, "d/a:x")
	d := New(root, nil)
	if err := errors.Join(d.Remove("d/a"), d.RemoveDir("d")); err != nil {
		t.Fatal(err)
	}
	if got := list(t, root); got != "" {
		t.Errorf("left %q", got)
	}
}

// A link to a directory is not a directory: removing it would take the link.
func TestRemoveDirLeavesLinks(t *testing.T) {
	root := newRoot(t, "d/a:x")
	if err := root.Symlink("d", "l"); err != nil {
		t.Skip(err)
	}
	if err := New(root, nil).RemoveDir("l"); err == nil {
		t.Error("removed a link as a directory")
	}
	if _, err := root.Lstat("l"); err != nil {
		t.Error(err)
	}
}

func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	root := newRoot(t, "")
	d := New(root, nil)
	for _, perm := range []fs.FileMode{0o600, 0o755, 0o666, 0o444} {
		if err := d.WriteFile("a", []byte("x"), perm); err != nil {
			t.Fatal(err)
		}
		info, err := root.Stat("a")
		if err != nil || info.Mode().Perm() != perm {
			t.Errorf("mode %v, %v; want %v", info.Mode(), err, perm)
		}
	}
	plain, err := os.Create(filepath.Join(root.Name(), "plain"))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	want, err := plain.Stat()
	if err != nil {
		t.Fatal(err)
	}
	temp, err := d.Stage(".", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := root.Stat(temp); err != nil || got.Mode() != want.Mode() {
		t.Errorf("mode without perm %v, %v; want %v as any new file", got.Mode(), err, want.Mode())
	}
}

// Whatever step of a write fails: the error comes back, the name has the old
// or the new content, no temporary file is left.
func TestWriteFileFaults(t *testing.T) {
	for _, step := range []Step{Create, Write, Sync, Replace, SyncDir} {
		for _, effect := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, effect %v", step, effect), func(t *testing.T) {
				root := newRoot(t, "a:x")
				err := New(root, failing(step, effect)).WriteFile("a", []byte("y"), 0o600)
				if !errors.Is(err, errFault) {
					t.Fatalf("error %v", err)
				}
				want := "a:x"
				if step == SyncDir || step == Replace && effect {
					want = "a:y"
				}
				if got := list(t, root); got != want {
					t.Errorf("files %q, want %q", got, want)
				}
			})
		}
	}
}

// A crash after any step leaves the old or the new content, besides at most
// a temporary file.
func TestWriteFileCrashes(t *testing.T) {
	type crash struct{}
	for n := range 5 {
		root := newRoot(t, "a:x")
		count := 0
		hook := func(_ Op, do func() error) error {
			if count++; count > n {
				panic(crash{})
			}
			return do()
		}
		func() {
			defer func() {
				if r := recover(); r != (crash{}) {
					t.Errorf("after %d steps: %v", n, r)
				}
			}()
			_ = New(root, hook).WriteFile("a", []byte("y"), 0o600)
		}()
		want := []string{"a:x", "TEMP: a:x", "TEMP:y a:x", "TEMP:y a:x", "a:y"}[n]
		if got := list(t, root); got != want {
			t.Errorf("after %d steps %q, want %q", n, got, want)
		}
	}
}

// What is done where one step is not to be had.
func TestFallbacks(t *testing.T) {
	tests := []struct {
		name, files string
		do          func(d *Dir) error
		want        string
		err         error
	}{
		{"no-replace", "a:x", func(d *Dir) error { return d.linkNoReplace("a", "b") }, "b:x", nil},
		{"no-replace of a taken name", "a:x b:y", func(d *Dir) error { return d.linkNoReplace("a", "b") }, "a:x b:y", fs.ErrExist},
		{"no-replace of nothing", "", func(d *Dir) error { return d.linkNoReplace("a", "b") }, "", fs.ErrNotExist},
		{"no-replace of a directory", "a/c:x", func(d *Dir) error { return d.linkNoReplace("a", "b") }, "b/c:x", nil},
		{"no-replace of a directory by a taken name", "a/c:x b:y", func(d *Dir) error { return d.linkNoReplace("a", "b") }, "a/c:x b:y", fs.ErrExist},
		{"exchange", "a:x b:y", func(d *Dir) error { return d.exchangeByRenames("a", "b") }, "a:y b:x", nil},
		{"exchange with a directory", "a:x b/c:y", func(d *Dir) error { return d.exchangeByRenames("a", "b") }, "a/c:y b:x", nil},
		{"exchange with nothing", "a:x", func(d *Dir) error { return d.exchangeByRenames("a", "b") }, "a:x", fs.ErrNotExist},
		{"exchange of nothing", "b:y", func(d *Dir) error { return d.exchangeByRenames("a", "b") }, "b:y", fs.ErrNotExist},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			root := newRoot(t, tc.files)
			if err := tc.do(New(root, nil)); !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			if got := list(t, root); got != tc.want {
				t.Errorf("files %q, want %q", got, tc.want)
			}
		})
	}
}

// TestExchanges leaves nothing behind, whatever it finds.
func TestExchanges(t *testing.T) {
	root := newRoot(t, "a:a")
	if _, err := New(root, nil).Exchanges(); err != nil {
		t.Error(err)
	}
	if got := list(t, root); got != "a:a" {
		t.Errorf("left: %s", got)
	}
	broken := New(root, func(Op, func() error) error { return errFault })
	if _, err := broken.Exchanges(); !errors.Is(err, errFault) {
		t.Errorf("got %v", err)
	}
}
