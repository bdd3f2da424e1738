//go:build !linux

package manifest

import (
	"io"
	"os"
)

// entriesOf lists an open directory, in any order.
func entriesOf(dir *os.File) ([]listed, error) {
	f, err := Listable(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var entries []listed
	for {
		some, err := f.ReadDir(1024)
		for _, e := range some {
			entries = append(entries, listed{name: e.Name(), kind: e.Type()})
		}
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return nil, err
		}
		if len(entries) > maxScanNames {
			return nil, tooManyNames()
		}
	}
}

// findKept finds nothing: see [fileHasher].
func findKept(*os.File, []listed, []keptFile) error { return nil }

// openingIn gives do what opens the files of a directory.
func openingIn(dir *os.Root, do func(opener)) error {
	do(openBelow(dir))
	return nil
}
