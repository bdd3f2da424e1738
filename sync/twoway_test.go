package sync_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"assetsync/manifest"
	"assetsync/remote/emulator"
	assetsync "assetsync/sync"
)

func (m *machine) sync() (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { res = e.Sync(m.t.Context(), assetsync.SyncOptions{OneVersion: true}) })
	return res
}

func (m *machine) mustSync(want assetsync.Outcome) assetsync.Result {
	m.t.Helper()
	res := m.sync()
	m.want(res, want)
	return res
}

// wantStill wants the next sync to find nothing to do on either side.
func (m *machine) wantStill() {
	m.t.Helper()
	before, files := m.wrote(), m.files()
	if res := m.sync(); res.Outcome != assetsync.Unchanged || m.wrote() != before || len(res.CheckedOut) > 0 {
		m.t.Fatalf("a sync with nothing to do: %s, %d writes, checked out %v\n%s", res.Outcome, m.wrote()-before, res.CheckedOut, describe(res))
	}
	m.wantFiles(files)
}

// twoWay is a machine of a target that goes both ways, and its asset.
func twoWay(w *world, files map[string]string) (*machine, string) {
	m := w.machine(skill(files))
	m.target.Direction = assetsync.BothWays
	return m, m.mustSync(assetsync.Created).AssetID
}

func TestSync(t *testing.T) {
	tests := []struct {
		name       string
		foreign    func(w *world, id string)
		local      func(*machine)
		outcome    assetsync.Outcome
		published  string
		checkedOut string
		here       map[string]string // over fiveFiles; "" is gone
		there      map[string]string // over here, where they differ
		conflicts  int
	}{
		{name: "nothing", outcome: assetsync.Unchanged},
		{
			name: "an edit here", local: func(m *machine) { m.write("a.md", "ours") },
			outcome: assetsync.Published, published: "update a.md", here: map[string]string{"a.md": "ours"},
		},
		{
			name: "an edit there", foreign: func(w *world, id string) { w.save(id, "a.md", "theirs") },
			outcome: assetsync.CheckedOut, checkedOut: "update a.md", here: map[string]string{"a.md": "theirs"},
		},
		{
			name: "edits on both sides", local: func(m *machine) { m.write("a.md", "ours"); m.write("new.md", "n") },
			foreign: func(w *world, id string) { w.save(id, "b.md", "theirs"); w.save(id, "x/y.md", "theirs") },
			outcome: assetsync.Published, published: "create new.md, update a.md", checkedOut: "create x/y.md, update b.md",
			here: map[string]string{"a.md": "ours", "new.md": "n", "b.md": "theirs", "x/y.md": "theirs"},
		},
		{
			name: "a deletion on each side", local: func(m *machine) { m.rm("a.md") },
			foreign: func(w *world, id string) { w.remove(id, "b.md") },
			outcome: assetsync.Published, published: "delete a.md", checkedOut: "delete b.md",
			here: map[string]string{"a.md": "", "b.md": ""},
		},
		{
			name: "our deletion against their edit", local: func(m *machine) { m.rm("a.md") },
			foreign: func(w *world, id string) { w.save(id, "a.md", "theirs") },
			outcome: assetsync.CheckedOut, checkedOut: "create a.md", here: map[string]string{"a.md": "theirs"},
		},
		{
			name: "our edit against their deletion", local: func(m *machine) { m.write("a.md", "ours") },
			foreign: func(w *world, id string) { w.remove(id, "a.md") },
			outcome: assetsync.Published, published: "create a.md", here: map[string]string{"a.md": "ours"},
		},
		{
			name: "the same on both sides", local: func(m *machine) { m.write("a.md", "same"); m.rm("b.md") },
			foreign: func(w *world, id string) { w.save(id, "a.md", "same"); w.remove(id, "b.md") },
			outcome: assetsync.Unchanged, here: map[string]string{"a.md": "same", "b.md": ""},
		},
		{
			name: "a conflict holds up its path alone", local: func(m *machine) { m.write("a.md", "ours"); m.write("c.md", "ours") },
			foreign: func(w *world, id string) { w.save(id, "a.md", "theirs"); w.save(id, "b.md", "theirs") },
			outcome: assetsync.Conflict, published: "update c.md", checkedOut: "update b.md", conflicts: 1,
			here: map[string]string{"a.md": "ours", "b.md": "theirs", "c.md": "ours"}, there: map[string]string{"a.md": "theirs"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m, id := twoWay(w, fiveFiles)
			if tt.foreign != nil {
				tt.foreign(w, id)
			}
			if tt.local != nil {
				tt.local(m)
			}
			res := m.sync()
			if res.Outcome != tt.outcome || paths(res.Changes) != tt.published || paths(res.CheckedOut) != tt.checkedOut || len(res.Pending) > 0 || len(res.Conflicts) != tt.conflicts {
				t.Errorf("%s, published %q, checked out %q, want %s, %q, %q\n%s", res.Outcome, paths(res.Changes), paths(res.CheckedOut), tt.outcome, tt.published, tt.checkedOut, describe(res))
			}
			here := over(skill(fiveFiles), tt.here)
			m.wantFiles(here)
			w.wantLive(id, over(here, tt.there))
			before := w.wrote()
			res = m.sync()
			if w.wrote() != before || len(res.CheckedOut) > 0 || len(res.Conflicts) != tt.conflicts {
				t.Errorf("the next sync wrote %q\n%s", w.writes(before), describe(res))
			}
		})
	}
}

// over returns files with others over them; one without content is gone.
func over(files, others map[string]string) map[string]string {
	files = maps.Clone(files)
	maps.Copy(files, others)
	maps.DeleteFunc(files, func(_, content string) bool { return content == "" })
	return files
}

func TestSyncOfOneDirection(t *testing.T) {
	t.Run("push leaves what is pending", func(t *testing.T) {
		w := newWorld(t)
		m, id := twoWay(w, fiveFiles)
		m.target.Direction = assetsync.PushOnly
		w.save(id, "a.md", "theirs")
		m.write("b.md", "ours")
		if res := m.mustSync(assetsync.Published); len(res.CheckedOut) > 0 || paths(res.Pending) != "update a.md" {
			t.Error(describe(res))
		}
	})
	t.Run("pull publishes nothing", func(t *testing.T) {
		w := newWorld(t)
		m, id := twoWay(w, fiveFiles)
		m.target.Direction = assetsync.PullOnly
		m.target.Metadata = map[string]any{"agent_types": []any{"INCIDENT_RCA"}}
		w.save(id, "a.md", "theirs")
		w.remove(id, "c.md")
		m.write("b.md", "ours")
		m.rm("d.md")
		before := w.wrote()
		res := m.mustSync(assetsync.CheckedOut)
		if w.wrote() != before || paths(res.CheckedOut) != "delete c.md, update a.md" || len(res.Changes) > 0 {
			t.Errorf("wrote %q, checked out %q\n%s", w.writes(before), paths(res.CheckedOut), describe(res))
		}
		m.wantFiles(over(skill(fiveFiles), map[string]string{"a.md": "theirs", "b.md": "ours", "c.md": "", "d.md": ""}))
		st := m.status()
		if len(st.Changes)+len(st.Pending)+len(st.MetadataChanges) > 0 || !strings.Contains(fmt.Sprint(st.Notes), "2 files changed here and not published") {
			t.Error(describe(st))
		}
		m.wantStill()
		if res := m.push(assetsync.PushOptions{}); res.Error == nil || res.Error.Kind != assetsync.KindUsage {
			t.Errorf("a push of it: %s", describe(res))
		}
	})
	t.Run("pull without an asset", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(fiveFiles))
		m.target.Direction = assetsync.PullOnly
		for _, res := range []assetsync.Result{m.sync(), m.status()} {
			if res.Outcome != assetsync.Unchanged || w.wrote() > 0 || !strings.Contains(fmt.Sprint(res.Notes), "no asset yet") {
				t.Errorf("%s: %s", res.Outcome, describe(res))
			}
		}
	})
	for _, direction := range []assetsync.Direction{assetsync.PullOnly, assetsync.BothWays} {
		t.Run(string(direction)+" into nothing", func(t *testing.T) {
			w := newWorld(t)
			one, id := twoWay(w, fiveFiles)
			m := w.machine(nil)
			m.target.AssetID, m.target.Direction = id, direction
			m.mustSync(assetsync.CheckedOut)
			m.wantFiles(one.files())
			m.wantStill()
		})
	}
}

// TestSyncQuirks lets two machines that go both ways and the web edit, add and
// delete under every reading.
func TestSyncQuirks(t *testing.T) {
	var worlds [][]string
	for _, q := range emulator.AllQuirks() {
		readings := q.Readings
		if len(readings) == 0 {
			readings = []string{"1", "2", "7"}
		}
		for _, reading := range readings {
			worlds = append(worlds, []string{q.Name + "=" + reading})
		}
	}
	worlds = append(worlds,
		[]string{"file-version=asset", "timestamps=seconds", "text-readback=bytes", "list-order=random", "page-size=1", "empty-pages=on"},
		[]string{"file-delete-version=keep", "file-create-version=keep", "timestamps=seconds", "create-existing=overwrite"},
		[]string{"file-delete-version=keep", "rewrite=frontmatter", "timestamps=frozen"},
	)
	for _, quirks := range worlds {
		for _, text := range []manifest.Text{manifest.TextExact, manifest.TextLF} {
			t.Run(fmt.Sprint(quirks, text), func(t *testing.T) {
				t.Parallel()
				twoWayStory(t, quirks, text)
			})
		}
	}
}

func twoWayStory(t *testing.T, quirks []string, text manifest.Text) {
	w := newWorld(t, quirks...)
	one, id := twoWay(w, map[string]string{"a.md": "a\n", "b.md": "b\n", "dir/c.md": "c\n", "d.md": "d\n", "e.md": "e\n", "f.md": "f\n", "g.md": "g\n"})
	two := w.machine(nil)
	two.target.AssetID, two.target.Direction = id, assetsync.BothWays
	one.target.Text, two.target.Text = text, text
	two.mustSync(assetsync.CheckedOut)
	two.wantStill()

	one.write("a.md", "one edits\n")
	two.rm("b.md")
	w.save(id, "web.md", "the web adds\n")
	one.mustSync(assetsync.Published)
	two.mustSync(assetsync.Published)
	one.mustSync(assetsync.CheckedOut)
	one.write("SKILL.md", one.files()["SKILL.md"]+"one\n")
	one.mustSync(assetsync.Published)
	two.mustSync(assetsync.CheckedOut)
	two.write("SKILL.md", two.files()["SKILL.md"]+"two\n")
	two.write("a.md", "two edits\n")
	w.save(id, "d.md", "the web edits\n")
	w.remove(id, "g.md")
	two.mustSync(assetsync.Published)
	one.mustSync(assetsync.CheckedOut)
	one.wantStill()
	two.wantStill()

	want := map[string]string{"a.md": "two edits\n", "dir/c.md": "c\n", "d.md": "the web edits\n", "e.md": "e\n", "f.md": "f\n", "web.md": "the web adds\n"}
	for name, got := range map[string]map[string]string{"remote": w.live(id, 0), "one": one.files(), "two": two.files()} {
		if got["SKILL.md"] == "" || !strings.HasSuffix(got["SKILL.md"], "one\ntwo\n") {
			t.Errorf("%s: SKILL.md ends with %q", name, got["SKILL.md"])
		}
		delete(got, "SKILL.md") // the service may rewrite it
		if !maps.Equal(got, want) {
			t.Errorf("%s holds %v, want %v", name, got, want)
		}
	}
}

// TestSyncLineEnds goes both ways with text: lf.
func TestSyncLineEnds(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "one\r\ntwo\r\n", "b.md": "b\n"}))
	m.target.Direction, m.target.Text = assetsync.BothWays, manifest.TextLF
	id := m.mustSync(assetsync.Created).AssetID
	if got := w.live(id, 0)["a.md"]; got != "one\ntwo\n" {
		t.Fatalf("published %q", got)
	}
	m.wantStill()
	w.save(id, "a.md", "one\ntwo\nthree\n")
	w.save(id, "b.md", "b\r\n") // the same but for line ends
	m.mustSync(assetsync.CheckedOut)
	m.wantStill()
	m.write("b.md", "b\r\nours\r\n")
	m.mustSync(assetsync.Published)
	m.wantStill()
	if got := w.live(id, 0); got["a.md"] != "one\ntwo\nthree\n" || got["b.md"] != "b\nours\n" {
		t.Errorf("live %q", got)
	}
}

func TestSyncOfSingleFiles(t *testing.T) {
	w := newWorld(t)
	m := w.machine(map[string]string{"chat.md": "# Chat\n"})
	m.target.Type, m.target.Path = "agents_md", filepath.Join(m.dir, "chat.md")
	m.target.Metadata, m.target.Direction = map[string]any{"agent_type": "CHAT"}, assetsync.BothWays
	id := m.mustSync(assetsync.Created).AssetID
	m.wantStill()
	w.save(id, "AGENTS.md", "# theirs\n")
	m.mustSync(assetsync.CheckedOut)
	m.wantFiles(map[string]string{"chat.md": "# theirs\n"})
	m.wantStill()
	m.write("chat.md", "# ours\n")
	m.mustSync(assetsync.Published)
	w.wantLive(id, map[string]string{"AGENTS.md": "# ours\n"})
	m.write("chat.md", "# mine\n")
	w.save(id, "AGENTS.md", "# yours\n")
	m.mustSync(assetsync.Conflict)
	m.wantFiles(map[string]string{"chat.md": "# mine\n"})

	other := w.machine(map[string]string{"README": "beside it"})
	other.target.Type, other.target.Path = "agents_md", filepath.Join(other.dir, "chat.md")
	other.target.Metadata, other.target.Direction = m.target.Metadata, assetsync.PullOnly
	other.mustSync(assetsync.CheckedOut)
	other.wantFiles(map[string]string{"chat.md": "# yours\n", "README": "beside it"})
	other.wantStill()
}
