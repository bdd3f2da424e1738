package sync_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

// TestPreferSettlesConflicts settles conflicts in either direction; a
// deletion loses to an edit in both.
func TestPreferSettlesConflicts(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "theirs")
	m.write("a.md", "ours")
	m.push(assetsync.PushOptions{})
	res := m.pull(assetsync.PullOptions{Prefer: diff.Remote})
	m.want(res, assetsync.CheckedOut)
	m.wantQuiet()
	// a delete on the one side, an edit on the other
	w.remove(id, "b.md")
	m.write("b.md", "ours")
	m.want(m.pull(assetsync.PullOptions{Prefer: diff.Remote}), assetsync.Unchanged)
	if got := m.files()["b.md"]; got != "ours" {
		t.Errorf("b.md=%q: an edit lost to a deletion", got)
	}
	w.save(id, "c.md", "theirs")
	m.rm("c.md")
	m.push(assetsync.PushOptions{Prefer: diff.Local})
	if got := w.live(id, 0)["c.md"]; got != "theirs" {
		t.Errorf("c.md=%q: an edit lost to a deletion", got)
	}
}

// TestConflictIsStable repeats every verb on a conflict: nothing is written
// anew, no copy twice.
func TestConflictIsStable(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "theirs")
	m.write("a.md", "ours")
	m.push(assetsync.PushOptions{})
	m.pull(assetsync.PullOptions{})
	sum := func() string {
		data, _ := os.ReadFile(filepath.Join(m.state, "state.db"))
		n := 0
		filepath.WalkDir(m.state, func(string, os.DirEntry, error) error { n++; return nil })
		return fmt.Sprintf("%x %d", len(data), n)
	}
	before, _ := os.ReadFile(filepath.Join(m.state, "state.db"))
	s := sum()
	for range 3 {
		m.push(assetsync.PushOptions{})
		m.pull(assetsync.PullOptions{})
		m.status()
	}
	after, _ := os.ReadFile(filepath.Join(m.state, "state.db"))
	if !bytes.Equal(before, after) || s != sum() {
		t.Errorf("state is written by runs that learn nothing")
	}
	for i := range 5 {
		w.save(id, "b.md", fmt.Sprint(i))
		m.push(assetsync.PushOptions{})
	}
	n := 0
	filepath.WalkDir(filepath.Join(m.state, "conflicts"), func(p string, d os.DirEntry, err error) error {
		if d != nil && !d.IsDir() {
			n++
		}
		return nil
	})
	if n > 2 {
		t.Errorf("%d copies of one and the same conflicting content", n)
	}
}

// TestMetadataConflictIsNoFile does not speak of files when metadata is in
// conflict.
func TestMetadataConflictIsNoFile(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(nil))
	id := m.mustPush(assetsync.Created).AssetID
	m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}}
	w.beforeWrite(func() { w.setMetadata(id, map[string]any{"agent_types": []any{"PREVENTION"}}) })
	res := m.push(assetsync.PushOptions{})
	if strings.Contains(res.Error.Message, "1 file ") {
		t.Error(res.Error.Message)
	}
}

// TestMetadataLeavesPendingFiles publishes metadata while a file of theirs
// is pending.
func TestMetadataLeavesPendingFiles(t *testing.T) {
	w := newWorld(t)
	m := w.machine(skill(fiveFiles))
	id := m.mustPush(assetsync.Created).AssetID
	w.save(id, "a.md", "theirs")
	m.target.Metadata = map[string]any{"agent_types": []any{"CHAT"}}
	m.mustPush(assetsync.Published)
	if w.live(id, 0)["a.md"] != "theirs" {
		t.Error("lost")
	}
}
