package manifest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// found is what a test compares of a snapshot: paths with content, problems
// as "kind path: detail", what is unknown with a slash where all below is.
type found struct {
	Files    map[Path]string
	Problems []string
	Unknown  []string
}

func openRoot(t testing.TB, dir string) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return root
}

func scan(t *testing.T, root *os.Root, opts ScanOptions) (found, Snapshot) {
	t.Helper()
	snap, err := Scan(t.Context(), root, opts)
	if err != nil {
		t.Fatalf("Scan: %v", err)
	}
	return look(t, root, snap), snap
}

func look(t *testing.T, root *os.Root, snap Snapshot) found {
	t.Helper()
	f := found{Files: map[Path]string{}}
	for e := range snap.Tree.All() {
		data, err := ReadFile(t.Context(), root, string(e.Path), e, ScanOptions{})
		if err != nil {
			t.Errorf("ReadFile of a scanned entry: %v", err)
		}
		f.Files[e.Path] = string(data)
	}
	for _, p := range snap.Problems {
		f.Problems = append(f.Problems, string(p.Kind)+" "+string(p.Path)+": "+p.Detail)
		if p.Hint == "" {
			t.Errorf("problem without a hint: %+v", p)
		}
	}
	for _, u := range snap.Unknown {
		name := string(u.Path)
		if u.Below {
			name += "/"
		}
		f.Unknown = append(f.Unknown, name)
		if u.Reason == "" {
			t.Errorf("unknown without a reason: %+v", u)
		}
	}
	return f
}

func TestScan(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege")
	}
	tests := []struct {
		name  string
		files map[string]string
		links map[string]string
		opts  ScanOptions
		want  found
	}{
		{
			name:  "files, directories, empty ones",
			files: map[string]string{"SKILL.md": "s", "references/a.md": "a", "references/deep/b.md": "", "empty/": "", "x/y/": ""},
			want:  found{Files: map[Path]string{"SKILL.md": "s", "references/a.md": "a", "references/deep/b.md": ""}},
		},
		{name: "nothing", want: found{Files: map[Path]string{}}},
		{
			name: "ignore files of the tree",
			files: map[string]string{
				".gitignore": "*.log\nbuild/\n", "sub/.gitignore": "!keep.log\n", "sub/.assetsyncignore": "notes.md\n", "build/.gitignore": "!*",
				"a.log": "", "sub/keep.log": "k", "sub/notes.md": "", "notes.md": "n", "build/x": "", ".git/config": "", ".DS_Store": "",
			},
			want: found{Files: map[Path]string{"sub/keep.log": "k", "notes.md": "n"}},
		},
		{
			name:  "enclosing ignore files and the target's list",
			files: map[string]string{"a.md": "a", "drafts/a.md": "", "evals/x": "", "deep/evals": "file"},
			opts: ScanOptions{
				Ignore:    []string{"evals/"},
				Enclosing: []IgnoreFile{{Above: "skills/eks", Data: []byte("/skills/eks/drafts\n")}},
			},
			want: found{Files: map[Path]string{"a.md": "a", "deep/evals": "file"}},
		},
		{
			name:  "links to files and directories inside",
			files: map[string]string{"a.md": "a", "d/b.md": "b", "d/e/c.md": "c"},
			links: map[string]string{"l.md": "a.md", "d/up.md": "../a.md", "ld": "d/e", "chain": "l.md", "d/self": "./e/../e"},
			want: found{Files: map[Path]string{
				"a.md": "a", "d/b.md": "b", "d/e/c.md": "c", "l.md": "a", "d/up.md": "a", "ld/c.md": "c", "chain": "a", "d/self/c.md": "c",
			}},
		},
		{
			name:  "links that lead nowhere, out, or round",
			files: map[string]string{"ok": "ok", "d/x": "x", ".git/config": "secret"},
			links: map[string]string{
				"absolute": "/etc/passwd", "out": "../elsewhere", "out-and-in": "../" + "root/ok", "broken": "d/none", "through": "ok/x",
				"self": "self", "ping": "pong", "pong": "ping", "d/up": "..", "here": ".", "repo": ".git", "secret": ".git/config",
			},
			want: found{
				Files: map[Path]string{"ok": "ok", "d/x": "x"},
				Problems: []string{
					`link-escapes absolute: leads to the absolute path "/etc/passwd"`,
					`link-broken broken: leads to "d/none", which does not exist`,
					`link-broken d/up: leads in a circle, back to "."`,
					`link-broken here: leads in a circle, back to "."`,
					`link-escapes out: leads out of the directory`,
					`link-escapes out-and-in: leads out of the directory`,
					`link-broken ping: leads in a circle`,
					`link-broken pong: leads in a circle`,
					`link-escapes repo: leads to ".git", which is never published`,
					`link-escapes secret: leads to ".git", which is never published`,
					`link-broken self: leads in a circle`,
					`link-broken through: leads through "ok", which is not a directory`,
				},
				Unknown: []string{"absolute/", "broken/", "d/up/", "here/", "out/", "out-and-in/", "ping/", "pong/", "repo/", "secret/", "self/", "through/"},
			},
		},
		{
			name:  "directories that lead to each other",
			files: map[string]string{"a/1": "1", "b/2": "2"},
			links: map[string]string{"a/b": "../b", "b/a": "../a"},
			want: found{
				Files: map[Path]string{"a/1": "1", "a/b/2": "2", "b/2": "2", "b/a/1": "1"},
				Problems: []string{
					`link-broken a/b/a: leads in a circle, back to "a"`,
					`link-broken b/a/b: leads in a circle, back to "b"`,
				},
				Unknown: []string{"a/b/a/", "b/a/b/"},
			},
		},
		{
			name:  "a circle that a link enters from below",
			files: map[string]string{"x/y/f": "f"},
			links: map[string]string{"a": "x/y", "x/y/up": ".."},
			want: found{
				Files: map[Path]string{"x/y/f": "f", "a/f": "f"},
				Problems: []string{
					`link-broken a/up/y: leads in a circle, back to "x/y"`,
					`link-broken x/y/up: leads in a circle, back to "x"`,
				},
				Unknown: []string{"a/up/y/", "x/y/up/"},
			},
		},
		{
			name:  "ignored links are not followed",
			files: map[string]string{"a": "a", "d/x": "x"},
			links: map[string]string{"node_modules": "../elsewhere", ".#a": "user@host.1:2", "skip": "none", "dir": "d"},
			opts:  ScanOptions{Ignore: []string{"node_modules/", "skip", "dir/"}},
			want:  found{Files: map[Path]string{"a": "a", "d/x": "x"}},
		},
		{
			name:  "an ignore file behind a link",
			files: map[string]string{"rules": "*.log", "a.log": ""},
			links: map[string]string{".assetsyncignore": "rules"},
			want:  found{Files: map[Path]string{"rules": "*.log"}},
		},
		{
			name:  "an ignore file that cannot be read",
			files: map[string]string{"a": "a", "sub/b": "b", "sub/deep/c": "c"},
			links: map[string]string{"sub/.gitignore": "none"},
			want: found{
				Files:    map[Path]string{"a": "a"},
				Problems: []string{`link-broken sub/.gitignore: leads to "sub/none", which does not exist`},
				Unknown:  []string{"sub/", "sub/.gitignore"},
			},
		},
		{
			name:  "too large",
			files: map[string]string{"big": "12345", "fits": "1234"},
			opts:  ScanOptions{MaxFileSize: 4},
			want: found{
				Files:    map[Path]string{"fits": "1234"},
				Problems: []string{"too-large big: 5 bytes, more than the limit of 4"},
				Unknown:  []string{"big"},
			},
		},
		{
			name:  "twins by case and by Unicode form",
			files: map[string]string{"README.md": "1", "Readme.md": "2", "Docs/a": "a", "docs/b": "b", "x/stra\u00dfe": "3", "x/STRASSE": "4", "\u00e9": "5", "e\u0301": "6", "ok": "ok"},
			want: found{
				Files: map[Path]string{"ok": "ok"},
				Problems: []string{
					`name-twins Docs: differs from "docs" only by case or Unicode form`,
					`name-twins README.md: differs from "Readme.md" only by case or Unicode form`,
					`name-twins Readme.md: differs from "README.md" only by case or Unicode form`,
					`name-twins docs: differs from "Docs" only by case or Unicode form`,
					"name-twins e\u0301: differs from \"\u00e9\" only by case or Unicode form",
					"name-twins x/STRASSE: differs from \"x/stra\u00dfe\" only by case or Unicode form",
					"name-twins x/stra\u00dfe: differs from \"x/STRASSE\" only by case or Unicode form",
					"name-twins \u00e9: differs from \"e\u0301\" only by case or Unicode form",
				},
				Unknown: []string{"Docs/", "README.md/", "Readme.md/", "docs/", "e\u0301/", "x/STRASSE/", "x/stra\u00dfe/", "\u00e9/"},
			},
		},
		{
			name:  "names that are no path",
			files: map[string]string{"a\\b": "", "new\nline": "", "bad\xff": "", "ok": "ok", "dir\t/x": "", "fine \"name\"": "q"},
			opts:  ScanOptions{Ignore: []string{"bad?"}},
			want: found{
				Files:    map[Path]string{"ok": "ok", "fine \"name\"": "q"},
				Problems: []string{`bad-name a\\b: contains a backslash`, `bad-name dir\t: contains a control character`, `bad-name new\nline: contains a control character`},
				Unknown:  []string{`a\\b/`, `dir\t/`, `new\nline/`},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "root")
			writeFiles(t, dir, map[string]string{"./": ""})
			writeFiles(t, dir, tt.files)
			for name, target := range tt.links {
				if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			if entries, err := os.ReadDir(dir); tt.name == "twins by case and by Unicode form" && (err != nil || len(entries) != 8) {
				t.Skip("the file system cannot hold twins")
			}
			got, _ := scan(t, openRoot(t, dir), tt.opts)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Scan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestScanIsThePublishedForm scans one tree with links and without, in
// several ways, and wants one id.
func TestScanIsThePublishedForm(t *testing.T) {
	plain, linked := t.TempDir(), t.TempDir()
	writeFiles(t, plain, map[string]string{"a-b": "1", "a/x": "2", "a0": "3", "copy/x": "2"})
	writeFiles(t, linked, map[string]string{"a-b": "1", "a/x": "2", "a0": "3"})
	if err := os.Symlink("a", filepath.Join(linked, "copy")); err != nil {
		t.Skip(err)
	}
	if err := os.Chmod(filepath.Join(linked, "a0"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, want := scan(t, openRoot(t, plain), ScanOptions{Workers: 1})
	for _, workers := range []int{-1, 0, 1, 8} {
		if _, got := scan(t, openRoot(t, linked), ScanOptions{Workers: workers}); got.Tree.ID() != want.Tree.ID() {
			t.Errorf("%d workers: tree %s, want %s", workers, got.Tree.ID(), want.Tree.ID())
		}
	}
}

func TestScanRulesServeRemotePaths(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a/.gitignore": "*.log", "a/x": ""})
	_, snap := scan(t, openRoot(t, dir), ScanOptions{})
	if !snap.Ignore.Ignored("a/remote.log") || snap.Ignore.Ignored("remote.log") {
		t.Errorf("rules of the scanned tree: a/remote.log %q, remote.log %q", snap.Ignore.Why("a/remote.log"), snap.Ignore.Why("remote.log"))
	}
}

func TestScanErrors(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a": ""})
	root := openRoot(t, dir)
	if _, err := Scan(t.Context(), root, ScanOptions{Ignore: []string{"["}}); err == nil {
		t.Error("Scan takes a malformed pattern")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Scan(ctx, root, ScanOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Scan after its context ended: %v", err)
	}
	root.Close()
	if _, err := Scan(t.Context(), root, ScanOptions{}); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Scan of a closed root: %v", err)
	}
}

func TestScanFile(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"ops/AGENTS.prod.md": "hello", "ops/big": "123456", "ops/.gitignore": "*"})
	root := openRoot(t, dir)
	opts := ScanOptions{MaxFileSize: 5}
	got, err := ScanFile(t.Context(), root, "ops/AGENTS.prod.md", "AGENTS.md", opts)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := NewTree(Entry{"AGENTS.md", BlobID([]byte("hello")), 5})
	if !got.Tree.Equal(want) || got.Problems != nil || got.Unknown != nil || got.Ignore == nil {
		t.Errorf("ScanFile = %+v", got)
	}
	data, err := ReadFile(t.Context(), root, "ops/AGENTS.prod.md", *got.Tree.Get("AGENTS.md"), opts)
	if err != nil || string(data) != "hello" {
		t.Errorf("ReadFile = %q, %v", data, err)
	}
	if _, err := ScanFile(t.Context(), root, "ops/none", "AGENTS.md", opts); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ScanFile of a missing file: %v", err)
	}
	for name, as := range map[string]Path{"../x": "a", "ops/AGENTS.prod.md": "a\\b"} {
		if _, err := ScanFile(t.Context(), root, name, as, opts); err == nil {
			t.Errorf("ScanFile(%q, %q) succeeds", name, as)
		}
	}
	for name, kind := range map[string]ProblemKind{"ops/big": TooLarge, "ops": Irregular} {
		snap, err := ScanFile(t.Context(), root, name, "AGENTS.md", opts)
		if err != nil || len(snap.Problems) != 1 || snap.Problems[0].Kind != kind || snap.Problems[0].Path != "AGENTS.md" || !snap.Unknown.Has("AGENTS.md") {
			t.Errorf("ScanFile(%q) = %+v, %v, want problem %s", name, snap, err, kind)
		}
	}
}

func TestReadFileNoticesChanges(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"same size": func(dir string) error { return os.WriteFile(filepath.Join(dir, "f"), []byte("xyz"), 0o644) },
		"longer":    func(dir string) error { return os.WriteFile(filepath.Join(dir, "f"), []byte("abcd"), 0o644) },
		"gone":      func(dir string) error { return os.Remove(filepath.Join(dir, "f")) },
		"directory": func(dir string) error {
			os.Remove(filepath.Join(dir, "f"))
			return os.Mkdir(filepath.Join(dir, "f"), 0o755)
		},
		"broken link": func(dir string) error {
			os.Remove(filepath.Join(dir, "f"))
			return os.Symlink("g", filepath.Join(dir, "f"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"f": "abc"})
			if err := change(dir); err != nil {
				t.Fatal(err)
			}
			_, err := ReadFile(t.Context(), openRoot(t, dir), "f", Entry{"f", BlobID([]byte("abc")), 3}, ScanOptions{})
			if !errors.Is(err, ErrChanged) {
				t.Errorf("ReadFile: error %v, want one that wraps ErrChanged", err)
			}
		})
	}
}

// TestScanBoundsMultiplyingLinks makes a small directory that has more paths
// than anything could hold.
func TestScanBoundsMultiplyingLinks(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	if testing.Short() {
		t.Skip("looks at 100,000 names")
	}
	dir := t.TempDir()
	for i := range 20 {
		level := filepath.Join(dir, string(rune('a'+i)))
		if err := os.Mkdir(level, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"1", "2", "3"} {
			if err := os.Symlink("../"+string(rune('a'+i+1)), filepath.Join(level, name)); err != nil {
				t.Skip(err)
			}
		}
	}
	writeFiles(t, dir, map[string]string{"u/f": "f"})
	got, _ := scan(t, openRoot(t, dir), ScanOptions{})
	want := found{
		Files:    map[Path]string{},
		Problems: []string{"too-large : holds more than 100000 names, links followed"},
		Unknown:  []string{"/"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Scan (-want +got):\n%s", diff)
	}
}

func TestScanRefusesLongPaths(t *testing.T) {
	dir := t.TempDir()
	root := openRoot(t, dir)
	name := strings.Repeat("d", 200)
	for range 21 { // no system call takes so long a path at once
		next, err := root.OpenRoot(".")
		if err == nil {
			err = root.Mkdir(name, 0o755)
		}
		if err == nil {
			root, err = next.OpenRoot(name)
		}
		if err != nil {
			t.Skip(err)
		}
		defer root.Close()
	}
	got, _ := scan(t, openRoot(t, dir), ScanOptions{})
	if len(got.Problems) != 1 || !strings.HasPrefix(got.Problems[0], "bad-name ddd") || !strings.HasSuffix(got.Problems[0], ": is longer than 4096 bytes") {
		t.Errorf("problems %.300q", got.Problems)
	}
}
