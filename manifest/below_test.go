package manifest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestBelow opens and makes directories that links lead to.
func TestBelow(t *testing.T) {
	tests := []struct {
		name, path string
		real       string // "": it leads out
		missing    bool   // it cannot be opened before it is made
		unmakable  bool   // nor then
	}{
		{"the top", ".", ".", false, false},
		{"a directory", "d/e", "d/e", false, false},
		{"a link to a directory", "inside", "d/e", false, false},
		{"an absolute link to a directory", "absolute", "d/e", false, false},
		{"through a link", "inside/f", "d/e/f", true, false},
		{"through a link that leads up", "d/up/d/e", "d/e", false, false},
		{"nothing", "new/dir", "new/dir", true, false},
		{"a link to nothing", "dangling", "gone", true, false},
		{"below a link to nothing", "dangling/f", "gone/f", true, false},
		{"a link out", "outside", "", false, false},
		{"below a link out", "outside/d", "", false, false},
		{"nothing below a link out", "outside/new", "", false, false},
		{"a link to what holds the top", "parent", "", false, false},
		{"another top of a longer name", "../top2", "", false, false},
		{"a link out to nothing", "nowhere", "", false, false},
		{"below a link out to nothing", "nowhere/f", "", false, false},
		{"a link in a circle", "circle", "?", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := t.TempDir()
			top := filepath.Join(home, "link")
			for _, dir := range []string{"top/d/e", "top2", "out/d"} {
				if err := os.MkdirAll(filepath.Join(home, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for link, target := range map[string]string{
				"link": "top", "top/inside": "d/e", "top/absolute": filepath.Join(home, "top/d/e"), "top/d/up": "..",
				"top/dangling": "gone", "top/outside": "../out", "top/parent": "..", "top/nowhere": "../gone", "top/circle": "circle",
			} {
				if err := os.Symlink(target, filepath.Join(home, link)); err != nil {
					t.Skip(err)
				}
			}
			path := filepath.Join(top, tt.path)
			real, err := RealBelow(top, path)
			if tt.real == "?" {
				if err == nil || errors.Is(err, ErrLeadsOut) {
					t.Errorf("%q, %v", real, err)
				}
			} else if filepath.ToSlash(real) != tt.real || errors.Is(err, ErrLeadsOut) != (tt.real == "") {
				t.Errorf("real %q, %v; want %q", real, err, tt.real)
			}
			root, err := OpenBelow(top, path)
			if got := err == nil; got != (tt.real != "" && !tt.missing && !tt.unmakable) || tt.missing && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("open: %v", err)
			}
			if err == nil {
				root.Close()
			}
			root, err = MakeBelow(top, path, 0o755)
			if got := err == nil; got != (tt.real != "" && !tt.unmakable) {
				t.Errorf("make: %v", err)
			}
			if err == nil {
				root.Close()
			}
			for dir, want := range map[string]int{"out": 1, ".": 4, "top2": 0} {
				if entries, err := os.ReadDir(filepath.Join(home, dir)); err != nil || len(entries) != want {
					t.Errorf("%s holds %v, %v", dir, entries, err)
				}
			}
		})
	}
}
