package sync_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
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

// TestRenamedDuringPush gives the skill another name between the look at its
// directory and the reading of its files, as a checkout of an older commit
// does: what is read then is another asset's and is not published as this one.
func TestRenamedDuringPush(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	was := m.files()
	changeFour(m)
	m.write("SKILL.md", skillMain+"more\n")
	before := w.wrote()
	w.before = func(*http.Request) {
		w.before = nil
		m.write("SKILL.md", strings.Replace(skillMain, "name: demo", "name: older", 1))
	}
	res := m.push(assetsync.PushOptions{})
	if res.Error == nil || res.Error.Kind != assetsync.KindUsage || !strings.Contains(res.Error.Hint, "renamed_from: demo") {
		t.Errorf("the push of another name: %s\n%s", res.Outcome, describe(res))
	}
	if got := w.writes(before); len(got) != 0 {
		t.Errorf("it wrote %q", got)
	}
	w.wantLive(id, was)
}
