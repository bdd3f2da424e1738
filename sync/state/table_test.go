package state_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"assetsync/manifest"
	"assetsync/sync/state"
)

func TestTables(t *testing.T) {
	entry := func(p manifest.Path, text string) *manifest.Entry {
		return &manifest.Entry{Path: p, ID: manifest.BlobID([]byte(text)), Size: int64(len(text))}
	}
	seen := func(p manifest.Path, at time.Time) state.Seen {
		return state.Seen{Entry: *entry(p, "x"), Version: 3, UpdatedAt: at, ReadAt: at.Add(time.Nanosecond)}
	}
	elsewhere := owner.Since.In(time.FixedZone("", 5400))
	for _, tt := range []struct {
		name string
		base map[manifest.Path]state.Pair
		seen map[manifest.Path]state.Seen
	}{
		{"nothing", nil, nil},
		{"alike", map[manifest.Path]state.Pair{"b": {entry("b", "x"), entry("b", "x")}, "a": {entry("a", "yy"), entry("a", "yy")}},
			map[manifest.Path]state.Seen{"b": seen("b", owner.Since), "a": seen("a", elsewhere)}},
		{"one side", map[manifest.Path]state.Pair{"a": {Local: entry("a", "x")}, "b": {Remote: entry("b", "x")}, "c": {}}, nil},
		{"rewritten, beside one that is not", map[manifest.Path]state.Pair{"a": {entry("a", "x"), entry("a", "y")}, "b": {entry("b", "x"), entry("b", "x")}}, nil},
		{"of another path", map[manifest.Path]state.Pair{"a": {entry("b", "x"), entry("b", "x")}},
			map[manifest.Path]state.Seen{"a": seen("b", owner.Since), "c": seen("c", time.Time{})}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			db := open(t, filepath.Join(t.TempDir(), "state.db"))
			defer db.Close()
			want := state.Asset{Version: 3, Base: state.NewByPath(tt.base), Seen: state.NewByPath(tt.seen)}
			if err := db.Update(func(tx state.Tx) error { return tx.PutAsset(space, "ki-1", want) }); err != nil {
				t.Fatal(err)
			}
			got, err := db.Asset(space, "ki-1")
			if err != nil || !cmp.Equal(want, got) {
				t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(want, got))
			}
		})
	}
}

// TestFormatBefore opens a state of the format before, which stays that until an
// asset is recorded: the program before refuses what it cannot read.
func TestFormatBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	edit(t, path, nil, "meta", "format", "1")
	for _, step := range []struct {
		change func(state.Tx) error
		want   string
	}{
		{func(state.Tx) error { return nil }, "1"},
		{func(tx state.Tx) error { return tx.PutAsset(space, "ki-1", state.Asset{Version: 3}) }, "2"},
	} {
		db := open(t, path)
		if err := errors.Join(db.Update(step.change), db.Close()); err != nil {
			t.Fatal(err)
		}
		bolt, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = bolt.View(func(tx *bbolt.Tx) error {
			if got := string(tx.Bucket([]byte("meta")).Get([]byte("format"))); got != step.want {
				t.Errorf("format %s, want %s", got, step.want)
			}
			return nil
		})
		if err := errors.Join(err, bolt.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRecordsOfFiles reads what an earlier program, or nobody, has written.
func TestRecordsOfFiles(t *testing.T) {
	const id = "587be6b4c3f93f93c489c0111bba5596147a26cb"
	e := manifest.Entry{Path: "a", ID: manifest.BlobID([]byte("x\n")), Size: 2}
	for _, tt := range []struct {
		name, record string
		want         state.Asset
		err          string // in the error
	}{
		{"objects by path", `{"version":1,"base":{"a":{"local":{"path":"a","id":"` + id + `","size":2}}},` +
			`"seen":{"a":{"path":"a","id":"` + id + `","size":2,"version":1,"updated_at":"2026-06-08T09:10:11Z","read_at":"2026-06-08T09:10:11Z"}}}`,
			state.Asset{Version: 1, Base: state.NewByPath(map[manifest.Path]state.Pair{"a": {Local: &e}}),
				Seen: state.NewByPath(map[manifest.Path]state.Seen{"a": {Entry: e, Version: 1, UpdatedAt: owner.Since, ReadAt: owner.Since}})}, ""},
		{"a base in both", `{"base":{"b":{"local":{"path":"b","id":"` + id + `"}}}}` + "\x00\x01\x01a" + string(e.ID[:]) + "\x04\x00",
			state.Asset{Base: state.NewByPath(map[manifest.Path]state.Pair{"a": {Local: &e, Remote: &e}, "b": {Local: &manifest.Entry{Path: "b", ID: e.ID}}})}, ""},
		{"tables cut short", "{}\x00\x01\x01a" + string(e.ID[:]), state.Asset{}, "tables of files are damaged"},
		{"one table", "{}\x00\x00", state.Asset{}, "tables of files are damaged"},
		{"more than two tables", "{}\x00\x00\x00\x00", state.Asset{}, "tables of files are damaged"},
		{"more rows than can be", "{}\x00\xff\xff\xff\xff\x0f\x00", state.Asset{}, "tables of files are damaged"},
		{"a path longer than all", "{}\x00\x01\xff\xff\xff\xff\x0fa" + string(e.ID[:]) + "\x04\x00", state.Asset{}, "tables of files are damaged"},
		{"no base at all", `{"base":7}`, state.Asset{}, "cannot unmarshal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			if err := open(t, path).Close(); err != nil {
				t.Fatal(err)
			}
			edit(t, path, nil, "assets", assetKey, tt.record)
			db := open(t, path)
			defer db.Close()
			got, err := db.Asset(space, "ki-1")
			switch {
			case tt.err == "" && (err != nil || !cmp.Equal(tt.want, got)):
				t.Errorf("%v (-want +got):\n%s", err, cmp.Diff(tt.want, got))
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("got %v, want an error with %q", err, tt.err)
			}
		})
	}
}
