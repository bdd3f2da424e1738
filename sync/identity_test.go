package sync_test

import (
	"strings"
	"testing"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

func TestIdentity(t *testing.T) {
	t.Run("a second machine finds the asset by its name", func(t *testing.T) {
		w := newWorld(t)
		files := skill(map[string]string{"a.md": "a"})
		first := w.machine(files).mustPush(assetsync.Created).AssetID
		other := w.machine(files)
		if got := other.mustPush(assetsync.Unchanged).AssetID; got != first {
			t.Errorf("asset %s, want %s", got, first)
		}
		other.write("a.md", "b")
		other.mustPush(assetsync.Published)
		w.wantLive(first, other.files())
	})
	t.Run("an unknown asset that differs is a conflict, not overwritten", func(t *testing.T) {
		w := newWorld(t)
		id := w.machine(skill(map[string]string{"a.md": "a"})).mustPush(assetsync.Created).AssetID
		other := w.machine(skill(map[string]string{"a.md": "b"}))
		other.mustPush(assetsync.Conflict)
		if got := w.live(id, 0)["a.md"]; got != "a" {
			t.Errorf("live %q", got)
		}
		res := other.push(assetsync.PushOptions{Base: 1})
		other.want(res, assetsync.Published)
		w.wantLive(id, other.files())
	})
	t.Run("two assets of one name need an id", func(t *testing.T) {
		w := newWorld(t)
		a := w.machine(skill(nil))
		id := a.mustPush(assetsync.Created).AssetID
		b := w.machine(map[string]string{"SKILL.md": strings.Replace(skillMain, "name: demo", "name: other", 1)})
		twin := b.mustPush(assetsync.Created).AssetID
		w.save(twin, "SKILL.md", skillMain)
		w.setMetadata(twin, map[string]any{"name": "demo"})
		c := w.machine(skill(nil))
		res := c.push(assetsync.PushOptions{})
		if res.Error == nil || res.Error.Kind != assetsync.KindUsage || !strings.Contains(res.Error.Message, id) || !strings.Contains(res.Error.Message, twin) {
			t.Fatalf("want a usage error with both ids, got %s", describe(res))
		}
		c.target.AssetID = id
		c.mustPush(assetsync.Unchanged)
	})
	t.Run("a renamed frontmatter asks", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(nil))
		id := m.mustPush(assetsync.Created).AssetID
		m.write("SKILL.md", strings.Replace(skillMain, "name: demo", "name: fresh", 1))
		res := m.push(assetsync.PushOptions{})
		if res.Error == nil || !strings.Contains(res.Error.Hint, "renamed_from: demo") {
			t.Fatalf("want a hint at renamed_from, got %s", describe(res))
		}
		m.target.RenamedFrom = "demo"
		if got := m.mustPush(assetsync.Published).AssetID; got != id {
			t.Errorf("asset %s, want %s", got, id)
		}
		m.wantQuiet()
		// Also on a machine without state.
		other := w.machine(m.files())
		other.target.RenamedFrom = "demo"
		if got := other.mustPush(assetsync.Unchanged).AssetID; got != id {
			t.Errorf("asset %s, want %s", got, id)
		}
	})
	t.Run("a pinned asset that the web renamed goes on", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(map[string]string{"a.md": "a"}))
		m.target.AssetID = m.mustPush(assetsync.Created).AssetID
		id := m.target.AssetID
		w.save(id, "SKILL.md", strings.Replace(skillMain, "name: demo", "name: web", 1))
		w.setMetadata(id, map[string]any{"name": "web"})
		m.write("a.md", "b")
		m.mustPush(assetsync.Published)
		other := w.machine(m.files())
		other.target.AssetID = id
		m.mustPull(assetsync.CheckedOut)
		if got := m.files()["SKILL.md"]; !strings.Contains(got, "name: web") {
			t.Errorf("the pull takes %q", got)
		}
		m.wantQuiet()
		// Who has the older name, and knows of no other, does not give it back unasked.
		res := other.push(assetsync.PushOptions{Prefer: diff.Local})
		if res.Error == nil || !strings.Contains(res.Error.Hint, "renamed_from: web") {
			t.Errorf("want a hint at renamed_from, got %s", describe(res))
		}
	})
	t.Run("what the web renamed is not renamed here", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(nil))
		m.target.AssetID = m.mustPush(assetsync.Created).AssetID
		w.save(m.target.AssetID, "SKILL.md", strings.Replace(skillMain, "name: demo", "name: web", 1))
		w.setMetadata(m.target.AssetID, map[string]any{"name": "web"})
		m.write("SKILL.md", strings.Replace(skillMain, "name: demo", "name: demo # ours", 1))
		m.mustPush(assetsync.Conflict)
		m.want(m.push(assetsync.PushOptions{Prefer: diff.Local}), assetsync.Published)
	})
	t.Run("learned and imported assets never match", func(t *testing.T) {
		w := newWorld(t)
		id := w.machine(skill(nil)).mustPush(assetsync.Created).AssetID
		w.setMetadata(id, map[string]any{"source": "https://example.com/x"})
		if got := w.machine(skill(nil)).mustPush(assetsync.Created).AssetID; got == id {
			t.Error("an imported asset was taken over")
		}
	})
	t.Run("the token of a deleted asset does not bring it back", func(t *testing.T) {
		w := newWorld(t)
		id := w.machine(skill(nil)).mustPush(assetsync.Created).AssetID
		w.deleteAsset(id)
		again := w.machine(skill(nil)).mustPush(assetsync.Created).AssetID
		if again == id {
			t.Error("the deleted asset was taken for a new one")
		}
	})
	t.Run("a second creator adopts the first one's asset", func(t *testing.T) {
		w := newWorld(t, "list-lag=3")
		first := w.machine(skill(map[string]string{"a.md": "a"})).mustPush(assetsync.Created).AssetID
		// The listing does not show it yet, and the payload differs.
		other := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b"}))
		res := other.push(assetsync.PushOptions{})
		if res.AssetID != first || res.Error != nil {
			t.Fatalf("asset %s, want %s\n%s", res.AssetID, first, describe(res))
		}
		w.wantLive(first, other.files())
	})
}

func TestMetadata(t *testing.T) {
	chat := map[string]any{"agent_types": []any{"CHAT"}}
	t.Run("an emergency INACTIVE survives pushes that do not own it", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(map[string]string{"a.md": "a"}))
		id := m.mustPush(assetsync.Created).AssetID
		w.setMetadata(id, map[string]any{"status": "INACTIVE"})
		m.write("a.md", "b")
		m.mustPush(assetsync.Published)
		m.target.Metadata = chat
		m.mustPush(assetsync.Published)
		metadata, err := w.asset(id).Metadata.Map()
		if err != nil || metadata["status"] != "INACTIVE" {
			t.Errorf("status %v, %v", metadata["status"], err)
		}
	})
	t.Run("an owned key changed there and not here is left alone", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(map[string]string{"a.md": "a"}))
		m.target.Metadata["status"] = "ACTIVE"
		id := m.mustPush(assetsync.Created).AssetID
		w.setMetadata(id, map[string]any{"status": "INACTIVE"})
		m.write("a.md", "b")
		res := m.mustPush(assetsync.Published)
		metadata, err := w.asset(id).Metadata.Map()
		if err != nil || metadata["status"] != "INACTIVE" {
			t.Errorf("status %v, %v\n%s", metadata["status"], err, describe(res))
		}
		if len(res.MetadataChanges) != 1 || res.MetadataChanges[0].Action != "pending" {
			t.Errorf("metadata changes %+v, want one pending", res.MetadataChanges)
		}
	})
	t.Run("changed on both sides is a conflict", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(nil))
		id := m.mustPush(assetsync.Created).AssetID
		w.setMetadata(id, map[string]any{"agent_types": []any{"PREVENTION"}})
		m.target.Metadata = chat
		res := m.mustPush(assetsync.Conflict)
		if res.Error.Kind != assetsync.KindConflict {
			t.Errorf("kind %s", res.Error.Kind)
		}
	})
	t.Run("the order of a list is no change", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(nil))
		m.target.Metadata = map[string]any{"agent_types": []any{"CHAT", "INCIDENT_RCA"}}
		m.mustPush(assetsync.Created)
		m.target.Metadata = map[string]any{"agent_types": []any{"INCIDENT_RCA", "CHAT"}}
		m.wantQuiet()
	})
	t.Run("their change while we publish ours is given back", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(nil))
		id := m.mustPush(assetsync.Created).AssetID
		m.target.Metadata = chat
		w.beforeWrite(func() { w.setMetadata(id, map[string]any{"agent_types": []any{"PREVENTION"}}) })
		m.mustPush(assetsync.Conflict)
		metadata, err := w.asset(id).Metadata.Map()
		if got, ok := metadata["agent_types"].([]any); err != nil || !ok || len(got) != 1 || got[0] != "PREVENTION" {
			t.Errorf("agent_types %v, %v", metadata["agent_types"], err)
		}
	})
}
