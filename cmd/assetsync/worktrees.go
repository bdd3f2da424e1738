package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"assetsync/manifest/gitrepo"
	assetsync "assetsync/sync"
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
func (w *worktrees) around(t Target) (*gitrepo.Worktree, error) { return w.look().around(t) }

// find returns the worktree around a directory; nil outside of git.
func (w *worktrees) find(dir string) (*gitrepo.Worktree, error) { return w.look().find(dir) }

// look begins a look at many targets, at one moment.
func (w *worktrees) look() *worktreeLook { return &worktreeLook{worktrees: w} }

// worktreeLook looks at each directory once. It is not safe for concurrent use.
type worktreeLook struct {
	*worktrees
	finder gitrepo.Finder
}

// around is [worktrees.around].
func (l *worktreeLook) around(t Target) (*gitrepo.Worktree, error) {
	dir := t.Path
	if !isDirType(t.Type) {
		dir = filepath.Dir(dir)
	}
	found, err := l.find(dir)
	switch {
	case err != nil && t.Rev == "" && t.Branch == "":
		return nil, nil
	case err != nil:
		return nil, usageError(err, "repair the repository, or remove source: git, publish.when: commit and branch: from the target", "target %s: %v", t.Name, err)
	case found == nil && t.Branch != "":
		return nil, usageError(nil, "remove branch: from the target, or put the directory under git", "target %s: branch: %s needs a git repository, and %s is in none", t.Name, t.Branch, t.Path)
	}
	return found, nil
}

// find is [worktrees.find].
func (l *worktreeLook) find(dir string) (*gitrepo.Worktree, error) {
	found, err := l.finder.Find(dir)
	if err != nil || found == nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known, ok := l.byTop[found.Top()]; ok {
		return known, nil
	}
	if l.byTop == nil {
		l.byTop = map[string]*gitrepo.Worktree{}
	}
	l.byTop[found.Top()] = found
	return found, nil
}

// must returns the worktree around a directory that has to be in one.
func (w *worktrees) must(dir string) (*gitrepo.Worktree, error) {
	found, err := w.find(dir)
	if err == nil && found == nil {
		err = fmt.Errorf("%s is in no git repository", dir)
	}
	return found, err
}

// commit returns the id of the commit that a revision of the command line
// names, so that all targets publish the same one whatever moves meanwhile; ""
// for "".
func (w *worktrees) commit(ctx context.Context, dir, rev string) (string, error) {
	if rev == "" {
		return "", nil
	}
	if reason := revFault(rev); reason != "" {
		return "", usageError(nil, "", "%s %s", quoted(rev), reason)
	}
	repo, err := w.must(dir)
	if err != nil {
		return "", usageError(err, "run it in a clone", "git revision %s: %v", rev, err)
	}
	id, err := repo.Resolve(ctx, rev)
	if s, stateErr := repo.State(); err != nil && stateErr == nil && s.Head == "" {
		return "", usageError(err, "commit something first", "git revision %s: the repository has no commit yet", rev)
	}
	if err != nil {
		e := *assetsync.AsError(err) // with its hint
		e.Kind = assetsync.KindUsage
		return "", &e
	}
	return id, nil
}

// view returns the files below the directory of a config as a git revision has
// them. HEAD of a repository without commits has none. No revision has all of
// a config that lies above its repositories: there the directory says what
// there is, and the engines read the revisions.
func (w *worktrees) view(ctx context.Context, config *Config, rev string) (fs.FS, error) {
	repo, err := w.find(config.Dir)
	if err != nil {
		return nil, err
	}
	if repo == nil {
		return config.View(), nil
	}
	if s, err := repo.State(); err == nil && s.Head == "" && rev == headRev {
		return emptyView{}, nil
	}
	all, _, err := repo.FS(ctx, rev)
	if err != nil {
		return nil, err
	}
	inside, err := repo.Inside(config.Dir)
	if err != nil {
		return nil, err
	}
	return fs.Sub(all, inside)
}

// expand finds the targets of a config, those of git sources in the repository
// around it unless the options say where.
func (w *worktrees) expand(ctx context.Context, config *Config, env Environment, o ExpandOptions) (Expansion, error) {
	if o.At == nil {
		o.At = func(rev string) (fs.FS, error) { return w.view(ctx, config, rev) }
	}
	o.LeadsOut = config.LeadsOut
	return config.Expand(config.View(), env, o)
}

// emptyView holds nothing.
type emptyView struct{}

// Open implements [fs.FS].
func (emptyView) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
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
