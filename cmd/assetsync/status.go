package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
)

func (a *app) statusCommand() *cobra.Command {
	var exit bool
	cmd := &cobra.Command{
		Use:   "status [TARGET...]",
		Short: "Show what differs between here and the remote",
		Long: `Show for each target what a push would publish, what a pull would take,
conflicts and problems. Nothing is changed. A daemon (assetsync watch) that is
running answers from memory, and says what it waits for.

In a git repository it says which commit is live: the newest one that publishes
what the asset holds, whoever published it.

With --env all, all environments are looked at, one after the other, and shown
side by side: version, live commit, +N files to push, -N changes on the remote.`,
		Example: `  assetsync status
  assetsync status --exit-code    exits with 8 when something differs
  assetsync status --env all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			config, err := a.loadConfig()
			if err != nil {
				return err
			}
			if a.envName == allEnvironments && isNewName(config, a.envName) {
				return a.statusAll(ctx, config, args, exit)
			}
			look, err := a.statusOf(ctx, config, sessionOptions{args: args})
			if look == nil {
				return err
			}
			defer a.noteHook(a.stateHome(config), look.env, look.found)
			return errors.Join(a.showStatus(*look, exit), err)
		},
	}
	cmd.Flags().BoolVar(&exit, "exit-code", false, "exit with 8 when something differs, here or on the remote")
	a.registerMany(cmd)
	return cmd
}

// statusLook is what a status of one environment found.
type statusLook struct {
	env   string
	found []statusTarget
	lines map[string]string // by target, which commit is live; see liveLines
}

// statusOf looks at an environment, or asks its daemon. It may return both a
// look and an error of its end.
func (a *app) statusOf(ctx context.Context, config *Config, so sessionOptions) (*statusLook, error) {
	var live map[string]daemon.Live
	results, env, ok, err := a.asked(ctx, config, so.args, func(r *running) ([]assetsync.Result, []string, error) {
		s, err := r.client.Status(ctx, r.ask)
		live = s.Live
		return s.Results, s.Notes, err
	})
	if err != nil {
		return nil, err
	}
	if ok {
		found, lines := liveAnswered(results, live)
		return &statusLook{env, found, lines}, nil
	}
	s, err := a.openWith(ctx, config, so)
	if err != nil {
		return nil, err
	}
	results = s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Status(ctx) })
	found := a.withLive(ctx, s.dir, s.env.Name, s.targets, results)
	return &statusLook{s.env.Name, found, liveLines(s.targets, found)}, s.close()
}

// targetsOf returns all targets of a config in the environment of the
// invocation, also those whose directory is gone.
func (a *app) targetsOf(ctx context.Context, config *Config) ([]Target, error) {
	env, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return nil, err
	}
	x, err := a.worktrees.expand(ctx, config, env, ExpandOptions{AllowMissing: true})
	return x.Targets, err
}

// isNewName reports whether no environment of the config has a name.
func isNewName(config *Config, name string) bool {
	return len(config.Environments) > 0 && !slices.Contains(config.EnvironmentNames(), name)
}

func (a *app) showStatus(look statusLook, exitCode bool) error {
	results := resultsOf(look.found)
	a.setCode(results, exitCode)
	if a.jsonOut {
		return a.writeResults(look.env, look.found, results)
	}
	err := a.printResults(results, look.lines)
	a.explain(results)
	return err
}
