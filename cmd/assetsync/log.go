package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"assetsync/diff"
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
	var patches bool
	var view diffView
	cmd := &cobra.Command{
		Use:   "log [TARGET|PATH...]",
		Short: "Show the versions of each asset",
		Long: `Show the versions of each asset, the newest first: when, by whom, and what changed.
A PATH inside a target leaves the versions that changed it, or what lies below it.

With -p, each has its patch. The files come from .assetsync/history.git where
that has them; others are read, and kept there.

In a git repository it names the commits that publish what a version holds,
whoever published it: several where a revert made them so.`,
		Example: `  assetsync log skills/eks-triage -n 5
  assetsync log -p skills/eks-triage/SKILL.md
  assetsync log --name-only`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 {
				return usageError(nil, "for example -n 5", "-n %d is below 1", limit)
			}
			if err := view.check(); err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: args})
			if err != nil {
				return err
			}
			o := assetsync.LogOptions{Limit: limit, Contents: !a.jsonOut && (patches || view.stat || view.nameOnly)}
			var mu sync.Mutex
			logs := map[string][]assetsync.VersionReport{}
			results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
				o := o
				o.Paths = s.pathsIn(e.Target, args)
				log, res := e.Log(ctx, o)
				mu.Lock()
				defer mu.Unlock()
				logs[e.Target.Name] = log
				return res
			})
			return s.finishLog(results, logs, args, view, o.Contents)
		},
	}
	cmd.Flags().IntVarP(&limit, "max-count", "n", defaultLogLimit, "show at most `N` versions of each asset")
	cmd.Flags().BoolVarP(&patches, "patch", "p", false, "show what each version changed as a patch")
	view.register(cmd)
	a.registerMany(cmd)
	return cmd
}

func (s *session) finishLog(results []assetsync.Result, logs map[string][]assetsync.VersionReport, args []string, view diffView, contents bool) error {
	closed := s.close() // a pager may stay for long, and others need the state
	targets := make([]logTarget, len(results))
	for i, r := range results {
		// Never null, also of a target that failed.
		targets[i] = logTarget{r, append([]assetsync.VersionReport{}, logs[r.Target]...)}
	}
	s.setCode(results, false)
	if s.jsonOut {
		return errors.Join(s.writeResults(s.env.Name, targets, results), closed)
	}
	var b strings.Builder
	for i, t := range targets {
		if t.AssetID == "" {
			continue // explain says why
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s  %s\n", diff.Quoted(t.Target), t.AssetID)
		commits := commitColumn(t.Log)
		for j, v := range t.Log {
			fmt.Fprintf(&b, "  v%-4d %s  %-13s  %s%s\n", v.Version, localTime(&v.CreatedAt), v.By, commits[j], summary(v))
			if contents && v.Known {
				p := s.newPatch(s.targets[i], s.pathsIn(s.targets[i], args))
				p.old, p.new = v.Old, v.New
				p.compare(assetsync.Result{})
				p.writeWhole(&b, view)
			}
		}
	}
	err := s.showText(view.output, b.String())
	s.explain(results)
	return errors.Join(err, closed)
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
	case len(v.Changes) == 0 && len(v.MetadataChanges) > 0:
		keys := make([]string, len(v.MetadataChanges))
		for i, c := range v.MetadataChanges {
			keys[i] = shownText(c.Key)
		}
		return "M metadata " + wordList(keys, "and")
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
		parts[i] = letter(c.Action) + " " + shownText(string(c.Path))
	}
	return strings.Join(parts, ", ")
}
