//go:build !unix

package notice

import "os/exec"

// killWithChildren leaves it to the standard library, which ends the command
// alone.
func killWithChildren(*exec.Cmd) {}
