package sync_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

// TestAgentsMD tells the story of a type of a single file, under another
// name here than there.
func TestAgentsMD(t *testing.T) {
	w := newWorld(t)
	m := w.machine(nil)
	m.target.Type = "agents_md"
	m.target.Path = filepath.Join(m.dir, "TEAM.md")
	m.target.Metadata = map[string]any{"agent_type": "CHAT"}
	m.write("TEAM.md", "one")
	id := m.mustPush(assetsync.Created).AssetID
	m.wantQuiet()
	w.save(id, "AGENTS.md", "theirs")
	m.mustPull(assetsync.CheckedOut)
	if m.files()["TEAM.md"] != "theirs" {
		t.Errorf("%v", m.files())
	}
	m.wantQuiet()
	w.save(id, "AGENTS.md", "theirs 2")
	m.write("TEAM.md", "ours 2")
	m.want(m.push(assetsync.PushOptions{}), assetsync.Conflict)
	m.want(m.pull(assetsync.PullOptions{}), assetsync.Conflict)
	m.want(m.push(assetsync.PushOptions{Prefer: diff.Local}), assetsync.Published)
	m.wantQuiet()
	m.rm("TEAM.md")
	m.want(m.push(assetsync.PushOptions{}), assetsync.Blocked)
	m.mustPull(assetsync.CheckedOut)
	m.want(m.pull(assetsync.PullOptions{Version: 1}), assetsync.CheckedOut)
	m.want(m.push(assetsync.PushOptions{}), assetsync.Published)
	if got := w.live(id, 0)["AGENTS.md"]; got != "one" {
		t.Errorf("%q", got)
	}
}

// TestIgnoredSingleFile publishes the file that an entry names, whatever
// the ignore rules say of it.
func TestIgnoredSingleFile(t *testing.T) {
	w := newWorld(t)
	m := w.machine(nil)
	m.target.Type = "attachment"
	m.target.Path = filepath.Join(m.dir, "README.md")
	m.target.Metadata = map[string]any{}
	m.target.Ignore = []string{"README.md"}
	m.write("README.md", "one")
	id := m.mustPush(assetsync.Created).AssetID
	m.write("README.md", "three")
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["README.md"]; got != "three" {
		md, _ := w.asset(id).Metadata.Map()
		t.Errorf("live %q, size %v: %s\n%s", got, md["size"], res.Outcome, describe(res))
	}
}

// TestDerivedMetadataOfPendingFile leaves metadata alone that follows from
// their file, while that is pending.
func TestDerivedMetadataOfPendingFile(t *testing.T) {
	w := newWorld(t)
	m := w.machine(nil)
	m.target.Type = "attachment"
	m.target.Path = filepath.Join(m.dir, "map.png")
	m.target.Metadata = map[string]any{}
	m.write("map.png", "1234")
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "map.png", "123456789")
	w.setMetadata(id, map[string]any{"size": 9})
	before := w.wrote()
	res := m.push(assetsync.PushOptions{})
	md, _ := w.asset(id).Metadata.Map()
	if w.wrote() != before || fmt.Sprint(md["size"]) != "9" {
		t.Errorf("wrote %q; size %v for a file of 9 bytes\n%s", w.writes(before), md["size"], describe(res))
	}
}

// TestSingleFileAmongSeveral has more files on the remote than the type
// allows: none of them takes the one local name.
func TestSingleFileAmongSeveral(t *testing.T) {
	for _, have := range []bool{true, false} {
		t.Run(fmt.Sprint("local file there ", have), func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(nil)
			m.target.Type = "attachment"
			m.target.Path = filepath.Join(m.dir, "map.md")
			m.target.Metadata = map[string]any{}
			m.write("map.md", "map")
			m.mustPush(assetsync.Created)
			// The emulator refuses a second file; the real service need not.
			odd := rewriteAnswers(w, func(path string, body []byte) []byte {
				switch {
				case strings.HasSuffix(path, "/files"):
					return listMore(body, "Aside.md")
				case strings.HasSuffix(path, "/files/Aside.md"):
					return oddFile("Aside.md", "aside")
				}
				return body
			})
			if !have {
				m.rm("map.md")
			}
			var res assetsync.Result
			m.engineWith(odd, func(e *assetsync.Engine) { res = e.Pull(t.Context(), assetsync.PullOptions{}) })
			if got := m.files()["map.md"]; got != "map" {
				t.Errorf("map.md=%q\n%s", got, describe(res))
			}
			if res.Error != nil {
				t.Errorf("%s\n%s", res.Outcome, describe(res))
			}
			before := w.wrote()
			m.engineWith(odd, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
			if w.wrote() != before {
				t.Errorf("push wrote %q\n%s", w.writes(before), describe(res))
			}
		})
	}
}
