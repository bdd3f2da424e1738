package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrLeadsOut says of a path that it leads out of the directory that it lies in
// by its name.
var ErrLeadsOut = errors.New("leads out by a symbolic link")

// RealBelow returns what path leads to, relative to the directory top and
// without links as far as it exists. Links to somewhere else below top are
// followed. Both paths are absolute. The error wraps [ErrLeadsOut] when path
// leads out of top.
func RealBelow(top, path string) (string, error) {
	if rel, err := filepath.Rel(top, path); err == nil && filepath.IsLocal(rel) && isPlain(top, rel) {
		return rel, nil
	}
	realTop, err := filepath.EvalSymlinks(top)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", top, err)
	}
	real, err := realName(path)
	if err != nil {
		return "", fmt.Errorf("resolve %s: %w", path, err)
	}
	rel, err := filepath.Rel(realTop, real)
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%s %w of %s", path, ErrLeadsOut, top)
	}
	return rel, nil
}

// isPlain reports whether nothing on the way from top to rel is a link, as it nearly
// always is: then the name is what it leads to, wherever top leads. Where names have
// several forms, as on Windows, that is not told.
func isPlain(top, rel string) bool {
	if filepath.Separator != '/' {
		return false
	}
	for i := range len(rel) + 1 {
		if i < len(rel) && rel[i] != filepath.Separator {
			continue
		}
		info, err := os.Lstat(filepath.Join(top, rel[:i]))
		if err != nil || !info.IsDir() && !info.Mode().IsRegular() {
			return false
		}
	}
	return true
}

// realName is [filepath.EvalSymlinks] that also takes what does not exist, or not
// yet, be it at the end of the path or of a link.
func realName(path string) (string, error) {
	at, missing := filepath.Clean(path), "."
	real, err := filepath.EvalSymlinks(at)
	for links := 0; errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) && links < maxLinks; {
		if target, notLink := os.Readlink(at); notLink != nil {
			at, missing = filepath.Dir(at), filepath.Join(filepath.Base(at), missing)
		} else if links++; filepath.IsAbs(target) {
			at = filepath.Clean(target)
		} else if at, err = filepath.EvalSymlinks(filepath.Dir(at)); err == nil {
			at = filepath.Join(at, target)
		}
		real, err = filepath.EvalSymlinks(at)
	}
	return filepath.Join(real, missing), err
}

// OpenBelow opens the directory at path, which lies below the directory top, links
// followed: whatever moves meanwhile, nothing outside of top is opened.
// Errors are those of [RealBelow], and one that wraps [fs.ErrNotExist] when
// nothing is there.
func OpenBelow(top, path string) (*os.Root, error) {
	if dir, ok := openInside(top, path); ok {
		return dir, nil
	}
	rel, root, err := below(top, path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenRoot(rel)
}

// openInside opens the directory at path where no way to it leaves top, not even to come
// back, as it nearly always is: package os sees to that with each name that it opens.
func openInside(top, path string) (*os.Root, bool) {
	rel, err := filepath.Rel(top, path)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, false
	}
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, false
	}
	defer root.Close()
	dir, err := root.OpenRoot(rel)
	return dir, err == nil
}

// MakeBelow is OpenBelow, but makes the directories that are missing.
func MakeBelow(top, path string, perm fs.FileMode) (*os.Root, error) {
	rel, root, err := below(top, path)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := root.MkdirAll(rel, perm); err != nil {
		return nil, err
	}
	return root.OpenRoot(rel)
}

func below(top, path string) (rel string, root *os.Root, err error) {
	if rel, err = RealBelow(top, path); err == nil {
		root, err = os.OpenRoot(top)
	}
	return rel, root, err
}
