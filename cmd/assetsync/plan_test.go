package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"assetsync/manifest"
	assetsync "assetsync/sync"
	"assetsync/sync/planfile"
)

const planID = "0123456789012345678901234567890123456789"

// planOf is a plan in which a text stands wherever others may have written it.
func planOf(text string) planTarget {
	p := manifest.Path(text)
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	change := planfile.Change{Path: p, Action: "update", Old: planID, New: planID, Why: text}
	return planTarget{
		assetsync.Result{
			Target: text, AssetID: text, Outcome: assetsync.Planned, Version: 4, Notes: []string{text},
			Problems: []manifest.Problem{{Path: p, Detail: text, Hint: text}},
			Error:    &assetsync.Error{Kind: assetsync.KindConflict, Message: text, Hint: text},
		},
		&planfile.Target{
			Target: text, Published: "zip", Observed: planfile.Observed{Version: 4, Tree: planID}, After: planID,
			Changes: []planfile.Change{change}, Pending: []planfile.Change{change},
			Metadata: []planfile.MetadataChange{
				{Key: text, Old: quoted, New: quoted, Action: "publish"}, {Key: text, Old: quoted, New: quoted, Action: "conflict"},
			},
			Conflicts: []planfile.Conflict{{Path: p, Why: text}},
			Guards:    []planfile.Guard{{Guard: text, Message: text, Hint: text}},
			Findings:  []planfile.Finding{{Path: p, Line: 3, Message: text, Fix: text}},
		},
	}
}

// TestPlanMarkdown puts hostile texts everywhere into a comment: each line is
// begun by us, and has no sign but those that we write.
func TestPlanMarkdown(t *testing.T) {
	begun := regexp.MustCompile(`^(|Who approves it approves these flags: .*|### assetsync plan.*|#### (A guard would stop the push|Conflicts|Problems|Errors|Changes of .*|Lint|Notes)|\|---\|---\|---\|---\|---\||\| .* \| .* \| .* \| .* \| .* \||- \*\*[^*]*\*\*(: [^*]*)?|- [AMD] [^*]*)$`)
	ours := regexp.MustCompile("&#[0-9]+;|<br>|`[0-9a-f]{7}` → `[0-9a-f]{7}`|[0-9a-f]{7} -> [0-9a-f]{7}")
	for _, text := range hostile {
		e := envelope{Command: planVerb, Env: text, Targets: []planTarget{planOf(text)}, Flags: []string{"--allow-secret " + text}}
		got := reportToGithub(t, workspace(t), 3, e)
		comment := readFile(t, got.outputs["comment"])
		if comment != got.summary {
			t.Errorf("%q: the summary is another one than the comment", text)
		}
		for line := range strings.SplitSeq(comment, "\n") {
			if !begun.MatchString(line) {
				t.Errorf("%q: the comment has a line %q", text, line)
			}
			bare := ours.ReplaceAllString(line, "")
			if n := strings.Count(bare, "|"); n != 0 && n != 6 {
				t.Errorf("%q: a row has %d bars: %q", text, n, line)
			}
			if i := strings.IndexAny(bare, "<>`[]$@\\_~&\x1b"); i >= 0 {
				t.Errorf("%q: the comment has %q: %q", text, bare[i], line)
			}
		}
	}
}

// TestPlanMarkdownLimit keeps a comment below what GitHub takes, and what is
// graver in it.
func TestPlanMarkdownLimit(t *testing.T) {
	one := planTarget{assetsync.Result{Target: "skills/one", Outcome: assetsync.Planned}, &planfile.Target{Target: "skills/one", Published: "zip", After: planID}}
	for i := range 2_000 {
		one.Plan.Changes = append(one.Plan.Changes, planfile.Change{Path: manifest.Path(fmt.Sprintf("references/häufig-%d.md", i)), Action: "create", New: planID})
	}
	one.Plan.Guards = []planfile.Guard{{Guard: "protected", Message: "the target is protected", Hint: "allow it"}}
	a := &app{command: planVerb}
	text := a.planMarkdown(githubRun{plans: []planTarget{one}}, maxCommentBytes)
	if n := len(text); n > maxCommentBytes || n < maxCommentBytes/2 {
		t.Errorf("the comment has %d bytes", n)
	}
	if !strings.HasSuffix(text, "see the plan itself.\n") || !strings.Contains(text, "the target is protected") {
		t.Errorf("what is missing is not told, or is too much:\n%s", text[:1000])
	}
}

// TestPlanReportWithout reports a run of plan that came to nothing.
func TestPlanReportWithout(t *testing.T) {
	e := envelope{Command: planVerb, Targets: []planTarget{}, Error: &assetsync.Error{Kind: assetsync.KindUsage, Message: "no config", Hint: "write one"}}
	got := reportToGithub(t, workspace(t), 2, e)
	if want := "- **assetsync**: no config<br>hint: write one\n"; !strings.Contains(readFile(t, got.outputs["comment"]), want) {
		t.Errorf("the comment is %q, want %q in it", got.summary, want)
	}
}

// TestPlanText escapes what a terminal would obey.
func TestPlanText(t *testing.T) {
	var b strings.Builder
	writePlan(&b, *planOf("a\x1b[2Jb\r\nc\u202ed").Plan)
	for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
		if !strings.HasPrefix(line, "    ") || strings.ContainsAny(line, "\x1b\r\u202e") {
			t.Errorf("line %q", line)
		}
	}
}

func TestInCI(t *testing.T) {
	for _, tt := range []struct {
		value string
		want  bool
	}{{"", false}, {"true", true}, {"1", true}, {"false", false}, {"0", false}, {"woodpecker", true}} {
		a := &app{getenv: func(string) (string, bool) { return tt.value, tt.value != "" }}
		if got := a.inCI(); got != tt.want {
			t.Errorf("CI=%q: %v, want %v", tt.value, got, tt.want)
		}
	}
}
