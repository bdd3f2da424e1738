package watcher

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// table says who watches which directory. Roots that overlap share a watch,
// which is given back with its last user. Its lock is held while the notifier
// adds and removes, so that the two never disagree; it is taken before the
// lock of a [Watch], never after.
type table struct {
	mu       sync.Mutex
	notifier notifier // nil: events cannot be had
	dirs     map[string]*watched
	byID     map[identity]string // the name of each watched directory
	count    int                 // directories with a user
	pinned   string              // the directory of the probes
}

// watched is a directory that is watched, or that holds one further below, so
// that a renamed directory's watches are found without looking at all of them.
type watched struct {
	parent   *watched
	path     string
	id       identity // of the directory that is watched under this name
	children map[string]*watched
	uses     []use
}

// identity tells a directory from all others, whatever its name. It is zero
// where the system does not say.
type identity struct{ device, inode uint64 }

func identify(info fs.FileInfo) identity {
	_, inode := changed(info)
	return identity{device(info), inode}
}

// use is one root's interest in a directory.
type use struct {
	w     *Watch
	names []string // only these names matter; nil: all
}

func newTable() *table {
	return &table{dirs: make(map[string]*watched), byID: make(map[identity]string)}
}

// use sets the notifier, or takes it away.
func (t *table) use(n notifier) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notifier = n
}

// errNoEvents says that there is no notifier.
var errNoEvents = errors.New("file events cannot be had")

// acquire sets the watch of dir, which info is the state of, for w. It asks
// the notifier even when the watch is set already: another directory may have
// taken the place of the watched one.
func (t *table) acquire(w *Watch, dir string, info fs.FileInfo, names []string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.notifier == nil {
		return errNoEvents
	}
	if w.gone {
		return errClosed
	}
	id := identify(info)
	t.unalias(dir, id)
	if err := t.notifier.Add(dir); err != nil {
		if d := t.dirs[dir]; d != nil {
			// What was watched here is gone or cannot be reached any more.
			t.forget(w, d)
		}
		return err
	}
	d := t.node(dir)
	if id != (identity{}) {
		d.id, t.byID[id] = id, dir
	}
	i := slices.IndexFunc(d.uses, func(u use) bool { return u.w == w })
	switch {
	case i < 0:
		if len(d.uses) == 0 {
			t.count++
		}
		d.uses = append(d.uses, use{w, names})
		w.held[dir] = struct{}{}
	case names == nil:
		d.uses[i].names = nil
	}
	return nil
}

// unalias makes room for a watch on dir, the directory with this identity.
//
// inotify has one watch for a directory, and fsnotify keeps the first name for
// it. A directory that was renamed while its watch stands, and whose rename is
// not read yet, would be watched under its old name only, and not at all once
// the rename is read. So that watch ends first. And a watch under this name
// that belongs to a directory which is gone would never be given back.
func (t *table) unalias(dir string, id identity) {
	if id == (identity{}) {
		return
	}
	if other, ok := t.byID[id]; ok && other != dir {
		// Equal when the directory is mounted at both names: then events come
		// under the first, and the timed look covers the second.
		if info, err := os.Lstat(other); err != nil || identify(info) != id {
			t.endAt(t.dirs[other], nil)
		}
	}
	if d := t.dirs[dir]; d != nil && len(d.uses) > 0 && d.id != id {
		t.dropID(d)
		t.unwatch(dir)
	}
}

func (t *table) dropID(d *watched) {
	if t.byID[d.id] == d.path {
		delete(t.byID, d.id)
	}
	d.id = identity{}
}

func (t *table) node(dir string) *watched {
	if d := t.dirs[dir]; d != nil {
		return d
	}
	d := &watched{path: dir}
	if up := filepath.Dir(dir); up != dir {
		d.parent = t.node(up)
		if d.parent.children == nil {
			d.parent.children = make(map[string]*watched)
		}
		d.parent.children[dir] = d
	}
	t.dirs[dir] = d
	return d
}

// prune drops d and what holds it, as far as nobody needs them.
func (t *table) prune(d *watched) {
	for d != nil && len(d.uses) == 0 && len(d.children) == 0 {
		delete(t.dirs, d.path)
		if d.parent != nil {
			delete(d.parent.children, d.path)
		}
		d = d.parent
	}
}

// forget ends w's use of d.
func (t *table) forget(w *Watch, d *watched) {
	n := len(d.uses)
	d.uses = slices.DeleteFunc(d.uses, func(u use) bool { return u.w == w })
	delete(w.held, d.path)
	if n > 0 && len(d.uses) == 0 {
		t.count--
		t.dropID(d)
		t.unwatch(d.path)
		t.prune(d)
	}
}

// pin watches dir for nobody's root, until the notifier is closed.
func (t *table) pin(dir string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.notifier == nil {
		return errNoEvents
	}
	t.pinned = dir
	return t.notifier.Add(dir)
}

// unwatch asks the notifier to end the watch of dir, unless it is pinned. An
// error would say that the watch ended by itself, which is as good.
func (t *table) unwatch(dir string) {
	if dir != t.pinned {
		_ = t.notifier.Remove(dir)
	}
}

// release gives the watch of dir back.
func (t *table) release(w *Watch, dir string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if d := t.dirs[dir]; d != nil {
		t.forget(w, d)
	}
}

// releaseFile ends a watch that kqueue's side of fsnotify made for a file and
// keeps, under a name that is wrong now, when the directory is renamed.
func (t *table) releaseFile(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.notifier != nil && t.dirs[name] == nil {
		_ = t.notifier.Remove(name) // the error is that there is none
	}
}

// releaseUnless gives back all watches of w but those that keep wants.
func (t *table) releaseUnless(w *Watch, keep func(dir string) bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for dir := range w.held {
		if !keep(dir) {
			t.forget(w, t.dirs[dir])
		}
	}
}

// releaseAll gives back all watches of w; with last, w gets none any more.
func (t *table) releaseAll(w *Watch, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for dir := range w.held {
		t.forget(w, t.dirs[dir])
	}
	w.gone = w.gone || last
}

func (t *table) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// route hands an event to the roots that it concerns.
func (t *table) route(e fsnotify.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	path := filepath.Clean(e.Name)
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	var told []*Watch
	if d := t.dirs[dir]; d != nil && dir != path {
		for _, u := range d.uses {
			if u.names == nil || slices.Contains(u.names, name) {
				u.w.push(event{dir: dir, name: name, op: e.Op})
				told = append(told, u.w)
			}
		}
	}
	if d := t.dirs[path]; d != nil && e.Op.Has(fsnotify.Remove|fsnotify.Rename) {
		// The directory was taken from its name, and with it all below. Its
		// watches would go on under the old name, so they end before anybody
		// reacts: set too early, the watch under the new name would be taken
		// by fsnotify for the old one.
		t.endAt(d, told)
	}
}

// endAt ends the watches of d and all below and forgets d.
func (t *table) endAt(d *watched, told []*Watch) {
	t.end(d, told)
	if d.parent != nil {
		delete(d.parent.children, d.path)
		t.prune(d.parent)
	}
}

// end ends the watches of d and all below and tells their users. told are
// those that know already, by a directory that holds d.
func (t *table) end(d *watched, told []*Watch) {
	if len(d.uses) > 0 {
		t.count--
		t.dropID(d)
		_ = t.notifier.Remove(d.path) // ended by itself: as good
		if d.path == t.pinned {
			t.pinned = "" // the next probe sets it again
		}
		told = slices.Clone(told)
		for _, u := range d.uses {
			delete(u.w.held, d.path)
			if !slices.Contains(told, u.w) {
				told = append(told, u.w)
				u.w.push(event{dir: d.path, op: fsnotify.Rename})
			}
		}
	}
	for _, child := range d.children {
		t.end(child, told)
	}
	delete(t.dirs, d.path)
}

// within returns the slash-separated path of name below dir.
func within(name, dir string) (string, bool) {
	rest, ok := strings.CutPrefix(name, dir)
	switch {
	case !ok:
		return "", false
	case rest == "":
		return "", true
	case strings.HasSuffix(dir, string(filepath.Separator)): // the root of the file system
		return filepath.ToSlash(rest), true
	case rest[0] != filepath.Separator:
		return "", false
	}
	return filepath.ToSlash(rest[1:]), true
}
