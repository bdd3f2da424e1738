package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
	"assetsync/sync/state"
	"assetsync/watcher"
)

func (a *app) watchCommand() *cobra.Command {
	var pause, resume, stop, status bool
	var metricsAddr string
	cmd := &cobra.Command{
		Use:   "watch [TARGET...]",
		Short: "Publish what changes here as soon as it is saved, until interrupted",
		Long: `Watch the targets and publish what changes here, until interrupted.

Files are published once they are quiet (watch.settle), or when publish.when
says. What was edited while nobody watched is found at the start. While git is
at work, while another branch than branch: is checked out, or while the remote
does not answer, publishing waits. What others change on the remote is shown by
assetsync status; of a target with direction: both or pull it is checked out by
itself, within watch.poll_remote.

There is one such daemon for each state directory. status, diff and push ask it,
if it runs. --pause, --resume, --stop and --status speak to it. A pause with
TARGETs is for these alone; it holds until --resume, also over a restart.

--metrics serves http://ADDR/metrics for Prometheus, and /healthz. A bare port
is one that only this machine can reach; nobody is asked for a password.

notify in the config names a command or a webhook that is told when a target
starts to fail, conflicts or recovers. A config may have come with a clone, so
nothing of it is run or called without --allow-notify.`,
		Example: `  assetsync watch
  assetsync watch skills/eks-triage
  assetsync watch --status
  assetsync watch --pause skills/eks-triage
  assetsync watch --metrics 9090`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkWatchFlags(cmd.Flags().Changed, args); err != nil {
				return err
			}
			switch {
			case pause:
				return a.pauseWatch(cmd.Context(), args, (*daemon.Client).Pause, "paused")
			case resume:
				return a.pauseWatch(cmd.Context(), args, (*daemon.Client).Resume, "resumed")
			case stop:
				return a.stopWatch(cmd.Context())
			case status:
				return a.watchStatus(cmd.Context())
			}
			if err := a.newMetrics(metricsAddr); err != nil {
				return err
			}
			err := a.watch(cmd.Context(), args, cmd.Flags().Changed("log-format"))
			if err == nil && a.jsonOut {
				err = a.writeEnvelope(envelope{})
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&pause, "pause", false, "keep the daemon from publishing by itself")
	f.BoolVar(&resume, "resume", false, "let it go on, and look at once")
	f.BoolVar(&stop, "stop", false, "end the daemon, and wait until it has ended")
	f.BoolVar(&status, "status", false, "show how the daemon does")
	f.BoolVar(&a.allowNotify, "allow-notify", false, "run the command, and call the webhook, that notify in the config names now")
	f.StringVar(&metricsAddr, "metrics", "", "serve metrics for Prometheus on `ADDR`: PORT, on this machine only, or HOST:PORT")
	return cmd
}

// checkWatchFlags refuses flags that speak to a daemon where they are several,
// and TARGETs of those that are about the daemon as a whole: who gives one
// would end more than was meant.
func checkWatchFlags(given func(string) bool, args []string) error {
	var asked []string
	for _, name := range []string{"pause", "resume", "stop", "status"} {
		if given(name) {
			asked = append(asked, "--"+name)
		}
	}
	switch {
	case len(asked) > 0 && given("metrics"), len(asked) > 0 && given("allow-notify"):
		return usageError(nil, "give --metrics and --allow-notify to the daemon when it starts", "watch: %s speaks to a daemon that runs, and takes no flag of one that begins", asked[0])
	case len(asked) > 1:
		return usageError(nil, "give one of them", "watch: %s exclude each other", wordList(asked, "and"))
	case len(args) > 0 && (given("stop") || given("status")):
		return usageError(nil, "--pause TARGET keeps one target from being published; assetsync status TARGET shows one",
			"watch: %s is about the whole daemon and takes no TARGET", asked[0])
	}
	return nil
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
		holder, _ := state.ReadHolder(lockFile(dir)) // the one that err names, or the next
		return &assetsync.Error{Kind: assetsync.KindUnavailable, Err: err, Message: "a daemon runs here already: " + holder.String(),
			Hint: "assetsync watch --status shows how it does, assetsync watch --stop ends it"}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	return a.runDaemon(ctx, args, dir, owner)
}

// errStateGone is the end of a daemon whose state directory is no more.
var errStateGone = errors.New("the state directory was deleted or replaced")

const (
	// stateEvery is how often a daemon looks for its lock file and its socket, where
	// no events tell of them: as long as people wait for an answer, halved.
	stateEvery = time.Second

	// stateSeldom is how often it looks beside events, in case one was lost. Of an
	// unmount, or a directory further up that was renamed, the watcher tells, which
	// looks for its roots.
	stateSeldom = time.Minute
)

// guardState returns errStateGone when the lock file or the socket that were
// made in a state directory are not there any more: nobody finds this daemon
// then, and a second one may begin. While the directory around is gone as
// well it waits, and makes nothing in its place: what was moved away or
// unmounted may come back. A daemon that was asked to end takes its socket
// away itself.
//
// The watch tells of both, where it has events of them; nil: it has none.
func guardState(ctx context.Context, dir, socket string, watch daemon.Watch, ending <-chan struct{}) error {
	held, err := os.Stat(lockFile(dir))
	if err != nil {
		return errStateGone
	}
	var told <-chan watcher.Batch
	if watch != nil {
		told = watch.Batches()
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		every := stateEvery
		if watch != nil && watch.Health().Mode == watcher.Native {
			every = stateSeldom
		}
		timer.Reset(every)
		select {
		case <-ctx.Done():
			return nil
		case <-told:
		case <-timer.C:
		}
		if !isStateGone(held, dir, socket) {
			continue
		}
		select {
		case <-ending:
			<-ctx.Done()
			return nil
		default:
			return errStateGone
		}
	}
}

// isStateGone reports whether the lock file, once held, or the socket are not
// there any more, though the directory around is.
func isStateGone(held fs.FileInfo, dir, socket string) bool {
	if _, err := os.Stat(filepath.Dir(dir)); err != nil {
		return false
	}
	now, err := os.Stat(lockFile(dir))
	if errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(held, now) {
		return true
	}
	_, err = os.Stat(socket)
	return errors.Is(err, fs.ErrNotExist)
}

// watchState watches the lock file and the socket. It returns nil where the socket
// lies elsewhere, in a directory that others use, too.
func watchState(w *watcher.Watcher, dir, socket string) (daemon.Watch, error) {
	if filepath.Dir(socket) != dir {
		return nil, nil
	}
	watch, err := w.Add(watcher.Root{Dir: dir, Files: []string{filepath.Base(lockFile(dir)), filepath.Base(socket)}})
	if err != nil {
		return nil, err
	}
	return watch, nil
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
	held, err := watchState(w, dir, socket)
	if err != nil {
		return err
	}
	scrapes, err := a.listenMetrics(ctx)
	if err != nil {
		return err
	}
	listener, err := daemon.Listen(socket)
	if err != nil {
		return errors.Join(err, closeUnused(scrapes))
	}
	err = together(ctx,
		func(ctx context.Context) error { return watchUntil(ctx, w) },
		func(ctx context.Context) error { return d.Serve(ctx, listener) },
		d.Run,
		func(ctx context.Context) error { return guardState(ctx, dir, socket, held, d.Ending()) },
		func(ctx context.Context) error { return notifyService(ctx, notify, d) },
		func(ctx context.Context) error { return reloadOn(ctx, hangups, d) },
		func(ctx context.Context) error { return a.serveMetrics(ctx, scrapes, d) },
	)
	if err == nil {
		a.log.Info("stopped")
	}
	return err
}

// notifyService tells the service manager that the daemon lives, and that it
// is about to end. Beginning anew is no end.
func notifyService(ctx context.Context, notify *notifier, d *daemon.Daemon) error {
	err := notify.Watchdog(ctx, func() bool { d.Health(); return true })
	if err != nil {
		return err
	}
	<-ctx.Done()
	if errors.Is(context.Cause(ctx), errStateGone) {
		return nil
	}
	return notify.Stopping()
}

func (a *app) newDaemon(f *fleet, notify *notifier, dir string, owner state.Owner) (*daemon.Daemon, error) {
	return daemon.New(daemon.Options{
		Load:        func(ctx context.Context) (daemon.Set, error) { return a.loadNotified(ctx, f, notify) },
		Select:      f.Select,
		Fingerprint: f.Fingerprint,
		Remote:      &space{fleet: f},
		Pauses:      pauseFile(filepath.Join(dir, "paused.json")),
		Sync:        f.watcher.Sync,
		Live:        f.Live,
		Now:         a.now,
		Jitter:      jitter,
		Owner:       owner.String(),
		Logger:      a.log,
		Changed:     func(summary string) { a.tell(notify.Status(summary)) },
		Looked:      a.onLook(),
		Rested:      a.rest,
		Alarms:      alarmFile(filepath.Join(dir, "told.json")),
	})
}

// rest gives back what nothing needs while nothing happens: what was read of git
// repositories, and memory that the last looks have used.
func (a *app) rest() {
	a.tell(a.worktrees.close())
	if a.freeMemory != nil {
		a.freeMemory()
	}
}

// loadNotified loads the config and tells the service manager.
func (a *app) loadNotified(ctx context.Context, f *fleet, notify *notifier) (daemon.Set, error) {
	if len(f.sessions) > 0 {
		a.tell(notify.Reloading())
		before := f.targets
		set, err := f.Load(ctx)
		// Also with the old config, which stays in use. The status is left as it
		// is: the daemon tells of it only when it changes.
		a.tell(notify.Ready(""))
		a.logTargets(before, f.targets)
		return set, err
	}
	set, err := f.Load(ctx)
	if err != nil {
		return set, err
	}
	s := f.current()
	a.log.Info("watching", zap.Int("targets", len(f.targets)), zap.String("env", s.env.Name),
		zap.String("remote", s.space.Endpoint), zap.String("agent_space", s.space.AgentSpace))
	for _, note := range slices.Concat(f.expansion.notesOn(f.targets), f.notes) {
		a.log.Info("note: " + note)
	}
	a.tell(notify.Ready("watching " + count(len(f.targets), "target")))
	return set, nil
}

// logTargets tells of targets that have come and gone.
func (a *app) logTargets(before, now []Target) {
	old, current := targetNames(before), targetNames(now)
	for _, name := range current {
		if !slices.Contains(old, name) {
			a.log.Info("a new target", zap.String("target", name))
		}
	}
	for _, name := range old {
		if !slices.Contains(current, name) {
			a.log.Info("no target any more; its asset stays as it is", zap.String("target", name))
		}
	}
}

// reloadOn reads the config again at each hangup.
func reloadOn(ctx context.Context, hangups <-chan os.Signal, d *daemon.Daemon) error {
	for {
		select {
		case <-ctx.Done():
			return nil
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
