package main

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// TestReadme runs the commands of README and of the recipes in their order: those that need a
// clone in one that holds the demo, those that need an agent space against an
// emulator. What README shows as their output is what they print.
func TestReadme(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("the commands are written for a shell")
	}
	sections := shellBlocks(t, "README.md")
	maps.Copy(sections, shellBlocks(t, "docs/recipes.md"))
	r := newReader(t)
	for _, c := range sections["Try it"] {
		if target, ok := strings.CutPrefix(c, "make "); ok {
			checkMakeTarget(t, target)
			continue
		}
		r.run(t, strings.Replace(c, "go run ./cmd/assetsync", "assetsync", 1))
	}
	r.checkSample(t)
	for _, title := range []string{"Use it", "Without a config"} {
		for _, c := range sections[title] {
			r.run(t, strings.ReplaceAll(c, "assetsync ", "assetsync -C mine "))
		}
	}
	r.environments(t, sections["Environments"])
	r.hook(t, sections["Hook"])
	for _, c := range sections["In CI"] {
		if strings.HasPrefix(c, "aws ") {
			if !strings.Contains(readDoc(t, "docs/ci.md"), "\n"+c+"\n") {
				t.Errorf("docs/ci.md does not have %q", c)
			}
			continue
		}
		r.run(t, strings.Replace(c, "assetsync ", "assetsync -C mine ", 1))
	}
	r.watch(t, sections["Watch"])
	r.history(t, sections["History"])
	for _, c := range sections["Lint"] {
		r.run(t, strings.Replace(c, "assetsync ", "assetsync -C mine ", 1))
	}
	for _, c := range sections["Conflicts"] {
		checkCommandLine(t, c) // there is none; resolve.txtar has some
	}
	for _, c := range sections["Going back"] { // from the versions that history made
		r.run(t, strings.Replace(c, "assetsync ", "assetsync -C mine ", 1))
	}
	for _, c := range sections["Rehearse without AWS"] {
		checkCommandLine(t, c) // it would not end
	}
	delete(sections, "Try it")
	delete(sections, "Use it")
	delete(sections, "Environments")
	delete(sections, "History")
	delete(sections, "Going back")
	delete(sections, "Watch")
	delete(sections, "Hook")
	delete(sections, "Without a config")
	delete(sections, "In CI")
	delete(sections, "Lint")
	delete(sections, "Conflicts")
	delete(sections, "Rehearse without AWS")
	for title := range sections {
		t.Errorf("the commands of section %q are not tried", title)
	}
}

var (
	docLink    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	docHeading = regexp.MustCompile("(?m)^#+ (.*)$")
	codeBlock  = regexp.MustCompile("(?ms)^```.*?^```")
)

// TestDocLinks follows the links between documents, also to a heading.
func TestDocLinks(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	names = append(names, filepath.Join(root, "README.md"), filepath.Join(root, "CONTRIBUTING.md"), filepath.Join(root, "CHANGELOG.md"))
	followed := 0
	for _, name := range names {
		for _, m := range docLink.FindAllStringSubmatch(withoutCode(t, name), -1) {
			to, heading, _ := strings.Cut(m[1], "#")
			if strings.Contains(to, ":") {
				continue // elsewhere
			}
			at := name
			if to != "" {
				at = filepath.Join(filepath.Dir(name), filepath.FromSlash(to))
			}
			if _, err := os.Stat(at); err != nil {
				t.Errorf("%s: %s leads nowhere", name, m[1])
			} else if heading != "" && !hasHeading(withoutCode(t, at), heading) {
				t.Errorf("%s: %s has no such heading", name, m[1])
			}
			followed++
		}
	}
	if followed < 80 {
		t.Errorf("only %d links were found", followed)
	}
}

func withoutCode(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return codeBlock.ReplaceAllString(string(text), "")
}

// hasHeading compares as GitHub makes anchors: small letters, without signs.
func hasHeading(text, anchor string) bool {
	for _, m := range docHeading.FindAllStringSubmatch(text, -1) {
		made := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		if made == anchor {
			return true
		}
	}
	return false
}

// TestReadmeTable holds README's table of commands to their flags.
func TestReadmeTable(t *testing.T) {
	row := regexp.MustCompile("(?m)^\\| (`[a-z].*) \\| .* \\|$")
	flag := regexp.MustCompile("`(--[a-z-]+)")
	listed := map[string]bool{}
	for _, m := range row.FindAllStringSubmatch(readDoc(t, "README.md"), -1) {
		verb := strings.Trim(strings.Fields(m[1])[0], "`,")
		cmd, _, err := (&app{}).rootCommand().Find([]string{verb})
		if err != nil {
			t.Errorf("README: %v", err)
			continue
		}
		listed[verb] = true
		for _, f := range flag.FindAllStringSubmatch(m[0], -1) {
			if cmd.Flag(strings.TrimPrefix(f[1], "--")) == nil {
				t.Errorf("README: %s has no flag %s", verb, f[1])
			}
		}
	}
	for _, cmd := range (&app{}).rootCommand().Commands() {
		if !listed[cmd.Name()] && !cmd.Hidden && cmd.Name() != "help" {
			t.Errorf("README does not list %s", cmd.Name())
		}
	}
}

// TestContributing holds CONTRIBUTING's commands to the Makefile.
func TestContributing(t *testing.T) {
	for _, commands := range shellBlocks(t, "CONTRIBUTING.md") {
		for _, c := range commands {
			target, ok := strings.CutPrefix(c, "make ")
			if !ok {
				t.Errorf("CONTRIBUTING: %q is not tried", c)
				continue
			}
			checkMakeTarget(t, target)
		}
	}
}

// reader is somebody who follows README.
type reader struct {
	dir    string // holds testdata/demo, and mine, a repository of skills
	env    []string
	pushed string // what the last push of the demo printed
}

func newReader(t *testing.T) *reader {
	t.Helper()
	dir := t.TempDir()
	copyDir(t, demoDir, filepath.Join(dir, "testdata", "demo"))
	copyDir(t, filepath.Join(demoDir, "skills"), filepath.Join(dir, "mine", "skills"))
	copyDir(t, filepath.Join(demoDir, "skills", "queue-backlog"), filepath.Join(dir, "mine", "my-skill"))
	// Another name, for another asset.
	main := filepath.Join(dir, "mine", "my-skill", "SKILL.md")
	text, err := os.ReadFile(main)
	if err == nil {
		err = os.WriteFile(main, bytes.Replace(text, []byte("name: queue-backlog"), []byte("name: my-skill"), 1), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd, url, err := startEmulator(dir, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = (&process{cmd}).stop() }) // it holds nothing
	return &reader{dir: dir, env: append(os.Environ(),
		"GORACE="+raceOptions, "CI=", "HOME="+dir, "AWS_EC2_METADATA_DISABLED=true", "AWS_ENDPOINT_URL="+url,
		"AWS_ACCESS_KEY_ID=AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY=example-secret")}
}

// copyDir copies a directory, but for state that somebody left in it.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(to, ".assetsync")); err != nil {
		t.Fatal(err)
	}
}

// run runs one command line as a shell does.
func (r *reader) run(t *testing.T, line string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.dir, r.env, &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v\n%s%s", line, err, stdout.String(), stderr.String())
	}
	if strings.HasSuffix(line, " -C testdata/demo push") {
		r.pushed = stdout.String()
	}
}

// environments runs commands where the config has the environments that they
// name.
func (r *reader) environments(t *testing.T, commands []string) {
	t.Helper()
	copyDir(t, filepath.Join(r.dir, "mine", "skills"), filepath.Join(r.dir, "two", "skills"))
	config := "environments:\n  staging: {region: eu-west-1, agent_space: sp-stage}\n  prod: {region: eu-west-1, agent_space: sp-prod}\n" +
		"targets:\n  - path: skills/**\n"
	if err := os.WriteFile(filepath.Join(r.dir, "two", "assetsync.yaml"), []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range commands {
		r.run(t, strings.Replace(c, "assetsync ", "assetsync -C two ", 1))
	}
}

// history runs commands in a git repository, of an asset that has two versions.
func (r *reader) history(t *testing.T, commands []string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Log("without git, its commands are not tried")
		return
	}
	r.run(t, "echo More. >>mine/skills/queue-backlog/SKILL.md")
	r.run(t, "assetsync -C mine push")
	r.run(t, "git -C mine init -q")
	for _, message := range []string{"first", "second"} {
		r.run(t, "git -C mine add skills && git -C mine -c user.name=a -c user.email=a@example.com commit -q --allow-empty -m "+message)
	}
	for _, c := range commands {
		r.run(t, "cd mine && "+c)
	}
	r.run(t, "git -C mine log -1 refs/assetsync/default/skills%2fqueue-backlog/versions")
}

// checkSample compares README's sample of a push with what it printed.
func (r *reader) checkSample(t *testing.T) {
	t.Helper()
	sample := regexp.MustCompile("(?s)```\n\\$ assetsync push\n(.*?)```").FindStringSubmatch(readDoc(t, "README.md"))
	if sample == nil {
		t.Fatal("README shows no push")
	}
	got := regexp.MustCompile(`\(ki-[-0-9a-f]+\)`).ReplaceAllString(r.pushed, "(ki-…)")
	if d := cmp.Diff(sample[1], got); d != "" {
		t.Errorf("push prints (-README +got):\n%s", d)
	}
}

// hook runs the commands of the section on hooks, in a repository.
func (r *reader) hook(t *testing.T, commands []string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		return
	}
	r.run(t, "git init -q mine")
	for _, c := range commands {
		r.run(t, strings.Replace(c, "assetsync ", "assetsync -C mine ", 1))
	}
	if _, err := os.Stat(filepath.Join(r.dir, "mine", ".git", "hooks", "post-commit")); err != nil {
		t.Error(err)
	}
}

// watch runs the commands of the section on watching: the first one beside the
// others, which end it. The daemon of the demo prints what README shows.
func (r *reader) watch(t *testing.T, commands []string) {
	t.Helper()
	r.run(t, "assetsync -C testdata/demo push") // what was pulled before
	log, stop := r.startWatch(t, "testdata/demo")
	r.awaitInStep(t, "testdata/demo", 3) // a save during the first look is another story
	main := filepath.Join(r.dir, "testdata", "demo", "skills", "queue-backlog", "SKILL.md")
	text, err := os.ReadFile(main)
	if err == nil {
		err = os.WriteFile(main, append(text, "More.\n"...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	log.await(t, "published")
	stop()
	checkWatchSample(t, log.String())

	for _, c := range commands {
		switch target, isMake := strings.CutPrefix(c, "make "); {
		case isMake:
			checkMakeTarget(t, target)
		case strings.HasPrefix(c, "systemctl "):
			if !strings.Contains(readDoc(t, "docs/daemon.md"), "\n"+c+"\n") {
				t.Errorf("docs/daemon.md does not have %q", c)
			}
		case c == "assetsync watch":
			_, stop = r.startWatch(t, "mine")
		default:
			r.run(t, strings.Replace(c, "assetsync ", "assetsync -C mine ", 1))
		}
	}
	stop()
}

// awaitInStep waits until all targets of a daemon are in step.
func (r *reader) awaitInStep(t *testing.T, dir string, targets int) {
	t.Helper()
	var out []byte
	if !patiently(func() bool {
		cmd := exec.Command("assetsync", "-C", dir, "watch", "--status")
		cmd.Dir, cmd.Env = r.dir, r.env
		out, _ = cmd.Output() // the daemon may not answer yet
		return strings.Contains(string(out), fmt.Sprintf("\n%d in step\n", targets))
	}) {
		t.Fatalf("the daemon in %s is not in step:\n%s", dir, out)
	}
}

// startWatch starts a daemon in a directory, which logs for people. stop waits
// for its end, asking for it if nobody has.
func (r *reader) startWatch(t *testing.T, dir string) (log *watchLog, stop func()) {
	t.Helper()
	log = &watchLog{}
	cmd := exec.Command("assetsync", "-C", dir, "watch", "--log-format", "console")
	cmd.Dir, cmd.Env, cmd.Stderr = r.dir, r.env, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("watch: %v\n%s", err, log)
		}
	})
	t.Cleanup(stop)
	log.await(t, "watching ")
	return log, stop
}

// watchLog is what a daemon has logged so far.
type watchLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (l *watchLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns it.
func (l *watchLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *watchLog) await(t *testing.T, text string) {
	t.Helper()
	if !patiently(func() bool { return strings.Contains(l.String(), text) }) {
		t.Fatalf("watch never says %q:\n%s", text, l)
	}
}

// checkWatchSample compares the recipe's sample of a watch with what it logged, but
// for times and numbers.
func checkWatchSample(t *testing.T, log string) {
	t.Helper()
	sample := regexp.MustCompile("(?s)```\n\\$ assetsync watch\n(.*?)```").FindStringSubmatch(readDoc(t, "docs/recipes.md"))
	if sample == nil {
		t.Fatal("the recipes show no watch")
	}
	shape := func(text string) string {
		text, _, _ = strings.Cut(text, "  stopped")
		return regexp.MustCompile(`\d[0-9.]*(ms|s\b)?`).ReplaceAllString(text, "N")
	}
	if d := cmp.Diff(shape(sample[1]), strings.TrimSuffix(shape(log), "N:N:N")); d != "" {
		t.Errorf("watch prints (-recipe +got):\n%s", d)
	}
}

// shellBlocks returns the command lines of a document's sh blocks by the
// title of their section.
func shellBlocks(t *testing.T, name string) map[string][]string {
	t.Helper()
	blocks := map[string][]string{}
	title, inBlock := "", false
	for line := range strings.Lines(readDoc(t, name)) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inBlock = line == "```sh"
		case inBlock && line != "":
			blocks[title] = append(blocks[title], line)
		case strings.HasPrefix(line, "#"):
			title = strings.TrimLeft(line, "# ")
		}
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no commands", name)
	}
	return blocks
}

func readDoc(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// checkMakeTarget asks for a target of the Makefile.
func checkMakeTarget(t *testing.T, args string) {
	t.Helper()
	target, _, _ := strings.Cut(args, " ")
	if !strings.Contains(readDoc(t, "Makefile"), "\n"+target+": ") {
		t.Errorf("make %s: the Makefile has no such target", target)
	}
}
