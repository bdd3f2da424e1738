package sync_test

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// simExemption is a promise that cannot be kept under some reading of how the
// service behaves. docs/guarantees.md has a row for each.
type simExemption struct {
	name    string // of the row
	reading string // as the row names it; "+" joins readings that do harm together only
	promise string // of the oracle, and of the row
	kept    string // "detected" or "not detectable"
	applies func(s *sim, v violation) bool
}

// violation is a promise that was broken.
type violation struct {
	promise string
	run     *simRun // nil: at the end
	path    string
	text    string
}

func (v violation) stateless() bool { return v.run != nil && v.run.verb == "job" }

// has reports whether a story has one of the readings; a name without a value
// is any reading of it but the default.
func (s simStory) has(readings ...string) bool {
	return slices.ContainsFunc(s.quirks, func(q string) bool {
		name, _, _ := strings.Cut(q, "=")
		return slices.Contains(readings, q) || slices.Contains(readings, name)
	})
}

func simExemptions() []simExemption {
	return []simExemption{
		{
			"a deletion in place, without state", "file-delete-version=keep", "conflict", "detected",
			func(s *sim, v violation) bool { return s.story.has("file-delete-version=keep") && v.stateless() },
		},
		{
			"a deletion in place, without state", "file-delete-version=keep", "step", "not detectable",
			func(s *sim, v violation) bool { return s.story.git && s.story.has("file-delete-version=keep") },
		},
		{
			"pruned versions", "prune-versions", "conflict", "detected",
			func(s *sim, v violation) bool { return s.story.has("prune-versions") && (s.warned || v.stateless()) },
		},
		{
			"pruned versions", "prune-versions", "saved", "detected",
			func(s *sim, v violation) bool { return s.story.has("prune-versions") && s.warned },
		},
		{
			"pruned versions, without state", "prune-versions", "step", "detected",
			func(s *sim, v violation) bool { return s.story.has("prune-versions") && s.story.git },
		},
		{
			"a pull that was cut short", "any", "conflict", "detected",
			func(s *sim, v violation) bool { return s.ledger.cut[v.path] },
		},
		{
			"a pull that was cut short", "any", "step", "not detectable",
			func(s *sim, v violation) bool { return s.ledger.cut[v.path] },
		},
		{
			"a change in place that leaves no trace", "timestamps=frozen+file-create-version=keep+create-existing=overwrite", "step", "not detectable",
			func(s *sim, v violation) bool {
				return s.story.has("timestamps=frozen") && s.story.has("file-create-version=keep") && s.story.has("create-existing=overwrite")
			},
		},
		{
			"a change in place that leaves no trace", "timestamps=frozen+file-create-version=keep+create-existing=overwrite", "conflict", "detected",
			func(s *sim, v violation) bool {
				return s.story.has("timestamps=frozen") && s.story.has("file-create-version=keep") && s.story.has("create-existing=overwrite")
			},
		},
		{
			"a zip that is read as it was sent", "read-zip=uploaded+rewrite", "conflict", "detected",
			func(s *sim, v violation) bool {
				return s.story.has("read-zip=uploaded") && s.story.has("rewrite") && v.path == "SKILL.md"
			},
		},
		{
			"a zip that is read as it was sent", "read-zip=uploaded+rewrite", "step", "detected",
			func(s *sim, v violation) bool {
				return s.story.has("read-zip=uploaded") && s.story.has("rewrite") && v.path == "SKILL.md"
			},
		},
	}
}

// TestSimExemptions holds the exemptions of the oracle against the table in
// docs/guarantees.md: neither has a row that the other has not.
func TestSimExemptions(t *testing.T) {
	data, err := os.ReadFile("../docs/guarantees.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(data), "## What cannot be promised")
	if !ok {
		t.Fatal("docs/guarantees.md has no such table")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	var want []string
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) < 4 || strings.HasPrefix(cells[0], "-") || strings.TrimSpace(cells[0]) == "reading" {
			continue
		}
		row := strings.TrimSpace(cells[0]) + " " + strings.TrimSpace(cells[1]) + " " + strings.TrimSpace(cells[2])
		if !strings.HasSuffix(row, " holds") {
			want = append(want, strings.ReplaceAll(row, "`", ""))
		}
	}
	var got []string
	for _, e := range simExemptions() {
		got = append(got, strings.ReplaceAll(e.reading, "+", " + ")+" "+e.promise+" "+e.kept)
	}
	slices.Sort(want)
	slices.Sort(got)
	if want, got := slices.Compact(want), slices.Compact(got); !slices.Equal(want, got) {
		t.Errorf("docs/guarantees.md has\n%s\nthe oracle has\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
}
