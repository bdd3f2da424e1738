package sync_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote/emulator"
)

// simExemption is a promise that cannot be kept under some reading of how the
// service behaves. docs/guarantees.md has a row for each.
type simExemption struct {
	reading string // a quirk, several that do harm together only, or what happens: the row
	promise string // of the oracle
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
	noTrace := func(s *sim, v violation) bool {
		return s.story.has("timestamps=frozen") && s.changedInPlace(v.path, "CreateAssetFile")
	}
	twoForms := func(s *sim, v violation) bool {
		return s.story.has("read-zip=uploaded") && s.story.has("rewrite") && v.path == "SKILL.md"
	}
	gone := func(s *sim, v violation) bool { return s.changedInPlace(v.path, "DeleteAssetFile") }
	pruned := func(s *sim, v violation) bool {
		return s.story.has("prune-versions") && (s.warned || v.stateless() || v.run != nil && v.run.verb == "status" && s.endedCutShort(v.run))
	}
	reverted := func(s *sim, v violation) bool {
		for i := 1; i < len(s.line); i++ {
			_, was := s.line[i-1].files[v.path]
			by := s.line[i]
			if _, is := by.files[v.path]; is || !was || by.run == nil || by.run.verb != "job" {
				continue
			}
			if slices.ContainsFunc(s.origin.commits[by.run.commit+1:by.commits], func(c simCommit) bool { _, there := c.files[v.path]; return there }) {
				return true
			}
		}
		return false
	}
	return []simExemption{
		{"file-delete-version", "conflict", "detected", gone},
		{"file-delete-version", "step", "not detectable", func(s *sim, v violation) bool { return gone(s, v) && s.story.git }},
		{"file-delete-version", "saved", "not detectable", func(s *sim, v violation) bool {
			// It was edited between the look and the call that deleted it.
			return slices.ContainsFunc(s.line[s.lostAt:], func(later simVersion) bool {
				_, there := later.files[v.path]
				return !there && later.inPlace && later.op == "DeleteAssetFile" && later.run != nil
			})
		}},
		{"timestamps + file-create-version + create-existing", "saved", "not detectable", func(s *sim, v violation) bool { return noTrace(s, v) && s.madeAfterLook(v.path) }},
		{"a pipeline that is cut short", "saved", "not detectable", func(s *sim, _ violation) bool {
			by := s.line[s.lostAt].run
			return by != nil && by.verb == "job" && by.cutShort
		}},
		{"prune-versions", "conflict", "detected", pruned},
		{"prune-versions", "step", "detected", func(s *sim, _ violation) bool { return s.story.has("prune-versions") && (s.warned || s.story.git) }},
		{"prune-versions", "saved", "detected", func(s *sim, _ violation) bool { return s.story.has("prune-versions") && s.warned }},
		{"rewrite", "no-op", "not detectable", func(s *sim, v violation) bool { return s.story.has("rewrite") && v.run.wroteMain }},
		{"file-create-version + create-existing", "conflict", "detected", func(s *sim, v violation) bool { return v.stateless() && s.changedInPlace(v.path, "CreateAssetFile") }},
		{"timestamps + file-create-version + create-existing", "step", "not detectable", noTrace},
		{"timestamps + file-create-version + create-existing", "conflict", "detected", noTrace},
		{"read-zip + rewrite", "conflict", "detected", twoForms},
		{"read-zip + rewrite", "step", "detected", twoForms},
		{"read-zip + rewrite", "echo", "detected", twoForms},
		{"a pipeline that deletes what a newer commit has brought back", "step", "detected", reverted},
		{"a late pipeline beside other changes", "conflict", "detected", func(_ *sim, v violation) bool { return v.run != nil && v.run.older }},
	}
}

// madeAfterLook reports whether what is lost of a path came after the run that
// replaced it had begun: one that began later reads what it replaces or carries.
func (s *sim) madeAfterLook(path string) bool {
	by := s.line[s.lostAt].run
	made := s.lostAt - 1
	for made > 0 && s.line[made-1].files[path] == s.line[made].files[path] {
		made--
	}
	return by == nil || made >= by.began
}

// endedCutShort reports whether the last publishing before a run, of the same
// worker, did not come to its end: the next one tells what cannot be known.
func (s *sim) endedCutShort(before *simRun) bool {
	var last *simRun
	for _, r := range s.runs {
		if r.worker == before.worker && r.number < before.number && r.publishes() && (last == nil || r.number > last.number) {
			last = r
		}
	}
	return last != nil && last.cutShort
}

// changedInPlace reports whether a call changed a path without making a
// version.
func (s *sim) changedInPlace(path, operation string) bool {
	for i := 1; i < len(s.line); i++ {
		v := s.line[i]
		was, before := s.line[i-1].files[path]
		if is, after := v.files[path]; v.inPlace && v.op == operation && (is != was || before != after) {
			return true
		}
	}
	return false
}

// simColumns are the promises of the oracle by the column of the table that
// they are in.
func simColumns() [][]string {
	return [][]string{{"step", "rest"}, {"conflict"}, {"saved", "deletion", "pull"}, {"no-op", "echo", "count", "replay", "token", "settling", "state"}}
}

// TestSimExemptions holds the exemptions of the oracle against the table in
// docs/guarantees.md, which has a row for each quirk: neither promises what the
// other does not.
func TestSimExemptions(t *testing.T) {
	_, table, ok := strings.Cut(readName("../docs/guarantees.md"), "| quirk | in step |")
	if !ok {
		t.Fatal("docs/guarantees.md has no table of quirks and promises")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	got := map[string]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 1+len(simColumns()) || strings.HasPrefix(cells[0], "-") || cells[0] == " no false conflict " {
			continue
		}
		name := strings.ReplaceAll(strings.TrimSpace(cells[0]), "`", "")
		for i, cell := range cells[1:] {
			got[name+": "+simColumns()[i][0]] = strings.TrimSpace(cell)
		}
	}
	want := map[string]string{}
	for _, q := range emulator.AllQuirks() {
		for _, column := range simColumns() {
			want[q.Name+": "+column[0]] = "holds"
		}
	}
	for _, e := range simExemptions() {
		for _, column := range simColumns() {
			row := e.reading + ": " + column[0]
			if want[row] == "" {
				want[row] = "holds"
			}
			if slices.Contains(column, e.promise) {
				want[row] = e.kept
			}
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("what the oracle exempts, and docs/guarantees.md (-oracle +docs):\n%s", d)
	}
}
