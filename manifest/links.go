package manifest

import (
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
)

// maxLinks is how many symbolic links one name may lead through, as on
// Linux (MAXSYMLINKS in path_resolution(7)).
const maxLinks = 40

// resolve returns the name below root, free of symbolic links, of what name
// leads to, with its kind of file. dir is a link-free directory that name is
// relative to. Resolving here, rather than letting the system follow, tells
// an escape from a broken link and from a circle, and gives directories an
// identity. That nothing is read from outside of root, whatever moves
// meanwhile, is os.Root's doing. A link that cannot be followed is a [fault],
// and wraps [fs.ErrNotExist] when what it leads to is not there.
func resolve(from files, dir, name string) (string, fs.FileMode, error) {
	at, todo := dir, strings.Split(name, "/")
	mode, links := fs.ModeDir, 0
	for len(todo) > 0 {
		segment := todo[0]
		todo = todo[1:]
		switch {
		case !mode.IsDir():
			return "", 0, newFault(LinkBroken, "leads through %q, which is not a directory", at)
		case segment == "" || segment == ".":
			continue
		case segment == "..":
			if at == "." {
				return "", 0, newFault(LinkEscapes, "leads out of the directory")
			}
			at = path.Dir(at)
			continue
		case onFloor(segment):
			return "", 0, newFault(LinkEscapes, "leads to %q, which is never published", segment)
		}
		next := path.Join(at, segment)
		kind, err := from.lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			broken := newFault(LinkBroken, "leads to %q, which does not exist", next)
			broken.err = err
			return "", 0, broken
		}
		if err != nil {
			return "", 0, err
		}
		if kind != fs.ModeSymlink {
			at, mode = next, kind
			continue
		}
		if links++; links > maxLinks {
			return "", 0, newFault(LinkBroken, "leads in a circle")
		}
		target, err := from.readlink(next)
		if err != nil {
			return "", 0, err
		}
		if filepath.IsAbs(target) || filepath.VolumeName(target) != "" || strings.HasPrefix(target, "/") {
			return "", 0, newFault(LinkEscapes, "leads to the absolute path %q", target)
		}
		todo = append(strings.Split(filepath.ToSlash(target), "/"), todo...)
	}
	return at, mode, nil
}
