package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"
	"golang.org/x/term"

	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
	"assetsync/sync/state"
	"assetsync/watcher"
)

func (a *app) watchCommand() *cobra.Command {
	var pause, resume, stop, status bool
	cmd := &cobra.Command{
		Use:   "watch [TARGET...]",
		Short: "Publish what changes here as soon as it is saved, until interrupted",
		Long: `Watch the targets and publish what changes here, until interrupted.

Files are published once they are quiet (watch.settle), or when publish.when
says. What was edited while nobody watched is found at the start. While git
rebases, merges or checks out, while another branch than branch: is checked
out, or while the remote cannot be reached, publishing waits. Changes of the
remote are shown by assetsync status and never taken by itself.

status, diff and push ask a watch that is running. --pause, --resume, --stop
and --status speak to it; with TARGETs, a pause is for these alone, and it
holds over a restart.`,
		Example: `  assetsync watch
  assetsync watch skills/eks-triage
  assetsync watch --status
  assetsync watch --pause skills/eks-triage`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case pause:
				return a.pauseWatch(cmd.Context(), args, (*daemon.Client).Pause, "paused")
			case resume:
				return a.pauseWatch(cmd.Context(), args, (*daemon.Client).Resume, "goes on")
			case stop:
				return a.stopWatch(cmd.Context())
			case status:
				return a.watchStatus(cmd.Context())
			}
			return a.watch(cmd.Context(), args, cmd.Flags().Changed("log-format"))
		},
	}
	f := cmd.Flags()
	f.BoolVar(&pause, "pause", false, "keep the running watch from publishing by itself")
	f.BoolVar(&resume, "resume", false, "let it go on, with a look at everything")
	f.BoolVar(&stop, "stop", false, "end the running watch, and wait until it has")
	f.BoolVar(&status, "status", false, "show how the running watch does")
	cmd.MarkFlagsMutuallyExclusive("pause", "resume", "stop", "status")
	return cmd
}

// watch runs a daemon in the foreground.
func (a *app) watch(ctx context.Context, args []string, formatGiven bool) (err error) {
	if a.log, err = a.watchLogger(formatGiven); err != nil {
		return err
	}
	if a.configPath == "" {
		// Once it is found, it stays: were it deleted, one further up would
		// be found the next time, with other targets and another state.
		if a.configPath, err = FindConfig(a.cwd); err != nil {
			return err
		}
	}
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	if _, err := config.Environment(a.envName, a.getenv); err != nil {
		return err
	}
	dir := a.stateHome(config)
	for {
		err := a.holdAndRun(ctx, args, dir)
		if !errors.Is(err, errStateGone) || ctx.Err() != nil {
			return err
		}
		a.log.Warn("begins anew: the state directory was deleted or replaced; what is published is compared with what is here", zap.String("directory", dir))
	}
}

// holdAndRun runs a daemon that holds the state directory.
func (a *app) holdAndRun(ctx context.Context, args []string, dir string) (err error) {
	if err := makeStateDir(dir); err != nil {
		return err
	}
	owner := state.Owner{PID: os.Getpid(), Command: a.command, Since: a.now()}
	lock, err := state.Hold(lockFile(dir), owner)
	if errors.Is(err, state.ErrLocked) {
		return &assetsync.Error{Kind: assetsync.KindUnavailable, Err: err, Message: err.Error(),
			Hint: "assetsync watch --status shows how it does, --stop ends it"}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	return a.runDaemon(ctx, args, dir, owner)
}

// errStateGone is the end of a daemon whose state directory is no more.
var errStateGone = errors.New("the state directory was deleted or replaced")

// stateEvery is how often a daemon looks for its lock file and its socket: as
// long as people wait for an answer, halved.
const stateEvery = time.Second

// guardState returns errStateGone when the lock file or the socket that were
// made in a state directory are not there any more: nobody finds this daemon
// then, and a second one may begin. While the directory around is gone as
// well it waits, and makes nothing in its place: what was moved away or
// unmounted may come back.
func guardState(ctx context.Context, dir, socket string) error {
	held, err := os.Stat(lockFile(dir))
	if err != nil {
		return errStateGone
	}
	tick := time.NewTicker(stateEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, err := os.Stat(filepath.Dir(dir)); err != nil {
			continue
		}
		now, err := os.Stat(lockFile(dir))
		if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(held, now) {
			return errStateGone
		}
		if _, err := os.Stat(socket); errors.Is(err, fs.ErrNotExist) {
			return errStateGone
		}
	}
}

func lockFile(dir string) string { return filepath.Join(dir, "daemon.lock") }

// watchLogger is the log of a daemon, which tells what it does: for people on
// a terminal, for programs elsewhere.
func (a *app) watchLogger(formatGiven bool) (*zap.Logger, error) {
	if !formatGiven && !isTerminal(a.stderr) {
		a.logFormat = "json"
	}
	return newLogger(a.stderr, a.logLevel(zapcore.InfoLevel), a.logFormat)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// runDaemon runs watcher, daemon and control socket until ctx ends or one of
// them fails.
func (a *app) runDaemon(ctx context.Context, args []string, dir string, owner state.Owner) error {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	notify, err := newNotifier(a.getenv)
	if err != nil {
		return err
	}
	w, err := watcher.New(watcher.Options{Probe: filepath.Join(dir, "probe"), Now: a.now})
	if err != nil {
		return err
	}
	f := &fleet{app: a, watcher: w, args: args}
	defer func() { a.tell(f.close()) }()
	d, err := a.newDaemon(f, notify, dir, owner)
	if err != nil {
		return err
	}
	socket, err := a.socketPath(dir)
	if err != nil {
		return err
	}
	listener, err := daemon.Listen(socket)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	// Each ends the others: what is left of a daemon is none.
	ended := errors.New("ended")
	part := func(run func() error) {
		group.Go(func() error { return cmp.Or(run(), ended) })
	}
	part(func() error { return w.Run(ctx) })
	part(func() error { return d.Serve(ctx, listener) })
	part(func() error { return d.Run(ctx) })
	group.Go(func() error { return guardState(ctx, dir, socket) })
	group.Go(func() error { return notify.Watchdog(ctx, func() bool { d.Health(); return true }) })
	group.Go(func() error { reloadOn(ctx, hangups, d); return nil })
	group.Go(func() error {
		<-ctx.Done()
		if !errors.Is(context.Cause(ctx), errStateGone) { // that is no end to the service manager
			a.tell(notify.Stopping())
		}
		return nil
	})
	if err := group.Wait(); !errors.Is(err, ended) {
		return err
	}
	a.log.Info("stopped")
	return nil
}

func (a *app) newDaemon(f *fleet, notify *notifier, dir string, owner state.Owner) (*daemon.Daemon, error) {
	return daemon.New(daemon.Options{
		Load:        func(ctx context.Context) (daemon.Set, error) { return a.loadNotified(ctx, f, notify) },
		Select:      f.Select,
		Fingerprint: f.Fingerprint,
		Remote:      space{f},
		Pauses:      pauseFile(filepath.Join(dir, "paused.json")),
		Sync:        f.watcher.Sync,
		Now:         a.now,
		Jitter:      jitter,
		Owner:       owner.String(),
		Logger:      a.log,
		Changed:     func(summary string) { a.tell(notify.Status(summary)) },
	})
}

// loadNotified loads the config and tells the service manager.
func (a *app) loadNotified(ctx context.Context, f *fleet, notify *notifier) (daemon.Set, error) {
	if len(f.sessions) > 0 {
		a.tell(notify.Reloading())
		set, err := f.Load(ctx)
		// Also with the old config, which stays in use.
		a.tell(notify.Ready("watching " + count(len(f.targets), "target")))
		return set, err
	}
	set, err := f.Load(ctx)
	if err != nil {
		return set, err
	}
	s := f.current()
	a.log.Info("watching", zap.Int("targets", len(f.targets)), zap.String("env", s.env.Name),
		zap.String("remote", s.space.Endpoint), zap.String("agent_space", s.space.AgentSpace))
	a.sayAll(f.expansion.notesOn(f.targets))
	a.sayAll(f.notes)
	a.tell(notify.Ready("watching " + count(len(f.targets), "target")))
	return set, nil
}

// reloadOn reads the config again at each hangup.
func reloadOn(ctx context.Context, hangups <-chan os.Signal, d *daemon.Daemon) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			d.Reload()
		}
	}
}

// tell logs what goes wrong beside the work and stops nothing.
func (a *app) tell(err error) {
	if err != nil {
		a.log.Warn("beside the work", zap.Error(err))
	}
}

// jitter returns a random duration below d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}
