//go:build !unix

package manifest

import "os"

// Listable returns the directory itself, for one more Close.
func Listable(dir *os.File) (*os.File, error) { return dir, nil }
