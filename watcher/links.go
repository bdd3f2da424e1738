package watcher

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
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

// visitLink watches what a symbolic link leads to. One that leads nowhere,
// out of the root or in a circle is a file that cannot be published.
func (w *walker) visitLink(n *node, dir, name string, chain []string) error {
	pub := path.Join(dir, name)
	p := manifest.Path(pub)
	if w.t.rules.Ignored(p) {
		w.forget(n, dir, name)
		return nil
	}
	real, mode, ok := resolve(w.root, w.floor, n.real, name)
	if (!ok || mode.IsDir()) && w.t.rules.IgnoredDir(p) {
		w.forget(n, dir, name)
		return nil
	}
	if old, known := w.t.links[pub]; known && (!ok || old != real) {
		w.forget(n, dir, name)
	}
	switch {
	case !ok:
		w.record(n, dir, name)
		w.t.links[pub] = ""
		return nil
	case mode.IsDir() && (slices.Contains(chain, real) || w.t.linked >= maxLinked):
		w.record(n, dir, name)
		w.t.links[pub] = real
		return nil
	case mode.IsDir():
		if n.files.has(name) {
			w.forget(n, dir, name)
		}
		if n.subs == nil {
			n.subs = make(map[string]struct{})
		}
		n.subs[name] = struct{}{}
		w.t.links[pub] = real
		return w.enter(pub, real, chain)
	}
	if _, known := w.t.links[pub]; !known {
		w.t.addLink(pub, real, w.t.abs(real))
	}
	w.record(n, dir, name)
	err := w.set(filepath.Dir(w.t.abs(real)), nil, nil)
	if _, ok := errors.AsType[*noEventsError](err); ok {
		return err
	}
	return nil // what else goes wrong, a later look finds: the link is broken
}

// unlink forgets the link at pub, if there is one.
func (w *walker) unlink(pub string) {
	if target := w.t.dropLink(pub); target != "" {
		w.giveBack(filepath.Dir(target))
	}
}

// newFloor makes the rules that nothing takes back: those of a tree that takes
// back everything else.
func newFloor() (*manifest.Ignore, error) { return manifest.NewIgnore([]string{"!*"}) }
