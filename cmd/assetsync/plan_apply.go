package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
	"assetsync/sync/planfile"
)

// notPlanned are flags of a push that a plan has said already, or that say
// something else.
var notPlanned = append([]string{"atomic", "prefer", "base", "rev", "from", "changed-since"}, directFlags...)

// planIsWhole is why a target is not published when another one cannot be.
const planIsWhole = "the plan is carried out as a whole, or not at all"

// pushPlan carries out a plan. Before the first write all of its targets are
// looked at: where one does not hold any more, nothing is published of any.
func (a *app) pushPlan(ctx context.Context, cmd *cobra.Command, args []string, file string, o assetsync.PushOptions, verify bool) error {
	if i := slices.IndexFunc(notPlanned, cmd.Flags().Changed); i >= 0 {
		return usageError(nil, "leave out one of the two", "--plan and --%s exclude each other: the plan says what is published", notPlanned[i])
	}
	if len(args) > 0 {
		return usageError(nil, "leave the targets out, or plan these alone", "--plan names the targets: %s cannot be given as well", quoted(args[0]))
	}
	d, err := a.readPlan(file)
	if err != nil {
		return err
	}
	if o, err = withPlan(o, d); err != nil {
		return err
	}
	s, err := a.openPlan(ctx, d, o)
	if s == nil {
		return err
	}
	looked := s.carryOut(ctx, d, assetsync.PushOptions{DryRun: true, Strict: true}, o, false)
	if o.DryRun || slices.ContainsFunc(looked, isVoid) {
		err := s.finish(looked, false)
		if !o.DryRun {
			a.say("assetsync: nothing was published: %s", planIsWhole)
		}
		return err
	}
	results := s.carryOut(ctx, d, assetsync.PushOptions{}, o, verify)
	err = a.settleHook(s.dir, s.env.Name, results)
	err = errors.Join(s.finish(results, false), err)
	a.sayPins(s.env, s.targets, results, false)
	return err
}

// isVoid reports whether a plan cannot be carried out: what it is of has moved,
// or is not what the config says.
func isVoid(r assetsync.Result) bool {
	return r.Error != nil && (errors.Is(r.Error, assetsync.ErrPlanMoved) || isUnplanned(r))
}

// readPlan reads the file of a plan.
func (a *app) readPlan(file string) (planfile.Document, error) {
	const hint = "name a file that this version of assetsync plan -o has written"
	f, err := os.Open(a.abs(file))
	if err != nil {
		return planfile.Document{}, usageError(err, hint, "read plan %s: %s", quoted(file), plainCause(err))
	}
	d, err := planfile.Read(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return d, usageError(err, hint, "read plan %s: %s", quoted(file), shownText(err.Error()))
	}
	return d, nil
}

// withPlan adds to the options of a push those of a plan, and what that allows.
func withPlan(o assetsync.PushOptions, d planfile.Document) (assetsync.PushOptions, error) {
	var err error
	if o.Prefer, err = parsePrefer(d.Options.Prefer); err != nil {
		return o, err
	}
	o.Base, o.Atomic = d.Options.Base, d.Options.Atomic
	c, p := &o.Consent, d.Consent
	c.Empty, c.Adopt, c.Create, c.Rollback = c.Empty || p.Empty, c.Adopt || p.Adopt, c.Create || p.Create, c.Rollback || p.Rollback
	c.Deletes = max(c.Deletes, p.Deletes)
	c.DeletePaths = append(slices.Clone(p.DeletePaths), c.DeletePaths...)
	c.SecretPaths = append(slices.Clone(p.SecretPaths), c.SecretPaths...)
	return o, nil
}

// openPlan opens a session of the targets of a plan, in the environment that it
// is of. It is nil where there is nothing to do, or with an error.
func (a *app) openPlan(ctx context.Context, d planfile.Document, o assetsync.PushOptions) (*session, error) {
	config, err := a.loadConfig()
	if err != nil {
		return nil, err
	}
	env, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return nil, err
	}
	if env.Name != d.Env {
		return nil, usageError(nil, "give the plan that is of this environment, or --env as it was given to assetsync plan",
			"the plan is of %s, and this is %s", envText(d.Env), envText(env.Name))
	}
	if len(d.Targets) == 0 {
		a.say("note: the plan has no target: there is nothing to do")
		return nil, a.showNothing()
	}
	so := sessionOptions{writes: !o.DryRun, allowMissing: true, rev: d.Options.Rev}
	for _, t := range d.Targets {
		so.args = append(so.args, t.Target)
	}
	if err := a.hasTargets(ctx, config, so); err != nil {
		return nil, err
	}
	if d.Options.From != "" {
		if so.promoted, err = a.promotedBy(ctx, config, so, d); so.promoted == nil {
			return nil, err
		}
	}
	s, err := a.openWith(ctx, config, so)
	if err != nil {
		return nil, err
	}
	if now := s.planSpace(); now != d.Space {
		return nil, s.abort(usageError(nil, "correct assetsync.yaml, or make a new plan",
			"the plan is for %s, and the config says %s", spaceText(d.Space), spaceText(now)))
	}
	return s, nil
}

// promotedBy reads the versions of another environment that a plan publishes. It is
// nil where one cannot be read, which is shown, or with an error.
func (a *app) promotedBy(ctx context.Context, config *Config, so sessionOptions, d planfile.Document) (map[string]assetsync.Promotion, error) {
	source, _, err := a.parseFrom(config, d.Options.From)
	if err != nil {
		return nil, err
	}
	versions := map[string]int32{}
	for _, t := range d.Targets {
		versions[t.Target] = t.Source.Version
	}
	promoted, read, err := source.promotions(ctx, config, so, 0, versions)
	if err != nil || len(promoted) == len(read) {
		return promoted, err
	}
	for i, r := range read {
		if _, ok := promoted[r.Target]; ok {
			read[i] = assetsync.NotBegun(r.Target, planIsWhole)
		}
	}
	return nil, a.show(a.envName, read, false)
}

// hasTargets asks for targets of the very names.
func (a *app) hasTargets(ctx context.Context, config *Config, so sessionOptions) error {
	all := so
	all.args = nil
	known, err := a.named(ctx, config, all)
	if err != nil {
		return err
	}
	for _, name := range so.args {
		if !slices.ContainsFunc(known, func(t Target) bool { return t.Name == name }) {
			return usageError(nil, "make a new plan", "the plan is of target %s, which %s does not have", quoted(name), config.shown())
		}
	}
	return nil
}

func envText(name string) string {
	if name == "" {
		return "an environment without a name"
	}
	return "environment " + quoted(name)
}

func spaceText(s planfile.Space) string {
	text := shownText(strings.TrimSpace(s.AgentSpace + " in " + s.Region + " at " + s.Endpoint))
	if s.Account != "" {
		text += " of account " + shownText(s.Account)
	}
	return text
}

// carryOut holds the push of each target to its plan.
func (s *session) carryOut(ctx context.Context, d planfile.Document, how, o assetsync.PushOptions, verify bool) []assetsync.Result {
	o.DryRun, o.Strict = how.DryRun, how.Strict
	return s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		one := o
		i := slices.IndexFunc(d.Targets, func(t planfile.Target) bool { return t.Target == e.Target.Name })
		one.Approved = &d.Targets[i]
		return pushVerified(ctx, e, one, verify)
	})
}
