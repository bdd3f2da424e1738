package sync_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

func (m *machine) wantFiles(want map[string]string) {
	m.t.Helper()
	if got := m.files(); !maps.Equal(got, want) {
		m.t.Errorf("local files (-want +got):\n%s", cmp.Diff(want, got))
	}
}

func TestPull(t *testing.T) {
	base := map[string]string{"a.md": "a", "b.md": "b", "dir/c.md": "c", "d.md": "d", "e.md": "e"}
	tests := []struct {
		name      string
		foreign   func(w *world, id string)
		local     func(*machine)
		prefer    diff.Prefer
		want      map[string]string // over the base
		gone      []string
		outcome   assetsync.Outcome
		conflicts int
	}{
		{"nothing", func(*world, string) {}, func(*machine) {}, 0, nil, nil, assetsync.Unchanged, 0},
		{"an edit", func(w *world, id string) { w.save(id, "a.md", "theirs") }, func(*machine) {}, 0, map[string]string{"a.md": "theirs"}, nil, assetsync.CheckedOut, 0},
		{"a new file in a new directory", func(w *world, id string) { w.save(id, "x/y/z.md", "theirs") }, func(*machine) {}, 0, map[string]string{"x/y/z.md": "theirs"}, nil, assetsync.CheckedOut, 0},
		{"a deletion", func(w *world, id string) { w.remove(id, "dir/c.md") }, func(*machine) {}, 0, nil, []string{"dir/c.md"}, assetsync.CheckedOut, 0},
		{"beside a local edit", func(w *world, id string) { w.save(id, "a.md", "theirs") }, func(m *machine) { m.write("b.md", "ours") }, 0, map[string]string{"a.md": "theirs", "b.md": "ours"}, nil, assetsync.CheckedOut, 0},
		{"a conflict, the others go on", func(w *world, id string) { w.save(id, "a.md", "theirs"); w.save(id, "b.md", "theirs") }, func(m *machine) { m.write("b.md", "ours") }, 0, map[string]string{"a.md": "theirs", "b.md": "ours"}, nil, assetsync.Conflict, 1},
		{"a conflict, theirs preferred", func(w *world, id string) { w.save(id, "b.md", "theirs") }, func(m *machine) { m.write("b.md", "ours") }, diff.Remote, map[string]string{"b.md": "theirs"}, nil, assetsync.CheckedOut, 0},
		{"a conflict, ours preferred", func(w *world, id string) { w.save(id, "b.md", "theirs") }, func(m *machine) { m.write("b.md", "ours") }, diff.Local, map[string]string{"b.md": "ours"}, nil, assetsync.Unchanged, 0},
		{"our deletion against their edit", func(w *world, id string) { w.save(id, "b.md", "theirs") }, func(m *machine) { m.rm("b.md") }, 0, map[string]string{"b.md": "theirs"}, nil, assetsync.CheckedOut, 0},
		{"our edit against their deletion", func(w *world, id string) { w.remove(id, "b.md") }, func(m *machine) { m.write("b.md", "ours") }, 0, map[string]string{"b.md": "ours"}, nil, assetsync.Unchanged, 0},
		{"our deletion stays", func(*world, string) {}, func(m *machine) { m.rm("b.md") }, 0, nil, []string{"b.md"}, assetsync.Unchanged, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(base))
			id := m.mustPush(assetsync.Created).AssetID
			tt.foreign(w, id)
			tt.local(m)
			before := w.wrote()
			res := m.pull(assetsync.PullOptions{Prefer: tt.prefer})
			m.want(res, tt.outcome)
			want := skill(base)
			maps.Copy(want, tt.want)
			for _, p := range tt.gone {
				delete(want, p)
			}
			m.wantFiles(want)
			if len(res.Conflicts) != tt.conflicts {
				t.Errorf("conflicts %v, want %d", res.Conflicts, tt.conflicts)
			}
			if w.wrote() != before {
				t.Errorf("a pull wrote %q", w.writes(before))
			}
			m.pull(assetsync.PullOptions{Prefer: tt.prefer})
			m.wantFiles(want)
		})
	}
}

// TestPullLeavesNothingToPush pulls on a second machine and wants both to be
// in step.
func TestPullLeavesNothingToPush(t *testing.T) {
	w := newWorld(t)
	one := w.machine(skill(map[string]string{"a.md": "a", "dir/b.md": "b"}))
	id := one.mustPush(assetsync.Created).AssetID
	two := w.machine(one.files())
	two.mustPush(assetsync.Unchanged)
	one.write("a.md", "from one")
	one.rm("dir/b.md")
	one.mustPush(assetsync.Published)
	two.mustPull(assetsync.CheckedOut)
	two.wantFiles(one.files())
	two.wantQuiet()
	two.write("a.md", "from two")
	two.mustPush(assetsync.Published)
	one.mustPull(assetsync.CheckedOut)
	one.wantQuiet()
	w.wantLive(id, one.files())
}

func TestPullIntoNothing(t *testing.T) {
	w := newWorld(t)
	one := w.machine(skill(map[string]string{"dir/b.md": "b"}))
	id := one.mustPush(assetsync.Created).AssetID
	two := w.machine(nil)
	two.target.AssetID = id
	two.mustPull(assetsync.CheckedOut)
	two.wantFiles(one.files())
	two.wantQuiet()
	if err := os.RemoveAll(two.dir); err != nil {
		t.Fatal(err)
	}
	two.mustPull(assetsync.CheckedOut)
	two.wantFiles(one.files())
}

func TestPullOfAnOlderVersionIsALocalChange(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "1", "b.md": "b"}))
	id := m.mustPush(assetsync.Created).AssetID
	first := m.files()
	m.write("a.md", "2")
	m.write("new.md", "n")
	m.mustPush(assetsync.Published)
	m.want(m.pull(assetsync.PullOptions{Version: 1}), assetsync.CheckedOut)
	m.wantFiles(first)
	m.mustPush(assetsync.Published)
	w.wantLive(id, first)

	// A local edit is not lost by going back.
	m.write("a.md", "3")
	m.mustPush(assetsync.Published)
	m.write("a.md", "unpublished")
	m.want(m.pull(assetsync.PullOptions{Version: 1}), assetsync.Conflict)
	if got := m.files()["a.md"]; got != "unpublished" {
		t.Errorf("a.md is %q", got)
	}
}

func TestExportEveryVersion(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "1"}))
	m.mustPush(assetsync.Created)
	versions := []map[string]string{m.files()}
	for _, change := range []func(){
		func() { m.write("a.md", "2") },
		func() { m.write("dir/new.md", "n") },
		func() { m.rm("a.md") },
	} {
		change()
		m.mustPush(assetsync.Published)
		versions = append(versions, m.files())
	}
	for i, want := range versions {
		dir := filepath.Join(t.TempDir(), "out")
		m.engine(func(e *assetsync.Engine) {
			if res := e.Export(t.Context(), int32(i+1), dir); res.Error != nil {
				t.Fatalf("version %d: %s", i+1, describe(res))
			}
			// A directory that holds something is not touched.
			if res := e.Export(t.Context(), int32(i+1), dir); res.Error == nil || res.Error.Kind != assetsync.KindUsage {
				t.Errorf("a second export: %s", describe(res))
			}
		})
		out := &machine{world: w, dir: dir}
		out.wantFiles(want)
	}
}

func TestPullGuards(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(numbered(20)))
	id := m.mustPush(assetsync.Created).AssetID
	for i := range 8 {
		w.remove(id, "references/f0"+string(rune('0'+i))+".md")
	}
	before := m.files()
	res := m.pull(assetsync.PullOptions{})
	m.want(res, assetsync.Blocked)
	if res.Guard != "delete cap" {
		t.Errorf("guard %q", res.Guard)
	}
	m.wantFiles(before)
	m.want(m.pull(assetsync.PullOptions{Consent: assetsync.Consent{Deletes: 8}}), assetsync.CheckedOut)
	w.wantLive(id, m.files())
}

// TestPullKeepsWhatItReplaces wants the bytes that a pull overwrote in
// history.
func TestPullKeepsWhatItReplaces(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a"}))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "never published")
	w.save(id, "a.md", "theirs")
	m.want(m.pull(assetsync.PullOptions{Prefer: diff.Remote}), assetsync.CheckedOut)
	found := false
	err := filepath.WalkDir(filepath.Join(m.state, "history.git", "refs"), func(name string, d os.DirEntry, err error) error {
		found = found || strings.Contains(name, "kept")
		return err
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) || !found {
		t.Errorf("no ref keeps the replaced bytes: %v", err)
	}
}

func TestSingleFileTypes(t *testing.T) {
	t.Run("agents_md under another name", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(map[string]string{"chat.md": "# Chat\n"})
		m.target.Type, m.target.Path = "agents_md", filepath.Join(m.dir, "chat.md")
		m.target.Metadata = map[string]any{"agent_type": "CHAT"}
		id := m.mustPush(assetsync.Created).AssetID
		w.wantLive(id, map[string]string{"AGENTS.md": "# Chat\n"})
		m.wantQuiet()
		m.write("chat.md", "# Chat 2\n")
		m.mustPush(assetsync.Published)
		w.wantLive(id, map[string]string{"AGENTS.md": "# Chat 2\n"})
		w.save(id, "AGENTS.md", "# theirs\n")
		m.mustPull(assetsync.CheckedOut)
		m.wantFiles(map[string]string{"chat.md": "# theirs\n"})
		m.wantQuiet()
	})
	t.Run("an attachment with derived metadata", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(map[string]string{"map.png": "\x89PNG\x00\x01"})
		m.target.Type, m.target.Path, m.target.Metadata = "attachment", filepath.Join(m.dir, "map.png"), nil
		id := m.mustPush(assetsync.Created).AssetID
		m.wantQuiet()
		m.write("map.png", "\x89PNG\x00\x01 longer")
		before := w.wrote()
		m.mustPush(assetsync.Published)
		if got := w.writes(before); len(got) != 1 {
			t.Errorf("content and size took %q, want one write", got)
		}
		metadata, err := w.asset(id).Metadata.Map()
		if err != nil || metadata["filename"] != "map.png" || metadata["extension"] != "png" || metadata["size"].(interface{ String() string }).String() != "13" {
			t.Errorf("metadata %v, %v", metadata, err)
		}
		m.wantQuiet()
	})
	t.Run("a custom agent", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(map[string]string{"AGENT.md": "# Agent\nHelp.\n"})
		m.target.Type, m.target.Metadata = "custom_agent", map[string]any{"name": "helper"}
		id := m.mustPush(assetsync.Created).AssetID
		m.wantQuiet()
		m.write("AGENT.md", "# Agent\nHelp more.\n")
		m.mustPush(assetsync.Published)
		w.wantLive(id, m.files())
	})
}
