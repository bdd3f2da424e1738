package daemon

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestRest(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var rested atomic.Int32
		r.d.o.Rested = func() { rested.Add(1) }
		want := func(when string, n int32) {
			t.Helper()
			synctest.Wait()
			if got := rested.Load(); got != n {
				t.Errorf("%s: rested %d times, want %d", when, got, n)
			}
		}
		r.add("a")
		r.start()
		r.sleep(restPause - time.Second)
		want("right after the start", 0)
		r.sleep(2 * time.Second)
		want("when all is quiet", 1)
		r.sleep(time.Hour / 6)
		want("long after", 1)
		for range 5 {
			r.save("a")
			r.sleep(restPause / 2)
		}
		want("while somebody saves", 1)
		r.sleep(restPause)
		want("after the saves", 2)
	})
}
