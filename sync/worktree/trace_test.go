package worktree

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"assetsync/diff"
	"assetsync/manifest/durable"
)

const testMark = "of-a-test"

func (w *world) marked() *Worktree {
	w.t.Helper()
	tree := w.open()
	tree.Mark = testMark
	return tree
}

// here is what the file of [someChanges] holds, "" for nothing.
func (w *world) here() string {
	w.t.Helper()
	data, err := os.ReadFile(w.file("d/f"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		w.t.Fatal(err)
	}
	return string(data)
}

// TestBroughtAfterCrash ends a run before and after every step, and lets a user
// save the file then: that it was brought is known exactly where it was.
func TestBroughtAfterCrash(t *testing.T) {
	type crash struct{}
	for _, c := range someChanges {
		if strings.HasSuffix(c.change, ">-") {
			continue // a deletion leaves no trace
		}
		for _, after := range []bool{false, true} {
			for n, ended := 1, false; !ended; n++ {
				t.Run(fmt.Sprintf("%s, step %d, after %v", c.name, n, after), func(t *testing.T) {
					w := newWorld(t, c.files)
					steps := 0
					w.hook = func(op durable.Op, do func() error) error {
						if steps++; steps != n {
							return do()
						}
						if after {
							if err := do(); err != nil {
								t.Error(err)
							}
						}
						panic(crash{})
					}
					func() {
						defer func() {
							if r := recover(); r != nil && r != (crash{}) {
								panic(r)
							}
						}()
						w.marked().Apply(t.Context(), changes(c.change), content, w.keep)
					}()
					ended = steps < n
					want := w.here() == "y"
					for _, save := range saves {
						save(w, "saved")
						w.hook = nil
						if got := w.open().Brought(testMark, changes(c.change)[0]); got != want {
							t.Errorf("it was brought: %v, want %v; files %s", got, want, w.list())
						}
					}
					if w.open().Brought("of-another", changes(c.change)[0]) {
						t.Error("brought by a run that never was")
					}
				})
			}
		}
	}
}

// TestBroughtAfterFaults does the same where a step fails, and the run goes on.
func TestBroughtAfterFaults(t *testing.T) {
	for _, effect := range []bool{false, true} {
		everyStep(t, func(t *testing.T, w *world, n int, change, _ string) {
			if strings.HasSuffix(change, ">-") {
				return
			}
			w.hook = func(_ durable.Op, do func() error) error {
				if n--; n != 0 {
					return do()
				}
				if effect {
					return errors.Join(errFault, do())
				}
				return errFault
			}
			tree := w.marked()
			r := tree.Apply(t.Context(), changes(change), content, w.keep)[0]
			brought := w.here() == "y"
			if r.Outcome == Done && !brought {
				t.Errorf("done, and it holds %q", w.here())
			}
			if r.Outcome == Done && len(tree.Traces()) != 1 || r.Outcome != Done && len(tree.Traces()) != 0 {
				t.Errorf("%s, with the traces %v", r.Outcome, tree.Traces())
			}
			saves["by a rename"](w, "saved")
			if got := w.open().Brought(testMark, changes(change)[0]); got && !brought {
				t.Errorf("called brought, and was not; files %s", w.list())
			}
		})
	}
}

// TestNotBrought lets saves slip in, so that nothing is brought.
func TestNotBrought(t *testing.T) {
	for how, save := range saves {
		everyStep(t, func(t *testing.T, w *world, n int, change, _ string) {
			w.hook = at(n, func() { save(w, "saved") })
			r := w.marked().Apply(t.Context(), changes(change), content, w.keep)[0]
			if w.hook = nil; r.Outcome == Done || strings.HasSuffix(change, ">-") {
				return
			}
			if w.open().Brought(testMark, changes(change)[0]) {
				t.Errorf("saved %s: %s, and called brought; files %s", how, r.Outcome, w.list())
			}
		})
	}
}

func TestDiscard(t *testing.T) {
	w := newWorld(t, "a:x b:x")
	tree := w.marked()
	if got := outcomes(tree.Apply(t.Context(), changes("a:x>y b:x>y c:->y"), content, w.keep)); got != "done done done" {
		t.Fatal(got)
	}
	if got := w.list(); got != "TEMP: TEMP:x TEMP:x a:y b:y c:y" {
		t.Errorf("before: %s", got)
	}
	late := traceName(testMark, "b", "b") // a program had b open
	w.write(late, "late")
	if err := tree.Discard(tree.Traces()); err != nil {
		t.Error(err)
	}
	if got := w.list(); got != "TEMP:late a:y b:y c:y" {
		t.Errorf("after: %s", got)
	}
	if err := tree.Discard(tree.Traces()); err != nil {
		t.Errorf("once more: %v", err)
	}
	if names := TraceNames(testMark, "b"); names[0] != late || !strings.HasPrefix(names[1], late) {
		t.Errorf("names %q, want those of %s", names, late)
	}
	if w.open().Brought("", diff.Change{Path: "c", New: changes("c:->y")[0].New}) {
		t.Error("brought by no run")
	}
}
