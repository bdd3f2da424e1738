package diff_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/diff"
	"assetsync/manifest"
)

// TestMovesAreGits compares what becomes of two directories with what git says
// of them.
func TestMovesAreGits(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git to compare with")
	}
	tests := []struct {
		name     string
		old, new map[string]string
	}{
		{"a name", map[string]string{"a.md": "x\n"}, map[string]string{"b.md": "x\n"}},
		{"a directory", map[string]string{"a/x.md": "x\n"}, map[string]string{"b/x.md": "x\n"}},
		{"one in between", map[string]string{"d/x.md": "x\n"}, map[string]string{"d/e/x.md": "x\n"}},
		{"one less", map[string]string{"a/b/a/b/c": "x\n"}, map[string]string{"a/b/c": "x\n"}},
		{"nothing in common", map[string]string{"a/x": "x\n"}, map[string]string{"b/y": "x\n"}},
		{"the same base name first", map[string]string{"a/x": "x\n", "a/y": "x\n"}, map[string]string{"b/y": "x\n"}},
		{"beside other changes", map[string]string{"a": "1\n", "b": "2\n", "c": "3\n"}, map[string]string{"a": "9\n", "d": "2\n", "e": "5\n6\n"}},
		{"a copy is new", map[string]string{"a": "1\n"}, map[string]string{"a": "1\n", "b": "1\n"}},
		{"a blank in the name", map[string]string{"a b": "1\n"}, map[string]string{"c d": "1\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			old, new := bundleOf(t, tt.old), bundleOf(t, tt.new)
			var patch strings.Builder
			var stats []diff.FileStat
			for _, m := range diff.Moves(diff.Two(old.Tree(), new.Tree())) {
				before, _ := old.Content(m.Path)
				after, _ := new.Content(m.Path)
				from, to := string(m.Path), string(m.Path)
				switch {
				case m.From != "":
					patch.WriteString(diff.Renamed(string(m.From), to))
					stats = append(stats, diff.FileStat{Path: diff.RenamedPath(m.From, m.Path)})
					continue
				case m.Old == nil:
					from = diff.DevNull
				case m.New == nil:
					to = diff.DevNull
				}
				patch.WriteString(diff.Unified(from, to, before, after, diff.DefaultContext))
				stats = append(stats, diff.StatOf(m.Path, before, after))
			}
			want, wantStat := gitDiff(t, tt.old, tt.new)
			if d := cmp.Diff(want, patch.String()); d != "" {
				t.Errorf("patch (-git +got):\n%s", d)
			}
			if d := cmp.Diff(wantStat, diff.Stat(stats, 80)); d != "" {
				t.Errorf("stat (-git +got):\n%s", d)
			}
		})
	}
}

func bundleOf(t *testing.T, files map[string]string) manifest.Bundle {
	t.Helper()
	named := map[manifest.Path][]byte{}
	for name, text := range files {
		named[manifest.Path(name)] = []byte(text)
	}
	b, err := manifest.NewBundle(named)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// gitDiff commits the one, then the other, and asks git. Files that are only
// alike are none to us that were renamed.
func gitDiff(t *testing.T, old, new map[string]string) (patch, stat string) {
	t.Helper()
	dir := t.TempDir()
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "core.abbrev=7"}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "HOME="+dir)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("init", "-q")
	for _, files := range []map[string]string{old, new} {
		git("rm", "-rqf", "--ignore-unmatch", ".")
		for name, text := range files {
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		git("add", "-A")
		git("commit", "-qm", "x")
	}
	return git("diff", "-M100%", "HEAD~", "HEAD"), git("diff", "-M100%", "--stat=80", "HEAD~", "HEAD")
}
