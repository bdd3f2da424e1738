package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

const (
	// hookPatience is how long a push in the background waits in all: for git,
	// for the hooks before it, and for the state. A rebase that takes longer
	// waits for people, and its end runs a hook again.
	hookPatience = 10 * time.Minute

	// gitPause is between two looks at git while it is at work, turnPause
	// between two at what other processes hold.
	gitPause  = 200 * time.Millisecond
	turnPause = 50 * time.Millisecond
)

// errLeft ends a push whose work another one does.
var errLeft = errors.New("another hook does it")

// pinned are the targets that publish commits, as one commit has them: what
// lies around in the directory is not looked at.
type pinned struct {
	commit string                      // in the place of HEAD
	keep   func(assetsync.Target) bool // nil: all
}

// targets expands a config in the commit.
func (p *pinned) targets(ctx context.Context, trees *worktrees, config *Config, env Environment) ([]Target, error) {
	at := func(rev string) (fs.FS, error) {
		if rev == headRev {
			rev = p.commit
		}
		return trees.view(ctx, config, rev)
	}
	x, err := trees.expand(ctx, config, env, ExpandOptions{AllowMissing: true, At: at})
	if err != nil {
		return nil, err
	}
	var targets []Target
	for _, t := range x.Targets {
		if t.When != assetsync.OnCommit || p.keep != nil && !p.keep(t) {
			continue
		}
		if t.Rev == headRev {
			t.Rev = p.commit
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// publish waits for its turn, publishes, and records what came of it.
func (j *hookJob) publish(ctx context.Context) error {
	waiting, cancel := context.WithTimeoutCause(ctx, hookPatience, timeoutError(hookPatience))
	defer cancel()
	lock, err := j.turn(waiting)
	if errors.Is(err, errLeft) {
		j.say("%v", err)
		return nil
	}
	if err != nil {
		return errors.Join(err, j.failed(err))
	}
	results, err := j.push(ctx, waiting)
	if err != nil {
		return errors.Join(err, j.failed(err), lock.Release())
	}
	if len(results) == 0 {
		return lock.Release()
	}
	r := &hookRecord{ExitCode: codeOf(results)}
	r.add(results)
	err = j.record(r)
	return errors.Join(j.show(j.env.Name, results, false), err, lock.Release())
}

// turn waits until git is at rest and no other hook publishes, and decides on
// the commit.
func (j *hookJob) turn(ctx context.Context) (*state.Lock, error) {
	waited := false
	for {
		busy, err := j.awaitGit(ctx)
		if err != nil {
			return nil, err
		}
		waited = waited || busy
		lock, err := j.hold(ctx, "hook.lock")
		if err != nil {
			return nil, err
		}
		head, err := j.choose(ctx, waited)
		if err == nil && head != "" {
			j.commit = head
			return lock, nil
		}
		if err := errors.Join(err, lock.Release()); err != nil {
			return nil, err
		}
	}
}

// awaitGit waits for the end of what git is doing, and reports whether it had
// to. One process does so for all hooks that a rebase runs: after it, HEAD is
// what counts. It lets go before HEAD is looked at, so that who leaves the work
// to it knows that its own commit is seen.
func (j *hookJob) awaitGit(ctx context.Context) (waited bool, err error) {
	s, err := j.worktree.State()
	if err != nil || s.Operation == "" {
		return false, err
	}
	name := "hook.wait.lock"
	if j.env.Name != "" {
		name = "hook.wait." + url.PathEscape(j.env.Name) + ".lock"
	}
	lock, err := state.Hold(filepath.Join(j.dir, name), j.owner())
	if errors.Is(err, state.ErrLocked) {
		return false, fmt.Errorf("%w: it waits until this is over: %s", errLeft, s.Operation)
	}
	if err != nil {
		return false, err
	}
	for err == nil && s.Operation != "" {
		if err = sleep(ctx, gitPause); err != nil {
			err = &assetsync.Error{Kind: assetsync.KindUnavailable, Err: err, Message: fmt.Sprintf("wait for git: %s: %v", s.Operation, err),
				Hint: "finish it; the next commit is published, or publish now with assetsync push"}
			break
		}
		s, err = j.worktree.State()
	}
	return true, errors.Join(err, lock.Release())
}

// hold takes a lock file of the state directory, when it is free.
func (j *hookJob) hold(ctx context.Context, name string) (*state.Lock, error) {
	for {
		lock, err := state.Hold(filepath.Join(j.dir, name), j.owner())
		if !errors.Is(err, state.ErrLocked) {
			return lock, err
		}
		if waited := sleep(ctx, turnPause); waited != nil {
			return nil, &assetsync.Error{Kind: assetsync.KindUnavailable, Err: waited, Message: fmt.Sprintf("wait for the hook before this one: %v: %v", err, waited),
				Hint: "end that process if it hangs; the next commit is published, or publish now with assetsync push"}
		}
	}
}

func (j *hookJob) owner() state.Owner {
	return state.Owner{PID: os.Getpid(), Command: j.command, Since: j.now()}
}

// choose returns the commit to publish, now that it is this hook's turn; ""
// when git is at work again. It is the one that the hook was run for, or HEAD
// where that came after it: its own hook, if it has one, finds nothing left to
// do. A hook that was run later may have had its turn before; then nothing is
// published, or an amended commit would come after the one that replaced it.
func (j *hookJob) choose(ctx context.Context, waited bool) (string, error) {
	s, err := j.worktree.State()
	if err != nil || s.Operation != "" {
		return "", err
	}
	last, err := readHookRecord(j.dir)
	if err != nil {
		j.say("note: %v", err) // it is written anew
	}
	// A record of the future says that the clock was set back, and no more.
	if last != nil && last.Env == j.env.Name && last.Asked.After(j.since) && !last.Asked.After(j.now()) {
		return "", fmt.Errorf("%w: that of commit %.7s came after it", errLeft, last.Commit)
	}
	if waited || j.hook != postCommit || j.commit == s.Head {
		return s.Head, nil
	}
	if later, err := j.worktree.IsAncestor(ctx, j.commit, s.Head); err == nil && later {
		return s.Head, nil
	}
	// Another branch was checked out, or the commit was amended: it was made all
	// the same, also where the history that is there does not tell.
	return j.commit, nil
}

// push publishes the commit, by the daemon where one runs; ctx is for the
// push, waiting for the state.
func (j *hookJob) push(ctx, waiting context.Context) ([]assetsync.Result, error) {
	ctx, cancel := j.within(ctx)
	defer cancel()
	at := &pinned{commit: j.commit, keep: func(t assetsync.Target) bool { return j.isOnBranch(ctx, t) }}
	targets, err := at.targets(ctx, j.worktrees, j.config, j.env)
	if err != nil || len(targets) == 0 {
		return nil, err
	}
	o := assetsync.PushOptions{OneVersion: true, Unattended: true} // a commit is one version
	if s, err := j.worktree.State(); err == nil && s.Head == j.commit {
		results, _, ok, err := j.asked(ctx, j.config, targetNames(targets), func(r *running) ([]assetsync.Result, []string, error) {
			return r.client.Push(ctx, r.ask, o)
		})
		if ok || err != nil {
			return results, err
		}
	}
	s, err := j.openPatiently(waiting, ctx, sessionOptions{writes: true, at: at})
	if err != nil {
		return nil, err
	}
	results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Push(ctx, o) })
	return results, s.close()
}

// isOnBranch reports whether the commit is one that a target publishes. A
// commit of another branch than branch: is none: that is no failure.
func (j *hookJob) isOnBranch(ctx context.Context, t assetsync.Target) bool {
	if t.Branch == "" {
		return true
	}
	obstacle, _, err := assetsync.GitObstacle(ctx, j.worktree, j.commit, t.Branch)
	if err == nil && obstacle != "" {
		j.say("%s: not published: %s", t.Name, obstacle)
	}
	return err != nil || obstacle == "" // what is wrong with the branch is told by the push
}

// openPatiently opens a session, and waits until waiting ends where another
// command has the state.
func (j *hookJob) openPatiently(waiting, ctx context.Context, o sessionOptions) (*session, error) {
	for {
		s, err := j.openWith(ctx, j.config, o)
		if !errors.Is(err, state.ErrLocked) || sleep(waiting, turnPause) != nil {
			return s, err
		}
	}
}
