package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"assetsync/manifest/gitrepo"
	"assetsync/remote/assettype"
	assetsync "assetsync/sync"
)

// Completion is from what is here: the config, the files, and the versions in
// history. The remote is not asked, the state is not opened, and nothing is
// made. What cannot be read completes to nothing.

// completionPatience is how long somebody waits for what a tab gives.
const completionPatience = 2 * time.Second

// addCompletions gives the verbs what completes their words and flags.
func (a *app) addCompletions(root *cobra.Command) {
	of := map[string]cobra.CompletionFunc{
		"status": a.completeTargets, "push": a.completeTargets, "pull": a.completeTargets, "watch": a.completeTargets,
		"log": a.completeTargets, "fetch": a.completeTargets, "undo": a.completeTargets, "lint": a.completeTargets,
		"plan": a.completeTargets, "verify": a.completeTargets, "resolve": a.completeResolve,
		"diff": a.completeDiff, "show": a.completeShow, "restore": a.completeRestore,
		"asset create": fixedWords(typeNames()), "asset set-metadata": a.completeTarget,
		"hook install": fixedWords(hookNames()), "hook uninstall": fixedWords(hookNames()),
	}
	words := map[string][]string{
		"color": colors, "prefer": sides, "agent-type": assettype.AgentTypes(), "type": typeNames(),
		"for": slices.Sorted(maps.Keys(policyActions)),
	}
	var errs []error
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		if f := of[commandName(cmd)]; f != nil {
			cmd.ValidArgsFunction = f
		}
		for flag, list := range words {
			if cmd.Flags().Lookup(flag) != nil {
				completeWords(cmd, flag, list)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(root)
	for _, cmd := range root.Commands() {
		for _, name := range []string{"version", "base"} {
			if f := cmd.Flags().Lookup(name); f != nil && f.Value.Type() == "int32" {
				errs = append(errs, cmd.RegisterFlagCompletionFunc(name, a.completeVersionFlag))
			}
		}
		if cmd.Flags().Lookup("from") != nil { // that of asset create is a path
			errs = append(errs, cmd.RegisterFlagCompletionFunc("from", a.completeEnv))
		}
	}
	completeWords(root, "log-format", logFormats)
	errs = append(errs, root.RegisterFlagCompletionFunc("env", a.completeEnv))
	if err := errors.Join(errs...); err != nil { // a flag has two, or is not there
		panic(err)
	}
}

func fixedWords(words []string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// completer is a config that was read for one completion.
type completer struct {
	*app
	config  *Config
	env     Environment
	targets []Target
}

// completing reads the config; false when there is none to complete from.
func (a *app) completing(ctx context.Context) (*completer, bool) {
	one := *a
	if a.dir != "" { // no verb runs that would have done it
		one.cwd = a.abs(a.dir)
	}
	if one.envName == "" {
		one.envName, _ = a.getenv("ASSETSYNC_ENV")
	}
	c := &completer{app: &one}
	var err error
	if c.config, err = c.loadConfig(); err != nil {
		return nil, false
	}
	if one.envName == "" && len(c.config.Environments) > 0 {
		one.envName = c.config.EnvironmentNames()[0] // targets have one name in all
	}
	if c.env, err = c.config.Environment(one.envName, one.getenv); err != nil {
		return nil, false
	}
	c.targets, err = c.targetsOf(ctx, c.config)
	return c, err == nil
}

// completeWith makes a completion of what a function finds, which falls back on
// the names of files.
func (a *app) completeWith(args []string, toComplete string, find func(context.Context, *completer, []string) []string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(context.Background(), completionPatience)
	defer cancel()
	c, ok := a.completing(ctx)
	if !ok {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var out []string
	for _, word := range find(ctx, c, args) {
		if strings.HasPrefix(word, toComplete) && !slices.Contains(out, word) && !strings.ContainsAny(word, "\t\r\n") {
			out = append(out, word)
		}
	}
	if len(out) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeTargets completes [TARGET...].
func (a *app) completeTargets(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	return a.completeWith(args, toComplete, func(_ context.Context, c *completer, args []string) []string {
		return c.names(args)
	})
}

// completeTarget completes TARGET, and nothing after it.
func (a *app) completeTarget(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeTargets(cmd, args, toComplete)
}

// completeResolve completes {PATH... | --all}: a target, or a file below one.
func (a *app) completeResolve(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	words, _ := a.completeTargets(cmd, args, toComplete)
	return words, cobra.ShellCompDirectiveDefault // files, too
}

// explainCompletion puts the command that prints completions among the others, in
// the words of the others.
func explainCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	completion, _, err := root.Find([]string{"completion"})
	if err != nil {
		panic(err) // there is none: a fault of the program
	}
	completion.GroupID = groupMore
	completion.Short = "Print what a shell needs to complete commands, targets and versions"
	completion.Long = `Print a script by which a shell completes commands, flags, targets, versions, paths
and environments. They come from the config, the files and .assetsync/history.git:
the remote is not asked. The help of each shell says where the script belongs.`
	completion.Example = "  assetsync completion bash"
	for _, shell := range completion.Commands() {
		shell.Short = "Print the script for " + shell.Name()
		shell.Example = "  assetsync completion " + shell.Name()
	}
}

// completeDiff completes [A[..B] | A B] [TARGET...].
func (a *app) completeDiff(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	return a.completeWith(args, toComplete, func(ctx context.Context, c *completer, args []string) []string {
		words := c.names(args)
		if len(args) > 1 {
			return words
		}
		revisions := []string{"local", "remote", "base"}
		for _, name := range c.config.EnvironmentNames() {
			revisions = append(revisions, string(assetsync.EnvRevision)+name)
		}
		for _, t := range c.targets {
			revisions = append(revisions, c.versions(ctx, t)...)
		}
		if before, _, ok := strings.Cut(toComplete, ".."); ok && before != "" {
			for i := range revisions {
				revisions[i] = before + ".." + revisions[i]
			}
		}
		return append(revisions, words...)
	})
}

// completeShow completes [TARGET] [N[:PATH]].
func (a *app) completeShow(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	return a.completeWith(args, toComplete, func(ctx context.Context, c *completer, args []string) []string {
		var words []string
		t, ok := c.only(args)
		switch {
		case len(args) > 1:
			return nil
		case len(args) == 0:
			words = c.names(nil)
		}
		if !ok {
			return words
		}
		number, _, inside := strings.Cut(toComplete, ":")
		if !inside {
			return append(words, c.versions(ctx, t)...)
		}
		for _, p := range c.filesOf(ctx, t, number) {
			words = append(words, number+":"+p)
		}
		return words
	})
}

// completeRestore completes [TARGET] N [PATH...].
func (a *app) completeRestore(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	return a.completeWith(args, toComplete, func(ctx context.Context, c *completer, args []string) []string {
		target, number, _, err := parseRestore(args)
		if err != nil { // there is no number yet
			t, ok := c.only(args)
			var words []string
			if ok {
				words = c.versions(ctx, t)
			}
			if len(args) == 0 {
				words = append(words, c.names(nil)...)
			}
			return words
		}
		t, ok := c.only(target)
		if !ok {
			return nil
		}
		return c.filesOf(ctx, t, fmt.Sprint(number))
	})
}

// completeVersionFlag completes a flag that is the number of a version.
func (a *app) completeVersionFlag(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	out, _ := a.completeWith(args, toComplete, func(ctx context.Context, c *completer, args []string) []string {
		if t, ok := c.only(args); ok {
			return c.versions(ctx, t)
		}
		return nil
	})
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeEnv completes --env.
func (a *app) completeEnv(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	out, _ := a.completeWith(nil, toComplete, func(_ context.Context, c *completer, _ []string) []string {
		return c.config.EnvironmentNames()
	})
	return out, cobra.ShellCompDirectiveNoFileComp
}

// names are those of targets that were not named yet.
func (c *completer) names(args []string) []string {
	return slices.DeleteFunc(targetNames(c.targets), func(name string) bool { return slices.Contains(args, name) })
}

// only is the one target that args choose.
func (c *completer) only(args []string) (Target, bool) {
	chosen, err := Select(c.targets, args, c.cwd)
	if err != nil || len(chosen) != 1 {
		return Target{}, false
	}
	return chosen[0], true
}

// inHistory looks into the history, where there is one.
func (c *completer) inHistory(look func(*gitrepo.History) error) {
	dir := filepath.Join(c.stateHome(c.config), "history.git")
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); err != nil {
		return // opening it would make it
	}
	history, err := gitrepo.OpenHistory(dir)
	if err != nil {
		return
	}
	if err := look(history); err != nil {
		c.log.Debug("complete: " + err.Error())
	}
	if err := history.Close(); err != nil {
		c.log.Debug("complete: " + err.Error())
	}
}

// versions are the numbers of the versions in history, the newest first.
func (c *completer) versions(ctx context.Context, t Target) (numbers []string) {
	c.inHistory(func(h *gitrepo.History) error {
		records, err := h.Versions(ctx, assetsync.HistoryKey(c.env.Name, t.Name))
		slices.SortStableFunc(records, func(a, b gitrepo.Record) int { return b.Number - a.Number })
		for _, r := range records {
			numbers = append(numbers, fmt.Sprint(r.Number))
		}
		return err
	})
	return slices.Compact(numbers)
}

// filesOf are the paths of a version in history, of its newest arrival.
func (c *completer) filesOf(ctx context.Context, t Target, number string) (paths []string) {
	rev, ok, err := assetsync.ParseRevision(number)
	if !ok || err != nil {
		return nil
	}
	c.inHistory(func(h *gitrepo.History) error {
		key := assetsync.HistoryKey(c.env.Name, t.Name)
		records, err := h.Versions(ctx, key)
		if err != nil {
			return err
		}
		for _, r := range slices.Backward(records) {
			if rev.Kind == assetsync.VersionRevision && r.Number != int(rev.Version) {
				continue
			}
			bundle, _, err := h.Get(ctx, key, r.Asset, r.Number)
			for e := range bundle.Tree().All() {
				paths = append(paths, string(e.Path))
			}
			return err
		}
		return nil
	})
	return paths
}
