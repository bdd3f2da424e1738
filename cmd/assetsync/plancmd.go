package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"assetsync/diff"
	"assetsync/manifest/durable"
	assetsync "assetsync/sync"
	"assetsync/sync/planfile"
)

// planFlags are the flags of a plan.
type planFlags struct {
	pushFlags
	output string // the file of the plan
	format string
	exit   bool
}

const (
	formatMarkdown = "markdown"
	planVerb       = "plan"
)

var planFormats = []string{formatText, formatMarkdown, formatJSON}

func (a *app) planCommand() *cobra.Command {
	var p planFlags
	cmd := &cobra.Command{
		Use:   "plan [TARGET...]",
		Short: "Show what a push would do, and keep it for push --plan",
		Long: `Show what a push would do, exactly, and do nothing of it: for each target the
version that is live, the git trees of what is live and of what would be, the
changes with the git ids of both contents, by which calls they would be published,
the guards that would stop it, and what lint says.

With -o, that is written to a file as well, for somebody to approve and for
assetsync push --plan to carry out; a file that holds anything but a plan is not
replaced. It holds no bytes of files, and no credentials. What is allowed here
(--allow-deletes and the like) is in it, and is allowed to that push: who approves
the plan approves it. --allow-protected and --now are about the moment of the write,
and are given to the push.

With --from, it is a plan of publishing what another environment has: the push
publishes those very versions, whatever is newest there then.

--format markdown is a comment for a pull request, of at most 65,536 bytes. What
others may have written, such as names of files, is in it as text alone.

The exit code is that of push --dry-run: 0 also where a guard would stop it, 3 with
conflicts, 4 with problems; with --exit-code 8 when there is something to publish.`,
		Example: `  assetsync plan
  assetsync plan -o plan.json --format markdown
  assetsync plan skills/eks-triage --exit-code
  assetsync plan --env prod --from staging -o plan.json
  assetsync push --plan plan.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.checkPlanFormat(cmd, p.format); err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			return a.plan(ctx, cmd, args, p)
		},
	}
	p.registerChoices(cmd)
	f := cmd.Flags()
	p.allow.registerContent(f, true)
	f.StringVarP(&p.output, "output", "o", "", "write the plan to `FILE`, too")
	f.StringVar(&p.format, "format", formatText, "`FORMAT` of what is printed: "+wordList(planFormats, "or"))
	f.BoolVar(&p.exit, "exit-code", false, "exit with 8 when there is something to publish")
	completeWords(cmd, "format", planFormats)
	a.registerMany(cmd)
	return cmd
}

func (a *app) checkPlanFormat(cmd *cobra.Command, format string) error {
	switch {
	case !slices.Contains(planFormats, format):
		return usageError(nil, "use --format "+wordList(planFormats, "or"), "--format %s is not known", quoted(format))
	case a.jsonOut && cmd.Flags().Changed("format") && format != formatJSON:
		return usageError(nil, "give one of them", "--json and --format %s exclude each other", format)
	}
	a.jsonOut = a.jsonOut || format == formatJSON
	return nil
}

// planTarget is a target of the envelope of plan.
type planTarget struct {
	assetsync.Result
	Plan *planfile.Target `json:"plan,omitempty"`
}

// plan looks what a push would do, without a daemon: what that remembers proves
// nothing to who approves it.
func (a *app) plan(ctx context.Context, cmd *cobra.Command, args []string, p planFlags) error {
	o, err := p.options()
	if err != nil {
		return err
	}
	if err := a.mayReplace(p.output); err != nil {
		return err
	}
	if p.from != "" {
		return a.planFrom(ctx, cmd, args, p, o)
	}
	config, so, left, err := a.pushTargets(ctx, cmd, args, p.pushFlags, false, o.Consent)
	if err != nil {
		return err
	}
	if !left { // that was shown
		return a.keepPlan(p.output, a.newPlan(nil, o, nil))
	}
	s, err := a.openWith(ctx, config, so)
	if err != nil {
		return err
	}
	return s.planTo(ctx, p, o, nil)
}

// planFrom looks what a push --from would do.
func (a *app) planFrom(ctx context.Context, cmd *cobra.Command, args []string, p planFlags, o assetsync.PushOptions) error {
	config, so, read, err := a.fromElsewhere(ctx, cmd, args, p.from, false, &o.Consent)
	if err != nil {
		return err
	}
	if len(so.promoted) == 0 {
		planned := withPlans(read, nil)
		return a.endPlan(p, planned, a.newPlan(nil, o, planned))
	}
	s, err := a.openWith(ctx, config, so)
	if err != nil {
		return err
	}
	return s.planTo(ctx, p, o, read)
}

// planTo plans the targets of a session, shows the plan, keeps it in the file that
// is named, and closes the session. known are results of targets that were read
// before; those that are none of the session's cannot be planned.
func (s *session) planTo(ctx context.Context, p planFlags, o assetsync.PushOptions, known []assetsync.Result) error {
	if err := s.isApart(p.output); err != nil {
		return s.abort(err)
	}
	planned := s.plan(ctx, o, known)
	return s.abort(s.endPlan(p, planned, s.newPlan(s, o, planned)))
}

// endPlan shows a plan, and keeps it in the file that is named unless a target was
// not planned.
func (a *app) endPlan(p planFlags, planned []planTarget, d planfile.Document) error {
	results := planResults(planned)
	a.setCode(results, p.exit)
	err := a.showPlan(planned, d, p.format)
	if failed := slices.IndexFunc(results, isUnplanned); failed >= 0 && p.output != "" {
		a.say("assetsync: no plan was written: %s was not planned", results[failed].Target)
	} else if err == nil {
		err = a.keepPlan(p.output, d)
	}
	return err
}

// mayReplace refuses a file for a plan that holds something else already.
func (a *app) mayReplace(file string) error {
	if file == "" {
		return nil
	}
	const hint = "name a new file, or one that holds a plan"
	info, err := os.Lstat(a.abs(file))
	switch {
	case err != nil:
		return nil // what is not there is not lost; what else is wrong is told where it is written
	case !info.Mode().IsRegular():
		return usageError(nil, hint+"; --json prints the plan", "write plan: %s is no regular file", quoted(file))
	case info.Size() == 0:
		return nil
	}
	_, err = a.readPlan(file)
	if format := planfile.FormatError(0); err != nil && !errors.As(err, &format) {
		return usageError(err, hint, "write plan: %s holds something else", quoted(file))
	}
	return nil
}

// isApart refuses a file of a plan that would itself be a file of a target.
func (s *session) isApart(file string) error {
	at := s.abs(file)
	if dir, err := filepath.EvalSymlinks(filepath.Dir(at)); err == nil {
		at = filepath.Join(dir, filepath.Base(at))
	}
	for _, t := range s.targets {
		dir, err := filepath.EvalSymlinks(t.Path)
		if err != nil { // a target of a commit need not be there
			dir = t.Path
		}
		if file != "" && isDirType(t.Type) && holdsPath(dir, at) {
			return usageError(nil, "name a file elsewhere", "write plan: %s would be a file of target %s", quoted(file), t.Name)
		}
	}
	return nil
}

// plan plans all targets of a session, between what is known of others.
func (s *session) plan(ctx context.Context, o assetsync.PushOptions, known []assetsync.Result) []planTarget {
	var mu sync.Mutex
	plans := map[string]*planfile.Target{}
	results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		plan, res := e.Plan(ctx, o)
		mu.Lock()
		defer mu.Unlock()
		plans[e.Target.Name] = &plan
		return res
	})
	if known != nil {
		results = replaced(known, results)
	}
	return withPlans(results, plans)
}

// withPlans puts results and plans together; a target that was not come to has an
// empty plan.
func withPlans(results []assetsync.Result, plans map[string]*planfile.Target) []planTarget {
	out := make([]planTarget, len(results))
	for i, r := range results {
		out[i] = planTarget{r, plans[r.Target]}
		if out[i].Plan == nil {
			out[i].Plan = &planfile.Target{Target: r.Target, Published: string(assetsync.ByNothing)}
		}
	}
	return out
}

func planResults(planned []planTarget) []assetsync.Result {
	results := make([]assetsync.Result, len(planned))
	for i, t := range planned {
		results[i] = t.Result
	}
	return results
}

// isUnplanned reports whether a target was not, or could not be, looked at, so
// that there is no plan that anybody could approve.
func isUnplanned(r assetsync.Result) bool {
	return r.Outcome == assetsync.Skipped || r.Error != nil && r.Error.Kind != assetsync.KindConflict && r.Error.Kind != assetsync.KindGuard
}

// newPlan makes the document. Without a session it is of no target.
func (a *app) newPlan(s *session, o assetsync.PushOptions, planned []planTarget) planfile.Document {
	d := planfile.Document{
		MadeBy: "assetsync " + thisBuild().Version, MadeAt: a.now().UTC().Truncate(time.Second), Env: a.envName,
		Options: planfile.Options{Prefer: preferText(o.Prefer), Base: o.Base, Atomic: o.Atomic},
		Consent: planfile.Consent{
			Empty: o.Consent.Empty, Deletes: o.Consent.Deletes, DeletePaths: o.Consent.DeletePaths, Adopt: o.Consent.Adopt,
			Create: o.Consent.Create, Rollback: o.Consent.Rollback, SecretPaths: o.Consent.SecretPaths,
		},
	}
	if s != nil {
		d.Env, d.Options.Rev, d.Space = s.env.Name, s.rev, s.planSpace()
		for _, p := range s.promoted {
			d.Options.From = p.Env // of all of them
		}
	}
	for _, t := range planned {
		d.Targets = append(d.Targets, *t.Plan)
	}
	return d
}

// planFlagsOf are the flags that a plan stands for: choices and consents, which
// who approves it has to see.
func planFlagsOf(d planfile.Document) (flags []string) {
	o, c := d.Options, d.Consent
	for _, f := range []struct {
		given bool
		text  string
	}{
		{o.Rev != "", fmt.Sprintf("--rev %.7s", o.Rev)},
		{o.From != "", "--from " + o.From},
		{o.Prefer != "abort", "--prefer " + o.Prefer},
		{o.Base > 0, fmt.Sprintf("--base %d", o.Base)},
		{o.Atomic, "--atomic"},
		{c.Empty, "--allow-empty"},
		{c.Deletes > 0, fmt.Sprintf("--allow-deletes %d", c.Deletes)},
		{c.Adopt, "--adopt"},
		{c.Create, "--create"},
		{c.Rollback, "--rollback"},
	} {
		if f.given {
			flags = append(flags, f.text)
		}
	}
	for _, path := range c.DeletePaths {
		flags = append(flags, "--allow-deletes "+path)
	}
	for _, path := range c.SecretPaths {
		flags = append(flags, "--allow-secret "+path)
	}
	return flags
}

// planSpace is where the assets of the session are.
func (s *session) planSpace() planfile.Space {
	return planfile.Space{Endpoint: s.space.Endpoint, Region: s.space.Region, AgentSpace: s.space.AgentSpace, Account: s.env.Account}
}

func preferText(p diff.Prefer) string {
	switch p {
	case diff.Local:
		return "local"
	case diff.Remote:
		return "remote"
	}
	return "abort"
}

// keepPlan writes a plan to a file, whole or not at all; "" is none.
func (a *app) keepPlan(file string, d planfile.Document) error {
	if file == "" {
		return nil
	}
	data, err := planfile.Encode(d)
	if err != nil {
		return err
	}
	file = a.abs(file)
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return usageError(err, "name a file in a directory that exists", "write plan: %s", plainCause(err))
	}
	err = durable.New(root, nil).WriteFile(filepath.Base(file), data, 0o644)
	if err = errors.Join(err, root.Close()); err != nil {
		return fmt.Errorf("write plan: %w", err)
	}
	return nil
}
