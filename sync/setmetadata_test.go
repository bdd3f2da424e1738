package sync_test

import (
	"encoding/json"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

func (m *machine) setKeys(values map[string]any, consent assetsync.Consent) (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) {
		res = e.SetMetadata(m.t.Context(), assetsync.SetMetadataOptions{Values: values, Consent: consent})
	})
	return res
}

// pinned is the same machine, whose target names the asset.
func (m *machine) pinned(id string) *machine {
	other := *m
	other.target.AssetID = id
	return &other
}

// TestSetMetadataStays sets keys of a target's asset: no push undoes them, and what
// the config says later counts again.
func TestSetMetadataStays(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	n := m.pinned(id)
	res := n.setKeys(map[string]any{"status": "INACTIVE", "agent_types": []any{"CHAT"}}, assetsync.Consent{})
	n.want(res, assetsync.Published)
	if len(res.Versions) != 1 || len(res.MetadataChanges) != 2 || len(res.Notes) != 1 || !strings.Contains(res.Notes[0], "another agent_types") {
		t.Errorf("%s", describe(res))
	}
	w.wantLive(id, first)
	m.mustPush(assetsync.Unchanged)
	m.write("a.md", "more")
	m.mustPush(assetsync.Published)
	if got := jsonOf(t, w.metadata(id, "agent_types")); got != `["CHAT"]` {
		t.Errorf("agent_types %s", got)
	}
	if got := w.metadata(id, "status"); got != "INACTIVE" {
		t.Errorf("status %v", got)
	}
	// Once the config agrees, it owns the key again.
	m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}}
	m.mustPush(assetsync.Unchanged)
	m.target.Metadata = map[string]any{"agent_types": []any{"PREVENTION"}}
	m.mustPush(assetsync.Published)
	if got := jsonOf(t, w.metadata(id, "agent_types")); got != `["PREVENTION"]` {
		t.Errorf("agent_types %s", got)
	}
}

// TestSetMetadataUnknownBase sets a key that this machine never settled.
func TestSetMetadataUnknownBase(t *testing.T) {
	w := newWorld(t)
	other := w.machine(skill(fiveFiles))
	id := other.mustPush(assetsync.Created).AssetID
	m := w.machine(skill(fiveFiles)).pinned(id)
	m.want(m.setKeys(map[string]any{"agent_types": []any{"CHAT"}}, assetsync.Consent{}), assetsync.Published)
	m.mustPush(assetsync.Unchanged)
	if got := jsonOf(t, w.metadata(id, "agent_types")); got != `["CHAT"]` {
		t.Errorf("agent_types %s", got)
	}
}

func TestSetMetadataRefused(t *testing.T) {
	tests := map[string]struct {
		values  map[string]any
		change  func(*machine)
		consent assetsync.Consent
		outcome assetsync.Outcome
		says    string
	}{
		"what the frontmatter says":     {values: map[string]any{"name": "other"}, outcome: assetsync.Failed, says: "follows from the frontmatter of SKILL.md"},
		"what the type does not allow":  {values: map[string]any{"status": "GONE"}, outcome: assetsync.Failed, says: "status"},
		"nothing to do":                 {values: map[string]any{"status": "ACTIVE"}, outcome: assetsync.Unchanged},
		"protected":                     {values: map[string]any{"status": "INACTIVE"}, change: func(m *machine) { m.target.Protected = true }, outcome: assetsync.Blocked, says: "protected"},
		"protected, allowed":            {values: map[string]any{"status": "INACTIVE"}, change: func(m *machine) { m.target.Protected = true }, consent: assetsync.Consent{Protected: true}, outcome: assetsync.Published},
		"protected and nothing to do":   {values: map[string]any{"status": "ACTIVE"}, change: func(m *machine) { m.target.Protected = true }, outcome: assetsync.Unchanged},
		"a credential":                  {values: map[string]any{"note": aSecret}, outcome: assetsync.Blocked, says: "looks like a credential"},
		"a credential, allowed":         {values: map[string]any{"note": aSecret}, consent: assetsync.Consent{SecretPaths: []string{"metadata.note"}}, outcome: assetsync.Published},
		"somebody else's":               {values: map[string]any{"status": "INACTIVE"}, change: func(m *machine) { m.world.setMetadata(m.target.AssetID, map[string]any{"source": "x"}) }, outcome: assetsync.Blocked, says: "imported"},
		"somebody else's, taken over":   {values: map[string]any{"status": "INACTIVE"}, change: func(m *machine) { m.world.setMetadata(m.target.AssetID, map[string]any{"source": "x"}) }, consent: assetsync.Consent{Adopt: true}, outcome: assetsync.Published},
		"an asset that is not there":    {values: map[string]any{"status": "INACTIVE"}, change: func(m *machine) { m.target.AssetID = "ki-none" }, outcome: assetsync.Failed, says: "ki-none"},
		"a key beside one that is odd":  {values: map[string]any{"team": "a"}, change: func(m *machine) {}, outcome: assetsync.Published},
		"a write that is not answered":  {values: map[string]any{"team": "a"}, change: func(m *machine) { m.world.fault("op=UpdateAsset,kind=reset-after") }, outcome: assetsync.Published},
		"a write that does not happen":  {values: map[string]any{"team": "a"}, change: func(m *machine) { m.world.fault("op=UpdateAsset,kind=reset-before") }, outcome: assetsync.Published},
		"a write that is not permitted": {values: map[string]any{"team": "a"}, change: func(m *machine) { m.world.fault("op=UpdateAsset,count=all,kind=denied") }, outcome: assetsync.Failed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			n := m.pinned(m.mustPush(assetsync.Created).AssetID)
			id := n.target.AssetID
			if test.change != nil {
				test.change(n)
			}
			before := w.wrote()
			res := n.setKeys(test.values, test.consent)
			n.want(res, test.outcome)
			if test.says != "" && (res.Error == nil || !strings.Contains(res.Error.Message, test.says)) {
				t.Errorf("want %q\n%s", test.says, describe(res))
			}
			if wrote := len(w.writes(before)); test.outcome != assetsync.Published && wrote > 0 && !strings.Contains(name, "permitted") {
				t.Errorf("%d writes", wrote)
			}
			if test.outcome != assetsync.Published {
				return
			}
			for key, want := range test.values {
				if got := w.metadata(id, key); got != want {
					t.Errorf("%s: %v", key, got)
				}
			}
			w.wantLive(id, first)
		})
	}
}

// TestSetMetadataMeanwhile meets somebody who writes at the same time.
func TestSetMetadataMeanwhile(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	n := m.pinned(m.mustPush(assetsync.Created).AssetID)
	id := n.target.AssetID
	w.beforeWrite(func() { w.setMetadata(id, map[string]any{"status": "INACTIVE", "team": "theirs"}) })
	res := n.setKeys(map[string]any{"team": "ours"}, assetsync.Consent{})
	n.want(res, assetsync.Conflict)
	if got := w.metadata(id, "team"); got != "theirs" {
		t.Errorf("team %v\n%s", got, describe(res))
	}
	if got := w.metadata(id, "status"); got != "INACTIVE" {
		t.Errorf("status %v", got)
	}
	n.want(n.setKeys(map[string]any{"team": "ours"}, assetsync.Consent{}), assetsync.Published)
	w.wantLive(id, first)
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
