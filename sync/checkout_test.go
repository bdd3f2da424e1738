package sync_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"assetsync/manifest"
	"assetsync/manifest/durable"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// ending is where a run ends: at a step on the disk, before or after its effect.
type ending struct {
	step  int
	after bool
	fails bool // the step fails and the run goes on
}

// interrupted runs a verb that ends so. It reports whether it came that far.
func (m *machine) interrupted(at ending, verb func(*assetsync.Engine)) (reached bool) {
	m.t.Helper()
	steps := 0
	m.disk = func(string) durable.Hook {
		return func(_ durable.Op, do func() error) error {
			if steps++; steps != at.step {
				return do()
			}
			reached = true
			var err error
			if at.after {
				err = do()
			}
			if at.fails {
				return errors.Join(err, errors.New("input/output error"))
			}
			runtime.Goexit()
			panic("a goroutine went on after its end")
		}
	}
	m.mortal(verb)
	return reached
}

// mortal runs a verb that the hook of the disk may end, and takes the hook away.
func (m *machine) mortal(verb func(*assetsync.Engine)) {
	m.t.Helper()
	defer func() { m.disk = nil }()
	m.engine(func(e *assetsync.Engine) {
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			verb(e)
		}()
		<-ended
	})
}

func (m *machine) interruptedPull(at ending) bool {
	m.t.Helper()
	return m.interrupted(at, func(e *assetsync.Engine) { e.Pull(m.t.Context(), assetsync.PullOptions{}) })
}

// Ways to end. Whoever dies before a step dies after the one before it.
var (
	killed = ending{after: true}
	failed = ending{fails: true}
	heard  = ending{fails: true, after: true} // it fails with its effect
)

// endings calls test for every step and ways to end there, until test says that
// a run did not come so far.
func endings(t *testing.T, ways []ending, test func(t *testing.T, at ending) bool) {
	for _, how := range ways {
		name := fmt.Sprintf("fails %v, with its effect %v", how.fails, how.after)
		t.Run(name, func(t *testing.T) {
			for more := true; more && !t.Failed(); {
				how.step++
				t.Run(fmt.Sprint("step ", how.step), func(t *testing.T) { more = test(t, how) })
			}
			if how.step < 10 {
				t.Errorf("a pull took only %d steps", how.step)
			}
		})
	}
}

// wantInStep pulls and pushes until nothing is left, without a conflict, and
// wants both sides to hold the same, and nothing else in the directory.
func (m *machine) wantInStep(id string) {
	m.t.Helper()
	for range 2 {
		for _, res := range []assetsync.Result{m.pull(assetsync.PullOptions{}), m.push(assetsync.PushOptions{})} {
			if res.Error != nil || len(res.Conflicts) > 0 {
				m.t.Errorf("%s\n%s", res.Outcome, describe(res))
			}
		}
	}
	m.wantQuiet()
	m.wantLive(id, m.files())
}

// age makes temporary files as old as those of a dead run are.
func (m *machine) age() {
	m.t.Helper()
	for _, name := range m.clutter() {
		if err := os.Chtimes(filepath.Join(m.dir, filepath.FromSlash(name)), time.Time{}, m.now.Add(-time.Hour)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// clutter are temporary files in the directory.
func (m *machine) clutter() (names []string) {
	for name := range m.files() {
		if strings.Contains(name, manifest.TempPrefix) {
			names = append(names, name)
		}
	}
	return names
}

// pulledFiles are what a pull of news is about to change.
var pulledFiles = map[string]string{"a.md": "a", "dir/b.md": "b", "c.md": "c", "dir/d.md": "d", "e.md": "e"}

// news are changes of each kind there.
func (w *world) news(id string) {
	w.t.Helper()
	w.save(id, "a.md", "a of theirs")
	w.save(id, "dir/b.md", "b of theirs")
	w.remove(id, "c.md")
	w.remove(id, "dir/d.md")
	w.save(id, "new.md", "new of theirs")
	w.save(id, "other/new.md", "other of theirs")
}

var newsPaths = []string{"a.md", "dir/b.md", "c.md", "dir/d.md", "new.md", "other/new.md"}

// inMemory puts the directories of a test where syncing costs nothing.
func inMemory(t *testing.T) {
	if dir := simDir(); dir != "" {
		t.Setenv("TMPDIR", dir)
	}
}

func puller(t *testing.T, quirks ...string) (*world, *machine, string) {
	t.Helper()
	inMemory(t)
	w := newWorld(t, quirks...)
	m := w.machine(skill(pulledFiles))
	m.target.MaxDeletes, m.target.MaxDeletePercent = 100, 100
	id := m.mustPush(assetsync.Created).AssetID
	w.news(id)
	return w, m, id
}

// TestPullCutShort ends a pull at every step, and changes every file again
// there: it is no conflict, nothing comes back, and both sides get in step.
func TestPullCutShort(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	tests := map[string]struct {
		there func(w *world, id, path string)
		here  func(m *machine, path string)
		ways  []ending
	}{
		"nothing more": {ways: []ending{killed}},
		"changed again": {there: func(w *world, id, path string) {
			w.save(id, path, path+" again")
		}, ways: []ending{killed, failed, heard}},
		"deleted": {there: func(w *world, id, path string) {
			if _, ok := w.live(id, 0)[path]; ok {
				w.remove(id, path)
			}
		}, ways: []ending{killed, heard}},
		"edited here": {here: func(m *machine, path string) {
			if brought := m.files()[path]; strings.HasSuffix(brought, "of theirs") {
				m.write(path, "what is here is made of "+brought)
			}
		}, ways: []ending{killed, heard}},
		"edited here, and deleted there": {
			here: func(m *machine, path string) {
				if brought := m.files()[path]; strings.HasSuffix(brought, "of theirs") {
					m.write(path, "what is here is made of "+brought)
				}
			},
			there: func(w *world, id, path string) {
				if _, ok := w.live(id, 0)[path]; ok {
					w.remove(id, path)
				}
			},
			ways: []ending{killed},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if raced && name != "changed again" {
				t.Skip("minutes of work of the race detector")
			}
			endings(t, tt.ways, func(t *testing.T, at ending) bool {
				w, m, id := puller(t)
				reached := m.interruptedPull(at)
				m.age()
				edited := map[string]string{}
				for _, p := range newsPaths {
					if tt.here != nil {
						tt.here(m, p)
						if now := m.files()[p]; strings.HasPrefix(now, "what is here") {
							edited[p] = now
						}
					}
					if tt.there != nil {
						tt.there(w, id, p)
					}
				}
				m.wantInStep(id)
				live := w.live(id, 0)
				for p, content := range edited {
					if live[p] != content {
						t.Errorf("%s=%q: the edit is lost", p, live[p])
					}
				}
				if name == "deleted" && len(live) != 2 { // SKILL.md, e.md
					t.Errorf("deleted, and live: %v", live)
				}
				if names := m.clutter(); len(names) > 0 {
					t.Errorf("left over: %q", names)
				}
				return reached
			})
		})
	}
}

// TestPullKilledAtCalls lets a pull die at every call.
func TestPullKilledAtCalls(t *testing.T) {
	for n := 1; ; n++ {
		w, m, id := puller(t)
		calls := 0
		m.engineWith(doer(func(r *http.Request) (*http.Response, error) {
			if calls++; calls == n {
				runtime.Goexit()
			}
			return w.Do(r)
		}), func(e *assetsync.Engine) {
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				e.Pull(t.Context(), assetsync.PullOptions{})
			}()
			<-ended
		})
		for _, p := range newsPaths {
			w.save(id, p, p+" again")
		}
		m.wantInStep(id)
		if calls < n {
			if n < 4 {
				t.Errorf("a pull made %d calls", calls)
			}
			return
		}
	}
}

// cutPull lets a pull die after it has written a.md and new.md. It brings them in
// the order of their names, after the deletions.
func (m *machine) cutPull(brought string) {
	m.t.Helper()
	before := m.files()
	for at := (ending{step: 1, after: true}); ; at.step++ {
		reached := m.interruptedPull(at)
		m.age()
		if m.files()[brought] != before[brought] {
			return
		}
		if !reached {
			m.t.Fatalf("a pull came to its end without %s", brought)
		}
	}
}

// TestCutShortIsSettledByEachVerb changes a.md once more on the remote after a
// pull died that had brought it, and lets another verb come first.
func TestCutShortIsSettledByEachVerb(t *testing.T) {
	again := func(w *world, id string) { w.save(id, "a.md", "a again") }
	tests := map[string]struct {
		then  func(w *world, id string)
		verb  func(t *testing.T, m *machine, e *assetsync.Engine) assetsync.Result
		local map[string]string // what the directory holds in the end; default: what is live
		next  assetsync.Outcome // of a pull after it
	}{
		"status": {again, func(t *testing.T, m *machine, e *assetsync.Engine) assetsync.Result {
			res := e.Status(t.Context())
			if !strings.Contains(strings.Join(res.Notes, "\n"), "a check out of") {
				t.Errorf("status does not tell of it: %q", res.Notes)
			}
			return res
		}, nil, assetsync.CheckedOut},
		"a dry run": {again, func(t *testing.T, m *machine, e *assetsync.Engine) assetsync.Result {
			return e.Pull(t.Context(), assetsync.PullOptions{DryRun: true})
		}, nil, assetsync.CheckedOut},
		"push": {again, func(t *testing.T, m *machine, e *assetsync.Engine) assetsync.Result {
			return e.Push(t.Context(), assetsync.PushOptions{})
		}, nil, assetsync.CheckedOut},
		"sync": {again, func(t *testing.T, m *machine, e *assetsync.Engine) assetsync.Result {
			return e.Sync(t.Context(), assetsync.SyncOptions{})
		}, nil, assetsync.Unchanged},
		"restore": {again, func(t *testing.T, m *machine, e *assetsync.Engine) assetsync.Result {
			_, res := e.Restore(t.Context(), 1, []manifest.Path{"e.md"}, assetsync.BackOptions{})
			return res
		}, nil, assetsync.CheckedOut},
		"resolve": {again, func(t *testing.T, m *machine, e *assetsync.Engine) assetsync.Result {
			return e.Resolve(t.Context(), assetsync.ResolveOptions{Take: assetsync.Theirs})
		}, nil, assetsync.CheckedOut},
		"an older version": {func(*world, string) {}, func(t *testing.T, m *machine, e *assetsync.Engine) assetsync.Result {
			return e.Pull(t.Context(), assetsync.PullOptions{Version: 1})
		}, map[string]string{"a.md": "a", "new.md": "new of theirs"}, assetsync.CheckedOut},
		"undo --local": {func(*world, string) {}, func(t *testing.T, m *machine, e *assetsync.Engine) assetsync.Result {
			_, res := e.UndoLocal(t.Context(), assetsync.BackOptions{})
			return res
		}, map[string]string{"a.md": "a"}, assetsync.CheckedOut},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, m, id := puller(t)
			if name == "sync" {
				m.target.Direction = assetsync.BothWays
			}
			m.cutPull("a.md")
			tt.then(w, id)
			for range 2 { // what it says holds, however often it is asked
				m.engine(func(e *assetsync.Engine) {
					if res := tt.verb(t, m, e); res.Error != nil || len(res.Conflicts) > 0 {
						t.Errorf("%s\n%s", res.Outcome, describe(res))
					}
				})
				if name == "undo --local" || name == "an older version" {
					break
				}
			}
			m.mustPull(tt.next)
			if tt.local == nil {
				tt.local = w.live(id, 0)
			}
			for p, want := range tt.local {
				if got := m.files()[p]; got != want {
					t.Errorf("%s=%q, want %q", p, got, want)
				}
			}
		})
	}
}

// TestCutShortTwice lets a second pull die over the first.
func TestCutShortTwice(t *testing.T) {
	for _, edited := range []bool{false, true} {
		t.Run(fmt.Sprint("edited ", edited), func(t *testing.T) {
			w, m, id := puller(t)
			m.cutPull("a.md")
			w.save(id, "a.md", "a again")
			m.cutPull("a.md")
			w.save(id, "a.md", "a once more")
			if edited {
				w.remove(id, "a.md")
				m.write("a.md", "what is here is made of "+m.files()["a.md"])
			}
			m.wantInStep(id)
		})
	}
}

// TestCutShortDeletion deletes a file here because it was deleted there, fails
// before that is on record, and then has a new file in its place, while somebody
// brings the old one back there: neither replaces the other unseen.
func TestCutShortDeletion(t *testing.T) {
	for step := 1; ; step++ {
		w := newWorld(t)
		m := w.machine(skill(fiveFiles))
		id := m.mustPush(assetsync.Created).AssetID
		w.remove(id, "c.md")
		at := heard
		at.step = step
		reached := m.interrupted(at, func(e *assetsync.Engine) {
			e.Pull(t.Context(), assetsync.PullOptions{Consent: assetsync.Consent{Deletes: 1}})
		})
		if !reached {
			if step == 1 {
				t.Fatal("no step was reached")
			}
			return
		}
		if _, here := m.files()["c.md"]; here {
			continue
		}
		m.write("c.md", "ours")
		w.save(id, "c.md", "c")
		res := m.push(assetsync.PushOptions{})
		if m.files()["c.md"] != "ours" || w.live(id, 0)["c.md"] != "c" || len(res.Conflicts) != 1 {
			t.Errorf("step %d: c.md is %q here and %q live: %s\n%s", step, m.files()["c.md"], w.live(id, 0)["c.md"], res.Outcome, describe(res))
		}
	}
}

// TestCutShortIsOnDisk lets a pull die with what it brought in memory alone: before
// the next run takes that for checked out, it is on disk.
func TestCutShortIsOnDisk(t *testing.T) {
	w, m, id := puller(t)
	w.saveAll(id, map[string]string{"deep/down/new.md": "new"})
	m.cutPull("deep/down/new.md")
	m.write("b.md", "ours")
	synced := map[string]bool{}
	m.disk = func(dir string) durable.Hook {
		return func(op durable.Op, do func() error) error {
			if op.Step == durable.SyncDir && dir == m.dir {
				synced[op.Name] = true
			}
			return do()
		}
	}
	if m.status(); len(synced) > 0 {
		t.Errorf("status, which records nothing, has synced %v", synced)
	}
	m.mustPush(assetsync.Published)
	if !synced["deep/down"] {
		t.Errorf("synced are %v, and deep/down/new.md is taken for checked out", synced)
	}
}

// TestCutShortIsOfItsAsset looks at what a dead pull left by another name of the
// target, from another directory, with another asset, and without the state.
func TestCutShortIsOfItsAsset(t *testing.T) {
	tests := map[string]func(w *world, m *machine, id string) string{
		"renamed": func(_ *world, m *machine, id string) string {
			m.target.Name, m.target.AssetID = "renamed", id
			return id
		},
		"moved": func(w *world, m *machine, id string) string {
			files := m.files()
			for _, name := range m.clutter() {
				delete(files, name)
			}
			moved := w.machine(files)
			m.dir, m.target.Path, m.target.ConfigDir = moved.dir, moved.dir, moved.target.ConfigDir
			return id
		},
		"the state rebuilt": func(w *world, m *machine, id string) string {
			if err := os.RemoveAll(m.state); err != nil {
				w.t.Fatal(err)
			}
			m.target.AssetID = id
			for _, p := range newsPaths { // without a base, what differs is a conflict, and what is missing is pulled
				if live, there := w.live(id, 0)[p]; there {
					m.write(p, live)
				} else {
					_ = os.Remove(filepath.Join(m.dir, filepath.FromSlash(p)))
				}
			}
			return id
		},
		"another asset": func(w *world, m *machine, _ string) string {
			other := w.machine(map[string]string{"SKILL.md": strings.Replace(skillMain, "name: demo", "name: other", 1), "a.md": "a of another"})
			m.target.AssetID = other.mustPush(assetsync.Created).AssetID
			for p := range m.files() {
				m.rm(p)
			}
			return m.target.AssetID
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w, m, id := puller(t)
			m.cutPull("a.md")
			w.save(id, "a.md", "a again")
			m.wantInStep(change(w, m, id))
		})
	}
}

// TestCutShortIntoNothing lets a pull die that fills a directory which was
// removed: what is missing yet was not deleted by anybody.
func TestCutShortIntoNothing(t *testing.T) {
	w, m, id := puller(t)
	m.mustPull(assetsync.CheckedOut)
	if err := os.RemoveAll(m.dir); err != nil {
		t.Fatal(err)
	}
	m.cutPull("dir/b.md")
	before := w.wrote()
	m.wantInStep(id)
	if w.wrote() != before {
		t.Errorf("written to the remote: %q", w.writes(before))
	}
}

// TestCutShortWhileSaved pushes while a program that saves what was brought has
// removed it for a moment.
func TestCutShortWhileSaved(t *testing.T) {
	w, m, id := puller(t)
	m.cutPull("new.md")
	m.rm("new.md")
	m.push(assetsync.PushOptions{})
	m.write("new.md", "what is here is made of new of theirs")
	m.wantInStep(id)
	if got := w.live(id, 0)["new.md"]; got != "what is here is made of new of theirs" {
		t.Errorf("new.md=%q", got)
	}
}

// TestCutShortOfUnreadable keeps an intent as long as its file cannot be read.
func TestCutShortOfUnreadable(t *testing.T) {
	w, m, id := puller(t)
	m.cutPull("a.md")
	name := filepath.Join(m.dir, "a.md")
	if err := errors.Join(os.Remove(name), os.Symlink("/nowhere", name)); err != nil {
		t.Fatal(err)
	}
	if res := m.pull(assetsync.PullOptions{}); len(res.Problems) == 0 {
		t.Fatalf("a link that leads out is no problem\n%s", describe(res))
	}
	if err := errors.Join(os.Remove(name), os.WriteFile(name, []byte("a of theirs"), 0o600)); err != nil {
		t.Fatal(err)
	}
	w.remove(id, "a.md")
	m.pull(assetsync.PullOptions{})
	m.wantInStep(id)
	if _, back := w.live(id, 0)["a.md"]; back {
		t.Error("a.md came back")
	}
}

// TestCutShortText is of a target whose line ends do not count.
func TestCutShortText(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	endings(t, []ending{killed, heard}, func(t *testing.T, at ending) bool {
		inMemory(t)
		w := newWorld(t)
		m := w.machine(skill(map[string]string{"a.md": "a\r\nb\r\n", "b.md": "b\n"}))
		m.target.Text = manifest.TextLF
		id := m.mustPush(assetsync.Created).AssetID
		w.save(id, "a.md", "theirs\r\n")
		w.save(id, "new.md", "new of theirs\r\n")
		w.save(id, "b.md", "b of theirs\n")
		reached := m.interruptedPull(at)
		m.age()
		for _, p := range []string{"a.md", "b.md", "new.md"} {
			w.save(id, p, "again\r\n")
		}
		for range 2 {
			for _, res := range []assetsync.Result{m.pull(assetsync.PullOptions{}), m.push(assetsync.PushOptions{})} {
				if res.Error != nil {
					t.Errorf("%s\n%s", res.Outcome, describe(res))
				}
			}
		}
		w.wantLive(id, m.files())
		return reached
	})
}

// TestCutShortLink ends a pull that replaces a link at every step: what it left to
// be known by is the link.
func TestCutShortLink(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	for _, edited := range []bool{false, true} {
		t.Run(fmt.Sprint("edited ", edited), func(t *testing.T) {
			endings(t, []ending{killed, failed, heard}, func(t *testing.T, at ending) bool {
				inMemory(t)
				w := newWorld(t)
				m := w.machine(skill(map[string]string{"named.md": "named"}))
				if err := os.Symlink("named.md", filepath.Join(m.dir, "a.md")); err != nil {
					t.Fatal(err)
				}
				id := m.mustPush(assetsync.Created).AssetID
				w.save(id, "a.md", "a of theirs")
				w.save(id, "new.md", "new of theirs")
				w.save(id, "other.md", "other of theirs")
				reached := m.interruptedPull(at)
				if m.files()["a.md"] == "a of theirs" && edited {
					m.write("a.md", "what is here is made of a of theirs")
				} else {
					w.save(id, "a.md", "a again")
				}
				for _, res := range []assetsync.Result{m.pull(assetsync.PullOptions{}), m.push(assetsync.PushOptions{})} {
					if res.Error != nil || len(res.Conflicts) > 0 {
						t.Errorf("%s\n%s", res.Outcome, describe(res))
					}
				}
				here := m.files()
				for _, name := range m.clutter() {
					if !reached {
						t.Errorf("left over: %s", name)
					}
					delete(here, name) // it is swept once it is older than a run
				}
				w.wantLive(id, here)
				return reached
			})
		})
	}
}

// TestSweptByEachVerb leaves what dead runs leave, and lets a verb that writes
// come; one that only looks leaves it.
func TestSweptByEachVerb(t *testing.T) {
	tests := map[string]struct {
		verb  func(e *assetsync.Engine, m *machine) assetsync.Result
		sweep bool
	}{
		"status": {func(e *assetsync.Engine, m *machine) assetsync.Result { return e.Status(m.t.Context()) }, false},
		"push": {func(e *assetsync.Engine, m *machine) assetsync.Result {
			return e.Push(m.t.Context(), assetsync.PushOptions{})
		}, true},
		"push --dry-run": {func(e *assetsync.Engine, m *machine) assetsync.Result {
			return e.Push(m.t.Context(), assetsync.PushOptions{DryRun: true})
		}, false},
		"pull": {func(e *assetsync.Engine, m *machine) assetsync.Result {
			return e.Pull(m.t.Context(), assetsync.PullOptions{})
		}, true},
		"undo": {func(e *assetsync.Engine, m *machine) assetsync.Result {
			_, res := e.Undo(m.t.Context(), assetsync.BackOptions{})
			return res
		}, true},
		"undo --local": {func(e *assetsync.Engine, m *machine) assetsync.Result {
			_, res := e.UndoLocal(m.t.Context(), assetsync.BackOptions{})
			return res
		}, true},
		"resolve": {func(e *assetsync.Engine, m *machine) assetsync.Result {
			return e.Resolve(m.t.Context(), assetsync.ResolveOptions{Take: assetsync.Theirs})
		}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inMemory(t)
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			m.mustPush(assetsync.Created)
			copies := filepath.Join(m.state, "conflicts")
			temp := manifest.TempPrefix + "dead"
			young := manifest.TempPrefix + "young"
			for file, at := range map[string]time.Time{
				filepath.Join(m.dir, "dir", temp):                    w.now.Add(-time.Hour),
				filepath.Join(m.dir, young):                          w.now.Add(time.Hour),
				filepath.Join(copies, "demo", "0a1b2c3", temp):       w.now.Add(-time.Hour),
				filepath.Join(copies, "demo", "0a1b2c3", young):      w.now.Add(time.Hour),
				filepath.Join(copies, "demo", "0a1b2c3", "a.md"):     w.now.Add(-time.Hour),
				filepath.Join(copies, "another", "0a1b2c3", temp):    w.now.Add(-time.Hour),
				filepath.Join(m.dir, ".git", "objects", temp):        w.now.Add(-time.Hour),
				filepath.Join(m.dir, "dir", ".assetsync-tmp", "own"): w.now.Add(-time.Hour),
			} {
				if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte("x"), 0o600), os.Chtimes(file, at, at)); err != nil {
					t.Fatal(err)
				}
			}
			var res assetsync.Result
			m.engine(func(e *assetsync.Engine) { res = tt.verb(e, m) })
			if res.Error != nil {
				t.Fatal(describe(res))
			}
			for file, stays := range map[string]bool{
				filepath.Join(m.dir, "dir", temp):                    !tt.sweep,
				filepath.Join(m.dir, young):                          true,
				filepath.Join(copies, "demo", "0a1b2c3", temp):       !tt.sweep,
				filepath.Join(copies, "demo", "0a1b2c3", young):      true,
				filepath.Join(copies, "demo", "0a1b2c3", "a.md"):     true,
				filepath.Join(copies, "another", "0a1b2c3", temp):    true,
				filepath.Join(m.dir, ".git", "objects", temp):        true,
				filepath.Join(m.dir, "dir", ".assetsync-tmp", "own"): true,
			} {
				if _, err := os.Stat(file); (err == nil) != stays {
					t.Errorf("%s: %v, want it there: %v", file, err, stays)
				}
			}
		})
	}
}

// TestCutShortFirstPull lets the first pull of a machine die, which has no base
// yet: the next one goes on, whatever was edited in between.
func TestCutShortFirstPull(t *testing.T) {
	for _, edited := range []bool{false, true} {
		t.Run(fmt.Sprint("edited ", edited), func(t *testing.T) {
			w, _, id := puller(t)
			m := w.machine(nil)
			m.target.AssetID, m.target.MaxDeletes, m.target.MaxDeletePercent = id, 100, 100
			m.cutPull("dir/b.md")
			if edited {
				m.write("dir/b.md", "what is here is made of "+m.files()["dir/b.md"])
			} else {
				w.save(id, "dir/b.md", "b again")
			}
			w.remove(id, "a.md")
			want := w.live(id, 0)
			if edited {
				want["dir/b.md"] = m.files()["dir/b.md"]
			}
			m.wantInStep(id)
			w.wantLive(id, want)
		})
	}
}

// TestCutShortAndMoved settles nothing over a base that is another one by now.
func TestCutShortAndMoved(t *testing.T) {
	w, m, id := puller(t)
	m.cutPull("a.md")
	db, err := state.Open(filepath.Join(m.state, "state.db"), state.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	asset, err := db.Asset(w.space, id)
	if err != nil {
		t.Fatal(err)
	}
	moved := &manifest.Entry{Path: "a.md", ID: manifest.BlobID([]byte("moved")), Size: 5}
	asset.Base = asset.Base.With("a.md", state.Pair{Local: moved, Remote: moved})
	err = errors.Join(db.Update(func(tx state.Tx) error { return tx.PutAsset(w.space, id, asset) }), db.Close())
	if err != nil {
		t.Fatal(err)
	}
	w.save(id, "a.md", "a again")
	m.want(m.pull(assetsync.PullOptions{}), assetsync.Conflict)
	if got := m.files()["a.md"]; got != "a of theirs" {
		t.Errorf("a.md=%q", got)
	}
}

// TestPullTakesOneCommit wants a pull to write its state twice, for the intent
// and for the record, however many files it changes, and not at all when there
// is nothing to do.
func TestPullTakesOneCommit(t *testing.T) {
	for _, n := range []int{0, 1, 30} {
		t.Run(fmt.Sprint(n, " files"), func(t *testing.T) {
			inMemory(t)
			w := newWorld(t)
			m := w.machine(skill(numbered(30)))
			id := m.mustPush(assetsync.Created).AssetID
			i := 0
			for p := range numbered(30) {
				if i++; i <= n {
					w.save(id, p, "theirs "+p)
				}
			}
			before := m.transactions()
			m.pull(assetsync.PullOptions{})
			if got, want := m.transactions()-before, min(2*n, 2); got != want {
				t.Errorf("%d transactions, want %d", got, want)
			}
		})
	}
}

// transactions counts those that have written the state.
func (m *machine) transactions() (n int) {
	m.t.Helper()
	db, err := bbolt.Open(filepath.Join(m.state, "state.db"), 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		m.t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		n = tx.ID()
		return nil
	})
	if err := errors.Join(err, db.Close()); err != nil {
		m.t.Fatal(err)
	}
	return n
}
