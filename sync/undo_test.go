package sync_test

import (
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"assetsync/diff"
	"assetsync/manifest"
	assetsync "assetsync/sync"
)

func TestUndo(t *testing.T) {
	tests := map[string]struct {
		o       assetsync.BackOptions
		before  func(*machine, string)
		outcome assetsync.Outcome
		live    map[string]string
		here    map[string]string // nil: as live
		quiet   bool
		says    string
	}{
		"the last publish": {
			outcome: assetsync.Published, live: with(third, map[string]string{"b.md": "b"}), quiet: true,
			says: "assetsync restore demo 3 brings it again",
		},
		"dry run": {o: assetsync.BackOptions{DryRun: true}, outcome: assetsync.Planned, live: third, quiet: true},
		"somebody changed it since": {
			before: func(m *machine, id string) { m.save(id, "b.md", "theirs") }, outcome: assetsync.Conflict,
			live: with(third, map[string]string{"b.md": "theirs"}), here: third, says: "b.md; nothing was done", quiet: true,
		},
		"somebody changed it since, and that was pulled": {
			before:  func(m *machine, id string) { m.save(id, "b.md", "theirs"); m.mustPull(assetsync.CheckedOut) },
			outcome: assetsync.Conflict, live: with(third, map[string]string{"b.md": "theirs"}), quiet: true,
		},
		"prefer local": {
			before: func(m *machine, id string) { m.save(id, "b.md", "theirs") }, o: assetsync.BackOptions{Prefer: diff.Local},
			outcome: assetsync.Published, live: with(third, map[string]string{"b.md": "b"}), quiet: true,
		},
		"prefer remote": {
			before: func(m *machine, id string) { m.save(id, "b.md", "theirs") }, o: assetsync.BackOptions{Prefer: diff.Remote},
			outcome: assetsync.Unchanged, live: with(third, map[string]string{"b.md": "theirs"}), here: third, quiet: true,
		},
		"newer work of others on other paths stays": {
			before: func(m *machine, id string) { m.save(id, "c.md", "theirs"); m.save(id, "web.md", "theirs") }, outcome: assetsync.Published, quiet: true,
			live: with(third, map[string]string{"b.md": "b", "c.md": "theirs", "web.md": "theirs"}), here: with(third, map[string]string{"b.md": "b"}),
		},
		"it was taken back by hand": {
			before: func(m *machine, id string) { m.save(id, "b.md", "b") }, outcome: assetsync.CheckedOut,
			live: with(third, map[string]string{"b.md": "b"}), quiet: true,
		},
		"a local edit stays": {
			before: func(m *machine, _ string) { m.write("b.md", "mine") }, outcome: assetsync.Published,
			live: with(third, map[string]string{"b.md": "b"}), here: with(third, map[string]string{"b.md": "mine"}),
			says: "changed here and left as it is: b.md",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m, id := threeVersions(w)
			if test.before != nil {
				test.before(m, id)
			}
			res := m.undo(test.o)
			m.want(res, test.outcome)
			if all := describe(res); !strings.Contains(all, test.says) {
				t.Errorf("%q is not said:\n%s", test.says, all)
			}
			w.wantLive(id, test.live)
			if test.here == nil {
				test.here = test.live
			}
			m.wantFiles(test.here)
			if test.quiet {
				m.wantQuiet()
			}
		})
	}
}

// TestUndoGoesOn undoes one publish after the other, up to the making of the
// asset, which is none.
func TestUndoGoesOn(t *testing.T) {
	w := newWorld(t)
	m, id := threeVersions(w)
	m.want(m.undo(assetsync.BackOptions{}), assetsync.Published)
	m.want(m.undo(assetsync.BackOptions{}), assetsync.Published)
	w.wantLive(id, first)
	m.wantFiles(first)
	m.wantQuiet()
	res := m.undo(assetsync.BackOptions{})
	m.want(res, assetsync.Unchanged)
	if !strings.Contains(describe(res), "nothing that this machine published is on record") {
		t.Error(describe(res))
	}
	// What is published after an undo is what the next one takes back; a
	// restore is such a publish.
	m.want(m.restore(3, assetsync.BackOptions{}), assetsync.Published)
	w.wantLive(id, third)
	m.want(m.undo(assetsync.BackOptions{}), assetsync.Published)
	w.wantLive(id, first)
	m.wantQuiet()
}

// TestUndoAfterDeath lets the publish that is to be undone die before it was
// recorded: undo takes it back, and not the one before.
func TestUndoAfterDeath(t *testing.T) {
	for _, q := range []string{"", "rewrite=frontmatter"} {
		t.Run(q, func(t *testing.T) {
			w := worldWith(t, q)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.write("a.md", "one")
			m.mustPush(assetsync.Published)
			before := w.live(id, 0)
			m.write("SKILL.md", skillMain+"two\n")
			m.write("b.md", "two")
			m.write("c.md", "two")
			m.write("d.md", "two")
			m.dieAfterWrite(1, func() {})
			if maps.Equal(w.live(id, 0), before) {
				t.Fatal("the publish that died had no effect")
			}
			m.want(m.undo(assetsync.BackOptions{}), assetsync.Published)
			w.wantLive(id, before)
			m.wantQuiet()
		})
	}
}

// TestUndoMetadata takes metadata back only when that is asked for.
func TestUndoMetadata(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(nil))
	id := m.mustPush(assetsync.Created).AssetID
	m.target.Metadata = map[string]any{"agent_types": []any{"INCIDENT_TRIAGE"}}
	m.mustPush(assetsync.Published)
	types := func() any {
		md, err := w.asset(id).Metadata.Map()
		if err != nil {
			t.Fatal(err)
		}
		return md["agent_types"].([]any)[0]
	}
	m.want(m.undo(assetsync.BackOptions{DryRun: true, Metadata: true}), assetsync.Planned)
	m.want(m.undo(assetsync.BackOptions{Metadata: true}), assetsync.Published)
	if got := types(); got != "GENERIC" {
		t.Errorf("agent type %v", got)
	}
	m.wantQuiet()
}

// TestUndoLocal takes back what a pull did in the directory.
func TestUndoLocal(t *testing.T) {
	tests := map[string]struct {
		o       assetsync.BackOptions
		after   func(*machine)
		outcome assetsync.Outcome
		here    map[string]string // over what was pulled
		live    map[string]string // after the next push, over what was live
		says    string
	}{
		"all": {
			outcome: assetsync.CheckedOut, here: map[string]string{"a.md": "a", "b.md": "b"}, live: map[string]string{"a.md": "a", "b.md": "b"},
			says: "made by the check out, and left as it is: web.md",
		},
		"dry run": {o: assetsync.BackOptions{DryRun: true}, outcome: assetsync.Planned},
		"edited since": {
			after: func(m *machine) { m.write("a.md", "mine") }, outcome: assetsync.Conflict,
			here: map[string]string{"a.md": "mine", "b.md": "b"}, live: map[string]string{"a.md": "mine", "b.md": "b"}, says: "left as it is: a.md",
		},
		"made anew since": {
			after: func(m *machine) { m.write("b.md", "mine") }, outcome: assetsync.Conflict,
			here: map[string]string{"a.md": "a", "b.md": "mine"}, live: map[string]string{"a.md": "a", "b.md": "mine"}, says: "left as it is: b.md",
		},
		"prefer local": {
			after: func(m *machine) { m.write("a.md", "mine") }, o: assetsync.BackOptions{Prefer: diff.Local}, outcome: assetsync.CheckedOut,
			here: map[string]string{"a.md": "a", "b.md": "b"}, live: map[string]string{"a.md": "a", "b.md": "b"},
		},
		"brought back by hand": {
			after:   func(m *machine) { m.write("a.md", "a"); m.write("b.md", "b") },
			outcome: assetsync.Unchanged, here: map[string]string{"a.md": "a", "b.md": "b"}, live: map[string]string{"a.md": "a", "b.md": "b"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m, id := pulled(w)
			if test.after != nil {
				test.after(m)
			}
			calls := 0
			w.before = func(*http.Request) { calls++ }
			res := m.undoLocal(test.o)
			w.before = nil
			if calls > 0 {
				t.Errorf("%d calls", calls)
			}
			m.want(res, test.outcome)
			if all := describe(res); !strings.Contains(all, test.says) {
				t.Errorf("%q is not said:\n%s", test.says, all)
			}
			live := w.live(id, 0)
			m.wantFiles(with(live, test.here))
			if len(test.live) > 0 {
				m.mustPush(assetsync.Published)
			}
			w.wantLive(id, with(live, test.live))
			m.wantQuiet()
		})
	}
}

// pulled is a machine that has taken an edit, a deletion and a new file.
func pulled(w *world) (*machine, string) {
	w.t.Helper()
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "theirs")
	w.save(id, "web.md", "theirs")
	w.remove(id, "b.md")
	m.mustPull(assetsync.CheckedOut)
	return m, id
}

// TestUndoLocalOnce brings back once; what a restore checked out comes back,
// too.
func TestUndoLocalOnce(t *testing.T) {
	w := newWorld(t)
	m, _ := pulled(w)
	m.want(m.undoLocal(assetsync.BackOptions{}), assetsync.CheckedOut)
	res := m.undoLocal(assetsync.BackOptions{})
	m.want(res, assetsync.Unchanged)
	if !strings.Contains(describe(res), "no check out is on record") {
		t.Error(describe(res))
	}
	m.mustPush(assetsync.Published)
	here := m.files()
	m.want(m.undo(assetsync.BackOptions{}), assetsync.Published)
	m.want(m.undoLocal(assetsync.BackOptions{}), assetsync.CheckedOut)
	m.wantFiles(here)
}

// TestUndoLocalKilled kills a pull at each call, and takes back what it did of
// its work.
func TestUndoLocalKilled(t *testing.T) {
	for n, died := 1, true; died; n++ {
		w := newWorld(t)
		m := w.machine(skill(fiveFiles))
		id := m.mustPush(assetsync.Created).AssetID
		for _, p := range []string{"a.md", "c.md", "d.md", "e.md"} {
			w.save(id, p, "theirs")
		}
		w.remove(id, "b.md")
		here := m.files()
		died = m.dieAt(n, true, func(e *assetsync.Engine) { e.Pull(t.Context(), assetsync.PullOptions{}) })
		m.undoLocal(assetsync.BackOptions{})
		m.wantFiles(here)
	}
}

// TestUndoLocalText brings back the line ends that were there, where text is
// published with others.
func TestUndoLocalText(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "one\r\ntwo\r\n"}))
	m.target.Text = manifest.TextLF
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "one\nthree\n")
	m.mustPull(assetsync.CheckedOut)
	m.want(m.undoLocal(assetsync.BackOptions{}), assetsync.CheckedOut)
	if got := m.files()["a.md"]; got != "one\r\ntwo\r\n" {
		t.Errorf("a.md is %q", got)
	}
}

// TestBackText goes back where text is published with LF: line ends alone make
// no version, and what is checked out is published no more.
func TestBackText(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "one\r\n", "b.md": "b\r\n"}))
	id := m.mustPush(assetsync.Created).AssetID // with CRLF
	m.target.Text = manifest.TextLF
	m.write("a.md", "two\r\n")
	m.mustPush(assetsync.Published)
	res := m.restore(1, assetsync.BackOptions{})
	m.want(res, assetsync.Published)
	if got := w.live(id, 0); got["a.md"] != "one\n" || got["b.md"] != "b\n" {
		t.Errorf("live: %q\n%s", got, describe(res))
	}
	m.wantQuiet()
	m.want(m.undo(assetsync.BackOptions{}), assetsync.Published)
	if got := w.live(id, 0)["a.md"]; got != "two\n" {
		t.Errorf("a.md is %q", got)
	}
	m.wantQuiet()
}

// TestBackOfGitSource goes back where a commit is published: the worktree stays,
// nothing is published again, and a commit of the same settles it.
func TestBackOfGitSource(t *testing.T) {
	w := newWorld(t)
	m := w.repository(skill(fiveFiles))
	m.target.Rev = "HEAD"
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "bad")
	m.commit("bad")
	m.mustPush(assetsync.Published)
	res := m.undo(assetsync.BackOptions{})
	m.want(res, assetsync.Published)
	w.wantLive(id, first)
	if m.files()["a.md"] != "bad" || !strings.Contains(describe(res), "git revert") {
		t.Errorf("a.md here is %q\n%s", m.files()["a.md"], describe(res))
	}
	m.wantQuiet()
	m.want(m.restore(2, assetsync.BackOptions{}), assetsync.Published)
	m.wantQuiet()
	m.want(m.restore(1, assetsync.BackOptions{}), assetsync.Published)
	m.write("b.md", "other")
	m.commit("beside it")
	m.mustPush(assetsync.Published)
	w.wantLive(id, with(first, map[string]string{"b.md": "other"}))
	m.write("a.md", "worse")
	m.commit("worse")
	m.want(m.push(assetsync.PushOptions{}), assetsync.Conflict)
	m.write("a.md", "a")
	m.commit("revert")
	m.mustPush(assetsync.Unchanged)
	m.write("a.md", "better")
	m.commit("better")
	m.mustPush(assetsync.Published)
}

// TestBackOfSingleFile goes back on assets of one file: one that has another
// name here than there, and one whose metadata follows from it.
func TestBackOfSingleFile(t *testing.T) {
	for _, kind := range []string{"agents_md", "attachment"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(nil)
			m.target.Type, m.target.Path, m.target.Metadata = kind, filepath.Join(m.dir, "TEAM.md"), nil
			if kind == "agents_md" {
				m.target.Metadata = map[string]any{"agent_type": "CHAT"}
			}
			m.write("TEAM.md", "one")
			id := m.mustPush(assetsync.Created).AssetID
			was, size := w.live(id, 0), w.metadata(id, "size")
			m.write("TEAM.md", "two and more")
			m.mustPush(assetsync.Published)
			m.want(m.undo(assetsync.BackOptions{}), assetsync.Published)
			w.wantLive(id, was)
			if got := w.metadata(id, "size"); fmt.Sprint(got) != fmt.Sprint(size) {
				t.Errorf("size %v, want %v", got, size)
			}
			m.wantFiles(map[string]string{"TEAM.md": "one"})
			m.wantQuiet()
			m.want(m.undoLocal(assetsync.BackOptions{}), assetsync.CheckedOut)
			m.wantFiles(map[string]string{"TEAM.md": "two and more"})
			m.want(m.restore(2, assetsync.BackOptions{}), assetsync.Published)
			m.wantQuiet()
		})
	}
}

// TestUndoKeepsApart takes back a publish of a file with a newer edit here that
// was never published. Neither a merge nor an edit that wins over a deletion
// brings it to the remote unasked; each way out does what it says.
func TestUndoKeepsApart(t *testing.T) {
	type story struct{ before, published, edit string }
	stories := map[string]story{
		"would merge":   {lines(), lines("1=ours"), lines("1=ours", "9=edit")},
		"the file went": {"", lines("1=ours"), lines("1=ours", "9=edit")},
	}
	ends := map[string]struct {
		end        func(*machine) assetsync.Result
		live, here func(story) string
	}{
		"push --prefer local": {
			func(m *machine) assetsync.Result { return m.push(assetsync.PushOptions{Prefer: diff.Local}) },
			func(s story) string { return s.edit }, func(s story) string { return s.edit },
		},
		"pull --prefer remote": {
			func(m *machine) assetsync.Result { return m.pull(assetsync.PullOptions{Prefer: diff.Remote}) },
			func(s story) string { return s.before }, func(s story) string { return s.before },
		},
		"resolve --ours": {
			func(m *machine) assetsync.Result {
				m.want(m.resolve(assetsync.Ours), assetsync.Planned)
				return m.push(assetsync.PushOptions{})
			},
			func(s story) string { return s.edit }, func(s story) string { return s.edit },
		},
		"resolve --theirs": {
			func(m *machine) assetsync.Result { return m.resolve(assetsync.Theirs) },
			func(s story) string { return s.before }, func(s story) string { return s.before },
		},
	}
	for name, s := range stories {
		for how, end := range ends {
			t.Run(name+", "+how, func(t *testing.T) {
				w := newWorld(t)
				m := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b", "c.md": "c"}))
				if s.before != "" {
					m.write("f.md", s.before)
				}
				id := m.mustPush(assetsync.Created).AssetID
				m.write("f.md", s.published)
				m.mustPush(assetsync.Published)
				m.write("f.md", s.edit)
				m.want(m.undo(assetsync.BackOptions{}), assetsync.Published)
				for range 2 {
					m.want(m.status(), assetsync.Conflict)
					m.want(m.push(assetsync.PushOptions{}), assetsync.Conflict)
					m.want(m.pull(assetsync.PullOptions{}), assetsync.Conflict)
				}
				if live, here := w.live(id, 0)["f.md"], m.files()["f.md"]; live != s.before || here != s.edit {
					t.Fatalf("f.md is %q there, %q here", live, here)
				}
				if res := end.end(m); res.Error != nil {
					t.Errorf("%s\n%s", res.Outcome, describe(res))
				}
				if live, here := w.live(id, 0)["f.md"], m.files()["f.md"]; live != end.live(s) || here != end.here(s) {
					t.Errorf("f.md is %q there, %q here", live, here)
				}
				m.wantQuiet()
			})
		}
	}
}

// TestUndoLocalContests brings back an edit that theirs, or a merge, had taken the
// place of: it was made without theirs, so that no push, and no daemon, publishes
// it over them.
func TestUndoLocalContests(t *testing.T) {
	theirs := lines("9=theirs")
	for name, tt := range map[string]struct {
		ours   string
		settle func(*machine) assetsync.Result
	}{
		"resolve --theirs":     {lines("9=ours"), func(m *machine) assetsync.Result { m.mustConflict(); return m.resolve(assetsync.Theirs) }},
		"pull --prefer remote": {lines("9=ours"), func(m *machine) assetsync.Result { return m.pull(assetsync.PullOptions{Prefer: diff.Remote}) }},
		"a merging pull":       {lines("1=ours"), func(m *machine) assetsync.Result { return m.pull(assetsync.PullOptions{}) }},
		"a merge that was published": {lines("1=ours"), func(m *machine) assetsync.Result {
			res := m.pull(assetsync.PullOptions{})
			m.mustPush(assetsync.Published)
			return res
		}},
		"a merging push, and a pull": {lines("1=ours"), func(m *machine) assetsync.Result {
			m.mustPush(assetsync.Published)
			return m.pull(assetsync.PullOptions{})
		}},
		"a merging push, taken back": {lines("1=ours"), func(m *machine) assetsync.Result {
			m.mustPush(assetsync.Published)
			m.want(m.undo(assetsync.BackOptions{}), assetsync.Published)
			res := m.status()
			res.Outcome = assetsync.CheckedOut
			return res
		}},
		"both ways": {lines("1=ours"), func(m *machine) assetsync.Result {
			res := m.sync()
			if res.Outcome == assetsync.Published && len(res.CheckedOut) == 1 {
				res.Outcome = assetsync.CheckedOut
			}
			return res
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m, id := merging(w)
			m.target.Direction = assetsync.BothWays
			w.save(id, "a.md", theirs)
			m.write("a.md", tt.ours)
			m.want(tt.settle(m), assetsync.CheckedOut)
			live := w.live(id, 0)["a.md"]
			res := m.undoLocal(assetsync.BackOptions{})
			m.want(res, assetsync.CheckedOut)
			if all := describe(res); !strings.Contains(all, "in conflict again: a.md") || strings.Contains(all, "the next push") {
				t.Errorf("not said as it is:\n%s", all)
			}
			m.mustConflict()
			m.want(m.sync(), assetsync.Conflict)
			w.wantFile(id, "a.md", live)
			m.wantFile("a.md", tt.ours)
			m.want(m.push(assetsync.PushOptions{Prefer: diff.Local}), assetsync.Published)
			w.wantFile(id, "a.md", tt.ours)
		})
	}
}

func (m *machine) mustConflict() {
	m.t.Helper()
	m.want(m.push(assetsync.PushOptions{}), assetsync.Conflict)
}
