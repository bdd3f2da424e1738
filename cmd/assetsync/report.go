package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"text/tabwriter"

	assetsync "assetsync/sync"
)

// envelope is what --json prints: one object, also on failure.
type envelope struct {
	Schema   int              `json:"schema"`
	Command  string           `json:"command"`
	Env      string           `json:"env"`
	ExitCode int              `json:"exit_code"`
	Targets  any              `json:"targets"`
	Assets   any              `json:"assets,omitempty"`
	Error    *assetsync.Error `json:"error,omitempty"`
}

const envelopeSchema = 1

func (a *app) writeEnvelope(e envelope) error {
	e.Schema, e.Command, e.ExitCode = envelopeSchema, a.command, a.code
	if e.Env == "" {
		e.Env = a.envName
	}
	if e.Targets == nil {
		e.Targets = []assetsync.Result{}
	}
	a.printed = true
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(e)
}

// finish prints the results of a run over targets and sets the exit code;
// with exitCode, anything that differs has a code of its own.
func (a *app) finish(env string, results []assetsync.Result, exitCode bool) error {
	a.setCode(results, exitCode)
	if a.jsonOut {
		a.explain(results)
		return a.writeEnvelope(envelope{Env: env, Targets: results})
	}
	if err := a.printResults(results); err != nil {
		return err
	}
	a.explain(results)
	return nil
}

func (a *app) setCode(results []assetsync.Result, exitCode bool) {
	codes := make([]int, len(results))
	for i, r := range results {
		codes[i] = resultCode(r)
		if exitCode && codes[i] == 0 && r.Outcome == assetsync.Planned {
			codes[i] = differsCode
		}
	}
	a.code = worstCode(codes)
}

// printResults writes one block for each target.
func (a *app) printResults(results []assetsync.Result) error {
	width := 0
	for _, r := range results {
		width = max(width, len(r.Target))
	}
	var b strings.Builder
	for _, r := range results {
		fmt.Fprintf(&b, "%-*s  %s\n", width, r.Target, a.headline(r))
		for _, c := range r.Changes {
			fmt.Fprintf(&b, "    %s %s\n", letter(c.Action), c.Path)
		}
		for _, c := range r.MetadataChanges {
			if c.Action == "publish" {
				fmt.Fprintf(&b, "    M metadata %s: %s\n", c.Key, arrow(c))
			}
		}
		printPending(&b, r)
		for _, c := range r.Conflicts {
			fmt.Fprintf(&b, "    C %s: %s%s\n", c.Path, c.Why, a.copyNote(c))
		}
	}
	_, err := fmt.Fprint(a.stdout, b.String())
	return err
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
	return "; theirs: " + shortPath(filepath.Clean(c.Copy), a.cwd)
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
	return string(text)
}

// headline says in one line what became of a target.
func (a *app) headline(r assetsync.Result) string {
	outcome := strings.ReplaceAll(string(r.Outcome), "_", " ")
	switch {
	case r.Outcome == assetsync.Planned && a.command == "push":
		outcome = "would publish"
	case r.Outcome == assetsync.Planned && a.command == "pull":
		outcome = "would check out"
	case r.Outcome == assetsync.Planned:
		outcome = "differs"
	}
	parts := []string{outcome}
	if r.Version > 0 {
		parts = append(parts, fmt.Sprintf("v%d", r.Version))
	}
	if n := len(r.Changes) + publishedKeys(r); n > 0 && (r.Outcome == assetsync.Published || r.Outcome == assetsync.Created) {
		parts = append(parts, means(r))
	}
	if r.AssetID != "" {
		parts = append(parts, "("+r.AssetID+")")
	}
	return strings.Join(parts, "  ")
}

func publishedKeys(r assetsync.Result) (n int) {
	for _, c := range r.MetadataChanges {
		if c.Action == "publish" {
			n++
		}
	}
	return n
}

func means(r assetsync.Result) string {
	switch r.Published {
	case assetsync.ByZip:
		return count(len(r.Changes), "file") + " in one zip"
	case assetsync.ByFiles:
		return count(len(r.Changes), "file")
	case assetsync.ByMetadata:
		return "metadata"
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
		if r.Outcome == assetsync.Blocked && r.Error == nil {
			a.say("assetsync: %s: nothing was published, because of %s; list what is not meant to be published under ignore:", r.Target, count(len(r.Problems), "problem"))
		}
		if r.Error != nil {
			a.sayError(r.Target, r.Error)
		}
		for _, n := range r.Notes {
			a.say("note: %s: %s", r.Target, n)
		}
	}
}

// table prints aligned columns.
func (a *app) table(rows [][]string) error {
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		if _, err := fmt.Fprintln(w, strings.TrimRight(strings.Join(row, "\t"), "\t")); err != nil {
			return err
		}
	}
	return w.Flush()
}
