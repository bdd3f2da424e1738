package sync_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
)

// git runs git in the directory of a machine, as nobody's git is set up.
func (m *machine) git(args ...string) string {
	m.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = m.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + m.t.TempDir(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@localhost",
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// repository is a machine whose directory is a worktree with one commit.
func (w *world) repository(files map[string]string) *machine {
	w.t.Helper()
	m := w.machine(files)
	m.git("init", "-q", "-b", "main")
	m.git("add", "-A")
	m.git("commit", "-qm", "first")
	return m
}

// TestGitGuard stops pushes while git is in the way.
func TestGitGuard(t *testing.T) {
	touch := func(name string) func(*machine) {
		return func(m *machine) {
			if err := os.WriteFile(filepath.Join(m.dir, ".git", name), nil, 0o644); err != nil {
				m.t.Fatal(err)
			}
		}
	}
	tests := map[string]struct {
		prepare func(*machine)
		branch  string
		want    string // in the message; "" when it is published
	}{
		"quiet":                               {func(*machine) {}, "", ""},
		"index locked":                        {touch("index.lock"), "", "index"},
		"merge":                               {touch("MERGE_HEAD"), "", "merge"},
		"bisect":                              {touch("BISECT_LOG"), "", "bisect"},
		"on the branch":                       {func(*machine) {}, "main", ""},
		"a branch without commits of its own": {func(m *machine) { m.git("checkout", "-qb", "topic") }, "main", ""},
		"another branch": {func(m *machine) {
			m.git("checkout", "-qb", "topic")
			m.git("commit", "-q", "--allow-empty", "-m", "more")
		}, "main", "topic is checked out, which is not on the history of main"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.repository(skill(nil))
			m.push(assetsync.PushOptions{})
			m.write("new.md", "new")
			m.target.Branch = tt.branch
			tt.prepare(m)
			before := w.wrote()
			res := m.push(assetsync.PushOptions{})
			if tt.want == "" {
				if res.Outcome != assetsync.Published {
					t.Errorf("outcome %s, want published: %+v", res.Outcome, res.Error)
				}
				return
			}
			if res.Guard != assetsync.GuardGit || res.Outcome != assetsync.Blocked || !strings.Contains(res.Error.Message, tt.want) {
				t.Errorf("got %s, guard %q, %v; want the git guard with %q", res.Outcome, res.Guard, res.Error, tt.want)
			}
			if got := w.writes(before); len(got) > 0 {
				t.Errorf("wrote %q", got)
			}
			if res = m.push(assetsync.PushOptions{DryRun: true}); res.Outcome != assetsync.Planned {
				t.Errorf("dry run: %s, want planned: %+v", res.Outcome, res.Error)
			}
			if res = m.push(assetsync.PushOptions{Consent: assetsync.Consent{Now: true}}); res.Outcome != assetsync.Published {
				t.Errorf("with --now: %s, want published: %+v", res.Outcome, res.Error)
			}
		})
	}
}

// TestCommitted publishes what is committed, and nothing else.
func TestCommitted(t *testing.T) {
	w := newWorld(t)
	m := w.repository(skill(map[string]string{"a.md": "a"}))
	m.target.When, m.target.Rev = assetsync.OnCommit, "HEAD"
	m.write("b.md", "not committed")
	id := m.push(assetsync.PushOptions{}).AssetID
	w.wantLive(id, skill(map[string]string{"a.md": "a"}))

	m.write("a.md", "a2")
	if res := m.push(assetsync.PushOptions{}); res.Outcome != assetsync.Unchanged {
		t.Errorf("an edit that is not committed: %s, want unchanged", res.Outcome)
	}
	m.git("add", "a.md")
	m.git("commit", "-qm", "second")
	if res := m.push(assetsync.PushOptions{}); res.Outcome != assetsync.Published {
		t.Errorf("a commit: %s, want published: %+v", res.Outcome, res.Error)
	}
	w.wantLive(id, skill(map[string]string{"a.md": "a2"}))
}

// TestPullIsNotCommitted leaves what was pulled pending until it is
// committed: a push in between must not undo it.
func TestPullIsNotCommitted(t *testing.T) {
	w := newWorld(t)
	m := w.repository(skill(map[string]string{"a.md": "a"}))
	m.target.When, m.target.Rev = assetsync.OnCommit, "HEAD"
	id := m.push(assetsync.PushOptions{}).AssetID
	w.save(id, "a.md", "by somebody else")
	theirs := skill(map[string]string{"a.md": "by somebody else"})

	if res := m.pull(assetsync.PullOptions{}); res.Outcome != assetsync.CheckedOut {
		t.Fatalf("pull: %s, want checked out: %+v", res.Outcome, res.Error)
	}
	files := m.files()
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasPrefix(name, ".git/") })
	if !maps.Equal(files, theirs) {
		t.Errorf("the directory holds %v, want %v", files, theirs)
	}
	res := m.push(assetsync.PushOptions{})
	if res.Outcome != assetsync.Unchanged || len(res.Pending) != 1 {
		t.Errorf("push before the commit: %s with %d pending, want unchanged with 1: %+v", res.Outcome, len(res.Pending), res.Error)
	}
	w.wantLive(id, theirs)
	m.git("commit", "-qam", "take theirs")
	if res = m.push(assetsync.PushOptions{}); res.Outcome != assetsync.Unchanged || len(res.Pending) != 0 {
		t.Errorf("push after the commit: %s with %d pending, want unchanged with none", res.Outcome, len(res.Pending))
	}
	m.write("a.md", "mine again")
	m.git("commit", "-qam", "mine")
	if res = m.push(assetsync.PushOptions{}); res.Outcome != assetsync.Published {
		t.Errorf("the next commit: %s, want published: %+v", res.Outcome, res.Error)
	}
	w.wantLive(id, skill(map[string]string{"a.md": "mine again"}))
}

// TestStanding holds the short way to a status against the long one.
func TestStanding(t *testing.T) {
	tests := map[string]func(*machine, string){
		"nothing changed": func(*machine, string) {},
		"published":       func(m *machine, _ string) { m.write("a.md", "a2") },
		"pending":         func(m *machine, id string) { m.save(id, "b.md", "theirs") },
		"both":            func(m *machine, id string) { m.save(id, "b.md", "theirs"); m.write("a.md", "a2") },
		"deleted":         func(m *machine, _ string) { m.rm("a.md") },
		"metadata":        func(m *machine, id string) { m.setMetadata(id, map[string]any{"agent_types": []any{"INCIDENT_RCA"}}) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			m := w.machine(skill(map[string]string{"a.md": "a", "b.md": "b", "c.md": "c"}))
			id := m.push(assetsync.PushOptions{}).AssetID
			change(m, id)
			got, ok := m.push(assetsync.PushOptions{}).Standing()
			if !ok {
				t.Fatal("no standing")
			}
			want := m.status()
			got.Calls, want.Calls, got.DurationMS, want.DurationMS = nil, nil, 0, 0
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("standing is no status (-status +standing):\n%s", d)
			}
		})
	}
}
