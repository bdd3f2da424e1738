package sync_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

var (
	seed    = flag.Uint64("seed", 0, "tell only the random story of this `SEED`")
	stories = flag.Int("stories", 16, "how many random stories to tell")
)

// TestRandomStories tells stories of two machines and the web, each with files
// of its own, so that no two ever mean the same path. Whatever the quirks,
// faults and deaths: at the end the last content of each file is live, or
// somebody was told.
func TestRandomStories(t *testing.T) {
	first, last := uint64(1), uint64(*stories)
	if *seed > 0 {
		first, last = *seed, *seed
	}
	for n := first; n <= last; n++ {
		for _, mode := range []string{"plain", "faults", "kills"} {
			t.Run(fmt.Sprint(mode, " seed ", n), func(t *testing.T) {
				t.Parallel()
				randomStory(t, mode, rand.New(rand.NewPCG(n, 7)))
			})
		}
	}
}

func randomStory(t *testing.T, mode string, rnd *rand.Rand) {
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	quirks := []string{
		pick("file-delete-version=bump", "file-delete-version=keep"), pick("file-version=last-change", "file-version=asset"),
		pick("timestamps=fraction", "timestamps=seconds", "timestamps=frozen"), pick("rewrite=off", "rewrite=frontmatter", "rewrite=extra-version"),
		pick("version-step=0", "version-step=3"), pick("update-missing=not-found", "update-missing=create"), pick("text-readback=text", "text-readback=bytes"),
		pick("page-size=0", "page-size=1"), pick("empty-pages=off", "empty-pages=on"), pick("list-lag=0", "list-lag=5"), pick("read-zip=rebuilt", "read-zip=uploaded"),
	}
	w := newWorld(t, quirks...)
	files := map[string]string{}
	owner := map[string]int{}
	for i := range 5 {
		for o, pre := range []string{"x", "y", "w"} {
			p := fmt.Sprintf("%s%d.md", pre, i)
			files[p], owner[p] = p, o
		}
	}
	m := [2]*machine{w.machine(skill(files)), nil}
	id := m[0].mustPush(assetsync.Created).AssetID
	m[1] = w.machine(nil)
	m[1].target.AssetID = id
	m[1].mustPull(assetsync.CheckedOut)
	for _, x := range m {
		x.target.MaxDeletePercent, x.target.MaxDeletes = 100, 100
	}
	last := map[string]string{} // want; "" deleted
	for p, c := range files {
		last[p] = c
	}
	var told []string
	var logs []string
	note := func(f string, a ...any) { logs = append(logs, fmt.Sprintf(f, a...)) }
	k := 0
	edit := func(o int, web func(p, c string)) {
		k++
		p := fmt.Sprintf("%s%d.md", []string{"x", "y", "w"}[o], rnd.IntN(5))
		c := fmt.Sprintf("%s edit %d", p, k)
		if rnd.IntN(4) == 0 && last[p] != "" {
			c = ""
		}
		note("edit %s=%q", p, c)
		web(p, c)
		last[p] = c
	}
	webEdit := func() {
		edit(2, func(p, c string) {
			if c == "" {
				w.remove(id, p)
			} else {
				w.save(id, p, c)
			}
		})
	}
	localEdit := func(i int) {
		edit(i, func(p, c string) {
			if c == "" {
				m[i].rm(p)
			} else {
				m[i].write(p, c)
			}
		})
	}
	see := func(i int, verb string, res assetsync.Result) {
		note("machine %d %s: %s v%d->%d by %s | %s", i, verb, res.Outcome, res.ObservedVersion, res.Version, res.Published, strings.ReplaceAll(describe(res), "\n", " / "))
		if res.Error != nil && (strings.Contains(res.Error.Message, "lost") || res.Error.Kind == assetsync.KindConflict) {
			told = append(told, res.Error.Message)
		}
		for _, n := range res.Notes {
			if strings.Contains(n, "lost") {
				told = append(told, n)
			}
		}
	}
	depth := 0
	var push func(i int)
	push = func(i int) {
		depth++
		defer func() { depth-- }()
		at := map[int]bool{}
		for range rnd.IntN(3) {
			at[1+rnd.IntN(10)] = true
		}
		kill := 0
		fault, faultAt := "", 0
		if mode == "kills" && rnd.IntN(4) == 0 {
			kill = 1 + rnd.IntN(14)
		}
		if mode == "faults" && rnd.IntN(4) == 0 && depth == 1 {
			fault, faultAt = "op=*,kind="+pick("reset-before", "reset-after", "500", "truncate", "not-json", "late:9", "throttle"), 1+rnd.IntN(3)
		}
		after := rnd.IntN(2) == 0
		writes := 0
		calls, dead := 0, false
		var res assetsync.Result
		m[i].engineWith(func(r *http.Request) (*http.Response, error) {
			calls++
			if calls == kill && !after {
				dead = true
				runtime.Goexit() // nothing happens after it, not even in the state
			}
			if at[calls] {
				if depth == 1 && rnd.IntN(3) == 0 {
					note("  (inside call %d of %d: other machine pushes)", calls, i)
					push(1 - i)
				} else {
					note("  (inside call %d of %d %s %s)", calls, i, r.Method, r.URL.Path)
					webEdit()
				}
			}
			if r.Method != http.MethodGet {
				if writes++; writes == faultAt {
					note("  fault %s", fault)
					w.fault(fault)
				}
			}
			resp, err := w.Do(r)
			if r.Method != http.MethodGet {
				note("  [%d] %s %s %v", i, r.Method, r.URL.Path, err)
			}
			if calls == kill {
				dead = true
				runtime.Goexit()
			}
			return resp, err
		}, func(e *assetsync.Engine) {
			died := make(chan struct{})
			go func() {
				defer close(died)
				res = e.Push(t.Context(), assetsync.PushOptions{})
			}()
			<-died
		})
		note("killed=%v", dead)
		if !dead {
			see(i, "push", res)
		}
	}
	for range 8 {
		for range rnd.IntN(6) {
			localEdit(rnd.IntN(2))
		}
		if rnd.IntN(2) == 0 {
			webEdit()
		}
		push(rnd.IntN(2))
		if rnd.IntN(3) == 0 {
			i := rnd.IntN(2)
			see(i, "pull", m[i].pull(assetsync.PullOptions{}))
		}
	}
	for range 45 { // late ones come
		w.asset(id)
	}
	for range 3 {
		for i := range m {
			see(i, "push", m[i].push(assetsync.PushOptions{}))
			see(i, "pull", m[i].pull(assetsync.PullOptions{}))
		}
	}
	live := w.live(id, 0)
	bad := false
	for p, c := range last {
		if live[p] != c {
			t.Errorf("%s: live %q, want %q", p, live[p], c)
			bad = true
		}
		for i := range m {
			if got := m[i].files()[p]; got != c {
				t.Errorf("%s: machine %d has %q, want %q", p, i, got, c)
				bad = true
			}
		}
	}
	if bad {
		t.Logf("quirks %v", quirks)
		if len(told) > 0 {
			t.Logf("TOLD: %q", told)
		} else {
			t.Logf("NOT TOLD")
		}
		for _, l := range logs {
			t.Log(l)
		}
	}
}
