package sync_test

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
)

var readOrder = flag.String("together", "", "let the reads of all machines that need no other's answer go out in `ORDER`: forward, backward, or at-once")

// orders are ways in which reads go out together. Whatever order a service answers
// reads in that are in flight together, it is one of those between the first two.
func orders() map[string]func(...func()) {
	return map[string]func(...func()){
		"forward": func(reads ...func()) {
			for _, read := range reads {
				read()
			}
		},
		"backward": func(reads ...func()) {
			for _, read := range slices.Backward(reads) {
				read()
			}
		},
		"at-once": assetsync.AtOnce,
	}
}

// many is a skill of so many files.
func many(n int) map[string]string {
	files := map[string]string{}
	for i := range n {
		files[fmt.Sprintf("%02d.md", i)] = fmt.Sprint("text ", i)
	}
	return files
}

func (m *machine) change(n int) {
	for i := range n {
		m.write(fmt.Sprintf("%02d.md", i), "edited")
	}
}

// TestRoundTrips counts the calls of a push, and how long it takes in round trips.
func TestRoundTrips(t *testing.T) {
	const trip = 50 * time.Millisecond
	all := []string{"file-create-version=bump", "file-delete-version=bump"}
	for _, c := range []struct {
		name    string
		answers []string // of a probe
		change  func(*machine)
		calls   map[string]int
		depth   time.Duration
	}{
		{"nothing changed", nil, func(*machine) {}, map[string]int{"GetAsset": 1, "ListAssetFiles": 1}, 1},
		{"nothing changed, fixed versions", all, func(*machine) {}, map[string]int{"GetAsset": 1, "ListAssetFiles": 1}, 1},
		{"60 files", nil, func(m *machine) { m.change(60) }, map[string]int{"GetAsset": 2, "ListAssetFiles": 3, "GetAssetContent": 2, "UpdateAsset": 1}, 5},
		{"60 files, fixed versions", all, func(m *machine) { m.change(60) }, map[string]int{"GetAsset": 2, "ListAssetFiles": 3, "GetAssetContent": 2, "UpdateAsset": 1}, 3},
		{"a file", nil, func(m *machine) { m.change(1) }, map[string]int{"GetAsset": 2, "ListAssetFiles": 3, "GetAssetFile": 2, "UpdateAssetFile": 1}, 5},
		{"a file, fixed versions", all, func(m *machine) { m.change(1) }, map[string]int{"GetAsset": 2, "ListAssetFiles": 3, "GetAssetFile": 2, "UpdateAssetFile": 1}, 3},
		{"three files", nil, func(m *machine) { m.change(3) }, map[string]int{"GetAsset": 2, "ListAssetFiles": 5, "GetAssetFile": 6, "UpdateAssetFile": 3}, 9},
		{"three files, fixed versions", all, func(m *machine) { m.change(3) }, map[string]int{"GetAsset": 2, "ListAssetFiles": 3, "GetAssetFile": 6, "UpdateAssetFile": 3}, 5},
		{"a deletion, fixed versions", all, func(m *machine) { m.rm("00.md") }, map[string]int{"GetAsset": 2, "ListAssetFiles": 3, "GetAssetFile": 1, "DeleteAssetFile": 1}, 4},
		{"a file, changed by others", nil, func(m *machine) { m.change(1); m.save(m.target.AssetID, "b.md", "theirs") }, map[string]int{"GetAsset": 2, "ListAssetFiles": 4, "GetAssetFile": 4, "UpdateAssetFile": 1}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.together = assetsync.AtOnce
				m := w.machine(skill(many(70)))
				m.target.AssetID = m.mustPush(assetsync.Created).AssetID
				m.mustPush(assetsync.Unchanged)
				if c.answers != nil {
					m.tell(c.answers...)
				}
				c.change(m)
				began := time.Now()
				m.slow = trip
				res := m.push(assetsync.PushOptions{})
				if d := cmp.Diff(c.calls, res.Calls); d != "" || res.Error != nil {
					t.Errorf("calls (-want +got):\n%s%s", d, describe(res))
				}
				if got := time.Since(began); got != c.depth*trip {
					t.Errorf("it took %v, want %d round trips of %v", got, c.depth, trip)
				}
			})
		})
	}
}

// TestTogether walks the story of [TestQuirks] with reads that go out together, and
// are answered in any order.
func TestTogether(t *testing.T) {
	for order, together := range orders() {
		for name, c := range map[string]struct{ quirks, answers []string }{
			"plain":             {},
			"fixed":             {nil, raising},
			"awkward":           {[]string{"file-version=asset", "timestamps=seconds", "text-readback=bytes", "list-order=random", "page-size=1", "empty-pages=on"}, nil},
			"awkward, fixed":    {[]string{"file-version=asset", "timestamps=seconds", "page-size=2", "rewrite=extra-version"}, raising},
			"in place":          {[]string{"file-delete-version=keep", "file-create-version=keep", "create-existing=overwrite"}, nil},
			"rewritten, frozen": {[]string{"file-delete-version=keep", "rewrite=frontmatter", "timestamps=frozen"}, nil},
			"pruned":            {[]string{"missing-version=validation", "prune-versions=2"}, raising},
		} {
			t.Run(order+", "+name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, c.quirks...)
				w.together = together
				storyIn(t, w, c.answers)
			})
		}
	}
}

// TestTogetherSlipIn lets somebody write at each call of a push whose reads go out
// together: what he wrote is live, and comes here.
func TestTogetherSlipIn(t *testing.T) {
	for order, together := range orders() {
		for name, c := range map[string]struct {
			quirks, answers []string
			write           func(w *world, id string)
		}{
			"a version":        {nil, nil, func(w *world, id string) { w.save(id, "b.md", "theirs") }},
			"a version, fixed": {nil, raising, func(w *world, id string) { w.save(id, "b.md", "theirs") }},
			"a version, all of which are listed as new": {[]string{"file-version=asset"}, raising, func(w *world, id string) { w.save(id, "b.md", "theirs") }},
			"in place": {[]string{"file-create-version=keep", "create-existing=overwrite"}, nil, func(w *world, id string) { w.createFile(id, "b.md", "theirs") }},
		} {
			t.Run(order+", "+name, func(t *testing.T) {
				t.Parallel()
				for n, came := 1, true; came; n++ {
					w := newWorld(t, c.quirks...)
					w.together = together
					m := w.machine(skill(fiveFiles))
					id := m.mustPush(assetsync.Created).AssetID
					m.mustPush(assetsync.Unchanged)
					if c.answers != nil {
						m.tell(c.answers...)
					}
					changeFour(m)
					calls := 0
					w.before = func(*http.Request) {
						if calls++; calls == n {
							c.write(w, id)
						}
					}
					res := m.push(assetsync.PushOptions{})
					came, w.before = calls >= n, nil
					if !came {
						break
					}
					again := m.push(assetsync.PushOptions{})
					m.pull(assetsync.PullOptions{})
					want := maps.Clone(m.files())
					want["b.md"] = "theirs"
					if live, here := w.live(id, 0), m.files(); !maps.Equal(live, want) || !maps.Equal(here, want) || live["a.md"] != "ours" {
						t.Errorf("call %d: live %q\nhere %q\n%s%s", n, live, here, describe(res), describe(again))
					}
				}
			})
		}
	}
}

// TestTogetherFails lets one of the reads be refused: what is told is the same as
// where they go out one after the other.
func TestTogetherFails(t *testing.T) {
	for _, refused := range []string{"none", "asset", "files 1", "content 1", "asset after", "files 2", "content 2", "files 1 after"} {
		for _, answers := range [][]string{nil, raising} {
			want := refusedPush(t, nil, refused, answers)
			for order, together := range orders() {
				if got := refusedPush(t, together, refused, answers); got != want || (got == "") != (refused == "none") {
					t.Errorf("%s, answers %v, refused %s: got %q, want %q", order, answers, refused, got, want)
				}
			}
		}
	}
}

// refusedPush changes four files and pushes them; of what it reads the named is
// refused, of the version named, before the write or after. It returns the error.
func refusedPush(t *testing.T, together func(...func()), refused string, answers []string) string {
	t.Helper()
	w := newWorld(t)
	w.together = together
	m := w.machine(skill(fiveFiles))
	m.mustPush(assetsync.Created)
	m.mustPush(assetsync.Unchanged)
	if answers != nil {
		m.tell(answers...)
	}
	changeFour(m)
	wrote := false
	var res assetsync.Result
	m.engineWith(func(r *http.Request) (*http.Response, error) {
		what := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		if version := r.URL.Query().Get("assetVersion"); version != "" {
			what += " " + version
		} else {
			what = "asset"
		}
		if wrote && (what == "asset" || what == "files 1") {
			what += " after"
		}
		wrote = wrote || r.Method != http.MethodGet
		if what != refused || r.Method != http.MethodGet {
			return m.world.Do(r)
		}
		return &http.Response{
			StatusCode: http.StatusForbidden, Header: http.Header{"X-Amzn-Errortype": {"AccessDeniedException"}},
			Body: io.NopCloser(strings.NewReader(`{"message":"not allowed"}`)), Request: r,
		}, nil
	}, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
	if res.Error == nil {
		return ""
	}
	return fmt.Sprint(res.Error.Kind, ": ", res.Error.Message)
}

// TestTogetherPatience lets the first look after a write fail, with all that is read
// beside it: the next one finds what the account needs.
func TestTogetherPatience(t *testing.T) {
	for order, together := range orders() {
		t.Run(order, func(t *testing.T) {
			w := newWorld(t)
			w.together = together
			m := w.machine(skill(fiveFiles))
			m.mustPush(assetsync.Created)
			m.mustPush(assetsync.Unchanged)
			changeFour(m)
			var wrote atomic.Bool
			var failed atomic.Int32
			var res assetsync.Result
			m.engineWith(func(r *http.Request) (*http.Response, error) {
				if wrote.Load() && r.Method == http.MethodGet && failed.Add(1) <= 2 {
					return &http.Response{
						StatusCode: http.StatusInternalServerError, Header: http.Header{"X-Amzn-Errortype": {"InternalServerException"}},
						Body: io.NopCloser(strings.NewReader(`{"message":"later"}`)), Request: r,
					}, nil
				}
				wrote.Store(wrote.Load() || r.Method != http.MethodGet)
				return m.world.Do(r)
			}, func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
			if res.Outcome != assetsync.Published || failed.Load() <= 2 {
				t.Errorf("%s", describe(res))
			}
		})
	}
}
