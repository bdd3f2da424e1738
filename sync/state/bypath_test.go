package state_test

import (
	"encoding/json"
	"maps"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/sync/state"
)

// TestByPath holds it against a map that changes in the same way.
func TestByPath(t *testing.T) {
	var b state.ByPath[int]
	want := map[manifest.Path]int{}
	for i, p := range []manifest.Path{"b", "a", "a/b", "c", "b", "a.md", "B"} {
		before, was := b, maps.Collect(b.All())
		b = b.With(p, i)
		want[p] = i
		if d := cmp.Diff(was, maps.Collect(before.All())); d != "" {
			t.Fatalf("with %s changes what it was made of: %s", p, d)
		}
	}
	for _, p := range []manifest.Path{"c", "none", "B"} {
		before, was := b, maps.Collect(b.All())
		b = b.Without(p)
		delete(want, p)
		if d := cmp.Diff(was, maps.Collect(before.All())); d != "" {
			t.Fatalf("without %s changes what it was made of: %s", p, d)
		}
	}
	if d := cmp.Diff(state.NewByPath(want), b); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if v, ok := b.Lookup("a/b"); v != 2 || !ok {
		t.Errorf("a/b is %d, %t", v, ok)
	}
	if v, ok := b.Lookup("c"); v != 0 || ok || b.Get("c") != 0 {
		t.Errorf("c, which is gone, is %d, %t", v, ok)
	}
	text, err := json.Marshal(b)
	var again state.ByPath[int]
	if err == nil {
		err = json.Unmarshal(text, &again)
	}
	if d := cmp.Diff(b, again); err != nil || d != "" {
		t.Errorf("%s, %v comes back as another one: %s", text, err, d)
	}
	if !b.Is(b) || b.Is(again) || b.Is(b.With("a", 1)) || !b[:0].Is(nil) {
		t.Error("Is takes another one for itself, or not itself")
	}
}

// TestIs finds that a record would be written as it is, and only then.
func TestIs(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	is := func(a state.Asset, target state.Target) bool {
		t.Helper()
		is, err := db.Is(space, "ki-1", a, "demo", target)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	if !is(state.Asset{}, state.Target{}) {
		t.Error("nothing is not what is on record of nothing")
	}
	a, target := fullAsset(), state.Target{AssetID: "ki-1"}
	if is(a, state.Target{}) || is(state.Asset{}, target) {
		t.Error("what is not on record is")
	}
	err := db.Update(func(tx state.Tx) error {
		if err := tx.PutAsset(space, "ki-1", a); err != nil {
			return err
		}
		return tx.PutTarget(space, "demo", target)
	})
	if err != nil {
		t.Fatal(err)
	}
	if !is(a, target) {
		t.Error("what is on record is not")
	}
	read, err := db.Asset(space, "ki-1")
	if err != nil || !is(read, target) {
		t.Errorf("what is read is not on record: %v", err)
	}
	for p := range a.Seen.All() {
		seen := a.Seen.Get(p)
		seen.ReadAt = seen.ReadAt.Add(1)
		other := a
		if other.Seen = a.Seen.With(p, seen); is(other, target) {
			t.Errorf("another time of %s is on record", p)
		}
	}
}
