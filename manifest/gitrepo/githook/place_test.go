package githook

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// git runs git in a directory with an environment of its own.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = dir, environ(dir)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func environ(home string, more ...string) []string {
	return append(CleanEnviron(os.Environ()), append([]string{
		"GIT_CONFIG_NOSYSTEM=1", "HOME=" + home, "XDG_CONFIG_HOME=" + home,
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com",
	}, more...)...)
}

// TestLocalVariables holds the list to that of the git that is there.
func TestLocalVariables(t *testing.T) {
	var all []string
	for name := range strings.FieldsSeq(git(t, t.TempDir(), "rev-parse", "--local-env-vars")) {
		all = append(all, name+"=x")
	}
	if len(all) < 10 {
		t.Fatalf("git lists only %q", all)
	}
	if left := CleanEnviron(append(all, "GIT_EDITOR=vi", "HOME=/")); strings.Join(left, " ") != "GIT_EDITOR=vi HOME=/" {
		t.Errorf("left: %q", left)
	}
}

func TestLocate(t *testing.T) {
	home := t.TempDir()
	home, err := filepath.EvalSymlinks(home)
	if err != nil {
		t.Fatal(err)
	}
	repo, linked := filepath.Join(home, "repo"), filepath.Join(home, "linked")
	git(t, home, "init", "-q", "repo")
	git(t, home, "-C", repo, "commit", "-q", "--allow-empty", "-m", "one")
	git(t, home, "-C", repo, "worktree", "add", "-q", linked)
	sub := filepath.Join(linked, "a", "b")
	if err := os.MkdirAll(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	locate := func(dir string, more ...string) Place {
		t.Helper()
		p, err := Locate(context.Background(), dir, environ(home, more...))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	want := func(what string, got, want Place) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %+v, want %+v", what, got, want)
		}
	}
	common := filepath.Join(repo, ".git")
	want("a linked worktree", locate(sub), Place{linked, filepath.Join(common, "hooks"), common})
	want("from within a hook", locate(sub, "GIT_DIR="+home, "GIT_INDEX_FILE=x", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=core.hooksPath", "GIT_CONFIG_VALUE_0=/x"),
		Place{linked, filepath.Join(common, "hooks"), common})

	git(t, home, "-C", repo, "config", "--global", "core.hooksPath", "~/all hooks")
	want("core.hooksPath of the user", locate(repo), Place{repo, filepath.Join(home, "all hooks"), common})
	git(t, home, "-C", repo, "config", "core.hooksPath", "tools/hooks")
	want("a relative one", locate(sub), Place{linked, filepath.Join(linked, "tools", "hooks"), common})
	git(t, home, "-C", repo, "config", "--unset", "core.hooksPath")
	write(t, filepath.Join(home, "more"), "[core]\n\thooksPath = .husky/_\n", 0o644)
	git(t, home, "-C", repo, "config", "include.path", filepath.Join(home, "more"))
	husky := locate(repo)
	want("an included one", husky, Place{repo, filepath.Join(repo, ".husky", "_"), common})

	if husky.Husky() {
		t.Error("a directory by this name alone is not husky's")
	}
	write(t, filepath.Join(husky.Dir, "h"), "", 0o644)
	if got, want := husky.File("post-commit"), filepath.Join(repo, ".husky", "post-commit"); got != want {
		t.Errorf("the file of husky is %s, want %s", got, want)
	}
}

func TestLocateFails(t *testing.T) {
	dir := t.TempDir()
	if _, err := exec.LookPath("git"); err == nil {
		_, err := Locate(context.Background(), dir, environ(dir, "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir)))
		if err == nil || !strings.Contains(err.Error(), "not a git repository") {
			t.Errorf("outside of git: %v", err)
		}
	}
	t.Setenv("PATH", dir)
	if _, err := Locate(context.Background(), dir, environ(dir)); !errors.Is(err, ErrNoGit) {
		t.Errorf("without git: %v", err)
	}
}
