package worktree

import "syscall"

const hostIsWindows = true

// errNotDir is what Windows says of a name below a file.
const errNotDir = syscall.ERROR_PATH_NOT_FOUND
