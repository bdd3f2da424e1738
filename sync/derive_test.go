package sync_test

import (
	"fmt"
	"maps"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

// clone is a runner: a clone of a machine's repository, without any state.
func (m *machine) clone(args ...string) *machine {
	m.t.Helper()
	root := m.t.TempDir()
	c := *m
	c.dir, c.state = filepath.Join(root, "demo"), filepath.Join(root, ".assetsync")
	c.target.Path, c.target.ConfigDir = c.dir, root
	// As a URL: git does not cut the history of a path.
	m.git(append(append([]string{"clone", "-q"}, args...), "file://"+m.dir, c.dir)...)
	return &c
}

func (m *machine) commit(message string) string {
	m.t.Helper()
	m.git("add", "-A")
	m.git("commit", "-q", "--allow-empty", "-m", message)
	return m.git("rev-parse", "HEAD")
}

// pipeline is a repository whose first commit a runner has published.
func pipeline(t *testing.T) (w *world, dev *machine, id string) {
	w = newWorld(t)
	dev = w.repository(skill(map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1"}))
	return w, dev, dev.clone().push(assetsync.PushOptions{}).AssetID
}

// TestWithoutState pushes from fresh clones.
func TestWithoutState(t *testing.T) {
	files := func(change ...string) map[string]string {
		out := skill(map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1"})
		for i := 0; i < len(change); i += 2 {
			if change[i+1] == "" {
				delete(out, change[i])
				continue
			}
			out[change[i]] = change[i+1]
		}
		return out
	}
	tests := map[string]struct {
		story   func(w *world, dev *machine, id string)
		clone   []string
		options assetsync.PushOptions
		want    assetsync.Outcome
		message string
		pending int
		live    map[string]string
	}{
		"nothing new": {
			story: func(*world, *machine, string) {}, want: assetsync.Unchanged, live: files(),
		},
		"exactly the difference": {
			story: func(_ *world, dev *machine, _ string) {
				dev.write("a.md", "a2")
				dev.write("new.md", "n")
				dev.rm("d.md")
				dev.commit("second")
			},
			want: assetsync.Published, live: files("a.md", "a2", "new.md", "n", "d.md", ""),
		},
		"several commits at once": {
			story: func(_ *world, dev *machine, _ string) {
				dev.write("a.md", "a2")
				dev.commit("second")
				dev.write("a.md", "a3")
				dev.commit("third")
			},
			want: assetsync.Published, live: files("a.md", "a3"),
		},
		"a web edit of another path survives": {
			story: func(w *world, dev *machine, id string) {
				w.save(id, "b.md", "theirs")
				dev.write("a.md", "a2")
				dev.commit("second")
			},
			want: assetsync.Published, pending: 1, live: files("a.md", "a2", "b.md", "theirs"),
		},
		"a file made in the web survives": {
			story: func(w *world, dev *machine, id string) {
				w.save(id, "web.md", "theirs")
				dev.write("a.md", "a2")
				dev.commit("second")
			},
			want: assetsync.Published, pending: 1, live: files("a.md", "a2", "web.md", "theirs"),
		},
		"a web edit of the same path": {
			story: func(w *world, dev *machine, id string) {
				w.save(id, "a.md", "theirs")
				dev.write("a.md", "a2")
				dev.commit("second")
			},
			want: assetsync.Conflict, message: "changed on both sides", live: files("a.md", "theirs"),
		},
		"the same, local preferred": {
			story: func(w *world, dev *machine, id string) {
				w.save(id, "a.md", "theirs")
				dev.write("a.md", "a2")
				dev.commit("second")
			},
			options: assetsync.PushOptions{Prefer: diff.Local}, want: assetsync.Published, live: files("a.md", "a2"),
		},
		"a revert commit publishes": {
			story: func(_ *world, dev *machine, _ string) {
				dev.write("a.md", "a2")
				dev.commit("second")
				dev.clone().push(assetsync.PushOptions{})
				dev.git("revert", "--no-edit", "HEAD")
			},
			want: assetsync.Published, live: files(),
		},
		"a web rollback is not undone by a rerun": {
			story: func(w *world, dev *machine, id string) {
				dev.write("a.md", "a2")
				dev.commit("second")
				dev.clone().push(assetsync.PushOptions{})
				w.save(id, "a.md", "a1")
			},
			want: assetsync.Unchanged, pending: 1, live: files(),
		},
		"a shallow clone": {
			story: func(_ *world, dev *machine, _ string) {
				dev.write("a.md", "a2")
				dev.commit("second")
			},
			clone: []string{"--depth=1"}, want: assetsync.Conflict, message: "the history of the clone is cut off", live: files(),
		},
		"a shallow clone with nothing new": {
			story: func(*world, *machine, string) {}, clone: []string{"--depth=1"}, want: assetsync.Unchanged, live: files(),
		},
		"a shallow clone with a base": {
			story: func(_ *world, dev *machine, _ string) {
				dev.rm("a.md")
				dev.commit("second")
			},
			clone: []string{"--depth=1"}, options: assetsync.PushOptions{Base: 1}, want: assetsync.Published, live: files("a.md", ""),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, dev, id := pipeline(t)
			tt.story(w, dev, id)
			res := dev.clone(tt.clone...).push(tt.options)
			if res.Outcome != tt.want || len(res.Pending) != tt.pending {
				t.Errorf("%s with %d pending, want %s with %d: %+v, conflicts %+v", res.Outcome, len(res.Pending), tt.want, tt.pending, res.Error, res.Conflicts)
			}
			if tt.message != "" && (res.Error == nil || !strings.Contains(res.Error.Message, tt.message)) {
				t.Errorf("error %+v, want one with %q", res.Error, tt.message)
			}
			w.wantLive(id, tt.live)
		})
	}
}

// TestSuperseded keeps a job that ends late, or runs again, from undoing a
// newer one.
func TestSuperseded(t *testing.T) {
	w, dev, id := pipeline(t)
	first := dev.git("rev-parse", "HEAD")
	dev.write("a.md", "a2")
	dev.rm("d.md")
	second := dev.commit("second")
	dev.clone().push(assetsync.PushOptions{})

	late := func() *machine {
		runner := dev.clone()
		runner.git("checkout", "-q", first)
		return runner
	}
	newer := skill(map[string]string{"a.md": "a2", "b.md": "b1", "c.md": "c1"})
	res := late().push(assetsync.PushOptions{})
	if res.Outcome != assetsync.Conflict || !strings.Contains(res.Error.Message, "superseded by "+second[:7]) {
		t.Errorf("a late job: %s, %+v; want superseded by %s", res.Outcome, res.Error, second[:7])
	}
	w.wantLive(id, newer)
	res = late().push(assetsync.PushOptions{Consent: assetsync.Consent{Rollback: true}})
	if res.Outcome != assetsync.Published {
		t.Errorf("with --rollback: %s, %+v; want published", res.Outcome, res.Error)
	}
	w.wantLive(id, skill(map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1"}))
}

// TestTwoRunners publish one commit at once: the second begins and ends before
// the nth write of the first. However that comes out, neither fails, and what
// is live is the commit.
func TestTwoRunners(t *testing.T) {
	tests := map[string]struct {
		change func(*machine)
		writes int // of one runner alone
		quirks []string
	}{
		"a file call":             {func(m *machine) { m.write("a.md", "a2") }, 1, nil},
		"file calls":              {func(m *machine) { m.write("a.md", "a2"); m.write("b.md", "b2"); m.write("new.md", "n") }, 3, nil},
		"a deletion":              {func(m *machine) { m.rm("d.md") }, 1, nil},
		"a change, a deletion":    {func(m *machine) { m.write("a.md", "a2"); m.rm("d.md") }, 2, nil},
		"deletions in place":      {func(m *machine) { m.write("a.md", "a2"); m.rm("d.md") }, 2, []string{"file-delete-version=keep"}},
		"a zip":                   {changeFour, 1, nil},
		"a zip with a deletion":   {func(m *machine) { changeFour(m); m.rm("b.md") }, 1, nil},
		"a zip that is rewritten": {changeFour, 1, []string{"rewrite=frontmatter"}},
		"metadata":                {func(m *machine) { m.write(configName, chat) }, 1, nil},
		"metadata and a file":     {func(m *machine) { m.write(configName, chat); m.write("a.md", "a2") }, 1, nil},
		"a new key":               {func(m *machine) { m.write(configName, inactive) }, 1, nil},
	}
	for name, tt := range tests {
		for n := range tt.writes {
			t.Run(fmt.Sprint(name, ", before write ", n+1), func(t *testing.T) {
				w := newWorld(t, tt.quirks...)
				dev := w.machine(skill(map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1", configName: generic}))
				dev.git("init", "-q", "-b", "main")
				dev.commitNow("first")
				id := dev.clone().mustPush(assetsync.Created).AssetID
				tt.change(dev)
				dev.commitNow("second")
				first, second := dev.clone(), dev.clone()
				met := w.beforeNth(n+1, func() { second.wantDone(second.push(assetsync.PushOptions{})) })
				first.wantDone(first.push(assetsync.PushOptions{}))
				if !*met {
					t.Fatal("they did not meet")
				}
				dev.wantPublished(id)
			})
		}
	}
	t.Run("both make the asset", func(t *testing.T) {
		w := newWorld(t)
		dev := w.machine(skill(map[string]string{"a.md": "a1", configName: inactive}))
		dev.git("init", "-q", "-b", "main")
		dev.commitNow("first")
		first, second := dev.clone(), dev.clone()
		var ids [2]string
		met := w.beforeNth(1, func() {
			res := second.push(assetsync.PushOptions{})
			second.wantDone(res)
			ids[1] = res.AssetID
		})
		res := first.push(assetsync.PushOptions{})
		first.wantDone(res)
		if ids[0] = res.AssetID; !*met || ids[0] != ids[1] {
			t.Errorf("met: %t; made %q", *met, ids)
		}
		dev.wantPublished(ids[0])
	})
}

// beforeNth runs f once, just before the nth write of a machine.
func (w *world) beforeNth(n int, f func()) (met *bool) {
	met = new(bool)
	writes := 0
	w.before = func(r *http.Request) {
		if r.Method == http.MethodGet {
			return
		}
		if writes++; writes == n {
			w.before, *met = nil, true
			f()
		}
	}
	return met
}

// wantDone wants a push that had no trouble.
func (m *machine) wantDone(res assetsync.Result) {
	m.t.Helper()
	if res.Error != nil || len(res.Conflicts)+len(res.Pending) > 0 {
		m.t.Errorf("%s\n%s", res.Outcome, describe(res))
	}
}

// wantPublished wants the asset to be as the machine's directory is, and a
// fresh clone to find nothing to do.
func (m *machine) wantPublished(id string) {
	m.t.Helper()
	files := m.files()
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasPrefix(name, ".git/") || name == configName })
	live := m.live(id, 0)
	if main := live["SKILL.md"]; strings.Contains(main, "status:") { // as the service rewrites it
		files["SKILL.md"] = main
	}
	if d := cmp.Diff(files, live); d != "" {
		m.t.Errorf("live content (-want +got):\n%s", d)
	}
	m.clone().wantQuiet()
}

func TestCloneIsShallow(t *testing.T) {
	_, dev, _ := pipeline(t)
	dev.commit("second")
	out, err := exec.Command("git", "-C", dev.clone("--depth=1").dir, "rev-list", "--count", "HEAD").Output()
	if err != nil || strings.TrimSpace(string(out)) != "1" {
		t.Fatalf("%s commits, %v; want 1", out, err)
	}
}
