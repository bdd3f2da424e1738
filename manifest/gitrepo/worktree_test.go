package gitrepo

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// repo is a repository that a test makes with git itself.
type repo struct {
	t   testing.TB
	dir string
	env []string
}

// newRepo makes an empty repository on branch main.
func newRepo(t testing.TB, initArgs ...string) repo {
	t.Helper()
	// What git and the system call a directory may differ by links.
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := repo{t: t, dir: dir}
	r.git(append([]string{"init", "-q", "-b", "main"}, initArgs...)...)
	return r
}

// gitAt runs git at a time, in seconds since 1970.
func (r repo) gitAt(seconds int, args ...string) string {
	r.t.Helper()
	r.env = []string{fmt.Sprintf("GIT_COMMITTER_DATE=@%d +0000", seconds)}
	return r.git(args...)
}

// try runs git away from any configuration but the repository's own.
func (r repo) try(args ...string) (string, error) {
	cmd := exec.CommandContext(r.t.Context(), "git", args...)
	cmd.Dir, cmd.Env = r.dir, r.environment()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return stderr.String(), err
	}
	return strings.TrimSuffix(string(out), "\n"), nil
}

func (r repo) environment() []string {
	return append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "LC_ALL=C", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@localhost", "GIT_COMMITTER_NAME=c", "GIT_COMMITTER_EMAIL=c@localhost",
		"GIT_EDITOR=true", "GIT_ALLOW_PROTOCOL=file", "GIT_AUTHOR_DATE=2026-06-08T12:00:00Z", "GIT_COMMITTER_DATE=2026-06-08T12:00:00Z",
	}, r.env...)
}

func (r repo) git(args ...string) string {
	r.t.Helper()
	out, err := r.try(args...)
	if err != nil {
		r.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// fails runs a git that has to stop halfway.
func (r repo) fails(args ...string) {
	r.t.Helper()
	if out, err := r.try(args...); err == nil {
		r.t.Fatalf("git %s succeeds:\n%s", strings.Join(args, " "), out)
	}
}

func (r repo) write(name, content string) {
	r.t.Helper()
	file := filepath.Join(r.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		r.t.Fatal(err)
	}
}

// commit writes a file, commits all there is, and returns the commit's id.
func (r repo) commit(name, content string) string {
	r.t.Helper()
	r.write(name, content)
	r.git("add", "-A")
	r.git("commit", "-q", "--allow-empty", "-m", "change "+name)
	return r.git("rev-parse", "HEAD")
}

// at is the repository as seen from another of its directories.
func (r repo) at(dir string) repo { return repo{t: r.t, dir: dir} }

func find(t testing.TB, dir string) *Worktree {
	t.Helper()
	w, err := FindWorktree(dir)
	if err != nil {
		t.Fatal(err)
	}
	if w == nil {
		t.Fatalf("no worktree around %s", dir)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func state(t testing.TB, w *Worktree) State {
	t.Helper()
	s, err := w.State()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantState compares all but the index.
func wantState(t testing.TB, dir string, want State) {
	t.Helper()
	got := state(t, find(t, dir))
	got.Index = want.Index
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("state (-want +got):\n%s", d)
	}
}

func TestFindWorktree(t *testing.T) {
	r := newRepo(t)
	r.write("a/b/x", "")
	r.write("hollow/.git/config", "")
	r.write("hollow/c/x", "")
	r.commit("x", "")
	linked := filepath.Join(t.TempDir(), "linked")
	r.git("worktree", "add", "-q", "-b", "other", linked)
	for _, tt := range []struct{ name, dir, want string }{
		{"the top", r.dir, r.dir},
		{"below", filepath.Join(r.dir, "a", "b"), r.dir},
		{"not there yet", filepath.Join(r.dir, "a", "new", "dir"), r.dir},
		{"a directory .git that is no repository", filepath.Join(r.dir, "hollow", "c"), r.dir},
		{"a linked worktree", filepath.Join(linked, "a"), linked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := find(t, tt.dir).Top(); got != tt.want {
				t.Errorf("top %s, want %s", got, tt.want)
			}
		})
	}
	var finder Finder
	for _, dir := range []string{r.dir, filepath.Join(r.dir, "a", "b"), filepath.Join(r.dir, "hollow", "c"), filepath.Join(linked, "a"), t.TempDir()} {
		want, wantErr := FindWorktree(dir)
		for range 2 { // the second time from memory
			got, err := finder.Find(dir)
			if wantErr != nil || err != nil || (got == nil) != (want == nil) || got != nil && got.Top() != want.Top() {
				t.Errorf("a finder finds %v, %v around %s, want %v, %v", got, err, dir, want, wantErr)
			}
		}
	}
	if _, err := finder.Find("a"); err == nil {
		t.Error("a finder takes a relative path")
	}
	if w, err := FindWorktree(t.TempDir()); w != nil || err != nil {
		t.Errorf("outside of any: %v, %v", w, err)
	}
	if _, err := FindWorktree("a"); err == nil {
		t.Error("a relative path is taken")
	}
}

func TestStateOfRefs(t *testing.T) {
	r := newRepo(t)
	wantState(t, r.dir, State{Branch: "main"})
	first := r.commit("x", "1")
	wantState(t, r.dir, State{Branch: "main", Head: first})
	r.git("pack-refs", "--all")
	wantState(t, r.dir, State{Branch: "main", Head: first})
	second := r.commit("x", "2") // loose over packed
	wantState(t, r.dir, State{Branch: "main", Head: second})
	r.git("checkout", "-q", "-b", "feature/deep/one")
	wantState(t, r.dir, State{Branch: "feature/deep/one", Head: second})
	r.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
	r.git("symbolic-ref", "HEAD", "refs/heads/alias")
	wantState(t, r.dir, State{Branch: "main", Head: second})
	r.git("checkout", "-q", "--detach", first)
	wantState(t, r.dir, State{Head: first})
	r.git("symbolic-ref", "HEAD", "refs/elsewhere/x")
	wantState(t, r.dir, State{})
}

// One look after the other sees packed refs change.
func TestStateOfPackedRefsAgain(t *testing.T) {
	r := newRepo(t)
	w := find(t, r.dir)
	for i := range 3 {
		id := r.commit("x", fmt.Sprint(i))
		r.git("pack-refs", "--all")
		if s := state(t, w); s.Head != id {
			t.Errorf("head %s, want %s", s.Head, id)
		}
	}
}

func TestStateOfLinkedWorktreeAndSubmodule(t *testing.T) {
	inner := newRepo(t)
	innerHead := inner.commit("x", "inner")
	r := newRepo(t)
	head := r.commit("x", "1")
	r.git("submodule", "--quiet", "add", inner.dir, "sub")
	r.git("commit", "-q", "-m", "sub")
	linked := r.at(filepath.Join(t.TempDir(), "linked"))
	r.git("worktree", "add", "-q", "--detach", linked.dir, head)
	r.git("pack-refs", "--all")
	wantState(t, filepath.Join(r.dir, "sub"), State{Branch: "main", Head: innerHead})
	wantState(t, linked.dir, State{Head: head})
	linked.git("checkout", "-q", "-b", "other")
	wantState(t, linked.dir, State{Branch: "other", Head: head})
	wantState(t, r.dir, State{Branch: "main", Head: r.git("rev-parse", "HEAD")})
	// The lock of one worktree is in nobody else's way.
	r.write(".git/index.lock", "")
	wantState(t, linked.dir, State{Branch: "other", Head: head})
	wantState(t, r.dir, State{Operation: "a git command holds index.lock", Branch: "main", Head: r.git("rev-parse", "HEAD")})
}

// conflicted returns a repository on main with a branch "theirs" that both
// changed one file, the latter by two commits.
func conflicted(t testing.TB) repo {
	r := newRepo(t)
	r.commit("x", "base\n")
	r.git("checkout", "-q", "-b", "theirs")
	r.commit("x", "theirs\n")
	r.commit("x", "theirs, again\n")
	r.git("checkout", "-q", "main")
	r.commit("x", "ours\n")
	return r
}

func TestOperations(t *testing.T) {
	tests := []struct {
		name  string
		start func(r repo)
		want  string
		end   []string
	}{
		{"rebase", func(r repo) { r.fails("rebase", "theirs") }, "a rebase is in progress", []string{"rebase", "--abort"}},
		{"rebase by patches", func(r repo) { r.fails("rebase", "--apply", "theirs") }, "a rebase is in progress", []string{"rebase", "--abort"}},
		{"am", func(r repo) {
			r.write(".git/patches", r.git("format-patch", "--stdout", "main..theirs"))
			r.fails("am", ".git/patches")
		}, "git am is in progress", []string{"am", "--abort"}},
		{"merge", func(r repo) { r.fails("merge", "theirs") }, "a merge is in progress", []string{"merge", "--abort"}},
		{"merge, not committed yet", func(r repo) {
			r.git("merge", "-q", "--no-commit", "--no-ff", "-X", "ours", "theirs")
		}, "a merge is in progress", []string{"merge", "--abort"}},
		{"cherry-pick", func(r repo) { r.fails("cherry-pick", "theirs") }, "a cherry-pick is in progress", []string{"cherry-pick", "--abort"}},
		{"cherry-pick of several", func(r repo) { r.fails("cherry-pick", "main..theirs") }, "a cherry-pick is in progress", []string{"cherry-pick", "--abort"}},
		{"between two picks", func(r repo) {
			r.fails("cherry-pick", "main..theirs")
			r.git("reset", "-q", "--hard")
			if err := os.RemoveAll(filepath.Join(r.dir, ".git", "CHERRY_PICK_HEAD")); err != nil {
				t.Error(err)
			}
		}, "a cherry-pick or revert of several commits is in progress", []string{"cherry-pick", "--quit"}},
		{"revert", func(r repo) { r.fails("revert", "theirs~") }, "a revert is in progress", []string{"revert", "--abort"}},
		{"stash pop", func(r repo) {
			r.write("x", "stashed\n")
			r.git("stash")
			r.commit("x", "committed\n")
			r.fails("stash", "pop")
		}, "files with conflicts are not merged yet", nil},
		{"squash", func(r repo) { r.fails("merge", "--squash", "theirs") }, "files with conflicts are not merged yet", []string{"reset", "--hard"}},
		{"resolved", func(r repo) {
			r.fails("merge", "--squash", "theirs")
			r.git("add", "x")
		}, "", []string{"reset", "--hard"}},
		{"bisect", func(r repo) { r.git("bisect", "start", "theirs", "theirs~2") }, "a bisect is in progress", []string{"bisect", "reset"}},
		{"a pick within a rebase", func(r repo) {
			r.fails("rebase", "theirs")
			r.write(".git/CHERRY_PICK_HEAD", "")
			r.write(".git/index.lock", "")
		}, "a rebase is in progress", nil},
		{"index.lock", func(r repo) { r.write(".git/index.lock", "") }, "a git command holds index.lock", nil},
		{"HEAD.lock", func(r repo) { r.write(".git/HEAD.lock", "") }, "a git command holds HEAD.lock", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := conflicted(t)
			w := find(t, r.dir)
			before := state(t, w)
			tt.start(r)
			if got := state(t, w); got.Operation != tt.want {
				t.Errorf("operation %q, want %q", got.Operation, tt.want)
			}
			if tt.end == nil {
				return
			}
			r.git(tt.end...)
			got := state(t, w)
			got.Index = before.Index
			if got != before {
				t.Errorf("afterwards %+v, want %+v", got, before)
			}
		})
	}
}

func TestIndexChanges(t *testing.T) {
	r := newRepo(t)
	w := find(t, r.dir)
	if s := state(t, w); s.Index != "" {
		t.Errorf("index of an empty repository %q", s.Index)
	}
	r.commit("x", "1")
	one := state(t, w)
	if one.Index == "" || one != state(t, w) {
		t.Errorf("two looks at the same: %+v, %+v", one, state(t, w))
	}
	r.write("x", "2")
	r.git("add", "x")
	if two := state(t, w); two.Index == one.Index {
		t.Errorf("git add changes nothing: %+v", two)
	}
}

// A rebase by patches has checked out the new base and collects the patches.
func TestRebaseBetweenDirectories(t *testing.T) {
	r := newRepo(t)
	head := r.commit("x", "1")
	want := State{Branch: "main", Head: head}
	r.write(".git/rebased-patches", "From ")
	want.Operation = "a rebase is in progress"
	wantState(t, r.dir, want)
	// It was killed, and git wrote the index since.
	before := time.Now().Add(-time.Minute)
	if err := os.Chtimes(filepath.Join(r.dir, ".git", "rebased-patches"), before, before); err != nil {
		t.Fatal(err)
	}
	want.Operation = ""
	wantState(t, r.dir, want)
}
