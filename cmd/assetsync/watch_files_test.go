//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"assetsync/sync/daemon"
)

// burst makes n small files in a directory, as fast as it goes.
func (w *world) burst(dir string, n int) {
	w.Helper()
	w.must(os.MkdirAll(w.path(dir), 0o755))
	for i := range n {
		// The same name goes through the same directory, so that new
		// directories are a part of it.
		name := filepath.Join(w.path(dir), fmt.Sprintf("d%d", i/1000), fmt.Sprintf("f%d.md", i))
		if i%1000 == 0 {
			w.must(os.Mkdir(filepath.Dir(name), 0o755))
		}
		w.must(os.WriteFile(name, []byte("x\n"), 0o644))
	}
}

// manyFiles is how many files come at once.
const manyFiles = 10_000

// TestWatchManyIgnoredFiles makes many files where nothing is published: a
// save beside them is published as ever, and once.
func TestWatchManyIgnoredFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one", "two")
	w.private = func(name string) bool { return name == "build" }
	w.save("skills/one/.gitignore", "build/\n")
	w.start()
	w.burst("skills/one/build", manyFiles)
	w.save("skills/one/limits.md", "another limit\n")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.published("skills/two", 1, 0, 0)
	w.nothingDeleted()
}

// TestWatchManyFiles makes many files in a skill, more than one may have. That
// is told, nothing of it is published, and when they are gone all is in step.
func TestWatchManyFiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one", "two")
	w.start()
	w.burst("skills/one/data", manyFiles)
	w.tells("skills/one", daemon.Blocked, `10,?002 files`)
	w.statusSays(`10,?002 files`)
	w.save("skills/two/limits.md", "another limit\n") // is not held up
	w.sees("two is published", func(h daemon.Health) string { return w.differs(viewOf(h, "skills/two")) })
	w.remove("skills/one/data")
	w.save("skills/one/limits.md", "another limit\n")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.published("skills/two", 1, 1, 1)
	w.nothingDeleted()
}

// TestWatchRenamedDirectory renames a directory of a skill, twice, and saves
// in it under its new name.
func TestWatchRenamedDirectory(t *testing.T) {
	t.Parallel()
	// Each old name counts as a deletion.
	w := newWorld(t, globbed+"    deletes: {max_percent: 100}\n", "one")
	w.save("skills/one/references/a/depth.md", "1\n")
	w.start()
	w.rename("skills/one/references", "skills/one/notes")
	w.save("skills/one/notes/a/depth.md", "2\n")
	w.inStep()
	w.rename("skills/one/notes", "skills/one/more")
	w.inStep()
	// Its watch is where it is, and not where it was.
	before := w.version("skills/one")
	w.save("skills/one/more/a/depth.md", "3\n")
	w.inStep()
	w.published("skills/one", before, 1, 1)
	if _, err := os.Stat(w.path("skills/one/references")); err == nil {
		t.Error("the old directory is back")
	}
}

// TestWatchGrowingFile saves a file once beside one that never stops growing.
// The one that is saved does not wait for the other, and the other makes no
// version with each line.
func TestWatchGrowingFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one")
	w.save("skills/one/trace.md", "begin\n")
	w.start()
	began := time.Now()
	stop := w.grow("skills/one/trace.md")
	w.save("skills/one/limits.md", "another limit\n")
	id := w.remote.idOf("one")
	w.until("the file that was saved once is published", func() string {
		files, err := w.remote.files(id, 0)
		if err != nil {
			return err.Error()
		}
		if files["limits.md"] != "another limit\n" {
			return "it is not"
		}
		return ""
	})
	// What is published of the other is bounded by watch.max_wait.
	w.until("three times max_wait have passed", func() string {
		if d := time.Since(began); d < 3*time.Second {
			return d.String()
		}
		return ""
	})
	h, err := w.health()
	w.must(err)
	if v := viewOf(h, "skills/one"); v.State != daemon.InStep && v.State != daemon.Publishing && v.Reason == "" {
		t.Errorf("it is %q without a reason", v.State)
	}
	w.published("skills/one", 1, 1, int32(time.Since(began)/time.Second)+2)
	stop()
	w.inStep()
	w.nothingDeleted()
}

// growPause is the time between two lines: shorter than watch.settle.
const growPause = 30 * time.Millisecond

// grow adds lines to a file until it is told to stop.
func (w *world) grow(name string) (stop func()) {
	w.Helper()
	f, err := os.OpenFile(w.path(name), os.O_APPEND|os.O_WRONLY, 0)
	w.must(err)
	var writer sync.WaitGroup
	enough := make(chan struct{})
	writer.Go(func() {
		line := strings.Repeat("x", 99) + "\n"
		for {
			select {
			case <-enough:
				return
			case <-time.After(growPause):
			}
			if _, err := f.WriteString(line); err != nil {
				w.Error(err)
				return
			}
		}
	})
	stop = sync.OnceFunc(func() {
		close(enough)
		writer.Wait()
		w.must(f.Close())
	})
	w.Cleanup(stop)
	return stop
}

// TestWatchAsleep stops the process for a time, as sleep does, while files
// come, change and go.
func TestWatchAsleep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, globbed, "one", "two")
	w.save("skills/one/old.md", "old\n")
	w.start()
	w.must(w.daemon.cmd.Process.Signal(syscall.SIGSTOP))
	w.save("skills/one/limits.md", "another limit\n")
	w.save("skills/one/references/depth.md", "new\n")
	w.remove("skills/one/old.md")
	w.skill("three")
	// Whoever asks meanwhile is not kept waiting, and told by whom.
	began := time.Now()
	_, errs, code := w.run("watch", "--status")
	if took := time.Since(began); code != 7 || took > patience/2 || !strings.Contains(errs, "does not answer") {
		t.Errorf("watch --status ends with %d after %s:\n%s", code, took, errs)
	}
	w.must(w.daemon.cmd.Process.Signal(syscall.SIGCONT))
	w.sees("the new skill is a target", func(h daemon.Health) string {
		if viewOf(h, "skills/three").Target == "" {
			return "it is none"
		}
		return ""
	})
	w.inStep()
	if n := w.pushes("skills/one"); n < 2 || n > 3 {
		t.Errorf("skills/one was pushed %d times\n%s", n, w.logText())
	}
	w.published("skills/two", 1, 0, 0)
}
