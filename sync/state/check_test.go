package state_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"assetsync/manifest"
	"assetsync/sync/state"
)

func TestCheck(t *testing.T) {
	entry := func(p manifest.Path) *manifest.Entry {
		return &manifest.Entry{Path: p, ID: manifest.BlobID([]byte(p)), Size: int64(len(p))}
	}
	now := time.Date(2026, 6, 8, 12, 0, 0, 0, time.UTC)
	intent := func(nonce string, at time.Time) state.Intent {
		return state.Intent{Nonce: nonce, AssetID: "ki-1", Observed: 3, Started: at, Until: at.Add(time.Minute),
			Changes: []state.PlannedChange{{Path: "a.md", New: entry("a.md")}}}
	}
	checking := func(a *state.Asset, change func(*state.CheckOutIntent)) {
		in := a.CheckingOut["a.md"]
		change(&in)
		a.CheckingOut["a.md"] = in
	}
	tests := map[string]struct {
		asset  func(*state.Asset)
		target func(*state.Target)
		want   string // in the only fault; "" for none
	}{
		"sound":                  {nil, nil, ""},
		"a base without sides":   {func(a *state.Asset) { a.Base = a.Base.With("a.md", state.Pair{}) }, nil, "neither side"},
		"a base of another path": {func(a *state.Asset) { a.Base = a.Base.With("a.md", state.Pair{Local: entry("b.md")}) }, nil, "that of b.md"},
		"seen in a later version": {func(a *state.Asset) {
			a.Seen = a.Seen.With("a.md", state.Seen{Entry: entry("a.md"), Stamp: &state.Stamp{Version: 9}})
		}, nil, "version 9"},
		"seen at another path": {func(a *state.Asset) {
			a.Seen = a.Seen.With("a.md", state.Seen{Entry: entry("b.md"), Stamp: &state.Stamp{Version: 1}})
		}, nil, "is of b.md"},
		"own version of the future": {func(a *state.Asset) { a.Own = []int32{9} }, nil, "version 9"},
		"deletions on no side":      {func(a *state.Asset) { a.Deletions = []state.Deletion{{Files: 1, Side: "left"}} }, nil, `"left"`},
		"checked out of the future": {func(a *state.Asset) { a.Older = 9 }, nil, "version 9"},
		"a dispute":                 {func(a *state.Asset) { a.Disputes = map[manifest.Path]state.Dispute{"a.md": {Apart: true}} }, nil, ""},
		"a dispute over nothing":    {func(a *state.Asset) { a.Disputes = map[manifest.Path]state.Dispute{"a.md": {}} }, nil, "a.md is in dispute"},
		"a settled base of another path": {func(a *state.Asset) {
			a.Disputes = map[manifest.Path]state.Dispute{"a.md": {Settled: &state.Pair{Remote: entry("b.md")}}}
		}, nil, "that of b.md"},
		"a check out without a mark":  {func(a *state.Asset) { checking(a, func(in *state.CheckOutIntent) { in.Mark = "" }) }, nil, "no mark"},
		"a check out of no version":   {func(a *state.Asset) { checking(a, func(in *state.CheckOutIntent) { in.Version = 0 }) }, nil, "version 0"},
		"a check out of nothing":      {func(a *state.Asset) { checking(a, func(in *state.CheckOutIntent) { in.Old, in.New = nil, nil }) }, nil, "from nothing to nothing"},
		"a check out of another path": {func(a *state.Asset) { checking(a, func(in *state.CheckOutIntent) { in.Base.Local = entry("b.md") }) }, nil, "is of b.md"},
		"an asset that is not known":  {nil, func(t *state.Target) { t.AssetID = "ki-2" }, "ki-2"},
		"two pushes with one nonce":   {nil, func(t *state.Target) { t.Intents[1].Nonce = "n1" }, "no nonce of its own"},
		"a push out of order":         {nil, func(t *state.Target) { t.Intents[1].Started = now.Add(-time.Hour) }, "began before"},
		"a push over before it began": {nil, func(t *state.Target) { t.Intents[1].Until = now.Add(-time.Hour) }, "over before it began"},
		"a push planned on nothing":   {nil, func(t *state.Target) { t.Intents[1].Observed = 0 }, "version 0"},
		"a change of nothing":         {nil, func(t *state.Target) { t.Intents[1].Changes[0].New = nil }, "from nothing to nothing"},
		"a change of another path":    {nil, func(t *state.Target) { t.Intents[1].Changes[0].New = entry("b.md") }, "what is of b.md"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			db := open(t, filepath.Join(t.TempDir(), "state.db"))
			defer db.Close()
			asset := state.Asset{
				Version: 3, Base: state.NewByPath(map[manifest.Path]state.Pair{"a.md": {Local: entry("a.md"), Remote: entry("a.md")}}),
				Seen: state.NewByPath(map[manifest.Path]state.Seen{"a.md": {Entry: entry("a.md"), Stamp: &state.Stamp{Version: 2}}}), Own: []int32{1, 3},
				Deletions: []state.Deletion{{At: now, Files: 2, Side: "local"}},
				CheckingOut: map[manifest.Path]state.CheckOutIntent{"a.md": {
					Mark: "m1", Version: 4, Old: entry("a.md"), New: entry("a.md"),
					Was:  state.Pair{Local: entry("a.md"), Remote: entry("a.md")},
					Base: state.Pair{Local: entry("a.md"), Remote: entry("a.md")},
				}},
			}
			target := state.Target{AssetID: "ki-1", Intents: []state.Intent{intent("n1", now), intent("n2", now.Add(time.Second))}}
			if tt.asset != nil {
				tt.asset(&asset)
			}
			if tt.target != nil {
				tt.target(&target)
			}
			if err := db.Update(func(tx state.Tx) error {
				if err := tx.PutAsset(space, "ki-1", asset); err != nil {
					return err
				}
				return tx.PutTarget(space, "demo", target)
			}); err != nil {
				t.Fatal(err)
			}
			got, err := db.Check()
			if err != nil {
				t.Fatal(err)
			}
			if tt.want == "" && len(got) > 0 || tt.want != "" && !slices.ContainsFunc(got, func(f string) bool { return strings.Contains(f, tt.want) }) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
