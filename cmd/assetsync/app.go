package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	assetsync "assetsync/sync"
	"assetsync/sync/daemon/metrics"
)

// defaultTimeout bounds a run: no verb hangs for ever.
const defaultTimeout = 10 * time.Minute

// oneShotGC is by how many percent memory may grow before garbage is collected, in
// a command that ends soon: a status of 200 targets that are in step makes 2 collections,
// and takes as much CPU as with 100 or 200; with 400 it takes a third more pages, which the
// system has to find and to clear, and no less CPU.
const oneShotGC = 150

// daemonGC is the same for a daemon: of 200 targets it takes 50 MiB, and 55 at the
// start, where 100 percent take up to 57 and 61; and then there is hardly anything to give
// back in the rest after a save. A save costs the same, within what was measured.
const daemonGC = 50

// app is one invocation: what it reads and writes, and its global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) (string, bool)
	now            func() time.Time
	cwd            string                // absolute; -C moves it
	collectAt      func(percent int) int // debug.SetGCPercent; nil: garbage is collected as usual
	freeMemory     func()                // gives back memory that nothing needs; nil: that happens as usual

	dir        string
	configPath string
	envName    string
	stateDir   string
	jsonOut    bool
	verbose    bool
	quiet      bool
	many       manyFlags
	logFormat  string
	timeout    time.Duration

	worktrees *worktrees // opened so far, each once
	profiles  profiles

	metrics     *metrics.Metrics          // of a daemon that was asked for them; nil else
	metricsAddr string                    // where they are served
	running     *atomic.Pointer[progress] // the run that is shown, shared by copies of the app; holds nil: none is
	allowNotify bool                      // a daemon may do what notify in the config says

	log      *zap.Logger
	base     string // directory that the names of targets are relative to, once there is a config
	command  string // the verb that runs, for messages and the envelope
	prepared bool   // the command line was read: what fails now is no wrong usage
	code     int    // exit code that a verb has set
	harmless bool   // the exit code is 0 whatever comes of it
	printed  bool   // the envelope was written
}

// run executes the command line and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	a.worktrees, a.running = &worktrees{}, &atomic.Pointer[progress]{}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	err = errors.Join(err, a.worktrees.close(), a.profiles.stop())
	if err == nil {
		return a.code
	}
	if !a.prepared {
		// No verb has begun: the command line is wrong, and a flag that is
		// wrong keeps those after it from being read.
		a.command = commandName(cmd)
		a.jsonOut = slices.Contains(args, "--json")
		err = asUsage(cmd, err)
	}
	return a.fail(err)
}

// commandName is the verb, without the program.
func commandName(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), "assetsync ")
}

// fail tells people, and programs with --json, why there is no result.
func (a *app) fail(err error) int {
	e := assetsync.AsError(err)
	if e.Kind == assetsync.KindUsage && e.Hint == "" {
		e.Hint = "nothing was done; correct it and repeat the command"
	}
	a.setExit(exitCode(e.Kind))
	a.sayError("", e)
	if a.jsonOut && !a.printed {
		if err := a.writeEnvelope(envelope{Error: e}); err != nil {
			a.say("assetsync: %v", err)
		}
	}
	return a.code
}

// setExit sets the exit code.
func (a *app) setExit(code int) {
	if !a.harmless {
		a.code = code
	}
}

// say writes a line for people, or several. What may be in them of others does
// nothing to a terminal.
func (a *app) say(format string, args ...any) {
	lines := strings.Split(fmt.Sprintf(format, args...), "\n")
	for i, line := range lines {
		lines[i] = shownText(strings.ReplaceAll(line, "\t", "    "))
	}
	fmt.Fprintln(a.stderr, strings.Join(lines, "\n"))
}

// sayError writes an error and its hint for people; about names what it is
// about, when the message does not.
func (a *app) sayError(about string, e *assetsync.Error) {
	message := e.Message
	if about != "" && indexName(message, about) < 0 {
		message = about + ": " + message
	}
	a.say("assetsync: %s", message)
	if e.RequestID != "" && !strings.Contains(message, e.RequestID) {
		a.say("  request id %s", e.RequestID)
	}
	if e.Hint != "" {
		a.say("hint: %s", e.Hint)
	}
}

const (
	groupCommon = "common"
	groupMore   = "more"
)

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "assetsync",
		Short: "Keep AWS DevOps Agent assets equal to directories, as git keeps a remote equal to a branch",
		Long: `assetsync keeps AWS DevOps Agent assets (skills, AGENTS.md files, attachments)
equal to directories, the way git keeps a remote equal to a branch.

Exit codes: 0 done or nothing to do; 1 failed; 2 usage or config; 3 conflicts,
or superseded by a newer commit; 4 a guard stopped it; 5 not authorised or
credentials expired; 6 published but not usable; 7 remote unavailable or
throttled; 8 something differs (only with --exit-code).`,
		Example: `  assetsync init              write an assetsync.yaml for what is here
  assetsync push --dry-run    show what would be published
  assetsync push              publish it
  assetsync log               the versions of each asset`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) },
	}
	helpOrUnknown(root)
	root.SetFlagErrorFunc(flagError)
	f := root.PersistentFlags()
	f.StringVarP(&a.dir, "directory", "C", "", "run as if started in `DIR`")
	f.StringVar(&a.configPath, "config", "", "use the config `FILE` instead of looking upward for "+ConfigName)
	f.StringVar(&a.envName, "env", "", "the environment `NAME` of the config (or ASSETSYNC_ENV)")
	f.StringVar(&a.stateDir, "state", "", "keep state in `DIR` (default: .assetsync beside the config)")
	f.BoolVar(&a.jsonOut, "json", false, "print one JSON object on standard output")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "log what is done to standard error")
	f.BoolVarP(&a.quiet, "quiet", "q", false, "show no progress and no summary on a terminal")
	f.StringVar(&a.logFormat, "log-format", "console", "`FORMAT` of the log: console or json (default: console; json for watch without a terminal)")
	f.Lookup("log-format").DefValue = "" // it is not the same for all
	f.DurationVar(&a.timeout, "timeout", defaultTimeout, "give up after `DURATION`")
	a.profiles.flags(root)

	root.AddGroup(&cobra.Group{ID: groupCommon, Title: "Common commands:"}, &cobra.Group{ID: groupMore, Title: "More commands:"})
	common := []*cobra.Command{a.initCommand(), a.statusCommand(), a.diffCommand(), a.pushCommand(), a.pullCommand(), a.watchCommand()}
	more := []*cobra.Command{
		a.fetchCommand(),
		a.logCommand(),
		a.showCommand(),
		a.restoreCommand(),
		a.undoCommand(),
		a.resolveCommand(),
		a.pruneCommand(),
		a.cloneCommand(),
		a.planCommand(),
		a.lintCommand(),
		a.verifyCommand(),
		a.checkIgnoreCommand(),
		a.hookCommand(),
		a.assetCommand(),
		a.configCommand(),
		a.emulatorCommand(),
		a.probeCommand(),
		a.doctorCommand(),
		a.versionCommand(),
		a.githubReportCommand(),
	}
	for _, c := range common {
		c.GroupID = groupCommon
		root.AddCommand(c)
	}
	for _, c := range more {
		c.GroupID = groupMore
		root.AddCommand(c)
	}
	cobra.EnableCommandSorting = false
	a.addCompletions(root)
	root.SetHelpCommandGroupID(groupMore)
	helpOfKnown(root)
	explainCompletion(root)
	return root
}

// meant are flags without which a verb does something else, with other bytes or
// in another place: an empty variable of a script must not leave them out.
var meant = []string{"rev", "from", "changed-since", "to", "config", "plan", "output", "metrics"}

// prepare runs before every verb.
func (a *app) prepare(cmd *cobra.Command) error {
	if err := cmd.ValidateFlagGroups(); err != nil {
		return err
	}
	a.prepared = true
	a.command = commandName(cmd)
	if a.dir != "" {
		if !filepath.IsAbs(a.dir) {
			a.dir = filepath.Join(a.cwd, a.dir)
		}
		a.cwd = filepath.Clean(a.dir)
		if info, err := os.Stat(a.cwd); err != nil || !info.IsDir() {
			// The config would be looked for above it, and a wrong one found.
			return usageError(err, "name a directory that exists", "-C %s: no such directory", a.dir)
		}
	}
	for _, name := range meant {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed && f.Value.String() == "" {
			return usageError(nil, "say which, or leave --"+name+" out", "--%s is empty", name)
		}
	}
	if err := a.many.check(cmd.Flags().Changed); err != nil {
		return err
	}
	if a.envName == "" {
		a.envName, _ = a.getenv("ASSETSYNC_ENV")
	}
	if a.timeout <= 0 {
		return usageError(nil, "for example --timeout 5m", "--timeout %s is not above zero", a.timeout)
	}
	a.collectGarbage()
	if err := a.profiles.start(a.abs); err != nil {
		return err
	}
	var err error
	// What people need to know is said in plain words elsewhere.
	a.log, err = newLogger(besides{a}, a.logLevel(zapcore.WarnLevel), a.logFormat)
	return err
}

// collectGarbage chooses when that is done, unless the environment has.
func (a *app) collectGarbage() {
	if _, chosen := a.getenv("GOGC"); a.collectAt == nil || chosen {
		return
	}
	switch a.command {
	case "emulator":
	case "watch":
		a.collectAt(daemonGC)
	default:
		a.collectAt(oneShotGC)
	}
}

// dirIsGone reports whether the directory of -C is not there.
func (a *app) dirIsGone() bool {
	if a.dir == "" {
		return false
	}
	_, err := os.Stat(a.abs(a.dir))
	return errors.Is(err, fs.ErrNotExist)
}

// abs resolves a path of the command line against the working directory.
func (a *app) abs(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(a.cwd, path)
}

// exitCode is the documented code of a class of errors.
func exitCode(k assetsync.Kind) int {
	switch k {
	case assetsync.KindUsage:
		return 2
	case assetsync.KindConflict:
		return 3
	case assetsync.KindGuard:
		return 4
	case assetsync.KindAuth:
		return 5
	case assetsync.KindUnusable:
		return 6
	case assetsync.KindUnavailable:
		return 7
	}
	return 1
}

// differsCode is the exit code of --exit-code when something differs.
const differsCode = 8

// worstCode returns the code of a run over several targets: the first of a
// fixed order that occurred.
func worstCode(codes []int) int {
	for _, code := range []int{5, 2, 1, 7, 4, 3, 6, differsCode} {
		if slices.Contains(codes, code) {
			return code
		}
	}
	return 0
}

// resultCode is the exit code of one target.
func resultCode(r assetsync.Result) int {
	switch {
	case r.Error != nil:
		return exitCode(r.Error.Kind)
	case r.Outcome == assetsync.Blocked:
		return exitCode(assetsync.KindGuard)
	case r.Outcome == assetsync.Conflict:
		return exitCode(assetsync.KindConflict)
	case r.Outcome == assetsync.Failed:
		return 1
	}
	return 0
}

// within gives a run its deadline.
func (a *app) within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, a.timeout, timeoutError(a.timeout))
}

// timeoutError is the end of the time that a run was given.
type timeoutError time.Duration

func (e timeoutError) Error() string { return fmt.Sprintf("not done within %s", time.Duration(e)) }

// Is makes it the deadline that it is.
func (e timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }
