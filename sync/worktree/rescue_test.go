package worktree

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"assetsync/manifest"
	"assetsync/manifest/durable"
)

// killedAt applies a change in a run that dies before a step. A save comes before
// another one, or before none.
func (w *world) killedAt(death, save int, change string, how func(*world, string)) (saved bool) {
	w.t.Helper()
	type crash struct{}
	steps := 0
	w.hook = func(_ durable.Op, do func() error) error {
		if steps++; steps == save {
			how(w, "saved")
			saved = true
		}
		if steps == death {
			panic(crash{})
		}
		return do()
	}
	defer func() {
		if r := recover(); r != nil && r != (crash{}) {
			panic(r)
		}
		w.hook = nil
	}()
	w.marked().Apply(w.t.Context(), changes(change), content, w.keep)
	return saved
}

// deaths runs a test for a save before each step of what replaces or deletes a
// file, and a death at each step from then on.
func deaths(t *testing.T, test func(t *testing.T, w *world, change string)) {
	for how, save := range saves {
		everyStep(t, func(t *testing.T, _ *world, n int, change, _ string) {
			if strings.Contains(change, ":->") {
				return
			}
			for death := n; death < n+8; death++ {
				t.Run(fmt.Sprintf("%s, dies at step %d", how, death), func(t *testing.T) {
					w := newWorld(t, "d/f:x")
					if w.killedAt(death, n, change, save) {
						test(t, w, change)
					}
				})
			}
		})
	}
}

// TestRescue lets a save slip in at each step, and the run die at each one after
// it: the save is in its place again, whenever somebody looks.
func TestRescue(t *testing.T) {
	rescued := 0
	deaths(t, func(t *testing.T, w *world, change string) {
		if w.here() != "saved" {
			rescued++
		}
		got, err := w.open().Rescue(testMark, changes(change)[0], true, w.keep)
		if err != nil || got.Apart != nil || w.here() != "saved" {
			t.Errorf("%+v, %v; files %s", got, err, w.list())
		}
		if again, err := w.open().Rescue(testMark, changes(change)[0], true, w.keep); err != nil || again.Back || again.Apart != nil {
			t.Errorf("a second time: %+v, %v", again, err)
		}
	})
	if rescued < 4 {
		t.Errorf("only %d saves were taken away", rescued)
	}
}

// TestRescueApart lets people go on from what they found in the place of their
// save, or not want it back: what is there stays, and the save is kept.
func TestRescueApart(t *testing.T) {
	for name, tt := range map[string]struct {
		then    func(w *world)
		putBack bool
	}{
		"edited":          {func(w *world) { w.write("d/f", "edited") }, true},
		"edited, settled": {func(w *world) { w.write("d/f", "edited") }, false},
		"settled":         {func(*world) {}, false},
		"removed": {func(w *world) {
			if err := os.Remove(w.file("d/f")); err != nil && !os.IsNotExist(err) {
				w.t.Error(err)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			deaths(t, func(t *testing.T, w *world, change string) {
				overwritten := w.here() == "saved"
				tt.then(w)
				here := w.here()
				got, err := w.open().Rescue(testMark, changes(change)[0], tt.putBack, w.keep)
				_, kept := w.kept["saved"]
				switch {
				case err != nil || got.Back || w.here() != here:
					t.Errorf("%+v, %v; files %s", got, err, w.list())
				case !overwritten && (string(got.Apart) != "saved" || !kept):
					t.Errorf("apart %q, kept %v: the save is lost; files %s", got.Apart, w.kept, w.list())
				case got.Apart != nil && string(got.Apart) != "saved":
					t.Errorf("apart %q was nobody's", got.Apart)
				}
			})
		})
	}
}

// TestRescueNothing has nothing to rescue: what lies under the temporary name is
// one of both files, or is not there.
func TestRescueNothing(t *testing.T) {
	everyStep(t, func(t *testing.T, w *world, n int, change, _ string) {
		w.killedAt(n, 0, change, nil)
		before := w.list()
		if got, err := w.open().Rescue(testMark, changes(change)[0], true, w.keep); err != nil || got.Back || got.Apart != nil || w.list() != before {
			t.Errorf("%+v, %v; files %s, before %s", got, err, w.list(), before)
		}
	})
}

// TestRescueText brings a save back over a file of which the plan knows another form.
func TestRescueText(t *testing.T) {
	for here, want := range map[string]string{"y\r\n": "saved", "y\n": "saved", "z\r\n": "z\r\n"} {
		w := newWorld(t, "d/f:x")
		w.write("d/f", here)
		c := changes("d/f:x->y")[0]
		c.New = &manifest.Entry{Path: c.Path, ID: manifest.BlobID([]byte("y\n")), Size: 2}
		w.write(traceName(testMark, c.Path, "d/f"), "saved")
		wt := w.open()
		wt.Text = manifest.TextLF
		got, err := wt.Rescue(testMark, c, true, w.keep)
		if err != nil || w.here() != want || got.Back != (want == "saved") {
			t.Errorf("%q: %+v, %v; files %s", here, got, err, w.list())
		}
	}
}
