package sync_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

// TestHostilePlaces puts links where a run writes: they lead out of the place,
// and nothing is written there.
func TestHostilePlaces(t *testing.T) {
	for name, tt := range map[string]struct {
		link func(m *machine) string // where a link to the outside is put
		says string                  // in the error; "" where none is needed
	}{
		"conflict copies of the target": {func(m *machine) string { return filepath.Join(m.state, "conflicts", "demo") }, "write conflict copy"},
		"directory that a pull fills":   {func(m *machine) string { return filepath.Join(m.dir, "references") }, ""},
		"file that a pull makes":        {func(m *machine) string { return filepath.Join(m.dir, "references", "new.md") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a"}))
			id := m.mustPush(assetsync.Created).AssetID
			outside := t.TempDir()
			if err := os.WriteFile(filepath.Join(outside, "new.md"), []byte("not ours"), 0o600); err != nil {
				t.Fatal(err)
			}
			link, to := tt.link(m), outside
			if strings.HasSuffix(link, ".md") {
				to = filepath.Join(outside, "new.md")
			}
			if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(to, link); err != nil {
				t.Skip(err)
			}
			w.save(id, "a.md", "theirs")
			w.save(id, "references/new.md", "evil")
			m.write("a.md", "ours")
			push, pull := m.push(assetsync.PushOptions{}), m.pull(assetsync.PullOptions{})
			for verb, res := range map[string]assetsync.Result{"push": push, "pull": pull} {
				if res.Outcome == assetsync.Unchanged || res.Outcome == assetsync.Published {
					t.Errorf("%s: %s\n%s", verb, res.Outcome, describe(res))
				}
				if tt.says != "" && (res.Error == nil || !strings.Contains(res.Error.Message, tt.says)) {
					t.Errorf("%s: %s, want %q in the error", verb, describe(res), tt.says)
				}
			}
			entries, err := os.ReadDir(outside)
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(filepath.Join(outside, "new.md"))
			if err != nil || len(entries) != 1 || string(data) != "not ours" {
				t.Errorf("outside: %v, %q, %v", entries, data, err)
			}
		})
	}
}

// TestHostileTargetName keeps history and conflict copies of a target, whatever
// it is called, in their places.
func TestHostileTargetName(t *testing.T) {
	for _, name := range []string{"../../evil", "..", "a/../../../evil", "refs/heads/main", "a.lock", "@{x}", "-x", "a\x01b", strings.Repeat("x/", 100) + "x", "ä ö"} {
		t.Run(strings.ReplaceAll(name[:min(len(name), 15)], "/", "_"), func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a"}))
			m.target.Name = name
			id := m.mustPush(assetsync.Created).AssetID
			root := filepath.Dir(m.dir)
			w.save(id, "a.md", "theirs")
			m.write("a.md", "ours")
			before := outside(t, root)
			res := m.push(assetsync.PushOptions{})
			for _, c := range res.Conflicts {
				if c.Copy != "" && !strings.HasPrefix(filepath.Clean(c.Copy), filepath.Join(m.state, "conflicts")+string(filepath.Separator)) {
					t.Errorf("a conflict copy at %s", c.Copy)
				}
			}
			if _, res = m.fetch(0); res.Error != nil {
				t.Errorf("fetch: %s", describe(res))
			}
			after := outside(t, root)
			if len(after) != len(before) {
				t.Errorf("before %v, after %v", before, after)
			}
			for _, dir := range []string{filepath.Dir(root), root} {
				if _, err := os.Lstat(filepath.Join(dir, "evil")); err == nil {
					t.Errorf("%s has something new", dir)
				}
			}
		})
	}
}

// TestDirectoryLeadsOut makes the directory of a target a link out of the config's
// directory: nothing is read or written there. A link to another place below the
// config's directory goes on working.
func TestDirectoryLeadsOut(t *testing.T) {
	for _, tt := range []struct {
		name   string
		inside bool
	}{{"out", false}, {"inside", true}} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a"}))
			id := m.mustPush(assetsync.Created).AssetID
			place := filepath.Join(t.TempDir(), "moved")
			if tt.inside {
				place = filepath.Join(m.target.ConfigDir, "moved")
			}
			if err := os.Rename(m.dir, place); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(place, m.dir); err != nil {
				t.Skip(err)
			}
			w.save(id, "new.md", "theirs")
			w.save(id, "a.md", "theirs")
			for verb, res := range map[string]assetsync.Result{
				"push": m.push(assetsync.PushOptions{}), "status": m.status(), "pull": m.pull(assetsync.PullOptions{}),
			} {
				refused := res.Error != nil && strings.Contains(res.Error.Message, "leads out by a symbolic link")
				if refused == tt.inside {
					t.Errorf("%s: %s", verb, describe(res))
				}
			}
			_, err := os.Stat(filepath.Join(place, "new.md"))
			if data, _ := os.ReadFile(filepath.Join(place, "a.md")); (err == nil) != tt.inside || string(data) == "a" == tt.inside {
				t.Errorf("a.md is %q, new.md: %v", data, err)
			}
		})
	}
}
