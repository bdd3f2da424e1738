package watcher

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"assetsync/manifest"
)

// maxLinks is how many symbolic links one name may lead through, as on Linux
// (MAXSYMLINKS in path_resolution(7)).
const maxLinks = 40

// resolve returns the real path of what name in the real directory dir leads
// to, or false when that is nothing, lies out of the root, or can never be
// published. It decides as package manifest does.
func resolve(root *os.Root, floor *manifest.Ignore, dir, name string) (real string, mode fs.FileMode, ok bool) {
	at, todo := dir, []string{name}
	mode = fs.ModeDir
	for links := 0; len(todo) > 0; {
		segment := todo[0]
		todo = todo[1:]
		switch {
		case !mode.IsDir():
			return "", 0, false
		case segment == "" || segment == ".":
			continue
		case segment == "..":
			if at == "" {
				return "", 0, false
			}
			if at = path.Dir(at); at == "." {
				at = ""
			}
			continue
		case floor.Ignored(manifest.Path(segment)):
			return "", 0, false
		}
		next := path.Join(at, segment)
		info, err := root.Lstat(next)
		if err != nil {
			return "", 0, false
		}
		if info.Mode().Type() != fs.ModeSymlink {
			at, mode = next, info.Mode().Type()
			continue
		}
		target, err := root.Readlink(next)
		if links++; err != nil || links > maxLinks || filepath.IsAbs(target) || strings.HasPrefix(target, "/") || filepath.VolumeName(target) != "" {
			return "", 0, false
		}
		todo = append(strings.Split(filepath.ToSlash(target), "/"), todo...)
	}
	return at, mode, true
}

// newFloor makes the rules that nothing takes back: those of a tree that takes
// back everything else.
func newFloor() (*manifest.Ignore, error) { return manifest.NewIgnore([]string{"!*"}) }
