package main

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

func (a *app) pullCommand() *cobra.Command {
	var (
		o      assetsync.PullOptions
		to     string
		prefer string
		allow  consentFlags
	)
	cmd := &cobra.Command{
		Use:   "pull [TARGET...]",
		Short: "Take what changed on the remote",
		Long: `Check out what changed on the remote and was not changed here.

Local changes stay. A path that changed on both sides is a conflict: your
bytes stay, theirs are put under .assetsync/conflicts/. What is replaced is
kept in .assetsync/history.git.

A file takes the place of a symbolic link, and what the link names stays. What
cannot be taken, because something that is not published stands in its place, is
listed, and the exit code is 4.

A file or directory inside of a target names all of the target.

With --version, an older version is checked out as a local change, which the
next push publishes; --version with another one, or the newest, goes on from
there, and leaves what you have edited since. With --to, a version is written
into another directory, and nothing else is touched.`,
		Example: `  assetsync pull
  assetsync pull skills/eks-triage --version 3
  assetsync pull skills/eks-triage --version 3 --to /tmp/v3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Prefer, err = parsePrefer(prefer); err != nil {
				return err
			}
			if o.Consent, err = allow.consent(); err != nil {
				return err
			}
			if cmd.Flags().Changed("version") && o.Version < 1 {
				return usageError(nil, "assetsync log shows the versions", "--version %d: versions begin at 1", o.Version)
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: args, allowMissing: true})
			if err != nil {
				return err
			}
			if o.Version != 0 && len(s.targets) != 1 {
				return s.abort(usageError(nil, "name one target", "--version is of one target, and there are %d", len(s.targets)))
			}
			pull := func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Pull(ctx, o) }
			if to != "" {
				pull = func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
					dir := a.abs(to)
					if len(s.targets) > 1 {
						dir = filepath.Join(dir, filepath.FromSlash(e.Target.Name))
					}
					return e.Export(ctx, o.Version, dir)
				}
			}
			results := s.each(ctx, pull)
			err = s.finish(results, false)
			a.sayWhole(args, results, "pulled")
			return err
		},
	}
	f := cmd.Flags()
	f.Int32Var(&o.Version, "version", 0, "the version `N` (default: the newest)")
	f.StringVar(&to, "to", "", "write into `DIR`, which must be empty or not exist, instead of the target's directory")
	f.BoolVar(&o.DryRun, "dry-run", false, "show what would be done; change nothing")
	f.StringVar(&prefer, "prefer", "abort", "who wins where both sides changed a path: `SIDE` is local, remote or abort")
	allow.register(f, false)
	cmd.MarkFlagsMutuallyExclusive("to", "dry-run")
	a.registerMany(cmd)
	return cmd
}
