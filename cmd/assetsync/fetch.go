package main

import (
	"context"
	"sync"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

// fetchTarget is a target of the envelope of fetch.
type fetchTarget struct {
	assetsync.Result
	Ref     string  `json:"ref"`
	Fetched []int32 `json:"fetched"` // versions
}

func (a *app) fetchCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "fetch [TARGET...]",
		Short: "Bring the versions of each asset into history",
		Long: `Read the versions of each asset that .assetsync/history.git lacks into it. That
is an ordinary git repository: git log, diff and blame work on the ref that is
printed, at which the newest version lies. Nothing else is changed, neither the
files nor the remote.`,
		Example: `  assetsync fetch
  assetsync fetch 'skills/eks-*'
  assetsync fetch skills/eks-triage -n 50`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("max-count") && limit < 1 {
				return usageError(nil, "for example -n 50", "-n %d is below 1", limit)
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: args, allowMissing: true})
			if err != nil {
				return err
			}
			var mu sync.Mutex
			fetched := map[string]assetsync.Fetched{}
			results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
				f, res := e.Fetch(ctx, limit)
				mu.Lock()
				defer mu.Unlock()
				fetched[e.Target.Name] = f
				return res
			})
			return s.finishFetch(results, fetched)
		},
	}
	cmd.Flags().IntVarP(&limit, "max-count", "n", 0, "of the newest `N` versions of each asset only (default: all)")
	a.registerMany(cmd)
	return cmd
}

func (s *session) finishFetch(results []assetsync.Result, fetched map[string]assetsync.Fetched) error {
	targets := make([]fetchTarget, len(results))
	for i, r := range results {
		targets[i] = fetchTarget{r, fetched[r.Target].Ref, fetched[r.Target].Versions}
	}
	s.setCode(results, false)
	if s.jsonOut {
		return s.abort(s.writeResults(s.env.Name, targets, results))
	}
	var rows [][]string
	for _, t := range targets {
		if t.AssetID != "" { // else explain says why
			rows = append(rows, []string{t.Target, count(len(t.Fetched), "version") + " fetched", t.Ref})
		}
	}
	err := s.table(rows)
	s.explain(results)
	s.summarize(results)
	return s.abort(err)
}
