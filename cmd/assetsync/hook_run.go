package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"time"

	"assetsync/manifest/gitrepo"
	"assetsync/manifest/gitrepo/githook"
	assetsync "assetsync/sync"
)

// daemonPatience is how long a hook waits for a daemon to say that it knows:
// people wait for git meanwhile, and half of the 50 ms that a hook may take is
// what it takes by itself.
const daemonPatience = 25 * time.Millisecond

// hookOptions say how a hook runs.
type hookOptions struct {
	wait   bool
	commit string    // this is the push in the background, of this commit
	asked  time.Time // when git ran the hook that it is for
}

// hookJob is one run of a hook on a config that publishes commits.
type hookJob struct {
	*app
	hook     string
	config   *Config
	env      Environment
	dir      string // of the state
	worktree *gitrepo.Worktree
	since    time.Time // git ran the hook
	commit   string    // HEAD when git ran the hook
	busy     string    // what git was doing then
}

// runHook does what a hook does. Only a pre-push has an error: git has done
// already what the others come after.
func (a *app) runHook(ctx context.Context, hook string, args []string, o hookOptions) error {
	a.harmless = hook != githook.PrePush
	const oneFile = "0" // the last argument of a checkout of files, not of a branch
	if hook == postCheckout && len(args) == 3 && args[2] == oneFile {
		return nil
	}
	job, err := a.newHookJob(hook, o)
	if job == nil && err == nil {
		return nil
	}
	if hook == githook.PrePush {
		if err != nil {
			return prePushError(err)
		}
		return job.prePush(ctx)
	}
	if err == nil {
		err = job.run(ctx, o)
	}
	if err != nil {
		a.fail(err)
	}
	return nil
}

// newHookJob looks for what a hook is to publish; it is nil when there is
// nothing: no config, no target that publishes commits, no commit. An error is
// on record, where there is a place for it.
func (a *app) newHookJob(hook string, o hookOptions) (*hookJob, error) {
	config, err := a.loadConfig()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil // this commit has none
	case err != nil:
		return nil, err
	case !config.publishesCommits():
		return nil, nil
	}
	j := &hookJob{app: a, hook: hook, config: config, dir: a.stateHome(config), since: o.asked, commit: o.commit}
	if j.since.IsZero() {
		j.since = a.now()
	}
	if j.worktree, err = a.worktrees.find(a.cwd); err != nil {
		return nil, err
	}
	if j.worktree == nil {
		return nil, usageError(nil, "run it in a worktree of git", "%s: %s is in no git repository", a.command, a.cwd)
	}
	s, err := j.worktree.State()
	if err != nil {
		return nil, err
	}
	if s.Head == "" {
		return nil, nil
	}
	j.busy = s.Operation
	if j.commit == "" {
		j.commit = s.Head
	}
	if err := makeStateDir(j.dir); err != nil {
		return nil, err
	}
	if j.env, err = config.Environment(a.envName, a.getenv); err != nil {
		return nil, errors.Join(err, j.failed(err))
	}
	return j, nil
}

// run hands the commit on, or publishes it.
func (j *hookJob) run(ctx context.Context, o hookOptions) error {
	switch {
	case o.commit != "":
		j.say("%s  %s, commit %.7s", j.now().UTC().Format(time.RFC3339), j.hook, j.commit)
		return j.publish(ctx)
	case o.wait && j.busy == "":
		return j.publish(ctx)
	case o.wait:
		// What git does goes on when the hook has ended, and not before.
		j.say("note: %s; the push goes on in the background when it is over, and assetsync status tells of it", j.busy)
	case j.told(ctx):
		return j.record(&hookRecord{Daemon: true})
	}
	if err := j.detach(); err != nil {
		return errors.Join(err, j.failed(err))
	}
	return nil
}

// told reports whether a daemon knows of the commit, and publishes it. One
// that does not answer at once may well do the same: who comes second finds
// nothing left to do.
func (j *hookJob) told(ctx context.Context) bool {
	r, err := j.daemonOf(j.config, nil)
	if err != nil || r == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, daemonPatience)
	defer cancel()
	names, err := r.client.Commit(ctx, r.ask)
	return err == nil && len(names) > 0
}

// detach starts a push that outlives git, in an environment that says nothing
// of git's repository.
func (j *hookJob) detach() error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("start the push: %w", err)
	}
	log, err := j.openHookLog(j.dir)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(program, j.again()...)
	cmd.Dir, cmd.Env = j.cwd, githook.CleanEnviron(os.Environ())
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, detached()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the push: %w", err)
	}
	return cmd.Process.Release()
}

// again is the command line that goes on with the job.
func (j *hookJob) again() []string {
	args := []string{"hook", "run", j.hook, "--commit", j.commit, "--asked", j.since.Format(hookTime), "--timeout", j.timeout.String()}
	for flag, value := range map[string]string{"--config": j.configPath, "--env": j.envName, "--state": j.stateDir} {
		if value != "" {
			args = append(args, flag, value)
		}
	}
	if j.verbose {
		args = append(args, "--verbose")
	}
	return args
}

// failed puts an error on record that kept all targets from being published.
func (j *hookJob) failed(err error) error {
	e := assetsync.AsError(err)
	return j.record(&hookRecord{Error: e.Message, ExitCode: exitCode(e.Kind)})
}

// record completes a record and keeps it.
func (j *hookJob) record(r *hookRecord) error {
	r.Hook, r.Commit, r.Env, r.Asked, r.Finished = j.hook, j.commit, j.env.Name, j.since, j.now()
	return r.write(j.dir)
}
