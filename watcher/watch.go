package watcher

import (
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// maxInbox is how many events wait for one root. What does not fit makes a
// look at everything, which is due anyway with more than 512 paths.
const maxInbox = 8192

// Watch is a root that is watched. Its methods may be called from several
// goroutines.
type Watch struct {
	w    *Watcher
	root Root
	wake chan struct{} // of 1: there is something in the inbox
	done chan struct{} // closed by Close
	out  chan Batch    // of 1: the batch that is ready

	held map[string]struct{} // watched directories; guarded by the table's lock
	gone bool                // none are given any more; likewise

	mu        sync.Mutex
	inbox     []event
	told      flags
	busy      bool // what was in the inbox is being looked at
	unsettled bool // something waits to be settled
	closed    bool
	chmods    bool // some directory cannot be read, so that attributes matter
	health    RootHealth
	stands    fs.FileInfo // of the root, which has to be the same at each beat; nil: nothing is to be compared
}

// event is what happened to a name in a watched directory, or to the
// directory itself when the name is empty.
type event struct {
	dir, name string
	op        fsnotify.Op
}

// flags are what concerns every root.
type flags struct {
	overflow, clock bool
	check           bool // look whether the root is still there; nothing happened
}

func (f flags) happened() bool { return f.overflow || f.clock }

func newWatch(w *Watcher, r Root) *Watch {
	return &Watch{
		w:         w,
		root:      r,
		wake:      make(chan struct{}, 1),
		done:      make(chan struct{}),
		out:       make(chan Batch, 1),
		held:      make(map[string]struct{}),
		unsettled: true, // the first look
	}
}

// Batches returns the channel of the batches, always the same. It holds one
// batch at a time; what settles before it is taken is merged into it.
func (h *Watch) Batches() <-chan Batch { return h.out }

// Pending reports whether something happened that is not in a batch that was
// taken from the channel. It is true before the first batch.
func (h *Watch) Pending() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.closed && (len(h.inbox) > 0 || h.told.happened() || h.busy || h.unsettled || len(h.out) > 0)
}

// Health says how the root is watched.
func (h *Watch) Health() RootHealth {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.health
}

// Close gives the watches back. There are no more batches, one that was ready
// is withdrawn, and the channel is not closed.
func (h *Watch) Close() {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return
	}
	h.closed = true
	close(h.done)
	select {
	case <-h.out:
	default:
	}
	h.mu.Unlock()
	h.w.table.releaseAll(h, true)
	h.w.mu.Lock()
	delete(h.w.roots, h)
	h.w.mu.Unlock()
}

// push adds an event to the inbox.
func (h *Watch) push(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || e.op == fsnotify.Chmod && !h.chmods {
		return
	}
	if len(h.inbox) < maxInbox {
		h.inbox = append(h.inbox, e)
	} else {
		h.inbox, h.told.overflow = nil, true
	}
	h.signal()
}

// tell sets flags.
func (h *Watch) tell(f flags) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told.overflow = h.told.overflow || f.overflow
	h.told.clock = h.told.clock || f.clock
	h.told.check = h.told.check || f.check
	h.signal()
}

func (h *Watch) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// take empties the inbox. Until settled is called, what was in it is pending.
func (h *Watch) take() ([]event, flags) {
	h.mu.Lock()
	defer h.mu.Unlock()
	events, told := h.inbox, h.told
	h.inbox, h.told, h.busy = nil, flags{}, len(events) > 0 || told.happened()
	return events, told
}

// present looks whether the root is still the directory that is watched, if one
// is. It hangs with its file system.
func (h *Watch) present() bool {
	h.mu.Lock()
	was := h.stands
	h.mu.Unlock()
	if was == nil {
		return true
	}
	info, err := os.Stat(h.root.Dir)
	return err == nil && info.IsDir() && os.SameFile(info, was)
}

// settled gives out a batch, if there is one, and notes what is still to come,
// and what stands for the root.
func (h *Watch) settled(b *Batch, more bool, note func(*RootHealth), stands fs.FileInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.busy, h.unsettled, h.stands = false, more, stands
	note(&h.health)
	h.chmods = h.health.Trouble != ""
	if b == nil || h.closed {
		return
	}
	next, ok := *b, true
	select {
	case last := <-h.out:
		next, ok = merge(last, next)
	default:
	}
	if ok {
		h.out <- next
	}
}

// sawChange notes when the last change was read.
func (h *Watch) sawChange(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.health.LastEvent = now
}
