package sync_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

// TestPullOldVersionIntoNothing checks an old version out where there is no
// directory: the next push publishes it.
func TestPullOldVersionIntoNothing(t *testing.T) {
	for _, fresh := range []bool{true, false} {
		t.Run(fmt.Sprint("fresh machine ", fresh), func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(fiveFiles))
			id := m.mustPush(assetsync.Created).AssetID
			m.write("a.md", "newer")
			m.write("added.md", "added")
			m.mustPush(assetsync.Published)
			if fresh {
				m = w.machine(nil)
				m.target.AssetID = id
			} else if err := os.RemoveAll(m.dir); err != nil {
				t.Fatal(err)
			}
			m.want(m.pull(assetsync.PullOptions{Version: 1}), assetsync.CheckedOut)
			res := m.push(assetsync.PushOptions{})
			if res.Outcome != assetsync.Published {
				t.Errorf("push of the old version: %s\n%s", res.Outcome, describe(res))
			}
		})
	}
}

// TestPullVersionLeavesLocalChanges checks an old version out over local
// changes of files that are the same in it: they stay, and that is said.
func TestPullVersionLeavesLocalChanges(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	m.mustPush(assetsync.Created)
	m.write("e.md", "E")
	m.mustPush(assetsync.Published)
	m.rm("a.md")
	m.write("b.md", "edited")
	res := m.pull(assetsync.PullOptions{Version: 1})
	if m.files()["a.md"] == "" && len(res.Conflicts) == 0 && len(res.Notes) == 0 {
		t.Errorf("asked for version 1, %s, and the directory is not version 1: %v\n%s", res.Outcome, m.files(), describe(res))
	}
}

// TestPartlyFailedPullOfOldVersion checks out a version with a file that
// cannot be held here: the next push publishes the rest.
func TestPartlyFailedPullOfOldVersion(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	long := strings.Repeat("x", 300) + ".md"
	w.save(id, long, "long") // v2
	w.remove(id, long)       // v3
	m.mustPull(assetsync.Unchanged)
	m.write("a.md", "newer")
	m.mustPush(assetsync.Published) // v4
	m.pull(assetsync.PullOptions{Version: 2})
	res := m.push(assetsync.PushOptions{})
	if got := w.live(id, 0)["a.md"]; got != "a" {
		t.Errorf("a.md=%q: the old version was not published: %s\n%s", got, res.Outcome, describe(res))
	}
}
