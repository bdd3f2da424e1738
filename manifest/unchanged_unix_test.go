//go:build linux || darwin

package manifest

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tick is longer than the clock of a file system stands still: the racy window of a
// test.
const tick = 20 * time.Millisecond

// keepNow scans what has long been as it is, for a test, and returns what is kept.
func keepNow(t testing.TB, root *os.Root, opts ScanOptions, data []byte) []byte {
	t.Helper()
	time.Sleep(2 * tick)
	opts.Cache = NewCache(data, opts.Text, time.Now().Add(racyWindow-tick))
	if _, err := Scan(t.Context(), root, opts); err != nil {
		t.Fatal(err)
	}
	if kept, changed := opts.Cache.Bytes(); changed {
		return kept
	}
	return data
}

// isKept reports whether all is found to be as data has it.
func isKept(t testing.TB, root *os.Root, opts ScanOptions, data []byte) bool {
	t.Helper()
	rules, err := opts.rules()
	if err != nil {
		t.Fatal(err)
	}
	_, ok := NewCache(data, opts.Text, time.Time{}).unchanged(t.Context(), root, opts.print(), rules)
	return ok
}

// wantPlain wants of a scan with what is kept just what one without finds.
func wantPlain(t testing.TB, root *os.Root, opts ScanOptions, data []byte) {
	t.Helper()
	want, err := Scan(t.Context(), root, opts)
	if err != nil {
		t.Fatal(err)
	}
	opts.Cache = NewCache(data, opts.Text, time.Time{})
	got, err := Scan(t.Context(), root, opts)
	if err != nil {
		t.Fatal(err)
	}
	sameEntries := slices.Equal(got.Tree.entries, want.Tree.entries)
	if got.Tree.ID() != want.Tree.ID() || got.Tree.ID() != subtreeID(want.Tree.entries, 0) {
		t.Errorf("tree %s, want %s", got.Tree.ID(), want.Tree.ID())
	}
	got.Tree, want.Tree = Tree{}, Tree{}
	if !sameEntries || !reflect.DeepEqual(got, want) {
		t.Errorf("same entries: %v; got %+v, want %+v", sameEntries, got, want)
	}
}

func requireDates(t testing.TB, dir string) {
	t.Helper()
	if !datesDirs(openRoot(t, dir)) {
		t.Skip("on this file system no tree is kept as a whole")
	}
}

var skillFiles = map[string]string{
	"SKILL.md": "s", "a/x.md": "1", "a/deep/y.md": "2", "a-b/z.md": "3", "b/.gitignore": "*.log\n", "b/w.md": "4",
	".assetsyncignore": "/notes\n", "notes/n.md": "", "empty/": "",
}

// TestUnchanged changes a directory, or what is asked of it, in ways that a look has to
// notice, and in some that do not matter.
func TestUnchanged(t *testing.T) {
	type in = func(name string) string
	write := func(name, content string) func(in) error {
		return func(in in) error { return os.WriteFile(in(name), []byte(content), 0o644) }
	}
	rename := func(from, to string) func(in) error {
		return func(in in) error { return os.Rename(in(from), in(to)) }
	}
	// dated changes something below a directory and gives that the time that it had.
	dated := func(dir string, change func(in) error) func(in) error {
		return func(in in) error {
			info, err := os.Stat(in(dir))
			return cmp.Or(err, change(in), os.Chtimes(in(dir), info.ModTime(), info.ModTime()))
		}
	}
	tests := []struct {
		name   string
		change func(in) error
		opts   ScanOptions
		kept   bool
		never  bool // what comes of it is not kept as a whole
	}{
		{name: "nothing", kept: true},
		{name: "the content of an ignored directory", change: write("notes/other.md", "o"), kept: true},
		{name: "a file", change: write("a/x.md", "longer")},
		{name: "a file of the same size and time", change: dated("a/x.md", write("a/x.md", "2"))},
		{name: "the mode of a file", change: func(in in) error { return os.Chmod(in("a/deep/y.md"), 0o600) }},
		{name: "the mode of a directory", change: func(in in) error { return os.Chmod(in("a/deep"), 0o700) }},
		{name: "a new file", change: write("a/deep/new.md", "n")},
		{name: "a new file, dated back", change: dated("a/deep", write("a/deep/new.md", "n"))},
		{name: "a new file that is ignored", change: write("b/new.log", "n")},
		{name: "a temporary file of ours", change: write("a/"+TempPrefix+"1", "n"), never: true},
		{name: "a new file in an empty directory", change: write("empty/new.md", "n")},
		{name: "a new directory", change: func(in in) error { return os.Mkdir(in("a/deep/new"), 0o755) }},
		{name: "an empty directory is gone", change: func(in in) error { return os.Remove(in("empty")) }},
		{name: "a file is gone", change: func(in in) error { return os.Remove(in("a/deep/y.md")) }},
		{name: "a directory is gone", change: func(in in) error { return os.RemoveAll(in("a-b")) }},
		{name: "another name of a directory", change: rename("a/deep", "a/deeper")},
		{name: "a file in another directory", change: rename("a/deep/y.md", "b/y.md")},
		{name: "files exchanged", change: func(in in) error {
			return cmp.Or(rename("a/x.md", "b/t")(in), rename("b/w.md", "a/x.md")(in), rename("b/t", "b/w.md")(in))
		}},
		{name: "directories exchanged", change: dated(".", func(in in) error {
			return cmp.Or(rename("a", "t")(in), rename("b", "a")(in), rename("t", "b")(in))
		})},
		{name: "a link to the same directory", change: dated(".", func(in in) error {
			return cmp.Or(rename("a-b", "notes/a-b")(in), os.Symlink("notes/a-b", in("a-b")))
		}), never: true},
		{name: "a link to the same file", change: dated("b", func(in in) error {
			return cmp.Or(rename("b/w.md", "notes/w.md")(in), os.Symlink("../notes/w.md", in("b/w.md")))
		}), never: true},
		{name: "a link that leads out", change: func(in in) error { return os.Symlink("..", in("a/out")) }, never: true},
		{name: "a twin", change: write("a/X.md", "t"), never: true},
		{name: "a pipe", change: func(in in) error { return syscall.Mkfifo(in("a/pipe"), 0o644) }, never: true},
		{name: "an ignore file", change: write("b/.gitignore", "*.txt\n")},
		{name: "a new ignore file", change: write("a/.gitignore", "x.md\n")},
		{name: "an ignore file is gone", change: func(in in) error { return os.Remove(in(".assetsyncignore")) }},
		{name: "an ignore file behind a link", change: func(in in) error {
			return cmp.Or(rename("b/.gitignore", "notes/rules")(in), os.Symlink("../notes/rules", in("b/.gitignore")))
		}, never: true},
		{name: "the target's rules", opts: ScanOptions{Ignore: []string{"x.md"}}},
		{name: "an enclosing ignore file", opts: ScanOptions{Enclosing: []IgnoreFile{{Above: "skill", Data: []byte("x.md\n")}}}},
		{name: "the largest size", opts: ScanOptions{MaxFileSize: 1 << 20}},
		{name: "the form of text", opts: ScanOptions{Text: TextLF}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			requireDates(t, dir)
			writeFiles(t, dir, skillFiles)
			root := openRoot(t, dir)
			data := keepNow(t, root, ScanOptions{}, nil)
			time.Sleep(tick)
			if tt.change != nil {
				if err := tt.change(func(name string) string { return filepath.Join(dir, name) }); err != nil {
					t.Fatal(err)
				}
			}
			if kept := isKept(t, root, tt.opts, data); kept != tt.kept {
				t.Errorf("believed %v, want %v", kept, tt.kept)
			}
			wantPlain(t, root, tt.opts, data)
			data = keepNow(t, root, tt.opts, data)
			wantPlain(t, root, tt.opts, data)
			if again := isKept(t, root, tt.opts, data); again == tt.never {
				t.Errorf("kept afterwards: %v", again)
			}
		})
	}
}

// TestUnchangedIsKept looks at what is kept as a whole, and that nothing is that a
// state does not tell everything of.
func TestUnchangedIsKept(t *testing.T) {
	deep := strings.Repeat("d/", maxKeptDepth)
	tests := []struct {
		name  string
		files map[string]string
		do    func(dir string) error // when the look is about to begin
		kept  bool
	}{
		{name: "nothing at all", kept: true},
		{name: "all that can be", files: skillFiles, kept: true},
		{name: "as deep as can be", files: map[string]string{deep + "f": ""}, kept: true},
		{name: "deeper", files: map[string]string{deep + "d/f": ""}},
		{name: "a young file", files: skillFiles, do: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "a/x.md"), []byte("young"), 0o644)
		}},
		{name: "a young ignore file", files: skillFiles, do: func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "b/.gitignore"), []byte("young"), 0o644)
		}},
		{name: "a young directory", files: skillFiles, do: func(dir string) error { return os.Chmod(filepath.Join(dir, "empty"), 0o700) }},
		{name: "a young root", files: skillFiles, do: func(dir string) error { return os.Chmod(dir, 0o700) }},
		{name: "an ignored link", files: skillFiles, do: func(dir string) error {
			return cmp.Or(os.Symlink("nowhere", filepath.Join(dir, "b/x.log")), wait())
		}, kept: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			requireDates(t, dir)
			writeFiles(t, dir, tt.files)
			root := openRoot(t, dir)
			if err := wait(); err != nil {
				t.Fatal(err)
			}
			now := time.Now()
			if tt.do != nil {
				if err := tt.do(dir); err != nil {
					t.Fatal(err)
				}
			}
			if tt.kept {
				now = time.Now()
			}
			opts := ScanOptions{Cache: NewCache(nil, "", now.Add(racyWindow-tick))}
			if _, err := Scan(t.Context(), root, opts); err != nil {
				t.Fatal(err)
			}
			data, _ := opts.Cache.Bytes()
			if kept := isKept(t, root, ScanOptions{}, data); kept != tt.kept {
				t.Errorf("kept %v, want %v", kept, tt.kept)
			}
			wantPlain(t, root, ScanOptions{}, data)
		})
	}
}

func wait() error { time.Sleep(2 * tick); return nil }

// TestUnchangedListsNothing takes a file away from what is kept: who lists its
// directory would find it.
func TestUnchangedListsNothing(t *testing.T) {
	dir := t.TempDir()
	requireDates(t, dir)
	writeFiles(t, dir, skillFiles)
	root := openRoot(t, dir)
	opts := ScanOptions{Cache: NewCache(nil, "", later())}
	if _, err := Scan(t.Context(), root, opts); err != nil {
		t.Fatal(err)
	}
	delete(opts.Cache.dirs, "a/deep")
	opts.Cache.tree.files--
	data, _ := opts.Cache.Bytes()
	opts.Cache = NewCache(data, "", later())
	snap, err := Scan(t.Context(), root, opts)
	if _, found := snap.Tree.Lookup("a/deep/y.md"); err != nil || found || snap.Tree.Len() != 4 {
		t.Errorf("%d files, listed: %v, %v", snap.Tree.Len(), found, err)
	}
	if _, changed := opts.Cache.Bytes(); changed {
		t.Error("what did not change is written again")
	}
}

// TestUnchangedMadeUp looks with caches that nobody here has made: the states are
// right, and the names are not.
func TestUnchangedMadeUp(t *testing.T) {
	top := t.TempDir()
	writeFiles(t, top, map[string]string{"out/f": "o", "root/d/f": "f", "root/g": "g"})
	dir := filepath.Join(top, "root")
	if err := cmp.Or(os.Symlink("../out", filepath.Join(dir, "link")), os.Symlink("g", filepath.Join(dir, "h")),
		syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644)); err != nil {
		t.Fatal(err)
	}
	root := openRoot(t, dir)
	state := func(name string) fileState {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err != nil {
			return fileState{}
		}
		return stateOf(info)
	}
	type file struct{ dir, name string }
	tests := []struct {
		name  string
		dirs  []string
		files []file
		n     int // files that it says to have
		kept  bool
	}{
		{"what is there", []string{".", "d"}, []file{{".", "g"}, {"d", "d/f"}}, 2, true},
		{"nothing", nil, nil, 0, false},
		{"no root", []string{"d"}, []file{{"d", "d/f"}}, 1, false},
		{"the root twice", []string{".", "."}, nil, 0, false},
		{"a directory twice", []string{".", "d", "d"}, []file{{"d", "d/f"}}, 2, false},
		{"a directory above", []string{".", ".."}, nil, 0, false},
		{"a directory above, inside", []string{".", "d", "d/.."}, nil, 0, false},
		{"a directory of another one", []string{".", "d/e/f"}, nil, 0, false},
		{"an absolute directory", []string{".", dir + "/d"}, nil, 0, false},
		{"a directory behind a link", []string{".", "link"}, []file{{"link", "link/f"}}, 1, false},
		{"a file for a directory", []string{".", "g"}, nil, 0, false},
		{"a pipe for a directory", []string{".", "pipe"}, nil, 0, false},
		{"a directory for a file", []string{"."}, []file{{".", "d"}}, 1, false},
		{"a pipe for a file", []string{"."}, []file{{".", "pipe"}}, 1, false},
		{"a link for a file", []string{"."}, []file{{".", "h"}}, 1, false},
		{"a file above", []string{"."}, []file{{".", "../out/f"}}, 1, false},
		{"a file of another directory", []string{".", "d"}, []file{{"d", "g"}}, 1, false},
		{"a file without a name", []string{"."}, []file{{".", ""}}, 1, false},
		{"a file twice", []string{"."}, []file{{".", "g"}, {".", "g"}}, 2, false},
		{"a file that is not there", []string{"."}, []file{{".", "gone"}}, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree := &keptTree{print: ScanOptions{}.print(), files: tt.n}
			for _, d := range tt.dirs {
				tree.dirs = append(tree.dirs, keptDir{name: d, state: state(strings.TrimPrefix(d, dir))})
			}
			dirs := map[string][]keptFile{}
			for _, f := range tt.files {
				dirs[f.dir] = append(dirs[f.dir], keptFile{name: f.name, cached: cached{state: state(f.name)}})
			}
			data := encodeCache("", dirs, tree)
			if kept := isKept(t, root, ScanOptions{}, data); kept != tt.kept {
				t.Errorf("believed %v, want %v", kept, tt.kept)
			}
			wantSame := NewCache(data, "", time.Time{})
			if _, err := Scan(t.Context(), root, ScanOptions{Cache: wantSame}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestDatesDirs asks of file systems that every Linux has, or may have.
func TestDatesDirs(t *testing.T) {
	for dir, want := range map[string]bool{"/proc": false, "/sys": false, "/dev/shm": true} {
		root, err := os.OpenRoot(dir)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := datesDirs(root); got != want {
			t.Errorf("%s: %v, want %v", dir, got, want)
		}
		root.Close()
	}
}
