package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

// GuardGit is the guard that stops a push while git is at work on the
// directory, or while another branch is checked out: see [Result.Guard].
const GuardGit = "git operation"

// headRev is what is checked out.
const headRev = "HEAD"

// GitObstacle says what a push has to wait for, in words that go on from
// "waiting: ", and what git's state was at that moment. rev is the revision
// that is published, "" for files of the worktree; branch is the only branch
// whose history may be published, "" any. What git does in the worktree
// concerns only what is checked out: of another revision the state holds
// nothing but its commit.
func GitObstacle(ctx context.Context, repo *gitrepo.Worktree, rev, branch string) (string, gitrepo.State, error) {
	s, err := publishedState(ctx, repo, rev)
	if err != nil {
		return "", s, err
	}
	obstacle, err := obstacleIn(ctx, repo, s, rev, branch)
	return obstacle, s, err
}

// obstacleIn is [GitObstacle] for a state that is known.
func obstacleIn(ctx context.Context, repo *gitrepo.Worktree, s gitrepo.State, rev, branch string) (string, error) {
	if s.Operation != "" || branch == "" {
		return s.Operation, nil
	}
	on, err := repo.OnBranch(ctx, s, branch)
	if err != nil || on {
		return "", err
	}
	if rev != "" && rev != headRev {
		return fmt.Sprintf("commit %.7s is not on the history of %s", s.Head, branch), nil
	}
	at := "commit " + s.Head
	if s.Branch != "" {
		at = s.Branch
	}
	return fmt.Sprintf("%s is checked out, which is not on the history of %s", at, branch), nil
}

func publishedState(ctx context.Context, repo *gitrepo.Worktree, rev string) (gitrepo.State, error) {
	if rev == "" || rev == headRev {
		return repo.State()
	}
	commit, err := repo.Resolve(ctx, rev)
	return gitrepo.State{Head: commit}, err
}

// scanQuiet is scan for a push: git is not at work before it, nor after it,
// and in between it has changed neither HEAD nor the index. So what was read
// is one state of the worktree, and not a step on the way to one.
//
// The look before it may be any earlier one, as a longer time holds the shorter one.
// The look after it began when the scan had ended, and is one for all targets of which
// that is so. A target in which nothing changed gives its turn away before it, see
// [run.listAhead]; one that has something to write looks at once.
func (r *run) scanQuiet(ctx context.Context, o PushOptions) (manifest.Snapshot, error) {
	looks := r.Looks.at(r.Repo, r.Target.Rev)
	before, err := r.gitQuietBefore(ctx, o, looks)
	if err != nil {
		return manifest.Snapshot{}, err
	}
	for range observeTries {
		snap, failed := r.scan(ctx)
		scanned := looks.now()
		if failed == nil {
			r.listAhead(ctx, snap)
		}
		after, err := r.gitQuietSince(ctx, o, looks, scanned)
		if err != nil || before == after {
			return snap, cmp.Or(err, failed)
		}
		before = after
	}
	return manifest.Snapshot{}, r.stop([]guardStop{{GuardGit, "git changes the directory again and again", "repeat the command when it is quiet"}}, false)
}

// rest lets other targets be at work while this one waits.
func (r *run) rest(wait func()) {
	if r.Rest == nil {
		wait()
		return
	}
	r.Rest(wait)
}

// asksGit reports whether what git does is in the way of the run.
func (r *run) asksGit(o PushOptions) bool { return r.Repo != nil && !o.Consent.Now }

// gitQuiet stops the run while git is in the way.
func (r *run) gitQuiet(ctx context.Context, o PushOptions) (gitrepo.State, error) {
	looks := r.Looks.at(r.Repo, r.Target.Rev)
	return r.gitQuietSince(ctx, o, looks, looks.now())
}

// gitQuietBefore is gitQuiet by any look of the run that found git quiet.
func (r *run) gitQuietBefore(ctx context.Context, o PushOptions, looks *gitLook) (gitrepo.State, error) {
	if state, ok := looks.quiet(); ok && r.asksGit(o) {
		return r.unobstructed(ctx, o, state, nil)
	}
	return r.gitQuietSince(ctx, o, looks, looks.now())
}

// gitQuietSince is gitQuiet by a look that began after a moment.
func (r *run) gitQuietSince(ctx context.Context, o PushOptions, looks *gitLook, moment int) (gitrepo.State, error) {
	if !r.asksGit(o) {
		return gitrepo.State{}, nil
	}
	state, err := looks.since(moment, func() (gitrepo.State, error) { return publishedState(ctx, r.Repo, r.Target.Rev) })
	return r.unobstructed(ctx, o, state, err)
}

// unobstructed stops the run where what a look has found is in the way of its target.
func (r *run) unobstructed(ctx context.Context, o PushOptions, state gitrepo.State, err error) (gitrepo.State, error) {
	obstacle := ""
	if err == nil {
		obstacle, err = obstacleIn(ctx, r.Repo, state, r.Target.Rev, r.Target.Branch)
	}
	switch {
	case err != nil && r.Target.Branch == "":
		r.note("whether git is at work cannot be told: %v", err)
		return gitrepo.State{}, nil
	case err != nil:
		return state, fmt.Errorf("check branch %s: %w", r.Target.Branch, err)
	case obstacle == "":
		return state, nil
	}
	hint := "repeat the command when it is over, or go on with --now"
	if state.Operation == "" {
		hint = fmt.Sprintf("merge it into %s first, or go on with --now", r.Target.Branch)
	}
	stop := guardStop{GuardGit, obstacle, hint}
	return state, r.stop([]guardStop{stop}, o.guardsSpeak())
}

// committed is a source in the history of a git repository: what a revision
// holds of a directory or of a file.
type committed struct {
	directory // what it would be in the worktree
	repo      *gitrepo.Worktree
	rev       string
	commit    *gitrepo.Commit // of the last scan
}

func newSource(t Target, kind assettype.Type, limits remote.Limits, repo *gitrepo.Worktree) (source, directory, error) {
	dir := newDirectory(t, kind, limits)
	if t.Rev == "" {
		return dir, dir, nil
	}
	if repo == nil {
		return nil, dir, usage("publish the directory as it is, or put it under git",
			"target %s: git revision %s needs a git repository, and %s is in none", t.Name, t.Rev, t.Path)
	}
	return &committed{directory: dir, repo: repo, rev: t.Rev}, dir, nil
}

func (c *committed) scan(ctx context.Context) (manifest.Snapshot, error) {
	commit, err := c.open(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return manifest.Snapshot{}, fmt.Errorf("%w: %w", errSourceMissing, err)
	}
	if err != nil {
		return manifest.Snapshot{}, err
	}
	c.commit = commit
	return commit.Snapshot(), nil
}

func (c *committed) open(ctx context.Context) (*gitrepo.Commit, error) {
	if c.file == "" {
		return c.repo.Commit(ctx, c.rev, c.dir, c.opts)
	}
	return c.repo.CommitFile(ctx, c.rev, filepath.Join(c.dir, c.file), c.as, c.opts)
}

func (c *committed) read(_ context.Context, e manifest.Entry) ([]byte, error) {
	return c.commit.Read(e)
}

func (c *committed) readMain(ctx context.Context) ([]byte, error) {
	snap, err := c.scan(ctx)
	if err != nil {
		return nil, err
	}
	e, ok := snap.Tree.Lookup(c.main)
	if !ok {
		return nil, fmt.Errorf("read %s: %w", c.main, fs.ErrNotExist)
	}
	return c.commit.Read(e)
}
