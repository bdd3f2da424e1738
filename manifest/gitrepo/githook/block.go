package githook

import (
	"fmt"
	"path/filepath"
	"strings"
)

// PrePush is the hook that git gives lines on standard input, and whose exit
// code counts.
const PrePush = "pre-push"

// Call is what a hook is to run.
type Call struct {
	Hook    string   // name of git's hook
	Program string   // absolute path; where it is not there any more, PATH is asked
	Name    string   // of the program, for PATH and for messages
	Args    []string // after "hook run HOOK"
}

// Line is the command of the call as a shell takes it, without what git adds.
func (c Call) Line() string {
	words := []string{quote(filepath.ToSlash(c.Program)), "hook", "run", c.Hook}
	for _, arg := range c.Args {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

// Block returns the lines that a shell of POSIX runs, the two markers with
// them. They work under the options -e and -u. A program that is gone is told
// in one line, and fails nothing.
func (c Call) Block() string {
	run := strings.TrimPrefix(c.Line(), quote(filepath.ToSlash(c.Program)))
	call := fmt.Sprintf("\t\"$assetsync\"%s -- \"$@\" || :\n", run)
	if c.Hook == PrePush {
		call = prePush(run)
	}
	return begin + "\n" +
		"# Made by \"" + c.Name + " hook install\"; \"" + c.Name + " hook uninstall\" takes it out again.\n" +
		"assetsync=" + quote(filepath.ToSlash(c.Program)) + "\n" +
		"[ -x \"$assetsync\" ] || assetsync=$(command -v " + c.Name + " || :)\n" +
		"if [ -n \"$assetsync\" ]; then\n" +
		call +
		"else\n" +
		"\techo '" + c.Name + ": the program is not there any more, so " + c.Hook + " does nothing' >&2\n" +
		"fi\n" +
		"unset assetsync\n" +
		end + "\n"
}

// prePush stops the push where the check says so, and gives what git wrote on
// standard input to the lines that follow.
func prePush(run string) string {
	return "\tassetsync_refs=$(cat)\n" +
		"\tprintf '%s\\n' \"$assetsync_refs\" | \"$assetsync\"" + run + " -- \"$@\" || exit $?\n" +
		"\tif [ -n \"$assetsync_refs\" ]; then\n" +
		"\t\texec <<ASSETSYNC\n" +
		"$assetsync_refs\n" +
		"ASSETSYNC\n" +
		"\telse\n" +
		"\t\texec </dev/null\n" +
		"\tfi\n" +
		"\tunset assetsync_refs\n"
}

// quote makes one word of a text, for a shell. What needs no quotes has none.
func quote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:,@", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
