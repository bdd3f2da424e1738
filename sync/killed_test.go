package sync_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// TestSettledBaseIsDurable lets a push die, and the next one fail after it
// has settled: the third still knows the first one's write for our own.
func TestSettledBaseIsDurable(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "first")
	m.dieAfterWrite(1, func() {})
	m.write("a.md", "second")
	w.fault("op=UpdateAssetFile,kind=throttle")
	m.push(assetsync.PushOptions{})
	res := m.push(assetsync.PushOptions{})
	if res.Outcome != assetsync.Published {
		t.Errorf("a.md=%q: %s\n%s", w.live(id, 0)["a.md"], res.Outcome, describe(res))
	}
}

// TestDeathUnderRewriting lets a push die on a service that rewrites or
// skips numbers, and edits the file again.
func TestDeathUnderRewriting(t *testing.T) {
	tests := []struct {
		quirk  string
		writes int // after which it dies: a main file that the service has rewritten goes by a zip
	}{
		{"rewrite=frontmatter", 1},
		{"rewrite=extra-version", 1},
		{"version-step=3", 1},
		{"version-step=3", 2},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.quirk, ", write ", tt.writes), func(t *testing.T) {
			w := newWorld(t, tt.quirk)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.write("SKILL.md", skillMain+"one\n")
			m.write("a.md", "one")
			m.dieAfterWrite(tt.writes, func() {})
			if live := w.live(id, 0); live["a.md"] != "one" || strings.Contains(live["SKILL.md"], "one\n") != (tt.quirk != "version-step=3" || tt.writes == 2) {
				t.Fatalf("the push that died left %q", live)
			}
			m.write("SKILL.md", skillMain+"two\n")
			m.mustPush(assetsync.Published)
			m.wantQuiet()
			if live := w.live(id, 0); live["a.md"] != "one" || !strings.Contains(live["SKILL.md"], "two\n") {
				t.Errorf("live: %q", live)
			}
		})
	}
}

// TestWriteInDoubtDisturbsNobody keeps a write in doubt while others work:
// no push of ours writes anything for it.
func TestWriteInDoubtDisturbsNobody(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "one")
	w.fault("op=UpdateAssetFile,kind=reset-before")
	m.mustPush(assetsync.Published)
	// the doubtful intent stays for 15 minutes; meanwhile others work
	for i := range 5 {
		w.save(id, "b.md", string(rune('A'+i)))
		w.save(id, "a.md", string(rune('A'+i)))
		m.pull(assetsync.PullOptions{})
		before := w.wrote()
		res := m.push(assetsync.PushOptions{})
		if w.wrote() != before || res.Error != nil {
			t.Errorf("round %d: wrote %q %s\n%s", i, w.writes(before), res.Outcome, describe(res))
		}
	}
}

// TestVanishingSourceDeletesNothing removes the directory at each call of a
// push.
func TestVanishingSourceDeletesNothing(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	for n := 1; n < 8; n++ {
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

// TestIntentsDoNotPileUp fails again and again: the intents stay few.
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

// TestIntentsEnd fails for hours: intents end when their time is over.
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

// TestPartialFailureTellsWhatItDid refuses the second of three calls: the
// result names what the first one published, and nothing is in doubt.
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

// TestFailedReadBackTellsWhatItDid lets the proof fail: the result still
// says that something was published.
func TestFailedReadBackTellsWhatItDid(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	m.mustPush(assetsync.Created)
	m.write("a.md", "ours")
	w.fault("op=GetAsset,nth=2,count=all,kind=500")
	res := m.push(assetsync.PushOptions{})
	if res.Published == assetsync.ByNothing {
		t.Errorf("a.md is published; result: %s published %q versions %v", res.Outcome, res.Published, res.Versions)
	}
}

// TestCorruptedContentIsTold stores something else than what was sent.
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

// TestCreatedAssetIsNamed lets the proof of a creation fail: the result
// names the asset, and the next push finds it.
func TestCreatedAssetIsNamed(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	w.fault("op=GetAsset,kind=500")
	res := m.push(assetsync.PushOptions{})
	if res.AssetID == "" {
		t.Error("an asset was created and the result does not name it")
	}
	m.mustPush(assetsync.Unchanged)
}

// TestDeadRunIsOurs lets a push die after its write: once the next one has seen
// that, a log names this machine.
func TestDeadRunIsOurs(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "ours")
	m.dieAfterWrite(1, func() {})
	w.save(id, "b.md", "theirs")
	m.push(assetsync.PushOptions{})
	var log []assetsync.VersionReport
	m.engine(func(e *assetsync.Engine) {
		var res assetsync.Result
		if log, res = e.Log(t.Context(), assetsync.LogOptions{Limit: 10}); res.Error != nil {
			t.Error(describe(res))
		}
	})
	var by []string
	for _, v := range log {
		by = append(by, fmt.Sprint(v.Version, " ", v.By))
	}
	if got, want := strings.Join(by, ", "), "3 somebody else, 2 this machine, 1 this machine"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestLostTrackSettles lets a push die on a service that prunes versions, until
// nobody can account for it any more: what is live of it is ours all the same.
func TestLostTrackSettles(t *testing.T) {
	w := newWorld(t, "prune-versions=2")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	m.write("a.md", "one")
	m.dieAfterWrite(1, func() {})
	for i := range 4 {
		w.save(id, "b.md", fmt.Sprint("theirs ", i))
	}
	m.write("a.md", "two")
	if res := m.push(assetsync.PushOptions{}); res.Error == nil || !strings.Contains(res.Error.Message, "possible lost update") {
		t.Errorf("the next push: %s\n%s", res.Outcome, describe(res))
	}
	m.mustPush(assetsync.Published)
	if live := w.live(id, 0)["a.md"]; live != "two" {
		t.Errorf("a.md=%q", live)
	}
}

// TestFileGoneIsNoValidation lets a file go between the listing and its reading,
// where the service says of a missing file that the request is not valid: the
// asset is read again.
func TestFileGoneIsNoValidation(t *testing.T) {
	w := newWorld(t, "file-delete-version=keep")
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "theirs")
	gone := false
	var res assetsync.Result
	m.engineWith(doer(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/a.md") && !gone {
			gone = true
			w.remove(id, "a.md")
		}
		resp, err := m.world.Do(r)
		if err == nil && resp.StatusCode == http.StatusNotFound {
			resp.StatusCode = http.StatusBadRequest
			resp.Header.Set("x-amzn-errortype", "ValidationException")
			resp.Body = io.NopCloser(strings.NewReader(`{"message":"no such path"}`))
		}
		return resp, err
	}), func(e *assetsync.Engine) { res = e.Pull(t.Context(), assetsync.PullOptions{}) })
	m.want(res, assetsync.CheckedOut)
	if _, there := m.files()["a.md"]; there || !gone {
		t.Errorf("a.md is there: %v, and was removed while it was read: %v", there, gone)
	}
}
