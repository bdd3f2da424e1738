package worktree

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/durable"
)

// applyText makes one change of the file "f", of which a plan names texts by
// their LF form. An empty old or new is absent.
func (w *world) applyText(old, new string) Result {
	w.t.Helper()
	c := diff.Change{Path: "f"}
	if old != "" {
		c.Old = entry("f", old)
	}
	if new != "" {
		c.New = entry("f", new)
	}
	wt := w.open()
	wt.Text = manifest.TextLF
	content := func(manifest.Entry) ([]byte, error) { return []byte(new), nil }
	return wt.Apply(w.t.Context(), []diff.Change{c}, content, w.keep)[0]
}

func (w *world) wantFile(want string, kept ...string) {
	w.t.Helper()
	data, err := os.ReadFile(w.file("f"))
	if err != nil && (want != "" || !os.IsNotExist(err)) {
		w.t.Fatal(err)
	}
	if string(data) != want {
		w.t.Errorf("the file holds %q, want %q", data, want)
	}
	if d := cmp.Diff(kept, slices.Sorted(maps.Keys(w.kept))); d != "" {
		w.t.Errorf("kept (-want +got):\n%s", d)
	}
}

func TestApplyText(t *testing.T) {
	tests := []struct {
		name, file, old, new string
		want                 Outcome
		holds                string
		kept                 []string
	}{
		{"update a file with CRLF", "a\r\n", "a\n", "b\n", Done, "b\n", []string{"a\r\n"}},
		{"update a file with LF", "a\n", "a\n", "b\n", Done, "b\n", []string{"a\n"}},
		{"update by what has CRLF", "a\r\n", "a\n", "b\r\n", Done, "b\r\n", []string{"a\r\n"}},
		{"delete a file with CRLF", "a\r\n", "a\n", "", Done, "", []string{"a\r\n"}},
		{"updated already, with CRLF", "b\r\n", "a\n", "b\n", Done, "b\r\n", nil},
		{"created already, with CRLF", "b\r\n", "", "b\n", Done, "b\r\n", nil},
		{"update of other content", "c\r\n", "a\n", "b\n", Conflict, "c\r\n", nil},
		{"delete of other content", "c\r\n", "a\n", "", Conflict, "c\r\n", nil},
		{"create over other content", "c\r\n", "", "b\n", Conflict, "c\r\n", nil},
		{"binary content has one form", "\x00\r\n", "\x00\n", "b\n", Conflict, "\x00\r\n", nil},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			w := newWorld(t, "")
			w.write("f", tc.file)
			if r := w.applyText(tc.old, tc.new); r.Outcome != tc.want {
				t.Errorf("%+v, want %s", r, tc.want)
			}
			w.wantFile(tc.holds, tc.kept...)
		})
	}
}

// Without a form, line ends are content.
func TestApplyTextExact(t *testing.T) {
	w := newWorld(t, "")
	w.write("f", "a\r\n")
	c := diff.Change{Path: "f", Old: entry("f", "a\n"), New: entry("f", "b\n")}
	content := func(manifest.Entry) ([]byte, error) { return []byte("b\n"), nil }
	if r := w.open().Apply(t.Context(), []diff.Change{c}, content, w.keep)[0]; r.Outcome != Conflict {
		t.Errorf("%+v", r)
	}
	w.wantFile("a\r\n")
}

// A save that slips in before any step is what is there in the end, also one
// that changes line ends alone.
func TestApplyTextBesideSaves(t *testing.T) {
	for _, new := range []string{"b\n", "b\r\n", ""} {
		steps := 0
		count := newWorld(t, "")
		count.write("f", "a\r\n")
		count.hook = func(_ durable.Op, do func() error) error { steps++; return do() }
		if r := count.applyText("a\n", new); r.Outcome != Done || steps == 0 {
			t.Fatalf("%+v in %d steps", r, steps)
		}
		for _, save := range []string{"a\n", "a\r\n\r\n", "c\r\n"} {
			for n := range steps {
				t.Run(fmt.Sprintf("%q saved before step %d to %q", save, n+1, new), func(t *testing.T) {
					w := newWorld(t, "")
					w.write("f", "a\r\n")
					w.hook = at(n+1, func() { w.write("f", save) })
					r := w.applyText("a\n", new)
					if data, err := os.ReadFile(w.file("f")); err != nil || string(data) != save {
						t.Errorf("%+v: the file holds %q, %v, want the save", r, data, err)
					}
				})
			}
		}
	}
}
