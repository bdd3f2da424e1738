package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

// pushFlags are the flags of a push.
type pushFlags struct {
	assetsync.PushOptions
	direct DirectOptions
	prefer string
	rev    string // a git revision to publish
	since  string // a git revision that targets have to differ from
	from   string // an environment to promote from
	plan   string // a file that says what to do
	verify bool   // read back what is live
	allow  consentFlags
}

func (a *app) pushCommand() *cobra.Command {
	var p pushFlags
	cmd := &cobra.Command{
		Use:   "push [TARGET...] | push DIR --type TYPE [flags]",
		Short: "Publish what changed here",
		Long: `Publish what changed here and was not changed there.

A TARGET is a name, a glob of names or a path in the config; a path inside of a
target names all of it. Nothing is written when nothing changed. Up to three
changed files go by one call each, more of them as one zip, which makes one
version. What others changed meanwhile is never overwritten: other paths are left
alone, the same path is a conflict, of which their side is put under
.assetsync/conflicts/. While git rebases, merges or checks out, nothing is
published. A daemon (assetsync watch) that is running does the work. A target
with direction: pull is never published.

With --rev, what a git revision holds is published, whatever the directory
holds: targets are looked for in it, by the config as it is in the directory.

With --from, what another environment has is published in that of --env: its
newest version, or the one that is named. All of a push holds for it. Where the
newer commit is live that follows the promoted one, nothing is done, unless
--rollback or a version says so.

With --plan, what assetsync plan -o has written is carried out, that and nothing
else: when files here, the asset or the config have changed since, nothing is
written (exit code 3). What the plan allows is allowed.

With --verify, which is the default in a pipeline (CI=true), what is live is read
back as assetsync verify does: what agents cannot use is exit code 6.

With --agent-space (or --endpoint embedded), DIR or a file is published
without a config, to the asset that its frontmatter names or to --asset. No
state is kept then, so a file that differs on both sides is a conflict unless
--base or --prefer says more; in a git repository the commits and the versions
say it.`,
		Example: `  assetsync push --dry-run
  assetsync push skills/eks-triage
  assetsync push 'skills/eks-*' --fail-fast
  assetsync push --rev v1.4.0
  assetsync push --changed-since origin/main --dry-run
  assetsync push --env prod --from staging --dry-run
  assetsync push --plan plan.json
  assetsync push ./my-skill --endpoint embedded --agent-type INCIDENT_RCA`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			return a.push(ctx, cmd, args, p)
		},
	}
	p.register(cmd)
	a.registerMany(cmd)
	return cmd
}

func (p *pushFlags) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&p.DryRun, "dry-run", false, "show what would be done; make no write call")
	p.registerChoices(cmd)
	f.StringVar(&p.plan, "plan", "", "do what the plan in `FILE` says, and nothing else: see assetsync plan")
	f.BoolVar(&p.verify, "verify", false, "read back what is live, and exit with 6 when it is not usable (default: in CI)")
	p.allow.register(f, true)
	f.StringVar(&p.direct.Endpoint, "endpoint", "", "without a config: the `URL` of the service, or embedded")
	f.StringVar(&p.direct.Region, "region", "", "without a config: the AWS `REGION`")
	f.StringVar(&p.direct.AgentSpace, "agent-space", "", "without a config: the agent space `ID`")
	f.StringVar(&p.direct.AgentSpace, "agent-space-id", "", "the same `ID`, by its name on the wire")
	f.StringVar(&p.direct.Type, "type", "", "without a config: the asset `TYPE` (default: told by the files)")
	f.StringVar(&p.direct.AssetID, "asset", "", "without a config: the `ID` of the asset (default: found by its name)")
	f.StringArrayVar(&p.direct.AgentTypes, "agent-type", nil, "without a config: an agent `TYPE`, repeatable (default GENERIC)")
	f.StringVar(&p.direct.Profile, "profile", "", "without a config: the AWS `PROFILE`")
	cmd.MarkFlagsMutuallyExclusive("agent-space", "agent-space-id")
}

// registerChoices are the flags that say what is published, and what counts
// where both sides changed it.
func (p *pushFlags) registerChoices(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&p.Atomic, "atomic", false, "publish in one write, or not at all")
	f.StringVar(&p.prefer, "prefer", "abort", "who wins where both sides changed a path: `SIDE` is local, remote or abort")
	f.StringVar(&p.rev, "rev", "", "publish the tree of the git revision `REV` instead of what the targets' sources say")
	f.StringVar(&p.from, "from", "", "publish what another environment has: `ENV`, or ENV@VERSION for one target")
	f.StringVar(&p.since, "changed-since", "", "only targets that differ from the git revision `REV`; all of them when the config does")
	f.Int32Var(&p.Base, "base", 0, "compare both sides with version `N` instead of the recorded base")
}

// options are the choices for the engine.
func (p *pushFlags) options() (o assetsync.PushOptions, err error) {
	o = p.PushOptions
	if o.Prefer, err = parsePrefer(p.prefer); err == nil {
		o.Consent, err = p.allow.consent()
	}
	return o, err
}

func (a *app) push(ctx context.Context, cmd *cobra.Command, args []string, p pushFlags) (err error) {
	o, err := p.options()
	if err != nil {
		return err
	}
	verify := a.verifies(cmd, p)
	switch {
	case p.plan != "":
		return a.pushPlan(ctx, cmd, args, p.plan, o, verify)
	case p.from != "":
		return a.promote(ctx, cmd, args, p.from, o, verify)
	}
	config, so, left, err := a.pushTargets(ctx, cmd, args, p, !o.DryRun, o.Consent)
	if err != nil || !left {
		return err
	}
	if done, err := a.pushAsked(ctx, config, so, o, verify); done || err != nil {
		return err
	}
	s, err := a.openWith(ctx, config, so)
	if err != nil {
		return err
	}
	results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		return pushVerified(ctx, e, o, verify)
	})
	s.dropCopies(results)
	if !so.stateless && !o.DryRun {
		err = a.settleHook(s.dir, s.env.Name, results)
	}
	err = errors.Join(s.finish(results, false), err)
	if !so.stateless {
		a.sayWhole(so.args, results, "pushed")
	}
	a.sayPins(s.env, s.targets, results, so.stateless)
	return err
}

// pushTargets finds what a push is of; left is false where that is nothing, which
// is shown.
func (a *app) pushTargets(ctx context.Context, cmd *cobra.Command, args []string, p pushFlags, writes bool, allowed assetsync.Consent) (config *Config, so sessionOptions, left bool, err error) {
	config, so, err = a.pushConfig(cmd, args, p.direct, sessionOptions{writes: writes, allowMissing: allowsGone(allowed), rev: p.rev})
	if err != nil {
		return nil, so, false, err
	}
	if so, left, err = a.publishable(ctx, config, so); err != nil {
		return nil, so, false, err
	} else if !left {
		return config, so, false, a.showNothing()
	}
	if p.since != "" {
		if so, left, err = a.narrow(ctx, config, so, p.since); err != nil || !left {
			return config, so, false, a.nothingChanged(p.since, err)
		}
	}
	return config, so, true, nil
}

// allowsGone reports whether what is gone may be published: what a guard stops
// can only be allowed where it is a target at all.
func allowsGone(c assetsync.Consent) bool { return c.Empty || len(c.DeletePaths) > 0 }

// directFlags are those that belong to a push without a config.
var directFlags = []string{"endpoint", "region", "agent-space", "agent-space-id", "type", "asset", "agent-type", "profile"}

// pushAsked lets a daemon push, if there is one; it reports whether it did.
func (a *app) pushAsked(ctx context.Context, config *Config, so sessionOptions, o assetsync.PushOptions, verify bool) (bool, error) {
	if so.stateless || so.rev != "" {
		return false, nil
	}
	results, env, ok, err := a.asked(ctx, config, so.args, func(r *running) ([]assetsync.Result, []string, error) {
		return r.client.Push(ctx, r.ask, o)
	})
	if err != nil || !ok {
		return false, err
	}
	if verify {
		if results, err = a.verifyAsked(ctx, config, so, results); err != nil {
			return true, err
		}
	}
	if !o.DryRun {
		err = a.settleHook(a.stateHome(config), env, results)
	}
	if err := errors.Join(a.show(env, results, false), err); err != nil {
		return true, err
	}
	a.sayWhole(so.args, results, "pushed")
	if !slices.ContainsFunc(results, func(r assetsync.Result) bool { return r.Outcome == assetsync.Created }) {
		return true, nil
	}
	where, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return true, err
	}
	x, err := a.worktrees.expand(ctx, config, where, ExpandOptions{AllowMissing: true})
	if err != nil {
		return true, err
	}
	a.sayPins(where, x.Targets, results, false)
	return true, nil
}

// pushConfig returns the config, or makes one of the command line when its
// flags describe a target.
func (a *app) pushConfig(cmd *cobra.Command, args []string, direct DirectOptions, so sessionOptions) (*Config, sessionOptions, error) {
	i := slices.IndexFunc(directFlags, cmd.Flags().Changed)
	if i < 0 {
		so.args = args
		config, err := a.loadConfig()
		return config, so, err
	}
	so.stateless = true
	config, err := a.directConfig(directFlags[i], args, direct, so.rev)
	return config, so, err
}

// directConfig makes a config of the command line; named is a flag that asks
// for it.
func (a *app) directConfig(named string, args []string, direct DirectOptions, rev string) (*Config, error) {
	switch {
	case a.configPath != "":
		return nil, usageError(nil, "leave out --config, or the flags that describe a target", "--%s and --config exclude each other", named)
	case len(args) != 1:
		return nil, usageError(nil, "for example: assetsync push ./my-skill --"+named+" ...", "a push that is described by --%s takes one directory or file, not %d", named, len(args))
	case endpointFault(direct.Endpoint) != "":
		return nil, usageError(nil, "give --endpoint embedded, or the URL of the service", "--endpoint %s %s", quoted(direct.Endpoint), endpointFault(direct.Endpoint))
	case direct.AgentSpace == "" && direct.Endpoint != EmbeddedEndpoint:
		return nil, usageError(nil, "give --agent-space ID, or --endpoint embedded for a local remote", "--%s describes a target, and --agent-space is missing", named)
	}
	if _, err := os.Stat(a.abs(args[0])); err != nil && rev == "" { // a revision may hold what is gone
		return nil, usageError(err, "name the directory or file to publish", "push %s: %s", args[0], plainCause(err))
	}
	a.base = filepath.Dir(a.abs(args[0]))
	return DirectConfig(a.abs(args[0]), direct)
}

// maxPins is how many assets that were made are each told with their id.
const maxPins = 10

// sayPins says how to pin the assets that were made, so that every machine
// finds them by id whatever they are called. An embedded remote is this
// machine's alone. A target of several agent types has no place for ids.
func (a *app) sayPins(env Environment, targets []Target, results []assetsync.Result, stateless bool) {
	var lines []string
	for _, r := range results {
		i := slices.IndexFunc(targets, func(t Target) bool { return t.Name == r.Target })
		if i < 0 || r.Outcome != assetsync.Created || targets[i].AssetID != "" || env.Embedded() || strings.Contains(r.Target, "#") {
			continue
		}
		t, id := targets[i], r.AssetID
		if env.Name != "" {
			id = fmt.Sprintf("{%s: %s}", env.Name, id)
		}
		lines = append(lines, fmt.Sprintf("  - path: %s\n    asset: %s", t.Name, id))
	}
	switch {
	case len(lines) == 0:
	case stateless:
		a.say("hint: to publish to this asset whatever its name, give --asset %s", results[0].AssetID)
	case len(lines) > maxPins:
		a.say("hint: to pin what was created for every machine, add each of %d targets in %s, such as\n%s\nassetsync status shows the ids.", len(lines), ConfigName, lines[0])
	default:
		a.say("hint: to pin what was created for every machine, add under targets: in %s\n%s", ConfigName, strings.Join(lines, "\n"))
	}
}

// dropCopies takes back what a run that keeps no state cannot offer: copies of
// the other side, which end with it, and a pull.
func (s *session) dropCopies(results []assetsync.Result) {
	if s.throw == "" {
		return
	}
	for i := range results {
		r := &results[i]
		for j := range r.Conflicts {
			r.Conflicts[j].Copy, r.Conflicts[j].Marked = "", ""
		}
		if len(r.Conflicts) > 0 && r.Error != nil && r.Error.Kind == assetsync.KindConflict {
			r.Error.Hint = "without state nobody knows who is newer: publish yours with --prefer local, or say with --base N from which version yours was made"
		}
	}
}
