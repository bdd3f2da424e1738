package state_test

import (
	"path/filepath"
	"testing"
	"time"

	"assetsync/sync/state"
)

// TestFiles keeps what is known of the files of directories, with a transaction
// and without one.
func TestFiles(t *testing.T) {
	aDir, bDir, cDir := t.TempDir(), t.TempDir(), t.TempDir()
	path := filepath.Join(t.TempDir(), "state.db")
	open := func() *state.DB {
		t.Helper()
		db, err := state.Open(path, state.Owner{})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	want := func(db *state.DB, dir, data string) {
		t.Helper()
		if got := string(db.Files(dir)); got != data {
			t.Errorf("%s: %q, want %q", dir, got, data)
		}
	}
	db := open()
	if d := time.Since(db.Opened()).Abs(); d > time.Hour {
		t.Errorf("opened %s ago", d)
	}
	want(db, aDir, "")
	db.KeepFiles(aDir, []byte("one"))
	want(db, aDir, "one")
	if err := db.Update(func(state.Tx) error { return nil }); err != nil {
		t.Fatal(err)
	}
	want(db, aDir, "one")
	db.KeepFiles(bDir, []byte("two"))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open()
	defer db.Close()
	want(db, aDir, "one")
	want(db, bDir, "two")
	want(db, cDir, "")
}
