//go:build !linux && !darwin

package manifest

import "io/fs"

// openNonblock is a flag that this system lacks.
const openNonblock = 0

// changeTime is always 0: this system does not tell when an inode changed.
func changeTime(fs.FileInfo) int64 { return 0 }

// stateOf returns nothing: see changeTime.
func stateOf(fs.FileInfo) fileState { return fileState{} }
