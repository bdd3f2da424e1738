package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// terminalMain is the program "terminal [-answers FILE] COMMAND ARG...", for
// scripts: the command runs on a terminal of its own, and what that shows is on
// standard output, all of it: the terminal is read until the last program has let
// go of it. The ttyin of testscript closes it with what was not read yet.
//
// A line of FILE is what the terminal shows, a bar, and what is typed then; ^C and
// ^D are those keys.
func terminalMain() {
	args := os.Args[1:]
	var answers []answer
	var err error
	if len(args) > 2 && args[0] == "-answers" {
		answers, err = readAnswers(args[1])
		args = args[2:]
	}
	code := 0
	if err == nil {
		code, err = onTerminal(os.Stdout, exec.Command(args[0], args[1:]...), answers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "terminal:", err)
		code = 99 // no command of a script has it
	}
	os.Exit(code)
}

// answer is what is typed once something is shown.
type answer struct{ shown, typed string }

func readAnswers(file string) (answers []answer, err error) {
	data, err := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		shown, typed, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "|")
		if !ok {
			return nil, fmt.Errorf("%q is no SHOWN|TYPED", line)
		}
		answers = append(answers, answer{shown, typed})
	}
	return answers, err
}

// onTerminal runs a command on a new terminal, copies what that shows to out, and
// returns the exit code.
func onTerminal(out io.Writer, cmd *exec.Cmd, answers []answer) (code int, err error) {
	control, tty, err := openTerminal()
	if err != nil {
		return 0, err
	}
	defer control.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := errors.Join(cmd.Start(), tty.Close()); err != nil {
		return 0, err
	}
	// A command that waits for a key which nobody types would never end.
	patience := time.AfterFunc(scriptPatience, func() { _ = cmd.Process.Kill() })
	defer patience.Stop()
	var screen bytes.Buffer // since the last answer
	for b := make([]byte, 4096); err == nil; {
		var n int
		n, err = control.Read(b) // EIO: nobody has it open any more
		screen.Write(b[:n])
		if _, err := out.Write(b[:n]); err != nil {
			return 0, err
		}
		for len(answers) > 0 && bytes.Contains(screen.Bytes(), []byte(answers[0].shown)) {
			_, after, _ := bytes.Cut(screen.Bytes(), []byte(answers[0].shown))
			screen.Next(screen.Len() - len(after))
			if _, err := io.WriteString(control, keys(answers[0].typed)); err != nil {
				return 0, err
			}
			answers = answers[1:]
		}
	}
	var ended *exec.ExitError
	if err := cmd.Wait(); err != nil && !errors.As(err, &ended) {
		return 0, err
	}
	if len(answers) > 0 {
		return 0, fmt.Errorf("it never showed %q", answers[0].shown)
	}
	return cmd.ProcessState.ExitCode(), nil
}

// keys are what a terminal gets when something is typed.
func keys(typed string) string {
	switch typed {
	case "^C":
		return "\x03"
	case "^D":
		return "\x04"
	}
	return typed + "\n"
}

// openTerminal makes a terminal: what is written to tty is read from control.
func openTerminal() (control, tty *os.File, err error) {
	control, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(err, control.Close())
	}
	return control, tty, nil
}
