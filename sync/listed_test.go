package sync_test

import (
	"fmt"
	"maps"
	"testing"

	assetsync "assetsync/sync"
)

// raising are the answers of a probe that let a version stand for its files.
var raising = []string{"file-create-version=bump", "file-delete-version=bump"}

// resting is a machine whose asset is as it is here, and is on record as such.
func resting(t *testing.T, answers []string, quirks ...string) (*machine, string) {
	t.Helper()
	m := newWorld(t, quirks...).machine(skill(fiveFiles))
	m.listed = true
	m.tell(answers...)
	return m, m.mustPush(assetsync.Created).AssetID
}

var (
	oneListing = map[string]int{"ListAssets": 1}
	fullLook   = map[string]int{"GetAsset": 1, "ListAssetFiles": 1}
)

// TestListed counts what is asked for where nothing changed: one listing may stand
// for a look only where each operation is known to raise the version.
func TestListed(t *testing.T) {
	tests := []struct {
		name    string
		answers []string
		change  func(m *machine, id string)
		want    map[string]int
	}{
		{"all raise it", raising, func(*machine, string) {}, oneListing},
		{"nothing is known", nil, func(*machine, string) {}, fullLook},
		{"creates are not known to", raising[1:], func(*machine, string) {}, fullLook},
		{"deletes are not known to", raising[:1], func(*machine, string) {}, fullLook},
		{"creates change in place", []string{"file-create-version=keep", raising[1]}, func(*machine, string) {}, fullLook},
		{"not allowed", raising, func(m *machine, _ string) { m.listed = false }, fullLook},
		{"another version is there", raising, func(m *machine, id string) { m.saveByFileCall(id, "SKILL.md", skillMain+"web\n") }, nil},
		{"something changed here", raising, func(m *machine, _ string) { m.write("a.md", "here\n") }, nil},
	}
	for _, tt := range tests {
		for _, verb := range []string{"status", "push"} {
			t.Run(tt.name+" "+verb, func(t *testing.T) {
				m, id := resting(t, tt.answers)
				m.mustPush(assetsync.Unchanged)
				tt.change(m, id)
				res := m.status
				if verb == "push" {
					res = func() assetsync.Result { return m.push(assetsync.PushOptions{}) }
				}
				got := res()
				switch {
				case tt.want != nil && (!maps.Equal(got.Calls, tt.want) || got.Outcome != assetsync.Unchanged || got.LiveTree == ""):
					t.Errorf("%s with calls %v, want %v", got.Outcome, got.Calls, tt.want)
				case tt.want == nil && (got.Calls["GetAsset"] == 0 || got.Calls["ListAssetFiles"] == 0):
					t.Errorf("calls %v, want a look at the asset", got.Calls)
				case tt.want == nil && len(got.Changes)+len(got.Pending) == 0:
					t.Error("a change was not seen")
				}
			})
		}
	}
}

// TestListedLag publishes beside a change that the listing does not show yet: it is
// found before anything is written, and both are live.
func TestListedLag(t *testing.T) {
	m, id := resting(t, raising, "list-lag=1000")
	m.saveByFileCall(id, "SKILL.md", skillMain+"web\n")
	m.write("a.md", "here\n")
	m.mustPush(assetsync.Published)
	m.world.wantFile(id, "SKILL.md", skillMain+"web\n")
	m.world.wantFile(id, "a.md", "here\n")
}

// TestListedMetadata sends metadata that the config has come to own, after a look
// at the asset.
func TestListedMetadata(t *testing.T) {
	m, id := resting(t, raising)
	m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}}
	res := m.mustPush(assetsync.Published)
	if res.Calls["GetAsset"] == 0 || res.Published != assetsync.ByMetadata {
		t.Errorf("published %s with calls %v", res.Published, res.Calls)
	}
	if got := fmt.Sprint(m.metadata(id, "agent_types")); got != "[CHAT]" {
		t.Errorf("agent_types is %s", got)
	}
}

// TestListedPartly wants a look where not all of a version is on record: a file has
// a name that cannot be held here.
func TestListedPartly(t *testing.T) {
	m, id := resting(t, raising)
	m.saveByFileCall(id, "SKILL.md", skillMain)
	m.mustPush(assetsync.Unchanged)
	if got := m.mustPush(assetsync.Unchanged).Calls; !maps.Equal(got, oneListing) {
		t.Fatalf("calls %v, want %v", got, oneListing)
	}
	m.createFile(id, "A.md", "twin\n")
	for range 2 {
		if got := m.push(assetsync.PushOptions{}).Calls; got["ListAssetFiles"] == 0 {
			t.Errorf("calls %v, want a look at the asset", got)
		}
	}
}
