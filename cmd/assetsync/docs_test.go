package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// runElsewhere are the documents whose commands other tests run: TestReadme,
// TestContributing.
var runElsewhere = []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/recipes.md"}

// notRun are commands of documents of which only the words and flags are looked at,
// and why.
var notRun = map[string]string{
	"assetsync watch --metrics 9090":                                       forever,
	"assetsync probe --env staging":                                        "it asks first; probe.txtar answers",
	"assetsync asset policy --for plan --account 123456789012 > plan.json": "TestReadme runs it",
	"assetsync asset policy --for push --account 123456789012 > push.json": "TestReadme runs it",
}

// TestDocCommands runs the commands of every document of docs/, but for those that
// other tests run. What is no command of ours, as systemctl, is looked at for the
// files and units that it names.
func TestDocCommands(t *testing.T) {
	t.Parallel()
	p := newLibrary(t)
	p.run(t, "mkdir src && cp -r w src/skills")
	p.run(t, "cd w && git commit -qam fourth && assetsync push") // so that verify passes
	for _, name := range documents(t) {
		if slices.Contains(runElsewhere, name) || !strings.Contains(readDoc(t, name), "```sh\n") {
			continue
		}
		for _, commands := range shellBlocks(t, name) {
			for _, c := range commands {
				p.follow(t, name, c)
			}
		}
	}
}

// follow does what a document says.
func (p *library) follow(t *testing.T, name, c string) {
	t.Helper()
	c, _, _ = strings.Cut(c, "  #")
	c = strings.TrimSpace(c)
	program, args, _ := strings.Cut(c, " ")
	switch program {
	case "assetsync":
		if notRun[c] != "" {
			checkCommandLine(t, strings.Split(c, " > ")[0])
			return
		}
		env := ""
		if strings.Contains(c, "./my-skill") && strings.Contains(c, "push") {
			env = "ASSETSYNC_ENV= " // it is without a config
		}
		if out, err := p.output("w", env+c); err != nil {
			t.Errorf("%s: %s: %v\n%s", name, c, err, out)
		}
	case "make":
		checkMakeTarget(t, args)
	case "docker":
		_, line, _ := strings.Cut(args, " assetsync ")
		checkCommandLine(t, "assetsync "+line)
	case "systemctl", "journalctl":
		if strings.Contains(args, "assetsync") && !strings.Contains(args, "assetsync@") {
			t.Errorf("%s: %s: there is no such unit", name, c)
		}
	case "aws", "loginctl", "systemd-sysusers", "chown", "mkdir", "cp", "#":
		for _, word := range strings.Fields(args) {
			if base := filepath.Base(word); strings.HasSuffix(base, ".conf") && !isInRepository(t, "systemd", base) {
				t.Errorf("%s: %s: the repository has no %s", name, c, base)
			}
		}
	default:
		t.Errorf("%s: %s is not tried", name, c)
	}
}

// documents are all of them, relative to the repository.
func documents(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := []string{"README.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	for _, name := range names {
		out = append(out, "docs/"+filepath.Base(name))
	}
	return out
}

// isInRepository reports whether a file of this name lies below a directory.
func isInRepository(t *testing.T, dir, base string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
		found = found || filepath.Base(path) == base
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var (
	inlineCode  = regexp.MustCompile("`([^`]+)`")
	inlineFlag  = regexp.MustCompile(`^--[a-z][a-z-]*`)
	spokenWords = regexp.MustCompile(`\bassetsync((?: [a-z][a-z-]*)+)((?: --[a-z-]+)*)`)
)

// flagsOfOthers are flags in documents that are none of ours, and must not be.
var flagsOfOthers = []string{
	"--read-only", "--tmpfs", // of docker
	"--filter", // of git clone
	"--force",  // that there is none is a decision
	"--token",  // of a command line that holds a secret
}

// prose are words that follow the name of the program in sentences.
var prose = []string{"keeps", "beside", "does", "deletes", "reads", "ended", "needs", "files", "never", "knows", "itself"}

// TestDocWords holds what documents say in passing, between back quotes, to the
// program: commands, and flags on their own.
func TestDocWords(t *testing.T) {
	var commands []*cobra.Command
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		commands = append(commands, cmd)
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit((&app{}).rootCommand())
	seen := 0
	for _, name := range documents(t) {
		for _, m := range inlineCode.FindAllStringSubmatch(withoutCode(t, filepath.Join(root, name)), -1) {
			text := strings.Join(strings.Fields(m[1]), " ")
			if line, ok := strings.CutPrefix(text, "assetsync "); ok {
				checkSpoken(t, name, line)
				seen++
			}
			flag := inlineFlag.FindString(text)
			ours := func(cmd *cobra.Command) bool { return cmd.Flag(strings.TrimPrefix(flag, "--")) != nil }
			if flag != "" && flag != "--help" && !slices.ContainsFunc(commands, ours) && !slices.Contains(flagsOfOthers, flag) {
				t.Errorf("%s: there is no flag %s", name, flag)
			}
		}
	}
	if seen < 80 {
		t.Errorf("only %d commands were found", seen)
	}
}

// TestHintsAreCommands holds the commands that messages and help name to the
// program: who types a hint must not be told of an unknown command.
func TestHintsAreCommands(t *testing.T) {
	literal := regexp.MustCompile("\"(?:[^\"\\\\]|\\\\.)*\"|(?s)`[^`]*`")
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, l := range literal.FindAllString(string(text), -1) {
			for _, m := range spokenWords.FindAllStringSubmatch(l, -1) {
				if slices.Contains(prose, strings.Fields(m[1])[0]) {
					continue
				}
				checkSpoken(t, path, strings.TrimSpace(m[1]+m[2]))
				seen++
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 80 {
		t.Errorf("only %d commands were found", seen)
	}
}

// TestTroubleshootingQuotes looks for the messages by which people find their
// trouble in what the program says.
func TestTroubleshootingQuotes(t *testing.T) {
	var source strings.Builder
	for _, dir := range packageDirs(t) {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			source.Write(text)
		}
	}
	quoted := 0
	for _, title := range regexp.MustCompile(`(?m)^\*\*(.*?)\*\*`).FindAllStringSubmatch(readDoc(t, "docs/troubleshooting.md"), -1) {
		for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(title[1], -1) {
			for part := range strings.SplitSeq(m[1], "…") { // what differs from case to case
				if !strings.Contains(source.String(), strings.TrimSpace(part)) {
					t.Errorf("nothing says %q", part)
				}
			}
			quoted++
		}
	}
	if quoted < 5 {
		t.Errorf("only %d messages were found", quoted)
	}
}

// checkSpoken asks for a command that is spoken of, as "prune --assets" or
// "resolve --ours|--theirs PATH": its words are commands, and its flags flags of it.
func checkSpoken(t *testing.T, where, line string) {
	t.Helper()
	cmd := (&app{}).rootCommand()
	words := strings.Fields(line)
	for len(words) > 0 && strings.HasPrefix(words[0], "-") { // flags before the verb
		words = words[1:]
		if len(words) > 0 && !strings.HasPrefix(words[0], "-") {
			words = words[1:] // with a value
		}
	}
	for len(words) > 0 {
		next, _, err := cmd.Find(words[:1])
		if err != nil || next == cmd {
			break
		}
		cmd, words = next, words[1:]
	}
	if !cmd.HasParent() {
		t.Errorf("%s: %q is no command", where, line)
	}
	for _, word := range words {
		for alternative := range strings.SplitSeq(word, "|") {
			name, _, _ := strings.Cut(strings.Trim(alternative, "[],.{}"), "=")
			if flag, ok := strings.CutPrefix(name, "--"); ok && flag != "" && cmd.Flag(flag) == nil && flag != "help" {
				t.Errorf("%s: %q: %s has no flag --%s", where, line, cmd.Name(), flag)
			}
		}
	}
}

// TestArchitecture holds the map of docs/architecture.md to the repository: every
// package stands in it, and every file, package and name that it speaks of is there.
func TestArchitecture(t *testing.T) {
	text := readDoc(t, "docs/architecture.md")
	for _, dir := range packageDirs(t) {
		if !strings.Contains(text, "\n"+dir+"/ ") {
			t.Errorf("the map does not have %s/", dir)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][\w./]*)/ +\S`).FindAllStringSubmatch(text, -1) {
		if info, err := os.Stat(filepath.Join(root, m[1])); err != nil || !info.IsDir() {
			t.Errorf("the map has %s/, and the repository has not", m[1])
		}
	}
	goFile, name := regexp.MustCompile(`^[\w/]+\.go$`), regexp.MustCompile(`^([a-z]+)\.([A-Z]\w+)$`)
	for _, m := range inlineCode.FindAllStringSubmatch(codeBlock.ReplaceAllString(text, ""), -1) {
		switch parts := name.FindStringSubmatch(m[1]); {
		case parts != nil:
			if !declares(t, parts[1], parts[2]) {
				t.Errorf("there is no %s", m[1])
			}
		case goFile.MatchString(m[1]):
			at := m[1]
			if !strings.Contains(at, "/") {
				at = "cmd/assetsync/" + at
			}
			if _, err := os.Stat(filepath.Join(root, at)); err != nil {
				t.Error(err)
			}
		}
	}
}

// packageDirs are the directories of the repository that hold Go.
func packageDirs(t *testing.T) []string {
	t.Helper()
	var dirs []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, ".go") {
			dir, _ := filepath.Rel(root, filepath.Dir(path)) // both are below it
			dirs = append(dirs, filepath.ToSlash(dir))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

// declares reports whether a package of this name declares a name.
func declares(t *testing.T, pkg, name string) bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^(func|type|var|const|\t)(\([^)]*\))? ?` + name + `\b`)
	for _, dir := range packageDirs(t) {
		if filepath.Base(dir) != pkg {
			continue
		}
		files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if declared.Match(text) {
				return true
			}
		}
	}
	return false
}
