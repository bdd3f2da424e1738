package main

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
)

// defaultPager is git's.
const defaultPager = "less"

// The options that git gives to pagers where nobody has: less ends when all
// fits on the screen, lets colours through, and leaves the text there.
const (
	lessOptions = "FRX"
	lvOptions   = "-c"
)

// pagerCommand returns the command line of the pager, "" for none.
func (a *app) pagerCommand() string {
	for _, name := range []string{"ASSETSYNC_PAGER", "PAGER"} {
		if text, ok := a.getenv(name); ok {
			if text = strings.TrimSpace(text); text == "cat" {
				return ""
			}
			return text
		}
	}
	return defaultPager
}

// page shows text through the pager and waits for its end. It is false when
// there is no pager, or none that starts: nothing was shown then. Whoever quits
// it early has seen enough, and how it ends is no matter of ours.
func (a *app) page(text string) (shown bool, err error) {
	command := a.pagerCommand()
	if command == "" {
		return false, nil
	}
	cmd := pagerProcess(command)
	cmd.Stdout, cmd.Stderr, cmd.Env = a.stdout, a.stderr, cmd.Environ()
	for name, value := range map[string]string{"LESS": lessOptions, "LV": lvOptions} {
		if _, ok := a.getenv(name); !ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Stdin = strings.NewReader(text)
	if err := cmd.Start(); err != nil {
		a.say("note: the pager %s does not start: %s", quoted(command), plainCause(err))
		return false, nil
	}
	var ended *exec.ExitError
	err = cmd.Wait()
	switch isEnd := errors.As(err, &ended); {
	case isEnd && notFound(ended.ExitCode()):
		a.say("note: the pager %s does not start", quoted(command))
		return false, nil
	case err != nil && !isEnd:
		return true, fmt.Errorf("write to the pager: %w", err)
	}
	return true, nil
}

// notFound reports whether a shell ended so because the command is not there,
// or cannot be run.
func notFound(code int) bool { return code == 126 || code == 127 }

// shellSigns are those that make git hand a pager to the shell.
const shellSigns = "|&;<>()$`\\\"'*?[#~=%"

// pagerProcess runs words alone without a shell.
func pagerProcess(command string) *exec.Cmd {
	if strings.ContainsAny(command, shellSigns) && runtime.GOOS != "windows" {
		return exec.Command("sh", "-c", command)
	}
	words := strings.Fields(command)
	return exec.Command(words[0], words[1:]...)
}
