package sync_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"slices"
	"strings"
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
				if res := m.push(assetsync.PushOptions{}); res.Outcome == assetsync.Conflict || toldOfMerge(res) {
					t.Errorf("the next push: %s\n%s", res.Outcome, describe(res))
				}
				m.write("SKILL.md", skillMain+"two\n")
				if res := m.mustPush(assetsync.Published); toldOfMerge(res) {
					t.Errorf("after the next edit:\n%s", describe(res))
				}
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
			if res := m.mustPush(assetsync.Published); toldOfMerge(res) {
				t.Errorf("after the next edit:\n%s", describe(res))
			}
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
	w.beforeWrite(func() {
		w.createFile(id, "new.md", "theirs")
		w.afterWrite(0, func() { w.remove(id, "new.md") })
	})
	m.wantCopy(m.push(assetsync.PushOptions{}), "theirs")
}

// wantCopy wants a conflict of which a copy holds content.
func (m *machine) wantCopy(res assetsync.Result, content string) {
	m.t.Helper()
	m.want(res, assetsync.Conflict)
	if !slices.ContainsFunc(res.Conflicts, func(c assetsync.ConflictReport) bool {
		data, err := os.ReadFile(c.Copy)
		return err == nil && string(data) == content
	}) {
		m.t.Errorf("no copy holds %q\n%s", content, describe(res))
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

// nineLines are five files of nine lines each.
func nineLines(edits ...string) map[string]string {
	files := map[string]string{}
	for p := range fiveFiles {
		files[p] = lines(edits...)
	}
	return files
}

// failProof pushes, and no look after its write is answered.
func (m *machine) failProof() {
	m.t.Helper()
	wrote := false
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodGet && wrote {
			return nil, errors.New("connection reset by peer")
		}
		wrote = wrote || r.Method != http.MethodGet
		return m.world.Do(r)
	}, func(e *assetsync.Engine) { m.want(e.Push(m.t.Context(), assetsync.PushOptions{}), assetsync.Failed) })
}

// TestMergeAfterFailedProof lets a push end before its proof, and both sides go
// on from what it published, on lines of their own: that merges.
func TestMergeAfterFailedProof(t *testing.T) {
	for _, q := range []string{"rewrite=off", "rewrite=extra-version"} {
		t.Run(q, func(t *testing.T) {
			w := newWorld(t, q)
			m := w.machine(skill(nineLines()))
			main := m.files()["SKILL.md"] + lines()
			m.write("SKILL.md", main)
			id := m.mustPush(assetsync.Created).AssetID
			writeAll(m, nineLines("1=first"))
			m.write("SKILL.md", strings.Replace(main, "one\n", "first\n", 1))
			m.failProof()
			for p, content := range w.live(id, 0) {
				w.save(id, p, strings.Replace(content, "nine\n", "theirs\n", 1))
			}
			writeAll(m, nineLines("1=second"))
			m.write("SKILL.md", strings.Replace(main, "one\n", "second\n", 1))
			m.mustPush(assetsync.Published)
			for p, content := range w.live(id, 0) {
				if !strings.Contains(content, "second\n") || !strings.Contains(content, "theirs\n") {
					t.Errorf("%s is not merged:\n%s", p, content)
				}
			}
		})
	}
}

// TestRevertWhileMerged lets a push end before its proof after it has overwritten
// somebody's line, and the file go back here to what it was before: the line of
// theirs comes back, and ours is what the file says here.
func TestRevertWhileMerged(t *testing.T) {
	w := newWorld(t)
	m, id := merging(w)
	m.write("a.md", lines("1=ours"))
	w.beforeWrite(func() { w.save(id, "a.md", lines("9=theirs")) })
	m.failProof()
	m.write("a.md", lines())
	m.mustPush(assetsync.Published)
	w.wantFile(id, "a.md", lines("9=theirs"))
	m.mustPull(assetsync.CheckedOut)
	m.wantFile("a.md", lines("9=theirs"))
}

// TestMergeOfTwoForms edits a main file on both sides that the service rewrote
// when the asset was made, on different lines.
func TestMergeOfTwoForms(t *testing.T) {
	w := newWorld(t, "rewrite=extra-version")
	m := w.machine(map[string]string{"SKILL.md": skillMain + lines()})
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "SKILL.md", strings.Replace(w.live(id, 0)["SKILL.md"], "nine\n", "theirs\n", 1))
	m.write("SKILL.md", skillMain+lines("1=ours"))
	m.mustPush(assetsync.Published)
	if live := w.live(id, 0)["SKILL.md"]; !strings.Contains(live, "ours\n") || !strings.Contains(live, "theirs\n") {
		t.Errorf("not merged:\n%s", live)
	}
}

// TestDeadZipAfterPull lets a zip that overwrote somebody's edit end before its
// proof, and a pull take its version over: it is known for ours all the same, and
// the edit comes back.
func TestDeadZipAfterPull(t *testing.T) {
	w := newWorld(t, "rewrite=frontmatter")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("SKILL.md", skillMain+"more\n")
	w.beforeWrite(func() { w.saveByFileCall(id, "b.md", "theirs") })
	m.failProof()
	m.pull(assetsync.PullOptions{})
	m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" {
		t.Errorf("b.md=%q", got)
	}
}

// TestGoneInOneListing deletes a file here while one listing lacks it too: that
// is believed of the remote when a second one agrees, or the file would come back
// as one that somebody has made.
func TestGoneInOneListing(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.rm("a.md")
	lacking := true
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		resp, err := m.world.Do(r)
		if err != nil || !lacking || path.Base(r.URL.Path) != "files" {
			return resp, err
		}
		lacking = false
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		var page struct {
			Items []map[string]any `json:"items"`
		}
		if err := json.Unmarshal(body, &page); err != nil {
			return nil, err
		}
		page.Items = slices.DeleteFunc(page.Items, func(f map[string]any) bool { return f["path"] == "a.md" })
		if body, err = json.Marshal(page); err != nil {
			return nil, err
		}
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp.Header.Set("Content-Length", fmt.Sprint(len(body)))
		return resp, nil
	}, func(e *assetsync.Engine) { e.Pull(t.Context(), assetsync.PullOptions{}) })
	m.mustPush(assetsync.Published)
	if _, live := w.live(id, 0)["a.md"]; live {
		t.Error("a.md is live")
	}
}

// TestCopyIsOfThen lets somebody change a file at the same time, which is put
// back, and a third person change it again before the run ends: the copy that is
// named holds what the first one wrote.
func TestCopyIsOfThen(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	w.beforeWrite(func() {
		w.save(id, "a.md", "theirs")
		w.afterWrite(1, func() { w.save(id, "a.md", "of a third person") }) // once it is put back
	})
	m.wantCopy(m.push(assetsync.PushOptions{}), "theirs")
}

// TestPutBackThenReplaced lets a push overwrite a file that somebody has brought back
// meanwhile, with a write in doubt. It puts theirs back, and has seen it when it
// publishes its own again, perhaps after somebody else's save of another file: that is
// not undone when the doubt is looked at later, as long as it lasts and when it ends.
func TestPutBackThenReplaced(t *testing.T) {
	for name, saved := range map[string]bool{"at once": false, "after another's save": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			for _, p := range []string{"a.md", "b.md", "new.md"} {
				m.write(p, "ours")
			}
			w.remove(id, "a.md")
			w.fault("op=UpdateAsset,nth=2,kind=reset-before")
			var writes, ours, back bool // there was one; it was live; theirs was after it
			w.before = func(r *http.Request) {
				if r.Method == http.MethodGet {
					return
				}
				if !writes {
					writes = true
					w.createFile(id, "a.md", fiveFiles["a.md"])
				}
				live := w.live(id, 0)["a.md"]
				ours = ours || live == "ours"
				if !back && ours && live == fiveFiles["a.md"] {
					back = true
					if saved {
						w.save(id, "c.md", "theirs")
					}
				}
			}
			m.mustPush(assetsync.Published)
			w.before = nil
			if !back {
				t.Error("theirs was not put back")
			}
			want := m.files()
			if saved {
				want["c.md"] = "theirs"
			}
			for range 2 {
				res := m.push(assetsync.PushOptions{})
				if res.Outcome != assetsync.Unchanged || len(res.Conflicts) > 0 || slices.ContainsFunc(res.Notes, func(n string) bool { return strings.Contains(n, "overwr") }) {
					t.Errorf("the next push: %s\n%s", res.Outcome, describe(res))
				}
				w.wantLive(id, want)
				w.now = w.now.Add(time.Hour)
			}
		})
	}
}
