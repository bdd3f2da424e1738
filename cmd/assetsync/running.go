package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
	"assetsync/sync/state"
)

// running is a daemon that may be at work on the state of a config.
type running struct {
	*app
	client *daemon.Client
	dir    string // of the state
	env    string
	ask    daemon.Ask
}

// daemonOf finds the daemon of a config; nil when there is none to ask.
func (a *app) daemonOf(config *Config, args []string) (*running, error) {
	env, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return nil, err
	}
	r, err := a.daemonIn(a.stateHome(config))
	if err != nil || r == nil {
		return nil, err
	}
	r.env = env.Name
	r.ask = daemon.Ask{Args: args, Cwd: a.cwd, Fingerprint: a.fingerprintOf(config, env)}
	return r, nil
}

// daemonIn finds the daemon of a state directory; nil when there is none.
func (a *app) daemonIn(dir string) (*running, error) {
	if _, err := os.Stat(lockFile(dir)); err != nil {
		return nil, nil // none ever was
	}
	path, err := a.socketPath(dir)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(path); err != nil {
		return nil, nil
	}
	waiting := func(text string) { a.say("note: %s", text) }
	return &running{app: a, client: daemon.NewClient(path, waiting), dir: dir}, nil
}

// absent reports whether an error of the daemon means that the work is to be
// done here, and says why when that is a surprise.
func (r *running) absent(err error) bool {
	switch {
	case errors.Is(err, daemon.ErrNotRunning):
		return true
	case errors.Is(err, daemon.ErrStale):
		r.log.Debug("not asking the daemon: " + err.Error())
		return true
	case errors.Is(err, daemon.ErrSilent):
		r.say("note: %s does not answer; doing the work here", r.holder())
		return true
	}
	return false
}

// holder names the process that holds the daemon's lock.
func (r *running) holder() string {
	if owner, ok := state.ReadHolder(lockFile(r.dir)); ok {
		return owner.String()
	}
	return "the daemon"
}

// asked runs a verb by the daemon of the config, if one is there to ask. It
// reports whether it did.
func (a *app) asked(ctx context.Context, config *Config, args []string, verb func(*running) ([]assetsync.Result, []string, error)) (results []assetsync.Result, env string, ok bool, err error) {
	if !a.many.isPlain() {
		return nil, "", false, nil
	}
	r, err := a.daemonOf(config, args)
	if err != nil || r == nil {
		return nil, "", false, err
	}
	results, notes, err := verb(r)
	if r.absent(err) && ctx.Err() == nil {
		return nil, "", false, nil
	}
	a.sayAll(notes)
	return results, r.env, err == nil, err
}

// mustRun finds the daemon that --pause and the like speak to. A config that
// was broken or deleted meanwhile keeps nobody from asking it, or ending it.
func (a *app) mustRun() (*running, error) {
	dir, err := a.runningState()
	if err != nil {
		return nil, err
	}
	r, err := a.daemonIn(dir)
	if err != nil || r != nil {
		return r, err
	}
	if _, err := a.loadConfig(); err != nil {
		return nil, err
	}
	return nil, notRunning()
}

// runningState finds the state directory of a daemon by the place of its
// config alone.
func (a *app) runningState() (string, error) {
	switch {
	case a.stateDir != "":
		return a.abs(a.stateDir), nil
	case a.configPath != "":
		return stateBeside(filepath.Dir(a.abs(a.configPath))), nil
	}
	for at := a.cwd; ; at = filepath.Dir(at) {
		_, err := os.Lstat(filepath.Join(at, ConfigName))
		if _, held := state.ReadHolder(lockFile(stateBeside(at))); held || err == nil {
			return stateBeside(at), nil
		}
		if at == filepath.Dir(at) {
			_, err := FindConfig(a.cwd)
			return "", err
		}
	}
}

func notRunning() error {
	return &assetsync.Error{Kind: assetsync.KindFailed, Err: daemon.ErrNotRunning, Message: daemon.ErrNotRunning.Error(), Hint: "assetsync watch starts one"}
}

// plain makes words of what the daemon did not answer.
func (r *running) plain(err error) error {
	switch {
	case errors.Is(err, daemon.ErrNotRunning):
		return notRunning()
	case errors.Is(err, daemon.ErrSilent):
		return &assetsync.Error{Kind: assetsync.KindUnavailable, Err: err, Message: r.holder() + " does not answer", Hint: hungHint}
	}
	return err
}

// hungHint is safe advice: a daemon may be killed at any moment.
const hungHint = "end the process if it hangs; nothing is lost, and the next daemon finds out what it did"

func (a *app) pauseWatch(ctx context.Context, args []string, do func(*daemon.Client, context.Context, daemon.Ask) ([]string, error), done string) error {
	ctx, cancel := a.within(ctx)
	defer cancel()
	r, err := a.mustRun()
	if err != nil {
		return err
	}
	names, err := do(r.client, ctx, daemon.Ask{Args: args, Cwd: a.cwd})
	if err != nil {
		return r.plain(err)
	}
	if a.jsonOut {
		return a.writeEnvelope(envelope{Daemon: map[string]any{done: names}})
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %s\n", done, wordList(names, "and"))
	return err
}

// stopPatience is how long a daemon may take to end: the 10 seconds that it
// promises, and a little.
const stopPatience = 12 * time.Second

func (a *app) stopWatch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stopPatience)
	defer cancel()
	r, err := a.mustRun()
	if err != nil {
		return err
	}
	if err := r.client.Stop(ctx); err != nil {
		return r.plain(err)
	}
	for {
		if _, held := state.ReadHolder(lockFile(r.dir)); !held {
			break
		}
		if err := sleep(ctx, 20*time.Millisecond); err != nil {
			return &assetsync.Error{Kind: assetsync.KindUnavailable, Err: err, Message: r.holder() + " was asked to end and has not", Hint: hungHint}
		}
	}
	if a.jsonOut {
		return a.writeEnvelope(envelope{})
	}
	_, err = fmt.Fprintln(a.stdout, "stopped")
	return err
}

func (a *app) watchStatus(ctx context.Context) error {
	ctx, cancel := a.within(ctx)
	defer cancel()
	r, err := a.mustRun()
	if err != nil {
		return err
	}
	h, err := r.client.Health(ctx)
	if err != nil {
		return r.plain(err)
	}
	if a.jsonOut {
		return a.writeEnvelope(envelope{Daemon: h})
	}
	return a.printHealth(h)
}
