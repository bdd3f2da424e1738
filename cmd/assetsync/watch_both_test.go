//go:build unix

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// goingBothWays is the targets of a config that goes both ways, whatever goes.
const goingBothWays = globbed + "    direction: both\n    deletes: {max_files: 1000, max_percent: 100}\n"

// beside makes a second directory with the same targets at the same remote.
func (w *world) beside(targets string) *world {
	w.Helper()
	dir, err := filepath.EvalSymlinks(w.TempDir())
	w.must(err)
	second := &world{T: w.T, dir: dir, env: w.env, remote: w.remote}
	w.Cleanup(second.close)
	second.config(targets)
	return second
}

// restSpan is how long two daemons must make no version to be at rest: more
// than two polls.
const restSpan = 11 * time.Second

// atRest waits for the time in which no version may come.
func (w *world) atRest(target string) {
	w.Helper()
	before := w.version(target)
	time.Sleep(restSpan)
	if after := w.version(target); after != before {
		w.Errorf("%s went from version %d to %d though nobody saved\n%s", target, before, after, w.logText())
	}
}

// TestWatchBothWays lets two daemons keep two directories and one remote in
// step while files are made, edited and deleted at random in both, each with
// files of its own, so that no two ever mean the same path.
func TestWatchBothWays(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	one := newWorld(t, goingBothWays, "one")
	one.start()
	two := one.beside(goingBothWays)
	two.save("skills/one/SKILL.md", skillText("one"))
	two.launch()
	last := map[string]string{"SKILL.md": skillText("one"), "limits.md": "a limit\n"}
	for round := range 60 {
		number := random.IntN(2)
		w := []*world{one, two}[number]
		name := fmt.Sprintf("of%d/f%d.md", number, random.IntN(6))
		if _, there := last[name]; there && random.IntN(4) == 0 {
			delete(last, name)
			w.remove("skills/one/" + name)
		} else {
			last[name] = fmt.Sprintf("round %d\n", round)
			w.save("skills/one/"+name, last[name])
		}
		time.Sleep(time.Duration(random.Int64N(int64(150 * time.Millisecond))))
	}
	for _, w := range []*world{one, two} {
		w.until("both sides hold what was saved last", func() string {
			files, err := w.files("skills/one")
			if err != nil {
				return err.Error()
			}
			return cmp.Diff(last, files)
		})
	}
	one.inStep()
	two.inStep()
	one.atRest("skills/one")
	for _, w := range []*world{one, two} {
		if files, err := w.files("skills/one"); err != nil || !cmp.Equal(last, files) {
			t.Errorf("after a rest: %v\n%s", err, cmp.Diff(last, files))
		}
		for _, bad := range []string{`"msg":"blocked"`, `"msg":"failed"`} {
			if strings.Contains(w.logText(), bad) {
				t.Errorf("the log says %s\n%s", bad, w.logText())
			}
		}
	}
}

// rewrites keeps a file at a text, as a formatter that runs at each change.
func (w *world) rewrites(name, text string) (stop func()) {
	w.Helper()
	enough := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-enough:
				return
			case <-time.After(30 * time.Millisecond):
			}
			data, err := os.ReadFile(w.path(name))
			if err == nil && string(data) == text {
				continue
			}
			if err := os.WriteFile(w.path(name), []byte(text), 0o644); err != nil {
				w.Error(err)
				return
			}
		}
	})
	return func() {
		close(enough)
		running.Wait()
	}
}

// TestWatchFlap lets a formatter here and another one there undo each other: a
// few versions come of it, then one of the daemons says who does what, and other
// files go on.
func TestWatchFlap(t *testing.T) {
	t.Parallel()
	one := newWorld(t, goingBothWays, "one")
	one.start()
	two := one.beside(goingBothWays)
	two.save("skills/one/SKILL.md", skillText("one"))
	two.launch()
	two.inStep()
	first := one.version("skills/one")
	defer one.rewrites("skills/one/limits.md", "formatted\n")()
	defer two.rewrites("skills/one/limits.md", "generated\n")()
	one.until("one of them stops", func() string {
		for _, w := range []*world{one, two} {
			if strings.Contains(w.logText(), `"msg":"conflict"`) {
				return ""
			}
		}
		return "both go on"
	})
	one.atRest("skills/one")
	one.published("skills/one", first, 1, 6)
	one.save("skills/one/more.md", "more\n")
	two.until("other files go on", func() string {
		data, err := os.ReadFile(two.path("skills/one/more.md"))
		if err != nil || string(data) != "more\n" {
			return fmt.Sprintf("more.md is %q, %v", data, err)
		}
		return ""
	})
}
