package worktree

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assetsync/manifest"
	"assetsync/manifest/durable"
)

var errFault = errors.New("fault")

// someChanges are one change of each kind to the file "d/f", which holds x
// unless it is to be created.
var someChanges = []struct{ name, files, change, want string }{
	{"create", "", "d/f:->y", "d/f:y"},
	{"update", "d/f:x", "d/f:x>y", "d/f:y"},
	{"delete", "d/f:x", "d/f:x>-", ""},
}

// countSteps returns how many steps an undisturbed change takes.
func countSteps(t *testing.T, files, change string) (n int) {
	t.Helper()
	w := newWorld(t, files)
	w.hook = func(_ durable.Op, do func() error) error { n++; return do() }
	if got := outcomes(w.apply(change)); got != string(Done) {
		t.Fatal(got)
	}
	return n
}

// at calls f before the nth step, from 1.
func at(n int, f func()) durable.Hook {
	return func(_ durable.Op, do func() error) error {
		if n--; n == 0 {
			f()
		}
		return do()
	}
}

// everyStep runs a test for each step of each change.
func everyStep(t *testing.T, test func(t *testing.T, w *world, n int, change, want string)) {
	for _, c := range someChanges {
		for n := range countSteps(t, c.files, c.change) {
			t.Run(fmt.Sprintf("%s, step %d", c.name, n+1), func(t *testing.T) {
				test(t, newWorld(t, c.files), n+1, c.change, c.want)
			})
		}
	}
}

// intact fails unless content, which was a user's, is at d/f, or kept, or in
// a temporary file.
func (w *world) intact(content string) {
	w.t.Helper()
	files := " " + w.list() + " "
	if _, kept := w.kept[content]; !kept && !strings.Contains(files, " d/f:"+content+" ") && !strings.Contains(files, "TEMP:"+content+" ") {
		w.t.Errorf("%q is lost; files%s, kept %v", content, files, w.kept)
	}
}

// finish repeats a change after a trouble, as the next run would.
func (w *world) finish(change, want string) {
	w.t.Helper()
	w.hook = nil
	if err := w.open().Sweep(w.t.Context(), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), nil, w.keep); err != nil {
		w.t.Error(err)
	}
	if got := outcomes(w.apply(change)); got != string(Done) {
		w.t.Errorf("the next run: %s", got)
	}
	if got := strings.TrimSuffix(w.list(), "d/"); got != want {
		w.t.Errorf("after the next run %q, want %q", got, want)
	}
}

// Any step fails, without effect or with it.
func TestFaults(t *testing.T) {
	for _, effect := range []bool{false, true} {
		t.Run(fmt.Sprintf("effect %v", effect), func(t *testing.T) {
			everyStep(t, func(t *testing.T, w *world, n int, change, want string) {
				before := w.list()
				var failed durable.Step
				w.hook = func(op durable.Op, do func() error) error {
					if n--; n != 0 {
						return do()
					}
					failed = op.Step
					if effect {
						return errors.Join(errFault, do())
					}
					return errFault
				}
				r := w.apply(change)[0]
				got := w.list()
				// That an empty directory stays is no failure.
				tidying := r.Outcome == Done && !strings.Contains(got, "d/f") && (failed == durable.Rmdir || failed == durable.SyncDir)
				if !tidying && (r.Outcome != Failed || !errors.Is(r.Err, errFault)) {
					t.Errorf("step %s: %+v", failed, r)
				}
				if failed != durable.Remove && strings.Contains(got, "TEMP") {
					t.Errorf("step %s leaves %q", failed, got)
				}
				if strings.Contains(before, "d/f:x") {
					w.intact("x")
				}
				w.finish(change, want)
			})
		})
	}
}

// A link is replaced while any step fails, or somebody saves: what it names stays.
func TestLinkAtEveryStep(t *testing.T) {
	const files, change = "d/f->../g g:x", "d/f:x>y"
	for n := range countSteps(t, files, change) {
		for _, effect := range []bool{false, true} {
			t.Run(fmt.Sprintf("step %d fails, effect %v", n+1, effect), func(t *testing.T) {
				w := newWorld(t, files)
				steps := 0
				w.hook = func(_ durable.Op, do func() error) error {
					if steps++; steps != n+1 {
						return do()
					}
					if effect {
						return errors.Join(errFault, do())
					}
					return errFault
				}
				if r := w.apply(change)[0]; r.Outcome != Failed || !errors.Is(r.Err, errFault) {
					t.Errorf("%+v", r)
				}
				w.finish(change, "d/f:y g:x")
			})
		}
		for how, save := range saves {
			t.Run(fmt.Sprintf("saved before step %d %s", n+1, how), func(t *testing.T) {
				w := newWorld(t, files)
				w.hook = at(n+1, func() { save(w, "saved") })
				r := w.apply(change)[0]
				switch got := w.list(); got {
				case "d/f:saved g:x", "d/f->../g g:saved", "d/f:y g:saved":
				default:
					t.Errorf("outcome %s, files %q, want the save", r.Outcome, got)
				}
			})
		}
	}
}

// Somebody saves just what is checked out, between the look and the exchange or
// before any other step, as the other target of one file does: the change is done.
func TestSaveOfTheSame(t *testing.T) {
	for how, save := range saves {
		t.Run(how, func(t *testing.T) {
			everyStep(t, func(t *testing.T, w *world, n int, change, want string) {
				if want == "" {
					t.Skip("nothing is saved")
				}
				w.hook = at(n, func() { save(w, "y") })
				if r := w.apply(change)[0]; r.Outcome != Done || r.Err != nil {
					t.Errorf("%+v, want done", r)
				}
				if got := w.list(); got != want {
					t.Errorf("files %q, want %q", got, want)
				}
			})
		})
	}
}

// The process ends before any step.
func TestCrashes(t *testing.T) {
	type crash struct{}
	everyStep(t, func(t *testing.T, w *world, n int, change, want string) {
		had := w.list() != ""
		w.hook = at(n, func() { panic(crash{}) })
		func() {
			defer func() {
				if r := recover(); r != (crash{}) {
					t.Errorf("recovered %v", r)
				}
			}()
			w.apply(change)
		}()
		if had {
			w.intact("x")
		}
		w.finish(change, want)
	})
}

// saves are the ways in which programs save a file.
var saves = map[string]func(w *world, content string){
	"by a rename": func(w *world, content string) {
		w.mkdir("d")
		w.write("d/saving", content)
		if err := os.Rename(w.file("d/saving"), w.file("d/f")); err != nil {
			w.t.Error(err)
		}
	},
	"in place": func(w *world, content string) {
		w.mkdir("d")
		w.write("d/f", content)
	},
	"by removing first": func(w *world, content string) {
		w.mkdir("d")
		_ = os.Remove(w.file("d/f"))
		w.write("d/f", content)
	},
}

// A user saves the file before any step. Whatever happens then, the save is
// what is there in the end.
func TestSaveAtEveryStep(t *testing.T) {
	for how, save := range saves {
		t.Run(how, func(t *testing.T) {
			everyStep(t, func(t *testing.T, w *world, n int, change, _ string) {
				w.hook = at(n, func() { save(w, "saved") })
				r := w.apply(change)[0]
				if got := w.list(); got != "d/f:saved" {
					t.Errorf("outcome %s, files %q, want the save", r.Outcome, got)
				}
			})
		})
	}
}

// Two saves, the second at any later step: the second is there in the end,
// and the first was not lost by us: either the user saved over it or it is
// kept.
func TestTwoSavesAtAnySteps(t *testing.T) {
	for how, save := range saves {
		t.Run(how, func(t *testing.T) {
			everyStep(t, func(t *testing.T, _ *world, n int, change, _ string) {
				for m := n; m < n+8; m++ {
					files := "d/f:x"
					if strings.Contains(change, "->") {
						files = ""
					}
					w := newWorld(t, files)
					overwritten, second := false, false
					steps := 0
					w.hook = func(_ durable.Op, do func() error) error {
						steps++
						if steps == n {
							save(w, "first")
						}
						if steps == m {
							data, _ := os.ReadFile(w.file("d/f"))
							overwritten, second = string(data) == "first", true
							save(w, "second")
						}
						return do()
					}
					r := w.apply(change)[0]
					want := "d/f:first"
					if second {
						want = "d/f:second"
					}
					if got := w.list(); got != want {
						t.Errorf("saved before steps %d and %d: outcome %s, files %q, want %q", n, m, r.Outcome, got, want)
					}
					if !overwritten {
						w.intact("first")
					}
				}
			})
		})
	}
}

// A user removes the file, or puts something else in its place, before any
// step: what the user made stays.
func TestOtherThingsAtEveryStep(t *testing.T) {
	things := map[string]struct {
		do   func(w *world) error
		want string
	}{
		"a directory": {func(w *world) error {
			return os.MkdirAll(w.file("d/f/inside"), 0o755)
		}, "d/f/inside/"},
		"a link": {func(w *world) error {
			w.mkdir("d")
			return os.Symlink("elsewhere", w.file("d/f"))
		}, "d/f->elsewhere"},
	}
	for name, thing := range things {
		t.Run(name, func(t *testing.T) {
			everyStep(t, func(t *testing.T, w *world, n int, change, _ string) {
				w.hook = at(n, func() {
					_ = os.Remove(w.file("d/f"))
					if err := thing.do(w); err != nil {
						t.Error(err)
					}
				})
				r := w.apply(change)[0]
				if got := w.list(); got != thing.want {
					t.Errorf("outcome %s, files %q, want %q", r.Outcome, got, thing.want)
				}
			})
		})
	}
}

// The user removes the file before any step: it is not there in the end, or
// is what was published over it; nothing is left over.
func TestRemovedAtEveryStep(t *testing.T) {
	everyStep(t, func(t *testing.T, w *world, n int, change, _ string) {
		w.hook = at(n, func() { _ = os.Remove(w.file("d/f")) })
		r := w.apply(change)[0]
		got := strings.TrimSuffix(w.list(), "d/")
		if got != "" && got != "d/f:y" {
			t.Errorf("outcome %s, files %q", r.Outcome, got)
		}
	})
}

// A save before every single step, for ever: no endless loop, no lost save.
func TestSavedAgainAndAgain(t *testing.T) {
	w := newWorld(t, "d/f:x")
	n := 0
	w.hook = func(op durable.Op, do func() error) error {
		if op.Step == durable.Exchange {
			n++
			saves["by a rename"](w, fmt.Sprint("save ", n))
		}
		return do()
	}
	r := w.apply("d/f:x>y")[0]
	if r.Outcome != Conflict {
		t.Errorf("%+v", r)
	}
	// All earlier ones the user saved over.
	w.intact(fmt.Sprint("save ", n-1))
	w.intact(fmt.Sprint("save ", n))
	if n != maxPutBacks+1 {
		t.Errorf("%d exchanges", n)
	}
}

// A user saves all the time, in real time; the last save is what is there.
func TestConcurrentSaver(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	w := newWorld(t, "")
	tree := w.open()
	for round := range rounds {
		w.mkdir("d")
		w.write("d/f", "x")
		change := []string{"d/f:x>y", "d/f:x>-"}[round%2]
		started, saved := make(chan struct{}), make(chan string)
		go func() {
			<-started
			last := ""
			for i := range 1 + round%7 {
				last = fmt.Sprintf("%d/%d", round, i)
				temp := filepath.Join(w.dir, "saving")
				// The file's directory may be gone for a moment.
				err := errors.Join(os.WriteFile(temp, []byte(last), 0o644), os.MkdirAll(w.file("d"), 0o755), os.Rename(temp, w.file("d/f")))
				for tries := 0; err != nil && tries < 100; tries++ {
					err = errors.Join(os.MkdirAll(w.file("d"), 0o755), os.Rename(temp, w.file("d/f")))
				}
				if err != nil {
					t.Error(err)
				}
			}
			saved <- last
		}()
		close(started)
		kept := map[string]manifest.Path{}
		r := tree.Apply(t.Context(), changes(change), content, func(p manifest.Path, data []byte) error {
			kept[string(data)] = p
			return nil
		})[0]
		last := <-saved
		data, err := os.ReadFile(w.file("d/f"))
		if err != nil || string(data) != last {
			t.Fatalf("round %d, %s: outcome %s (%v), file %q, %v; want the last save %q; kept %v", round, change, r.Outcome, r.Err, data, err, last, kept)
		}
		if got := w.list(); got != "d/f:"+last {
			t.Fatalf("round %d: left over %q", round, got)
		}
	}
}
