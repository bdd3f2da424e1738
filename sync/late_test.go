package sync_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

// wantSuperseded wants a push to have stopped at a newer commit.
func (m *machine) wantSuperseded(res assetsync.Result, by string) {
	m.t.Helper()
	if res.Outcome != assetsync.Conflict || res.Guard != assetsync.GuardRollback || !strings.Contains(res.Error.Message, "superseded by "+by[:7]) {
		m.t.Errorf("%s, guard %q, want superseded by %s\n%s", res.Outcome, res.Guard, by[:7], describe(res))
	}
}

// at checks a commit out.
func (m *machine) at(commit string) *machine {
	m.t.Helper()
	m.git("checkout", "-q", commit)
	return m
}

// TestLateJobMeetsNewer lets the job of a newer commit publish while that of an
// older one has planned and not sent yet: what the first round told is not
// believed in the second.
func TestLateJobMeetsNewer(t *testing.T) {
	tests := map[string]struct {
		older, newer func(*machine)
		live         map[string]string
	}{
		"the file is gone meanwhile": {
			older: func(m *machine) { m.write("a.md", "a2") },
			newer: func(m *machine) { m.rm("a.md") },
			live:  map[string]string{"b.md": "b1", "c.md": "c1", "d.md": "d1"},
		},
		"others changed as well": {
			older: func(m *machine) { m.write("a.md", "a2"); m.write("b.md", "b2") },
			newer: func(m *machine) { m.rm("a.md"); m.write("b.md", "b3"); m.write("new.md", "n") },
			live:  map[string]string{"b.md": "b3", "c.md": "c1", "d.md": "d1", "new.md": "n"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, dev, id := pipelineNow(t)
			tt.older(dev)
			second := dev.commitNow("second")
			tt.newer(dev)
			third := dev.commitNow("third")
			late, newer := dev.clone().at(second), dev.clone()
			w.beforeWrite(func() { newer.mustPush(assetsync.Published) })
			late.wantSuperseded(late.push(assetsync.PushOptions{}), third)
			w.wantLive(id, skill(tt.live))
		})
	}
}

// TestToldInEachRound lets the job of an older commit publish between the two
// rounds of a push: what it published is what is gone on from.
func TestToldInEachRound(t *testing.T) {
	w, dev, id := pipelineNow(t)
	dev.write("a.md", "a2")
	dev.commitNow("second")
	other := dev.clone()
	dev.write("a.md", "a3")
	dev.commitNow("third")
	w.beforeWrite(func() {
		other.mustPush(assetsync.Published)
		w.save(id, "c.md", "theirs")
		w.fault("op=UpdateAssetFile,kind=reset-before") // ends the first round
	})
	runner := dev.clone()
	res := runner.mustPush(assetsync.Published)
	if len(res.Pending) != 1 || len(res.Conflicts) > 0 {
		t.Error(describe(res))
	}
	w.wantLive(id, skill(map[string]string{"a.md": "a3", "b.md": "b1", "c.md": "theirs", "d.md": "d1"}))
	runner.wantQuiet()
}

// TestSupersededWithState pushes an older commit over a newer one on a machine
// that knows what it published.
func TestSupersededWithState(t *testing.T) {
	tests := map[string]struct {
		rev   string
		story func(w *world, m *machine, id string)
		back  bool // it is published
	}{
		"a revision": {rev: "HEAD", story: func(*world, *machine, string) {}},
		"a revision, beside a change of somebody else": {
			rev:   "HEAD",
			story: func(w *world, _ *machine, id string) { w.save(id, "b.md", "theirs") },
		},
		"a revision, published elsewhere": {
			rev: "HEAD",
			story: func(_ *world, m *machine, _ string) {
				m.write("c.md", "c3")
				m.commitNow("third")
				m.clone().mustPush(assetsync.Published)
			},
		},
		"a revision of which nobody has the newer commit": {
			rev:   "HEAD",
			story: func(_ *world, m *machine, _ string) { m.git("branch", "-f", "keep", "HEAD~1") },
			back:  true,
		},
		"the worktree": {story: func(*world, *machine, string) {}, back: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1"}))
			m.git("init", "-q", "-b", "main")
			first := m.commitNow("first")
			m.target.Rev = tt.rev
			id := m.mustPush(assetsync.Created).AssetID
			m.write("a.md", "a2")
			m.rm("d.md")
			m.commitNow("second")
			m.mustPush(assetsync.Published)
			m.git("branch", "keep")
			tt.story(w, m, id)
			newest := m.git("rev-parse", "HEAD")
			if m.git("rev-parse", "keep") != newest && !tt.back {
				m.git("branch", "-f", "keep")
			}
			m.git("reset", "-q", "--hard", first)
			live := w.live(id, 0)
			res := m.push(assetsync.PushOptions{})
			if tt.back {
				m.want(res, assetsync.Published)
				return
			}
			m.wantSuperseded(res, newest)
			w.wantLive(id, live)
			m.wantSuperseded(m.push(assetsync.PushOptions{}), newest) // again, alike
			if s := m.status(); s.Error != nil || !strings.Contains(strings.Join(s.Notes, "\n"), "superseded by "+newest[:7]) {
				t.Errorf("status says nothing: %s", describe(s))
			}
			m.want(m.push(assetsync.PushOptions{Consent: assetsync.Consent{Rollback: true}}), assetsync.Published)
			want := skill(map[string]string{"a.md": "a1", "b.md": live["b.md"], "c.md": "c1", "d.md": "d1"})
			w.wantLive(id, want)
		})
	}
}

// TestRevisionGoesForward is not held up by the guard: by commits that revert
// others, amend them, or wait on another branch.
func TestRevisionGoesForward(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a1", "b.md": "b1"}))
	m.git("init", "-q", "-b", "main")
	m.commitNow("first")
	m.target.Rev = "HEAD"
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "a2")
	m.commitNow("second")
	m.mustPush(assetsync.Published)
	m.gitNow("revert", "--no-edit", "HEAD")
	m.mustPush(assetsync.Published)
	w.wantLive(id, skill(map[string]string{"a.md": "a1", "b.md": "b1"}))
	m.write("a.md", "a3")
	m.commitNow("third")
	m.mustPush(assetsync.Published)
	m.write("a.md", "a4")
	m.gitNow("commit", "-q", "-a", "--amend", "-m", "amended")
	m.mustPush(assetsync.Published)
	w.wantLive(id, skill(map[string]string{"a.md": "a4", "b.md": "b1"}))
	m.git("checkout", "-q", "-b", "topic")
	m.write("b.md", "b2")
	m.commitNow("topic")
	m.git("checkout", "-q", "main")
	m.write("a.md", "a5")
	m.commitNow("fourth")
	m.mustPush(assetsync.Published)
	m.wantQuiet()
}

// TestStatelessMoved publishes from a directory that has been moved: what was
// published from the old place is known.
func TestStatelessMoved(t *testing.T) {
	tests := map[string]func(m *machine){
		"moved": func(m *machine) { m.git("mv", "skills/a", "skills/b") },
		"copied, and removed later": func(m *machine) {
			if out, err := exec.Command("cp", "-r", filepath.Join(m.dir, "skills/a"), filepath.Join(m.dir, "skills/b")).CombinedOutput(); err != nil {
				m.t.Fatalf("%v: %s", err, out)
			}
			m.commitNow("copied")
			m.git("rm", "-q", "-r", "skills/a")
		},
		"moved and changed": func(m *machine) {
			m.git("mv", "skills/a", "skills/b")
			m.write("skills/b/c.md", "c2")
		},
	}
	for name, move := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dev := w.machine(nil)
			for p, c := range skill(map[string]string{"a.md": "a1", "c.md": "c1", "d.md": "d1"}) {
				dev.write("skills/a/"+p, c)
			}
			dev.git("init", "-q", "-b", "main")
			dev.commitNow("first")
			runner := func(dir string) *machine {
				c := dev.clone()
				c.target.Path, c.target.ConfigDir = filepath.Join(c.dir, dir), c.dir
				return c
			}
			id := runner("skills/a").mustPush(assetsync.Created).AssetID
			dev.write("skills/a/d.md", "not published")
			dev.commitNow("second")
			move(dev)
			dev.commitNow("moved")
			dev.write("skills/b/a.md", "a2")
			dev.rm("skills/b/d.md")
			dev.commitNow("changed")
			w.save(id, "web.md", "theirs")
			live := skill(map[string]string{"a.md": "a2", "c.md": "c1", "web.md": "theirs"})
			if name == "moved and changed" {
				live["c.md"] = "c2"
			}
			m := runner("skills/b")
			res := m.mustPush(assetsync.Published)
			if len(res.Pending) != 1 {
				t.Errorf("pending %v, want web.md alone", res.Pending)
			}
			w.wantLive(id, live)
		})
	}
}
