//go:build !linux

package main

import (
	"fmt"
	"os"
)

// terminalMain has no terminal to run a command on; scripts that want one are for
// Linux.
func terminalMain() {
	fmt.Fprintln(os.Stderr, "terminal: only on Linux")
	os.Exit(99)
}
