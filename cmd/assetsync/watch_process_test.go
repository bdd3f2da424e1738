//go:build unix

package main

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"assetsync/sync/daemon"
)

// TestWatchTwoDaemons starts a second daemon on one state. It says who has it
// and ends; the first goes on. When that is killed, the next starts at once.
func TestWatchTwoDaemons(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one")
	w.start()
	began := time.Now()
	_, errs, code := w.run("watch", "--log-format", "console")
	holder := fmt.Sprintf("assetsync watch (process %d,", w.daemon.cmd.Process.Pid)
	if code != 7 || !strings.Contains(errs, holder) || !strings.Contains(errs, "hint: ") {
		t.Errorf("the second ends with %d, want 7, and does not name %q:\n%s", code, holder, errs)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("that took %s", took)
	}
	w.save("skills/one/limits.md", "another limit\n")
	w.inStep()
	w.daemon.kill()
	w.save("skills/one/limits.md", "a third limit\n")
	w.start()
	w.published("skills/one", 1, 2, 2)
	w.nothingDeleted()
}

// killMoments is how often a daemon is killed around a save.
const killMoments = 24

// TestWatchKilled kills the daemon at random moments around a save of some
// files, at times a second time while it starts again: each time it comes to
// be in step, with at most one version more than was needed for each kill.
func TestWatchKilled(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	moment := func(least, most time.Duration) time.Duration {
		return least + time.Duration(random.Int64N(int64(most-least)))
	}
	w := newWorld(t, "", "one")
	for i := range killFiles {
		w.save(killFile(i), "at first\n")
	}
	w.start()
	late := 0
	for round := range killMoments {
		before := w.version("skills/one")
		n := 1 + random.IntN(killFiles)
		w.saveTogether(n, fmt.Sprintf("round %d\n", round))
		// The daemon waits 50 ms (watch.settle), then looks, writes, proves
		// and records within about as much.
		at := moment(40*time.Millisecond, 130*time.Millisecond)
		time.Sleep(at)
		w.daemon.kill()
		kills := 1
		if random.IntN(3) == 0 {
			w.launch()
			time.Sleep(moment(10*time.Millisecond, 150*time.Millisecond))
			w.daemon.kill()
			kills++
		}
		killedAt := w.version("skills/one")
		if killedAt > before {
			late++
		}
		w.start()
		// One is needed: what is saved together is one version.
		if got := int(w.version("skills/one") - before); got < 1 || got > 1+kills {
			t.Errorf("round %d of seed %d: %d files, killed %d times, first after %s, at the end %d versions after the one before: %d versions came of it\n%s",
				round, seed, n, kills, at, killedAt-before, got, w.logText())
		}
	}
	t.Logf("of %d rounds, %d were killed after the version was made", killMoments, late)
	w.nothingDeleted()
}

// killFiles is how many files are saved at most.
const killFiles = 5

func killFile(i int) string { return fmt.Sprintf("skills/one/limits%d.md", i) }

// saveTogether saves files while the daemon stands still, so that it cannot
// see some of them only.
func (w *world) saveTogether(n int, text string) {
	w.Helper()
	w.must(w.daemon.cmd.Process.Signal(syscall.SIGSTOP))
	for i := range n {
		w.save(killFile(i), text)
	}
	w.must(w.daemon.cmd.Process.Signal(syscall.SIGCONT))
}

// TestWatchStateDeleted deletes .assetsync while the daemon runs. It begins
// anew: commands find it again, no second one starts, and what both sides hold
// is compared.
func TestWatchStateDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, globbed, "one", "two")
	w.start()
	w.remove(".assetsync")
	w.until("the daemon says what it does", func() string {
		if !strings.Contains(w.logText(), "begins anew: the state directory was deleted") {
			return "it does not"
		}
		return ""
	})
	w.inStep()
	w.save("skills/one/limits.md", "another limit\n")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.published("skills/two", 1, 0, 0)
	if _, errs, code := w.run("watch"); code != 7 {
		t.Errorf("a second daemon ends with %d:\n%s", code, errs)
	}
	w.nothingDeleted()
}

// TestWatchStateDeletedWithWork deletes .assetsync just before a save. What
// was in step is not known any more then, so nobody knows who is newer: that
// is told, and both stay as they are.
func TestWatchStateDeletedWithWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one", "two")
	w.start()
	w.remove(".assetsync")
	w.save("skills/one/limits.md", "another limit\n")
	w.tells("skills/one", daemon.Conflict, `both sides`)
	w.statusSays(`C limits.md`)
	w.published("skills/one", 1, 0, 0)
	w.succeed("push", "--prefer", "local")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.nothingDeleted()
}

// TestWatchProjectMoved moves all of it away for a time, config, state and
// files. Nothing is made in its place, so that it can be moved back.
func TestWatchProjectMoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t, globbed, "one", "two")
	w.start()
	away := w.dir + ".away"
	w.must(os.Rename(w.dir, away))
	w.until("the daemon says what it waits for", func() string {
		if !strings.Contains(w.logText(), "is gone") {
			return "it does not"
		}
		return ""
	})
	time.Sleep(2 * stateEvery) // it looks for its state meanwhile
	if _, err := os.Stat(w.dir); err == nil {
		t.Fatalf("something was made in the place of what was moved away")
	}
	w.must(os.WriteFile(filepath.Join(away, "skills/one/limits.md"), []byte("another limit\n"), 0o644))
	w.must(os.Rename(away, w.dir))
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.published("skills/two", 1, 0, 0)
	w.nothingDeleted()
}

// differsOnDisk compares a target with the remote without asking the daemon.
func (w *world) differsOnDisk(target string) string {
	return w.differs(daemon.View{Target: target, State: daemon.InStep})
}

// TestWatchVerbsBeside runs the other verbs on one target beside a daemon that
// publishes another all the time.
func TestWatchVerbsBeside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one", "two")
	w.start()
	stop := w.saveAgainAndAgain("skills/two/limits.md")
	for i := range 3 {
		w.save("skills/one/limits.md", fmt.Sprintf("limit %d\n", i))
		for _, verb := range []string{"push", "log", "diff", "status", "pull --dry-run", "pull", "push", "status --json"} {
			w.succeed(append(strings.Fields(verb), "skills/one")...)
		}
		w.succeed("log")
		w.succeed("asset", "list")
		w.succeed("watch", "--status")
		// A push of who is somebody else is done by a process of its own.
		_, errs, code := w.runWith([]string{"AWS_PROFILE=", "AWS_ACCESS_KEY_ID=AKIDOTHER", "AWS_SECRET_ACCESS_KEY=x"}, "push", "-v", "skills/one")
		if code != 0 || !strings.Contains(errs, "not asking the daemon") {
			t.Errorf("a push with other credentials ends with %d:\n%s", code, errs)
		}
	}
	stop()
	w.inStep()
	if n := w.version("skills/one"); n != 4 {
		t.Errorf("skills/one is at version %d, want 4\n%s", n, w.logText())
	}
	w.nothingDeleted()
}

// saveAgainAndAgain changes a file about 20 times a second.
func (w *world) saveAgainAndAgain(name string) (stop func()) {
	w.Helper()
	enough, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			select {
			case <-enough:
				return
			case <-time.After(50 * time.Millisecond):
			}
			if err := os.WriteFile(w.path(name), fmt.Appendf(nil, "save %d\n", i), 0o644); err != nil {
				w.Error(err)
				return
			}
		}
	}()
	var stopped bool
	stop = func() {
		if !stopped {
			stopped = true
			close(enough)
			<-done
		}
	}
	w.Cleanup(stop)
	return stop
}

// TestWatchProfile pushes beside a daemon with AWS_PROFILE, which the daemon
// does not have: another process does it, as somebody else.
func TestWatchProfile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one")
	var profiles string
	for _, name := range []string{"first", "other"} {
		profiles += fmt.Sprintf("[profile %s]\nregion = eu-west-1\naws_access_key_id = AKID\naws_secret_access_key = %s\n", name, name)
	}
	w.save("aws-config", profiles)
	w.env = append(w.env, "AWS_CONFIG_FILE="+w.path("aws-config"), "AWS_PROFILE=first")
	w.configWith("watch: {settle: 1m, max_wait: 1m, poll_remote: 5s}\n", globbed)
	w.start()
	w.save("skills/one/limits.md", "another limit\n") // the daemon waits a minute
	out, errs, code := w.runWith([]string{"AWS_PROFILE=other"}, "push", "-v")
	if code != 0 || !strings.Contains(errs, "not asking the daemon") || !strings.Contains(out, "published  v2") {
		t.Errorf("push with another profile ends with %d:\n%s%s", code, out, errs)
	}
	w.inStep()
	w.published("skills/one", 1, 1, 1)
}

// TestWatchPauseStop pauses, resumes and stops a daemon by its own verbs.
func TestWatchPauseStop(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one", "two")
	w.start()
	w.succeed("watch", "--pause", "skills/one")
	w.save("skills/one/limits.md", "another limit\n")
	w.tells("skills/one", daemon.Paused, `--resume`)
	w.statusSays(`--resume`)
	w.daemon.kill()
	w.launch()
	w.tells("skills/one", daemon.Paused, `--resume`) // it holds over a restart
	w.published("skills/one", 1, 0, 0)
	w.succeed("watch", "--resume")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.succeed("watch", "--stop")
	w.until("it has ended", func() string {
		select {
		case <-w.daemon.done:
			return ""
		default:
			return "it runs"
		}
	})
	if code := w.daemon.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("it ended with %d\n%s", code, w.logText())
	}
	w.daemon = nil
	if _, errs, code := w.run("watch", "--stop"); code != 1 || !strings.Contains(errs, "no daemon is running here") {
		t.Errorf("a second --stop ends with %d:\n%s", code, errs)
	}
}

// TestWatchSignals ends a daemon by SIGINT, as a terminal does, and looks for
// what it leaves behind.
func TestWatchSignals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "", "one")
	w.start()
	p := w.daemon
	w.daemon = nil
	w.must(p.cmd.Process.Signal(syscall.SIGINT))
	select {
	case <-p.done:
	case <-time.After(endTime):
		p.kill()
		t.Fatalf("it does not end within %s", endTime)
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	w.must(filepath.WalkDir(w.path(".assetsync"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && (d.Type() == fs.ModeSocket || strings.Contains(d.Name(), "probe") && !d.IsDir()) {
			t.Errorf("%s is left behind", path)
		}
		return err
	}))
}
