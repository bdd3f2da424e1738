package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"assetsync/manifest/gitrepo"
)

// worktrees are the git worktrees around targets, each opened once. It is
// safe for concurrent use.
type worktrees struct {
	mu    sync.Mutex
	byTop map[string]*gitrepo.Worktree
}

// around returns the worktree that a target lies in; nil outside of git. A
// .git that leads nowhere, as in a container that holds a part of a checkout,
// is an error only for a target that needs git.
func (w *worktrees) around(t Target) (*gitrepo.Worktree, error) {
	dir := t.Path
	if !isDirType(t.Type) {
		dir = filepath.Dir(dir)
	}
	found, err := gitrepo.FindWorktree(dir)
	switch {
	case err != nil && t.Rev == "" && t.Branch == "":
		return nil, nil
	case err != nil:
		return nil, usageError(err, "repair the repository, or remove source: git, publish.when: commit and branch: from the target", "target %s: %v", t.Name, err)
	case found == nil && t.Branch != "":
		return nil, usageError(nil, "remove branch: from the target, or put the directory under git", "target %s: branch: %s needs a git repository, and %s is in none", t.Name, t.Branch, t.Path)
	case found == nil:
		return nil, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if known, ok := w.byTop[found.Top()]; ok {
		return known, nil
	}
	if w.byTop == nil {
		w.byTop = map[string]*gitrepo.Worktree{}
	}
	w.byTop[found.Top()] = found
	return found, nil
}

func (w *worktrees) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for top, one := range w.byTop {
		if err := one.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close repository %s: %w", top, err))
		}
	}
	return errors.Join(errs...)
}
