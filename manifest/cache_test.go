//go:build linux || darwin

package manifest

import (
	"crypto/sha256"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// later is a time by which every file of a test has long been as it is.
func later() time.Time { return time.Now().Add(time.Hour) }

// planted returns a cache of a directory that has a wrong id for every file, so
// that it shows what is believed.
func planted(t *testing.T, dir string, now time.Time) *Cache {
	t.Helper()
	c := NewCache(nil, "", now)
	if _, err := Scan(t.Context(), openRoot(t, dir), ScanOptions{Cache: c}); err != nil {
		t.Fatal(err)
	}
	for _, files := range c.dirs {
		for i := range files {
			files[i].id = ID{1}
		}
	}
	data, _ := c.Bytes()
	return NewCache(data, "", now)
}

// TestCache changes a file in ways that a cache has to notice. The files of a
// directory that did not change are not read.
func TestCache(t *testing.T) {
	at := time.Now().Add(-24 * time.Hour)
	tests := []struct {
		name     string
		change   func(file string) error
		now      time.Time
		believed bool
	}{
		{"nothing", func(string) error { return nil }, later(), true},
		{"young files", func(string) error { return nil }, time.Now(), false},
		{"no time is known", func(string) error { return nil }, time.Time{}, false},
		{"another size", func(f string) error { return os.WriteFile(f, []byte("longer than before\n"), 0o644) }, later(), false},
		{"the same size and time", func(f string) error {
			return errors.Join(os.WriteFile(f, []byte("two\n"), 0o644), os.Chtimes(f, at, at))
		}, later(), false},
		{"another file of the same size and time", func(f string) error {
			return errors.Join(os.WriteFile(f+"~", []byte("two\n"), 0o644), os.Chtimes(f+"~", at, at), os.Rename(f+"~", f))
		}, later(), false},
		{"another mode", func(f string) error { return os.Chmod(f, 0o600) }, later(), false},
		{"no file", os.Remove, later(), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			writeFiles(t, dir, map[string]string{"top.md": "one\n", "a/b/deep.md": "one\n"})
			for _, name := range []string{"top.md", "a/b/deep.md"} {
				if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
					t.Fatal(err)
				}
			}
			c := planted(t, dir, tt.now)
			for _, name := range []string{"top.md", "a/b/deep.md"} {
				if err := tt.change(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			snap, err := Scan(t.Context(), openRoot(t, dir), ScanOptions{Cache: c})
			if err != nil {
				t.Fatal(err)
			}
			want := scanPlain(t, dir)
			for e := range want.Tree.All() {
				got, _ := snap.Tree.Lookup(e.Path)
				if believed := got.ID == (ID{1}); believed != tt.believed {
					t.Errorf("%s: believed %v, want %v", e.Path, believed, tt.believed)
				}
				if !tt.believed && got != e {
					t.Errorf("got %v, want %v", got, e)
				}
			}
			if got, want := snap.Tree.Len(), want.Tree.Len(); got != want {
				t.Errorf("%d files, want %d", got, want)
			}
		})
	}
}

func scanPlain(t *testing.T, dir string) Snapshot {
	t.Helper()
	snap, err := Scan(t.Context(), openRoot(t, dir), ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return snap
}

// TestCacheRepeats scans twice: the second one changes nothing of the cache, and
// one of files that are gone or too large by now forgets them.
func TestCacheRepeats(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a.md": "one\n", "d/b.md": "two\r\n"})
	opts := ScanOptions{Cache: NewCache(nil, TextLF, later()), Text: TextLF}
	want, err := Scan(t.Context(), openRoot(t, dir), opts)
	if err != nil {
		t.Fatal(err)
	}
	data, changed := opts.Cache.Bytes()
	if !changed {
		t.Fatal("nothing was kept")
	}
	opts.Cache = NewCache(data, TextLF, later())
	got, err := Scan(t.Context(), openRoot(t, dir), opts)
	if _, changed := opts.Cache.Bytes(); err != nil || changed || !got.Tree.Equal(want.Tree) || opts.Cache.size() != 2 {
		t.Errorf("changed %v, %d kept, %v", changed, opts.Cache.size(), err)
	}
	opts.MaxFileSize = 3
	if got, err = Scan(t.Context(), openRoot(t, dir), opts); err != nil || len(got.Problems) != 2 {
		t.Errorf("%d problems, want one for each file that is too large: %v", len(got.Problems), err)
	}
	if opts.Cache.size() != 0 {
		t.Errorf("%d files are kept that cannot be published", opts.Cache.size())
	}
}

// TestCacheDamaged wants no entry of what is damaged, cut short or made for another
// form of text.
func TestCacheDamaged(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"a.md": "one\n", "d/b.md": "two\n"})
	c := NewCache(nil, "", later())
	if _, err := Scan(t.Context(), openRoot(t, dir), ScanOptions{Cache: c}); err != nil {
		t.Fatal(err)
	}
	data, _ := c.Bytes()
	if n := NewCache(data, "", later()).size(); n != 2 {
		t.Fatalf("%d files, want 2", n)
	}
	if n := NewCache(data, TextLF, later()).size(); n != 0 {
		t.Errorf("%d files of another form", n)
	}
	for i := range data {
		damaged := append([]byte(nil), data...)
		damaged[i] ^= 0x20
		if NewCache(damaged, "", later()).size() != 0 || NewCache(data[:i], "", later()).size() != 0 {
			t.Errorf("damage at byte %d is believed", i)
		}
	}
}

// TestHashMovedDir reads the files of a directory in whose place is another one by
// the time they were read.
func TestHashMovedDir(t *testing.T) {
	dir := t.TempDir()
	writeFiles(t, dir, map[string]string{"d/a.md": "old\n", "new/a.md": "new\n"})
	root := openRoot(t, dir)
	c := planted(t, dir, later())
	c.parse() // as for a scan
	h := newFileHasher(root, ScanOptions{Cache: c})
	files, out := []scanFile{{"d/a.md", "d/a.md"}}, make([]hashed, 1)
	if err := errors.Join(root.Rename("d", "old"), root.Rename("new", "d")); err != nil {
		t.Fatal(err)
	}
	h.all(t.Context(), files, out)
	if want := BlobID([]byte("new\n")); out[0].err != nil || out[0].entry.ID != want {
		t.Errorf("got %v, %v; want %v", out[0].entry.ID, out[0].err, want)
	}
	if h.allBelow(t.Context(), "gone", files, out) {
		t.Error("a directory that is gone was read")
	}
}

// FuzzCache parses anything that has the right sum, and writes what it has parsed as it
// was.
func FuzzCache(f *testing.F) {
	dir := f.TempDir()
	writeFiles(f, dir, map[string]string{"a.md": "one\n", "d/b.md": "two\n", "d/.gitignore": "*.log\n"})
	c := NewCache(nil, "", later())
	if _, err := Scan(f.Context(), openRoot(f, dir), ScanOptions{Cache: c}); err != nil {
		f.Fatal(err)
	}
	for range 2 { // as a whole, and files alone
		data := encodeCache("", c.dirs, c.tree)
		f.Add(data[len(cacheHead("")) : len(data)-sha256.Size])
		c.tree = nil
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		data := append(cacheHead(""), body...)
		sum := sha256.Sum256(data)
		c := NewCache(append(data, sum[:]...), "", time.Time{})
		if c.size() == 0 {
			return
		}
		again := NewCache(encodeCache("", c.dirs, nil), "", time.Time{})
		if again.parse(); !maps.EqualFunc(again.dirs, c.dirs, slices.Equal[[]keptFile]) {
			t.Errorf("%v, then %v", c.dirs, again.dirs)
		}
	})
}
