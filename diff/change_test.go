package diff_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
	"assetsync/manifest"
)

func showChanges(changes []diff.Change) string {
	var out []string
	for _, c := range changes {
		out = append(out, strings.Join([]string{string(c.Action()), string(c.Path), letter(c.Old) + letter(c.New), string(c.Why)}, " "))
	}
	return strings.Join(out, "; ")
}

func TestTwo(t *testing.T) {
	tests := []struct{ name, old, new, want string }{
		{"both empty", "", "", ""},
		{"equal", "a:x b:y", "a:x b:y", ""},
		{"all three", "a:x b:x", "b:y c:x", "delete a x- deleted; update b xy changed; create c -x new"},
		{"from nothing", "", "a:x", "create a -x new"},
		{"to nothing", "a:x", "", "delete a x- deleted"},
		{"file to directory", "a:x", "a/b:x", "delete a x- deleted; create a/b -x new"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := showChanges(diff.Two(side(t, tc.old).Tree, side(t, tc.new).Tree))
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestApply(t *testing.T) {
	change := func(p, old, new string) diff.Change {
		return diff.Change{Path: manifest.Path(p), Old: entry(manifest.Path(p), old), New: entry(manifest.Path(p), new)}
	}
	tests := []struct {
		name, tree string
		changes    []diff.Change
		want       string // a tree, or "error: …"
	}{
		{"none", "a:x", nil, "a:x"},
		{"all three", "a:x b:x", []diff.Change{change("a", "x", "-"), change("b", "x", "y"), change("c", "-", "z")}, "b:y c:z"},
		{"file to directory in any order", "a:x", []diff.Change{change("a/b", "-", "y"), change("a", "x", "-")}, "a/b:y"},
		{"create over a file", "a:x", []diff.Change{change("a", "-", "y")}, `error: apply changes: path "a" is not what the change starts from`},
		{"update of other content", "a:x", []diff.Change{change("a", "y", "z")}, `error: apply changes: path "a" is not what the change starts from`},
		{"delete of nothing", "", []diff.Change{change("a", "y", "-")}, `error: apply changes: path "a" is not what the change starts from`},
		{"a path twice", "a:x", []diff.Change{change("a", "x", "y"), change("a", "x", "z")}, `error: apply changes: path "a" comes twice`},
		{"no tree", "a:x", []diff.Change{change("a/b", "-", "y")}, `error: apply changes: path "a" is both a file and a directory`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, err := diff.Apply(side(t, tc.tree).Tree, tc.changes)
			if want, ok := strings.CutPrefix(tc.want, "error: "); ok {
				if err == nil || err.Error() != want {
					t.Errorf("got error %v, want %s", err, want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want, _ := side(t, tc.want).Tree.MarshalText()
			text, _ := got.MarshalText()
			if d := cmp.Diff(string(want), string(text)); d != "" {
				t.Errorf("tree (-want +got):\n%s", d)
			}
		})
	}
}
