//go:build unix

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// quietTime is many times what a daemon of these tests takes to publish a save.
const quietTime = 1500 * time.Millisecond

// TestWatchUndo takes back, beside a daemon, what the daemon published: it does
// not publish it again, neither at once nor when it is asked to look.
func TestWatchUndo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, globbed, "one")
	w.start()
	w.inStep()
	save := func(text string, version int32) {
		w.Helper()
		w.save("skills/one/limits.md", text)
		w.until("the save is published", func() string {
			if v := w.version("skills/one"); v != version {
				return fmt.Sprintf("version %d", v)
			}
			return ""
		})
		w.inStep()
	}
	rests := func(version int32, text string) {
		w.Helper()
		time.Sleep(quietTime)
		w.inStep()
		w.succeed("push")
		if v := w.version("skills/one"); v != version {
			w.Errorf("version %d, want %d:\n%s", v, version, w.logText())
		}
		if files, err := w.files("skills/one"); err != nil || files["limits.md"] != text {
			w.Errorf("limits.md is %q here, %v", files["limits.md"], err)
		}
	}
	save("worse\n", 2)
	w.succeed("undo", "skills/one")
	rests(3, "a limit\n")
	w.succeed("restore", "skills/one", "2")
	rests(4, "worse\n")
	w.succeed("undo")
	rests(5, "a limit\n")
	// It goes on to publish what is saved, and what undo --local brings back.
	save("better\n", 6)
	w.succeed("undo")
	rests(7, "a limit\n")
	w.succeed("undo", "--local")
	w.until("what came back is published", func() string {
		if v := w.version("skills/one"); v != 8 {
			return fmt.Sprintf("version %d", v)
		}
		return ""
	})
	rests(8, "better\n")
}

// TestWatchUndoUnsaved undoes while a file holds an edit that is not published:
// the daemon publishes neither the undone edit nor that one, and says why.
func TestWatchUndoUnsaved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, globbed, "one")
	w.start()
	w.save("skills/one/limits.md", "worse\n")
	w.until("the save is published", func() string {
		if w.version("skills/one") != 2 {
			return "version 1"
		}
		return ""
	})
	w.inStep()
	w.succeed("watch", "--pause")
	w.save("skills/one/limits.md", "mine\n")
	if _, said := w.succeed("undo"); !strings.Contains(said, "changed here and left as it is: limits.md") {
		w.Errorf("undo says: %s", said)
	}
	w.succeed("watch", "--resume")
	time.Sleep(quietTime)
	if v := w.version("skills/one"); v != 3 {
		w.Errorf("version %d, want 3:\n%s", v, w.logText())
	}
	w.statusSays("C limits.md")
}

// TestWatchUndoCommit undoes a commit that a daemon published: it stays undone
// until another commit settles it.
func TestWatchUndoCommit(t *testing.T) {
	t.Parallel()
	w := newGitWorld(t, globbed+"    source: git\n", "one")
	w.start()
	w.inStep()
	w.save("skills/one/limits.md", "worse\n")
	w.git("commit", "-qam", "worse")
	w.until("the commit is published", func() string {
		if w.version("skills/one") != 2 {
			return "version 1"
		}
		return ""
	})
	w.inStep()
	if _, said := w.succeed("undo"); !strings.Contains(said, "git revert") {
		w.Errorf("undo says: %s", said)
	}
	w.save("skills/one/more.md", "more\n")
	w.git("add", ".")
	w.git("commit", "-qm", "beside it")
	w.until("the next commit is published", func() string {
		if w.version("skills/one") < 4 {
			return "version 3"
		}
		return ""
	})
	time.Sleep(quietTime)
	files, err := w.remote.files(w.remote.idOf("one"), 0)
	if err != nil || files["limits.md"] != "a limit\n" || files["more.md"] != "more\n" {
		w.Errorf("live: %v, %v", files, err)
	}
	w.git("revert", "--no-edit", "HEAD~")
	w.inStep()
	if v := w.version("skills/one"); v != 4 {
		w.Errorf("version %d after the revert, want 4:\n%s", v, w.logText())
	}
}
