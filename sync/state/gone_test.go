package state_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestFilesOfWhatIsGone removes a directory of three: what is kept of it goes when
// another one has changed, and not before.
func TestFilesOfWhatIsGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	var dirs []string
	for range 3 {
		dirs = append(dirs, t.TempDir())
	}
	keep := func(dirs ...string) {
		t.Helper()
		db := open(t, path)
		for _, dir := range dirs {
			db.KeepFiles(dir, []byte("of "+dir))
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	want := func(there bool, dir string) {
		t.Helper()
		db := open(t, path)
		defer db.Close()
		if got := db.Files(dir); (string(got) == "of "+dir) != there {
			t.Errorf("%s: got %q, want it there: %t", dir, got, there)
		}
	}
	keep(dirs...)
	if err := os.Remove(dirs[1]); err != nil {
		t.Fatal(err)
	}
	keep()
	want(true, dirs[1])
	keep(dirs[0])
	want(true, dirs[0])
	want(false, dirs[1])
	want(true, dirs[2])
}
