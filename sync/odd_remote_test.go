package sync_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

// rewriteAnswers is a remote whose answers to readings f may change.
func rewriteAnswers(w *world, f func(path string, body []byte) []byte) doer {
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

// listMore lists further files of version 1 before those in a listing.
func listMore(body []byte, names ...string) []byte {
	var items strings.Builder
	items.WriteString(`{"items":[`)
	for _, name := range names {
		fmt.Fprintf(&items, `{"path":%s,"version":1,"createdAt":1780920000,"updatedAt":1780920000},`, jsonText(name))
	}
	return bytes.Replace(body, []byte(`{"items":[`), []byte(items.String()), 1)
}

func jsonText(s string) []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return text
}

// oddFile is the answer that holds such a file.
func oddFile(name, text string) []byte {
	return fmt.Appendf(nil, `{"file":{"path":%s,"content":{"text":%s},"version":1,"createdAt":1780920000,"updatedAt":1780920000}}`, jsonText(name), jsonText(text))
}

// TestOddNamesStopNothing lists names that cannot be handled here:
// everything else is published and pulled.
func TestOddNamesStopNothing(t *testing.T) {
	for _, name := range []string{"../../etc/x", "/abs", "a//b", "a b (1).md", "ä.md", "a\\b", "CON", "a.md/x", "A.md", ".git/config", ".assetsync/state.db", strings.Repeat("x", 600)} {
		t.Run(name[:min(20, len(name))], func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a"}))
			id := m.mustPush(assetsync.Created).AssetID
			do := rewriteAnswers(w, func(path string, body []byte) []byte {
				if strings.HasSuffix(path, "/files") {
					return listMore(body, name)
				}
				if strings.Contains(path, "/files/") && !strings.HasSuffix(path, "SKILL.md") && !strings.HasSuffix(path, "/a.md") {
					return oddFile(name, "evil")
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

// TestManyOddNamesAreToldBriefly lists very many files, all of them below
// another file.
func TestManyOddNamesAreToldBriefly(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a"}))
	id := m.mustPush(assetsync.Created).AssetID
	names := []string{"d"}
	for i := range 20_000 {
		names = append(names, fmt.Sprintf("d/%d", i))
	}
	do := rewriteAnswers(w, func(path string, body []byte) []byte {
		if strings.HasSuffix(path, "/files") {
			return listMore(body, names...)
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

// TestLongNameStopsNothing has a name that the file system cannot hold: the
// pull does not fail for it.
func TestLongNameStopsNothing(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, strings.Repeat("x", 300)+".md", "long")
	res := m.pull(assetsync.PullOptions{})
	if res.Outcome == assetsync.Failed {
		t.Errorf("%s\n%s", res.Outcome, describe(res))
	}
}

// TestPulledNamesStopNoPush pulls names that we would not publish: the next
// push goes through.
func TestPulledNamesStopNoPush(t *testing.T) {
	for _, name := range []string{"a (1).md", "A.md"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a"}))
			m.mustPush(assetsync.Created)
			do := rewriteAnswers(w, func(path string, body []byte) []byte {
				if strings.HasSuffix(path, "/files") {
					return listMore(body, name)
				}
				if strings.HasSuffix(path, "/"+name) || strings.HasSuffix(path, "%281%29.md") {
					return oddFile(name, "theirs")
				}
				return body
			})
			var res assetsync.Result
			m.engineWith(do, func(e *assetsync.Engine) { res = e.Pull(t.Context(), assetsync.PullOptions{}) })
			m.write("SKILL.md", skillMain+"more")
			m.engineWith(do, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
			if res.Outcome != assetsync.Published {
				t.Errorf("push: %s\n%s", res.Outcome, describe(res))
			}
		})
	}
}

// TestUnknownPathIsTold cannot tell what a path is on the remote: an edit
// of it here is not left unpublished unsaid.
func TestUnknownPathIsTold(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "a"}))
	m.mustPush(assetsync.Created)
	do := rewriteAnswers(w, func(path string, body []byte) []byte {
		if strings.HasSuffix(path, "/files") {
			return listMore(body, "a.md/x")
		}
		return body
	})
	m.write("a.md", "ours")
	var res assetsync.Result
	m.engineWith(do, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
	if res.Outcome == assetsync.Unchanged && len(res.Notes)+len(res.Problems) == 0 {
		t.Errorf("a.md is edited here, not published, and not a word: %s\n%s", res.Outcome, describe(res))
	}
}

// TestListIgnoresFilter answers a listing of skills with everything: a
// skill is not bound to an asset of another type.
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

// TestCarriedFileKeepsItsBytes changes a file in place, which no listing
// shows: a zip that carries it has its bytes.
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

// TestStaleListingIsReadAgain does the same: pushes by zip go on.
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

// TestCreateUnderQuirks creates and changes an asset under each reading
// that touches what is read back: nothing looks foreign.
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

// TestTokenOfRenamedAsset makes an asset with a token that was used for one
// which has another name by now: the target is not bound to that.
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

// TestLogAfterRecreate deletes the asset and makes it anew: the log speaks
// of the new one.
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
	m.engine(func(e *assetsync.Engine) { log, res = e.Log(t.Context(), assetsync.LogOptions{Limit: 10}) })
	if len(log) > 0 && paths(log[0].Changes) != "update e.md" {
		t.Errorf("version 2 changed e.md alone, the log says %q by %s", paths(log[0].Changes), log[0].By)
	}
}
