package sync_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assetsync/remote"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

var fiveFiles = map[string]string{"a.md": "a", "b.md": "b", "c.md": "c", "d.md": "d", "e.md": "e"}

func changeFour(m *machine) {
	for _, p := range []string{"a.md", "c.md", "d.md", "e.md"} {
		m.write(p, "ours")
	}
}

func (w *world) createFile(id, path, content string) {
	w.t.Helper()
	_, err := w.web().CreateAssetFile(context.Background(), &remote.CreateAssetFileInput{
		AgentSpaceId: &w.space.AgentSpace, AssetId: &id, Path: &path, Content: &remote.AssetFileBodyMemberText{Value: content},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// afterWrite runs f once, right after the nth write of a machine was answered
// (that is, before the first GET after it).
func (w *world) afterWrite(n int, f func()) {
	writes := 0
	w.before = func(r *http.Request) {
		if r.Method != http.MethodGet {
			writes++
			return
		}
		if writes >= n {
			w.before = nil
			f()
		}
	}
}

// Killed between the zip and its proof, with somebody's edit in between: the
// edit is overwritten and nobody ever says so.
func TestKilledBetweenZipAndProof(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	writes, dead := 0, false
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		if dead {
			return nil, errKilled
		}
		if r.Method != http.MethodGet {
			writes++
			w.save(id, "b.md", "theirs")
			dead = true
			if _, err := m.world.Do(r); err != nil {
				return nil, err
			}
			return nil, errKilled
		}
		return m.world.Do(r)
	}, func(e *assetsync.Engine) { e.Push(t.Context(), assetsync.PushOptions{}) })
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" && (res.Error == nil) {
		t.Errorf("theirs is gone (b.md=%q) and the next push says %s, no word of it\n%s", got, res.Outcome, describe(res))
	}
}

// A fault at the repair: the "lost" knowledge is dropped by the replan.
func TestFaultWhileRepairing(t *testing.T) {
	for _, kind := range []string{"reset-before", "500", "throttle", "denied"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			changeFour(m)
			w.beforeWrite(func() { w.save(id, "b.md", "theirs") })
			w.fault("op=UpdateAssetFile,kind=" + kind)
			res := m.push(assetsync.PushOptions{})
			again := m.push(assetsync.PushOptions{})
			if got := w.live(id, 0)["b.md"]; got != "theirs" {
				t.Errorf("b.md=%q; first push: %s\n%s second push: %s\n%s", got, res.Outcome, describe(res), again.Outcome, describe(again))
			}
		})
	}
}

// Somebody writes before each of our writes: after 3 rounds the loss is
// swallowed by the outer loop.
func TestEveryRoundIsInterleaved(t *testing.T) {
	for n := range 7 {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			changeFour(m)
			i := 0
			w.before = func(r *http.Request) {
				if r.Method != http.MethodGet && i < n {
					i++
					w.save(id, "b.md", fmt.Sprintf("theirs %d", i))
				}
			}
			res := m.push(assetsync.PushOptions{})
			w.before = nil
			if got := w.live(id, 0)["b.md"]; n > 0 && got != fmt.Sprintf("theirs %d", i) && res.Error == nil {
				t.Errorf("b.md=%q after %d edits; %s\n%s", got, i, res.Outcome, describe(res))
			}
		})
	}
}

// A stale trusted listing entry, and a zip after one GetAssetContent:
// the carried file becomes EMPTY.
func TestCarriedFileKeepsItsBytes(t *testing.T) {
	w := newWorld(t, "create-existing=overwrite", "file-create-version=keep", "timestamps=frozen")
	m := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b", "c.md": "c", "d.md": "d", "e.md": "e", "f.md": "f", "g.md": "g", "h.md": "h"}))
	id := m.mustPush(assetsync.Created).AssetID
	w.createFile(id, "b.md", "theirs") // in place: neither version nor time moves
	for _, p := range []string{"e.md", "f.md", "g.md", "h.md"} {
		w.save(id, p, "theirs")
	}
	for _, p := range []string{"a.md", "c.md", "d.md", "new.md"} {
		m.write(p, "ours")
	}
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" {
		t.Errorf("b.md=%q, want theirs: %s\n%s", got, res.Outcome, describe(res))
	}
}

// The same staleness without other edits: zip pushes never work again.
func TestStaleListingIsReadAgain(t *testing.T) {
	w := newWorld(t, "create-existing=overwrite", "file-create-version=keep", "timestamps=frozen")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.createFile(id, "b.md", "theirs")
	changeFour(m)
	for range 3 {
		res := m.push(assetsync.PushOptions{})
		if res.Error != nil {
			t.Errorf("%s\n%s", res.Outcome, describe(res))
		}
	}
}

// Edit + delete where a delete makes no version: their edit of the same
// file, made between look and write, is taken for the version of our delete.
func TestSilentDeleteHidesNothing(t *testing.T) {
	w := newWorld(t, "file-delete-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.rm("c.md")
	w.beforeWrite(func() { w.save(id, "a.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	if len(res.Conflicts) == 0 {
		t.Errorf("a.md=%q, no conflict: %s versions %v\n%s", w.live(id, 0)["a.md"], res.Outcome, res.Versions, describe(res))
	}
}

// An in-place overwrite of what we just sent, before the read-back, is
// taken for a rewriting by the service and later overwritten.
func TestReadBackIsCompared(t *testing.T) {
	w := newWorld(t, "create-existing=overwrite", "file-create-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	w.afterWrite(1, func() { w.createFile(id, "a.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	m.write("a.md", "ours 2")
	again := m.push(assetsync.PushOptions{})
	if len(res.Conflicts)+len(again.Conflicts)+len(res.Pending) == 0 {
		t.Errorf("theirs was overwritten without a word: a.md=%q\nfirst %s\n%ssecond %s\n%s", w.live(id, 0)["a.md"], res.Outcome, describe(res), again.Outcome, describe(again))
	}
}

// The service stores something else than what was sent.
func TestCorruptedContentIsTold(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	m.mustPush(assetsync.Created)
	m.write("a.md", "a long text of ours")
	var res assetsync.Result
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodPatch {
			body, _ := io.ReadAll(r.Body)
			body = bytes.Replace(body, []byte("a long text of ours"), []byte("a lon"), 1)
			r.Body = io.NopCloser(bytes.NewReader(body))
			r.ContentLength = int64(len(body))
		}
		return m.world.Do(r)
	}, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
	if res.Error == nil {
		t.Errorf("what is live differs from what was sent, and the push says %s\n%s", res.Outcome, describe(res))
	}
}

// After our write they change the file and change it back to just what we
// sent, before the read-back: we publish their abandoned state.
func TestTheyUndo(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	w.afterWrite(1, func() { w.save(id, "a.md", "oops"); w.save(id, "a.md", "ours") })
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["a.md"]; got != "ours" {
		t.Errorf("a.md=%q: their abandoned state was published\n%s", got, describe(res))
	}
}

// Attachment: a pending file of theirs, and our derived size is published
// over their metadata.
func TestDerivedMetadataOfPendingFile(t *testing.T) {
	w := newWorld(t)
	m := w.machine(nil)
	m.target.Type = "attachment"
	m.target.Path = filepath.Join(m.dir, "map.png")
	m.target.Metadata = map[string]any{}
	m.write("map.png", "1234")
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "map.png", "123456789")
	w.setMetadata(id, map[string]any{"size": 9})
	before := w.wrote()
	res := m.push(assetsync.PushOptions{})
	md, _ := w.asset(id).Metadata.Map()
	if w.wrote() != before || fmt.Sprint(md["size"]) != "9" {
		t.Errorf("wrote %q; size %v for a file of 9 bytes\n%s", w.writes(before), md["size"], describe(res))
	}
}

// Single-file type, several files on the remote: pull gives all of them
// the one local name.
func TestSingleFilePullOfSeveral(t *testing.T) {
	for _, have := range []bool{true, false} {
		t.Run(fmt.Sprint("local file there ", have), func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(nil)
			m.target.Type = "attachment"
			m.target.Path = filepath.Join(m.dir, "map.md")
			m.target.Metadata = map[string]any{}
			m.write("map.md", "map")
			m.mustPush(assetsync.Created)
			// The emulator refuses a second file; the real service need not.
			rw := func(r *http.Request) (*http.Response, error) {
				resp, err := m.world.Do(r)
				if err != nil {
					return resp, err
				}
				body, _ := io.ReadAll(resp.Body)
				if strings.HasSuffix(r.URL.Path, "/files") {
					body = bytes.Replace(body, []byte(`{"items":[`), []byte(`{"items":[{"path":"Aside.md","version":1,"createdAt":1780920000,"updatedAt":1780920000},`), 1)
				}
				if strings.HasSuffix(r.URL.Path, "/files/Aside.md") {
					body = []byte(`{"file":{"path":"Aside.md","content":{"text":"aside"},"version":1,"createdAt":1780920000,"updatedAt":1780920000}}`)
					resp.StatusCode = 200
				}
				resp.Header.Del("x-amzn-errortype")
				resp.Body = io.NopCloser(bytes.NewReader(body))
				resp.ContentLength = int64(len(body))
				resp.Header.Set("Content-Length", fmt.Sprint(len(body)))
				return resp, nil
			}
			if !have {
				m.rm("map.md")
			}
			var res assetsync.Result
			m.engineWith(rw, func(e *assetsync.Engine) { res = e.Pull(t.Context(), assetsync.PullOptions{}) })
			if got := m.files()["map.md"]; got != "map" {
				t.Errorf("map.md=%q\n%s", got, describe(res))
			}
			if res.Error != nil {
				t.Errorf("%s\n%s", res.Outcome, describe(res))
			}
			before := w.wrote()
			m.engineWith(rw, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
			if w.wrote() != before {
				t.Errorf("push wrote %q\n%s", w.writes(before), describe(res))
			}
		})
	}
}

// Pull --version N without a directory, then push.
func TestPullOldVersionIntoNothing(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		t.Run(fmt.Sprint("fresh machine ", fresh), func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.write("a.md", "newer")
			m.write("added.md", "added")
			m.mustPush(assetsync.Published)
			if fresh {
				m = w.machine(nil)
				m.target.AssetID = id
			} else if err := os.RemoveAll(m.dir); err != nil {
				t.Fatal(err)
			}
			m.want(m.pull(assetsync.PullOptions{Version: 1}), assetsync.CheckedOut)
			res := m.push(assetsync.PushOptions{})
			if res.Outcome != assetsync.Published {
				t.Errorf("push of the old version: %s\n%s", res.Outcome, describe(res))
			}
		})
	}
}

// Pull --version N where a file was deleted or edited here and is the
// same in N as in the base: nothing is said.
func TestPullVersionLeavesLocalChanges(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	m.mustPush(assetsync.Created)
	m.write("e.md", "E")
	m.mustPush(assetsync.Published)
	m.rm("a.md")
	m.write("b.md", "edited")
	res := m.pull(assetsync.PullOptions{Version: 1})
	if m.files()["a.md"] == "" && len(res.Conflicts) == 0 && len(res.Notes) == 0 {
		t.Errorf("asked for version 1, %s, and the directory is not version 1: %v\n%s", res.Outcome, m.files(), describe(res))
	}
}

// Rename a -> a/b goes by file calls, deletes last.
func TestFileBecomesDirectory(t *testing.T) {
	for _, back := range []bool{false, true} {
		w := newWorld(t)
		start := map[string]string{"a.md": "x"}
		if back {
			start = map[string]string{"a.md/b.md": "x"}
		}
		m := w.machine(skill(start))
		id := m.mustPush(assetsync.Created).AssetID
		if err := os.RemoveAll(filepath.Join(m.dir, "a.md")); err != nil {
			t.Fatal(err)
		}
		if !back {
			m.write("a.md/b.md", "x")
		} else {
			m.write("a.md", "x")
		}
		res := m.push(assetsync.PushOptions{})
		if res.Outcome != assetsync.Published {
			t.Errorf("back=%v: %s\n%s", back, res.Outcome, describe(res))
			again := m.push(assetsync.PushOptions{})
			t.Logf("again: %s\n%s", again.Outcome, describe(again))
		}
		w.wantLive(id, m.files())
	}
}

// Single file that an ignore rule matches is never published again.
func TestIgnoredSingleFile(t *testing.T) {
	w := newWorld(t)
	m := w.machine(nil)
	m.target.Type = "attachment"
	m.target.Path = filepath.Join(m.dir, "README.md")
	m.target.Metadata = map[string]any{}
	m.target.Ignore = []string{"README.md"}
	m.write("README.md", "one")
	id := m.mustPush(assetsync.Created).AssetID
	m.write("README.md", "three")
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["README.md"]; got != "three" {
		md, _ := w.asset(id).Metadata.Map()
		t.Errorf("live %q, size %v: %s\n%s", got, md["size"], res.Outcome, describe(res))
	}
}

// Intents pile up when creating or publishing keeps failing.
func TestIntentsDoNotPileUp(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	w.fault("op=CreateAsset,kind=denied,count=all")
	for range 30 {
		m.push(assetsync.PushOptions{})
	}
	db, err := state.Open(filepath.Join(m.state, "state.db"), state.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	target, err := db.Target(w.space, "demo")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(target.Intents); n > 3 {
		t.Errorf("%d intents, the oldest until %s, now %s", n, target.Intents[0].Until, w.now)
	}
}

// Partial failure: the second of three calls is refused.
func TestPartialFailureTellsWhatItDid(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.write("b.md", "ours")
	w.fault("op=UpdateAssetFile,nth=2,kind=denied")
	res := m.push(assetsync.PushOptions{})
	if res.Published == assetsync.ByNothing || len(res.Versions) == 0 {
		t.Errorf("a.md=%q is live, the result says published %q, versions %v, version %d\n%s", w.live(id, 0)["a.md"], res.Published, res.Versions, res.Version, describe(res))
	}
	st := m.status()
	for _, n := range st.Notes {
		if strings.Contains(n, "not answered") {
			t.Errorf("every call was answered, status says: %s", n)
		}
	}
}

// The read-back fails: what was published is denied.
func TestReadBackFails(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	w.fault("op=GetAsset,nth=2,count=all,kind=500")
	res := m.push(assetsync.PushOptions{})
	if w.server == nil || res.Published == assetsync.ByNothing {
		t.Errorf("a.md is published (%s); result: %s published %q versions %v", id, res.Outcome, res.Published, res.Versions)
	}
}

// Quirks of missing files, with somebody deleting in between.
func TestMissingReadings(t *testing.T) {
	for _, q := range []string{"update-missing=validation", "update-missing=create", "update-missing=not-found"} {
		t.Run(q, func(t *testing.T) {
			w := newWorld(t, q)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.write("a.md", "ours")
			w.beforeWrite(func() { w.remove(id, "a.md") })
			res := m.push(assetsync.PushOptions{})
			if res.Outcome != assetsync.Published {
				t.Errorf("%s\n%s", res.Outcome, describe(res))
			}
		})
	}
	for _, q := range []string{"delete-missing=validation", "delete-missing=ok", "delete-missing=not-found"} {
		t.Run(q, func(t *testing.T) {
			w := newWorld(t, q)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.rm("a.md")
			w.beforeWrite(func() { w.remove(id, "a.md") })
			res := m.push(assetsync.PushOptions{})
			if res.Error != nil {
				t.Errorf("%s\n%s", res.Outcome, describe(res))
			}
		})
	}
}

// Create, with each rewriting.
func TestCreateUnderQuirks(t *testing.T) {
	for _, q := range []string{"rewrite=frontmatter", "rewrite=extra-version", "version-step=3", "file-version=asset", "timestamps=frozen", "timestamps=seconds", "text-readback=bytes", "read-zip=uploaded"} {
		t.Run(q, func(t *testing.T) {
			w := newWorld(t, q)
			m := w.machine(skill(fiveFiles))
			res := m.push(assetsync.PushOptions{})
			if res.Outcome != assetsync.Created {
				t.Fatalf("%s\n%s", res.Outcome, describe(res))
			}
			for _, n := range res.Notes {
				if strings.Contains(n, "somebody else") {
					t.Errorf("note %q", n)
				}
			}
			m.wantQuiet()
			m.write("SKILL.md", skillMain+"more\n")
			m.mustPush(assetsync.Published)
			m.wantQuiet()
			m.write("SKILL.md", skillMain+"more\n\nand more\n")
			m.write("a.md", "2")
			m.rm("b.md")
			m.mustPush(assetsync.Published)
			m.wantQuiet()
		})
	}
}

// An edit right after the creation.
func TestEditRightAfterCreate(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	made := false
	w.before = func(r *http.Request) {
		if r.Method == http.MethodPost {
			made = true
			return
		}
		if made && strings.Contains(r.URL.Path, "/assets/") {
			w.before = nil
			id := strings.Split(r.URL.Path, "/")[5]
			w.save(id, "b.md", "theirs")
		}
	}
	res := m.push(assetsync.PushOptions{})
	if res.Outcome != assetsync.Created || len(res.Conflicts) > 0 {
		t.Errorf("%s\n%s", res.Outcome, describe(res))
	}
}

// A template's token gives back an asset that has another name by now.
func TestTokenOfRenamedAsset(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	first := m.mustPush(assetsync.Created).AssetID
	m.write("SKILL.md", strings.Replace(skillMain, "name: demo", "name: fresh", 1))
	m.target.RenamedFrom = "demo"
	m.mustPush(assetsync.Published)
	other := w.machine(skill(fiveFiles)) // the template again, on another machine
	res := other.push(assetsync.PushOptions{})
	if res.AssetID == first {
		t.Errorf("the target named demo was bound to asset %s, whose name is fresh: %s\n%s", first, res.Outcome, describe(res))
	}
}
