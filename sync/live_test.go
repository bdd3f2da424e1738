package sync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest/gitrepo"
	assetsync "assetsync/sync"
)

func (m *machine) log(limit int) (log []assetsync.VersionReport, res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { log, res = e.Log(m.t.Context(), assetsync.LogOptions{Limit: limit}) })
	return log, res
}

// commitsOf writes which commits a log names, newest version first.
func commitsOf(log []assetsync.VersionReport) string {
	var out []string
	for _, v := range log {
		text := fmt.Sprintf("v%d", v.Version)
		for _, c := range v.Commits {
			text += " " + c.Commit[:7]
		}
		if v.MoreCommits > 0 {
			text += fmt.Sprintf(" +%d", v.MoreCommits)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// TestLogNamesCommits names commits by content alone.
func TestLogNamesCommits(t *testing.T) {
	tests := map[string]struct {
		quirks []string
		clone  []string
		story  func(w *world, dev *machine, id string) string // returns what the log says
		note   string
	}{
		"pushed by hand from another machine": {
			story: func(w *world, dev *machine, id string) string {
				first := dev.git("rev-parse", "HEAD")
				dev.write("a.md", "a2")
				second := dev.commit("second")
				w.save(id, "a.md", "a2") // as the AWS CLI would
				return fmt.Sprintf("v2 %.7s, v1 %.7s", second, first)
			},
		},
		"a web edit is no commit's": {
			story: func(w *world, dev *machine, id string) string {
				w.save(id, "a.md", "theirs")
				return fmt.Sprintf("v2, v1 %.7s", dev.git("rev-parse", "HEAD"))
			},
		},
		"a revert names both, newest first": {
			story: func(w *world, dev *machine, id string) string {
				first := dev.git("rev-parse", "HEAD")
				dev.write("a.md", "a2")
				second := dev.commit("second")
				dev.clone().push(assetsync.PushOptions{})
				dev.write("a.md", "a1")
				third := dev.commit("third")
				return fmt.Sprintf("v2 %.7s, v1 %.7s %.7s", second, third, first)
			},
		},
		"more than a few are counted": {
			story: func(w *world, dev *machine, id string) string {
				var ones []string
				for range 4 {
					dev.write("a.md", "a2")
					dev.commit("there")
					dev.write("a.md", "a1")
					ones = append(ones, dev.commit("back")[:7])
				}
				return fmt.Sprintf("v1 %s %s %s +2", ones[3], ones[2], ones[1])
			},
		},
		"what the commit ignores is nobody's": {
			story: func(w *world, dev *machine, id string) string {
				dev.write(".assetsyncignore", "notes.md\n")
				dev.write("a.md", "a2")
				second := dev.commit("second")
				dev.clone().push(assetsync.PushOptions{})
				w.createFile(id, "notes.md", "of the web")
				return fmt.Sprintf("v3 %.7s, v2 %.7s, v1 %.7s", second, second, dev.git("rev-parse", "HEAD~"))
			},
		},
		"commits beside the target are none of its": {
			story: func(w *world, dev *machine, id string) string {
				first := dev.git("rev-parse", "HEAD")
				dev.commit("empty")
				return fmt.Sprintf("v1 %.7s", first)
			},
		},
		"a service that rewrites": {
			quirks: []string{"rewrite=frontmatter"},
			story: func(w *world, dev *machine, id string) string {
				first := dev.git("rev-parse", "HEAD")
				dev.write("a.md", "a2")
				second := dev.commit("second")
				dev.clone().push(assetsync.PushOptions{})
				return fmt.Sprintf("v2 %.7s, v1 %.7s", second, first)
			},
		},
		"a shallow clone says that it is one": {
			clone: []string{"--depth=1"},
			story: func(w *world, dev *machine, id string) string {
				dev.write("a.md", "a2")
				second := dev.commit("second")
				dev.clone().push(assetsync.PushOptions{})
				return fmt.Sprintf("v2 %.7s, v1", second)
			},
			note: "is not in the clone, or too far back",
		},
		"a clone without old contents": {
			clone: []string{"--filter=blob:none"},
			story: func(w *world, dev *machine, id string) string {
				dev.git("config", "uploadpack.allowFilter", "true")
				first := dev.git("rev-parse", "HEAD")
				dev.write("a.md", "a2")
				second := dev.commit("second")
				dev.clone().push(assetsync.PushOptions{})
				return fmt.Sprintf("v2 %.7s, v1 %.7s", second, first)
			},
		},
		"a commit that cannot be read": {
			clone: []string{"--filter=blob:none"},
			story: func(w *world, dev *machine, id string) string {
				dev.git("config", "uploadpack.allowFilter", "true")
				first := dev.git("rev-parse", "HEAD")
				var third string
				for _, text := range []string{"a2", "a3"} { // the rules of the second are not in the clone
					dev.write("a.md", text)
					dev.write(".gitignore", text)
					third = dev.commit(text)
					dev.clone().push(assetsync.PushOptions{})
				}
				return fmt.Sprintf("v3 %.7s, v2, v1 %.7s", third, first)
			},
			note: "cannot be read as a whole",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.quirks...)
			dev := w.repository(skill(map[string]string{"a.md": "a1", "b.md": "b1"}))
			id := dev.clone().push(assetsync.PushOptions{}).AssetID
			want := tt.story(w, dev, id)
			log, res := dev.clone(tt.clone...).log(20)
			if res.Error != nil {
				t.Fatal(describe(res))
			}
			if d := cmp.Diff(want, commitsOf(log)); d != "" {
				t.Errorf("log (-want +got):\n%s\n%v", d, res.Notes)
			}
			if said := strings.Join(res.Notes, "\n"); (tt.note != "") != strings.Contains(said, "may come from one that is not known here") || !strings.Contains(said, tt.note) {
				t.Errorf("notes %q, want one with %q", res.Notes, tt.note)
			}
		})
	}
}

// findLive is what a status of a machine says of commits.
func (m *machine) findLive() assetsync.LiveCommit {
	m.t.Helper()
	res := m.status()
	if res.LiveTree == "" {
		m.t.Fatal(describe(res))
	}
	return m.liveOf(res)
}

// liveOf finds the commit that is live.
func (m *machine) liveOf(res assetsync.Result) assetsync.LiveCommit {
	m.t.Helper()
	repo, err := gitrepo.FindWorktree(m.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	finder := assetsync.NewLiveFinder(repo, assetsync.NewLiveCache(nil, ""))
	live, err := finder.Find(m.t.Context(), "", m.target, res)
	if err := errors.Join(err, finder.Close()); err != nil {
		m.t.Fatal(err)
	}
	live.Tree = ""
	return live
}

func TestFindLive(t *testing.T) {
	w := newWorld(t)
	dev := w.repository(skill(map[string]string{"a.md": "a1"}))
	first := dev.git("rev-parse", "HEAD")
	id := dev.clone().push(assetsync.PushOptions{}).AssetID
	want := func(name string, want assetsync.LiveCommit, m *machine) {
		t.Helper()
		if d := cmp.Diff(want, m.findLive()); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	want("HEAD", assetsync.LiveCommit{Commit: first, Newest: first}, dev)
	empty := dev.commit("another directory")
	want("HEAD has what an older commit made", assetsync.LiveCommit{Commit: first, Newest: empty}, dev)
	dev.write("a.md", "a2")
	second := dev.commit("second")
	dev.commit("another directory")
	want("two ahead", assetsync.LiveCommit{Commit: first, Newest: empty, Ahead: 2}, dev)
	shallow := dev.clone("--depth=1")
	if d := cmp.Diff(assetsync.LiveCommit{Cut: true}, shallow.liveOf(dev.status())); d != "" {
		t.Errorf("a shallow clone (-want +got):\n%s", d)
	}
	dev.write("a.md", "not committed")
	want("what is not committed does not count", assetsync.LiveCommit{Commit: first, Newest: empty, Ahead: 2}, dev)
	dev.target.Rev = first
	want("another revision than HEAD", assetsync.LiveCommit{Commit: first, Newest: first}, dev)
	dev.target.Rev = ""
	dev.write("a.md", "a1")
	third := dev.commit("a revert")
	want("HEAD counts although others made it, too", assetsync.LiveCommit{Commit: third, Newest: third}, dev)
	w.save(id, "a.md", "a2")
	want("by the web app", assetsync.LiveCommit{Commit: second, Newest: dev.git("rev-parse", "HEAD~"), Ahead: 1}, dev)
	w.save(id, "a.md", "theirs")
	want("no commit", assetsync.LiveCommit{}, dev)
	for range 70 { // more than are looked at first
		dev.commit("elsewhere")
	}
	w.save(id, "a.md", "a2")
	want("far back", assetsync.LiveCommit{Commit: second, Newest: dev.git("rev-parse", "HEAD~71"), Ahead: 71}, dev)
}

// TestFindLiveRewritten finds what the service rewrote.
func TestFindLiveRewritten(t *testing.T) {
	w := newWorld(t, "rewrite=frontmatter")
	dev := w.repository(skill(nil))
	first := dev.git("rev-parse", "HEAD")
	dev.mustPush(assetsync.Created)
	if d := cmp.Diff(assetsync.LiveCommit{Commit: first, Newest: first}, dev.findLive()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestLiveTree holds what a push says is live to what a status says after it,
// which a daemon relies on.
func TestLiveTree(t *testing.T) {
	for _, quirks := range [][]string{nil, {"rewrite=frontmatter"}, {"rewrite=extra-version"}} {
		t.Run(fmt.Sprint(quirks), func(t *testing.T) {
			w := newWorld(t, quirks...)
			m := w.machine(skill(map[string]string{"a.md": "a1", ".assetsyncignore": "notes.md\n"}))
			same := func(step string, res assetsync.Result) {
				t.Helper()
				standing, ok := res.Standing()
				if status := m.status(); !ok || standing.LiveTree == "" || standing.LiveTree != status.LiveTree || standing.SentTree != status.SentTree {
					t.Errorf("%s: push says %q %q (%t), status %q %q", step, standing.LiveTree, standing.SentTree, ok, status.LiveTree, status.SentTree)
				}
			}
			res := m.push(assetsync.PushOptions{})
			same("created", res)
			w.createFile(res.AssetID, "notes.md", "not ours")
			before := m.status().LiveTree
			if before != res.LiveTree {
				t.Errorf("a file that is ignored makes another tree")
			}
			m.write("a.md", "a2")
			same("published", m.push(assetsync.PushOptions{}))
			w.save(res.AssetID, "more.md", "theirs")
			same("pending", m.push(assetsync.PushOptions{}))
			if m.status().LiveTree == before {
				t.Error("another content is the same tree")
			}
		})
	}
}
