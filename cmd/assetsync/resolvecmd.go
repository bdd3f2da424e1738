package main

import (
	"context"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

func (a *app) resolveCommand() *cobra.Command {
	var ours, theirs, merged, all bool
	cmd := &cobra.Command{
		Use:   "resolve {--ours | --theirs | --merged} {PATH... | --all}",
		Short: "Settle files that changed on both sides",
		Long: `Say which content counts of files that changed on both sides and do not
merge. assetsync status lists them, and a push or pull puts the other side's
bytes under .assetsync/conflicts/.

With --ours, what is here counts: the next push publishes it over what you were
shown of theirs. When somebody has changed the file since, or nothing of it was
shown yet, that is shown now and not settled (exit code 3); after it was settled,
the push is in conflict again. With --merged, the same, after you have made one
of both in the file: it must hold no conflict markers. With --theirs, what is on
the remote is checked out; your bytes are kept in .assetsync/history.git. A file
that was settled with --ours or --merged, and is named, can be settled so until
it is pushed.

PATH is a file in conflict, or a directory or target that holds some. Nothing is
written to the remote.`,
		Example: `  assetsync resolve --theirs skills/eks-triage/SKILL.md
  assetsync resolve --merged skills/eks-triage/SKILL.md
  assetsync resolve --ours --all`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usageError(nil, "assetsync status lists the files in conflict", "name the files, or give --all for all that are in conflict")
			}
			take := assetsync.Ours
			switch {
			case theirs:
				take = assetsync.Theirs
			case merged:
				take = assetsync.Merged
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: args})
			if err != nil {
				return err
			}
			return s.finish(s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
				return e.Resolve(ctx, assetsync.ResolveOptions{Take: take, Paths: a.pathsIn(e.Target, args)})
			}), false)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&ours, "ours", false, "the content here counts")
	f.BoolVar(&theirs, "theirs", false, "the content of the remote counts")
	f.BoolVar(&merged, "merged", false, "the content here counts, which was made of both")
	f.BoolVar(&all, "all", false, "all files in conflict")
	cmd.MarkFlagsMutuallyExclusive("ours", "theirs", "merged")
	cmd.MarkFlagsOneRequired("ours", "theirs", "merged")
	a.registerMany(cmd)
	return cmd
}
