package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"assetsync/manifest/durable"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// makeStateDir makes the state directory, readable by its owner only, and
// keeps it out of the git repository that it lies in: by its info/exclude, or
// by an ignore file of its own where that cannot be written. A symbolic link in
// its place is refused: it may have come with a clone, and would lead what is
// written there anywhere.
func makeStateDir(dir string) error {
	if info, err := os.Lstat(dir); err == nil && info.Mode().Type() == fs.ModeSymlink && filepath.Base(dir) == stateDirName {
		return usageError(nil, "remove it if you did not make it; to keep the state elsewhere, name that directory with --state",
			"make state directory: %s is a symbolic link", dir)
	}
	if info, err := os.Stat(dir); err == nil {
		if !info.IsDir() {
			return usageError(nil, "move it away, or use another --state", "make state directory: %s is a file", dir)
		}
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make state directory: %w", err)
	}
	err := excludeFromGit(dir)
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		// The repository is not ours to write: a service sees it read-only.
		err = os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("keep %s out of git: %w", dir, err)
	}
	return nil
}

// excludeFromGit adds the directory to info/exclude of the repository around
// it, which git reads and never commits.
func excludeFromGit(dir string) error {
	gitDir, top, err := findGitDir(filepath.Dir(dir))
	if err != nil || gitDir == "" {
		return err
	}
	rel, err := filepath.Rel(top, dir)
	if err != nil {
		return nil // another volume: git does not see it
	}
	line := "/" + filepath.ToSlash(rel) + "/"
	name := filepath.Join(gitDir, "info", "exclude")
	old, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for scan := bufio.NewScanner(strings.NewReader(string(old))); scan.Scan(); {
		if t := strings.TrimSpace(scan.Text()); t == line || t == filepath.Base(dir)+"/" {
			return nil
		}
	}
	if len(old) > 0 && old[len(old)-1] != '\n' {
		line = "\n" + line
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line + "\n")
	return errors.Join(err, f.Close())
}

// findGitDir looks upward for a repository and returns its common directory
// and the top of its worktree; "" when there is none.
func findGitDir(from string) (gitDir, top string, err error) {
	for dir := from; ; dir = filepath.Dir(dir) {
		name := filepath.Join(dir, ".git")
		info, err := os.Stat(name)
		switch {
		case err == nil && info.IsDir():
			return name, dir, nil
		case err == nil:
			gitDir, err := linkedGitDir(name)
			return gitDir, dir, err
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission):
			return "", "", err
		}
		if dir == filepath.Dir(dir) {
			return "", "", nil
		}
	}
}

// linkedGitDir follows the .git file of a linked worktree or a submodule.
func linkedGitDir(name string) (string, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return "", err
	}
	dir, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "gitdir:")
	if !ok {
		return "", nil
	}
	dir = resolve(filepath.Dir(name), strings.TrimSpace(dir))
	common, err := os.ReadFile(filepath.Join(dir, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return dir, nil
	}
	if err != nil {
		return "", err
	}
	return resolve(dir, strings.TrimSpace(string(common))), nil
}

func resolve(base, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(base, path)
}

// stateHome is the directory that holds the state of a config.
func (a *app) stateHome(config *Config) string {
	if a.stateDir != "" {
		return a.abs(a.stateDir)
	}
	return stateBeside(config.Dir)
}

// stateBeside is the state directory of a config in dir.
func stateBeside(dir string) string { return filepath.Join(dir, stateDirName) }

const stateDirName = ".assetsync"

// replaceFile writes a small file of the state, durably and in one step.
func replaceFile(name string, data []byte) error {
	root, err := os.OpenRoot(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(durable.New(root, nil).WriteFile(filepath.Base(name), data, 0o600), root.Close())
}

// sweepAge is how old a temporary file of the history is before it is taken
// for one of a process that died. A write takes milliseconds.
const sweepAge = time.Hour

// sweepHistory removes what processes that died left in the history, beside the run,
// which only waits for it where it needs the history. It is tidying: where that fails, the
// run goes on. The function that it returns waits for its end, and tells what failed.
func (s *session) sweepHistory() (wait func()) {
	history, before, swept := s.history, s.now().Add(-sweepAge), make(chan error, 1)
	go func() { swept <- history.Sweep(before) }()
	return func() {
		if err := <-swept; err != nil {
			s.say("note: %v", err)
		}
	}
}

// stateFile is the database of the state.
func (s *session) stateFile() string { return filepath.Join(s.dir, "state.db") }

// owner is this process, for those who find the state in use.
func (s *session) owner() state.Owner {
	return state.Owner{PID: os.Getpid(), Command: s.command, Since: s.now()}
}

// stateError makes words of a state that cannot be opened.
func stateError(err error) error {
	e := &assetsync.Error{Kind: assetsync.KindFailed, Message: err.Error(), Err: err,
		Hint: "if the file is damaged, assetsync doctor --rebuild moves it aside: what both sides hold is compared anew, and nothing published is lost"}
	if known := assetsync.AsError(err); known.Hint != "" {
		e.Hint = known.Hint // of the disk
	}
	if errors.Is(err, state.ErrLocked) {
		e.Kind, e.Hint = assetsync.KindUnavailable, "wait until it is done, or use another --state"
	}
	return e
}
