package watcher

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"

	"assetsync/manifest"
)

const (
	// maxLinked is how many directories of a root are watched through links.
	// Links that multiply would else take all watches of the system.
	maxLinked = 1000
	// maxRules is the size in bytes up to which an ignore file is read, as in
	// package manifest.
	maxRules = 1 << 20
	// maxPath is the length in bytes of the longest name, Linux's PATH_MAX.
	// The system sets no watch on a longer one.
	maxPath = 4096
	// listAtOnce is how many names of a directory are read in one go.
	listAtOnce = 1024
)

// walker brings a tree up to date with the disk.
type walker struct {
	t       *tree
	root    *os.Root
	floor   *manifest.Ignore                                         // see newFloor
	polled  bool                                                     // stamps are taken, and nothing is watched
	checkFS bool                                                     // a file system without events ends the walk
	watch   func(dir string, info fs.FileInfo, names []string) error // sets a watch, again if need be
	unwatch func(dir string)                                         // gives one back
	file    func(name string)                                        // see table.releaseFile; nil where there is no need
	emit    func(pub string, op Op)                                  // a file that came, went or changed
	stop    func() error                                             // why to go no further
	rules   bool                                                     // an ignore file went
	dirs    bool                                                     // directories came or went, so links may lead elsewhere
}

// noEventsError ends the walk of a root whose events cannot be had.
type noEventsError struct {
	why   string
	limit bool // a limit of the system; else the file system
}

func (e *noEventsError) Error() string { return e.why }

// enter watches the directory at pub, then lists it and compares it with what
// is known, and so on below. chain are the real paths of the directories that
// lead to it. It fails when the walk as a whole is over.
func (w *walker) enter(pub, real string, chain []string) error {
	if err := w.stop(); err != nil {
		return err
	}
	// Opened before the watch is asked for: should the file system hang, it
	// hangs here, where nobody else waits.
	f, err := w.root.OpenFile(orDot(real), os.O_RDONLY|openDir, 0)
	if err != nil {
		return w.failed(pub, real, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.IsDir() {
		return w.failed(pub, real, cmp.Or(err, fs.ErrNotExist))
	}
	if err := w.checkEvents(real, info); err != nil {
		return err
	}
	if old := w.t.nodes[pub]; old != nil && old.real != real {
		w.forgetDir(pub)
	}
	if w.t.nodes[pub] == nil {
		w.dirs = true
	}
	n := w.t.addNode(pub, real)
	delete(w.t.unread, pub)
	if err := w.set(w.t.abs(real), nil, info); err != nil {
		if isGone(err) {
			return w.failed(pub, real, err)
		}
		if _, ok := errors.AsType[*noEventsError](err); ok || errors.Is(err, errClosed) {
			return err
		}
		w.t.unread[pub] = err.Error()
	}
	seen, err := w.list(f)
	if err != nil {
		return w.failed(pub, real, err)
	}
	return w.compare(n, pub, seen, append(chain, real))
}

// failed notes that a directory cannot be opened or listed. The root's own
// failure ends the walk, and so does a shortage, which says nothing of it.
func (w *walker) failed(pub, real string, err error) error {
	if pub == "" || isLimit(err) || errors.Is(err, errClosed) || errors.Is(err, context.Canceled) {
		return err
	}
	if isGone(err) {
		w.forgetDir(pub)
		return nil
	}
	w.t.addNode(pub, real)
	w.t.unread[pub] = err.Error()
	return nil
}

// set asks for a watch. info is the state of dir; nil: it is looked up.
func (w *walker) set(dir string, names []string, info fs.FileInfo) (err error) {
	if w.polled {
		return nil
	}
	if info == nil {
		info, err = os.Stat(dir)
	}
	if err == nil {
		err = w.watch(dir, info, names)
	}
	switch {
	case err == nil, isGone(err), errors.Is(err, errClosed):
		return err
	case isLimit(err), errors.Is(err, errNoEvents):
		return &noEventsError{limitWords(err, dir), true}
	}
	return err
}

// checkEvents looks where another file system begins.
func (w *walker) checkEvents(real string, info fs.FileInfo) error {
	if !w.checkFS || real == "" || device(info) == device(w.t.id) {
		return nil
	}
	if kind := remoteKind(w.t.abs(real)); kind != "" {
		return &noEventsError{why: fmt.Sprintf("%q lies on %s, which does not deliver file events", w.t.abs(real), kind)}
	}
	return nil
}

// list reads the names in a directory. One that changes meanwhile makes
// events, or is read again by the next poll.
func (w *walker) list(f *os.File) (map[string]fs.FileMode, error) {
	f, err := manifest.Listable(f)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	seen := make(map[string]fs.FileMode)
	for {
		entries, err := f.ReadDir(listAtOnce)
		for _, e := range entries {
			seen[e.Name()] = e.Type()
		}
		if errors.Is(err, io.EOF) {
			return seen, nil
		}
		if err != nil {
			return nil, err
		}
		if err := w.stop(); err != nil {
			return nil, err
		}
	}
}

// compare visits what a directory holds and forgets what it held.
func (w *walker) compare(n *node, pub string, seen map[string]fs.FileMode, chain []string) error {
	for name := range n.files.all() {
		if _, ok := seen[name]; !ok {
			w.forget(n, pub, name)
		}
	}
	for name := range n.subs {
		if _, ok := seen[name]; !ok {
			w.forget(n, pub, name)
		}
	}
	if !w.readRules(pub, n.real, seen) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		if err := w.visit(n, pub, name, seen[name], chain); err != nil {
			return err
		}
	}
	n.files.pack()
	return nil
}

// readRules adds the ignore files of a directory to the rules. One that
// cannot be read leaves open what counts below, so the walk goes no deeper,
// as manifest's does; the directory itself is watched, to see it repaired.
func (w *walker) readRules(pub, real string, seen map[string]fs.FileMode) bool {
	for _, layer := range []manifest.IgnoreLayer{manifest.GitIgnore, manifest.AssetsyncIgnore} {
		mode, ok := seen[layer.Filename()]
		if !ok || mode.IsDir() {
			continue
		}
		data, err := w.readFile(path.Join(real, layer.Filename()))
		if isGone(err) && mode.Type() != fs.ModeSymlink {
			continue
		}
		if err != nil {
			w.t.unread[pub] = fmt.Sprintf("%s cannot be read: %v", layer.Filename(), err)
			if n := w.t.nodes[pub]; n != nil {
				w.record(n, pub, layer.Filename())
			}
			return false
		}
		w.t.rules = w.t.rules.With(manifest.IgnoreFile{Layer: layer, Dir: manifest.Path(pub), Data: data})
	}
	return true
}

func (w *walker) readFile(name string) ([]byte, error) {
	f, err := w.root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxRules+1))
	if err == nil && len(data) > maxRules {
		err = fmt.Errorf("larger than %d bytes", maxRules)
	}
	return data, err
}

// visit decides what one name in a directory is, as manifest's scan does.
func (w *walker) visit(n *node, dir, name string, mode fs.FileMode, chain []string) error {
	pub, real := path.Join(dir, name), path.Join(n.real, name)
	p := manifest.Path(pub)
	switch {
	case isRule(name) && !mode.IsDir():
		w.record(n, dir, name)
		return nil
	case len(pub) > maxPath:
		return nil
	case mode.Type() == fs.ModeSymlink:
		return w.visitLink(n, dir, name, chain)
	case mode.IsDir():
		if w.t.rules.IgnoredDir(p) {
			w.forget(n, dir, name)
			return nil
		}
		if n.files.has(name) {
			w.forget(n, dir, name)
		}
		w.unlink(pub)
		if n.subs == nil {
			n.subs = make(map[string]struct{})
		}
		n.subs[name] = struct{}{}
		return w.enter(pub, real, chain)
	case w.t.rules.Ignored(p):
		w.forget(n, dir, name)
		return nil
	}
	w.unlink(pub)
	w.record(n, dir, name)
	return nil
}

// record notes a name that is no directory.
func (w *walker) record(n *node, dir, name string) {
	pub := path.Join(dir, name)
	if _, ok := n.subs[name]; ok {
		w.forget(n, dir, name)
	}
	var s *stamp
	if w.polled {
		info, err := w.root.Stat(path.Join(n.real, name))
		if err != nil {
			info, err = w.root.Lstat(path.Join(n.real, name))
		}
		if err != nil {
			return // gone meanwhile
		}
		s = stampOf(info)
	}
	if !n.files.has(name) && !isRule(name) {
		w.emit(pub, Created)
	}
	n.files.add(name)
	if s == nil {
		return
	}
	if n.stamps == nil {
		n.stamps = make(map[string]*stamp)
	}
	n.stamps[name] = s
}

// forget drops a name that is gone or counts no more.
func (w *walker) forget(n *node, dir, name string) {
	pub := path.Join(dir, name)
	w.unlink(pub)
	if n.files.has(name) {
		n.files.remove(name)
		delete(n.stamps, name)
		w.lost(pub, name)
	}
	if _, ok := n.subs[name]; ok {
		delete(n.subs, name)
		w.forgetDir(pub)
	}
}

func (w *walker) lost(pub, name string) {
	if isRule(name) {
		w.rules = true
		return
	}
	w.emit(pub, Removed)
}

// forgetDir drops the directory at pub and all below.
func (w *walker) forgetDir(pub string) {
	n := w.t.nodes[pub]
	if n == nil {
		return
	}
	w.dirs = true
	for name := range n.files.all() {
		w.unlink(path.Join(pub, name))
		w.lost(path.Join(pub, name), name)
		if w.file != nil {
			w.file(filepath.Join(w.t.abs(n.real), name))
		}
	}
	for name := range n.subs {
		w.unlink(path.Join(pub, name))
		w.forgetDir(path.Join(pub, name))
	}
	w.t.dropNode(pub, n)
	w.giveBack(w.t.abs(n.real))
}

// giveBack ends the watch of a directory that nothing needs any more.
func (w *walker) giveBack(dir string) {
	if !w.polled && !w.t.wants(dir) {
		w.unwatch(dir)
	}
}

// orDot is a real path as os.Root takes it.
func orDot(real string) string {
	if real == "" {
		return "."
	}
	return real
}
