package state_test

import (
	"errors"
	"path/filepath"
	"slices"
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
		return state.Seen{Entry: entry(p, "x"), Stamp: &state.Stamp{Version: 3, UpdatedAt: at, ReadAt: at.Add(time.Nanosecond)}}
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
			for name, tree := range map[string]manifest.Tree{
				"some of it": newTree(t, *entry("a", "x")), "all, and more": newTree(t, *entry("a", "yy"), *entry("b", "x"), *entry("c", "x"), *entry("d", "")),
				"other content": newTree(t, *entry("a", "z"), *entry("b", "z"), *entry("c", "z")), "other paths": newTree(t, *entry("0", "x"), *entry("ab", "x"), *entry("z", "x")),
			} {
				got, err := db.AssetLike(space, "ki-1", tree)
				if err != nil || !cmp.Equal(want, got) {
					t.Errorf("beside a tree of %s: %v (-want +got):\n%s", name, err, cmp.Diff(want, got))
				}
			}
		})
	}
}

func newTree(t testing.TB, entries ...manifest.Entry) manifest.Tree {
	t.Helper()
	tree, err := manifest.NewTree(entries...)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func TestRestsAt(t *testing.T) {
	entry := func(p manifest.Path, text string) *manifest.Entry {
		return &manifest.Entry{Path: p, ID: manifest.BlobID([]byte(text)), Size: int64(len(text))}
	}
	a, b, c := entry("a", "x"), entry("b", "y"), entry("c", "z")
	pairs := func(entries ...*manifest.Entry) map[manifest.Path]state.Pair {
		pairs := map[manifest.Path]state.Pair{}
		for _, e := range entries {
			pairs[e.Path] = state.Pair{Local: e, Remote: e}
		}
		return pairs
	}
	seen := func(entries ...*manifest.Entry) map[manifest.Path]state.Seen {
		seen := map[manifest.Path]state.Seen{}
		for _, e := range entries {
			seen[e.Path] = state.Seen{Entry: e, Stamp: &state.Stamp{Version: 3, UpdatedAt: owner.Since, ReadAt: owner.Since}}
		}
		return seen
	}
	tests := []struct {
		name string
		base map[manifest.Path]state.Pair
		seen map[manifest.Path]state.Seen
		tree manifest.Tree
		want bool
	}{
		{"all the same", pairs(a, b), seen(a, b), newTree(t, *a, *b), true},
		{"a file more here", pairs(a, b), seen(a, b), newTree(t, *a, *b, *c), false},
		{"a file less here", pairs(a, b, c), seen(a, b, c), newTree(t, *a, *c), false},
		{"another path here", pairs(a, b), seen(a, b), newTree(t, *a, *c), false},
		{"another content here", pairs(a, b), seen(a, b), newTree(t, *a, *entry("b", "z")), false},
		{"another content there", pairs(a, b), seen(a, entry("b", "z")), newTree(t, *a, *b), false},
		{"a file more there", pairs(a, b), seen(a, b, c), newTree(t, *a, *b), false},
		{"a file less there", pairs(a, b), seen(a), newTree(t, *a, *b), false},
		{"another base", pairs(a, entry("b", "z")), seen(a, b), newTree(t, *a, *b), false},
		{"sides that differ", map[manifest.Path]state.Pair{"a": {Local: a, Remote: a}, "b": {Local: b, Remote: entry("b", "z")}}, seen(a, b), newTree(t, *a, *b), false},
		{"a base of one side", map[manifest.Path]state.Pair{"a": {Local: a, Remote: a}, "b": {Local: b}}, seen(a, b), newTree(t, *a, *b), false},
		{"nothing seen", pairs(a, b), nil, newTree(t, *a, *b), false},
		{"nothing known", nil, nil, newTree(t, *a), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			db := open(t, filepath.Join(t.TempDir(), "state.db"))
			defer db.Close()
			put := state.Asset{Version: 3, Own: []int32{2, 3}, Base: state.NewByPath(tt.base), Seen: state.NewByPath(tt.seen)}
			if err := db.Update(func(tx state.Tx) error { return tx.PutAsset(space, "ki-1", put) }); err != nil {
				t.Fatal(err)
			}
			got, rests, err := db.RestsAt(space, "ki-1", tt.tree)
			if err != nil || rests != tt.want || got.Version != 3 || !slices.Equal(got.Own, put.Own) {
				t.Errorf("got %+v, %v, %v, want %v", got, rests, err, tt.want)
			}
		})
	}
}

// TestRestsAtDamage asks of what nobody has written.
func TestRestsAtDamage(t *testing.T) {
	e := manifest.Entry{Path: "a", ID: manifest.BlobID([]byte("x\n")), Size: 2}
	row := "\x01a" + string(e.ID[:]) + "\x04"
	const stamp = "\x06\x00\x00\x00\x00"
	two := newTree(t, e, manifest.Entry{Path: "b", ID: e.ID, Size: 2})
	for name, record := range map[string]string{
		"a row twice":     "{}\x00\x02" + row + row + "\x02" + row + stamp + row + stamp,
		"more than there": "{}\x00\x02" + row + strings.Replace(row, "a", "b", 1),
		"something after": "{}\x00\x02" + row + strings.Replace(row, "a", "b", 1) + "\x02" + row + stamp + strings.Replace(row, "a", "b", 1) + stamp + "x",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state.db")
			if err := open(t, path).Close(); err != nil {
				t.Fatal(err)
			}
			edit(t, path, nil, "assets", assetKey, record)
			db := open(t, path)
			defer db.Close()
			if _, rests, err := db.RestsAt(space, "ki-1", two); rests {
				t.Errorf("it rests, %v", err)
			}
			if _, err := db.AssetLike(space, "ki-1", two); err == nil {
				t.Error("it is read")
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
				Seen: state.NewByPath(map[manifest.Path]state.Seen{"a": {Entry: &e, Stamp: &state.Stamp{Version: 1, UpdatedAt: owner.Since, ReadAt: owner.Since}}})}, ""},
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
