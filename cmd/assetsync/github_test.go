package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	assetsync "assetsync/sync"
)

// githubReport is what the report of an envelope comes to.
type githubReport struct {
	commands []string          // that the runner obeys
	log      string            // that it shows
	summary  string            // Markdown
	outputs  map[string]string // of the step
}

// reportToGithub reports an envelope whose targets lie in dir, the workspace.
func reportToGithub(t *testing.T, dir string, code int, e any) githubReport {
	t.Helper()
	data, err := json.Marshal(e)
	if text, raw := e.(string); raw {
		data, err = []byte(text), nil
	}
	at := t.TempDir()
	file := filepath.Join(at, "result.json")
	if err == nil {
		err = os.WriteFile(file, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"GITHUB_WORKSPACE": dir, "GITHUB_STEP_SUMMARY": filepath.Join(at, "summary"), "GITHUB_OUTPUT": filepath.Join(at, "output"),
	}
	var stdout, stderr bytes.Buffer
	a := &app{stdout: &stdout, stderr: &stderr, cwd: dir, getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	if got := a.run(t.Context(), []string{"github-report", "--code", fmt.Sprint(code), file}); got != 0 {
		t.Fatalf("report: exit code %d\n%s", got, &stderr)
	}
	r := githubReport{summary: readFile(t, env["GITHUB_STEP_SUMMARY"]), outputs: readOutputs(t, env["GITHUB_OUTPUT"])}
	r.commands, r.log = obeyCommands(stdout.String())
	return r
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// obeyCommands reads a log as GitHub's runner does: a line that begins with ::
// is a command, and so is one that has ##[ anywhere, but for those that
// stop-commands has switched off.
func obeyCommands(text string) (commands []string, log string) {
	command := regexp.MustCompile(`^\s*::([a-zA-Z-]+)(?: ([^\n]*?))?::(.*)$`)
	end := ""
	for line := range strings.Lines(strings.ReplaceAll(text, "\r", "\n")) {
		line = strings.TrimSuffix(line, "\n")
		m := command.FindStringSubmatch(line)
		switch {
		case end != "":
			if strings.TrimSpace(line) == "::"+end+"::" {
				end = ""
				continue
			}
		case m != nil && m[1] == "stop-commands":
			end = m[3]
			continue
		case m != nil || strings.Contains(line, "##["):
			commands = append(commands, line)
			continue
		}
		log += line + "\n"
	}
	return commands, log
}

// readOutputs reads a file of outputs as GitHub's runner does.
func readOutputs(t *testing.T, name string) map[string]string {
	t.Helper()
	out := map[string]string{}
	lines := strings.Split(readFile(t, name), "\n")
	for i := 0; i < len(lines)-1; i++ {
		key, value, ok := strings.Cut(lines[i], "=")
		if k, end, heredoc := strings.Cut(lines[i], "<<"); heredoc {
			var text []string
			for i++; lines[i] != end; i++ {
				text = append(text, lines[i])
			}
			key, value, ok = k, strings.Join(text, "\n"), true
		}
		if _, twice := out[key]; !ok || twice {
			t.Fatalf("output %q is odd", lines[i])
		}
		out[key] = value
	}
	return out
}

// workspace makes a directory with a skill and a file that is a target.
func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"repo/skills/one/SKILL.md", "repo/ops/AGENTS.md", "repo/assetsync.yaml"} {
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestGithubReport looks at all that a run can come to.
func TestGithubReport(t *testing.T) {
	dir := workspace(t)
	one := func(r assetsync.Result) assetsync.Result { r.Target = "skills/one"; return r }
	changes := []assetsync.ChangeReport{{Path: "a.md", Action: "update"}, {Path: "b.md", Action: "create"}, {Path: "c.md", Action: "delete"}}
	conflict := &assetsync.Error{Kind: assetsync.KindConflict, Message: "1 file changed on both sides", Hint: "take over theirs"}
	denied := &assetsync.Error{Kind: assetsync.KindAuth, Message: "not allowed", Hint: "sign in"}
	tests := []struct {
		name     string
		code     int
		env      string
		targets  []assetsync.Result
		failure  *assetsync.Error
		commands []string
		summary  []string // lines
		outputs  map[string]string
	}{
		{
			name: "published",
			targets: []assetsync.Result{
				one(assetsync.Result{AssetID: "ki-1", Outcome: assetsync.Published, Version: 2, Versions: []int32{2}, Published: assetsync.ByFiles, Changes: changes}),
			},
			commands: []string{"::notice title=assetsync%3A skills/one::published  v2  3 files  (ki-1)"},
			summary:  []string{"### assetsync push", "| skills/one | published | v2 | M a.md<br>A b.md<br>D c.md |"},
			outputs:  map[string]string{"changed": "true", "version": "2", "exit-code": "0"},
		},
		{
			name: "nothing to do", env: "prod",
			targets: []assetsync.Result{
				one(assetsync.Result{Outcome: assetsync.Unchanged, Version: 2}),
				{Target: "ops/AGENTS.md", Outcome: assetsync.Unchanged, Version: 7},
			},
			summary: []string{"### assetsync push to prod", "| skills/one | unchanged | v2 |  |", "| ops/AGENTS.md | unchanged | v7 |  |"},
			outputs: map[string]string{"changed": "false", "version": `{"ops/AGENTS.md":7,"skills/one":2}`, "exit-code": "0"},
		},
		{
			name: "dry run",
			targets: []assetsync.Result{
				one(assetsync.Result{AssetID: "ki-1", Outcome: assetsync.Planned, Version: 2, Changes: changes[:1], Notes: []string{"a note"}}),
				{Target: "skills/new", Outcome: assetsync.Planned, Changes: changes[1:2]},
			},
			commands: []string{
				"::notice title=assetsync%3A skills/one::would publish  over v2  (ki-1)",
				"::notice title=assetsync%3A skills/new::would create",
			},
			summary: []string{
				"A dry run: nothing was written. This is what would be published.",
				"| skills/one | would publish | over v2 | M a.md |", "| skills/new | would create |  | A b.md |",
				"#### Notes", "- **skills/one**: a note",
			},
			outputs: map[string]string{"changed": "true", "version": `{"skills/one":2}`, "exit-code": "0"},
		},
		{
			name: "conflict", code: 3,
			targets: []assetsync.Result{
				one(assetsync.Result{Outcome: assetsync.Conflict, Version: 3, Versions: []int32{3}, Published: assetsync.ByFiles, Changes: changes[:1], AssetID: "ki-1",
					Conflicts: []assetsync.ConflictReport{{Path: "x/y.md", Why: "changed on both sides"}}, Error: conflict,
					Pending: []assetsync.ChangeReport{{Path: "z.md", Action: "update"}}}),
			},
			commands: []string{
				"::error file=repo/skills/one/x/y.md,title=assetsync%3A skills/one/x/y.md::conflict: changed on both sides",
				"::error title=assetsync%3A skills/one::1 file changed on both sides%0Ahint: take over theirs",
				"::notice title=assetsync%3A skills/one::conflict  v3  1 file published  (ki-1)",
			},
			summary: []string{
				"| skills/one | conflict | v3 | M a.md |",
				"#### Conflicts", "- **skills/one/x/y.md**: changed on both sides",
				"#### Errors", "- **skills/one**: 1 file changed on both sides<br>hint: take over theirs",
				"- **skills/one**: 1 file changed on the remote and left alone&#58; assetsync pull takes what changed there",
			},
			outputs: map[string]string{"changed": "true", "version": "3", "exit-code": "3"},
		},
		{
			name: "problems", code: 4,
			targets: []assetsync.Result{
				one(assetsync.Result{Outcome: assetsync.Blocked, Problems: []manifest.Problem{
					{Path: "bad name.md", Kind: manifest.BadName, Detail: "has a space", Hint: "rename it"},
					{Kind: manifest.Unreadable, Detail: "cannot be listed"},
				}}),
				{Target: "ops/AGENTS.md#CHAT", Outcome: assetsync.Blocked, Problems: []manifest.Problem{{Path: "AGENTS.md", Detail: "is too large"}}},
			},
			commands: []string{
				"::error file=repo/skills/one/bad name.md,title=assetsync%3A skills/one/bad name.md::has a space%0Ahint: rename it",
				"::error title=assetsync%3A skills/one::cannot be listed",
				"::error file=repo/ops/AGENTS.md,title=assetsync%3A ops/AGENTS.md#CHAT/AGENTS.md::is too large",
			},
			summary: []string{
				"#### Problems", "- **skills/one/bad name.md**: has a space<br>hint: rename it", "- **skills/one**: cannot be listed",
				"- **ops/AGENTS.md&#35;CHAT/AGENTS.md**: is too large",
			},
			outputs: map[string]string{"changed": "false", "version": "{}", "exit-code": "4"},
		},
		{
			name: "one cause", code: 5,
			targets: []assetsync.Result{
				one(assetsync.Result{Outcome: assetsync.Failed, Error: denied}),
				{Target: "skills/two", Outcome: assetsync.Failed, Error: denied},
			},
			commands: []string{"::error title=assetsync%3A skills/one and 1 more::not allowed%0Ahint: sign in"},
			summary:  []string{"#### Errors", "- **skills/one and 1 more**: not allowed<br>hint: sign in"},
			outputs:  map[string]string{"changed": "false", "version": "{}", "exit-code": "5"},
		},
		{
			name: "a wrong config", code: 2,
			failure: &assetsync.Error{Kind: assetsync.KindUsage, Message: "repo/assetsync.yaml:3:5: targets[0].pth: is not known\nrepo/assetsync.yaml:9:1: more: is not known"},
			commands: []string{
				"::error file=repo/assetsync.yaml,line=3,title=assetsync::targets[0].pth: is not known",
				"::error file=repo/assetsync.yaml,line=9,title=assetsync::more: is not known",
			},
			summary: []string{"- **assetsync**: repo/assetsync.yaml&#58;3&#58;5&#58; targets&#91;0&#93;.pth&#58; is not known<br>repo/assetsync.yaml&#58;9&#58;1&#58; more&#58; is not known"},
			outputs: map[string]string{"changed": "false", "version": "", "exit-code": "2"},
		},
		{
			name: "no config", code: 2,
			failure:  &assetsync.Error{Kind: assetsync.KindUsage, Message: "find assetsync.yaml: not here", Hint: "assetsync init writes one"},
			commands: []string{"::error title=assetsync::find assetsync.yaml: not here%0Ahint: assetsync init writes one"},
			summary:  []string{"- **assetsync**: find assetsync.yaml&#58; not here<br>hint: assetsync init writes one"},
			outputs:  map[string]string{"changed": "false", "version": "", "exit-code": "2"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := envelope{Command: "push", Env: tt.env, Dir: filepath.Join(dir, "repo"), Error: tt.failure, Targets: tt.targets}
			got := reportToGithub(t, dir, tt.code, e)
			if d := cmp.Diff(tt.commands, got.commands); d != "" {
				t.Errorf("commands (-want +got):\n%s", d)
			}
			delete(got.outputs, "json")
			if d := cmp.Diff(tt.outputs, got.outputs); d != "" {
				t.Errorf("outputs (-want +got):\n%s", d)
			}
			for _, line := range tt.summary {
				if !strings.Contains("\n"+got.summary, "\n"+line+"\n") {
					t.Errorf("the summary has no line %q:\n%s", line, got.summary)
				}
			}
			for _, r := range tt.targets {
				if !strings.Contains(got.log, r.Target) {
					t.Errorf("the log does not show %s:\n%s", r.Target, got.log)
				}
			}
		})
	}
}

// TestGithubReportWithout reports a run that left no envelope, or one whose
// targets are no results.
func TestGithubReportWithout(t *testing.T) {
	for _, text := range []string{"", "panic: oh", `{"schema":1,"command":"push","targ`} {
		got := reportToGithub(t, workspace(t), 137, text)
		want := []string{"::error title=assetsync::assetsync ended with code 137 and without a result%0Ahint: the log of the step says why"}
		if d := cmp.Diff(want, got.commands); d != "" {
			t.Errorf("commands (-want +got):\n%s", d)
		}
		if got.outputs["exit-code"] != "137" || got.outputs["changed"] != "false" {
			t.Errorf("outputs %q", got.outputs)
		}
	}
	got := reportToGithub(t, workspace(t), 0, `{"schema":1,"command":"init","targets":[{"target":"a","versions":{}}]}`)
	if len(got.commands) > 0 || got.outputs["version"] != "" {
		t.Errorf("commands %q, outputs %q", got.commands, got.outputs)
	}
}

// hostile are texts that would be something else if they got through.
var hostile = []string{
	"a\n::add-mask::b", "::set-output name=x::y", " ::error::z", "a\r\n::stop-commands::q", "##[add-mask]x", "a%0A::warning::b",
	"<script>alert(1)</script>", "<img src=x onerror=y>", "`code` $(id) ${{ secrets.X }}", "a | b | c", "a\n\n# title", "![x](http://a/b.png)",
	"[x](javascript:y)", "**b** _i_ ~s~", "<!-- ", "www.example.com https://example.com", "@somebody #1", "$x$", "\x1b[31mred", "a\u2028b\u202ec", "x\ny<<EOF\nEOF", "-->", "\\", "&lt;b&gt;",
	"\xff\xfe", "owner/repo#12 GH-7", "a\u200eb\U000e0041\U000e0180c",
}

// TestGithubHostile puts hostile texts everywhere.
func TestGithubHostile(t *testing.T) {
	dir := workspace(t)
	for _, text := range hostile {
		r := assetsync.Result{
			Target: text, AssetID: text, Outcome: assetsync.Conflict, Version: 4, Versions: []int32{4}, Notes: []string{text},
			Changes:         []assetsync.ChangeReport{{Path: manifest.Path(text), Action: "update"}},
			MetadataChanges: []assetsync.MetadataChange{{Key: text, New: text, Action: "publish"}},
			Conflicts:       []assetsync.ConflictReport{{Path: manifest.Path(text), Why: text, Copy: text}},
			Problems:        []manifest.Problem{{Path: manifest.Path(text), Detail: text, Hint: text}},
			Error:           &assetsync.Error{Kind: assetsync.KindConflict, Message: text, Hint: text},
		}
		e := envelope{Command: text, Env: text, Dir: dir, Targets: []assetsync.Result{r, {Target: "b"}}, Error: r.Error}
		got := reportToGithub(t, dir, 3, e)
		if len(got.commands) != 5 {
			t.Errorf("%q: %d commands, want 5: %q", text, len(got.commands), got.commands)
		}
		for _, c := range got.commands {
			checkAnnotation(t, text, c)
		}
		if len(got.outputs) != 4 || !json.Valid([]byte(got.outputs["version"])) {
			t.Errorf("%q: outputs %q", text, got.outputs)
		}
		checkSummary(t, text, got.summary)
	}
}

// checkAnnotation reads an annotation as the runner does.
func checkAnnotation(t *testing.T, text, command string) {
	t.Helper()
	m := regexp.MustCompile(`^::(error|notice) ((?:file=[^,:]+,)?title=[^,:]+)::(.*)$`).FindStringSubmatch(command)
	if m == nil {
		t.Errorf("%q: the runner is told %q", text, command)
		return
	}
	if strings.Contains(m[2], "file=") && strings.Contains(m[2], "..") {
		t.Errorf("%q: the file is outside of the workspace: %s", text, m[2])
	}
}

// checkSummary asks for a summary of which every line was begun by us, and
// which has no sign but those that we write.
func checkSummary(t *testing.T, text, summary string) {
	t.Helper()
	begun := regexp.MustCompile(`^(|### assetsync .*|#### (Conflicts|Problems|Errors|Notes)|\|---\|---\|---\|---\||\| .* \| .* \| .* \| .* \||- \*\*[^*]*\*\*(: [^*]*)?)$`)
	number := regexp.MustCompile(`&#[0-9]+;`)
	for line := range strings.SplitSeq(summary, "\n") {
		if !begun.MatchString(line) {
			t.Errorf("%q: the summary has a line %q", text, line)
		}
		bare := number.ReplaceAllString(strings.ReplaceAll(line, "<br>", ""), "")
		if strings.Count(bare, "|") != 0 && strings.Count(bare, "|") != 5 {
			t.Errorf("%q: a row has %d bars: %q", text, strings.Count(bare, "|"), line)
		}
		if i := strings.IndexAny(bare, "<>`[]$@\\_~&\x1b"); i >= 0 {
			t.Errorf("%q: the summary has %q: %q", text, bare[i], line)
		}
	}
}

// TestGithubSummaryLimit keeps a summary below what GitHub takes.
func TestGithubSummaryLimit(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	r := assetsync.Result{Target: "skills/one", Outcome: assetsync.Blocked}
	for i := range 30_000 {
		r.Problems = append(r.Problems, manifest.Problem{Path: manifest.Path(fmt.Sprintf("file-%d.md", i)), Detail: "has a name that cannot be"})
	}
	got := reportToGithub(t, workspace(t), 4, envelope{Command: "push", Targets: []assetsync.Result{r}})
	if n := len(got.summary); n > 1<<20 || n < maxSummaryBytes/2 {
		t.Errorf("the summary has %d bytes", n)
	}
	if !strings.HasSuffix(got.summary, "see the output json of the step.\n") {
		t.Error("the summary does not say that something is missing")
	}
}

// references are what GitHub makes of the text of a page, after Markdown and HTML:
// https://github.com/github/cmark-gfm/issues/181.
var references = regexp.MustCompile(`@[0-9A-Za-z]|#[0-9]|(?i:\bgh-[0-9])|[\x{200e}\x{200f}\x{202a}-\x{202e}\x{e0000}-\x{e01ef}]`)

// FuzzMarkdown shows any text in a browser as it is, and notifies nobody.
func FuzzMarkdown(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	safe := regexp.MustCompile(`^(?:[^\x00-\x20!-+:-@[-` + "`" + `{-\x7f]|[ ,./-]|&#[0-9]+;|<br>)*$`)
	f.Fuzz(func(t *testing.T, text string) {
		out := md(text)
		if !safe.MatchString(out) {
			t.Errorf("%q becomes %q", text, out)
		}
		page := html.UnescapeString(out)
		if ref := references.FindString(page); ref != "" {
			t.Errorf("%q becomes %q, in which GitHub finds %q", text, out, ref)
		}
		if !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r > 0x7e }) {
			if shown := strings.ReplaceAll(page, "\u200b", ""); shown != strings.TrimSpace(text) {
				t.Errorf("%q is shown as %q", text, shown)
			}
		}
	})
}

// FuzzAnnotation reads back what the runner would.
func FuzzAnnotation(f *testing.F) {
	for _, text := range hostile {
		f.Add(text, text)
	}
	unescape := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
	f.Fuzz(func(t *testing.T, title, text string) {
		line := annotation{level: "error", title: title, text: text}.String()
		m := regexp.MustCompile(`^::error (?:title=([^,:\r\n]*))?::([^\r\n]*)\n$`).FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%q, %q become %q", title, text, line)
		}
		if got := unescape.Replace(m[1]); got != title {
			t.Errorf("title %q is read as %q", title, got)
		}
		if got := unescape.Replace(m[2]); got != text {
			t.Errorf("text %q is read as %q", text, got)
		}
	})
}
