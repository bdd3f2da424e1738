package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"assetsync/manifest"
	assetsync "assetsync/sync"
	"assetsync/sync/lint"
)

// lintFlags are the flags of a lint.
type lintFlags struct {
	rev    string // a git revision to look at
	typ    string // of a directory without a config
	strict bool   // warnings count as errors
	fix    bool
	format string
}

// The forms of what lint prints.
const (
	formatText   = "text"
	formatJSON   = "json"
	formatGithub = "github"
	formatSARIF  = "sarif"
)

var lintFormats = []string{formatText, formatJSON, formatGithub, formatSARIF}

func (a *app) lintCommand() *cobra.Command {
	var l lintFlags
	cmd := &cobra.Command{
		Use:   "lint [TARGET...] | lint DIR",
		Short: "Look for what is wrong with the files, without the remote",
		Long: `Look for what is wrong with what a push would publish: what the service refuses,
links that lead nowhere, characters that people do not see and agents read,
credentials. Neither the remote nor the state is needed. docs/lint.md lists the
rules and what to do about each.

A push does this first, with all rules but those on credentials, which it has a
guard for, and on the size of a zip: errors stop it, warnings do not.

DIR is a directory, or a file, that is no target of a config. Its type is told
by what it holds, or by --type.

The exit code is 4 when there is an error, as that of a push would be, and with
--strict also when there is a warning.`,
		Example: `  assetsync lint
  assetsync lint skills/eks-triage --strict
  assetsync lint ./my-skill --fix
  assetsync lint --rev HEAD --format sarif`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.checkLintFlags(cmd, &l); err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			return a.lint(ctx, args, l)
		},
	}
	f := cmd.Flags()
	f.StringVar(&l.rev, "rev", "", "look at the tree of the git revision `REV` instead of what the targets' sources say")
	f.StringVar(&l.typ, "type", "", "the asset `TYPE` of a directory or file without a config (default: told by what is there)")
	f.BoolVar(&l.strict, "strict", false, "warnings count as errors")
	f.BoolVar(&l.fix, "fix", false, "correct in the files what needs no thought, and show what is left")
	f.StringVar(&l.format, "format", formatText, "`FORMAT` of what is printed: "+wordList(lintFormats, "or"))
	cmd.MarkFlagsMutuallyExclusive("rev", "fix")
	completeWords(cmd, "format", lintFormats)
	a.registerMany(cmd)
	return cmd
}

// completeWords completes a flag by words.
func completeWords(cmd *cobra.Command, flag string, words []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, fixedWords(words)); err != nil {
		panic(err) // the flag does not exist
	}
}

func (a *app) checkLintFlags(cmd *cobra.Command, l *lintFlags) error {
	switch {
	case !slices.Contains(lintFormats, l.format):
		return usageError(nil, "use --format "+wordList(lintFormats, "or"), "--format %s is not known", quoted(l.format))
	case a.jsonOut && cmd.Flags().Changed("format") && l.format != formatJSON:
		return usageError(nil, "give one of them", "--json and --format %s exclude each other", l.format)
	case cmd.Flags().Changed("type") && !slices.Contains(typeNames(), l.typ):
		return usageError(nil, "use "+wordList(typeNames(), "or"), "--type %s is not known", quoted(l.typ))
	}
	a.jsonOut = a.jsonOut || l.format == formatJSON
	return nil
}

// lintTarget is a target of the envelope of lint.
type lintTarget struct {
	Target   string            `json:"target"`
	Type     string            `json:"type"`
	Outcome  assetsync.Outcome `json:"outcome"` // unchanged; blocked by an error; failed; skipped
	Commit   string            `json:"commit,omitempty"`
	Errors   int               `json:"errors"`
	Warnings int               `json:"warnings"`
	Findings []lintFinding     `json:"findings"`
	Fixed    []assetsync.Fixed `json:"fixed,omitempty"`
	lint.Size
	Notes []string         `json:"notes,omitempty"`
	Error *assetsync.Error `json:"error,omitempty"`

	at Target
}

// asResult is what decides whether other targets are begun.
func (r lintTarget) asResult() assetsync.Result {
	return assetsync.Result{Target: r.Target, Outcome: r.Outcome, Notes: r.Notes, Error: r.Error}
}

// lintFinding is a finding with the file that it is in.
type lintFinding struct {
	lint.Finding        // its place is one in File
	File         string `json:"file"` // absolute; the config for what is about metadata
}

func (a *app) lint(ctx context.Context, args []string, l lintFlags) error {
	targets, config, err := a.lintTargets(ctx, args, l)
	if err != nil {
		return err
	}
	results := make([]lintTarget, len(targets))
	a.eachTarget(targets, a.many.newTurns(), func(i int, notBegun string) assetsync.Result {
		if notBegun != "" {
			results[i] = lintTarget{Target: targets[i].Name, Type: targets[i].Type, Outcome: assetsync.Skipped, Findings: []lintFinding{}, Notes: []string{notBegun}, at: targets[i]}
		} else {
			results[i] = a.lintOne(ctx, config, targets[i], l)
		}
		return results[i].asResult()
	})
	a.setExit(lintCode(results, l.strict))
	switch l.format {
	case formatGithub:
		return a.writeLintGithub(results)
	case formatSARIF:
		return a.writeSARIF(results)
	}
	if a.jsonOut {
		a.explainLint(results)
		return a.writeEnvelope(envelope{Targets: results})
	}
	return a.printLint(results, l)
}

// lintOne looks at one target, after it has made fixes.
func (a *app) lintOne(ctx context.Context, config *Config, t Target, l lintFlags) lintTarget {
	out := lintTarget{Target: t.Name, Type: t.Type, Outcome: assetsync.Unchanged, Findings: []lintFinding{}, at: t}
	fail := func(err error) lintTarget {
		out.Outcome, out.Error = assetsync.Failed, assetsync.AsError(err)
		return out
	}
	repo, err := a.worktrees.around(t)
	if err != nil {
		return fail(err)
	}
	if l.fix {
		if t.Rev != "" {
			a.say("note: %s: what counts is a commit, and --fix changes the directory: commit what it did", t.Name)
		}
		if out.Fixed, err = assetsync.FixLint(ctx, t); err != nil {
			return fail(err)
		}
	}
	found, err := assetsync.Lint(ctx, t, repo)
	if err != nil {
		return fail(err)
	}
	out.Size, out.Commit = found.Size, found.Commit
	out.Errors, out.Warnings = len(lint.Errors(found.Findings)), len(lint.Warnings(found.Findings))
	for _, f := range found.Findings {
		out.Findings = append(out.Findings, placed(config, t, f))
	}
	if out.Errors > 0 {
		out.Outcome = assetsync.Blocked
	}
	return out
}

// placed finds the file of a finding. Metadata stands in the config.
func placed(config *Config, t Target, f lint.Finding) lintFinding {
	one := lintFinding{f, fileIn(t, f.Path)}
	if f.Field != "" && f.Path == "" && config.File != "" {
		one.File, one.Line, one.Column = config.configFile(), t.Line, 1
	}
	return one
}

// fileIn is the file of a path in a target; "" is the target itself. A single
// file has a name of its own.
func fileIn(t Target, p manifest.Path) string {
	if p == "" || !isDirType(t.Type) {
		return t.Path
	}
	return filepath.Join(t.Path, filepath.FromSlash(string(p)))
}

// lintCode is the exit code of a look: that of a push, which a finding stops.
func lintCode(results []lintTarget, strict bool) int {
	var codes []int
	for _, r := range results {
		switch {
		case r.Error != nil:
			codes = append(codes, exitCode(r.Error.Kind))
		case r.Errors > 0 || strict && r.Warnings > 0:
			codes = append(codes, exitCode(assetsync.KindGuard))
		}
	}
	return worstCode(codes)
}

// lintTargets finds what to look at: targets of the config, or what lies at
// paths that are none.
func (a *app) lintTargets(ctx context.Context, args []string, l lintFlags) ([]Target, *Config, error) {
	config, err := a.loadConfig()
	noConfig := errors.Is(err, os.ErrNotExist) && a.configPath == ""
	switch {
	case l.typ != "" || noConfig && len(args) > 0:
		return a.lintPaths(ctx, args, l)
	case err != nil:
		return nil, nil, err
	}
	rev, err := a.worktrees.commit(ctx, config.Dir, l.rev)
	if err != nil {
		return nil, nil, err
	}
	x, err := a.expandHere(ctx, config, rev)
	if err != nil {
		return nil, nil, err
	}
	chosen, err := Select(x.Targets, args, a.cwd)
	if err != nil && a.areOutside(args, x.Targets) {
		return a.lintPaths(ctx, args, l)
	}
	if err == nil && len(chosen) == 0 {
		err = usageError(nil, "add an entry under targets:, or name a directory", "%s has no target%s", config.shown(), inRevision(rev))
	}
	if len(args) == 0 {
		chosen = slices.DeleteFunc(chosen, func(t Target) bool { return !t.Direction.Publishes() })
	}
	a.sayAll(x.notesOn(chosen))
	return chosen, config, err
}

// expandHere finds the targets without a remote. What is published does not depend
// on the environment: any will do.
func (a *app) expandHere(ctx context.Context, config *Config, rev string) (Expansion, error) {
	if a.envName != "" {
		if _, err := config.chooseEnvironment(a.envName); err != nil {
			return Expansion{}, err
		}
	}
	return a.worktrees.expand(ctx, config, Environment{Name: a.envName}, ExpandOptions{Rev: rev})
}

// areOutside reports whether all arguments are paths that exist and belong to
// no target.
func (a *app) areOutside(args []string, targets []Target) bool {
	for _, arg := range args {
		if _, err := os.Stat(a.abs(arg)); err != nil || len(selectOne(targets, arg, a.cwd)) > 0 {
			return false
		}
	}
	return len(args) > 0
}

// lintPaths makes targets of paths without a config.
func (a *app) lintPaths(ctx context.Context, args []string, l lintFlags) ([]Target, *Config, error) {
	if len(args) != 1 {
		return nil, nil, usageError(nil, "for example: assetsync lint ./my-skill --type skill", "a lint without a config takes one directory or file, not %d", len(args))
	}
	at := a.abs(args[0])
	if _, err := os.Stat(at); err != nil && l.rev == "" { // a revision may hold what is gone
		return nil, nil, usageError(err, "name a directory or a file", "lint %s: %s", args[0], plainCause(err))
	}
	config, err := DirectConfig(at, DirectOptions{Type: l.typ})
	if err != nil {
		return nil, nil, err
	}
	a.base = config.Dir
	rev, err := a.worktrees.commit(ctx, config.Dir, l.rev)
	if err != nil {
		return nil, nil, err
	}
	x, err := a.worktrees.expand(ctx, config, Environment{}, ExpandOptions{Rev: rev})
	if err == nil && len(x.Targets) == 0 {
		a.sayAll(x.notesOn(nil))
		err = usageError(nil, "say the type with --type", "lint %s: there is no asset%s", args[0], inRevision(rev))
	}
	return x.Targets, config, err
}
