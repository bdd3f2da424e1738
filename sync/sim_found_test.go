package sync_test

import (
	"net/http"
	"os"
	"slices"
	"testing"
	"time"

	assetsync "assetsync/sync"
)

// What simulations have found, each as the shortest story of it.

// TestRewrittenIsSettled lets a push end between its write and its proof on a
// service that rewrites the main file: nobody else changed it, so it is no
// conflict, neither at once nor after the next edit.
func TestRewrittenIsSettled(t *testing.T) {
	for _, q := range []string{"rewrite=frontmatter", "rewrite=extra-version"} {
		for _, how := range []string{"refused", "killed"} {
			t.Run(q+", "+how, func(t *testing.T) {
				w := newWorld(t, q)
				m := w.machine(skill(fiveFiles))
				id := m.mustPush(assetsync.Created).AssetID
				m.write("SKILL.md", skillMain+"one\n")
				if how == "killed" {
					m.dieAfterWrite(1, func() { w.save(id, "a.md", "theirs") })
				} else {
					w.beforeWrite(func() {
						w.save(id, "a.md", "theirs")
						w.fault("op=GetAsset,kind=expired-token")
					})
					m.push(assetsync.PushOptions{})
				}
				if res := m.push(assetsync.PushOptions{}); res.Outcome == assetsync.Conflict {
					t.Errorf("the next push: %s\n%s", res.Outcome, describe(res))
				}
				m.write("SKILL.md", skillMain+"two\n")
				m.mustPush(assetsync.Published)
			})
		}
	}
}

// TestPutBackIsOurs lets somebody overwrite what a push has just published, and
// put it back as the service had made it: it is still what was published, and
// no change of theirs.
func TestPutBackIsOurs(t *testing.T) {
	for _, q := range []string{"rewrite=off", "rewrite=frontmatter", "rewrite=extra-version"} {
		t.Run(q, func(t *testing.T) {
			w := newWorld(t, q)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			old, made := w.live(id, 0)["SKILL.md"], ""
			m.write("SKILL.md", skillMain+"one\n")
			w.afterWrite(1, func() {
				made = w.live(id, 0)["SKILL.md"]
				w.save(id, "SKILL.md", old)
			})
			m.mustPush(assetsync.Published)
			w.save(id, "SKILL.md", made)
			m.write("SKILL.md", skillMain+"two\n")
			m.mustPush(assetsync.Published)
		})
	}
}

// TestReplacedAfterDeath lets a push die after its write, and somebody go on
// from there: the machine has changed nothing since, so it is no conflict.
func TestReplacedAfterDeath(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.dieAfterWrite(1, func() {})
	w.save(id, "a.md", "ours, and theirs")
	if res := m.push(assetsync.PushOptions{}); res.Outcome != assetsync.Unchanged || len(res.Pending) != 1 {
		t.Errorf("the next push: %s\n%s", res.Outcome, describe(res))
	}
	m.mustPull(assetsync.CheckedOut)
	w.wantLive(id, m.files())
}

// TestBothChangedWhileDead is the other order: somebody has changed the file
// before the write of the push that died. It stays a conflict.
func TestBothChangedWhileDead(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.dieAfterWrite(1, func() { w.save(id, "a.md", "theirs") })
	if res := m.push(assetsync.PushOptions{}); res.Outcome != assetsync.Conflict || w.live(id, 0)["a.md"] != "theirs" {
		t.Errorf("the next push: %s, a.md=%q\n%s", res.Outcome, w.live(id, 0)["a.md"], describe(res))
	}
}

// TestPutBackForDead lets a push end before its proof, and another machine
// overwrite the file by a zip and put it back: it stays.
func TestPutBackForDead(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.dieAfterWrite(1, func() {})
	w.save(id, "a.md", fiveFiles["a.md"])
	w.save(id, "a.md", "ours")
	for range 2 {
		m.push(assetsync.PushOptions{})
		m.pull(assetsync.PullOptions{})
	}
	if live, here := w.live(id, 0)["a.md"], m.files()["a.md"]; live != "ours" || here != "ours" {
		t.Errorf("a.md is %q live and %q here, want ours", live, here)
	}
}

// TestCreatedBetweenWrites lets somebody make a file in the version that the
// first of two calls made, which raises no version, before the second replaces
// it.
func TestCreatedBetweenWrites(t *testing.T) {
	for _, q := range []string{"file-version=last-change", "file-version=asset"} {
		t.Run(q, func(t *testing.T) {
			w := newWorld(t, q, "file-create-version=keep")
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.write("a.md", "ours")
			m.write("new.md", "ours")
			var res assetsync.Result
			writes := 0
			m.engineWith(func(r *http.Request) (*http.Response, error) {
				resp, err := m.world.Do(r)
				if r.Method != http.MethodGet {
					if writes++; writes == 1 {
						w.createFile(id, "new.md", "theirs")
					}
				}
				return resp, err
			}, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
			m.want(res, assetsync.Conflict)
			if got := w.live(id, 0)["new.md"]; got != "theirs" {
				t.Errorf("new.md=%q\n%s", got, describe(res))
			}
		})
	}
}

// TestPullAfterDeath lets a push die before its proof, and somebody go on from
// what it published: a pull knows that for its own, as the next push would.
func TestPullAfterDeath(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.dieAfterWrite(1, func() {})
	w.save(id, "a.md", "ours, and theirs")
	if res := m.status(); len(res.Conflicts) > 0 || len(res.Pending) != 1 {
		t.Errorf("status: %s", describe(res))
	}
	m.mustPull(assetsync.CheckedOut)
	w.wantLive(id, m.files())
}

// TestOverwrittenAndDeletedInPlace lets a zip replace a file that was made in
// place, and somebody delete it from the zip's version, where neither raises a
// version: nobody has what was replaced, so it is told and kept.
func TestOverwrittenAndDeletedInPlace(t *testing.T) {
	w := newWorld(t, "file-create-version=keep", "file-delete-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	m.write("new.md", "ours")
	w.beforeWrite(func() { w.createFile(id, "new.md", "theirs") })
	wrote := false
	var res assetsync.Result
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		resp, err := m.world.Do(r)
		if r.Method != http.MethodGet && !wrote {
			wrote = true
			w.remove(id, "new.md")
		}
		return resp, err
	}, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
	m.want(res, assetsync.Conflict)
	if !slices.ContainsFunc(res.Conflicts, func(c assetsync.ConflictReport) bool {
		data, err := os.ReadFile(c.Copy)
		return err == nil && string(data) == "theirs"
	}) {
		t.Error("no copy of what was overwritten", describe(res))
	}
}

// TestTakenFromDead lets a zip that replaced somebody's edit end before its
// proof, and somebody delete a file from its version in place: it is still known
// for ours, and the edit comes back.
func TestTakenFromDead(t *testing.T) {
	w := newWorld(t, "file-delete-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	m.dieAfterWrite(1, func() { w.saveByFileCall(id, "b.md", "theirs") }) // which the zip carries
	w.remove(id, "a.md")
	m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" {
		t.Errorf("b.md=%q", got)
	}
}

// TestOldVersionInTwoForms goes back to a version whose main file is as it was
// sent, before the service rewrote it: what is here has changed since, and there
// it has not.
func TestOldVersionInTwoForms(t *testing.T) {
	w := newWorld(t, "rewrite=extra-version")
	m := w.machine(skill(fiveFiles))
	m.mustPush(assetsync.Created)
	m.write("SKILL.md", skillMain+"more\n")
	if res := m.pull(assetsync.PullOptions{Version: 1}); len(res.Conflicts) > 0 {
		t.Error(describe(res))
	}
}

// TestLateIsNoneOfTheDead looks for the zip of a run that was cut short among
// the versions of a later run, which others have changed since: what they deleted
// stays deleted.
func TestLateIsNoneOfTheDead(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	w.fault("op=UpdateAsset,kind=503")
	w.beforeWrite(func() {
		w.createFile(id, "new.md", "theirs")
		w.remove(id, "b.md")
	})
	m.push(assetsync.PushOptions{})
	w.now = w.now.Add(20 * time.Minute)
	w.remove(id, "new.md")
	m.push(assetsync.PushOptions{})
	if got, live := w.live(id, 0)["new.md"]; live {
		t.Errorf("new.md=%q is back", got)
	}
}

// TestLateInTwoForms lets a write that was not answered have its effect after it
// was sent again, on a service that rewrites it each time: that is our own.
func TestLateInTwoForms(t *testing.T) {
	w := newWorld(t, "rewrite=extra-version")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("SKILL.md", skillMain+"more\n")
	since := w.wrote()
	w.fault("op=UpdateAsset,kind=late:16")
	w.fault("op=UpdateAssetFile,kind=late:16")
	res := m.push(assetsync.PushOptions{})
	m.want(res, assetsync.Published)
	if n := len(w.writes(since)); n != 4 { // two, each rewritten
		t.Errorf("%d writes: %q\n%s\nlive %q", n, w.writes(since), describe(res), w.live(id, 0)["SKILL.md"])
	}
}
