package state_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/sync/state"
)

func TestSummary(t *testing.T) {
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	defer db.Close()
	space := state.Space{Endpoint: "embedded", AgentSpace: "a"}
	entry := manifest.Entry{Path: "a.md", ID: manifest.BlobID([]byte("a")), Size: 1}
	started := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	asset := state.Asset{
		Version: 1, Base: state.NewByPath(map[manifest.Path]state.Pair{"a.md": {Local: &entry, Remote: &entry}}),
		Seen: state.NewByPath(map[manifest.Path]state.Seen{"a.md": {Entry: &entry, Stamp: &state.Stamp{Version: 1}}}), Published: []state.Publishing{{Version: 1}},
		Disputes: map[manifest.Path]state.Dispute{"b.md": {}}, CheckedOut: &state.CheckOut{Version: 1},
	}
	cut := state.Asset{Version: 2, CheckingOut: map[manifest.Path]state.CheckOutIntent{"a.md": {Mark: "m", Version: 2, New: &entry}}}
	err := db.Update(func(tx state.Tx) error {
		for id, a := range map[string]state.Asset{"ki-1": asset, "ki-2": cut} {
			if err := tx.PutAsset(space, id, a); err != nil {
				return err
			}
		}
		return tx.PutTarget(space, "skills/one", state.Target{AssetID: "ki-1", Intents: []state.Intent{{Nonce: "n", AssetID: "ki-1", Observed: 1, Started: started, Until: started.Add(time.Minute), Doubt: true}}})
	})
	if err != nil {
		t.Fatal(err)
	}
	want := state.Summary{
		Targets: 1, Assets: 2, Paths: 1, Publishings: 1, CheckOuts: 1, Conflicts: 1,
		Unfinished: []state.Unfinished{{Target: "ki-2"}, {"skills/one", started, started.Add(time.Minute), true}},
	}
	got, err := db.Summary()
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}

	// What was seen goes, and nothing else.
	if err := db.ForgetSeen(); err != nil {
		t.Fatal(err)
	}
	after, err := db.Asset(space, "ki-1")
	asset.Seen = nil
	if diff := cmp.Diff(asset, after); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := db.Summary(); err != nil || !cmp.Equal(want, got) {
		t.Errorf("%+v, %v", got, err)
	}
}
