package sync_test

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"assetsync/diff"
	"assetsync/manifest"
	assetsync "assetsync/sync"
)

func (m *machine) restore(version int32, o assetsync.BackOptions, paths ...manifest.Path) (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { _, res = e.Restore(m.t.Context(), version, paths, o) })
	return res
}

func (m *machine) undo(o assetsync.BackOptions) (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { _, res = e.Undo(m.t.Context(), o) })
	return res
}

func (m *machine) undoLocal(o assetsync.BackOptions) (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { _, res = e.UndoLocal(m.t.Context(), o) })
	return res
}

// with returns files with changes; "" takes one away.
func with(files map[string]string, changes map[string]string) map[string]string {
	out := maps.Clone(files)
	for p, content := range changes {
		if out[p] = content; content == "" {
			delete(out, p)
		}
	}
	return out
}

// threeVersions is a machine that made three versions of a.md, b.md and new.md:
// v2 edits a.md and makes new.md in one zip, v3 edits b.md.
func threeVersions(w *world) (*machine, string) {
	w.t.Helper()
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "bad")
	m.write("new.md", "new")
	m.want(m.push(assetsync.PushOptions{OneVersion: true}), assetsync.Published)
	m.write("b.md", "later")
	m.mustPush(assetsync.Published)
	return m, id
}

var (
	first = skill(fiveFiles)
	third = with(first, map[string]string{"a.md": "bad", "new.md": "new", "b.md": "later"})
)

func TestRestore(t *testing.T) {
	tests := map[string]struct {
		version int32
		paths   []manifest.Path
		o       assetsync.BackOptions
		before  func(*machine, string)
		outcome assetsync.Outcome
		kind    assetsync.Kind
		live    map[string]string // nil: as it was
		here    map[string]string // nil: as live
		quiet   bool              // the next push has nothing to do
		says    string            // in the notes or the error
	}{
		"all": {version: 1, outcome: assetsync.Published, live: first, quiet: true, says: "checked out here: a.md, b.md, new.md"},
		"one file": {
			version: 1, paths: []manifest.Path{"a.md"}, outcome: assetsync.Published, quiet: true,
			live: with(third, map[string]string{"a.md": "a"}),
		},
		"the newest": {version: 3, outcome: assetsync.Unchanged, live: third, quiet: true},
		"dry run":    {version: 1, o: assetsync.BackOptions{DryRun: true}, outcome: assetsync.Planned, live: third, quiet: true},
		"no such version": {
			version: 9, outcome: assetsync.Failed, kind: assetsync.KindUsage, live: third, quiet: true, says: "has no version 9",
		},
		"no such path": {
			version: 1, paths: []manifest.Path{"nope.md"}, outcome: assetsync.Failed, kind: assetsync.KindUsage, live: third, quiet: true,
			says: "nope.md is neither in version 1 nor live",
		},
		"a local edit elsewhere stays and is not published": {
			version: 1, paths: []manifest.Path{"a.md"}, before: func(m *machine, _ string) { m.write("c.md", "mine") },
			outcome: assetsync.Published, live: with(third, map[string]string{"a.md": "a"}),
			here: with(third, map[string]string{"a.md": "a", "c.md": "mine"}),
		},
		"a local edit of a restored file stays": {
			version: 1, before: func(m *machine, _ string) { m.write("a.md", "mine") },
			outcome: assetsync.Published, live: first, here: with(first, map[string]string{"a.md": "mine"}),
			says: "changed here and left as it is: a.md",
		},
		"a file deleted here stays away": {
			version: 1, before: func(m *machine, _ string) { m.rm("a.md") },
			outcome: assetsync.Published, live: first, here: with(first, map[string]string{"a.md": ""}),
			says: "changed here and left as it is: a.md",
		},
		"what others did on other paths stays": {
			version: 1, paths: []manifest.Path{"a.md"}, before: func(m *machine, id string) { m.save(id, "web.md", "theirs"); m.save(id, "c.md", "theirs") },
			outcome: assetsync.Published, quiet: true,
			live: with(third, map[string]string{"a.md": "a", "web.md": "theirs", "c.md": "theirs"}),
			here: with(third, map[string]string{"a.md": "a"}),
		},
		"an unseen edit there is a conflict": {
			version: 1, before: func(m *machine, id string) { m.save(id, "a.md", "theirs") },
			outcome: assetsync.Conflict, kind: assetsync.KindConflict, here: third, quiet: true, says: "a.md; nothing was done",
			live: with(third, map[string]string{"a.md": "theirs"}),
		},
		"an unseen edit of what is the same here is a conflict": {
			version: 1, paths: []manifest.Path{"c.md"}, before: func(m *machine, id string) { m.save(id, "c.md", "theirs") },
			outcome: assetsync.Conflict, kind: assetsync.KindConflict, here: third, quiet: true, says: "c.md; nothing was done",
			live: with(third, map[string]string{"c.md": "theirs"}),
		},
		"an unseen deletion there is a conflict": {
			version: 1, before: func(m *machine, id string) { m.remove(id, "a.md") },
			outcome: assetsync.Conflict, kind: assetsync.KindConflict, here: third, quiet: true, says: "a.md; nothing was done",
			live: with(third, map[string]string{"a.md": ""}),
		},
		"an unseen file there is a conflict": {
			version: 1, before: func(m *machine, id string) { m.save(id, "web.md", "theirs") },
			outcome: assetsync.Conflict, kind: assetsync.KindConflict, here: third, quiet: true, says: "web.md; nothing was done",
			live: with(third, map[string]string{"web.md": "theirs"}),
		},
		"prefer local": {
			version: 1, before: func(m *machine, id string) { m.save(id, "a.md", "theirs") }, o: assetsync.BackOptions{Prefer: diff.Local},
			outcome: assetsync.Published, live: first, quiet: true,
		},
		"prefer remote": {
			version: 1, before: func(m *machine, id string) { m.save(id, "a.md", "theirs") }, o: assetsync.BackOptions{Prefer: diff.Remote},
			outcome: assetsync.Published, live: with(first, map[string]string{"a.md": "theirs"}), here: with(first, map[string]string{"a.md": "bad"}), quiet: true,
		},
		"what was pulled is seen": {
			version: 1, before: func(m *machine, id string) { m.save(id, "a.md", "theirs"); m.mustPull(assetsync.CheckedOut) },
			outcome: assetsync.Published, live: first, quiet: true,
		},
		"the delete cap": {
			version: 1, before: func(m *machine, _ string) {
				m.target.MaxDeletes, m.target.MaxDeletePercent = 0, 0
			},
			outcome: assetsync.Blocked, kind: assetsync.KindGuard, live: third, quiet: true, says: "would be deleted",
		},
		"protected": {
			version: 1, before: func(m *machine, _ string) { m.target.Protected = true },
			outcome: assetsync.Blocked, kind: assetsync.KindGuard, live: third, quiet: true, says: "protected",
		},
		"protected, allowed": {
			version: 1, before: func(m *machine, _ string) { m.target.Protected = true }, o: assetsync.BackOptions{Consent: assetsync.Consent{Protected: true}},
			outcome: assetsync.Published, live: first, quiet: true,
		},
		"the directory is gone": {
			version: 1, paths: []manifest.Path{"a.md"}, before: func(m *machine, _ string) { os.RemoveAll(m.dir) },
			outcome: assetsync.Published, live: with(third, map[string]string{"a.md": "a"}), here: map[string]string{},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m, id := threeVersions(w)
			if test.before != nil {
				test.before(m, id)
			}
			res := m.restore(test.version, test.o, test.paths...)
			m.want(res, test.outcome)
			if test.kind != "" && res.Error.Kind != test.kind {
				t.Errorf("error %s, want %s\n%s", res.Error.Kind, test.kind, describe(res))
			}
			if all := describe(res); !strings.Contains(all, test.says) {
				t.Errorf("%q is not said:\n%s", test.says, all)
			}
			w.wantLive(id, test.live)
			if test.here == nil {
				test.here = test.live
			}
			if len(test.here) > 0 {
				m.wantFiles(test.here)
			}
			if test.quiet {
				m.wantQuiet()
			}
		})
	}
}

// TestRestoreIsNotPushedOver keeps a local edit of a restored file in the
// directory: no push undoes what was restored, unless somebody says so.
func TestRestoreIsNotPushedOver(t *testing.T) {
	w := newWorld(t)
	m, id := threeVersions(w)
	m.write("a.md", "mine")
	m.want(m.restore(1, assetsync.BackOptions{}, "a.md"), assetsync.Published)
	before := w.wrote()
	m.want(m.push(assetsync.PushOptions{}), assetsync.Conflict)
	if w.wrote() != before {
		t.Errorf("the push wrote %v", w.writes(before))
	}
	m.want(m.push(assetsync.PushOptions{Prefer: diff.Local}), assetsync.Published)
	w.wantLive(id, with(third, map[string]string{"a.md": "mine"}))
}

// TestRestoreTwice goes to one version and then to another: what this machine
// restored itself is nothing unseen, also where the base stays.
func TestRestoreTwice(t *testing.T) {
	w := newWorld(t)
	m, id := threeVersions(w)
	os.RemoveAll(m.dir)
	m.want(m.restore(1, assetsync.BackOptions{}), assetsync.Published)
	w.wantLive(id, first)
	m.want(m.restore(3, assetsync.BackOptions{}), assetsync.Published)
	w.wantLive(id, third)
}

// TestRestoreMetadata goes back with the owned keys only when that is asked
// for, and never over what somebody else set.
func TestRestoreMetadata(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	m.target.Metadata = map[string]any{"agent_types": []any{"GENERIC"}, "status": "ACTIVE"}
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "bad")
	m.target.Metadata = map[string]any{"agent_types": []any{"INCIDENT_TRIAGE"}, "status": "ACTIVE"}
	m.mustPush(assetsync.Published)
	metadata := func() string {
		md, err := w.asset(id).Metadata.Map()
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%v %v", md["agent_types"], md["status"])
	}
	m.want(m.restore(1, assetsync.BackOptions{}), assetsync.Published)
	if got := metadata(); got != "[INCIDENT_TRIAGE] ACTIVE" {
		t.Errorf("without metadata: %s", got)
	}
	m.wantQuiet()
	w.setMetadata(id, map[string]any{"status": "INACTIVE"})
	res := m.restore(1, assetsync.BackOptions{Metadata: true})
	m.want(res, assetsync.Conflict)
	if got := metadata(); got != "[INCIDENT_TRIAGE] INACTIVE" {
		t.Errorf("a conflict: %s\n%s", got, describe(res))
	}
	m.want(m.restore(1, assetsync.BackOptions{Metadata: true, Prefer: diff.Remote}), assetsync.Published)
	if got := metadata(); got != "[GENERIC] INACTIVE" {
		t.Errorf("with metadata: %s", got)
	}
	m.wantQuiet()
}

// TestRestoreWithoutState restores in a clone without state: the commits tell
// what is known of the remote. Without them all of it is unseen.
func TestRestoreWithoutState(t *testing.T) {
	w := newWorld(t)
	m := w.repository(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "bad")
	m.commit("bad")
	m.mustPush(assetsync.Published)
	other := m.clone()
	other.want(other.restore(1, assetsync.BackOptions{}), assetsync.Published)
	w.wantLive(id, first)
	if got := other.files()["a.md"]; got != "a" {
		t.Errorf("a.md is %q", got)
	}
	other.wantQuiet()
	m.wantQuiet() // it has not taken that yet, and publishes nothing

	stranger := w.machine(with(first, map[string]string{"a.md": "other"}))
	stranger.want(stranger.restore(2, assetsync.BackOptions{}), assetsync.Conflict)
	stranger.want(stranger.restore(2, assetsync.BackOptions{Prefer: diff.Local}), assetsync.Published)
	w.wantLive(id, with(first, map[string]string{"a.md": "bad"}))
}

// TestRestorePruned takes a version from history that the service has no more.
func TestRestorePruned(t *testing.T) {
	w := newWorld(t, "prune-versions=2")
	m, id := threeVersions(w)
	res := m.restore(1, assetsync.BackOptions{})
	m.want(res, assetsync.Published)
	w.wantLive(id, first)
	if !strings.Contains(describe(res), "it is taken from .assetsync/history.git") {
		t.Errorf("it is not said:\n%s", describe(res))
	}
	m.want(m.restore(2, assetsync.BackOptions{Metadata: true}), assetsync.Failed)
	os.RemoveAll(filepath.Join(m.state, "history.git"))
	res = m.restore(1, assetsync.BackOptions{})
	if res.Error == nil || res.Error.Kind != assetsync.KindUsage {
		t.Errorf("without history: %s\n%s", res.Outcome, describe(res))
	}
}

// TestRestoreInterleaved lets somebody save between the look and the write:
// their change is live afterwards, and told.
func TestRestoreInterleaved(t *testing.T) {
	for path, want := range map[string]map[string]string{
		"a.md": with(first, map[string]string{"a.md": "theirs"}),
		"c.md": with(first, map[string]string{"c.md": "theirs"}),
	} {
		t.Run(path, func(t *testing.T) {
			w := newWorld(t)
			m, id := threeVersions(w)
			w.beforeWrite(func() { w.save(id, path, "theirs") })
			res := m.restore(1, assetsync.BackOptions{})
			w.wantLive(id, want)
			if path == "a.md" && (res.Outcome != assetsync.Conflict || !strings.Contains(describe(res), "theirs is live again")) {
				t.Errorf("%s\n%s", res.Outcome, describe(res))
			}
			m.wantQuiet()
		})
	}
}

// backQuirks are readings of the service under which going back is tried.
var backQuirks = []string{
	"", "file-create-version=keep", "file-delete-version=keep", "rewrite=frontmatter", "rewrite=extra-version",
	"version-step=3", "timestamps=frozen", "timestamps=seconds", "prune-versions=2",
}

func worldWith(t *testing.T, quirk string) *world {
	if quirk == "" {
		return newWorld(t)
	}
	return newWorld(t, quirk)
}

// TestBackUnderQuirks goes back, and back from that, however the service
// behaves; no push follows.
func TestBackUnderQuirks(t *testing.T) {
	for _, q := range backQuirks {
		t.Run(q, func(t *testing.T) {
			w := worldWith(t, q)
			m := w.machine(skill(fiveFiles))
			m.target.MaxDeletePercent = 100
			id := m.mustPush(assetsync.Created).AssetID
			was, v := w.live(id, 0), *w.asset(id).Version
			m.write("SKILL.md", skillMain+"bad\n")
			m.write("a.md", "bad")
			m.write("new.md", "new")
			m.rm("b.md")
			m.mustPush(assetsync.Published)
			is, v2 := w.live(id, 0), *w.asset(id).Version
			m.want(m.undo(assetsync.BackOptions{}), assetsync.Published)
			w.wantLive(id, was)
			m.wantQuiet()
			m.want(m.restore(v2, assetsync.BackOptions{}), assetsync.Published)
			w.wantLive(id, is)
			m.wantQuiet()
			m.want(m.restore(v, assetsync.BackOptions{}), assetsync.Published)
			w.wantLive(id, was)
			m.wantQuiet()
			if m.files()["a.md"] != "a" || m.files()["b.md"] != "b" || m.files()["new.md"] != "" {
				t.Errorf("the directory holds %v", m.files())
			}
		})
	}
}

// TestBackKilled kills a restore and an undo at each call, before and after its
// effect: the next push publishes the undone edit in no case, and the command
// repeated ends in step.
func TestBackKilled(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	verbs := map[string]func(*assetsync.Engine, *machine){
		"restore": func(e *assetsync.Engine, m *machine) { e.Restore(m.t.Context(), 1, nil, assetsync.BackOptions{}) },
		"undo":    func(e *assetsync.Engine, m *machine) { e.Undo(m.t.Context(), assetsync.BackOptions{}) },
	}
	for name, verb := range verbs {
		for _, after := range []bool{false, true} {
			for _, repeat := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s after=%t repeat=%t", name, after, repeat), func(t *testing.T) {
					for n, died := 1, true; died; n++ {
						w := newWorld(t)
						m := w.machine(skill(fiveFiles))
						id := m.mustPush(assetsync.Created).AssetID
						changeFour(m)
						m.mustPush(assetsync.Published)
						bad := w.live(id, 0)
						died = m.dieAt(n, after, func(e *assetsync.Engine) { verb(e, m) })
						landed := maps.Equal(w.live(id, 0), first)
						if !landed {
							w.wantLive(id, bad)
						}
						if repeat {
							m.engine(func(e *assetsync.Engine) { verb(e, m) })
							w.wantLive(id, first)
							m.wantFiles(first)
							m.wantQuiet()
							continue
						}
						m.push(assetsync.PushOptions{})
						if landed {
							w.wantLive(id, first)
						} else {
							w.wantLive(id, bad)
						}
						m.pull(assetsync.PullOptions{})
						if got, want := m.files(), w.live(id, 0); !maps.Equal(got, want) {
							t.Errorf("call %d: the directory holds %v, live is %v", n, got, want)
						}
						m.wantQuiet()
					}
				})
			}
		}
	}
}

// dieAt runs verb with a process that dies at its nth call, before or after its
// effect. It reports whether the run came that far.
func (m *machine) dieAt(n int, after bool, verb func(*assetsync.Engine)) bool {
	m.t.Helper()
	calls, alive := 0, false
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		if calls++; calls != n {
			return m.world.Do(r)
		}
		if after {
			m.doLast(r)
		}
		runtime.Goexit()
		panic("a goroutine went on after its end")
	}, func(e *assetsync.Engine) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			verb(e)
			alive = true
		}()
		<-ended
	})
	return !alive
}
