package state_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"assetsync/manifest"
	"assetsync/sync/state"
)

// fullAsset has as many files as the service takes in a skill.
func fullAsset() state.Asset {
	a := state.Asset{Version: 7, Own: []int32{7}}
	for i := range 100 {
		p := manifest.Path(fmt.Sprintf("references/file-%02d.md", i))
		e := manifest.Entry{Path: p, ID: manifest.BlobID([]byte(p)), Size: 1000}
		local, remote := e, e
		a.Base = a.Base.With(p, state.Pair{Local: &local, Remote: &remote})
		a.Seen = a.Seen.With(p, state.Seen{Entry: &e, Stamp: &state.Stamp{Version: 7, UpdatedAt: owner.Since, ReadAt: owner.Since}})
	}
	return a
}

// BenchmarkAsset reads what is known of an asset of 100 files, as each look does.
func BenchmarkAsset(b *testing.B) {
	db, err := state.Open(filepath.Join(b.TempDir(), "state.db"), owner)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(func(tx state.Tx) error { return tx.PutAsset(space, "ki-1", fullAsset()) }); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if a, err := db.Asset(space, "ki-1"); err != nil || len(a.Base) != 100 {
			b.Fatal(len(a.Base), err)
		}
	}
}

// BenchmarkPutAsset records it, which ends with the syncs of a transaction.
func BenchmarkPutAsset(b *testing.B) {
	db, err := state.Open(filepath.Join(b.TempDir(), "state.db"), owner)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	a := fullAsset()
	for b.Loop() {
		if err := db.Update(func(tx state.Tx) error { return tx.PutAsset(space, "ki-1", a) }); err != nil {
			b.Fatal(err)
		}
	}
}
