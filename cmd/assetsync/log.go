package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

const defaultLogLimit = 20

// logTarget is a target of the envelope of log.
type logTarget struct {
	assetsync.Result
	Log []assetsync.VersionReport `json:"log"`
}

func (a *app) logCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "log [TARGET...]",
		Short: "Show the versions of each asset",
		Long: `Show the versions of each asset, the newest first: when, by whom, and what changed.

In a git repository it names the commits that publish what a version holds,
whoever published it: several where a revert made them so.`,
		Example: "  assetsync log skills/eks-triage -n 5",
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usageError(nil, "for example -n 5", "-n %d is below 1", limit)
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: args})
			if err != nil {
				return err
			}
			var mu sync.Mutex
			logs := map[string][]assetsync.VersionReport{}
			results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
				log, res := e.Log(ctx, limit)
				mu.Lock()
				defer mu.Unlock()
				logs[e.Target.Name] = log
				return res
			})
			return s.finishLog(results, logs)
		},
	}
	cmd.Flags().IntVarP(&limit, "max-count", "n", defaultLogLimit, "show at most `N` versions of each asset")
	return cmd
}

func (s *session) finishLog(results []assetsync.Result, logs map[string][]assetsync.VersionReport) error {
	targets := make([]logTarget, len(results))
	for i, r := range results {
		// Never null, also of a target that failed.
		targets[i] = logTarget{r, append([]assetsync.VersionReport{}, logs[r.Target]...)}
	}
	s.setCode(results, false)
	if s.jsonOut {
		return s.abort(s.writeResults(s.env.Name, targets, results))
	}
	var b strings.Builder
	for _, t := range targets {
		if t.AssetID == "" {
			continue // explain says why
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s  %s\n", t.Target, t.AssetID)
		commits := commitColumn(t.Log)
		for i, v := range t.Log {
			fmt.Fprintf(&b, "  v%-4d %s  %-13s  %s%s\n", v.Version, v.CreatedAt.Local().Format("2006-01-02 15:04:05"), v.By, commits[i], summary(v))
		}
	}
	_, err := fmt.Fprint(s.stdout, b.String())
	s.explain(results)
	return s.abort(err)
}

// commitColumn says for each version which commits it comes from, padded to
// one width; nothing where none comes from any.
func commitColumn(log []assetsync.VersionReport) []string {
	column := make([]string, len(log))
	width := 0
	for i, v := range log {
		var ids []string
		for _, c := range v.Commits {
			ids = append(ids, fmt.Sprintf("%.7s", c.Commit))
		}
		column[i] = strings.Join(ids, ", ")
		if v.MoreCommits > 0 {
			column[i] += fmt.Sprintf(" and %d more", v.MoreCommits)
		}
		width = max(width, len(column[i]))
	}
	for i, text := range column {
		if width > 0 {
			column[i] = fmt.Sprintf("%-*s  ", width, cmp.Or(text, "-"))
		}
	}
	return column
}

// summary says what a version changed, files by name while they are few.
func summary(v assetsync.VersionReport) string {
	const most = 3
	switch {
	case !v.Known:
		return "the version before it cannot be read"
	case len(v.Changes) == 0:
		return "no file changed"
	case len(v.Changes) > most:
		counts := map[string]int{}
		for _, c := range v.Changes {
			counts[letter(c.Action)]++
		}
		var parts []string
		for _, l := range []string{"A", "M", "D"} {
			if counts[l] > 0 {
				parts = append(parts, fmt.Sprintf("%d %s", counts[l], l))
			}
		}
		return strings.Join(parts, ", ")
	}
	parts := make([]string, len(v.Changes))
	for i, c := range v.Changes {
		parts[i] = letter(c.Action) + " " + string(c.Path)
	}
	return strings.Join(parts, ", ")
}
