package watcher

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// loop is the one goroutine of a root: it alone touches its disk.
type loop struct {
	h      *Watch
	w      *Watcher
	ctx    context.Context
	co     *coalescer
	tree   *tree // nil while the root is lost
	polled bool
	short  string    // why the disk cannot be looked at for now, in plain words
	mount  bool      // the root was a mount point when it was last watched
	why    string    // why it is polled
	lost   string    // why there is no tree
	dirty  bool      // the rules are to be read again when they are settled
	moving bool      // the last poll found something, so the next one tells whether it is quiet
	walked time.Time // when the last walk began

	look, poll, full time.Time // when each is due; zero: never
}

// run watches until ctx ends or the root is closed.
func (h *Watch) run(ctx context.Context) {
	l := &loop{h: h, w: h.w, ctx: ctx, co: newCoalescer(h.root.Settle, h.root.MaxWait)}
	defer h.w.table.releaseAll(h, true)
	timer := time.NewTimer(0)
	defer timer.Stop()
	l.attach(Started)
	for {
		l.finish()
		timer.Reset(time.Until(l.next()))
		select {
		case <-ctx.Done():
			return
		case <-h.done:
			return
		case <-h.wake:
		case <-timer.C:
		}
		l.step()
	}
}

// stop says why a walk has to end early.
func (l *loop) stop() error {
	select {
	case <-l.h.done:
		return errClosed
	default:
		return l.ctx.Err()
	}
}

// next returns when something is to be done although nothing happens.
func (l *loop) next() time.Time {
	next := time.Now().Add(l.w.options.FullEvery)
	for _, t := range []time.Time{l.look, l.poll, l.full} {
		if !t.IsZero() {
			next = earlier(next, t)
		}
	}
	if due, ok := l.ready(); ok {
		next = earlier(next, due)
	}
	return next
}

// ready returns when a batch is to be given out. Between two polls nobody
// knows whether it was quiet, so the first one that finds nothing decides.
func (l *loop) ready() (time.Time, bool) {
	due, ok := l.co.next()
	if l.polled && l.moving {
		due = l.co.bound()
	}
	return due, ok
}

// step does what is due.
func (l *loop) step() {
	events, told := l.h.take()
	now := time.Now()
	if told.overflow && l.tree != nil && !l.polled {
		l.attach(Overflowed)
		events = nil // from before the watches were set anew
	}
	if told.clock {
		l.co.everything(ClockJumped, now, l.co.settle)
		if l.polled {
			l.poll = now
		}
	}
	if l.tree != nil && len(events) > 0 {
		l.handle(events, now)
	}
	if now = time.Now(); due(l.look, now) {
		why := RootBack
		if l.tree != nil {
			why = Overflowed // events went by while descriptors were short
		}
		l.attach(why)
	}
	if told.check && l.tree != nil && !l.polled {
		l.present()
	}
	if due(l.poll, now) && l.tree != nil {
		l.pollOnce()
	}
	if due(l.full, now) && l.tree != nil {
		l.attach(Timed)
	}
}

func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

// finish gives out what is settled. Before that, changed rules are read, and
// the root is looked at: what happened in a directory that was moved away is
// not this root's.
func (l *loop) finish() {
	var batch *Batch
	at, ok := l.ready()
	now := time.Now()
	switch {
	case !ok || !due(at, now) || l.tree == nil:
	case l.dirty:
		l.attach(IgnoreChanged)
		l.co.atOnce() // it was quiet already
	default:
		l.present()
	}
	if at, ok = l.ready(); ok && due(at, now) {
		if b, ok := l.co.take(time.Now()); ok {
			batch = &b
			if b.Why != "" {
				l.timeFull()
			}
		}
	}
	var stands fs.FileInfo
	if l.tree != nil && !l.polled {
		stands = l.tree.id
	}
	l.h.settled(batch, !l.co.empty(), l.note, stands)
}

func (l *loop) timeFull() {
	every := l.w.options.FullEvery
	// Roots that were added together are spread over a fifth of the time.
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(l.h.root.Dir)) // never fails
	l.full = time.Now().Add(every - time.Duration(hash.Sum32()%200)*every/1000)
}

// note fills in the health.
func (l *loop) note(h *RootHealth) {
	h.Mode, h.Why, h.Lost, h.Trouble, h.Directories = "", "", l.lost, "", 0
	if l.tree == nil {
		return
	}
	h.LastLook = l.walked
	h.Mode, h.Why, h.Directories = Native, l.why, len(l.tree.nodes)
	if l.polled {
		h.Mode = Poll
	}
	for dir, why := range l.tree.unread {
		if words := fmt.Sprintf("%q: %s", orDot(dir), why); h.Trouble == "" || words < h.Trouble {
			h.Trouble = words
		}
	}
	if l.short != "" {
		h.Trouble = l.short
	}
}

// locate finds the root on the disk.
func locate(dir string) (real string, info fs.FileInfo, err error) {
	if real, err = filepath.EvalSymlinks(dir); err != nil {
		return "", nil, err
	}
	if info, err = os.Stat(real); err != nil {
		return "", nil, err
	}
	if !info.IsDir() {
		return "", nil, errNotDir
	}
	return real, info, nil
}

var errNotDir = errors.New("not a directory")

// attach sets the watches of the root, all anew, and asks for a look at
// everything. It is the one way in: at the start, after a loss, after events
// were lost, after the rules changed.
func (l *loop) attach(why Reason) {
	defer l.w.turn(l.ctx)()
	real, info, err := locate(l.h.root.Dir)
	if err != nil {
		l.lose(err)
		return
	}
	mount := isMount(real, info)
	if l.mount && !mount && isEmpty(real) {
		l.lose(errUnmounted)
		return
	}
	if l.tree != nil && (l.tree.real != real || !os.SameFile(l.tree.id, info)) {
		l.w.table.releaseAll(l.h, false)
		why = RootBack // another directory stands in its place
	}
	fell := l.polled && l.why != ""
	l.polled, l.why = l.way(real)
	began := time.Now()
	t, err := l.walk(real, info)
	if e, ok := errors.AsType[*noEventsError](err); ok {
		if !fell && (e.limit || why != Started) {
			why = stronger(why, FellBack)
		}
		l.w.table.releaseAll(l.h, false)
		l.polled, l.why = true, e.why
		began = time.Now()
		t, err = l.walk(real, info)
	}
	if l.stop() != nil {
		return
	}
	if err != nil {
		l.lose(err)
		return
	}
	l.w.table.releaseUnless(l.h, func(dir string) bool { return !l.polled && t.wants(dir) })
	l.mount = mount
	l.tree, l.lost, l.short, l.dirty, l.look = t, "", "", false, time.Time{}
	l.moving = false
	l.schedule(began)
	l.timeFull()
	now := time.Now()
	if why == FellBack && !l.polled {
		why = Overflowed // there was room after all
	}
	if l.co.everything(why, now, l.co.settle); why == Started || why == FellBack {
		l.co.atOnce()
	}
}

// schedule sets when a polled root is walked next.
func (l *loop) schedule(began time.Time) {
	now := time.Now()
	l.walked = began
	l.poll = time.Time{}
	if l.polled {
		every := l.w.options.PollEvery
		if l.moving {
			every = min(every, l.co.settle)
		}
		l.poll = now.Add(max(every, pollShare*now.Sub(began)))
	}
}

// way decides how the root is watched.
func (l *loop) way(real string) (polled bool, why string) {
	if l.h.root.Mode == Poll {
		return true, ""
	}
	if why := l.w.noEvents(); why != "" {
		return true, why
	}
	if l.h.root.Mode == Auto {
		if kind := remoteKind(real); kind != "" {
			return true, fmt.Sprintf("%q lies on %s, which does not deliver file events", real, kind)
		}
	}
	return false, ""
}

// lose notes that the root is gone and gives its watches back. It may be back
// in a moment, as after a rename and a rename back, so nothing is told before
// a removal would be. Where only descriptors are short, it tries again later.
func (l *loop) lose(err error) {
	now := time.Now()
	if isLimit(err) && l.tree != nil {
		// The root is there; it is this process that cannot look.
		l.short, l.look = limitWords(err, l.h.root.Dir), now.Add(l.w.pace.lost)
		return
	}
	words := lostWords(l.h.root.Dir, err)
	l.look = now.Add(l.w.pace.lost)
	l.poll, l.full = time.Time{}, time.Time{}
	if l.lost != "" {
		l.lost = words
		return
	}
	l.look = now.Add(min(l.w.pace.lost, l.co.hold))
	first := l.tree == nil
	l.lost, l.tree, l.dirty = words, nil, false
	l.w.table.releaseAll(l.h, false)
	l.co.drop()
	if l.co.everything(RootLost, now, l.co.hold); first {
		l.co.atOnce()
	}
}

func lostWords(dir string, err error) string {
	switch {
	case errors.Is(err, errNotDir):
		return fmt.Sprintf("%q is not a directory", dir)
	case isLimit(err):
		return fmt.Sprintf("%q cannot be watched: %s", dir, limitWords(err, dir))
	case errors.Is(err, errUnmounted):
		return fmt.Sprintf("%q is empty: its file system is not mounted", dir)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("%q does not exist", dir)
	}
	return fmt.Sprintf("%q cannot be watched: %v", dir, err)
}

// present looks whether the root is still the directory that is watched.
func (l *loop) present() bool {
	info, err := os.Stat(l.h.root.Dir)
	switch {
	case err == nil && info.IsDir() && os.SameFile(info, l.tree.id):
		return true
	case err == nil && !info.IsDir():
		err = errNotDir
	case err == nil:
		err = errOther
	}
	l.lose(err)
	return false
}

// isMount reports whether another file system begins at dir.
func isMount(dir string, info fs.FileInfo) bool {
	up, err := os.Stat(filepath.Dir(dir))
	return err == nil && device(up) != device(info)
}

func isEmpty(dir string) bool {
	f, err := os.Open(dir)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = f.Readdirnames(1)
	return errors.Is(err, io.EOF)
}

// errUnmounted tells an empty mount point from a directory that was emptied.
// Whoever puts files there instead of the file system has the root back.
var errUnmounted = errors.New("its file system is not mounted")

var errOther = errors.New("another directory stands in its place")
