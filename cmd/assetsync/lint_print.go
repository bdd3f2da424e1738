package main

import (
	"fmt"
	"path/filepath"
	"strings"

	assetsync "assetsync/sync"
)

// printLint prints for people: a line for each finding and what to do, then one
// for each target.
func (a *app) printLint(results []lintTarget, l lintFlags) error {
	var b strings.Builder
	fixable := 0
	for _, f := range distinct(results) {
		fmt.Fprintf(&b, "%s: %s: %s (%s)\n", a.lintPlace(f), f.Severity, shownText(f.Message), f.Rule)
		fmt.Fprintf(&b, "    fix: %s\n", shownText(f.Fix))
		if f.Fixable {
			fixable++
		}
	}
	for _, r := range results {
		for _, f := range r.Fixed {
			fmt.Fprintf(&b, "%s: fixed %s\n", shownText(shortPath(fileIn(r.at, f.Path), a.cwd)), count(f.Fixes, "place"))
		}
		switch {
		case r.Outcome == assetsync.Skipped:
			fmt.Fprintf(&b, "%s: skipped\n", r.Target)
		case r.Error == nil:
			fmt.Fprintf(&b, "%s: %s\n", r.Target, r.summary())
		}
	}
	_, err := fmt.Fprint(a.stdout, b.String())
	a.explainLint(results)
	if fixable > 0 && !l.fix && l.rev == "" {
		a.say("hint: --fix corrects %d of them", fixable)
	}
	return err
}

// lintPlace is the place of a finding as an editor takes it.
func (a *app) lintPlace(f lintFinding) string {
	place := shownText(shortPath(f.File, a.cwd))
	if f.Line > 0 {
		place += fmt.Sprintf(":%d:%d", f.Line, f.Column)
	}
	return place
}

// summary is what a target is like, in one line.
func (r lintTarget) summary() string {
	s := "nothing found"
	if r.Errors+r.Warnings > 0 {
		s = count(r.Errors, "error") + ", " + count(r.Warnings, "warning")
	}
	s += fmt.Sprintf("; %s, %s", count(r.Files, "file"), count(int(r.Bytes), "byte"))
	if r.ZipBytes > 0 {
		s += fmt.Sprintf(", %d as a zip", r.ZipBytes)
	}
	return s
}

// explainLint says which targets could not be looked at, or were not.
func (a *app) explainLint(results []lintTarget) {
	plain := make([]assetsync.Result, len(results))
	for i, r := range results {
		plain[i] = r.asResult()
	}
	a.explain(plain)
}

// distinct are the findings of all targets, each once: several targets may be
// of one file.
func distinct(results []lintTarget) (list []lintFinding) {
	type place struct {
		file, rule, message string
		line, column        int
	}
	seen := map[place]bool{}
	for _, r := range results {
		for _, f := range r.Findings {
			at := place{f.File, f.Rule, f.Message, f.Line, f.Column}
			if !seen[at] {
				list = append(list, f)
			}
			seen[at] = true
		}
	}
	return list
}

// writeLintGithub writes commands for the runner of a workflow.
func (a *app) writeLintGithub(results []lintTarget) error {
	var b strings.Builder
	for _, f := range distinct(results) {
		n := annotation{level: string(f.Severity), file: a.inRepository(f.File), title: "assetsync: " + f.Rule, text: f.Message + "\nfix: " + f.Fix}
		if f.Line > 0 {
			n.line, n.column = fmt.Sprint(f.Line), fmt.Sprint(f.Column)
		}
		b.WriteString(n.String())
	}
	for _, r := range results {
		if r.Error != nil {
			b.WriteString(annotation{level: "error", title: "assetsync: " + r.Target, text: withHint(r.Error.Message, r.Error.Hint)}.String())
		}
	}
	_, err := fmt.Fprint(a.stdout, b.String())
	a.explainLint(results)
	return err
}

// inRepository is a file relative to the top of its repository, which is where
// a workflow's workspace is; outside of one relative to the config.
func (a *app) inRepository(file string) string {
	if rel := a.place(file); rel != "" {
		return rel
	}
	if found, err := a.worktrees.find(filepath.Dir(file)); err == nil && found != nil {
		if rel, err := found.Inside(file); err == nil {
			return rel
		}
	}
	if rel, err := filepath.Rel(a.base, file); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(file)
}
