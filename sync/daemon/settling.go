package daemon

import "time"

const (
	// settlingPause is between two looks at files that have not settled:
	// about watch.settle. Mostly a batch comes first.
	settlingPause = 100 * time.Millisecond

	// lateEvents is how long after a look its watch is asked once more. Events
	// are read within a millisecond, on a busy machine within some hundred.
	lateEvents = time.Second
)

// settling reports whether files are being written, so that nothing but a
// batch is a reason to look: what is there now is no state that settled. The
// watch gives one after watch.max_wait at the latest. It also returns after
// how long it is to be asked again.
//
// A file that came and went before it settled is in no batch. Had a look seen
// it in between, the remote would keep it. So a change that was read after
// the last look began is a reason for another, unless its batch is to come.
func (l *loop) settling() (wait bool, again time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.watch == nil || !l.looked {
		return false, longWait
	}
	if l.watch.Pending() {
		return !l.told, settlingPause
	}
	if l.missed() {
		l.dirty = true
	}
	if left := lateEvents - time.Since(l.rested); left > 0 {
		return false, left
	}
	return false, longWait
}

// missed reports whether something changed since the last look began and
// nothing is pending; l.mu is held.
func (l *loop) missed() bool { return l.looked && l.watch.Health().LastEvent.After(l.began) }
