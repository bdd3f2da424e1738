package watcher

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"assetsync/manifest"
)

// walker makes a walker for a tree. Changes go to emit.
func (l *loop) walker(t *tree, root *os.Root, emit func(pub string, op Op)) *walker {
	w := &walker{
		t:       t,
		root:    root,
		floor:   l.w.floor,
		polled:  l.polled,
		checkFS: !l.polled && l.h.root.Mode == Auto,
		watch: func(dir string, info fs.FileInfo, names []string) error {
			return l.w.table.acquire(l.h, dir, info, names)
		},
		unwatch: func(dir string) { l.w.table.release(l.h, dir) },
		emit:    emit,
		stop:    l.stop,
	}
	if filesHeld && !l.polled {
		w.file = l.w.table.releaseFile
	}
	return w
}

// walk makes the tree of the root anew and sets its watches.
func (l *loop) walk(real string, info fs.FileInfo) (*tree, error) {
	t := newTree(real, info, l.h.root.Files)
	root, err := os.OpenRoot(real)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	w := l.walker(t, root, func(string, Op) {})
	if t.only != nil {
		return t, w.enterFiles()
	}
	if err := t.readRules(l.h.root.Dir, l.h.root.Ignore, l.h.root.Top); err != nil {
		t.unread[""] = err.Error()
	}
	for _, dir := range t.above {
		err := w.set(dir, aboveNames, nil)
		if _, ok := errors.AsType[*noEventsError](err); ok {
			return nil, err
		}
		for _, name := range ruleNames {
			if info, err := os.Stat(filepath.Join(dir, name)); err == nil && l.polled {
				t.states[filepath.Join(dir, name)] = stampOf(info)
			}
		}
	}
	trouble := t.unread[""]
	if err := w.enter("", "", nil); err != nil {
		return nil, err
	}
	if trouble != "" && t.unread[""] == "" {
		t.unread[""] = trouble
	}
	return t, nil
}

// handle looks at what the events tell of.
func (l *loop) handle(events []event, now time.Time) {
	root, err := os.OpenRoot(l.tree.real)
	if err != nil {
		l.lose(err)
		return
	}
	defer root.Close()
	if info, err := root.Stat("."); err != nil || !os.SameFile(info, l.tree.id) {
		l.lose(cmp.Or(err, errOther))
		return
	}
	changed := false
	w := l.walker(l.tree, root, func(pub string, op Op) {
		l.co.add(pub, op, now)
		changed = true
	})
	for _, e := range events {
		if err := l.event(w, e, now); err != nil {
			l.broken(err)
			return
		}
		if l.tree == nil {
			return
		}
	}
	if w.dirs {
		if err := l.relink(w, now); err != nil {
			l.broken(err)
			return
		}
	}
	if w.rules {
		l.rulesChanged(now, l.co.hold)
		changed = true
	}
	if changed {
		l.h.sawChange(now)
	}
}

// broken ends the handling of events that could not be brought to an end.
func (l *loop) broken(err error) {
	_, ok := errors.AsType[*noEventsError](err)
	switch {
	case l.stop() != nil:
	case ok:
		l.attach(FellBack) // it tries events once more
	default:
		l.lose(err)
	}
}

func (l *loop) rulesChanged(now time.Time, quiet time.Duration) {
	l.dirty = true
	l.co.everything(IgnoreChanged, now, quiet)
}

// event looks at what one event tells of.
func (l *loop) event(w *walker, e event, now time.Time) error {
	t := l.tree
	if t.only != nil {
		return l.fileEvent(w, e)
	}
	if slices.Contains(t.above, e.dir) && slices.Contains(aboveNames, e.name) {
		l.rulesChanged(now, l.co.wait(opOf(e.op)))
		l.h.sawChange(now)
	}
	if len(t.targets) > 0 {
		for _, pub := range t.targets[filepath.Join(e.dir, e.name)] {
			l.touch(w, pub)
		}
	}
	real, ok := within(e.dir, t.real)
	if !ok {
		return nil
	}
	if e.name == "" {
		return l.dirEvent(w, real, now)
	}
	for _, dir := range t.published(real) {
		if err := l.lookAt(w, dir, e.name, e.op, now); err != nil {
			return err
		}
	}
	return nil
}

func opOf(op fsnotify.Op) Op {
	if op.Has(fsnotify.Remove | fsnotify.Rename) {
		return Removed
	}
	return Modified
}

// dirEvent looks at a directory that was taken from its name.
func (l *loop) dirEvent(w *walker, real string, now time.Time) error {
	if real == "" {
		l.lose(errMoved)
		return nil
	}
	for _, pub := range l.tree.published(real) {
		dir, name := splitPath(pub)
		if err := l.lookAt(w, dir, name, fsnotify.Rename, now); err != nil {
			return err
		}
	}
	return nil
}

var errMoved = errors.New("it was removed, renamed or replaced")

// touch notes that what a link leads to was changed.
func (l *loop) touch(w *walker, pub string) {
	if l.tree.links[pub] != "" {
		w.emit(pub, Modified)
		w.dirs = true
	}
}

// lookAt compares one name in a directory with the disk: the event says that
// something happened, the disk what is true.
func (l *loop) lookAt(w *walker, dir, name string, op fsnotify.Op, now time.Time) error {
	n := l.tree.nodes[dir]
	if n == nil {
		return nil
	}
	pub := path.Join(dir, name)
	file := n.files.has(name)
	_, sub := n.subs[name]
	_, link := l.tree.links[pub]
	if op == fsnotify.Chmod {
		if l.tree.unread[pub] == "" && (!isRule(name) || l.tree.unread[dir] == "") {
			return nil
		}
		op = fsnotify.Create
	}
	if isRule(name) {
		l.rulesChanged(now, l.co.wait(opOf(op)))
		l.h.sawChange(now)
		return nil
	}
	p := manifest.Path(pub)
	if file && op == fsnotify.Write && !link {
		w.emit(pub, Modified)
		return nil
	}
	if !file && !sub && l.tree.rules.Ignored(p) && l.tree.rules.IgnoredDir(p) {
		return nil
	}
	if sub && op.Has(fsnotify.Remove|fsnotify.Rename) {
		// What stands there now, if anything, is another directory.
		w.forget(n, dir, name)
	}
	info, err := w.root.Lstat(path.Join(n.real, name))
	if isGone(err) {
		w.forget(n, dir, name)
		return nil
	}
	if err != nil {
		if file {
			w.emit(pub, Modified)
		}
		return nil
	}
	if err := w.visit(n, dir, name, info.Mode(), l.tree.chain(dir)); err != nil {
		return err
	}
	if file && n.files.has(name) {
		w.emit(pub, Modified)
	}
	return nil
}

// relink looks at every link again after directories came or went.
func (l *loop) relink(w *walker, now time.Time) error {
	for pub, old := range l.tree.links {
		dir, name := splitPath(pub)
		n := l.tree.nodes[dir]
		if n == nil {
			continue
		}
		real, _, ok := resolve(w.root, w.floor, n.real, name)
		if ok && real == old || !ok && old == "" {
			continue
		}
		if err := l.lookAt(w, dir, name, fsnotify.Rename, now); err != nil {
			return err
		}
	}
	return nil
}

// pollOnce walks a polled root and compares.
func (l *loop) pollOnce() {
	defer l.w.turn(l.ctx)()
	began := time.Now()
	if !l.present() {
		return
	}
	t, err := l.walk(l.tree.real, l.tree.id)
	if l.stop() != nil {
		return
	}
	if err != nil {
		l.lose(err)
		return
	}
	now, changes := time.Now(), false
	rules := compare(l.tree, t, func(pub string, op Op) {
		l.co.add(pub, op, now)
		changes = true
	})
	if rules {
		// The new tree is made by the new rules already.
		l.co.everything(IgnoreChanged, now, l.co.settle)
	}
	if changes || rules {
		l.h.sawChange(now)
	}
	l.tree, l.moving = t, changes || rules
	l.schedule(began)
}
