package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// library is a repository in which every example of the help, and the commands of
// docs/, can be run: two environments, skills with versions, commits and a tag.
type library struct {
	*reader
	asset string // the id of skills/eks-triage in staging
}

// librarySetup makes it, in the directory "w". What is edited last is not published.
const librarySetup = `git init -q -b main w && cd w
printf 'environments:\n  staging: {region: eu-west-1, agent_space: sp-1a2b3c4d}\n  prod: {region: eu-west-1, agent_space: sp-prod}\ntargets:\n  - path: skills/**\n    metadata: {agent_types: [GENERIC]}\n' >assetsync.yaml
skill() {
  mkdir -p $1/references
  printf -- '---\nname: %s\ndescription: Look at the age of the backlog when workers fall behind, and find out which of them is stuck and why that is.\n---\n# Steps\n1. Look.\n[Limits](references/limits.md)\n' ${1##*/} >$1/SKILL.md
  echo 1 >$1/references/limits.md
}
skill skills/eks-triage && skill skills/queue-backlog && skill my-skill && skill ../new/eks-triage
git add . && git commit -qm first && git tag v1.2 && git tag v1.4.0 && git update-ref refs/remotes/origin/main HEAD
assetsync push && assetsync --env prod push
for n in second third; do
  for name in eks-triage queue-backlog; do echo $n >>skills/$name/references/limits.md; done
  git commit -qam $n && assetsync push
done
echo fourth >>skills/eks-triage/SKILL.md`

func newLibrary(t *testing.T) *library {
	t.Helper()
	for _, program := range []string{"sh", "git"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the commands need %s", program)
		}
	}
	p := &library{reader: newReader(t)}
	sts := startSTS("123456789012")
	t.Cleanup(sts.Close)
	p.env = append(p.env, "AWS_ENDPOINT_URL_STS="+sts.URL, "ASSETSYNC_ENV=staging", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	p.run(t, "set -e\n"+librarySetup)
	out, err := p.output("w", "assetsync asset list --type skill")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "eks-triage") {
			p.asset = strings.Fields(line)[0]
		}
	}
	return p
}

// output runs a command line in a directory of the library, and returns what it
// prints on both ways out.
func (p *library) output(dir, line string) (string, error) {
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = filepath.Join(p.dir, dir), p.env, &out, &out
	err := cmd.Run()
	return out.String(), err
}

// trial is how an example is run that is not run as it stands.
type trial struct {
	before string // what makes it possible, for a shell in the repository
	in     string // the directory where it is run; "" for the repository
	env    string // what is set for it alone, as a shell writes it
	code   int
	only   string // why only its words and flags are looked at
}

// An example that asks for what it has not is run after what is in its row.
var trials = map[string]trial{
	"assetsync init": {before: "mkdir ../i1 && cp -r skills ../i1", in: "i1"},
	"assetsync init --region eu-west-1 --agent-space sp-1a2b3c4d --pin":        {before: "mkdir ../i2 && cp -r skills ../i2", in: "i2"},
	"assetsync init --scan --agent-type CHAT --agent-type INCIDENT_RCA":        {before: "mkdir ../i3 && cp -r skills ../i3", in: "i3"},
	"assetsync init skills/eks-triage --endpoint embedded --asset ki-5b1c9f3a": {only: "an embedded remote has no asset yet; init_adopt.txtar makes one"},
	"assetsync status --exit-code":                                             {before: "echo 5 >>skills/eks-triage/SKILL.md", code: differsCode},
	"assetsync plan skills/eks-triage --exit-code":                             {before: "echo 6 >>skills/eks-triage/SKILL.md", code: differsCode},
	"assetsync push --rev v1.4.0":                                              {before: "git checkout -q . && assetsync push --prefer local", code: 3}, // a newer commit is live
	"assetsync push ./my-skill --endpoint embedded --agent-type INCIDENT_RCA":  {env: "ASSETSYNC_ENV="},
	"assetsync push --plan plan.json":                                          {before: "assetsync plan -o plan.json"},
	"assetsync pull skills/eks-triage --version 3 --to /tmp/v3":                {only: "it writes to a place outside of the test"},
	"assetsync watch":                                          {only: forever},
	"assetsync watch skills/eks-triage":                        {only: forever},
	"assetsync watch --metrics 9090":                           {only: forever},
	"assetsync watch --status":                                 {only: "there is no daemon; the recipes have one"},
	"assetsync watch --pause skills/eks-triage":                {only: "there is no daemon; the recipes have one"},
	"assetsync resolve --theirs skills/eks-triage/SKILL.md":    {before: conflicting},
	"assetsync resolve --merged skills/eks-triage/SKILL.md":    {before: conflicting},
	"assetsync prune --assets --yes":                           {before: "ASSETSYNC_ENV= assetsync push ./my-skill --region eu-west-1 --agent-space sp-1a2b3c4d --type skill"},
	"assetsync prune --assets --delete --confirm ki-5b1c9f3a":  {only: "nothing was retired with this id; prune.txtar has one"},
	"assetsync verify":                                         {before: "assetsync push"},
	"assetsync verify --rev HEAD":                              {before: "git commit -qam more && assetsync push"},
	"assetsync emulator --addr 127.0.0.1:8080 --data ./assets": {only: forever},
	"assetsync emulator --quirk create-existing=overwrite --fault op=UpdateAsset,nth=2,kind=throttle": {only: forever},
	"assetsync probe --env staging":              {only: "it asks first; probe.txtar answers"},
	"assetsync probe --env staging --yes --json": {only: "it takes a minute; probe.txtar runs it"},
	"assetsync probe --show":                     {code: 1},
	"assetsync asset create skill --from ./eks-triage --metadata 'agent_types=[\"CHAT\"]' --dry-run": {before: "cp -r ../new/eks-triage . && sed -i.was 's/^name: .*/name: new-one/' eks-triage/SKILL.md && rm eks-triage/*.was"},
	"assetsync github-report --code 3 result.json":                                                   {before: "assetsync plan --json >result.json || true"},
}

const (
	forever = "it would not end"

	// conflicting makes both sides change one line, and shows it.
	conflicting = "git checkout -q -f . && git worktree add -qf ../other HEAD; " +
		"echo $RANDOM$$ >>../other/skills/eks-triage/SKILL.md && assetsync -C ../other push skills/eks-triage --prefer local && " +
		"echo here$$ >>skills/eks-triage/SKILL.md; assetsync pull skills/eks-triage; test $? = 3"
)

// TestExamplesRun runs the examples of the help of every command, in their order.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	p := newLibrary(t)
	seen := map[string]bool{}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for line := range strings.Lines(cmd.Example) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "   ")
			if !seen[line] {
				seen[line] = true
				p.try(t, line)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&app{}).rootCommand())
	for line := range trials {
		if !seen[line] {
			t.Errorf("%q is no example any more", line)
		}
	}
}

// TestEveryVerbHasAScript asks for a script that runs each command, and for one that
// reads what it prints with --json.
func TestEveryVerbHasAScript(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "assetsync ") {
				lines = append(lines, strings.TrimSpace(line)+" ")
			}
		}
	}
	noJSON := []string{"emulator", "completion"} // one does not end, one prints for a shell
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
		name := commandName(cmd)
		if cmd.HasSubCommands() || cmd.Hidden || cmd.Name() == "help" || cmd.Parent().Name() == "completion" {
			return
		}
		has := func(what string) bool {
			return slices.ContainsFunc(lines, func(line string) bool {
				return strings.Contains(line, " "+name+" ") && strings.Contains(line, what)
			})
		}
		if !has("") {
			t.Errorf("no script runs %s", name)
		}
		if !has(" --json ") && !slices.Contains(noJSON, name) {
			t.Errorf("no script runs %s with --json", name)
		}
	}
	visit((&app{}).rootCommand())
}

// try runs one example.
func (p *library) try(t *testing.T, line string) {
	t.Helper()
	how := trials[line]
	if how.only != "" {
		checkCommandLine(t, line)
		return
	}
	if how.before != "" {
		if out, err := p.output("w", how.before); err != nil {
			t.Fatalf("before %s: %s: %v\n%s", line, how.before, err, out)
		}
	}
	in := how.in
	if in == "" {
		in = "w"
	}
	began := time.Now()
	out, err := p.output(in, how.env+" "+strings.ReplaceAll(line, "ki-5b1c9f3a", p.asset))
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if code != how.code {
		t.Errorf("%s: exit code %d, want %d\n%s", line, code, how.code, out)
	}
	if testing.Verbose() {
		t.Logf("$ %s  # %s\n%s", line, time.Since(began).Round(time.Millisecond), out)
	}
}
