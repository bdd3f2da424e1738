package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote/assettype"
	assetsync "assetsync/sync"
	"assetsync/sync/lint"
)

// untried are the rules that no script shows: the config refuses first, no
// target is of their type, a file would have to change while it is read. Tests
// of package assettype make their findings.
var untried = []string{
	"agent-skills", "agent-type-kind", "agent-type-required", "extension-dot", "extension-required",
	"filename-required", "no-zip", "null-value", "single-file", "size-kind", "size-required", "test-agent-type",
	"test-agent-type-required", "test-personas", "target-url-required", "text-kind", "unstable", "value-kind",
}

// TestLintRulesAreTried asks for a line with every other rule in the scripts.
func TestLintRulesAreTried(t *testing.T) {
	text := readDoc(t, "cmd/assetsync/testdata/script/lint_rules.txtar")
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^stdout '.*\\\(([a-z-]+)\\\)\$'$`).FindAllStringSubmatch(text, -1) {
		got = append(got, m[1])
	}
	for _, r := range lint.Rules() {
		if !slices.Contains(untried, r.ID) {
			want = append(want, r.ID)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if d := cmp.Diff(want, slices.Compact(got)); d != "" {
		t.Errorf("rules tried (-want +got):\n%s", d)
	}
}

// TestLintManual tries the words and flags of the commands in docs/lint.md.
func TestLintManual(t *testing.T) {
	for _, commands := range shellBlocks(t, "docs/lint.md") {
		for _, c := range commands {
			checkCommandLine(t, c)
		}
	}
}

// TestLintFailure shows in each form a target that could not be looked at
// beside one with a finding.
func TestLintFailure(t *testing.T) {
	dir := t.TempDir()
	results := []lintTarget{
		{Target: "a", Outcome: assetsync.Failed, Error: &assetsync.Error{Kind: assetsync.KindFailed, Message: "read a: 5% done", Hint: "again"}},
		{Target: "b", Outcome: assetsync.Blocked, Errors: 1, Findings: []lintFinding{{
			lint.Finding{Rule: "extension", Severity: assettype.Error, Path: "x:y.sh", Message: "no", Fix: "rename it"}, filepath.Join(dir, "x:y.sh"),
		}}},
	}
	var stdout, stderr bytes.Buffer
	a := &app{stdout: &stdout, stderr: &stderr, getenv: func(string) (string, bool) { return "", false }, base: dir, cwd: dir, worktrees: &worktrees{}}
	if err := a.writeLintGithub(results); err != nil {
		t.Fatal(err)
	}
	want := "::error file=x%3Ay.sh,title=assetsync%3A extension::no%0Afix: rename it\n::error title=assetsync%3A a::read a: 5%25 done%0Ahint: again\n"
	if d := cmp.Diff(want, stdout.String()); d != "" {
		t.Errorf("github (-want +got):\n%s", d)
	}
	if want := "assetsync: a: read a: 5% done\nhint: again\n"; !strings.Contains(stderr.String(), "read a: 5% done\nhint: again\n") {
		t.Errorf("people are told %q, want %q", stderr.String(), want)
	}
	stdout.Reset()
	if err := a.writeSARIF(results); err != nil {
		t.Fatal(err)
	}
	var log sarifLog
	if err := json.Unmarshal(stdout.Bytes(), &log); err != nil {
		t.Fatal(err)
	}
	invocation := sarifInvocation{Notifications: []sarifNotification{{"error", sarifText{"a: read a: 5% done\nhint: again"}}}}
	if d := cmp.Diff([]sarifInvocation{invocation}, log.Runs[0].Invocations); d != "" {
		t.Errorf("invocations (-want +got):\n%s", d)
	}
	if got := log.Runs[0].Results[0].Locations[0].Physical.Artifact.URI; got != "./x:y.sh" { // else x would be a scheme
		t.Errorf("uri %q", got)
	}
	if got := lintCode(results, false); got != 1 {
		t.Errorf("exit code %d, want that of the failure", got)
	}
}

// TestInRepository names files from the top of the repository.
func TestInRepository(t *testing.T) {
	dir := t.TempDir()
	base := filepath.Join(dir, "assets")
	for _, d := range []string{".git/objects", ".git/refs", "assets/skills"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.FromSlash(d)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(base, "skills", "a.md")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	workspace := ""
	a := &app{base: base, getenv: func(string) (string, bool) { return workspace, workspace != "" }, worktrees: &worktrees{}}
	if got := a.inRepository(file); got != "skills/a.md" { // what is there is no repository
		t.Errorf("from the config: %q", got)
	}
	if err := os.WriteFile(filepath.Join(dir, ".git", "HEAD"), []byte("ref: refs/heads/main\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := a.inRepository(file); got != "assets/skills/a.md" {
		t.Errorf("from the repository: %q", got)
	}
	workspace = filepath.Join(base, "skills")
	if got := a.inRepository(file); got != "a.md" {
		t.Errorf("from the workspace: %q", got)
	}
	if err := a.worktrees.close(); err != nil {
		t.Error(err)
	}
}
