//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// TestActionFile holds action.yml to its scripts, and keeps inputs out of what
// a shell reads.
func TestActionFile(t *testing.T) {
	a := readAction(t)
	if a.Runs.Using != "composite" || len(a.Runs.Steps) != 2 {
		t.Fatalf("action.yml has %d steps of %q", len(a.Runs.Steps), a.Runs.Using)
	}
	if d := cmp.Diff([]string{"changed", "comment", "exit-code", "json", "version"}, slices.Sorted(maps.Keys(a.Outputs))); d != "" {
		t.Errorf("outputs (-want +got):\n%s", d)
	}
	used := map[string]bool{}
	for _, step := range a.Runs.Steps {
		checkRun(t, "action.yml", step.Run)
		script := regexp.MustCompile(`/(\.github/action/[a-z]+\.sh)"$`).FindStringSubmatch(step.Run)
		if script == nil || step.Shell != "bash" {
			t.Errorf("step %s runs %q in %q", step.ID, step.Run, step.Shell)
			continue
		}
		text := readDoc(t, script[1])
		if !strings.HasPrefix(text, "#!/usr/bin/env bash\n") || !strings.Contains(text, "\nset -euo pipefail\n") || strings.Contains(text, "eval") {
			t.Errorf("%s is not as strict as it should be", script[1])
		}
		for name, value := range step.Env {
			if !strings.Contains(text, name) {
				t.Errorf("%s does not use %s", script[1], name)
			}
			used[value] = true
		}
	}
	doc := readDoc(t, "docs/ci.md")
	for _, name := range append(slices.Sorted(maps.Keys(a.Inputs)), slices.Sorted(maps.Keys(a.Outputs))...) {
		if !strings.Contains(doc, "\n| `"+name+"` |") {
			t.Errorf("docs/ci.md does not say what %s is", name)
		}
	}
	for name := range a.Inputs {
		if !used["${{ inputs."+name+" }}"] {
			t.Errorf("nobody uses the input %s", name)
		}
	}
}

// checkRun refuses expressions in what a shell reads: what a value holds would
// be a part of the command.
func checkRun(t *testing.T, where, run string) {
	t.Helper()
	if strings.Contains(run, "${{") {
		t.Errorf("%s: an expression is a part of a command: %s", where, run)
	}
}

// workflow is a workflow of GitHub.
type workflow struct {
	On          map[string]any
	Permissions map[string]string
	Jobs        map[string]struct {
		If          string
		Permissions map[string]string
		Concurrency map[string]any
		Needs       string
		Environment string
		Steps       []actionStep
	}
}

// TestGithubPlanWorkflow holds the workflow with an approval to what it promises.
func TestGithubPlanWorkflow(t *testing.T) {
	const name = "docs/ci/github-plan.yml"
	var w workflow
	if err := yaml.Unmarshal([]byte(readDoc(t, name)), &w); err != nil {
		t.Fatal(err)
	}
	inputs := readAction(t).Inputs
	runs := map[string]string{}
	for id, job := range w.Jobs {
		for _, step := range job.Steps {
			checkRun(t, name, step.Run)
			if action, _, _ := strings.Cut(step.Uses, "@"); action == "OWNER/assetsync" {
				runs[id] = commandOf(t, step, inputs)
				if step.With["plan"] != "${{ runner.temp }}/plan.json" {
					t.Errorf("%s: the plan is %v", id, step.With["plan"])
				}
			}
			if step.With["fetch-depth"] != nil && fmt.Sprint(step.With["fetch-depth"]) != "0" {
				t.Errorf("%s: the history is cut off", id)
			}
		}
	}
	if d := cmp.Diff(map[string]string{"plan": "assetsync plan", "push": "assetsync push"}, runs); d != "" {
		t.Errorf("its jobs run (-want +got):\n%s", d)
	}
	if push := w.Jobs["push"]; push.Needs != "plan" || push.Environment != "production" || push.Permissions["pull-requests"] != "" || push.Concurrency["cancel-in-progress"] != false {
		t.Errorf("the job that publishes waits for %q and %q, may %q", push.Needs, push.Environment, push.Permissions)
	}
	for _, doc := range []string{"README.md", "docs/ci.md"} {
		if !strings.Contains(readDoc(t, doc), "ci/github-plan.yml)") {
			t.Errorf("%s does not show the workflow", doc)
		}
	}
}

// TestGithubWorkflow holds the workflow that people copy to what it promises.
func TestGithubWorkflow(t *testing.T) {
	const name = "docs/ci/github.yml"
	var w workflow
	if err := yaml.Unmarshal([]byte(readDoc(t, name)), &w); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"pull_request", "push"}, slices.Sorted(maps.Keys(w.On))); d != "" {
		t.Errorf("it runs on (-want +got):\n%s", d)
	}
	inputs := readAction(t).Inputs
	runs := map[string]string{}
	for id, job := range w.Jobs {
		if d := cmp.Diff(map[string]string{"contents": "read", "id-token": "write"}, job.Permissions); d != "" {
			t.Errorf("%s: permissions (-want +got):\n%s", id, d)
		}
		for _, step := range job.Steps {
			checkRun(t, name, step.Run)
			action, _, _ := strings.Cut(step.Uses, "@")
			switch action {
			case "actions/checkout":
				if fmt.Sprint(step.With["fetch-depth"]) != "0" {
					t.Errorf("%s: the history is cut off", id)
				}
			case "actions/cache", "actions/cache/restore":
				if step.With["path"] != ".assetsync/history.git" {
					t.Errorf("%s: it keeps %v: an old base would be taken for the last", id, step.With["path"])
				}
			case "aws-actions/configure-aws-credentials":
				role := fmt.Sprintf("${{ vars.ASSETSYNC_%s_ROLE }}", strings.ToUpper(id))
				if step.With["role-to-assume"] != role {
					t.Errorf("%s: the role is %v, want %s", id, step.With["role-to-assume"], role)
				}
			case "OWNER/assetsync":
				runs[id] = commandOf(t, step, inputs)
			default:
				t.Errorf("%s uses %s", id, step.Uses)
			}
		}
	}
	if d := cmp.Diff(map[string]string{"plan": "assetsync push --dry-run", "push": "assetsync push"}, runs); d != "" {
		t.Errorf("its jobs run (-want +got):\n%s", d)
	}
	if w.Jobs["push"].Concurrency["cancel-in-progress"] != false {
		t.Error("a job that publishes is cut short by the next one")
	}
	if !strings.Contains(readDoc(t, "README.md"), "](docs/ci/github.yml)") {
		t.Error("README does not show the workflow")
	}
}

// commandOf is the command line that a use of the action runs.
func commandOf(t *testing.T, step actionStep, inputs map[string]struct{ Default string }) string {
	t.Helper()
	words := []string{"assetsync", inputs["command"].Default}
	for name, value := range step.With {
		if _, ok := inputs[name]; !ok {
			t.Errorf("the action has no input %s", name)
		}
		switch name {
		case "command":
			words[1] = fmt.Sprint(value)
		case "args":
			words = append(words, strings.Fields(fmt.Sprint(value))...)
		}
	}
	line := strings.Join(words, " ")
	checkCommandLine(t, line)
	return line
}

// pipelineJob is a job of GitLab.
type pipelineJob struct {
	Extends       string
	Image         string
	IDTokens      map[string]map[string]string `yaml:"id_tokens"`
	Variables     map[string]string
	BeforeScript  []string `yaml:"before_script"`
	Script        []string
	Rules         []map[string]string
	ResourceGroup string `yaml:"resource_group"`
	Interruptible *bool
	Cache         struct {
		Key    string
		Paths  []string
		Policy string
	}
}

func readPipeline(t *testing.T) (jobs map[string]pipelineJob) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte(readDoc(t, "docs/ci/gitlab.yml")), &jobs, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return jobs
}

// TestGitlabPipeline holds the jobs that people include to what they promise.
func TestGitlabPipeline(t *testing.T) {
	jobs := readPipeline(t)
	if d := cmp.Diff([]string{".assetsync", "assetsync-plan", "assetsync-push"}, slices.Sorted(maps.Keys(jobs))); d != "" {
		t.Fatalf("jobs (-want +got):\n%s", d)
	}
	all := jobs[".assetsync"]
	if all.Variables["GIT_DEPTH"] != "0" || all.IDTokens["ASSETSYNC_ID_TOKEN"]["aud"] == "" {
		t.Errorf("all jobs have variables %q and tokens %q", all.Variables, all.IDTokens)
	}
	for id, want := range map[string]string{"plan": "assetsync push --dry-run", "push": "assetsync push"} {
		job := jobs["assetsync-"+id]
		if d := cmp.Diff([]string{want}, job.Script); d != "" || job.Extends != ".assetsync" {
			t.Errorf("%s extends %s and runs (-want +got):\n%s", id, job.Extends, d)
		}
		checkCommandLine(t, want)
		if role := "$ASSETSYNC_" + strings.ToUpper(id) + "_ROLE"; job.Variables["AWS_ROLE_ARN"] != role {
			t.Errorf("%s: the role is %s, want %s", id, job.Variables["AWS_ROLE_ARN"], role)
		}
		if d := cmp.Diff([]string{".assetsync/history.git"}, job.Cache.Paths); d != "" {
			t.Errorf("%s keeps (-want +got):\n%s", id, d)
		}
	}
	if push := jobs["assetsync-push"]; push.ResourceGroup == "" || push.Interruptible == nil || *push.Interruptible {
		t.Error("two jobs may publish at once, or one is cut short")
	}
}

// TestGitlabScript runs the jobs' scripts in a shell, as GitLab does: the
// release is downloaded and verified, the token lies in a file of its own.
func TestGitlabScript(t *testing.T) {
	for _, program := range []string{"sh", "wget", "sha256sum", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("there is no " + program)
		}
	}
	if runtime.GOOS != "linux" {
		t.Skip("the job is for Linux")
	}
	base := releases(t)
	server := httptest.NewServer(http.FileServer(http.Dir(base)))
	t.Cleanup(server.Close)
	work := t.TempDir()
	for name, text := range map[string]string{
		"assetsync.yaml":      "endpoint: embedded\ntargets:\n  - path: skills/**\n    metadata: {agent_types: [GENERIC]}\n",
		"skills/one/SKILL.md": "---\nname: one\ndescription: Look at the age of the backlog when workers fall behind.\n---\n",
	} {
		at := filepath.Join(work, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	jobs := readPipeline(t)
	run := func(script []string) (string, error) {
		cmd := exec.Command("sh", "-c", "set -e\n"+strings.Join(slices.Concat(jobs[".assetsync"].BeforeScript, script), "\n"))
		cmd.Dir = work
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir(), "GORACE="+raceOptions, "ASSETSYNC_RELEASES="+server.URL, "ASSETSYNC_VERSION=v1.2.3",
			"ASSETSYNC_ID_TOKEN=a.token.of $(false)", "CI_JOB_ID=12")
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	script := append([]string{`command -v assetsync`, `stat -c %a "$AWS_WEB_IDENTITY_TOKEN_FILE"`, `cat "$AWS_WEB_IDENTITY_TOKEN_FILE"`, `echo " $AWS_ROLE_SESSION_NAME"`},
		append(jobs["assetsync-plan"].Script, jobs["assetsync-push"].Script...)...)
	out, err := run(script)
	want := regexp.MustCompile(`(?s)/assetsync-v1\.2\.3-linux-[a-z0-9]+/assetsync\n600\na\.token\.of \$\(false\) assetsync-12\n.*skills/one  would create\n.*skills/one  created  v1`)
	if err != nil || !want.MatchString(out) {
		t.Errorf("%v:\n%s", err, out)
	}
	sums := filepath.Join(base, "download", "v1.2.3", "SHA256SUMS")
	if err := os.WriteFile(sums, []byte(regexp.MustCompile(`(?m)^[0-9a-f]{8}`).ReplaceAllString(readFile(t, sums), "00000000")), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := run([]string{"echo done"}); err == nil || strings.Contains(out, "done\n") {
		t.Errorf("with a wrong checksum: %v\n%s", err, out)
	}
}

// TestCIDoc tries the commands of docs/ci.md for their words and flags, and
// holds its policies to what the program prints.
func TestCIDoc(t *testing.T) {
	for _, commands := range shellBlocks(t, "docs/ci.md") {
		for _, c := range commands {
			if _, args, ok := strings.Cut(c, " assetsync "); ok && strings.HasPrefix(c, "docker run ") {
				c = "assetsync " + args
			}
			switch line, _, _ := strings.Cut(c, " > "); {
			case strings.HasPrefix(c, "assetsync "):
				checkCommandLine(t, line)
			case !strings.HasPrefix(c, "aws iam "):
				t.Errorf("%q is not tried", c)
			}
		}
	}
	env := Environment{Region: "eu-west-1", Account: "123456789012", AgentSpace: "sp-1a2b3c4d"}
	var blocks []map[string]any
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(readDoc(t, "docs/ci.md"), -1) {
		var block map[string]any
		if err := json.Unmarshal([]byte(m[1]), &block); err != nil {
			t.Fatalf("%v in\n%s", err, m[1])
		}
		blocks = append(blocks, block)
	}
	printed, err := json.Marshal(env.policy("push", policyActions["push"]()))
	var want map[string]any
	if err == nil {
		err = json.Unmarshal(printed, &want)
	}
	if err != nil || len(blocks) != 3 {
		t.Fatalf("%d blocks, %v", len(blocks), err)
	}
	if d := cmp.Diff(want, blocks[0]); d != "" {
		t.Errorf("the policy (-printed +docs):\n%s", d)
	}
}
