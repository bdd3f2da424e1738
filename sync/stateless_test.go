package sync_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

// commitNow commits at the time of the world's clock.
func (m *machine) commitNow(message string) string {
	m.t.Helper()
	m.gitNow("add", "-A")
	m.gitNow("commit", "-q", "--allow-empty", "-m", message)
	return m.git("rev-parse", "HEAD")
}

func (m *machine) gitNow(args ...string) {
	m.t.Helper()
	at := m.clock().Format(time.RFC3339)
	cmd := exec.Command("git", args...)
	cmd.Dir = m.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + m.t.TempDir(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@localhost",
		"GIT_AUTHOR_DATE=" + at, "GIT_COMMITTER_DATE=" + at,
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func pipelineNow(t *testing.T, quirks ...string) (w *world, dev *machine, id string) {
	w = newWorld(t, quirks...)
	dev = w.machine(skill(map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1"}))
	dev.git("init", "-q", "-b", "main")
	dev.commitNow("first")
	return w, dev, dev.clone().push(assetsync.PushOptions{}).AssetID
}

func say(t *testing.T, res assetsync.Result) {
	t.Helper()
	t.Logf("%s\n%s", res.Outcome, describe(res))
}

// A web rollback, a web deletion and a file made anew in the web, more than 20 versions ago.
func TestStatelessWindow(t *testing.T) {
	w, dev, id := pipelineNow(t)
	dev.write("a.md", "a2")
	dev.rm("d.md")
	dev.commitNow("second")
	dev.clone().push(assetsync.PushOptions{})
	w.save(id, "a.md", "a1")       // gone back in the web
	w.createFile(id, "d.md", "d1") // made anew in the web
	w.remove(id, "b.md")           // deleted in the web
	for i := range 22 {
		w.save(id, "c.md", fmt.Sprint("web ", i))
	}
	w.save(id, "c.md", "c1")
	res := dev.clone().push(assetsync.PushOptions{})
	say(t, res)
	w.wantLive(id, skill(map[string]string{"a.md": "a1", "c.md": "c1", "d.md": "d1"}))
}

// The same, versions pruned.
func TestStatelessPruned(t *testing.T) {
	w, dev, id := pipelineNow(t, "prune-versions=2")
	dev.write("a.md", "a2")
	dev.commitNow("second")
	dev.clone().push(assetsync.PushOptions{})
	w.save(id, "a.md", "a1")
	w.remove(id, "b.md")
	for i := range 3 {
		w.save(id, "c.md", fmt.Sprint("web ", i))
	}
	res := dev.clone().push(assetsync.PushOptions{})
	say(t, res)
	w.wantLive(id, skill(map[string]string{"a.md": "a1", "c.md": "web 2", "d.md": "d1"}))
}

// A revert commit in a shallow clone.
func TestStatelessShallowRevert(t *testing.T) {
	w, dev, id := pipelineNow(t)
	dev.write("a.md", "a2")
	dev.commitNow("second")
	dev.clone().push(assetsync.PushOptions{})
	dev.write("a.md", "a1")
	dev.commitNow("revert")
	res := dev.clone("--depth=1").push(assetsync.PushOptions{})
	say(t, res)
	if res.Error == nil && res.Outcome != assetsync.Published {
		t.Errorf("%s, want published or an error", res.Outcome)
	}
	_, _ = w, id
}

// A treeless clone tells nothing and says what to fetch; one without old files
// tells all that their ids do.
func TestStatelessPartial(t *testing.T) {
	live := map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c2", "d.md": "d1"}
	tests := map[string]struct {
		clone  string
		change func(w *world, dev *machine, id string)
		hint   string
		live   map[string]string
	}{
		"without files, a change": {
			clone: "--filter=blob:none", change: func(*world, *machine, string) {}, live: live,
		},
		"without files, deletions on both sides": {
			clone:  "--filter=blob:none",
			change: func(w *world, dev *machine, id string) { dev.rm("d.md"); w.remove(id, "b.md") },
			live:   map[string]string{"a.md": "a1", "c.md": "c2"},
		},
		"without files, of which some are large": {
			clone:  "--filter=blob:none",
			change: func(_ *world, dev *machine, _ string) { dev.write("a.md", strings.Repeat("large ", 1000)) },
			live:   map[string]string{"a.md": strings.Repeat("large ", 1000), "b.md": "b1", "c.md": "c2", "d.md": "d1"},
		},
		"without files, where an old ignore file is missing": {
			clone: "--filter=blob:none",
			change: func(w *world, dev *machine, _ string) {
				dev.write(".assetsyncignore", "x.md\n")
				dev.commitNow("rules")
				dev.write(".assetsyncignore", "y.md\n")
			},
			live: live,
		},
		"without trees": {
			clone: "--filter=tree:0", change: func(*world, *machine, string) {}, hint: "git fetch --refetch --no-filter",
			live: map[string]string{"a.md": "a1", "b.md": "b1", "c.md": "c1", "d.md": "d1"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, dev, id := pipelineNow(t)
			dev.git("config", "uploadpack.allowFilter", "true")
			dev.write("c.md", "c2")
			tt.change(w, dev, id)
			dev.commitNow("second")
			res := dev.clone(tt.clone).push(assetsync.PushOptions{})
			if tt.hint == "" {
				dev.want(res, assetsync.Published)
			} else if res.Outcome != assetsync.Conflict || !strings.Contains(res.Error.Hint, tt.hint) {
				t.Errorf("%s, %+v; want the hint %q", res.Outcome, res.Error, tt.hint)
			}
			w.wantLive(id, skill(tt.live))
		})
	}
}

const lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"

// A problem in one old commit is no absence.
func TestStatelessOldPointer(t *testing.T) {
	w := newWorld(t)
	dev := w.machine(skill(map[string]string{"a.md": "a1", "p.md": lfs}))
	dev.git("init", "-q", "-b", "main")
	dev.commitNow("pointer")
	dev.write("p.md", "content")
	dev.commitNow("second")
	id := dev.clone().push(assetsync.PushOptions{}).AssetID
	dev.write("p.md", lfs)
	dev.commitNow("third: a pointer again")
	dev.write("p.md", "content")
	dev.write("a.md", "a2")
	w.remove(id, "p.md")
	dev.commitNow("fourth")
	res := dev.clone().push(assetsync.PushOptions{})
	say(t, res)
	w.wantLive(id, skill(map[string]string{"a.md": "a2"}))
}

// The target was a file once.
func TestStatelessOnceAFile(t *testing.T) {
	for name, once := range map[string]func(dir string, m *machine){
		"file":   func(dir string, m *machine) { _ = os.WriteFile(dir, []byte("x"), 0o644) },
		"loop":   func(dir string, m *machine) { _ = os.Symlink("sub", dir) },
		"parent": func(dir string, m *machine) { _ = os.WriteFile(dir, []byte("x"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			dev := w.machine(nil)
			dev.write("top.md", "x")
			dev.git("init", "-q", "-b", "main")
			dir := filepath.Join(dev.dir, "sub")
			once(dir, dev)
			dev.gitNow("add", "-A")
			dev.gitNow("commit", "-qm", "first")
			_ = os.Remove(dir)
			target := "sub"
			if name == "parent" {
				target = "sub/deep"
			}
			for p, c := range skill(map[string]string{"a.md": "a1", "d.md": "d1"}) {
				dev.write(target+"/"+p, c)
			}
			dev.commitNow("second")
			runner := func() *machine {
				c := dev.clone()
				c.target.Path = filepath.Join(c.dir, target)
				c.target.ConfigDir = c.dir
				return c
			}
			res := runner().push(assetsync.PushOptions{})
			id := res.AssetID
			dev.write(target+"/a.md", "a2")
			dev.commitNow("third")
			res = runner().push(assetsync.PushOptions{})
			say(t, res)
			w.wantLive(id, skill(map[string]string{"a.md": "a2", "d.md": "d1"}))
		})
	}
}

// Known later commits count although another branch is cut off.
func TestStatelessShallowLater(t *testing.T) {
	w, dev, id := pipelineNow(t)
	first := dev.git("rev-parse", "HEAD")
	dev.git("checkout", "-q", "-b", "topic")
	for i := range 4 {
		dev.write("t.md", fmt.Sprint(i))
		dev.commitNow("topic")
	}
	dev.git("checkout", "-q", "main")
	dev.write("a.md", "a2")
	second := dev.commitNow("second")
	dev.clone().push(assetsync.PushOptions{})
	runner := dev.clone("--depth=2", "--no-single-branch")
	runner.git("checkout", "-q", first)
	res := runner.push(assetsync.PushOptions{Prefer: diff.Local})
	say(t, res)
	if res.Error == nil || !strings.Contains(res.Error.Message, "superseded by "+second[:7]) {
		t.Errorf("%s, want superseded", res.Outcome)
	}
	w.wantLive(id, skill(map[string]string{"a.md": "a2", "b.md": "b1", "c.md": "c1", "d.md": "d1"}))
}

// A queued job of a commit whose child reverts it.
func TestStatelessQueuedRevert(t *testing.T) {
	_, dev, _ := pipelineNow(t)
	dev.write("a.md", "a2")
	second := dev.commitNow("second")
	dev.write("a.md", "a1")
	dev.commitNow("revert")
	runner := dev.clone()
	runner.git("checkout", "-q", second)
	res := runner.push(assetsync.PushOptions{})
	say(t, res)
	if res.Outcome != assetsync.Published {
		t.Errorf("%s, want published", res.Outcome)
	}
}

// A pull in an older commit.
func TestStatelessPullBehind(t *testing.T) {
	w, dev, id := pipelineNow(t)
	first := dev.git("rev-parse", "HEAD")
	dev.write("a.md", "a2")
	dev.commitNow("second")
	dev.clone().push(assetsync.PushOptions{})
	runner := dev.clone()
	runner.git("checkout", "-q", first)
	res := runner.status()
	say(t, res)
	res = runner.pull(assetsync.PullOptions{})
	say(t, res)
	if res.Outcome != assetsync.CheckedOut {
		t.Errorf("%s, want checked out", res.Outcome)
	}
	runner = dev.clone("--depth=1")
	w.save(id, "a.md", "theirs")
	runner.write("a.md", "x")
	res = runner.pull(assetsync.PullOptions{})
	say(t, res)
}

// A late job, and a file on the remote that is ignored here.
func TestStatelessSupersededUnmanaged(t *testing.T) {
	w := newWorld(t)
	dev := w.machine(skill(map[string]string{"a.md": "a1", "x.md": "x1", ".assetsyncignore": "README.md\n"}))
	dev.git("init", "-q", "-b", "main")
	dev.commitNow("zeroth")
	id := dev.clone().push(assetsync.PushOptions{}).AssetID
	w.createFile(id, "README.md", "of the web")
	dev.write("a.md", "a2")
	first := dev.commitNow("first")
	dev.write("a.md", "a1")
	dev.write("x.md", "x2")
	dev.commitNow("second")
	dev.clone().push(assetsync.PushOptions{})
	runner := dev.clone()
	runner.git("checkout", "-q", first)
	res := runner.push(assetsync.PushOptions{})
	say(t, res)
	w.wantLive(id, skill(map[string]string{"a.md": "a1", "x.md": "x2", "README.md": "of the web"}))
}

func TestStatelessQuirks(t *testing.T) {
	for _, q := range []string{"rewrite=frontmatter", "rewrite=extra-version", "version-step=5", "prune-versions=1", "timestamps=frozen", "list-lag=9", "file-delete-version=keep", "file-create-version=keep"} {
		t.Run(q, func(t *testing.T) {
			w, dev, id := pipelineNow(t, q)
			dev.write("a.md", "a2")
			dev.write("new.md", "n")
			dev.rm("d.md")
			second := dev.commitNow("second")
			res := dev.clone().push(assetsync.PushOptions{})
			say(t, res)
			live := w.live(id, 0)
			if live["a.md"] != "a2" || live["new.md"] != "n" || live["d.md"] != "" || res.Error != nil {
				t.Errorf("second: %v", live)
			}
			dev.write("SKILL.md", skillMain+"more\n")
			dev.commitNow("third")
			res = dev.clone().push(assetsync.PushOptions{})
			if res.Error != nil || len(res.Pending) > 0 {
				say(t, res)
				t.Error("third is not published")
			}
			runner := dev.clone()
			runner.git("checkout", "-q", second)
			res = runner.push(assetsync.PushOptions{})
			if res.Outcome != assetsync.Unchanged && (res.Error == nil || !strings.Contains(res.Error.Message, "superseded")) {
				say(t, res)
				t.Error("second again, is not superseded")
			}
		})
	}
}

// Line fails below a directory of a treeless clone.
func TestStatelessTreelessBelow(t *testing.T) {
	w := newWorld(t)
	dev := w.machine(nil)
	for p, c := range skill(map[string]string{"a.md": "a1", "d.md": "d1"}) {
		dev.write("x/sub/"+p, c)
	}
	dev.git("init", "-q", "-b", "main")
	dev.commitNow("first")
	dev.git("config", "uploadpack.allowFilter", "true")
	runner := func(args ...string) *machine {
		c := dev.clone(args...)
		c.target.Path, c.target.ConfigDir = filepath.Join(c.dir, "x/sub"), c.dir
		return c
	}
	id := runner().push(assetsync.PushOptions{}).AssetID
	w.remove(id, "d.md")
	dev.write("x/sub/n.md", "n")
	dev.commitNow("second")
	res := runner("--filter=tree:0").push(assetsync.PushOptions{})
	say(t, res)
	if w.live(id, 0)["d.md"] != "" {
		t.Error("a deletion in the web is undone")
	}
}
