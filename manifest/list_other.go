//go:build !unix

package manifest

import "os"

// listable returns the directory itself, for one more Close.
func listable(dir *os.File) (*os.File, error) { return dir, nil }
