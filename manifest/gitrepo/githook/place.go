package githook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoGit means that there is no git to ask.
var ErrNoGit = errors.New("git is not there")

// localVariables are those that bind a git process to one repository: what
// "git rev-parse --local-env-vars" lists, of any version. git sets some of them
// for its hooks.
var localVariables = []string{
	"GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_CONFIG", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT",
	"GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE",
	"GIT_INDEX_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_SHALLOW_FILE",
	"GIT_COMMON_DIR", "GIT_INTERNAL_SUPER_PREFIX", "GIT_REF_STORAGE_FORMAT", "GIT_DEFAULT_REF_FORMAT",
}

// CleanEnviron returns an environment in which git finds the repository by the
// working directory alone.
func CleanEnviron(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(localVariables, name)
	})
}

// Place is where the hooks of a worktree are.
type Place struct {
	Top    string // of the worktree, where git starts hooks
	Dir    string // where git looks for them
	Common string // the repository's directory, shared by its worktrees
}

// Locate asks git where the hooks of the worktree around dir are, so that
// core.hooksPath counts wherever it is set. What environ says of a repository
// does not. It fails with [ErrNoGit].
func Locate(ctx context.Context, dir string, environ []string) (Place, error) {
	git := asker{ctx, CleanEnviron(environ)}
	var p Place
	var err error
	if p.Top, err = git.path(dir, "--show-toplevel"); err != nil {
		return Place{}, err
	}
	if p.Dir, err = git.path(p.Top, "--git-path", "hooks"); err != nil {
		return Place{}, err
	}
	p.Common, err = git.path(p.Top, "--git-common-dir")
	return p, err
}

// asker asks git.
type asker struct {
	ctx     context.Context
	environ []string
}

// path returns the path that rev-parse prints, absolute.
func (a asker) path(dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(a.ctx, "git", append([]string{"rev-parse"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, a.environ, &stdout, &stderr
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("ask git for its hooks: %w: %w", ErrNoGit, err)
	case err != nil && stderr.Len() > 0:
		return "", fmt.Errorf("ask git for its hooks: %s", firstLine(stderr.String()))
	case err != nil:
		return "", fmt.Errorf("ask git for its hooks: %w", err)
	}
	path := filepath.FromSlash(strings.TrimRight(stdout.String(), "\r\n"))
	if path == "" {
		return "", fmt.Errorf("ask git for its hooks: %s prints nothing", strings.Join(cmd.Args, " "))
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return filepath.Clean(path), nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// Husky reports whether the hooks are those that husky 9 generates, which run
// the files of the directory above.
func (p Place) Husky() bool {
	if filepath.Base(p.Dir) != "_" {
		return false
	}
	_, err := os.Stat(filepath.Join(p.Dir, "h"))
	return err == nil
}

// File returns the file that a hook's lines belong into. It is started by
// git, unless Husky is true.
func (p Place) File(hook string) string {
	if p.Husky() {
		return filepath.Join(filepath.Dir(p.Dir), hook)
	}
	return filepath.Join(p.Dir, hook)
}

// Others are files in which a block may have ended up by the work of tools:
// pre-commit runs what was there before as .legacy, lefthook puts it away as
// .old, and husky 9 writes what it generates anew.
func (p Place) Others(hook string) []string {
	main := p.File(hook)
	others := []string{main + ".legacy", main + ".old"}
	if p.Husky() {
		others = append(others, filepath.Join(p.Dir, hook))
	}
	return others
}

// Find returns the file that a hook's block is in, or else belongs into: that
// is the one that pre-commit put aside and runs, where it holds the block.
func (p Place) Find(hook string) (File, error) {
	f, err := Read(p.File(hook))
	if err != nil || f.Generator() != PreCommit || Line(f.Text) != "" {
		return f, err
	}
	if legacy, err := Read(p.File(hook) + ".legacy"); err == nil && Line(legacy.Text) != "" {
		return legacy, nil
	}
	return f, nil
}
