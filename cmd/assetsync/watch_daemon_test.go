//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// run runs a command to its end.
func (w *world) run(args ...string) (stdout, stderr string, code int) {
	w.Helper()
	return w.runWith(nil, args...)
}

func (w *world) runWith(env []string, args ...string) (stdout, stderr string, code int) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "assetsync", args...)
	var out, errs bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = w.dir, append(slices.Clone(w.env), env...), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || ctx.Err() != nil) {
		w.Fatalf("run %q: %v\n%s%s", args, err, &out, &errs)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// succeed runs a command that has to end with 0.
func (w *world) succeed(args ...string) (stdout, stderr string) {
	w.Helper()
	stdout, stderr, code := w.run(args...)
	if code != 0 {
		w.Fatalf("%q ends with %d:\n%s%s", args, code, stdout, stderr)
	}
	return stdout, stderr
}

// watchProcess is a daemon.
type watchProcess struct {
	cmd  *exec.Cmd
	done chan struct{} // it has ended
}

// launch starts a daemon and does not wait for anything.
func (w *world) launch(args ...string) {
	w.Helper()
	log, err := os.OpenFile(w.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	w.must(err)
	defer log.Close()
	p := &watchProcess{cmd: exec.Command("assetsync", append([]string{"watch"}, args...)...), done: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = w.dir, w.env, log
	w.must(p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // the state of the process says it
		close(p.done)
	}()
	w.daemon = p
}

// start starts a daemon and waits until everything is in step.
func (w *world) start(args ...string) {
	w.Helper()
	w.launch(args...)
	w.inStep()
}

func (p *watchProcess) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the daemon as a power cut does.
func (p *watchProcess) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // it may be stopped
	_ = p.cmd.Process.Kill()                  // it may have ended
	<-p.done
}

// terminate ends the daemon as a service manager does. It has to end well and
// in time.
func (w *world) terminate() time.Duration {
	w.Helper()
	p, began := w.daemon, time.Now()
	w.daemon = nil
	w.must(p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-p.done:
	case <-time.After(endTime):
		p.kill()
		w.Errorf("the daemon does not end within %s:\n%s", endTime, w.logText())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		w.Errorf("the daemon ends with %d:\n%s", code, w.logText())
	}
	return time.Since(began)
}

func (w *world) logFile() string { return filepath.Join(filepath.Dir(w.dir), "daemon.log") }

func (w *world) logText() string {
	text, err := os.ReadFile(w.logFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.Error(err)
	}
	return string(text)
}
