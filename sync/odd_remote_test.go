package sync_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assetsync/diff"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// A zip that was given up executes late, over an edit made since.
func TestLateZipOverForeignEdit(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	changeFour(m)
	w.fault("op=UpdateAsset,kind=late:60")
	m.mustPush(assetsync.Published)
	w.save(id, "b.md", "theirs")
	for range 80 {
		w.asset(id)
	}
	res := m.push(assetsync.PushOptions{})
	again := m.pull(assetsync.PullOptions{})
	if got := w.live(id, 0)["b.md"]; got != "theirs" && res.Error == nil && again.Error == nil {
		t.Errorf("b.md=%q; push %s\n%s pull %s\n%s", got, res.Outcome, describe(res), again.Outcome, describe(again))
	}
}

func rewriteList(w *world, f func(path string, body []byte) []byte) doer {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := w.Do(r)
		if err != nil || r.Method != http.MethodGet {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		if out := f(r.URL.Path, body); !bytes.Equal(out, body) {
			body, resp.StatusCode, resp.Status = out, 200, "200 OK"
			resp.Header.Del("X-Amzn-Errortype")
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		resp.ContentLength = int64(len(body))
		resp.Header.Set("Content-Length", fmt.Sprint(len(body)))
		return resp, nil
	}
}

// Names in the remote listing.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{"../../etc/x", "/abs", "a//b", "a b (1).md", "ä.md", "a\\b", "CON", "a.md/x", "A.md", ".git/config", ".assetsync/state.db", strings.Repeat("x", 600)} {
		t.Run(name[:min(20, len(name))], func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a"}))
			id := m.mustPush(assetsync.Created).AssetID
			quoted, _ := json.Marshal(name)
			do := rewriteList(w, func(path string, body []byte) []byte {
				if strings.HasSuffix(path, "/files") {
					return bytes.Replace(body, []byte(`{"items":[`), []byte(`{"items":[{"path":`+string(quoted)+`,"version":1,"createdAt":1780920000,"updatedAt":1780920000},`), 1)
				}
				if strings.Contains(path, "/files/") && !strings.HasSuffix(path, "SKILL.md") && !strings.HasSuffix(path, "/a.md") {
					return []byte(`{"file":{"path":` + string(quoted) + `,"content":{"text":"evil"},"version":1,"createdAt":1780920000,"updatedAt":1780920000}}`)
				}
				return body
			})
			m.write("a.md", "ours")
			var push, pull, st assetsync.Result
			m.engineWith(do, func(e *assetsync.Engine) { st = e.Status(t.Context()) })
			m.engineWith(do, func(e *assetsync.Engine) { push = e.Push(t.Context(), assetsync.PushOptions{}) })
			m.engineWith(do, func(e *assetsync.Engine) { pull = e.Pull(t.Context(), assetsync.PullOptions{}) })
			for verb, res := range map[string]assetsync.Result{"status": st, "push": push, "pull": pull} {
				if res.Error != nil {
					t.Errorf("%s: %s", verb, describe(res))
				}
			}
			if got := w.live(id, 0)["a.md"]; got != "ours" {
				t.Errorf("one odd name on the remote, and nothing can be published: a.md=%q", got)
			}
		})
	}
}

// A listing of very many files, all of them below another file.
func TestManyFiles(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a"}))
	id := m.mustPush(assetsync.Created).AssetID
	var items strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&items, `{"path":"d/%d","version":1,"createdAt":1780920000,"updatedAt":1780920000},`, i)
	}
	items.WriteString(`{"path":"d","version":1,"createdAt":1780920000,"updatedAt":1780920000},`)
	do := rewriteList(w, func(path string, body []byte) []byte {
		if strings.HasSuffix(path, "/files") {
			return bytes.Replace(body, []byte(`{"items":[`), []byte(`{"items":[`+items.String()), 1)
		}
		return body
	})
	m.write("a.md", "ours")
	var res assetsync.Result
	m.engineWith(do, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
	m.want(res, assetsync.Published)
	if len(res.Notes) > 10 {
		t.Errorf("%d notes", len(res.Notes))
	}
	if got := w.live(id, 0)["a.md"]; got != "ours" {
		t.Errorf("a.md=%q", got)
	}
}

// A server that ignores the type filter.
func TestListIgnoresFilter(t *testing.T) {
	w := newWorld(t)
	m := w.machine(map[string]string{"AGENT.md": "You are.\n"})
	m.target.Type = "custom_agent"
	m.target.Metadata = map[string]any{"name": "demo"}
	agent := m.mustPush(assetsync.Created).AssetID
	s := w.machine(skill(nil))
	var res assetsync.Result
	s.engineWith(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/assets") {
			r.URL.RawQuery = ""
		}
		return w.Do(r)
	}, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
	if res.AssetID == agent {
		t.Errorf("a skill was bound to a custom_agent: %s\n%s", res.Outcome, describe(res))
	}
}

// Log after the asset was deleted and made anew.
func TestLogAfterRecreate(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "second of the old asset")
	m.mustPush(assetsync.Published)
	w.deleteAsset(id)
	res := m.push(assetsync.PushOptions{Consent: assetsync.Consent{Empty: true}})
	m.want(res, assetsync.Created)
	w.save(res.AssetID, "e.md", "theirs")
	var log []assetsync.VersionReport
	m.engine(func(e *assetsync.Engine) { log, res = e.Log(t.Context(), 10) })
	if len(log) > 0 && paths(log[0].Changes) != "update e.md" {
		t.Errorf("version 2 changed e.md alone, the log says %q by %s", paths(log[0].Changes), log[0].By)
	}
}

// An intent of a create that never worked stays for ever.
func TestIntentsEnd(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	w.fault("op=CreateAsset,kind=denied,count=all")
	for range 10 {
		m.push(assetsync.PushOptions{})
		w.now = w.now.Add(time.Hour)
	}
	db, err := state.Open(filepath.Join(m.state, "state.db"), state.Owner{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	target, _ := db.Target(w.space, "demo")
	if n := len(target.Intents); n > 1 {
		t.Errorf("%d intents of runs that ended hours ago", n)
	}
}

// Conflicts repeated: stable, no writes of state or copies.
func TestConflictIsStable(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "theirs")
	m.write("a.md", "ours")
	m.push(assetsync.PushOptions{})
	m.pull(assetsync.PullOptions{})
	sum := func() string {
		data, _ := os.ReadFile(filepath.Join(m.state, "state.db"))
		n := 0
		filepath.WalkDir(m.state, func(string, os.DirEntry, error) error { n++; return nil })
		return fmt.Sprintf("%x %d", len(data), n)
	}
	before, _ := os.ReadFile(filepath.Join(m.state, "state.db"))
	s := sum()
	for range 3 {
		m.push(assetsync.PushOptions{})
		m.pull(assetsync.PullOptions{})
		m.status()
	}
	after, _ := os.ReadFile(filepath.Join(m.state, "state.db"))
	if !bytes.Equal(before, after) || s != sum() {
		t.Errorf("state is written by runs that learn nothing")
	}
	for i := range 5 {
		w.save(id, "b.md", fmt.Sprint(i))
		m.push(assetsync.PushOptions{})
	}
	n := 0
	filepath.WalkDir(filepath.Join(m.state, "conflicts"), func(p string, d os.DirEntry, err error) error {
		if d != nil && !d.IsDir() {
			n++
		}
		return nil
	})
	if n > 2 {
		t.Errorf("%d copies of one and the same conflicting content", n)
	}
}

// A conflict that the proof finds leaves no copy of their bytes.
func TestConflictOfProofHasACopy(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	w.beforeWrite(func() { w.save(id, "a.md", "theirs") })
	res := m.push(assetsync.PushOptions{})
	if len(res.Conflicts) != 1 || res.Conflicts[0].Copy == "" {
		t.Errorf("%s", describe(res))
	}
}

// In-place deletion between look and keepDeleted, history gone.
func TestDeletedMeanwhile(t *testing.T) {
	w := newWorld(t, "file-delete-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	if err := os.RemoveAll(filepath.Join(m.state, "history.git")); err != nil {
		t.Fatal(err)
	}
	m.rm("a.md")
	gets := 0
	w.before = func(r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/files") {
			gets++
			return
		}
		if gets == 1 {
			w.before = nil
			w.remove(id, "a.md")
		}
	}
	res := m.push(assetsync.PushOptions{})
	if res.Error != nil {
		t.Errorf("%s\n%s", res.Outcome, describe(res))
	}
}

// Two metadata conflicts are called files.
func TestMetadataConflictIsNoFile(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(nil))
	id := m.mustPush(assetsync.Created).AssetID
	m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}}
	w.beforeWrite(func() { w.setMetadata(id, map[string]any{"agent_types": []any{"PREVENTION"}}) })
	res := m.push(assetsync.PushOptions{})
	if strings.Contains(res.Error.Message, "1 file ") {
		t.Error(res.Error.Message)
	}
}

// The tree vanishes between plan and read; between create and proof.
func TestVanish(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	for n := 1; n < 8; n++ {
		changeFour(m)
		for p := range fiveFiles {
			m.write(p, fmt.Sprint(n))
		}
		m.write("SKILL.md", skillMain)
		calls := 0
		w.before = func(*http.Request) {
			if calls++; calls == n {
				os.RemoveAll(m.dir)
			}
		}
		res := m.push(assetsync.PushOptions{})
		w.before = nil
		if got := w.live(id, 0); len(got) != 6 {
			t.Errorf("call %d: live %v, %s", n, got, describe(res))
		}
		res = m.push(assetsync.PushOptions{})
		if got := w.live(id, 0); len(got) != 6 {
			t.Errorf("again, call %d: live %v, %s", n, got, describe(res))
		}
	}
}

// Prefer local in the push, prefer remote in the pull, afterwards quiet.
func TestPrefer(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "theirs")
	m.write("a.md", "ours")
	m.push(assetsync.PushOptions{})
	res := m.pull(assetsync.PullOptions{Prefer: diff.Remote})
	m.want(res, assetsync.CheckedOut)
	m.wantQuiet()
	// a delete on the one side, an edit on the other
	w.remove(id, "b.md")
	m.write("b.md", "ours")
	m.want(m.pull(assetsync.PullOptions{Prefer: diff.Remote}), assetsync.Unchanged)
	if got := m.files()["b.md"]; got != "ours" {
		t.Errorf("b.md=%q: an edit lost to a deletion", got)
	}
	w.save(id, "c.md", "theirs")
	m.rm("c.md")
	m.push(assetsync.PushOptions{Prefer: diff.Local})
	if got := w.live(id, 0)["c.md"]; got != "theirs" {
		t.Errorf("c.md=%q: an edit lost to a deletion", got)
	}
}

// Metadata-only push while their file is pending: zip or metadata?
func TestMetadataAndPending(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "theirs")
	m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}}
	m.mustPush(assetsync.Published)
	if w.live(id, 0)["a.md"] != "theirs" {
		t.Error("lost")
	}
}

// Agents_md/custom_agent basic story with conflicts.
func TestSingles(t *testing.T) {
	w := newWorld(t)
	m := w.machine(nil)
	m.target.Type = "agents_md"
	m.target.Path = filepath.Join(m.dir, "TEAM.md")
	m.target.Metadata = map[string]any{"agent_type": "CHAT"}
	m.write("TEAM.md", "one")
	id := m.mustPush(assetsync.Created).AssetID
	m.wantQuiet()
	w.save(id, "AGENTS.md", "theirs")
	m.mustPull(assetsync.CheckedOut)
	if m.files()["TEAM.md"] != "theirs" {
		t.Errorf("%v", m.files())
	}
	m.wantQuiet()
	w.save(id, "AGENTS.md", "theirs 2")
	m.write("TEAM.md", "ours 2")
	m.want(m.push(assetsync.PushOptions{}), assetsync.Conflict)
	m.want(m.pull(assetsync.PullOptions{}), assetsync.Conflict)
	m.want(m.push(assetsync.PushOptions{Prefer: diff.Local}), assetsync.Published)
	m.wantQuiet()
	m.rm("TEAM.md")
	m.want(m.push(assetsync.PushOptions{}), assetsync.Blocked)
	m.mustPull(assetsync.CheckedOut)
	m.want(m.pull(assetsync.PullOptions{Version: 1}), assetsync.CheckedOut)
	m.want(m.push(assetsync.PushOptions{}), assetsync.Published)
	if got := w.live(id, 0)["AGENTS.md"]; got != "one" {
		t.Errorf("%q", got)
	}
}
