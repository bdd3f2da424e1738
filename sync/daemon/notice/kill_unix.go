//go:build unix

package notice

import (
	"os/exec"
	"syscall"
)

// killWithChildren makes the end of a command's time that of all it started.
func killWithChildren(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
