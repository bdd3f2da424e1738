package main

import (
	"fmt"
	"strings"

	assetsync "assetsync/sync"
	"assetsync/sync/planfile"
)

// maxCommentBytes is what GitHub takes of a comment: 65,536 characters, of which
// none is less than a byte. Beyond it the comment is refused.
const maxCommentBytes = 65_536

// planMarkdown is what a run has planned as a comment, of at most so many bytes.
// What is graver comes first, so that the end is what a cut takes.
func (a *app) planMarkdown(run githubRun, most int) string {
	s := &summaryText{most: most, rest: "The rest is too long to be shown here: see the plan itself."}
	planned := run.plans
	s.line("### %s", md(planTitle(run.Env)))
	s.line("")
	if run.Error == nil {
		a.planTable(s, planned)
	}
	if len(run.Flags) > 0 {
		s.line("Who approves it approves these flags: %s", md(strings.Join(run.Flags, " ")))
		s.line("")
	}
	s.list("A guard would stop the push", planPoints(planned, func(t planTarget, add func(string, ...string)) {
		for _, g := range t.Plan.Guards {
			add(t.Target, g.Guard+": "+g.Message, g.Hint)
		}
	}))
	s.list("Conflicts", planPoints(planned, func(t planTarget, add func(string, ...string)) {
		for _, c := range t.Plan.Conflicts {
			add(t.Target+"/"+string(c.Path), c.Why)
		}
		for _, c := range t.Plan.Metadata {
			if c.Action == "conflict" {
				add(t.Target, "metadata "+c.Key+": "+keyArrow(c))
			}
		}
	}))
	s.list("Problems", planPoints(planned, func(t planTarget, add func(string, ...string)) {
		for _, p := range t.Problems {
			add(strings.TrimSuffix(t.Target+"/"+string(p.Path), "/"), p.Detail, p.Hint)
		}
	}))
	s.list("Errors", run.errors())
	for _, t := range planned {
		s.list("Changes of "+md(t.Target), changePoints(*t.Plan))
	}
	s.list("Lint", planPoints(planned, func(t planTarget, add func(string, ...string)) {
		for _, f := range t.Plan.Findings {
			add(t.Target, findingText(f))
		}
	}))
	s.list("Notes", planPoints(planned, func(t planTarget, add func(string, ...string)) {
		for _, n := range t.Notes {
			add(t.Target, n)
		}
	}))
	return s.String()
}

func planTitle(env string) string {
	if env == "" {
		return "assetsync plan"
	}
	return "assetsync plan for " + env
}

// planTable is a row for each target of which something is to be said.
func (a *app) planTable(s *summaryText, planned []planTarget) {
	var still int
	var rows []planTarget
	for _, t := range planned {
		if t.Outcome == assetsync.Unchanged {
			still++
			continue
		}
		rows = append(rows, t)
	}
	if len(rows) > 0 {
		s.line("| target | outcome | version | tree | by |")
		s.line("|---|---|---|---|---|")
		for _, t := range rows {
			s.line("| %s | %s | %s | %s | %s |", md(t.Target), md(a.outcomeOf(t.Result)), versionOf(t.Result), planTree(*t.Plan), md(byMeans(*t.Plan)))
		}
		s.line("")
	}
	switch {
	case len(planned) == 0:
		s.line("There is no target.")
	case still == len(planned):
		s.line("Nothing is to be published: %s as on the remote.", isOrAre(still))
	case still > 0:
		s.line("%s more as on the remote.", isOrAre(still))
	}
	s.line("")
}

func isOrAre(n int) string {
	if n == 1 {
		return "1 target is"
	}
	return fmt.Sprintf("%d targets are", n)
}

func planTree(p planfile.Target) string {
	if !p.Writes() {
		return ""
	}
	return "`" + strings.ReplaceAll(between(p.Observed.Tree, p.After), " -> ", "` → `") + "`"
}

// planPoints collects points about planned targets.
func planPoints(planned []planTarget, what func(t planTarget, add func(about string, texts ...string))) (points []string) {
	for _, t := range planned {
		what(t, func(about string, texts ...string) { points = append(points, point(about, texts...)) })
	}
	return points
}

// changePoints are the changes of a target: what goes comes first.
func changePoints(p planfile.Target) (points []string) {
	for _, deletes := range []bool{true, false} {
		for _, c := range p.Changes {
			if deletes == (c.Action == "delete") {
				points = append(points, fmt.Sprintf("%s %s (%s)", letter(c.Action), md(string(c.Path)), between(c.Old, c.New)))
			}
		}
	}
	for _, c := range p.Metadata {
		if c.Action == "publish" {
			points = append(points, "M metadata "+md(c.Key+": "+keyArrow(c)))
		}
	}
	for _, c := range p.Pending {
		points = append(points, fmt.Sprintf("%s %s stays as it changed on the remote", letter(c.Action), md(string(c.Path))))
	}
	return points
}
