//go:build unix

package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"assetsync/sync/daemon"
)

// git runs git in the world's directory.
func (w *world) git(args ...string) string {
	w.Helper()
	cmd := exec.Command("git", append([]string{"-c", "user.name=ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"}, args...)...)
	cmd.Dir, cmd.Env = w.dir, w.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// newGitWorld is newWorld in a git repository, with all of it committed.
func newGitWorld(t *testing.T, targets string, skills ...string) *world {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not here: ", err)
	}
	w := newWorld(t, targets, skills...)
	w.save(".gitignore", "/.assetsync/\n")
	w.git("init", "-q", "-b", "main")
	w.git("add", ".")
	w.git("commit", "-q", "-m", "skills")
	return w
}

// TestWatchIdle saves again and again: one version comes of it, once it was
// quiet for watch.idle.
func TestWatchIdle(t *testing.T) {
	t.Parallel()
	const idle = 2 * time.Second
	w := newWorld(t, "", "one")
	w.configWith(fmt.Sprintf("watch: {settle: 50ms, idle: %s}\n", idle), globbed+"    publish: {when: idle}\n")
	w.start()
	var last time.Time
	for i := range 30 {
		w.save("skills/one/limits.md", fmt.Sprintf("limit %d\n", i))
		if !last.IsZero() && time.Since(last) > idle/2 {
			t.Skip("this machine is too slow to save twice within watch.idle")
		}
		last = time.Now()
		time.Sleep(50 * time.Millisecond)
	}
	w.inStep()
	if quiet := time.Since(last); quiet < idle {
		t.Errorf("it was published %s after the last save, want %s or more", quiet, idle)
	}
	w.published("skills/one", 1, 1, 1)
	w.nothingDeleted()
}

// TestWatchLineEnds saves files with other line ends where text is published
// with LF: that publishes nothing, and a change beside it is published alone.
func TestWatchLineEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, globbed+"    text: lf\n", "one")
	w.start()
	w.save("skills/one/limits.md", "a limit\r\n")
	w.save("skills/one/SKILL.md", strings.ReplaceAll(skillText("one"), "\n", "\r\n"))
	time.Sleep(time.Second) // many times what it takes to publish a save
	w.published("skills/one", 1, 0, 0)
	w.save("skills/one/more.md", "more\r\n")
	w.until("the new file is published", func() string {
		if w.version("skills/one") == 1 {
			return "version 2"
		}
		return ""
	})
	w.save("skills/one/limits.md", "a limit\n")
	w.save("skills/one/SKILL.md", skillText("one"))
	w.save("skills/one/more.md", "more\n")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	if !strings.Contains(w.logText(), `"changes":["create more.md"]`) {
		t.Errorf("more.md was not published alone:\n%s", w.logText())
	}
	w.nothingDeleted()
}

// TestWatchManual saves where publishing is left to people: it is told what
// differs, and a push by hand publishes it.
func TestWatchManual(t *testing.T) {
	t.Parallel()
	w := newWorld(t, globbed+"    publish: {when: manual}\n", "one")
	w.launch()
	w.tells("skills/one", daemon.Differs, `assetsync push`)
	w.statusSays(`no asset yet`)
	w.succeed("push")
	w.inStep()
	w.save("skills/one/limits.md", "another limit\n")
	w.tells("skills/one", daemon.Differs, `assetsync push`)
	w.statusSays(`1 file to push`)
	w.published("skills/one", 1, 0, 0)
	w.succeed("push")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.nothingDeleted()
}

// TestWatchCommit publishes commits: what is only saved waits for one.
func TestWatchCommit(t *testing.T) {
	t.Parallel()
	w := newGitWorld(t, globbed+"    publish: {when: commit}\n", "one", "two")
	w.start()
	w.save("skills/one/limits.md", "only saved\n")
	w.save("skills/two/limits.md", "committed\n")
	w.save("skills/two/more.md", "committed\n")
	w.git("add", "skills/two")
	w.git("commit", "-q", "-m", "two")
	w.sees("the commit is published", func(h daemon.Health) string { return w.differs(viewOf(h, "skills/two")) })
	w.published("skills/one", 1, 0, 0)
	w.save("skills/one/limits.md", "committed\n")
	w.git("commit", "-q", "-a", "-m", "one")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	// One commit by amending, one that changes nothing here.
	w.save("skills/one/limits.md", "amended\n")
	w.git("commit", "-q", "-a", "--amend", "--no-edit")
	w.inStep()
	w.git("commit", "-q", "--allow-empty", "-m", "nothing")
	w.save("skills/two/limits.md", "committed again\n")
	w.git("commit", "-q", "-a", "-m", "two again")
	w.inStep()
	w.published("skills/one", 1, 2, 2)
	if n := w.pushes("skills/two"); n != 3 {
		t.Errorf("skills/two was pushed %d times, want 3\n%s", n, w.logText())
	}
	w.nothingDeleted()
}

// TestWatchReset goes back to a commit whose descendant is what is live. The
// daemon says so and stays that way, until somebody allows it or goes forward.
func TestWatchReset(t *testing.T) {
	t.Parallel()
	w := newGitWorld(t, globbed+"    publish: {when: commit}\n", "one", "two")
	w.start()
	w.save("skills/one/limits.md", "newer\n")
	w.git("commit", "-q", "-a", "-m", "newer")
	w.inStep()
	w.git("branch", "upstream")
	w.published("skills/one", 1, 1, 1)

	w.git("reset", "-q", "--hard", "HEAD~1")
	w.tells("skills/one", daemon.Conflict, `superseded by [0-9a-f]{7}`)
	w.statusSays("superseded by")
	var looked time.Time
	w.sees("the target", func(h daemon.Health) string { looked = viewOf(h, "skills/one").LookedAt; return "" })
	time.Sleep(2500 * time.Millisecond) // twice as long as a look that failed is put off
	w.tells("skills/one", daemon.Conflict, `superseded by [0-9a-f]{7}`)
	w.sees("no other look", func(h daemon.Health) string {
		if at := viewOf(h, "skills/one").LookedAt; !at.Equal(looked) {
			return fmt.Sprintf("looked at %s and at %s", looked, at)
		}
		return ""
	})
	w.published("skills/one", 1, 1, 1)

	w.git("reset", "-q", "--hard", "upstream")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
	w.git("reset", "-q", "--hard", "HEAD~1")
	w.tells("skills/one", daemon.Conflict, `superseded by [0-9a-f]{7}`)
	w.succeed("push", "skills/one", "--rollback")
	w.inStep()
	w.published("skills/one", 1, 2, 2)
	w.nothingDeleted()
}

// TestWatchBranch checks another branch out than the one that is published.
// The daemon waits and says so, whatever is saved, until the branch is back.
func TestWatchBranch(t *testing.T) {
	t.Parallel()
	w := newGitWorld(t, globbed+"    branch: main\n", "one", "two")
	w.git("checkout", "-q", "-b", "topic")
	w.save("skills/one/limits.md", "of the topic\n")
	w.git("commit", "-q", "-a", "-m", "topic")
	w.git("checkout", "-q", "main")
	w.start()
	w.git("checkout", "-q", "topic")
	const words = `topic is checked out, which is not on the history of main`
	w.tells("skills/one", daemon.Held, words)
	w.statusSays(words)
	w.save("skills/two/limits.md", "another limit\n")
	w.tells("skills/two", daemon.Held, words)
	w.published("skills/one", 1, 0, 0)
	w.git("checkout", "-q", "main")
	w.inStep()
	w.published("skills/one", 1, 0, 0)
	w.published("skills/two", 1, 1, 1)
	w.nothingDeleted()
}

// TestWatchIndexLock leaves git's lock where a git that was killed leaves it.
func TestWatchIndexLock(t *testing.T) {
	t.Parallel()
	w := newGitWorld(t, globbed, "one")
	w.start()
	w.save(".git/index.lock", "")
	w.save("skills/one/limits.md", "another limit\n")
	w.tells("skills/one", daemon.Held, `index\.lock`)
	w.statusSays(`index\.lock`)
	w.published("skills/one", 1, 0, 0)
	w.remove(".git/index.lock")
	w.inStep()
	w.published("skills/one", 1, 1, 1)
}
