package state_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"assetsync/sync/state"
)

// TestHostileFile puts what is no state of ours in its place: an error names
// the file, nothing panics, and what lay there is as it was.
func TestHostileFile(t *testing.T) {
	good := func(t *testing.T, path string) []byte {
		t.Helper()
		db := open(t, path)
		if err := db.Update(func(tx state.Tx) error { return tx.PutAsset(space, "ki-1", state.Asset{Version: 3}) }); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	put := func(t *testing.T, path string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct {
		make func(t *testing.T, path string)
		says string
	}{
		"directory": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "state.db"},
		"link that leads nowhere": {func(t *testing.T, path string) {
			if err := os.Symlink(filepath.Join(path, "x", "y"), path); err != nil {
				t.Skip(err)
			}
		}, "state.db"},
		"link in a circle": {func(t *testing.T, path string) {
			if err := os.Symlink(path, path); err != nil {
				t.Skip(err)
			}
		}, "state.db"},
		"garbage":           {func(t *testing.T, path string) { put(t, path, []byte(strings.Repeat("\xff\x00", 50_000))) }, "state.db"},
		"one byte":          {func(t *testing.T, path string) { put(t, path, []byte("x")) }, "state.db"},
		"cut in the header": {func(t *testing.T, path string) { put(t, path, good(t, path)[:100]) }, "state.db"},
		"of a later format": {func(t *testing.T, path string) { edit(t, path, good(t, path), "meta", "format", "3") }, "use the newer assetsync"},
		"no JSON":           {func(t *testing.T, path string) { edit(t, path, good(t, path), "assets", assetKey, "{") }, "ki-1"},
		"of another shape":  {func(t *testing.T, path string) { edit(t, path, good(t, path), "assets", assetKey, `{"Version":"x"}`) }, "ki-1"},
		"deep": {func(t *testing.T, path string) {
			edit(t, path, good(t, path), "assets", assetKey, strings.Repeat("[", 50_000))
		}, "ki-1"},
		"number too large": {func(t *testing.T, path string) { edit(t, path, good(t, path), "assets", assetKey, `{"version":1e99}`) }, "ki-1"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			tt.make(t, path)
			before, _ := os.ReadFile(path) // nothing, of what is no file
			db, err := state.Open(path, owner)
			if err == nil {
				_, err = db.Asset(space, "ki-1")
				if closeErr := db.Close(); closeErr != nil {
					t.Error(closeErr)
				}
			}
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %q in it", err, tt.says)
			}
			if after, _ := os.ReadFile(path); string(after) != string(before) {
				t.Errorf("the file was changed")
			}
		})
	}
}

// TestLinkIsFollowed keeps the state where its owner put it.
func TestLinkIsFollowed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	dir := t.TempDir()
	path, real := filepath.Join(dir, "state.db"), filepath.Join(dir, "elsewhere.db")
	if err := open(t, real).Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, path); err != nil {
		t.Fatal(err)
	}
	db := open(t, path)
	if err := db.Update(func(tx state.Tx) error { return tx.PutAsset(space, "ki-1", state.Asset{Version: 3}) }); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, real)
	defer db.Close()
	if got, err := db.Asset(space, "ki-1"); err != nil || got.Version != 3 {
		t.Errorf("%+v, %v", got, err)
	}
}

// assetKey is the key of asset ki-1 of space.
const assetKey = "embedded\x00local\x00sp-1\x00ki-1"

func edit(t testing.TB, path string, data []byte, bucket, key, value string) {
	t.Helper()
	if data != nil { // else the file as it is
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bolt, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	err = bolt.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte(bucket)).Put([]byte(key), []byte(value)) })
	if err != nil {
		t.Fatal(err)
	}
	if err := bolt.Close(); err != nil {
		t.Fatal(err)
	}
}

// FuzzRecord reads records that anybody may have written into the file: each is
// an error or a value that survives being written.
func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":7,"base":{"a":{"local":{"path":"a"}}},"own":[6,7]}`))
	f.Add([]byte(`{"asset_id":"ki-1","intents":[{"nonce":"n","changes":[{"path":"a"}]}]}`))
	f.Add([]byte("{\"version\":7}\x00\x01\x01a01234567890123456789\x04\x00"))
	f.Add([]byte("null"))
	dir := f.TempDir()
	path := filepath.Join(dir, "state.db")
	db, err := state.Open(path, owner)
	if err != nil {
		f.Fatal(err)
	}
	if err := db.Close(); err != nil {
		f.Fatal(err)
	}
	empty, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		edit(t, path, empty, "assets", assetKey, string(record))
		edit(t, path, nil, "targets", assetKey, string(record))
		db, err := state.Open(path, owner)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if a, err := db.Asset(space, "ki-1"); err == nil {
			err = db.Update(func(tx state.Tx) error { return tx.PutAsset(space, "ki-1", a) })
			if err == nil {
				_, err = db.Asset(space, "ki-1")
			}
			if err != nil {
				t.Errorf("an asset's record does not survive: %v", err)
			}
		}
		if v, err := db.Target(space, "ki-1"); err == nil {
			err = db.Update(func(tx state.Tx) error { return tx.PutTarget(space, "ki-1", v) })
			if err == nil {
				_, err = db.Targets(space)
			}
			if err != nil {
				t.Errorf("a target's record does not survive: %v", err)
			}
		}
	})
}
