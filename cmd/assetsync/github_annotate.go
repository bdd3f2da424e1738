package main

import (
	"fmt"
	"strings"

	"assetsync/internal/lazyregexp"
	assetsync "assetsync/sync"
)

// Values in a line that is a command to GitHub's runner are escaped as its
// toolkit does: https://docs.github.com/actions/reference/workflow-commands.
var (
	commandText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// annotation is a message at a place in the sources.
type annotation struct {
	level  string // "error", "warning" or "notice"
	file   string // "" is nowhere, as with line and column
	line   string
	column string
	title  string
	text   string
}

// String is the command that makes it.
func (n annotation) String() string {
	var properties []string
	for _, p := range [][2]string{{"file", n.file}, {"line", n.line}, {"col", n.column}, {"title", n.title}} {
		if p[1] != "" {
			properties = append(properties, p[0]+"="+commandProperty.Replace(p[1]))
		}
	}
	return fmt.Sprintf("::%s %s::%s\n", n.level, strings.Join(properties, ","), commandText.Replace(n.text))
}

// annotations are the commands for all that went wrong, and for what was done.
func (a *app) annotations(run githubRun) string {
	var b strings.Builder
	failed := sameFailures(run.Targets)
	for _, r := range run.Targets {
		for _, p := range r.Problems {
			b.WriteString(a.atPath(run, r, string(p.Path), withHint(p.Detail, p.Hint)).String())
		}
		for _, c := range r.Conflicts {
			b.WriteString(a.atPath(run, r, string(c.Path), "conflict: "+c.Why).String())
		}
		if r.Error != nil && failed[failure(r)][0] == r.Target { // one cause, one annotation
			n := a.atPath(run, r, "", withHint(r.Error.Message, r.Error.Hint))
			n.title = "assetsync: " + someOf(failed[failure(r)])
			b.WriteString(n.String())
		}
		if hasChanged(r) {
			n := annotation{level: "notice", title: "assetsync: " + r.Target, text: a.as(run).headline(r)}
			b.WriteString(n.String())
		}
	}
	for _, n := range a.ofRun(run.Error) {
		b.WriteString(n.String())
	}
	return b.String()
}

// atPath is an error at a path of a target, or at none.
func (a *app) atPath(run githubRun, r assetsync.Result, path, text string) annotation {
	title := "assetsync: " + r.Target
	if path != "" {
		title += "/" + path
	}
	return annotation{level: "error", file: a.place(run.fileOf(r.Target, path)), title: title, text: text}
}

func withHint(text, hint string) string {
	if hint == "" {
		return text
	}
	return text + "\nhint: " + hint
}

// inConfig is a line of what is wrong with a config: FILE:LINE:COLUMN: WHAT.
var inConfig = lazyregexp.New(`^(.+?):([0-9]+):[0-9]+: (.*)$`)

// ofRun are the annotations of why there is no result: one for each place in
// the config, when they are what is wrong.
func (a *app) ofRun(e *assetsync.Error) (list []annotation) {
	if e == nil {
		return nil
	}
	const title = "assetsync"
	for line := range strings.SplitSeq(e.Message, "\n") {
		m := inConfig().FindStringSubmatch(line)
		if m == nil || a.place(a.abs(m[1])) == "" {
			return []annotation{{level: "error", title: title, text: withHint(e.Message, e.Hint)}}
		}
		list = append(list, annotation{level: "error", file: a.place(a.abs(m[1])), line: m[2], title: title, text: m[3]})
	}
	return list
}
