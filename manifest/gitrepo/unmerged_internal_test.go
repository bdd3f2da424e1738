package gitrepo

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// indexOf returns the index that git makes of some steps in a new repository.
func indexOf(t testing.TB, steps ...[]string) []byte {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"a", "a.md", "references/longer-name.md"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range append([][]string{{"init", "-q"}}, steps...) {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1"}
		if args[0] == "update-index" && args[1] == "--index-info" {
			cmd.Args, cmd.Stdin = []string{"git", "update-index", "--index-info"}, bytes.NewReader([]byte(args[2]))
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, ".git", "index"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const inConflict = "100644 ce013625030ba8dba906f756967f9e9ca394464a 1\tzz.md\n" +
	"100644 ce013625030ba8dba906f756967f9e9ca394464a 2\tzz.md\n"

// TestIndexUnmerged reads the versions of an index that git writes.
func TestIndexUnmerged(t *testing.T) {
	add, all := []string{"add", "a", "a.md"}, []string{"add", "-A"}
	conflict := []string{"update-index", "--index-info", inConflict}
	tests := map[string]struct {
		steps        [][]string
		unmerged, ok bool
	}{
		"version 2":               {[][]string{all}, false, true},
		"version 2, in conflict":  {[][]string{all, conflict}, true, true},
		"version 3":               {[][]string{add, {"add", "-N", "references"}}, false, true},
		"version 3, in conflict":  {[][]string{add, {"add", "-N", "references"}, conflict}, true, true},
		"version 4":               {[][]string{all, {"update-index", "--index-version", "4"}}, false, true},
		"version 4, in conflict":  {[][]string{all, conflict, {"update-index", "--index-version", "4"}}, true, true},
		"split":                   {[][]string{all, {"update-index", "--split-index"}}, false, false},
		"with names of untracked": {[][]string{all, {"update-index", "--untracked-cache"}}, false, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			data := indexOf(t, tt.steps...)
			unmerged, ok := indexUnmerged(bytes.NewReader(data), int64(len(data)))
			if unmerged != tt.unmerged || ok != tt.ok {
				t.Errorf("%t, %t, want %t, %t", unmerged, ok, tt.unmerged, tt.ok)
			}
		})
	}
}

// TestIndexUnmergedInParts reads an index of which only a part is in memory at once,
// and tells what ends within a part.
func TestIndexUnmergedInParts(t *testing.T) {
	var large bytes.Buffer
	idx := index.Index{Version: 2}
	for i := range 2_000 {
		idx.Entries = append(idx.Entries, &index.Entry{Name: fmt.Sprintf("skills/%04d/%s", i, strings.Repeat("n", i%300)), Mode: filemode.Regular})
	}
	idx.Entries[len(idx.Entries)-1].Stage = index.TheirMode
	if err := index.NewEncoder(&large).Encode(&idx); err != nil {
		t.Fatal(err)
	}
	data := large.Bytes()
	for name, tt := range map[string]struct {
		from         io.Reader
		size         int
		unmerged, ok bool
	}{
		"whole":                {bytes.NewReader(data), len(data), true, true},
		"byte by byte":         {iotest.OneByteReader(bytes.NewReader(data)), len(data), true, true},
		"cut off":              {bytes.NewReader(data[:len(data)/2]), len(data), false, false},
		"cut off, and so told": {bytes.NewReader(data[:len(data)/2]), len(data) / 2, false, false},
		"cannot be read":       {io.MultiReader(bytes.NewReader(data[:indexPart]), iotest.ErrReader(io.ErrUnexpectedEOF)), len(data), false, false},
		"empty":                {bytes.NewReader(nil), 0, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			if unmerged, ok := indexUnmerged(tt.from, int64(tt.size)); unmerged != tt.unmerged || ok != tt.ok {
				t.Errorf("%t, %t, want %t, %t", unmerged, ok, tt.unmerged, tt.ok)
			}
		})
	}
}

// FuzzIndexUnmerged wants the answer of go-git for what that reads.
func FuzzIndexUnmerged(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x00\x00"))
	f.Add(indexOf(f, []string{"add", "-A"}, []string{"update-index", "--index-info", inConflict}))
	f.Add(indexOf(f, []string{"add", "-A"}, []string{"update-index", "--index-version", "4"}))
	f.Fuzz(func(t *testing.T, data []byte) {
		unmerged, ok := indexUnmerged(bytes.NewReader(data), int64(len(data)))
		var idx index.Index
		if err := index.NewDecoder(bytes.NewReader(data)).Decode(&idx); err != nil {
			return
		}
		want := false
		for _, e := range idx.Entries {
			want = want || e.Stage != 0 // go-git's index.Merged is 1, gitformat-index(5) says 0
		}
		if !ok || unmerged != want {
			t.Errorf("%t, %t, and go-git reads %t", unmerged, ok, want)
		}
	})
}
