package sync_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"assetsync/remote"
	assetsync "assetsync/sync"
)

// wasTold reports whether a result says that something was or may be lost.
func wasTold(res assetsync.Result) bool {
	return res.Error != nil || len(res.Conflicts) > 0
}

// saveByFileCall is an edit in the web app by the call that rules for
// UpdateAsset do not hit.
func (w *world) saveByFileCall(id, path, content string) {
	w.t.Helper()
	_, err := w.web().UpdateAssetFile(context.Background(), &remote.UpdateAssetFileInput{
		AgentSpaceId: &w.space.AgentSpace, AssetId: &id, Path: &path, Content: &remote.AssetFileBodyMemberText{Value: content},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// A zip in doubt, or one whose run was killed, is known for ours although the
// service rewrote its main file: what it carried over an edit is put back.
func TestRewrittenZipIsOurs(t *testing.T) {
	for _, q := range []string{"rewrite=off", "rewrite=frontmatter", "rewrite=extra-version"} {
		for _, how := range []string{"doubt", "killed"} {
			t.Run(q+" "+how, func(t *testing.T) {
				w := newWorld(t, q)
				m := w.machine(skill(fiveFiles))
				id := m.mustPush(assetsync.Created).AssetID
				changeFour(m)
				m.write("SKILL.md", skillMain+"more\n")
				var first assetsync.Result
				if how == "doubt" {
					w.fault("op=UpdateAsset,kind=reset-after")
					w.beforeWrite(func() { w.saveByFileCall(id, "b.md", "theirs") })
					first = m.push(assetsync.PushOptions{})
				} else {
					m.dieAfterWrite(1, func() { w.save(id, "b.md", "theirs") })
				}
				res := m.push(assetsync.PushOptions{})
				if got := w.live(id, 0)["b.md"]; got != "theirs" && !wasTold(res) && !wasTold(first) {
					t.Errorf("b.md=%q: %s\n%s\nfirst %s", got, res.Outcome, describe(res), describe(first))
				}
			})
		}
	}
}

// A file that was created in place, between the look and the zip of a run that
// was killed, comes back.
func TestCreatedInPlaceWhileKilled(t *testing.T) {
	w := newWorld(t, "file-create-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	m.dieAfterWrite(1, func() { w.createFile(id, "new.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["new.md"]; got != "theirs" && !wasTold(res) {
		t.Errorf("new.md=%q: %s\n%s", got, res.Outcome, describe(res))
	}
}

// A file was replaced in place, so that no listing shows it, in what a run
// published whose first try is still in doubt: the next push reads everything, and
// comes to an end.
func TestReplacedInPlaceWhileInDoubt(t *testing.T) {
	w := newWorld(t, "create-existing=overwrite", "file-create-version=keep", "timestamps=frozen")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	w.fault("op=UpdateAsset,kind=reset-before")
	m.mustPush(assetsync.Published)
	w.createFile(id, "a.md", "theirs")
	w.save(id, "e.md", "theirs, too")
	for range 2 {
		res := m.push(assetsync.PushOptions{})
		if res.Error != nil && strings.Contains(res.Error.Message, "not back yet") {
			t.Fatalf("%s: %v\n%s", res.Outcome, res.Error, describe(res))
		}
	}
	if got := w.live(id, 0)["a.md"]; got != "theirs" {
		t.Errorf("a.md=%q", got)
	}
}

// A zip that has its effect late drops what was created in place since it was
// planned: that comes back, though a run in between has seen and recorded it.
func TestLateZipBesideCreatedInPlace(t *testing.T) {
	w := newWorld(t, "file-create-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	w.fault("op=UpdateAsset,kind=late:300s")
	m.mortalPush(func(r *http.Request) (*http.Response, error) {
		res, err := w.Do(r)
		if r.Method != http.MethodGet {
			runtime.Goexit() // without an answer
		}
		return res, err
	})
	for _, p := range []string{"a.md", "c.md", "d.md", "e.md"} {
		m.write(p, "ours again")
	}
	w.createFile(id, "new.md", "theirs")
	m.mustPush(assetsync.Published)
	w.now = w.now.Add(5 * time.Minute)
	if live := w.live(id, 0); live["new.md"] != "" || live["a.md"] != "ours" {
		t.Fatalf("the late zip had no effect: %v", live)
	}
	for range 2 {
		m.push(assetsync.PushOptions{})
	}
	if live := w.live(id, 0); live["new.md"] != "theirs" || live["a.md"] != "ours again" {
		t.Errorf("%v", live)
	}
}

// A file that was deleted in place meanwhile stays deleted, also when the
// version that the run had planned on was somebody else's and never recorded.
func TestDeletedInPlaceWhileKilled(t *testing.T) {
	w := newWorld(t, "file-delete-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "extra.md", "theirs")
	changeFour(m)
	m.dieAfterWrite(1, func() { w.remove(id, "extra.md") })
	res := m.push(assetsync.PushOptions{})
	if got, live := w.live(id, 0)["extra.md"]; live {
		t.Errorf("extra.md=%q: %s\n%s", got, res.Outcome, describe(res))
	}
}

// A description that was set apart from the frontmatter, between our look and
// our zip, is put back: the zip had derived it anew.
func TestDescriptionSetMeanwhile(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	const theirs = "Set by hand in the web app while somebody pushed, with enough words in it to be a description of some length, surely."
	w.beforeWrite(func() { w.setMetadata(id, map[string]any{"description": theirs}) })
	res := m.push(assetsync.PushOptions{})
	md, _ := w.asset(id).Metadata.Map()
	if md["description"] != theirs {
		t.Errorf("description=%q: %s\n%s", md["description"], res.Outcome, describe(res))
	}
}

// A change that our write replaced, and that a third person changed again
// without having seen it, is told and kept.
func TestSupersededChangeIsTold(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	w.beforeWrite(func() {
		w.save(id, "a.md", "theirs")
		w.afterWrite(0, func() { w.save(id, "a.md", "of a third person") })
	})
	res := m.push(assetsync.PushOptions{})
	m.wantCopy(res, "theirs")
	if len(res.Conflicts) != 1 {
		t.Error(describe(res))
	}
}

// An interrupt in the middle of a write is one plain error, and the next push
// ends in step.
func TestInterruptedWrite(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	ctx, interrupt := context.WithCancel(t.Context())
	var res assetsync.Result
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodGet {
			interrupt()
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		return m.world.Do(r)
	}, func(e *assetsync.Engine) { res = e.Push(ctx, assetsync.PushOptions{}) })
	if res.Error == nil || strings.Contains(res.Error.Message, "\n") {
		t.Errorf("want one line: %s", describe(res))
	}
	m.mustPush(assetsync.Published)
	w.wantLive(id, m.files())
}

// A deletion that lost to an edit is not reported as done.
func TestDeletionThatLostIsNotClaimed(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.rm("a.md")
	w.beforeWrite(func() { w.save(id, "a.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	if w.live(id, 0)["a.md"] == "theirs" && strings.Contains(paths(res.Changes), "delete a.md") && !wasTold(res) {
		t.Errorf("says %q, a.md is live: %s\n%s", paths(res.Changes), res.Outcome, describe(res))
	}
}

// Damage to the history, which is a cache, stops no publishing.
func TestDamagedHistoryStopsNothing(t *testing.T) {
	for _, how := range []string{"truncated", "empty", "gone"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			objects := filepath.Join(m.state, "history.git", "objects")
			err := filepath.WalkDir(objects, func(name string, d os.DirEntry, err error) error {
				if err != nil || !d.Type().IsRegular() {
					return err
				}
				data, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				if err := os.Remove(name); err != nil || how == "gone" {
					return err
				}
				if how == "empty" {
					data = nil
				}
				return os.WriteFile(name, data[:len(data)/2], 0o644)
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, content := range []string{"one", "two"} {
				m.write("a.md", content)
				res := m.mustPush(assetsync.Published)
				if got := w.live(id, 0)["a.md"]; got != content {
					t.Errorf("a.md=%q", got)
				}
				if how != "gone" && !strings.Contains(strings.Join(res.Notes, "\n"), "history") {
					t.Errorf("not a word of the damage: %q", res.Notes)
				}
			}
			m.wantQuiet()
		})
	}
}

// Damage to any single object of the history leaves every version to be read:
// from the service, where history cannot give it.
func TestDamagedObjectHidesNoVersion(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	for _, content := range []string{"one", "two"} {
		m.write("a.md", content)
		m.mustPush(assetsync.Published)
	}
	objects := filepath.Join(m.state, "history.git", "objects")
	damaged := 0
	err := filepath.WalkDir(objects, func(name string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		damaged++
		damage := func(data []byte) {
			must(os.Remove(name)) // it is read-only
			must(os.WriteFile(name, data, 0o444))
		}
		damage(data[:len(data)/2])
		m.wantReadable(id)
		damage(data)
		return nil
	})
	if err != nil || damaged < 10 {
		t.Errorf("%d objects were damaged, %v", damaged, err)
	}
}

// wantReadable wants every version to be told of, whatever history has.
func (m *machine) wantReadable(id string) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) {
		log, res := e.Log(m.t.Context(), assetsync.LogOptions{Limit: 10})
		if res.Error != nil || len(log) != 3 {
			m.t.Errorf("log: %d versions\n%s", len(log), describe(res))
		}
		for version := range int32(3) {
			files, res := e.Files(m.t.Context(), version+1)
			if want := m.world.live(id, version+1)["a.md"]; res.Error != nil {
				m.t.Errorf("version %d: %s", version+1, describe(res))
			} else if got, _ := files.Content("a.md"); string(got) != want {
				m.t.Errorf("version %d: a.md=%q, want %q", version+1, got, want)
			}
			if _, res := e.Show(m.t.Context(), version+1); res.Error != nil {
				m.t.Errorf("show %d: %s", version+1, describe(res))
			}
		}
	})
}

// A run that accounts for a write in doubt reads what was published since by
// itself as one.
func TestOwnVersionsAreReadAsOne(t *testing.T) {
	calls := func(pushes int) int {
		w := newWorld(t)
		m := w.machine(skill(fiveFiles))
		m.mustPush(assetsync.Created)
		m.write("a.md", "in doubt")
		w.fault("op=UpdateAssetFile,kind=reset-before")
		m.mustPush(assetsync.Published)
		for i := range pushes {
			m.write("b.md", fmt.Sprint("save ", i))
			m.mustPush(assetsync.Published)
		}
		n := 0
		w.before = func(*http.Request) { n++ }
		m.mustPush(assetsync.Unchanged)
		return n
	}
	if few, many := calls(3), calls(9); many != few {
		t.Errorf("%d calls after 3 publishings, %d after 9", few, many)
	}
}
