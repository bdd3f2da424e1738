package watcher

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	"github.com/fsnotify/fsnotify"
)

// enterFiles watches the directory of a root with Files. A file that is a link
// is watched where it leads, wherever that is: whoever names a file wants it.
// Then anything in its directory may change where it leads, as when Kubernetes
// turns the link "..data" of a ConfigMap.
func (w *walker) enterFiles() error {
	n := w.t.addNode("", "")
	n.stamps = make(map[string]*stamp)
	if err := w.set(w.t.real, w.t.only, w.t.id); err != nil {
		return err
	}
	for _, name := range w.t.only {
		if err := w.lookFile(n, name); err != nil {
			return err
		}
	}
	return nil
}

// lookFile compares one file with what is known, its content by its stamp.
func (w *walker) lookFile(n *node, name string) error {
	full := filepath.Join(w.t.real, name)
	if err := w.followFile(name, full); err != nil {
		return err
	}
	old := n.stamps[name]
	info, err := os.Stat(full)
	if err != nil || info.IsDir() {
		n.files.remove(name)
		delete(n.stamps, name)
		if old != nil {
			w.emit(name, Removed)
		}
		return nil
	}
	s := stampOf(info)
	n.files.add(name)
	n.stamps[name] = s
	switch {
	case old == nil:
		w.emit(name, Created)
	case *old != *s:
		w.emit(name, Modified)
	}
	return nil
}

// followFile watches what a file that is a link leads to.
func (w *walker) followFile(name, full string) error {
	target, err := filepath.EvalSymlinks(full)
	if err != nil || target == full {
		w.unlink(name)
		return nil
	}
	if w.t.links[name] != target {
		w.unlink(name)
		w.t.addLink(name, target, target)
	}
	if err := w.set(w.t.real, nil, w.t.id); err != nil {
		return err
	}
	err = w.set(filepath.Dir(target), nil, nil)
	if _, ok := errors.AsType[*noEventsError](err); ok {
		return err
	}
	return nil // it is gone or cannot be watched; the stamps tell what they can
}

// fileEvent looks at the files that an event may concern.
func (l *loop) fileEvent(w *walker, e event) error {
	if e.name == "" && e.dir == l.tree.real {
		l.lose(errMoved)
		return nil
	}
	n := l.tree.nodes[""]
	for _, name := range l.tree.only {
		_, link := l.tree.links[name]
		if !link && (e.dir != l.tree.real || e.name != name) {
			continue
		}
		known := n.files.has(name)
		if err := w.lookFile(n, name); err != nil {
			return err
		}
		direct := e.dir == l.tree.real && e.name == name || slices.Contains(l.tree.targets[filepath.Join(e.dir, e.name)], name)
		if known && direct && n.files.has(name) && e.op != fsnotify.Chmod {
			w.emit(name, Modified)
		}
	}
	return nil
}
