package sync

import (
	"fmt"
	"testing"

	"assetsync/remote"
	"assetsync/remote/assettype"
)

// listedSkills is a directory that has read so many skills, which are skill-0 and so on.
func listedSkills(tb testing.TB, n int) (*Directory, assettype.Type) {
	tb.Helper()
	kind, _ := assettype.Lookup("skill")
	l := &listing{done: make(chan struct{})}
	close(l.done)
	for i := range n {
		l.assets = append(l.assets, listedAsset(tb, kind.Name, map[string]any{"name": fmt.Sprint("skill-", i), "agent_types": []string{"GENERIC"}}))
	}
	d := NewDirectory("sp-1")
	d.lists[kind.Name] = l
	return d, kind
}

func listedAsset(tb testing.TB, kind string, metadata map[string]any) remote.Asset {
	tb.Helper()
	doc, err := remote.NewDocument(metadata)
	if err != nil {
		tb.Fatal(err)
	}
	id := fmt.Sprint("ki-", metadata["name"])
	return remote.Asset{AssetId: &id, AssetType: &kind, Metadata: doc}
}

// TestFind has assets in the listing that are not ours to write, whatever their name.
func TestFind(t *testing.T) {
	d, kind := listedSkills(t, 2)
	l := d.lists[kind.Name]
	for _, metadata := range []map[string]any{
		{"name": "skill-0"}, // a second one of the name
		{"name": "skill-1", "skill_type": "LEARNED"},
		{"name": "skill-1", "source": map[string]any{}},
		{"name": 1},
		{},
	} {
		l.assets = append(l.assets, listedAsset(t, kind.Name, metadata))
	}
	l.assets = append(l.assets, listedAsset(t, "attachment", map[string]any{"name": "skill-1"}), remote.Asset{})
	for _, tt := range []struct {
		name       string
		identities []string
		want       []int
	}{
		{"one", []string{"skill-1"}, []int{1}},
		{"two of one name", []string{"skill-0"}, []int{0, 2}},
		{"any of several", []string{"skill-1", "skill-0"}, []int{0, 1, 2}},
		{"none of the name", []string{"skill-2"}, nil},
		{"no name", []string{""}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			found, err := d.Find(t.Context(), nil, kind, tt.identities...)
			if err != nil || len(found) != len(tt.want) {
				t.Fatalf("%d assets, error %v, want %v", len(found), err, tt.want)
			}
			for i, at := range tt.want {
				if found[i].AssetId != l.assets[at].AssetId {
					t.Errorf("found %s, want that at %d", *found[i].AssetId, at)
				}
			}
		})
	}
}

// BenchmarkFind looks for each of 1,000 skills in their listing, as the first push of
// them does.
func BenchmarkFind(b *testing.B) {
	const skills = 1000
	for b.Loop() {
		b.StopTimer()
		d, kind := listedSkills(b, skills)
		b.StartTimer()
		for i := range skills {
			if found, err := d.Find(b.Context(), nil, kind, fmt.Sprint("skill-", i)); err != nil || len(found) != 1 {
				b.Fatal(len(found), err)
			}
		}
	}
}
