package diff_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"assetsync/diff"
	"assetsync/manifest"
)

// numbered returns the lines from 1 to n, each replaced by what change names
// for it.
func numbered(n int, change map[int]string) string {
	var b strings.Builder
	for i := range n {
		line, ok := change[i+1]
		if !ok {
			line = fmt.Sprintf("%d\n", i+1)
		}
		b.WriteString(line)
	}
	return b.String()
}

func TestUnified(t *testing.T) {
	tests := []struct {
		name, oldName, newName, old, new string
		want                             string
	}{
		{"equal", "a", "a", "x\n", "x\n", ""},
		{"both empty", "a", "a", "", "", ""},
		{"new", diff.DevNull, "d/a", "", "x\ny\n", `diff --git a/d/a b/d/a
new file mode 100644
index 0000000..b77b4eb
--- /dev/null
+++ b/d/a
@@ -0,0 +1,2 @@
+x
+y
`},
		{"new and empty", diff.DevNull, "a", "", "", `diff --git a/a b/a
new file mode 100644
index 0000000..e69de29
`},
		{"deleted", "a", diff.DevNull, "x\n", "", `diff --git a/a b/a
deleted file mode 100644
index 587be6b..0000000
--- a/a
+++ /dev/null
@@ -1 +0,0 @@
-x
`},
		{"deleted and empty", "a", diff.DevNull, "", "", `diff --git a/a b/a
deleted file mode 100644
index e69de29..0000000
`},
		{"emptied", "a", "a", "x\n", "", `diff --git a/a b/a
index 587be6b..e69de29 100644
--- a/a
+++ b/a
@@ -1 +0,0 @@
-x
`},
		{"line end lost", "a", "a", "x\n", "x", `diff --git a/a b/a
index 587be6b..c1b0730 100644
--- a/a
+++ b/a
@@ -1 +1 @@
-x
+x
\ No newline at end of file
`},
		{"two hunks", "a", "a", numbered(20, nil), numbered(20, map[int]string{2: "two\n", 18: ""}), `diff --git a/a b/a
index 0ff3bbb..dd83c50 100644
--- a/a
+++ b/a
@@ -1,5 +1,5 @@
 1
-2
+two
 3
 4
 5
@@ -15,6 +15,5 @@
 15
 16
 17
-18
 19
 20
`},
		{"binary", "a.png", "a.png", "\x89PNG\x00", "\x89PNG\x00\x00\x00", `diff --git a/a.png b/a.png
index 0a7e2a1..e720d18 100644
Binary files a/a.png (5 bytes 0a7e2a1) and b/a.png (7 bytes e720d18) differ
`},
		{"names that need care", `a "b".md`, `a "b".md`, "x\n", "y\n", `diff --git "a/a \"b\".md" "b/a \"b\".md"
index 587be6b..975fbec 100644
--- "a/a \"b\".md"
+++ "b/a \"b\".md"
@@ -1 +1 @@
-x
+y
`},
		{"a name with a blank", "a b", "a b", "x\n", "y\n", "diff --git a/a b b/a b\nindex 587be6b..975fbec 100644\n--- a/a b\t\n+++ b/a b\t\n@@ -1 +1 @@\n-x\n+y\n"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := diff.Unified(tc.oldName, tc.newName, []byte(tc.old), []byte(tc.new), diff.DefaultContext)
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("patch (-want +got):\n%s", d)
			}
		})
	}
}

func TestIsBinary(t *testing.T) {
	tests := []struct {
		name    string
		content string
		want    bool
	}{
		{"empty", "", false},
		{"text", "x\n", false},
		{"invalid UTF-8", "\xff\xfe", false},
		{"NUL", "a\x00", true},
		{"NUL as byte 8000", strings.Repeat("x", 7999) + "\x00", true},
		{"NUL as byte 8001", strings.Repeat("x", 8000) + "\x00", false},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if got := diff.IsBinary([]byte(tc.content)); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// anyText draws text of few different lines, so that they repeat, with and
// without a last line end, carriage returns and bytes that are no UTF-8.
func anyText(t *rapid.T, label string) string {
	lines := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b", "c", "d\r", "\xff", "--- a", "+++ b", "\\ x", "@@"}), 0, 40).Draw(t, label)
	text := strings.Join(lines, "\n")
	if len(lines) > 0 && rapid.Bool().Draw(t, label+" ends") {
		text += "\n"
	}
	return text
}

// checkApplies runs a tool that patches f in an own directory and compares
// what comes out.
func checkApplies(t *rapid.T, dir, old, new, patch string, command ...string) {
	file := filepath.Join(dir, "f")
	if err := os.WriteFile(file, []byte(old), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(patch)
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir), "GIT_CONFIG_GLOBAL="+os.DevNull)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s\nold %q\nnew %q\npatch:\n%s", command[0], err, out, old, new, patch)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != new {
		t.Fatalf("%s makes %q of %q, want %q; patch:\n%s", command[0], got, old, new, patch)
	}
}

func TestUnifiedApplies(t *testing.T) {
	for _, command := range [][]string{
		{"git", "apply", "--whitespace=nowarn", "-"},
		{"patch", "-p1", "--binary", "--force", "--quiet", "--no-backup-if-mismatch"},
	} {
		t.Run(command[0], func(t *testing.T) {
			if _, err := exec.LookPath(command[0]); err != nil {
				t.Skip(err)
			}
			dir := t.TempDir()
			rapid.Check(t, func(t *rapid.T) {
				old, new := anyText(t, "old"), anyText(t, "new")
				// Without context neither tool minds where a last line without
				// an end lies.
				context := rapid.IntRange(1, 4).Draw(t, "context")
				// With no text left, patch removes the file.
				if old == new || command[0] == "patch" && (old == "" || new == "") {
					return
				}
				patch := diff.Unified("f", "f", []byte(old), []byte(new), context)
				checkApplies(t, dir, old, new, patch, command...)
			})
		})
	}
}

func TestStatOf(t *testing.T) {
	tests := []struct {
		name, old, new string
		want           diff.FileStat
	}{
		{"new", "", "x\ny", diff.FileStat{Path: "p", Added: 2, NewSize: 3}},
		{"deleted", "x\ny\n", "", diff.FileStat{Path: "p", Deleted: 2, OldSize: 4}},
		{"changed", "x\ny\nz\n", "x\nw\nz\nv\n", diff.FileStat{Path: "p", Added: 2, Deleted: 1, OldSize: 6, NewSize: 8}},
		{"binary", "x\n", "\x00", diff.FileStat{Path: "p", Binary: true, OldSize: 2, NewSize: 1}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if d := cmp.Diff(tc.want, diff.StatOf("p", []byte(tc.old), []byte(tc.new))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// The layout is git's own: both are run over the same files.
func TestStatIsGits(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip(err)
	}
	long := strings.Repeat("deep/", 20) + "file-with-a-name.md"
	tests := []struct {
		name  string
		files map[string][2]string // old, new
	}{
		{"one line", map[string][2]string{"a": {"x\n", "y\n"}}},
		{"only added", map[string][2]string{"a": {"x\n", "x\ny\n"}}},
		{"only deleted", map[string][2]string{"a": {"x\ny\n", "x\n"}}},
		{"several", map[string][2]string{"a": {"x\n", "y\n"}, "b/c": {"1\n2\n", "1\n3\n4\n"}, "long-name": {"", "q\n"}}},
		{"many lines", map[string][2]string{"a": {"x\n", numbered(500, nil)}, "b": {numbered(30, nil), "x\n"}, "c": {"x\n", "y\n"}}},
		{"binary", map[string][2]string{"a.png": {"\x00", "\x00\x01\x02"}, "b": {"x\n", "y\n"}}},
		{"only binary", map[string][2]string{"a.png": {"\x00", strings.Repeat("\x00", 12345)}}},
		{"a long name", map[string][2]string{long: {"x\n", numbered(300, nil)}, "b": {"x\n", "y\n"}}},
		{"a wide name", map[string][2]string{"日本語": {"x\n", "y\n"}, "b": {"x\n", "y\n"}}},
		{"empty", map[string][2]string{"a": {"x\n", ""}}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			var stats []diff.FileStat
			for _, p := range sortedKeys(tc.files) {
				stats = append(stats, diff.StatOf(p, []byte(tc.files[string(p)][0]), []byte(tc.files[string(p)][1])))
			}
			runGit(t, git, dir, "init", "-q")
			for i := range 2 {
				for p, content := range tc.files {
					writeFile(t, filepath.Join(dir, p), content[i])
				}
				runGit(t, git, dir, "add", "-A")
				runGit(t, git, dir, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "m")
			}
			for _, width := range []int{10, 40, 80, 200} {
				want := runGit(t, git, dir, "-c", "core.quotePath=false", "diff", fmt.Sprintf("--stat=%d", width), "HEAD~1", "HEAD")
				if d := cmp.Diff(want, diff.Stat(stats, width)); d != "" {
					t.Errorf("width %d (-git +got):\n%s", width, d)
				}
			}
		})
	}
	if got := diff.Stat(nil, 80); got != "" {
		t.Errorf("no files: %q", got)
	}
}

func runGit(t *testing.T, git, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command(git, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, &stderr)
	}
	return string(out)
}

func writeFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func FuzzUnified(f *testing.F) {
	f.Add("", "x")
	f.Add("a\nb\nc\n", "a\nc")
	f.Add("\xff\n", "\n\n\xfe")
	f.Fuzz(func(t *testing.T, old, new string) {
		patch := diff.Unified("f", "f", []byte(old), []byte(new), 1)
		if (patch == "") != (old == new) {
			t.Errorf("patch %q for equal == %v", patch, old == new)
		}
		s := diff.StatOf("f", []byte(old), []byte(new))
		if lines := strings.Count(old, "\n") + 1; s.Deleted > lines {
			t.Errorf("%d deleted of at most %d lines", s.Deleted, lines)
		}
	})
}

func sortedKeys[V any](m map[string]V) []manifest.Path {
	var out []manifest.Path
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, manifest.Path(k))
	}
	return out
}

func TestUnifiedWithoutContext(t *testing.T) {
	old, new := numbered(9, nil), numbered(9, map[int]string{2: "", 5: "five\n", 7: "7\nadded\n"})
	_, got, _ := strings.Cut(diff.Unified("a", "a", []byte(old), []byte(new), 0), "+++ b/a\n")
	want := "@@ -2 +1,0 @@\n-2\n@@ -5 +4 @@\n-5\n+five\n@@ -7,0 +7 @@\n+added\n"
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("hunks (-want +got):\n%s", d)
	}
}
