//go:build unix

package main

import (
	"os"
	"testing"

	"assetsync/sync/daemon"
)

// TestWatchRootTrouble takes the directory of a target away while it is
// watched, and gives it back with a file that was changed meanwhile.
func TestWatchRootTrouble(t *testing.T) {
	const root = "skills/one"
	cases := []struct {
		name  string
		away  func(*world)
		state daemon.State
		words string // what the daemon says meanwhile
		lost  string // what watch --status says of the watch
		back  func(*world)
	}{
		{
			name:  "deleted and restored",
			away:  func(w *world) { w.remove(root) },
			state: daemon.Blocked,
			words: `is empty, but held 2 files`,
			lost:  `skills/one" does not exist`,
			back:  func(w *world) { w.skill("one") },
		},
		{
			name:  "moved away and back",
			away:  func(w *world) { w.rename(root, "elsewhere") },
			state: daemon.Blocked,
			words: `is empty, but held 2 files`,
			lost:  `skills/one" does not exist`,
			back:  func(w *world) { w.rename("elsewhere", root) },
		},
		{
			name:  "replaced by a file and back",
			away:  func(w *world) { w.rename(root, "elsewhere"); w.save(root, "a file\n") },
			state: daemon.Failed,
			words: `not a directory`,
			lost:  `skills/one" is not a directory`,
			back:  func(w *world) { w.remove(root); w.rename("elsewhere", root) },
		},
		{
			name:  "all above it moved away and back",
			away:  func(w *world) { w.rename("skills", "elsewhere") },
			state: daemon.Blocked,
			words: `is empty, but held 2 files`,
			lost:  `skills/one" does not exist`,
			back:  func(w *world) { w.rename("elsewhere", "skills") },
		},
		{
			name:  "emptied and filled",
			away:  func(w *world) { w.remove(root + "/SKILL.md"); w.remove(root + "/limits.md") },
			state: daemon.Blocked,
			words: `is empty, but held 2 files`,
			lost:  ``,
			back:  func(w *world) { w.skill("one") },
		},
	}
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, "", "one", "two")
			w.start()
			tt.away(w)
			w.tells(root, tt.state, tt.words)
			w.statusSays(tt.words)
			w.watchSays(tt.lost)
			if v := w.version(root); v != 1 {
				t.Errorf("version %d came of it", v)
			}
			tt.back(w)
			w.save(root+"/limits.md", "another limit\n")
			w.inStep()
			w.published(root, 1, 1, 2)
			w.nothingDeleted()
		})
	}
}

// TestWatchRootSwapped makes the directory of a target a symlink, and lets it
// name an empty directory for a time, as an unmounted disk is one.
func TestWatchRootSwapped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one", "two")
	w.rename("skills/one", "disk")
	w.must(os.Mkdir(w.path("empty"), 0o755))
	w.must(os.Symlink("../disk", w.path("skills/one")))
	w.start()
	swap := func(to string) {
		w.must(os.Symlink(to, w.path("skills/new")))
		w.rename("skills/new", "skills/one")
	}
	swap("../empty")
	w.tells("skills/one", daemon.Blocked, `is empty`)
	w.statusSays(`is empty`)
	w.save("disk/limits.md", "another limit\n")
	swap("../disk")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.nothingDeleted()
}
