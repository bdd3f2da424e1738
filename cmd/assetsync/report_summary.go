package main

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	assetsync "assetsync/sync"
)

// outcomesInOrder is the order in which a summary counts outcomes: what was
// done, what was not, what there was nothing to do for.
var outcomesInOrder = []assetsync.Outcome{
	assetsync.Created, assetsync.Published, assetsync.CheckedOut, assetsync.Deleted, assetsync.Planned,
	assetsync.Conflict, assetsync.Blocked, assetsync.Failed, assetsync.Skipped, assetsync.Unchanged,
}

// summarize ends a run over several targets on a terminal with a table of what
// became of them.
func (a *app) summarize(results []assetsync.Result) {
	if len(results) > 1 && !a.jsonOut && !a.quiet && isTerminal(a.stderr) {
		fmt.Fprint(a.stderr, summaryTable(results))
	}
}

// summaryTable has a row for each outcome.
func summaryTable(results []assetsync.Result) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, of []assetsync.Result) {
		files, versions, calls := 0, 0, 0
		for _, r := range of {
			if r.Outcome != assetsync.Failed || r.Published != assetsync.ByNothing {
				files += max(len(r.Changes), len(r.CheckedOut))
			}
			versions += len(r.Versions)
			for _, n := range r.Calls {
				calls += n
			}
		}
		// A builder takes everything.
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t\n", name, len(of), files, versions, calls)
	}
	_, _ = fmt.Fprintln(w, "\ttargets\tfiles\tversions\tcalls\t")
	for _, outcome := range outcomesInOrder {
		of := slices.DeleteFunc(slices.Clone(results), func(r assetsync.Result) bool { return r.Outcome != outcome })
		if len(of) > 0 {
			row(strings.ReplaceAll(string(outcome), "_", " "), of)
		}
	}
	row("in all", results)
	_ = w.Flush()
	return b.String()
}

// foldUnchanged takes the targets out of a report to people for which there was
// nothing to do, and says how many there are: a push of many that changes one
// shows that one. Programs, and who asks with -v, get all of them.
func (a *app) foldUnchanged(results []assetsync.Result) (shown []assetsync.Result, folded string) {
	if len(results) < 2 || a.verbose || !isTerminal(a.stdout) || a.command != "push" && a.command != "pull" {
		return results, ""
	}
	return foldUnchanged(results)
}

func foldUnchanged(results []assetsync.Result) (shown []assetsync.Result, folded string) {
	for _, r := range results {
		if r.Outcome != assetsync.Unchanged || len(r.Pending)+len(r.Conflicts)+len(r.MetadataChanges)+len(r.Problems) > 0 {
			shown = append(shown, r)
		}
	}
	if n := len(results) - len(shown); n > 0 {
		folded = count(n, "target") + " unchanged\n"
	}
	return shown, folded
}
