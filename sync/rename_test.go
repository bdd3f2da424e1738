package sync_test

import (
	"os"
	"path/filepath"
	"testing"

	assetsync "assetsync/sync"
)

// TestFileBecomesDirectory lets a file and a directory change places.
func TestFileBecomesDirectory(t *testing.T) {
	for _, back := range []bool{false, true} {
		w := newWorld(t)
		start := map[string]string{"a.md": "x"}
		if back {
			start = map[string]string{"a.md/b.md": "x"}
		}
		m := w.machine(skill(start))
		id := m.mustPush(assetsync.Created).AssetID
		if err := os.RemoveAll(filepath.Join(m.dir, "a.md")); err != nil {
			t.Fatal(err)
		}
		if !back {
			m.write("a.md/b.md", "x")
		} else {
			m.write("a.md", "x")
		}
		res := m.push(assetsync.PushOptions{})
		if res.Outcome != assetsync.Published {
			t.Errorf("back=%v: %s\n%s", back, res.Outcome, describe(res))
			again := m.push(assetsync.PushOptions{})
			t.Logf("again: %s\n%s", again.Outcome, describe(again))
		}
		w.wantLive(id, m.files())
	}
}

// TestCaseRenameIsOneWrite renames by case alone: for no moment both names
// are there, which the service may not tell apart.
func TestCaseRenameIsOneWrite(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(map[string]string{"Notes.md": "n"}))
	m.mustPush(assetsync.Created)
	m.rm("Notes.md")
	m.write("notes.md", "n")
	before := w.wrote()
	res := m.push(assetsync.PushOptions{})
	if got := w.writes(before); len(got) != 1 {
		t.Errorf("a rename by case alone is not one write: %q %s", got, res.Outcome)
	}
}
