package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFileReader reads all files of a tree, as they are and after changes.
func TestFileReader(t *testing.T) {
	outside := t.TempDir()
	writeFiles(t, outside, map[string]string{"z": "z"})
	replace := func(name, target string) func(dir string) error {
		return func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, name)), os.Symlink(target, filepath.Join(dir, name)))
		}
	}
	for _, tt := range []struct {
		name   string
		change func(dir string) error
		fails  []Path
	}{
		{name: "as it was", change: func(string) error { return nil }},
		{"a file has other bytes", func(dir string) error { return os.WriteFile(filepath.Join(dir, "a/b/x"), []byte("y"), 0o644) }, []Path{"a/b/x", "dirlink/b/x"}},
		{"a file is gone", func(dir string) error { return os.Remove(filepath.Join(dir, "top")) }, []Path{"link", "top"}},
		{"a directory is gone", func(dir string) error { return os.RemoveAll(filepath.Join(dir, "c")) }, []Path{"c/z"}},
		{"a directory became a link to the same", replace("c", "../"+filepath.Base(outside)), []Path{"c/z"}}, // which leads out
		{"a directory became a link within", replace("c", "c2"), nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(filepath.Dir(outside), filepath.Base(t.TempDir())+"-in")
			t.Cleanup(func() { os.RemoveAll(dir) })
			writeFiles(t, dir, map[string]string{"top": "top", "a/b/x": "x", "a/y": "one\r\ntwo\r\n", "c/z": "z", "c2/z": "z"})
			for name, target := range map[string]string{"link": "top", "dirlink": "a"} {
				if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			root := openRoot(t, dir)
			opts := ScanOptions{Text: TextLF}
			snap, err := Scan(t.Context(), root, opts)
			if err != nil {
				t.Fatal(err)
			}
			if snap.Tree.Len() != 8 {
				t.Fatalf("a tree of %d files", snap.Tree.Len())
			}
			if err := tt.change(dir); err != nil {
				t.Fatal(err)
			}
			r := NewFileReader(root, opts)
			var failed []Path
			for e := range snap.Tree.All() {
				data, err := r.Read(t.Context(), e)
				want, wantErr := ReadFile(t.Context(), root, string(e.Path), e, opts)
				if string(data) != string(want) || (err == nil) != (wantErr == nil) || err != nil && !errors.Is(err, ErrChanged) {
					t.Errorf("%s: %q, %v, want %q, %v", e.Path, data, err, want, wantErr)
				}
				if err != nil {
					failed = append(failed, e.Path)
				}
			}
			if len(failed) != len(tt.fails) {
				t.Errorf("failed %q, want %q", failed, tt.fails)
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestFileReaderLeaves has no more directories open than lead to the last file.
func TestFileReaderLeaves(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{"a": "a", "d/e/f/g/x": "x"}
	for i := range 50 {
		files[fmt.Sprintf("d/%02d/x", i)] = "x"
	}
	writeFiles(t, dir, files)
	root := openRoot(t, dir)
	snap, err := Scan(t.Context(), root, ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r := NewFileReader(root, ScanOptions{})
	defer r.Close()
	for e := range snap.Tree.All() {
		if _, err := r.Read(t.Context(), e); err != nil {
			t.Error(err)
		}
		if most := 1 + strings.Count(string(e.Path), "/"); len(r.dirs) > most {
			t.Errorf("%s: %d directories are open, want %d at most", e.Path, len(r.dirs), most)
		}
	}
}
