package main

import (
	"slices"

	"github.com/spf13/cobra"

	"assetsync/manifest/gitrepo/githook"
)

// Hooks of git that can be installed; the first is by default.
const (
	postCommit   = "post-commit"
	postMerge    = "post-merge"
	postCheckout = "post-checkout"
	postRewrite  = "post-rewrite"
)

func hookNames() []string {
	return []string{postCommit, postMerge, postCheckout, postRewrite, githook.PrePush}
}

func (a *app) hookCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hook",
		Short: "Publish each commit, by a hook of git",
		Long: `Publish each commit by a hook of git, for targets with publish.when: commit.

The hook hands the commit to the daemon (assetsync watch), or to a push of its
own in the background, and returns at once. A push that fails never fails the
commit: assetsync status tells of it.`,
		Example: `  assetsync hook install
  assetsync hook status
  assetsync hook uninstall`,
	}
	helpOrUnknown(cmd)
	cmd.AddCommand(a.hookInstallCommand(), a.hookUninstallCommand(), a.hookStatusCommand(), a.hookRunCommand())
	return cmd
}

func (a *app) hookInstallCommand() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "install [HOOK...]",
		Short: "Put our lines into git's hooks",
		Long: `Put a block of lines into git's hooks, post-commit unless HOOKs are named:

  post-commit    publish each commit
  post-merge     publish what a merge or a pull brought
  post-checkout  publish what another branch holds, once it is checked out
  post-rewrite   publish what an amend or a rebase left
  pre-push       check what is pushed, and stop git push where it could not be
                 published: problems, guards, conflicts

Lines of others in the same file stay as they are; installed again, the block is
replaced. core.hooksPath counts, and linked worktrees share their hooks. --env,
--config, --state and --wait are remembered in the block, and so is where the
config is when it lies below the top of the worktree.`,
		Example: `  assetsync hook install
  assetsync hook install post-commit post-rewrite pre-push
  assetsync hook install --env staging --wait`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			hooks, err := knownHooks(args, []string{postCommit})
			if err != nil {
				return err
			}
			return a.installHooks(ctx, hooks, wait)
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "let git wait for the push, and print what came of it")
	return cmd
}

func (a *app) hookUninstallCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "uninstall [HOOK...]",
		Short: "Take our lines out of git's hooks",
		Long: `Take the block of lines out of git's hooks, of all unless HOOKs are named. A
file in which nothing else is left is removed.`,
		Example: `  assetsync hook uninstall
  assetsync hook uninstall pre-push`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			hooks, err := knownHooks(args, hookNames())
			if err != nil {
				return err
			}
			return a.uninstallHooks(ctx, hooks)
		},
	}
}

func (a *app) hookStatusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Show which hooks are installed, and what the last run came to",
		Long: `Show for each hook whether it is installed, in which file, what it runs, and
whether lines of others are beside it; then what the last run came to.`,
		Example: "  assetsync hook status",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			return a.hookStatus(ctx)
		},
	}
}

func (a *app) hookRunCommand() *cobra.Command {
	var o hookOptions
	gone := false
	cmd := &cobra.Command{
		Use:   "run HOOK [ARG...]",
		Short: "What a hook of git runs",
		Long: `Do what an installed hook does, with the arguments that git gives it. It exits
with 0 whatever comes of it, except for pre-push, which exits with another code
where the push to git is to be stopped.

Without a config, or without a target that publishes commits, it does nothing.`,
		Example: `  assetsync hook run post-commit
  assetsync hook run post-commit --wait`,
		Args: someArgs("a hook"),
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			// The directory of -C is one of the worktree; not every commit has it.
			if gone = a.dirIsGone(); gone {
				a.dir = ""
			}
			return a.prepare(cmd)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			hooks, err := knownHooks(args[:1], nil)
			if err != nil || gone {
				return err
			}
			err = a.runHook(cmd.Context(), hooks[0], args[1:], o)
			if err == nil && a.jsonOut && !a.printed {
				err = a.writeEnvelope(envelope{})
			}
			return err
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.wait, "wait", false, "push in the foreground, and print what came of it")
	f.StringVar(&o.commit, "commit", "", "the `ID` of the commit that was made: this is the push in the background")
	f.TimeVar(&o.asked, "asked", o.asked, []string{hookTime}, "`WHEN` git ran the hook")
	for _, name := range []string{"commit", "asked"} {
		f.Lookup(name).Hidden = true // between two of our own processes
	}
	return cmd
}

// knownHooks returns the hooks that are named, each once, or those by default.
func knownHooks(args, otherwise []string) ([]string, error) {
	if len(args) == 0 {
		return otherwise, nil
	}
	var hooks []string
	for _, arg := range args {
		if !slices.Contains(hookNames(), arg) {
			return nil, usageError(nil, "see assetsync hook install --help", "no hook %s%s", quoted(arg), didYouMean(arg, hookNames()))
		}
		if !slices.Contains(hooks, arg) {
			hooks = append(hooks, arg)
		}
	}
	return hooks, nil
}
