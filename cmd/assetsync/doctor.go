package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"assetsync/manifest/durable"
	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// checkState is how a check of doctor came out.
type checkState string

const (
	checkOK      checkState = "ok"
	checkWarning checkState = "warning" // it works, with less than is meant
	checkFailed  checkState = "failed"  // some verb would fail
)

// checkReport is one check. It is the element of checks in the JSON envelope.
type checkReport struct {
	Check  string     `json:"check"`
	State  checkState `json:"state"`
	Detail string     `json:"detail"`
	Fix    string     `json:"fix,omitempty"`

	code int // exit code, of a failed one
}

// doctorPatience bounds each question that doctor puts to somebody else.
const doctorPatience = 15 * time.Second

// doctor looks at everything that a verb needs. It writes nothing: neither to the
// remote, nor to the state, but for a file system that is tried within the state's
// directory.
type doctor struct {
	*app
	system  system
	checks  []checkReport
	config  *Config
	env     Environment
	targets []Target
	space   string         // agent space, "" before it is known
	who     string         // account of the credentials
	counts  map[string]any // of the state, for a bundle
}

// system is what doctor asks of the machine.
type system struct {
	watchLimit func() (limit int, raise string)
	fileSystem func(dir string) string // its name when changes come without events
	exchanges  func(dir string) (bool, error)
	run        func(ctx context.Context, name string, args ...string) (string, error) // what a program prints
	hasSystemd func() bool
}

func (a *app) doctorCommand() *cobra.Command {
	var bundle string
	var rebuild bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what is wrong with the config, the credentials, this machine and the state",
		Long: `Check everything that the other commands need, and say what to do about what is
wrong: the config, the credentials and their account, whether the service is reached, the
clock, which actions are missing, how much can be watched, the file system, git, hooks, the
unit of systemd, the state, and files that would not be published. Nothing is written,
neither here nor there; that writes are allowed is not tried.

A failed check decides the exit code as in the command that would fail; a warning does
not.

--bundle writes a report to send to others: the result, versions, the config without
secrets, and numbers of the state. It holds no file of an asset; accounts, agent spaces
and the home directory are masked.

--rebuild moves a damaged state aside and lets a sound one read everything anew. It
keeps conflict copies and undo data, moves what is damaged into .assetsync/old, and
refuses while a write is in doubt or a daemon runs.`,
		Example: `  assetsync doctor
  assetsync doctor --json
  assetsync doctor --bundle report.zip
  assetsync doctor --rebuild`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			if rebuild {
				return a.rebuild(ctx)
			}
			d := &doctor{app: a, system: thisSystem(), counts: map[string]any{}}
			d.look(ctx)
			return d.finish(bundle)
		},
	}
	cmd.Flags().StringVar(&bundle, "bundle", "", "write a redacted report into the new zip `FILE`")
	cmd.Flags().BoolVar(&rebuild, "rebuild", false, "move a damaged state aside, or let a sound one read everything anew")
	cmd.MarkFlagsMutuallyExclusive("bundle", "rebuild")
	return cmd
}

// thisSystem asks the machine that this runs on.
func thisSystem() system {
	return system{
		watchLimit: watcher.WatchLimit, fileSystem: watcher.FileSystem, exchanges: exchangesIn, run: runProgram,
		hasSystemd: func() bool {
			_, err := os.Stat("/run/systemd/system") // sd_booted(3)
			return err == nil
		},
	}
}

// exchangesIn reports whether files can be swapped in one step in a directory of
// ours.
func exchangesIn(dir string) (bool, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return false, err
	}
	can, err := durable.New(root, nil).Exchanges()
	return can, errors.Join(err, root.Close())
}

// look runs all checks that apply.
func (d *doctor) look(ctx context.Context) {
	if d.checkConfig(ctx) {
		d.checkRemote(ctx)
		d.checkWatches()
		d.checkFileSystem()
	}
	d.checkGit(ctx)
	if d.config != nil {
		d.checkHook(ctx)
		d.checkUnit(ctx)
		d.checkState(ctx)
		d.checkNames(ctx)
	}
}

func (d *doctor) ok(check, format string, args ...any) {
	d.checks = append(d.checks, checkReport{Check: check, State: checkOK, Detail: fmt.Sprintf(format, args...)})
}

func (d *doctor) warn(check, fix, format string, args ...any) {
	d.checks = append(d.checks, checkReport{Check: check, State: checkWarning, Detail: fmt.Sprintf(format, args...), Fix: fix})
}

func (d *doctor) fail(check string, code int, fix, format string, args ...any) {
	d.checks = append(d.checks, checkReport{Check: check, State: checkFailed, Detail: fmt.Sprintf(format, args...), Fix: fix, code: code})
}

// failBy is a check that an error decides.
func (d *doctor) failBy(check string, err error) {
	e := assetsync.AsError(err)
	d.fail(check, exitCode(e.Kind), e.Hint, "%s", e.Message)
}

// checkConfig reads the config and finds its targets; it reports whether there is
// an environment to go on with.
func (d *doctor) checkConfig(ctx context.Context) bool {
	const check = "config"
	config, err := d.loadConfig()
	if err != nil {
		d.failBy(check, err)
		return false
	}
	d.config = config
	if d.env, err = config.Environment(d.envName, d.getenv); err != nil {
		d.failBy(check, err)
		return false
	}
	d.space = d.env.AgentSpace
	x, err := d.worktrees.expand(ctx, config, d.env, ExpandOptions{})
	if err != nil {
		d.failBy(check, err)
		return true
	}
	d.targets = x.Targets
	where := "an embedded remote"
	if !d.env.Embedded() {
		where = "agent space " + d.space
	}
	if d.env.Name != "" {
		where = "environment " + d.env.Name + ", " + where
	}
	if len(x.Targets) == 0 {
		d.warn(check, "add an entry under targets:, or see with status -v what was skipped", "%s has no target here; %s", config.shown(), where)
		return true
	}
	d.ok(check, "%s: %s, %s", config.shown(), count(len(x.Targets), "target"), where)
	return true
}

// finish prints the checks and writes the bundle, if one is asked for.
func (d *doctor) finish(bundle string) error {
	var codes []int
	for _, c := range d.checks {
		codes = append(codes, c.code)
	}
	d.setExit(worstCode(codes))
	if bundle != "" {
		if err := d.writeBundle(d.abs(bundle)); err != nil {
			return err
		}
	}
	if d.jsonOut {
		return d.writeEnvelope(envelope{Env: d.env.Name, Checks: d.checks})
	}
	var rows [][]string
	for _, c := range d.checks {
		rows = append(rows, []string{string(c.State), c.Check, firstLineOf(c.Detail)})
		if c.Fix != "" && c.State != checkOK {
			rows = append(rows, []string{"", "", "fix: " + c.Fix})
		}
	}
	if err := d.table(rows); err != nil {
		return err
	}
	for _, c := range d.checks {
		if firstLineOf(c.Detail) != c.Detail { // a config with several faults
			d.say("assetsync: %s", c.Detail)
		}
	}
	if bundle != "" {
		d.say("wrote %s; look through it before you send it", shortPath(d.abs(bundle), d.cwd))
	}
	return nil
}

// stateDirOf is the state directory of the config, "" when it is not there yet.
func (d *doctor) stateDirOf() string {
	dir := d.stateHome(d.config)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return dir
}

// targetDirs are the directories that targets lie in, each once.
func (d *doctor) targetDirs() (dirs []string) {
	for _, t := range d.targets {
		dir := t.Path
		if !isDirType(t.Type) {
			dir = filepath.Dir(dir)
		}
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// firstLineOf is the first line of a text.
func firstLineOf(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
