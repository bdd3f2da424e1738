package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"

	"assetsync/diff"
	assetsync "assetsync/sync"
)

// envelope is what --json prints: one object, also on failure.
type envelope struct {
	Schema       int              `json:"schema"`
	Command      string           `json:"command"`
	Env          string           `json:"env"`
	ExitCode     int              `json:"exit_code"`
	Dir          string           `json:"dir,omitempty"` // absolute; the names of targets are relative to it
	Targets      any              `json:"targets"`
	Assets       any              `json:"assets,omitempty"`        // of asset list and asset get
	Skipped      any              `json:"skipped,omitempty"`       // of init --scan
	Checks       []checkReport    `json:"checks,omitempty"`        // of doctor
	Rebuild      *rebuildReport   `json:"rebuild,omitempty"`       // of doctor --rebuild
	AssetTypes   any              `json:"asset_types,omitempty"`   // of asset types
	Version      string           `json:"version,omitempty"`       // of version
	Build        *build           `json:"build,omitempty"`         // of version
	Policy       *policy          `json:"policy,omitempty"`        // of asset policy
	URL          string           `json:"url,omitempty"`           // of emulator
	ConfigSchema json.RawMessage  `json:"config_schema,omitempty"` // of config schema
	Probe        *probeReport     `json:"probe,omitempty"`         // of probe
	Flags        []string         `json:"flags,omitempty"`         // of plan: what it was given, which the push has by it
	Daemon       any              `json:"daemon,omitempty"`        // of watch with a flag
	Hooks        any              `json:"hooks,omitempty"`         // of hook install, uninstall and status
	LastRun      *hookRecord      `json:"last_run,omitempty"`      // of hook status
	Error        *assetsync.Error `json:"error,omitempty"`         // why there are no targets
}

const envelopeSchema = 1

func (a *app) writeEnvelope(e envelope) error {
	e.Schema, e.Command, e.ExitCode = envelopeSchema, a.command, a.code
	if e.Env == "" {
		e.Env = a.envName
	}
	e.Dir = a.base
	if e.Targets == nil {
		e.Targets = []assetsync.Result{}
	}
	a.printed = true
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(e)
}

// writeResults writes the envelope of targets; people are told as well.
func (a *app) writeResults(env string, targets any, results []assetsync.Result) error {
	a.explain(results)
	return a.writeEnvelope(envelope{Env: env, Targets: targets})
}

// setCode sets the exit code; with exitCode, anything that differs has a code
// of its own.
func (a *app) setCode(results []assetsync.Result, exitCode bool) {
	codes := make([]int, len(results))
	for i, r := range results {
		codes[i] = resultCode(r)
		if exitCode && codes[i] == 0 && r.Outcome == assetsync.Planned {
			codes[i] = differsCode
		}
	}
	a.setExit(worstCode(codes))
}

// codeOf is the exit code of results.
func codeOf(results []assetsync.Result) int {
	codes := make([]int, len(results))
	for i, r := range results {
		codes[i] = resultCode(r)
	}
	return worstCode(codes)
}

// printResults writes one block for each target; more are lines of a target
// below its headline.
func (a *app) printResults(results []assetsync.Result, more map[string]string) error {
	results, folded := a.foldUnchanged(results)
	width := 0
	for _, r := range results {
		width = max(width, len(r.Target))
	}
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%-*s  %s\n", width, r.Target, a.headline(r))
		b.WriteString(more[r.Target])
		if r.Outcome == assetsync.Failed && r.Published == assetsync.ByNothing {
			continue // what was planned is not what was done
		}
		for _, c := range r.Changes {
			fmt.Fprintf(&b, "    %s %s%s\n", letter(c.Action), c.Path, mergeMark(c))
		}
		for _, c := range r.MetadataChanges {
			if isPublished(c) {
				fmt.Fprintf(&b, "    M metadata %s: %s\n", c.Key, arrow(c))
			}
		}
		printPending(&b, r)
		for _, c := range r.Conflicts {
			fmt.Fprintf(&b, "    C %s: %s%s\n", c.Path, c.Why, a.copyNote(c))
			for line := range strings.Lines(c.Diff) {
				b.WriteString("        " + line)
			}
		}
	}
	_, err := fmt.Fprint(a.stdout, b.String()+folded)
	return err
}

// mergeMark tells a file that is a merge.
func mergeMark(c assetsync.ChangeReport) string {
	if c.Why == string(diff.WhyMerged) {
		return "  merged with their change"
	}
	return ""
}

func printPending(b *strings.Builder, r assetsync.Result) {
	if len(r.Pending) > 0 {
		fmt.Fprintf(b, "  changed on the remote (assetsync pull takes it):\n")
		for _, c := range r.Pending {
			fmt.Fprintf(b, "    %s %s\n", letter(c.Action), c.Path)
		}
	}
	for _, c := range r.MetadataChanges {
		switch c.Action {
		case "pending":
			fmt.Fprintf(b, "    metadata %s was changed on the remote and is left alone: %s\n", c.Key, arrow(assetsync.MetadataChange{Old: c.New, New: c.Old}))
		case "conflict":
			fmt.Fprintf(b, "    C metadata %s: here %s, there %s\n", c.Key, jsonText(c.New), jsonText(c.Old))
		}
	}
}

func (a *app) copyNote(c assetsync.ConflictReport) string {
	if c.Copy == "" {
		return ""
	}
	note := "; theirs: " + shortPath(filepath.Clean(c.Copy), a.cwd)
	if c.Marked != "" {
		note += "; both, with conflict markers: " + shortPath(filepath.Clean(c.Marked), a.cwd)
	}
	return note
}

// letter is git's letter for an action.
func letter(action string) string {
	switch action {
	case "create":
		return "A"
	case "delete":
		return "D"
	}
	return "M"
}

func arrow(c assetsync.MetadataChange) string {
	if c.Old == nil {
		return jsonText(c.New)
	}
	return jsonText(c.Old) + " -> " + jsonText(c.New)
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return shownText(string(text))
}

// shownText is a text of the remote as a terminal can be given it: signs that
// move the cursor or turn the text around are escaped.
func shownText(s string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if !strings.ContainsFunc(s, odd) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if odd(r) {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// headline says in one line what became of a target.
func (a *app) headline(r assetsync.Result) string {
	outcome := strings.ReplaceAll(string(r.Outcome), "_", " ")
	switch {
	case r.Outcome == assetsync.Planned:
		outcome = a.planned(r)
	case r.Error != nil && errors.Is(r.Error, assetsync.ErrPlanMoved):
		outcome = "not as planned" // which is no conflict of contents either
	case r.Guard == assetsync.GuardRollback:
		outcome = "superseded" // no conflict of contents: there is nothing to resolve
	case r.Outcome == assetsync.Blocked && r.Guard != "" && r.Published == assetsync.ByNothing && len(r.Changes) > 0:
		outcome += ", nothing done" // what follows is what was planned
	}
	parts := []string{outcome}
	switch {
	case r.Version == 0:
	case outcome == wouldPublish: // the number is of what is live
		parts = append(parts, fmt.Sprintf("over v%d", r.Version))
	default:
		parts = append(parts, fmt.Sprintf("v%d", r.Version))
	}
	if done := means(r); done != "" {
		parts = append(parts, done)
	}
	if r.From != "" {
		parts = append(parts, "from "+r.From)
	}
	if r.Verified && a.command == "push" {
		parts = append(parts, "verified")
	}
	if r.AssetID != "" {
		parts = append(parts, "("+r.AssetID+")")
	}
	return strings.Join(parts, "  ")
}

const wouldPublish = "would publish"

// planned says what a verb that did nothing yet found to do.
func (a *app) planned(r assetsync.Result) string {
	switch {
	case a.command == "pull", a.command == "undo" && r.ObservedVersion == 0: // --local looks at no remote
		return "would check out"
	case (a.command == "push" || a.command == "plan" || a.command == "asset create") && r.AssetID == "":
		return "would create"
	case a.command == "push", a.command == "plan", a.command == "restore", a.command == "undo", a.command == "asset set-metadata":
		return wouldPublish
	case r.AssetID == "":
		return "no asset yet"
	}
	var parts []string
	if n := len(r.Changes); n > 0 {
		parts = append(parts, count(n, "file")+" to push")
	}
	if slices.ContainsFunc(r.MetadataChanges, isPublished) {
		parts = append(parts, "metadata to push")
	}
	if n := len(r.Pending); n > 0 {
		parts = append(parts, count(n, "file")+" to pull")
	}
	if slices.ContainsFunc(r.MetadataChanges, func(c assetsync.MetadataChange) bool { return c.Action == "pending" }) {
		parts = append(parts, "metadata changed on the remote")
	}
	return strings.Join(parts, ", ")
}

func isPublished(c assetsync.MetadataChange) bool { return c.Action == "publish" }

// means says how much was published, and how.
func means(r assetsync.Result) string {
	published := " published"
	if r.Outcome == assetsync.Published || r.Outcome == assetsync.Created {
		published = "" // the outcome says it
	}
	switch r.Published {
	case assetsync.ByZip:
		return count(len(r.Changes), "file") + published + " in one zip"
	case assetsync.ByFiles:
		return count(len(r.Changes), "file") + published
	case assetsync.ByMetadata:
		return "metadata" + published
	}
	return ""
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// explain says on standard error what went wrong and what else is worth
// knowing.
func (a *app) explain(results []assetsync.Result) {
	failed, noted := sameFailures(results), sameNotes(results)
	for _, r := range results {
		for _, p := range r.Problems {
			where := r.Target
			if p.Path != "" {
				where += "/" + string(p.Path)
			}
			a.say("assetsync: %s: %s", where, p.Detail)
			if p.Hint != "" {
				a.say("hint: %s", p.Hint)
			}
		}
		switch blocked := r.Outcome == assetsync.Blocked && r.Error == nil; {
		case blocked && a.command == "pull":
			a.say("assetsync: %s: not all that the remote holds is here, because of %s", r.Target, count(len(r.Problems), "problem"))
		case blocked && (a.command == "push" || a.harmless):
			a.say("assetsync: %s: nothing was published, because of %s", r.Target, count(len(r.Problems), "problem"))
		case blocked && a.command == "plan":
			a.say("assetsync: %s: a push would publish nothing of it, because of %s", r.Target, count(len(r.Problems), "problem"))
		}
		if r.Error != nil {
			if targets := failed[failure(r)]; targets[0] == r.Target {
				a.sayError(someOf(targets), r.Error)
			}
		}
		for _, n := range r.Notes {
			if targets := noted[n]; targets[0] == r.Target {
				a.say("note: %s: %s", someOf(targets), n)
			}
		}
	}
}

// failure is what makes the errors of two targets one to people: all but the
// request, the asset and the name.
func failure(r assetsync.Result) string {
	e := r.Error
	text := e.Message + "\n" + e.Hint
	for _, own := range []string{e.RequestID, r.AssetID, r.Target} {
		for i := indexName(text, own); i >= 0; i = indexName(text, own) {
			text = text[:i] + text[i+len(own):]
		}
	}
	return text
}

// indexName returns where a text has a name, also as the begin of a path, but not
// as a part of another name; -1 for nowhere.
func indexName(text, name string) int {
	part := func(c byte) bool {
		return c == '-' || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= utf8.RuneSelf
	}
	for from := 0; name != ""; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			break
		}
		at, end := from+i, from+i+len(name)
		if (at == 0 || !part(text[at-1]) && text[at-1] != '/') && (end == len(text) || !part(text[end])) {
			return at
		}
		from = at + 1
	}
	return -1
}

// sameFailures returns the targets of each failure: missing credentials, say,
// are told once and not for every target.
func sameFailures(results []assetsync.Result) map[string][]string {
	targets := map[string][]string{}
	for _, r := range results {
		if r.Error != nil {
			targets[failure(r)] = append(targets[failure(r)], r.Target)
		}
	}
	return targets
}

// sameNotes returns the targets of each note: what holds for many of them is
// told once.
func sameNotes(results []assetsync.Result) map[string][]string {
	targets := map[string][]string{}
	for _, r := range results {
		for _, n := range r.Notes {
			targets[n] = append(targets[n], r.Target)
		}
	}
	return targets
}

// someOf names the first of some targets, and says how many more there are.
func someOf(targets []string) string {
	if len(targets) == 1 {
		return targets[0]
	}
	return fmt.Sprintf("%s and %d more", targets[0], len(targets)-1)
}

// table prints aligned columns. Cells may hold what the remote says.
func (a *app) table(rows [][]string) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = shownText(cell)
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(cells, "\t"), "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}
