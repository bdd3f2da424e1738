package sync_test

import (
	"bytes"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

// A zip derives name and description anew: their description is gone.
func TestZipLeavesDescription(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.setMetadata(id, map[string]any{"description": "Written by a person in the web app."})
	changeFour(m)
	res := m.push(assetsync.PushOptions{})
	md, _ := w.asset(id).Metadata.Map()
	if md["description"] != "Written by a person in the web app." && res.Error == nil && len(res.MetadataChanges) == 0 {
		t.Errorf("description is %q: %s\n%s", md["description"], res.Outcome, describe(res))
	}
}

// A partly failed pull of an old version makes it the base.
func TestPartlyFailedPullOfOldVersion(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	long := strings.Repeat("x", 300) + ".md"
	w.save(id, long, "long") // v2
	w.remove(id, long)       // v3
	m.mustPull(assetsync.Unchanged)
	m.write("a.md", "newer")
	m.mustPush(assetsync.Published) // v4
	res := m.pull(assetsync.PullOptions{Version: 2})
	res = m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["a.md"]; got != "a" {
		t.Errorf("a.md=%q: the old version was not published: %s\n%s", got, res.Outcome, describe(res))
	}
}

// A name that this file system cannot hold fails every pull.
func TestNameTooLongHere(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, strings.Repeat("x", 300)+".md", "long")
	res := m.pull(assetsync.PullOptions{})
	if res.Outcome == assetsync.Failed {
		t.Errorf("%s\n%s", res.Outcome, describe(res))
	}
}

// What a pull brings makes the next push impossible.
func TestPullThenPush(t *testing.T) {
	for _, name := range []string{"a (1).md", "A.md"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a"}))
			m.mustPush(assetsync.Created)
			do := rewriteList(w, func(path string, body []byte) []byte {
				if strings.HasSuffix(path, "/files") {
					return bytes.Replace(body, []byte(`{"items":[`), []byte(`{"items":[{"path":"`+name+`","version":1,"createdAt":1780920000,"updatedAt":1780920000},`), 1)
				}
				if strings.HasSuffix(path, "/"+name) || strings.HasSuffix(path, "%281%29.md") {
					return []byte(`{"file":{"path":"` + name + `","content":{"text":"theirs"},"version":1,"createdAt":1780920000,"updatedAt":1780920000}}`)
				}
				return body
			})
			var res assetsync.Result
			m.engineWith(do, func(e *assetsync.Engine) { res = e.Pull(t.Context(), assetsync.PullOptions{}) })
			m.write("SKILL.md", skillMain+"more")
			m.engineWith(do, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
			if res.Outcome != assetsync.Published {
				t.Errorf("push: %s\n%s", res.Outcome, describe(res))
			}
		})
	}
}

// A path that is unknown on the remote: a local edit of it is silently
// not published, and the run says "unchanged".
func TestFrozenIsTold(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a"}))
	m.mustPush(assetsync.Created)
	do := rewriteList(w, func(path string, body []byte) []byte {
		if strings.HasSuffix(path, "/files") {
			return bytes.Replace(body, []byte(`{"items":[`), []byte(`{"items":[{"path":"a.md/x","version":1,"createdAt":1780920000,"updatedAt":1780920000},`), 1)
		}
		return body
	})
	m.write("a.md", "ours")
	var res assetsync.Result
	m.engineWith(do, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
	if res.Outcome == assetsync.Unchanged && len(res.Notes)+len(res.Problems) == 0 {
		t.Errorf("a.md is edited here, not published, and not a word: %s\n%s", res.Outcome, describe(res))
	}
}

// Their change of one of our keys, then back, after our metadata write.
func TestMetadataUndone(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(nil))
	id := m.mustPush(assetsync.Created).AssetID
	m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}}
	w.afterWrite(1, func() {
		w.setMetadata(id, map[string]any{"agent_types": []any{"PREVENTION"}})
		w.setMetadata(id, map[string]any{"agent_types": []any{"CHAT"}})
	})
	res := m.push(assetsync.PushOptions{})
	md, _ := w.asset(id).Metadata.Map()
	if got := md["agent_types"].([]any)[0]; got != "CHAT" {
		t.Errorf("agent_types %v: %s\n%s", got, res.Outcome, describe(res))
	}
}

// The push that published and then met a conflict copy it cannot write.
func TestCaseRenameIsOneWrite(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"Notes.md": "n"}))
	m.mustPush(assetsync.Created)
	m.rm("Notes.md")
	m.write("notes.md", "n")
	before := w.wrote()
	res := m.push(assetsync.PushOptions{})
	if got := w.writes(before); len(got) != 1 {
		t.Errorf("a rename by case alone is not one write: %q %s", got, res.Outcome)
	}
}

// Dropping to the pinned asset of another id with an intent of the first.
func TestCreatedAssetIsNamed(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	w.fault("op=GetAsset,kind=500")
	res := m.push(assetsync.PushOptions{})
	if res.AssetID == "" {
		t.Error("an asset was created and the result does not name it")
	}
	m.mustPush(assetsync.Unchanged)
}
