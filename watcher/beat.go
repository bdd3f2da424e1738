package watcher

import (
	"sync"
	"sync/atomic"
)

// beat looks at all roots from time to time.
type beat struct {
	busy  atomic.Bool
	looks sync.WaitGroup
}

// check makes the roots look that may not be there any more. One goroutine finds
// them, by a stat of each: to wake all of a thousand that have nothing to do costs
// several times as much. Where it hangs in a file system that is gone, or the clock
// jumped, every root looks for itself.
func (b *beat) check(w *Watcher, jumped bool) {
	if jumped || !b.busy.CompareAndSwap(false, true) {
		w.everyRoot(func(h *Watch) { h.tell(flags{check: true, clock: jumped}) })
		return
	}
	b.looks.Go(func() {
		defer b.busy.Store(false)
		w.everyRoot(func(h *Watch) {
			if !h.present() {
				h.tell(flags{check: true})
			}
		})
	})
}

// end waits for the look that is on its way.
func (b *beat) end() { b.looks.Wait() }
