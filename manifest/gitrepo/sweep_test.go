package gitrepo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestSweep removes what is temporary and old, and nothing else.
func TestSweep(t *testing.T) {
	dir := newDir(t)
	h := open(t, dir)
	put(t, h, version(t, 1, "a:x"))
	limit := time.Now().Add(-time.Hour)
	tests := []struct {
		name, path string
		age        time.Duration
		goes       bool
	}{
		{"an object of a process that died", "objects/pack/tmp_obj_1", 2 * time.Hour, true},
		{"a pack of a process that died", "objects/pack/tmp_pack_1", 2 * time.Hour, true},
		{"a ref of a process that died", "refs/assetsync/.assetsync-tmp-1", 2 * time.Hour, true},
		{"a repository that was not finished", "../.assetsync-tmp-2/HEAD", 2 * time.Hour, true},
		{"an object that is being written", "objects/pack/tmp_obj_2", time.Minute, false},
		{"a pack", "objects/pack/pack-1.pack", 2 * time.Hour, false},
		{"the state beside it", "../state.db", 2 * time.Hour, false},
	}
	for _, tc := range tests {
		name := filepath.Join(dir, filepath.FromSlash(tc.path))
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-tc.age)
		for _, old := range []string{name, filepath.Dir(name)} {
			if err := os.Chtimes(old, then, then); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := h.Sweep(limit); err != nil {
		t.Fatal(err)
	}
	for _, tc := range tests {
		_, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(tc.path)))
		if gone := errors.Is(err, fs.ErrNotExist); gone != tc.goes {
			t.Errorf("%s: gone %v, want %v", tc.name, gone, tc.goes)
		}
	}
	wantVersion(t, h, 1, "a:x")
}
