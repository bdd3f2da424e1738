package main

import (
	"fmt"
	"strings"

	"assetsync/internal/lazyregexp"
	assetsync "assetsync/sync"
)

const (
	// maxSummaryBytes is below the 1 MiB that GitHub takes from a step; more
	// of it, and all would be refused.
	maxSummaryBytes = 900 << 10

	// maxSummaryChanges is how many changes of a target are named.
	maxSummaryChanges = 15
)

// summaryOf is the summary of a run, in Markdown.
func (a *app) summaryOf(run githubRun) string {
	if run.Command == planVerb {
		return a.as(run).planMarkdown(run, maxSummaryBytes)
	}
	s := &summaryText{most: maxSummaryBytes, rest: "The rest is too long for a summary: see the output json of the step."}
	title := "assetsync " + run.Command
	if run.Env != "" {
		title += " to " + run.Env
	}
	s.line("### %s", md(title))
	s.line("")
	if run.planned() {
		s.line("A dry run: nothing was written. This is what would be published.")
		s.line("")
	}
	if len(run.Targets) > 0 {
		s.line("| target | outcome | version | changes |")
		s.line("|---|---|---|---|")
		for _, r := range run.Targets {
			s.line("| %s | %s | %s | %s |", md(r.Target), md(a.as(run).outcomeOf(r)), versionOf(r), changesOf(r))
		}
		s.line("")
	}
	s.list("Conflicts", run.each(func(r assetsync.Result, add func(string, ...string)) {
		for _, c := range r.Conflicts {
			add(r.Target+"/"+string(c.Path), c.Why)
		}
	}))
	s.list("Problems", run.each(func(r assetsync.Result, add func(string, ...string)) {
		for _, p := range r.Problems {
			add(strings.TrimSuffix(r.Target+"/"+string(p.Path), "/"), p.Detail, p.Hint)
		}
	}))
	s.list("Errors", run.errors())
	s.list("Notes", run.each(func(r assetsync.Result, add func(string, ...string)) {
		for _, n := range r.Notes {
			add(r.Target, n)
		}
		if n := len(r.Pending); n > 0 {
			add(r.Target, count(n, "file")+" changed on the remote and left alone: assetsync pull takes what changed there")
		}
	}))
	return s.String()
}

// planned reports whether the run only showed what it would publish.
func (run githubRun) planned() bool {
	for _, r := range run.Targets {
		if r.Outcome == assetsync.Planned {
			return run.Command == "push"
		}
	}
	return false
}

func (a *app) outcomeOf(r assetsync.Result) string {
	if r.Outcome == assetsync.Planned {
		return a.planned(r)
	}
	return strings.ReplaceAll(string(r.Outcome), "_", " ")
}

func versionOf(r assetsync.Result) string {
	switch {
	case r.Version == 0:
		return ""
	case r.Outcome == assetsync.Planned:
		return fmt.Sprintf("over v%d", r.Version)
	}
	return fmt.Sprintf("v%d", r.Version)
}

// changesOf are the changes of a target as a cell of the table.
func changesOf(r assetsync.Result) string {
	var all []string
	for _, c := range r.Changes {
		all = append(all, letter(c.Action)+" "+md(string(c.Path)))
	}
	for _, c := range r.MetadataChanges {
		if isPublished(c) {
			all = append(all, "M metadata "+md(c.Key+": "+arrow(c)))
		}
	}
	if n := len(all); n > maxSummaryChanges {
		all = append(all[:maxSummaryChanges], fmt.Sprintf("and %d more", n-maxSummaryChanges))
	}
	return strings.Join(all, "<br>")
}

// each collects points about the targets, which what adds: about what, and
// sentences on it.
func (run githubRun) each(what func(r assetsync.Result, add func(about string, texts ...string))) (points []string) {
	for _, r := range run.Targets {
		what(r, func(about string, texts ...string) { points = append(points, point(about, texts...)) })
	}
	return points
}

// errors are the points on what failed, one for each cause.
func (run githubRun) errors() (points []string) {
	failed := sameFailures(run.Targets)
	for _, r := range run.Targets {
		if r.Error != nil && failed[failure(r)][0] == r.Target {
			points = append(points, point(someOf(failed[failure(r)]), r.Error.Message, r.Error.Hint))
		}
	}
	if run.Error != nil {
		points = append(points, point("assetsync", run.Error.Message, run.Error.Hint))
	}
	return points
}

// point is an item of a list; the second text is a hint.
func point(about string, texts ...string) string {
	out := "**" + md(about) + "**"
	for i, text := range texts {
		switch {
		case text == "":
		case i == 0:
			out += ": " + md(text)
		default:
			out += "<br>hint: " + md(text)
		}
	}
	return out
}

// summaryText is Markdown of a bounded size.
type summaryText struct {
	most int    // bytes
	rest string // what is said where something is missing
	b    strings.Builder
	cut  bool
}

func (s *summaryText) line(format string, args ...any) {
	text := fmt.Sprintf(format, args...) + "\n"
	if s.cut = s.cut || s.b.Len()+len(text)+len(s.rest)+len("\n\n\n") > s.most; !s.cut {
		s.b.WriteString(text)
	}
}

func (s *summaryText) list(title string, points []string) {
	if len(points) == 0 {
		return
	}
	s.line("#### %s", title)
	s.line("")
	for _, p := range points {
		s.line("- %s", p)
	}
	s.line("")
}

// String returns it, and says so when something is missing.
func (s *summaryText) String() string {
	if s.cut {
		return s.b.String() + "\n\n" + s.rest + "\n"
	}
	return s.b.String()
}

var (
	// mdSigns have a meaning in Markdown, in HTML or to GitHub, or may have.
	mdSigns = lazyregexp.New("[!-+:-@[-`{-~]")

	// mdLink would become a link by itself, without any such sign.
	mdLink = lazyregexp.New(`(?i)\bwww\.`)

	// mdReference is what GitHub looks for in the page that became of the text, where
	// signs by their numbers are signs again: somebody to notify, or an issue.
	mdReference = lazyregexp.New(`&#64;|&#35;[0-9]|(?i:\bgh-)`)

	// mdControl may not be in a text: it is shown as what it is not, or not at all.
	mdControl = lazyregexp.New(`[\pC\p{Zl}\p{Zp}\x{e0100}-\x{e01ef}]+`)
)

// md is a text that means nothing but itself in Markdown: on one line, every sign as
// the number of its character, and nobody notified.
func md(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\t", " ")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		line = mdControl().ReplaceAllString(line, "\uFFFD")
		line = mdSigns().ReplaceAllStringFunc(line, func(sign string) string { return fmt.Sprintf("&#%d;", sign[0]) })
		line = mdReference().ReplaceAllStringFunc(line, apart)
		lines[i] = mdLink().ReplaceAllStringFunc(line, func(www string) string { return www[:3] + "&#46;" })
	}
	return strings.Join(lines, "<br>")
}

// apart puts a space without width behind the sign of a reference.
func apart(ref string) string {
	const space = "&#8203;"
	if sign, digit := ref[:len(ref)-1], ref[len(ref)-1:]; strings.HasSuffix(sign, ";") {
		return sign + space + digit
	}
	return ref + space
}
