package diff_test

import (
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
)

func TestMergeMarked(t *testing.T) {
	labels := diff.Labels{Ours: "ours", Theirs: "theirs"}
	tests := []struct {
		name               string
		base, ours, theirs string
		want               string
		conflicts          int
	}{
		{"no conflict", "1\n2\n3\n", "a\n2\n3\n", "1\n2\nb\n", "a\n2\nb\n", 0},
		{"one line", "1\n2\n", "a\n2\n", "b\n2\n", "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n2\n", 1},
		{"one side empty", "1\n2\n3\n", "1\n3\n", "1\nb\n3\n", "1\n<<<<<<< ours\n=======\nb\n>>>>>>> theirs\n3\n", 1},
		{"shared lines at the edges", "1\n", "x\na\ny\n", "x\nb\ny\n", "x\n<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\ny\n", 1},
		{"few shared lines between", "1\n", "a\nx\ny\nz\nc\n", "b\nx\ny\nz\nd\n",
			"<<<<<<< ours\na\nx\ny\nz\nc\n=======\nb\nx\ny\nz\nd\n>>>>>>> theirs\n", 1},
		{"more shared lines between", "1\n", "a\nw\nx\ny\nz\nc\n", "b\nw\nx\ny\nz\nd\n",
			"<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\nw\nx\ny\nz\n<<<<<<< ours\nc\n=======\nd\n>>>>>>> theirs\n", 2},
		{"shared lines without a letter", "1\n", "a\n{\n}\n{\n}\nc\n", "b\n{\n}\n{\n}\nd\n",
			"<<<<<<< ours\na\n{\n}\n{\n}\nc\n=======\nb\n{\n}\n{\n}\nd\n>>>>>>> theirs\n", 1},
		{"a change of one side between", "1\n2\n3\n4\n5\n", "a\n2\n3\n4\nc\n", "b\n2\nx\n4\nd\n",
			"<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n2\nx\n4\n<<<<<<< ours\nc\n=======\nd\n>>>>>>> theirs\n", 2},
		{"no final line end", "1", "a", "b", "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n", 1},
		{"CRLF", "1\r\n2\r\n", "1\r\na\r\n", "1\r\nb\r\n", "1\r\n<<<<<<< ours\r\na\r\n=======\r\nb\r\n>>>>>>> theirs\r\n", 1},
		{"CRLF and no final line end", "1\r\n2", "1\r\na", "1\r\nb", "1\r\n<<<<<<< ours\r\na\r\n=======\r\nb\r\n>>>>>>> theirs\r\n", 1},
		{"CRLF on one side", "1\n2\n", "1\na\n", "1\r\nb\r\n", "<<<<<<< ours\n1\na\n=======\n1\r\nb\r\n>>>>>>> theirs\n", 1},
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Log(err)
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got, conflicts := diff.MergeMarked([]byte(tc.base), []byte(tc.ours), []byte(tc.theirs), labels)
			if string(got) != tc.want || conflicts != tc.conflicts {
				t.Errorf("%d conflicts, want %d (-want +got):\n%s", conflicts, tc.conflicts, cmp.Diff(tc.want, string(got)))
			}
			if git == "" {
				return
			}
			if want, n := gitMerge(t, git, t.TempDir(), tc.base, tc.ours, tc.theirs); want != tc.want || n != tc.conflicts {
				t.Errorf("git merge-file: %q, %d conflicts", want, n)
			}
		})
	}
	if got, conflicts := diff.MergeMarked([]byte("a"), []byte("\x00"), []byte("b"), labels); got != nil || conflicts != -1 {
		t.Errorf("no text: %q, %d conflicts", got, conflicts)
	}
	if got, _ := diff.MergeMarked(nil, []byte("a"), []byte("b"), diff.Labels{}); string(got) != "<<<<<<<\na\n=======\nb\n>>>>>>>\n" {
		t.Errorf("no labels: %q", got)
	}
}

// The differences are those of TestMergeIsGits, once more for every conflict:
// both sides of it are compared again.
func TestMergeMarkedIsGits(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(7, 8))
	differ, conflicts := 0, 0
	for range *merges / 2 {
		base, ours, theirs := mergeCase(r, 15)
		want, wantN := gitMerge(t, git, dir, base, ours, theirs)
		b, o, th := []byte(base), []byte(ours), []byte(theirs)
		got, n := diff.MergeMarked(b, o, th, diff.Labels{Ours: "ours", Theirs: "theirs"})
		if n > 0 {
			conflicts++
		}
		if string(got) != want || n != wantN {
			differ++
		}
		if merged, ok := diff.Merge(b, o, th); ok != (n == 0) || ok && string(merged) != string(got) {
			t.Errorf("Merge(%q, %q, %q) = %q, %v; marked %q, %d", base, ours, theirs, merged, ok, got, n)
		}
	}
	t.Logf("%d cases, %d with conflicts: %d differ from git's", *merges/2, conflicts, differ)
	if differ*25 > *merges/2 || conflicts == 0 {
		t.Errorf("%d of %d cases differ, want at most 1 in 25", differ, *merges/2)
	}
}
