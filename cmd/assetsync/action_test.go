//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// actionFile is what action.yml says.
type actionFile struct {
	Inputs  map[string]struct{ Default string }
	Outputs map[string]struct{ Value string }
	Runs    struct {
		Using string
		Steps []actionStep
	}
}

type actionStep struct {
	ID    string
	Name  string
	If    string
	Uses  string
	With  map[string]any
	Shell string
	Env   map[string]string
	Run   string
}

func readAction(t *testing.T) (a actionFile) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte(readDoc(t, "action.yml")), &a, yaml.AllowDuplicateMapKey()); err != nil {
		t.Fatal(err)
	}
	return a
}

// actionDir is where the scripts of the action are.
func actionDir(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs(filepath.Join(root, ".github", "action"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// job is a job of GitHub in which the action is used: its directories, and what
// its steps have left.
type job struct {
	*testing.T
	temp, workspace string
	env             []string
	log             string
	commands        []string
	outputs         map[string]string
	summary         string
}

// runnerNames are what GitHub's runner calls systems and processors.
var runnerNames = map[string]string{"linux": "Linux", "darwin": "macOS", "amd64": "X64", "arm64": "ARM64"}

// newJob makes a job whose workspace has a skill and a config for a remote.
func newJob(t *testing.T, remote string) *job {
	t.Helper()
	for _, program := range []string{"bash", "curl", "tar"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("there is no " + program)
		}
	}
	if runnerNames[runtime.GOOS] == "" || runnerNames[runtime.GOARCH] == "" {
		t.Skip("the action is not for this system")
	}
	j := &job{T: t, temp: t.TempDir(), workspace: t.TempDir()}
	j.save("assetsync.yaml", "endpoint: "+remote+"\nagent_space: sp-1\ntargets:\n  - path: skills/**\n    metadata: {agent_types: [GENERIC]}\n")
	j.save("skills/one/SKILL.md", skillText("one"))
	j.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + j.temp, "GORACE=" + raceOptions,
		"RUNNER_TEMP=" + j.temp, "RUNNER_OS=" + runnerNames[runtime.GOOS], "RUNNER_ARCH=" + runnerNames[runtime.GOARCH], "GITHUB_WORKSPACE=" + j.workspace}
	return j
}

func (j *job) save(name, text string) {
	j.Helper()
	at := filepath.Join(j.workspace, filepath.FromSlash(name))
	err := os.MkdirAll(filepath.Dir(at), 0o755)
	if err == nil {
		err = os.WriteFile(at, []byte(text), 0o644)
	}
	if err != nil {
		j.Fatal(err)
	}
}

// use uses the action with inputs: it runs its steps one after the other, as
// they are written, until one fails. It returns the code of the last.
func (j *job) use(inputs map[string]string) int {
	j.Helper()
	a := readAction(j.T)
	known := map[string]string{"github.server_url": "http://127.0.0.1:1"}
	for name, input := range a.Inputs {
		known["inputs."+name] = input.Default
	}
	for name, value := range inputs {
		if _, ok := a.Inputs[name]; !ok {
			j.Fatalf("the action has no input %s", name)
		}
		known["inputs."+name] = value
	}
	j.log, j.commands, j.outputs = "", nil, nil
	code := 0
	for _, step := range a.Runs.Steps {
		var outputs map[string]string
		if code, outputs = j.step(step, known); code != 0 && step.ID != "run" {
			return code
		}
		for name, value := range outputs {
			known["steps."+step.ID+".outputs."+name] = value
		}
	}
	j.outputs = map[string]string{}
	for name, output := range a.Outputs {
		j.outputs[name] = fill(j.T, output.Value, known)
	}
	return code
}

// step runs one step as the runner does.
func (j *job) step(step actionStep, known map[string]string) (int, map[string]string) {
	j.Helper()
	top, err := filepath.Abs(root)
	if err != nil {
		j.Fatal(err)
	}
	files := map[string]string{"GITHUB_OUTPUT": "", "GITHUB_PATH": "", "GITHUB_STEP_SUMMARY": ""}
	env := append([]string{"GITHUB_ACTION_PATH=" + top}, j.env...)
	for name := range files {
		f, err := os.CreateTemp(j.temp, name)
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			j.Fatal(err)
		}
		files[name] = f.Name()
		env = append(env, name+"="+f.Name())
	}
	for name, value := range step.Env {
		env = append(env, name+"="+fill(j.T, value, known))
	}
	var out bytes.Buffer
	cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.Run)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = j.workspace, env, &out, &out
	code, exit := 0, (*exec.ExitError)(nil)
	if err := cmd.Run(); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		j.Fatal(err)
	}
	commands, log := obeyCommands(out.String())
	j.commands, j.log = append(j.commands, commands...), j.log+log
	j.summary = readFile(j.T, files["GITHUB_STEP_SUMMARY"])
	if added := strings.TrimSpace(readFile(j.T, files["GITHUB_PATH"])); added != "" {
		j.env = append(j.env, "PATH="+added+":"+os.Getenv("PATH"))
	}
	return code, readOutputs(j.T, files["GITHUB_OUTPUT"])
}

var expression = regexp.MustCompile(`\$\{\{ *([a-z_.-]+) *\}\}`)

// fill puts values into expressions; what is not known is empty.
func fill(t *testing.T, text string, known map[string]string) string {
	t.Helper()
	return expression.ReplaceAllStringFunc(text, func(e string) string { return known[expression.FindStringSubmatch(e)[1]] })
}

// program makes a file of this test's binary, which is assetsync by that name.
func program(t *testing.T, name string) {
	t.Helper()
	if err := linkProgram(name); err != nil {
		t.Fatal(err)
	}
}

func linkProgram(name string) error {
	exe, err := os.Executable()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o755)
	}
	if err != nil || os.Link(exe, name) == nil {
		return err
	}
	data, err := os.ReadFile(exe) // on another disk
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o755)
}

// releases makes a place with one release, v1.2.3, by the program that make
// dist uses.
func releases(t *testing.T) string {
	t.Helper()
	base, err := madeReleases()
	if err != nil {
		t.Fatal(err)
	}
	return base
}

// madeReleases makes the releases once for all tests, which only read them: to
// pack a program takes seconds. TestMain removes them.
var madeReleases = sync.OnceValues(func() (string, error) {
	base := filepath.Join(shared, "releases")
	if err := linkProgram(filepath.Join(base, "bin", fmt.Sprintf("assetsync-%s-%s", runtime.GOOS, runtime.GOARCH))); err != nil {
		return "", err
	}
	out := filepath.Join(base, "download", "v1.2.3")
	dist := exec.Command("go", "run", "-trimpath", "./internal/dist", "-version", "v1.2.3", "-bin", filepath.Join(base, "bin"), "-out", out, runtime.GOOS+"/"+runtime.GOARCH)
	dist.Dir, dist.Env = root, append(os.Environ(), "CGO_ENABLED=0") // as make dist, which has compiled it
	if text, err := dist.CombinedOutput(); err != nil {
		return "", fmt.Errorf("dist: %w\n%s", err, text)
	}
	err := os.MkdirAll(filepath.Join(base, "latest"), 0o755)
	if err == nil {
		err = os.Symlink(out, filepath.Join(base, "latest", "download"))
	}
	return base, err
})

// newRemote starts an emulator.
func newRemote(t *testing.T) string {
	t.Helper()
	cmd, url, err := startEmulator(t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = (&process{cmd}).stop() }) // it holds nothing
	return url
}

// TestAction publishes with a release that is downloaded.
func TestAction(t *testing.T) {
	base := releases(t)
	server := httptest.NewServer(http.FileServer(http.Dir(base)))
	t.Cleanup(server.Close)
	j := newJob(t, newRemote(t))

	if code := j.use(map[string]string{"download-base": server.URL, "args": "--dry-run"}); code != 0 {
		t.Fatalf("dry run: exit code %d\n%s", code, j.log)
	}
	want := map[string]string{"changed": "true", "version": "", "exit-code": "0"}
	j.expect(want, []string{"::notice title=assetsync%3A skills/one::would create"}, "| skills/one | would create |  | A SKILL.md |")

	if code := j.use(map[string]string{"download-base": "file://" + base, "version": "1.2.3"}); code != 0 {
		t.Fatalf("push: exit code %d\n%s", code, j.log)
	}
	want = map[string]string{"changed": "true", "version": "1", "exit-code": "0"}
	j.expect(want, nil, "| skills/one | created | v1 | A SKILL.md |")

	// The program is on the PATH of later steps.
	installed := exec.Command("bash", "-c", "command -v assetsync")
	installed.Env = j.env
	if out, err := installed.Output(); err != nil || !strings.HasPrefix(string(out), j.temp) {
		t.Errorf("a later step finds %q, %v", out, err)
	}
}

// expect looks at what a use of the action came to; nil commands are any.
func (j *job) expect(outputs map[string]string, commands []string, row string) {
	j.Helper()
	got := maps.Clone(j.outputs)
	if _, err := os.Stat(got["json"]); err != nil {
		j.Errorf("output json: %v", err)
	}
	delete(got, "json")
	if got["comment"] != "" {
		j.Errorf("output comment is %q", got["comment"])
	}
	delete(got, "comment")
	if d := cmp.Diff(outputs, got); d != "" {
		j.Errorf("outputs (-want +got):\n%s", d)
	}
	if d := cmp.Diff(commands, j.commands); commands != nil && d != "" {
		j.Errorf("commands (-want +got):\n%s", d)
	}
	if !strings.Contains("\n"+j.summary, "\n"+row+"\n") {
		j.Errorf("the summary has no row %q:\n%s", row, j.summary)
	}
}

// TestActionInputs passes inputs on as they are.
func TestActionInputs(t *testing.T) {
	j := newJob(t, newRemote(t))
	path := filepath.Join(j.temp, "assetsync")
	program(t, path)
	j.save("deep/er/assetsync.yaml", strings.Replace(readFile(t, filepath.Join(j.workspace, "assetsync.yaml")), "endpoint", "environments: {here: {endpoint", 1))
	text := readFile(t, filepath.Join(j.workspace, "deep", "er", "assetsync.yaml"))
	text = strings.Replace(text, "\nagent_space: sp-1\n", ", agent_space: sp-1}, there: {endpoint: embedded}}\n", 1)
	j.save("deep/er/assetsync.yaml", text)
	j.save("deep/er/skills/a b/SKILL.md", skillText("a-b"))
	j.save("deep/er/skills/c/SKILL.md", skillText("c"))
	marker := filepath.Join(j.temp, "marker")
	evil := "$(touch " + marker + ") `touch " + marker + "`; touch " + marker + " && \"${HOME}\" ' *"
	tests := []struct {
		name     string
		inputs   map[string]string
		code     int
		version  string
		commands []string
	}{
		{"lines are arguments", map[string]string{"working-directory": "deep/er", "env": "here", "args": "skills/a b\n--atomic\n"}, 0, "1", nil},
		{"words are arguments", map[string]string{"working-directory": "deep/er", "env": "here", "args": " --atomic  skills/c "}, 0, "1", nil},
		{"no arguments", map[string]string{"working-directory": "deep/er", "env": "here", "command": "status"}, 0, `{"skills/a b":1,"skills/c":1}`, nil},
		{"a command of two words", map[string]string{"command": "asset list"}, 0, "", nil},
		{"which environment", map[string]string{"working-directory": "deep/er"}, 2, "",
			[]string{"::error title=assetsync::assetsync.yaml has several environments and no default: here and there%0Ahint: choose with --env NAME or ASSETSYNC_ENV"}},
		{"hostile arguments", map[string]string{"args": evil}, 2, "", nil},
		{"hostile environment", map[string]string{"env": evil}, 2, "", nil},
		{"hostile directory", map[string]string{"working-directory": evil}, 2, "", nil},
		{"hostile command", map[string]string{"command": evil}, 2, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j.T = t
			tt.inputs["path"] = path
			if code := j.use(tt.inputs); code != tt.code {
				t.Errorf("exit code %d, want %d\n%s%s", code, tt.code, j.log, j.commands)
			}
			if _, err := os.Stat(marker); err == nil {
				t.Fatal("what an input says was executed")
			}
			if got := j.outputs["version"]; got != tt.version {
				t.Errorf("version %q, want %q", got, tt.version)
			}
			if d := cmp.Diff(tt.commands, j.commands); tt.commands != nil && d != "" {
				t.Errorf("commands (-want +got):\n%s", d)
			}
		})
	}
}

// TestActionHostileFiles runs the action over files whose names would be
// commands to the runner.
func TestActionHostileFiles(t *testing.T) {
	j := newJob(t, newRemote(t))
	path := filepath.Join(j.temp, "assetsync")
	program(t, path)
	for _, name := range []string{"a\n::add-mask::b.md", "::error::c.md", "##[add-mask]d.md", "`id` | <b>e.md", "::stop-commands::f.md"} {
		j.save("skills/one/"+name, "x\n")
	}
	if code := j.use(map[string]string{"path": path}); code != 4 {
		t.Errorf("exit code %d, want 4\n%s", code, j.log)
	}
	if len(j.commands) < 4 {
		t.Errorf("commands %q", j.commands)
	}
	for _, c := range j.commands {
		checkAnnotation(t, "a file name", c)
		if !strings.Contains(c, "title=assetsync%3A skills/one") {
			t.Errorf("the runner is told %q", c)
		}
	}
	checkSummary(t, "a file name", j.summary)
	if j.outputs["exit-code"] != "4" || j.outputs["changed"] != "false" {
		t.Errorf("outputs %q", j.outputs)
	}
}

// TestActionConflict keeps the exit code, and says where.
func TestActionConflict(t *testing.T) {
	j := newJob(t, newRemote(t))
	path := filepath.Join(j.temp, "assetsync")
	program(t, path)
	if code := j.use(map[string]string{"path": path}); code != 0 {
		t.Fatalf("exit code %d\n%s", code, j.log)
	}
	if err := os.RemoveAll(filepath.Join(j.workspace, ".assetsync")); err != nil {
		t.Fatal(err)
	}
	j.save("skills/one/SKILL.md", skillText("one")+"2. More.\n")
	if code := j.use(map[string]string{"path": path}); code != 3 {
		t.Errorf("exit code %d, want 3\n%s", code, j.log)
	}
	if len(j.commands) != 2 || !strings.HasPrefix(j.commands[0], "::error file=skills/one/SKILL.md,title=assetsync%3A skills/one/SKILL.md::conflict: ") {
		t.Errorf("commands %q", j.commands)
	}
	if j.outputs["exit-code"] != "3" || j.outputs["changed"] != "false" || j.outputs["version"] != "1" {
		t.Errorf("outputs %q", j.outputs)
	}
}

// TestActionInstall refuses what is not the release.
func TestActionInstall(t *testing.T) {
	base := releases(t)
	archive := fmt.Sprintf("assetsync-v1.2.3-%s-%s.tar.gz", runtime.GOOS, runtime.GOARCH)
	good := readFile(t, filepath.Join(base, "download", "v1.2.3", "SHA256SUMS"))
	at := func(name, sums, content string) string { // a place with another release
		dir := filepath.Join(t.TempDir(), "download", name)
		err := os.MkdirAll(dir, 0o755)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums), 0o644)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, archive), []byte(content), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return "file://" + filepath.Dir(filepath.Dir(dir))
	}
	tests := []struct {
		name   string
		inputs map[string]string
		env    []string
		want   string // a part of the error; "" for none
	}{
		{"the latest", map[string]string{"download-base": "file://" + base}, nil, ""},
		{"the action's own", map[string]string{"download-base": "file://" + base + "/"}, []string{"GITHUB_ACTION_PATH=/x/_actions/owner/assetsync/v1.2.3"}, ""},
		{"another than the action's", map[string]string{"download-base": "file://" + base}, []string{"GITHUB_ACTION_PATH=D:\\x\\_actions\\owner\\assetsync\\v4.5.6"}, "/download/v4.5.6/SHA256SUMS failed"},
		{"from GitHub", nil, []string{"GITHUB_ACTION_PATH=/x/_actions/owner/assetsync/main"}, "download of http://127.0.0.1:1/owner/assetsync/releases/latest/download/SHA256SUMS failed"},
		{"from nowhere", nil, nil, "give download-base, or path"},
		{"a wrong checksum", map[string]string{"download-base": at("v1.2.3", good, "something else"), "version": "v1.2.3"}, nil, "is not what SHA256SUMS says"},
		{"not in the list", map[string]string{"download-base": at("v1.2.3", "", "x"), "version": "v1.2.3"}, nil, "lists no archive for"},
		{"another version", map[string]string{"download-base": at("v1.2.4", good, "x"), "version": "v1.2.4"}, nil, "which is not v1.2.4"},
		{"no such release", map[string]string{"download-base": "file://" + base, "version": "v9.9.9"}, nil, "/download/v9.9.9/SHA256SUMS failed: does the release exist?"},
		{"a version that is a path", map[string]string{"download-base": "file://" + base, "version": "v1.2.3/../x"}, nil, "is neither vX.Y.Z nor latest"},
		{"a version of two lines", map[string]string{"download-base": "file://" + base, "version": "v1.2.3\n::add-mask::x"}, nil, "is neither vX.Y.Z nor latest"},
		{"another system", map[string]string{"download-base": "file://" + base}, []string{"RUNNER_OS=Plan9"}, "there is no assetsync for RUNNER_OS Plan9"},
		{"another processor", map[string]string{"download-base": "file://" + base}, []string{"RUNNER_ARCH=ARM"}, "there is no assetsync for RUNNER_ARCH ARM"},
		{"another protocol", map[string]string{"download-base": "gopher://127.0.0.1:1"}, nil, "failed: does the release exist?"},
		{"no program", map[string]string{"path": "bin/none"}, nil, "is no program"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			j := newJob(t, "embedded")
			j.env = append(j.env, tt.env...)
			a := readAction(t)
			known := map[string]string{"github.server_url": "http://127.0.0.1:1"}
			for name, value := range tt.inputs {
				known["inputs."+name] = value
			}
			step := a.Runs.Steps[0]
			step.Run = "bash " + filepath.Join(actionDir(t), "install.sh") // wherever the action is said to be
			code, outputs := j.step(step, known)
			if tt.want == "" {
				if code != 0 || !strings.HasSuffix(outputs["program"], "/assetsync") || !strings.Contains(j.log, "assetsync devel") {
					t.Errorf("exit code %d, outputs %q\n%s%s", code, outputs, j.log, j.commands)
				}
				return
			}
			if code != 1 || len(j.commands) != 1 || !strings.HasPrefix(j.commands[0], "::error title=assetsync::") || !strings.Contains(j.commands[0], tt.want) {
				t.Errorf("exit code %d, commands %q, want %q\n%s", code, j.commands, tt.want, j.log)
			}
			if outputs["program"] != "" {
				t.Errorf("it uses %s", outputs["program"])
			}
		})
	}
}

// TestActionPlan plans by one use of the action, and carries that out by another.
func TestActionPlan(t *testing.T) {
	j := newJob(t, newRemote(t))
	path := filepath.Join(j.temp, "assetsync")
	program(t, path)
	plan := map[string]string{"path": path, "command": "plan", "plan": "plan.json"}
	if code := j.use(plan); code != 0 {
		t.Fatalf("plan: exit code %d\n%s", code, j.log)
	}
	if comment := readFile(t, j.outputs["comment"]); !strings.Contains(comment, "| skills/one | would create |") || !strings.Contains(j.log, "A SKILL.md") {
		t.Errorf("comment:\n%s\nlog:\n%s", comment, j.log)
	}
	push := map[string]string{"path": path, "plan": "plan.json"}
	j.save("skills/one/more.md", "More.\n")
	if code := j.use(push); code != 3 || len(j.commands) != 1 || !strings.Contains(j.commands[0], `"more.md" is not in the plan`) {
		t.Errorf("push of another plan: exit code %d, %q\n%s", code, j.commands, j.log)
	}
	j.use(plan)
	if code := j.use(push); code != 0 || j.outputs["version"] != "1" || j.outputs["comment"] != "" {
		t.Errorf("push: exit code %d, outputs %q\n%s", code, j.outputs, j.log)
	}
}
