//go:build !windows

package worktree

import "syscall"

const hostIsWindows = false

const errNotDir = syscall.ENOTDIR
