package main

import (
	"encoding/json"
	"fmt"
	"strings"

	assetsync "assetsync/sync"
	"assetsync/sync/planfile"
)

// showPlan prints a plan in a format.
func (a *app) showPlan(planned []planTarget, d planfile.Document, format string) error {
	results, flags := planResults(planned), planFlagsOf(d)
	defer func() {
		a.explain(results)
		a.summarize(results)
	}()
	switch {
	case a.jsonOut:
		return a.writeEnvelope(envelope{Env: d.Env, Targets: planned, Flags: flags})
	case format == formatMarkdown:
		_, err := fmt.Fprint(a.stdout, a.planMarkdown(githubRun{Env: d.Env, Targets: results, Flags: flags, plans: planned}, maxCommentBytes))
		return err
	}
	return a.printPlan(planned, flags)
}

// printPlan writes one block for each target, and what flags the plan stands for.
func (a *app) printPlan(planned []planTarget, flags []string) error {
	width := 0
	for _, t := range planned {
		width = max(width, len(t.Target))
	}
	var b strings.Builder
	for _, t := range planned {
		fmt.Fprintf(&b, "%-*s  %s\n", width, t.Target, a.headline(t.Result))
		writePlan(&b, *t.Plan)
	}
	if len(flags) > 0 {
		fmt.Fprintf(&b, "with %s\n", shownText(strings.Join(flags, " ")))
	}
	_, err := fmt.Fprint(a.stdout, b.String())
	return err
}

// writePlan writes what is planned for a target, indented.
func writePlan(b *strings.Builder, p planfile.Target) {
	line := func(format string, args ...any) {
		b.WriteString("    " + shownText(fmt.Sprintf(format, args...)) + "\n")
	}
	if p.Writes() {
		line("tree %s, %s", between(p.Observed.Tree, p.After), byMeans(p))
	}
	for _, c := range p.Changes {
		line("%s %s  %s%s", letter(c.Action), c.Path, between(c.Old, c.New), mergeMark(assetsync.ChangeReport{Why: c.Why}))
	}
	for _, c := range p.Metadata {
		line("%s metadata %s: %s", keyLetter(c), c.Key, keyArrow(c))
	}
	for _, c := range p.Pending {
		line("%s %s stays as it changed on the remote", letter(c.Action), c.Path)
	}
	for _, c := range p.Conflicts {
		line("C %s: %s", c.Path, c.Why)
	}
	for _, g := range p.Guards {
		line("stopped (%s): %s; %s", g.Guard, g.Message, g.Hint)
	}
	for _, f := range p.Findings {
		line("warning: %s", findingText(f))
	}
}

// between names the ids of both sides.
func between(from, to string) string {
	switch {
	case from == "":
		return to[:min(len(to), 7)]
	case to == "":
		return from[:min(len(from), 7)]
	}
	return from[:min(len(from), 7)] + " -> " + to[:min(len(to), 7)]
}

// byMeans says how much is published, and how.
func byMeans(p planfile.Target) string {
	switch assetsync.Means(p.Published) {
	case assetsync.ByZip:
		return count(len(p.Changes), "file") + " in one zip"
	case assetsync.ByFiles:
		return count(len(p.Changes), "file") + ", a call for each"
	case assetsync.ByMetadata:
		return "metadata alone"
	}
	return "not published"
}

func keyLetter(c planfile.MetadataChange) string {
	if c.Action == "conflict" {
		return "C"
	}
	return "M"
}

// keyArrow is what becomes of a key.
func keyArrow(c planfile.MetadataChange) string {
	from, to := rawText(c.Old), rawText(c.New)
	switch c.Action {
	case "pending":
		return fmt.Sprintf("%s was changed on the remote and stays; here it is %s", from, to)
	case "conflict":
		return fmt.Sprintf("here %s, there %s", to, from)
	}
	if len(c.Old) == 0 {
		return to
	}
	return from + " -> " + to
}

func rawText(v json.RawMessage) string {
	if len(v) == 0 {
		return "nothing"
	}
	return jsonText(v)
}

// findingText is a finding of lint on one line.
func findingText(f planfile.Finding) string {
	where := string(f.Path)
	if f.Line > 0 {
		where += fmt.Sprintf(":%d", f.Line)
	}
	return strings.TrimPrefix(where+": "+f.Message, ": ")
}
