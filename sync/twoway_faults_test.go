package sync_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	assetsync "assetsync/sync"
)

// TestSyncGuards wants no file to go here for what looks like an accident.
func TestSyncGuards(t *testing.T) {
	all := func(string) bool { return true }
	tests := map[string]struct {
		accident func(w *world, m *machine, id string)
		hidden   func(path string) bool // files that the remote does not list
	}{
		"an empty remote":    {hidden: all},
		"a remote that went": {accident: func(w *world, _ *machine, id string) { w.deleteAsset(id) }},
		"half of it":         {accident: func(w *world, _ *machine, id string) { w.remove(id, "a.md"); w.remove(id, "b.md") }},
		"the main file":      {hidden: func(path string) bool { return path == "SKILL.md" }},
		"an empty directory": {accident: func(w *world, m *machine, id string) {
			for p := range m.files() {
				m.rm(p)
			}
			w.save(id, "a.md", "theirs")
		}},
		"a missing directory": {accident: func(w *world, m *machine, id string) {
			if err := os.Rename(m.dir, m.dir+".away"); err != nil {
				t.Fatal(err)
			}
			w.save(id, "a.md", "theirs")
		}},
	}
	for _, direction := range []assetsync.Direction{assetsync.PullOnly, assetsync.BothWays} {
		for name, tt := range tests {
			t.Run(string(direction)+", "+name, func(t *testing.T) {
				w := newWorld(t)
				m, id := twoWay(w, fiveFiles)
				m.target.Direction = direction
				if tt.accident != nil {
					tt.accident(w, m, id)
				}
				files, before := m.anyFiles(), w.wrote()
				var res assetsync.Result
				m.engineWith(hiding(m.world, tt.hidden), func(e *assetsync.Engine) { res = e.Sync(t.Context(), assetsync.SyncOptions{}) })
				m.want(res, assetsync.Blocked)
				if got := m.anyFiles(); !maps.Equal(got, files) || w.wrote() != before {
					t.Errorf("wrote %q, holds %v, want %v", w.writes(before), got, files)
				}
			})
		}
	}
}

// anyFiles is files of a directory that may be missing.
func (m *machine) anyFiles() map[string]string {
	m.t.Helper()
	if _, err := os.Stat(m.dir); err != nil {
		return nil
	}
	return m.files()
}

// hiding speaks to a remote that leaves files out of its lists; nil: none.
func hiding(w *world, hidden func(path string) bool) doer {
	return func(r *http.Request) (*http.Response, error) {
		res, err := w.Do(r)
		if err != nil || hidden == nil || !strings.HasSuffix(r.URL.Path, "/files") {
			return res, err
		}
		var list struct {
			Items []map[string]any `json:"items"`
		}
		if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
			return nil, err
		}
		list.Items = slices.DeleteFunc(list.Items, func(f map[string]any) bool { return hidden(f["path"].(string)) })
		body, err := json.Marshal(list)
		res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		res.Header.Del("Content-Length")
		return res, err
	}
}

// TestDeletionNeedsASecondRead changes the asset between the first read and the
// second: what is done here comes of a look that nothing came in between.
func TestDeletionNeedsASecondRead(t *testing.T) {
	tests := map[string]struct {
		change func(w *world, id string)
		want   map[string]string // over fiveFiles
		err    bool
	}{
		"the file is there again":  {change: func(w *world, id string) { w.save(id, "a.md", "back") }, want: map[string]string{"a.md": "back"}},
		"another change":           {change: func(w *world, id string) { w.save(id, "b.md", "theirs") }, want: map[string]string{"a.md": "", "b.md": "theirs"}},
		"a file appears unnoticed": {change: func(w *world, id string) { w.createFile(id, "new.md", "n") }, want: map[string]string{"a.md": "", "new.md": "n"}},
		"the asset is gone":        {change: func(w *world, id string) { w.deleteAsset(id) }, err: true},
	}
	for name, tt := range tests {
		for _, direction := range []assetsync.Direction{assetsync.PullOnly, assetsync.BothWays} {
			t.Run(name+", "+string(direction), func(t *testing.T) {
				w := newWorld(t, "file-create-version=keep")
				m, id := twoWay(w, fiveFiles)
				m.target.Direction = direction
				w.remove(id, "a.md")
				listed := 0
				w.before = func(r *http.Request) {
					if strings.HasSuffix(r.URL.Path, "/files") {
						listed++
					} else if listed > 0 { // the asset once more
						w.before = nil
						tt.change(w, id)
					}
				}
				res := m.sync()
				if w.before != nil {
					t.Fatal("nothing was read a second time")
				}
				if (res.Error != nil) != tt.err {
					t.Errorf("%s, checked out %v\n%s", res.Outcome, res.CheckedOut, describe(res))
				}
				m.wantFiles(over(skill(fiveFiles), tt.want))
			})
		}
	}
}

// TestOlderAtTheSecondRead answers each second read with an older version.
func TestOlderAtTheSecondRead(t *testing.T) {
	w := newWorld(t)
	m, id := twoWay(w, fiveFiles)
	w.remove(id, "a.md")
	files, asked := m.files(), 0
	var res assetsync.Result
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/assets/"+id) && r.URL.RawQuery == "" {
			if asked++; asked%2 == 0 {
				r.URL.RawQuery = "assetVersion=1"
			}
		}
		return m.world.Do(r)
	}, func(e *assetsync.Engine) { res = e.Sync(t.Context(), assetsync.SyncOptions{}) })
	if asked != 6 || res.Error == nil || res.Error.Kind != assetsync.KindUnavailable || len(res.CheckedOut) > 0 {
		t.Errorf("asked %d times: %s\n%s", asked, res.Outcome, describe(res))
	}
	m.wantFiles(files)
	m.mustSync(assetsync.CheckedOut)
}

// TestOverwrittenForAMoment replaces what was just published by a version that
// was made without it, and then puts it back, as another machine does that wrote
// at the same moment. The files here are as they were all the time.
func TestOverwrittenForAMoment(t *testing.T) {
	w := newWorld(t)
	w.step = time.Millisecond
	m, id := twoWay(w, fiveFiles)
	m.target.MaxDeletePercent = 100
	m.write("a.md", "first")
	m.mustSync(assetsync.Published)
	m.write("a.md", "second")
	m.write("new.md", "n")
	m.mustSync(assetsync.Published)
	files := m.files()
	for _, old := range []string{"first", "a"} {
		w.save(id, "a.md", old)
		w.remove(id, "new.md")
		if res := m.sync(); res.Error != nil || paths(res.Pending) != "delete new.md, update a.md" {
			t.Errorf("%s: %s", res.Outcome, describe(res))
		}
		m.wantFiles(files)
		w.save(id, "a.md", "second")
		w.save(id, "new.md", "n")
		m.sync()
		m.wantFiles(files)
	}
	m.wantStill()

	// An edit meanwhile is published after that, and no conflict.
	w.save(id, "a.md", "first")
	m.write("a.md", "third")
	if res := m.sync(); res.Error != nil || paths(res.Pending) != "update a.md" || paths(m.status().Pending) != "update a.md" {
		t.Errorf("%s: %s", res.Outcome, describe(res))
	}
	w.save(id, "a.md", "second")
	m.mustSync(assetsync.Published)
	files["a.md"] = "third"
	w.wantLive(id, files)

	// Where it stays so, it is meant.
	w.save(id, "a.md", "second")
	m.write("a.md", "fourth")
	m.sync()
	m.now = m.now.Add(10 * time.Second)
	m.mustSync(assetsync.Conflict)
	m.write("a.md", "second")
	m.mustSync(assetsync.Unchanged)
	w.save(id, "a.md", "first")
	w.remove(id, "new.md")
	m.mustSync(assetsync.CheckedOut)
	m.wantFiles(over(files, map[string]string{"a.md": "first", "new.md": ""}))
}

// TestSyncKilledAtEachCall lets a sync die at each of its calls, before or
// after its effect: the next ones end with both sides the same, and no edit is
// lost.
func TestSyncKilledAtEachCall(t *testing.T) {
	want := over(skill(fiveFiles), map[string]string{"a.md": "ours", "b.md": "theirs", "c.md": "", "d.md": "", "new.md": "theirs"})
	for _, after := range []bool{false, true} {
		died := true
		for n := 1; died; n++ {
			t.Run(fmt.Sprintf("call %d, after it %t", n, after), func(t *testing.T) {
				w := newWorld(t)
				m, id := twoWay(w, fiveFiles)
				m.write("a.md", "ours")
				m.rm("c.md")
				w.save(id, "b.md", "theirs")
				w.save(id, "new.md", "theirs")
				w.remove(id, "d.md")
				died = m.pushAndDie(n, after)
				for range 3 {
					m.sync()
				}
				m.wantFiles(want)
				w.wantLive(id, want)
				m.wantStill()
			})
		}
	}
}

// TestSyncBesideOthers lets somebody else write at each call of a sync.
func TestSyncBesideOthers(t *testing.T) {
	for n := 1; n < 12; n++ {
		t.Run(fmt.Sprint("call ", n), func(t *testing.T) {
			w := newWorld(t)
			m, id := twoWay(w, fiveFiles)
			m.write("a.md", "ours")
			w.save(id, "b.md", "theirs")
			calls := 0
			w.before = func(*http.Request) {
				if calls++; calls == n {
					w.before = nil
					w.save(id, "c.md", "theirs, too")
					w.remove(id, "d.md")
				}
			}
			for range 3 {
				m.sync()
			}
			w.before = nil
			want := over(skill(fiveFiles), map[string]string{"a.md": "ours", "b.md": "theirs", "c.md": "theirs, too", "d.md": ""})
			if n > calls {
				t.Skipf("%d calls", calls)
			}
			m.wantFiles(want)
			w.wantLive(id, want)
			m.wantStill()
		})
	}
}

// TestSyncKeepsASave saves while the sync reads what it is about to check out.
func TestSyncKeepsASave(t *testing.T) {
	w := newWorld(t)
	m, id := twoWay(w, fiveFiles)
	w.remove(id, "b.md")
	w.save(id, "a.md", "theirs")
	w.before = func(r *http.Request) {
		if strings.Contains(r.URL.Path, "/files/") || strings.HasSuffix(r.URL.Path, "/content") {
			m.write("a.md", "saved meanwhile")
			m.write("b.md", "saved meanwhile")
		}
	}
	m.sync()
	w.before = nil
	if got := m.files(); got["a.md"] != "saved meanwhile" || got["b.md"] != "saved meanwhile" {
		t.Errorf("the saves are gone: %v", got)
	}
	m.mustSync(assetsync.Conflict)
	if got := w.live(id, 0); got["a.md"] != "theirs" || got["b.md"] != "saved meanwhile" {
		t.Errorf("live %v", got)
	}
}

// TestRefusedCallsOfASync lets a call fail: what follows is done by the next.
func TestRefusedCallsOfASync(t *testing.T) {
	for _, rule := range []string{"op=UpdateAsset,kind=throttle", "op=UpdateAsset,kind=reset-after", "op=ListAssetFiles,nth=3,kind=500", "op=GetAsset,nth=3,kind=500"} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t)
			m, id := twoWay(w, fiveFiles)
			changeFour(m)
			w.save(id, "b.md", "theirs")
			w.fault(rule)
			m.sync()
			m.sync()
			w.wantLive(id, m.files())
			if got := m.files()["b.md"]; got != "theirs" {
				t.Errorf("b.md is %q", got)
			}
			m.wantStill()
		})
	}
}

// TestSyncBesideGit lets git be at work before a sync, and begin between its
// publishing and its checking out.
func TestSyncBesideGit(t *testing.T) {
	w := newWorld(t)
	m := w.repository(skill(fiveFiles))
	m.target.Direction = assetsync.BothWays
	id := m.mustSync(assetsync.Created).AssetID
	lock := filepath.Join(m.dir, ".git", "index.lock")
	begin := func() {
		if err := os.WriteFile(lock, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	end := func() {
		if err := os.Remove(lock); err != nil {
			t.Fatal(err)
		}
	}
	w.save(id, "b.md", "theirs")
	m.write("a.md", "ours")
	here := over(skill(fiveFiles), map[string]string{"a.md": "ours"})
	wantHere := func() {
		t.Helper()
		got := m.files()
		for p, content := range here {
			if got[p] != content {
				t.Errorf("%s is %q, want %q", p, got[p], content)
			}
		}
	}
	begin()
	before := w.wrote()
	if res := m.mustSync(assetsync.Blocked); res.Guard != assetsync.GuardGit || w.wrote() != before {
		t.Errorf("guard %q, wrote %q", res.Guard, w.writes(before))
	}
	wantHere()
	end()
	w.afterWrite(1, begin)
	if res := m.mustSync(assetsync.Blocked); res.Guard != assetsync.GuardGit || paths(res.Changes) != "update a.md" || len(res.CheckedOut) > 0 || paths(res.Pending) != "update b.md" {
		t.Errorf("guard %q, checked out %v\n%s", res.Guard, res.CheckedOut, describe(res))
	}
	wantHere()
	end()
	m.mustSync(assetsync.CheckedOut)
	here["b.md"] = "theirs"
	wantHere()
	if res := m.sync(); res.Outcome != assetsync.Unchanged {
		t.Error(describe(res))
	}
}

// TestSyncOfWhatIsInGit is refused: what would be checked out is no commit.
func TestSyncOfWhatIsInGit(t *testing.T) {
	w := newWorld(t)
	m := w.repository(skill(fiveFiles))
	m.target.Direction, m.target.Rev = assetsync.BothWays, "HEAD"
	if res := m.sync(); res.Error == nil || res.Error.Kind != assetsync.KindUsage || w.wrote() > 0 {
		t.Errorf("%s: %s", res.Outcome, describe(res))
	}
}

// TestNameThatCannotBeHeld comes with others, and is told: they are checked out,
// and what is saved here is published.
func TestNameThatCannotBeHeld(t *testing.T) {
	w := newWorld(t)
	m, id := twoWay(w, fiveFiles)
	w.save(id, strings.Repeat("n", 300)+".md", "theirs")
	w.save(id, "a.md", "theirs")
	m.write("b.md", "ours")
	res := m.mustSync(assetsync.Blocked)
	if paths(res.CheckedOut) != "update a.md" || paths(res.Changes) != "update b.md" || len(res.Problems) != 1 || len(res.Pending) != 1 {
		t.Errorf("checked out %v\n%s", res.CheckedOut, describe(res))
	}
	m.wantFiles(over(skill(fiveFiles), map[string]string{"a.md": "theirs", "b.md": "ours"}))
}
