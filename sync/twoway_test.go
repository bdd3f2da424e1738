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
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"assetsync/manifest"
	"assetsync/remote/emulator"
	assetsync "assetsync/sync"
)

func (m *machine) sync() (res assetsync.Result) {
	m.t.Helper()
	m.engine(func(e *assetsync.Engine) { res = e.Sync(m.t.Context(), assetsync.SyncOptions{OneVersion: true}) })
	return res
}

func (m *machine) mustSync(want assetsync.Outcome) assetsync.Result {
	m.t.Helper()
	res := m.sync()
	m.want(res, want)
	return res
}

// wantStill wants the next sync to find nothing to do on either side.
func (m *machine) wantStill() {
	m.t.Helper()
	before, files := m.wrote(), m.files()
	if res := m.sync(); res.Outcome != assetsync.Unchanged || m.wrote() != before || len(res.CheckedOut) > 0 {
		m.t.Fatalf("a sync with nothing to do: %s, %d writes, checked out %v\n%s", res.Outcome, m.wrote()-before, res.CheckedOut, describe(res))
	}
	m.wantFiles(files)
}

// twoWay is a machine of a target that goes both ways, and its asset.
func twoWay(w *world, files map[string]string) (*machine, string) {
	m := w.machine(skill(files))
	m.target.Direction = assetsync.BothWays
	return m, m.mustSync(assetsync.Created).AssetID
}

func TestSync(t *testing.T) {
	tests := []struct {
		name       string
		foreign    func(w *world, id string)
		local      func(*machine)
		outcome    assetsync.Outcome
		published  string
		checkedOut string
		here       map[string]string // over fiveFiles; "" is gone
		there      map[string]string // over here, where they differ
		conflicts  int
	}{
		{name: "nothing", outcome: assetsync.Unchanged},
		{
			name: "an edit here", local: func(m *machine) { m.write("a.md", "ours") },
			outcome: assetsync.Published, published: "update a.md", here: map[string]string{"a.md": "ours"},
		},
		{
			name: "an edit there", foreign: func(w *world, id string) { w.save(id, "a.md", "theirs") },
			outcome: assetsync.CheckedOut, checkedOut: "update a.md", here: map[string]string{"a.md": "theirs"},
		},
		{
			name: "edits on both sides", local: func(m *machine) { m.write("a.md", "ours"); m.write("new.md", "n") },
			foreign: func(w *world, id string) { w.save(id, "b.md", "theirs"); w.save(id, "x/y.md", "theirs") },
			outcome: assetsync.Published, published: "create new.md, update a.md", checkedOut: "create x/y.md, update b.md",
			here: map[string]string{"a.md": "ours", "new.md": "n", "b.md": "theirs", "x/y.md": "theirs"},
		},
		{
			name: "a deletion on each side", local: func(m *machine) { m.rm("a.md") },
			foreign: func(w *world, id string) { w.remove(id, "b.md") },
			outcome: assetsync.Published, published: "delete a.md", checkedOut: "delete b.md",
			here: map[string]string{"a.md": "", "b.md": ""},
		},
		{
			name: "our deletion against their edit", local: func(m *machine) { m.rm("a.md") },
			foreign: func(w *world, id string) { w.save(id, "a.md", "theirs") },
			outcome: assetsync.CheckedOut, checkedOut: "create a.md", here: map[string]string{"a.md": "theirs"},
		},
		{
			name: "our edit against their deletion", local: func(m *machine) { m.write("a.md", "ours") },
			foreign: func(w *world, id string) { w.remove(id, "a.md") },
			outcome: assetsync.Published, published: "create a.md", here: map[string]string{"a.md": "ours"},
		},
		{
			name: "the same on both sides", local: func(m *machine) { m.write("a.md", "same"); m.rm("b.md") },
			foreign: func(w *world, id string) { w.save(id, "a.md", "same"); w.remove(id, "b.md") },
			outcome: assetsync.Unchanged, here: map[string]string{"a.md": "same", "b.md": ""},
		},
		{
			name: "a conflict holds up its path alone", local: func(m *machine) { m.write("a.md", "ours"); m.write("c.md", "ours") },
			foreign: func(w *world, id string) { w.save(id, "a.md", "theirs"); w.save(id, "b.md", "theirs") },
			outcome: assetsync.Conflict, published: "update c.md", checkedOut: "update b.md", conflicts: 1,
			here: map[string]string{"a.md": "ours", "b.md": "theirs", "c.md": "ours"}, there: map[string]string{"a.md": "theirs"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			m, id := twoWay(w, fiveFiles)
			if tt.foreign != nil {
				tt.foreign(w, id)
			}
			if tt.local != nil {
				tt.local(m)
			}
			res := m.sync()
			if res.Outcome != tt.outcome || paths(res.Changes) != tt.published || paths(res.CheckedOut) != tt.checkedOut || len(res.Pending) > 0 || len(res.Conflicts) != tt.conflicts {
				t.Errorf("%s, published %q, checked out %q, want %s, %q, %q\n%s", res.Outcome, paths(res.Changes), paths(res.CheckedOut), tt.outcome, tt.published, tt.checkedOut, describe(res))
			}
			here := over(skill(fiveFiles), tt.here)
			m.wantFiles(here)
			w.wantLive(id, over(here, tt.there))
			before := w.wrote()
			res = m.sync()
			if w.wrote() != before || len(res.CheckedOut) > 0 || len(res.Conflicts) != tt.conflicts {
				t.Errorf("the next sync wrote %q\n%s", w.writes(before), describe(res))
			}
		})
	}
}

// over returns files with others over them; one without content is gone.
func over(files, others map[string]string) map[string]string {
	files = maps.Clone(files)
	maps.Copy(files, others)
	maps.DeleteFunc(files, func(_, content string) bool { return content == "" })
	return files
}

func TestSyncOfOneDirection(t *testing.T) {
	t.Run("push leaves what is pending", func(t *testing.T) {
		w := newWorld(t)
		m, id := twoWay(w, fiveFiles)
		m.target.Direction = assetsync.PushOnly
		w.save(id, "a.md", "theirs")
		m.write("b.md", "ours")
		if res := m.mustSync(assetsync.Published); len(res.CheckedOut) > 0 || paths(res.Pending) != "update a.md" {
			t.Error(describe(res))
		}
	})
	t.Run("pull publishes nothing", func(t *testing.T) {
		w := newWorld(t)
		m, id := twoWay(w, fiveFiles)
		m.target.Direction = assetsync.PullOnly
		m.target.Metadata = map[string]any{"agent_types": []any{"INCIDENT_RCA"}}
		w.save(id, "a.md", "theirs")
		w.remove(id, "c.md")
		m.write("b.md", "ours")
		m.rm("d.md")
		before := w.wrote()
		res := m.mustSync(assetsync.CheckedOut)
		if w.wrote() != before || paths(res.CheckedOut) != "delete c.md, update a.md" || len(res.Changes) > 0 {
			t.Errorf("wrote %q, checked out %q\n%s", w.writes(before), paths(res.CheckedOut), describe(res))
		}
		m.wantFiles(over(skill(fiveFiles), map[string]string{"a.md": "theirs", "b.md": "ours", "c.md": "", "d.md": ""}))
		st := m.status()
		if len(st.Changes)+len(st.Pending)+len(st.MetadataChanges) > 0 || !strings.Contains(fmt.Sprint(st.Notes), "2 files changed here and not published") {
			t.Error(describe(st))
		}
		m.wantStill()
		if res := m.push(assetsync.PushOptions{}); res.Error == nil || res.Error.Kind != assetsync.KindUsage {
			t.Errorf("a push of it: %s", describe(res))
		}
	})
	t.Run("pull without an asset", func(t *testing.T) {
		w := newWorld(t)
		m := w.machine(skill(fiveFiles))
		m.target.Direction = assetsync.PullOnly
		for _, res := range []assetsync.Result{m.sync(), m.status()} {
			if res.Outcome != assetsync.Unchanged || w.wrote() > 0 || !strings.Contains(fmt.Sprint(res.Notes), "no asset yet") {
				t.Errorf("%s: %s", res.Outcome, describe(res))
			}
		}
	})
	for _, direction := range []assetsync.Direction{assetsync.PullOnly, assetsync.BothWays} {
		t.Run(string(direction)+" into nothing", func(t *testing.T) {
			w := newWorld(t)
			one, id := twoWay(w, fiveFiles)
			m := w.machine(nil)
			m.target.AssetID, m.target.Direction = id, direction
			m.mustSync(assetsync.CheckedOut)
			m.wantFiles(one.files())
			m.wantStill()
		})
	}
}

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

	// Where it stays so, it is meant.
	w.save(id, "a.md", "first")
	w.remove(id, "new.md")
	m.sync()
	m.now = m.now.Add(10 * time.Second)
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
				died = m.syncAndDie(n, after)
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

// syncAndDie is pushAndDie of a sync.
func (m *machine) syncAndDie(n int, after bool) (died bool) {
	m.t.Helper()
	calls := 0
	died = true
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
			e.Sync(m.t.Context(), assetsync.SyncOptions{OneVersion: true})
			died = false
		}()
		<-ended
	})
	return died
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

// TestSyncQuirks lets two machines that go both ways and the web edit, add and
// delete under every reading.
func TestSyncQuirks(t *testing.T) {
	var worlds [][]string
	for _, q := range emulator.AllQuirks() {
		readings := q.Readings
		if len(readings) == 0 {
			readings = []string{"1", "2", "7"}
		}
		for _, reading := range readings {
			worlds = append(worlds, []string{q.Name + "=" + reading})
		}
	}
	worlds = append(worlds,
		[]string{"file-version=asset", "timestamps=seconds", "text-readback=bytes", "list-order=random", "page-size=1", "empty-pages=on"},
		[]string{"file-delete-version=keep", "file-create-version=keep", "timestamps=seconds", "create-existing=overwrite"},
		[]string{"file-delete-version=keep", "rewrite=frontmatter", "timestamps=frozen"},
	)
	for _, quirks := range worlds {
		for _, text := range []manifest.Text{manifest.TextExact, manifest.TextLF} {
			t.Run(fmt.Sprint(quirks, text), func(t *testing.T) {
				t.Parallel()
				twoWayStory(t, quirks, text)
			})
		}
	}
}

func twoWayStory(t *testing.T, quirks []string, text manifest.Text) {
	w := newWorld(t, quirks...)
	one, id := twoWay(w, map[string]string{"a.md": "a\n", "b.md": "b\n", "dir/c.md": "c\n", "d.md": "d\n", "e.md": "e\n", "f.md": "f\n", "g.md": "g\n"})
	two := w.machine(nil)
	two.target.AssetID, two.target.Direction = id, assetsync.BothWays
	one.target.Text, two.target.Text = text, text
	two.mustSync(assetsync.CheckedOut)
	two.wantStill()

	one.write("a.md", "one edits\n")
	two.rm("b.md")
	w.save(id, "web.md", "the web adds\n")
	one.mustSync(assetsync.Published)
	two.mustSync(assetsync.Published)
	one.mustSync(assetsync.CheckedOut)
	one.write("SKILL.md", one.files()["SKILL.md"]+"one\n")
	one.mustSync(assetsync.Published)
	two.mustSync(assetsync.CheckedOut)
	two.write("SKILL.md", two.files()["SKILL.md"]+"two\n")
	two.write("a.md", "two edits\n")
	w.save(id, "d.md", "the web edits\n")
	w.remove(id, "g.md")
	two.mustSync(assetsync.Published)
	one.mustSync(assetsync.CheckedOut)
	one.wantStill()
	two.wantStill()

	want := map[string]string{"a.md": "two edits\n", "dir/c.md": "c\n", "d.md": "the web edits\n", "e.md": "e\n", "f.md": "f\n", "web.md": "the web adds\n"}
	for name, got := range map[string]map[string]string{"remote": w.live(id, 0), "one": one.files(), "two": two.files()} {
		if got["SKILL.md"] == "" || !strings.HasSuffix(got["SKILL.md"], "one\ntwo\n") {
			t.Errorf("%s: SKILL.md ends with %q", name, got["SKILL.md"])
		}
		delete(got, "SKILL.md") // the service may rewrite it
		if !maps.Equal(got, want) {
			t.Errorf("%s holds %v, want %v", name, got, want)
		}
	}
}

// TestSyncLineEnds goes both ways with text: lf.
func TestSyncLineEnds(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"a.md": "one\r\ntwo\r\n", "b.md": "b\n"}))
	m.target.Direction, m.target.Text = assetsync.BothWays, manifest.TextLF
	id := m.mustSync(assetsync.Created).AssetID
	if got := w.live(id, 0)["a.md"]; got != "one\ntwo\n" {
		t.Fatalf("published %q", got)
	}
	m.wantStill()
	w.save(id, "a.md", "one\ntwo\nthree\n")
	w.save(id, "b.md", "b\r\n") // the same but for line ends
	m.mustSync(assetsync.CheckedOut)
	m.wantStill()
	m.write("b.md", "b\r\nours\r\n")
	m.mustSync(assetsync.Published)
	m.wantStill()
	if got := w.live(id, 0); got["a.md"] != "one\ntwo\nthree\n" || got["b.md"] != "b\nours\n" {
		t.Errorf("live %q", got)
	}
}

func TestSyncOfSingleFiles(t *testing.T) {
	w := newWorld(t)
	m := w.machine(map[string]string{"chat.md": "# Chat\n"})
	m.target.Type, m.target.Path = "agents_md", filepath.Join(m.dir, "chat.md")
	m.target.Metadata, m.target.Direction = map[string]any{"agent_type": "CHAT"}, assetsync.BothWays
	id := m.mustSync(assetsync.Created).AssetID
	m.wantStill()
	w.save(id, "AGENTS.md", "# theirs\n")
	m.mustSync(assetsync.CheckedOut)
	m.wantFiles(map[string]string{"chat.md": "# theirs\n"})
	m.wantStill()
	m.write("chat.md", "# ours\n")
	m.mustSync(assetsync.Published)
	w.wantLive(id, map[string]string{"AGENTS.md": "# ours\n"})
	m.write("chat.md", "# mine\n")
	w.save(id, "AGENTS.md", "# yours\n")
	m.mustSync(assetsync.Conflict)
	m.wantFiles(map[string]string{"chat.md": "# mine\n"})

	other := w.machine(map[string]string{"README": "beside it"})
	other.target.Type, other.target.Path = "agents_md", filepath.Join(other.dir, "chat.md")
	other.target.Metadata, other.target.Direction = m.target.Metadata, assetsync.PullOnly
	other.mustSync(assetsync.CheckedOut)
	other.wantFiles(map[string]string{"chat.md": "# yours\n", "README": "beside it"})
	other.wantStill()
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
