package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

func (a *app) undoCommand() *cobra.Command {
	var b backFlags
	var local bool
	cmd := &cobra.Command{
		Use:   "undo [TARGET...]",
		Short: "Take back the last publish, or the last check out",
		Long: `Take back the last publish that this machine made and did not take back yet: each
path that it changed goes to what it was before, as a new version. Undo again goes
one publish further back; restore N brings back what an undo took. Without TARGET
it is the newest publish of all targets. The making of an asset is no publish.

A path that somebody changed since is a conflict, and nothing is done: --prefer
local takes it back all the same, --prefer remote leaves it. Other paths stay,
whoever changed them. What happens to the files here is as with restore.

With --local, the files that the last check out (of pull, restore or undo)
replaced or deleted here come back, and nothing is published. Those that were
changed here since stay, and are named. What came back counts as changed here: the
next push, or the daemon, publishes it. Files that the check out made stay.`,
		Example: `  assetsync undo --dry-run
  assetsync undo skills/eks-triage
  assetsync undo --local`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := b.options()
			if err != nil {
				return err
			}
			if local && o.Metadata {
				return usageError(nil, "leave out one of the two", "undo: --local and --metadata exclude each other: metadata has no place in a directory")
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: args, allowMissing: true, writes: !o.DryRun && !local})
			if err != nil {
				return err
			}
			if len(args) == 0 {
				if err := s.newestOnly(local); err != nil {
					return s.abort(err)
				}
			}
			return a.takeBack(ctx, s, o, func(ctx context.Context, e *assetsync.Engine) (assetsync.Preview, assetsync.Result) {
				if local {
					return e.UndoLocal(ctx, o)
				}
				return e.Undo(ctx, o)
			})
		},
	}
	b.register(cmd)
	cmd.Flags().BoolVar(&local, "local", false, "bring back what the last check out replaced here; publish nothing")
	a.registerMany(cmd)
	return cmd
}

// newestOnly leaves the target of which there is the newest to be undone; all
// of them where there is nothing.
func (s *session) newestOnly(local bool) error {
	newest, others := -1, 0
	var when time.Time
	for i, e := range s.engines {
		published, checkedOut, err := e.LastDone()
		if err != nil {
			return err
		}
		at := published
		if local {
			at = checkedOut
		}
		if at.IsZero() {
			continue
		}
		others++
		if at.After(when) {
			newest, when = i, at
		}
	}
	if newest < 0 {
		return nil
	}
	if others > 1 {
		what := "publish"
		if local {
			what = "check out"
		}
		s.say("note: the newest %s is that of %s; %s, too: name it, or undo again", what, s.targets[newest].Name, haveOne(others-1))
	}
	s.engines, s.targets, s.whole = s.engines[newest:newest+1], s.targets[newest:newest+1], false
	return nil
}

func haveOne(n int) string {
	if n == 1 {
		return "another target has one"
	}
	return fmt.Sprintf("%d other targets have one", n)
}
