//go:build !linux && !darwin

package watcher

import "io/fs"

const (
	openNonblock = 0     // a flag that this system lacks
	openDir      = 0     // likewise
	filesHeld    = false // whether fsnotify opens the files of a watched directory
)

// changed returns nothing: this system tells neither.
func changed(fs.FileInfo) (ctime int64, inode uint64) { return 0, 0 }

// device returns nothing, as if all were one file system.
func device(fs.FileInfo) uint64 { return 0 }
