package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"assetsync/watcher"
)

// event lets a watch read an event of a file, after which something waits to
// be settled or not.
func (r *rig) event(name string, settles bool) {
	r.Helper()
	w := r.watch(name)
	w.mu.Lock()
	w.settles, w.health.LastEvent = settles, time.Now()
	w.mu.Unlock()
}

// settled lets a watch give out what waits to be settled.
func (r *rig) settled(name string) {
	r.Helper()
	w := r.watch(name)
	w.mu.Lock()
	w.settles = false
	w.mu.Unlock()
	w.send(watcher.Batch{Paths: []watcher.Change{{Path: "x", Op: watcher.Modified}}, First: time.Now()})
	synctest.Wait()
}

func TestNoLookWhileFilesSettle(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a", r.inGit)
		r.start()
		r.sleep(time.Minute)
		r.repos["a"].set("a rebase is in progress", "c1")
		r.save("a")
		r.sleep(time.Second)
		r.wantState("a", Held)
		r.event("a", true) // another command of git follows
		r.repos["a"].set("", "c1")
		r.sleep(4 * time.Second)
		r.wantDid("a")
		r.settled("a")
		r.wantDid("a", "push")
		r.wantState("a", InStep)
		r.sleep(time.Minute)
		r.wantDid("a")
	})
}

func TestHintWaitsForFiles(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.start()
		r.sleep(time.Minute)
		r.event("a", true)
		r.remote.mu.Lock()
		r.remote.assets["ki-a"].version++
		r.remote.mu.Unlock()
		r.sleep(2 * testPoll)
		r.wantDid("a")
		r.settled("a")
		r.wantDid("a", "push")
	})
}

// A look whose reason is a batch does not wait for the next one: under
// constant writing there is always something that settles.
func TestBatchNeverWaits(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.start()
		for range 5 {
			r.sleep(5 * time.Second)
			r.event("a", true)
			w := r.watch("a")
			w.send(watcher.Batch{Paths: []watcher.Change{{Path: "x", Op: watcher.Modified}}, First: time.Now()})
			synctest.Wait()
			r.wantDid("a", "push")
		}
	})
}

// A file comes, is seen by a look, and goes before it settled: no batch tells.
func TestWhatCameAndWentIsLookedFor(t *testing.T) {
	for _, tt := range []struct {
		name string
		goes func(r *rig)
	}{
		{"while the look lasts", func(r *rig) {
			r.sleep(time.Second)
			r.event("a", false)
		}},
		{"right after it", func(r *rig) {
			r.sleep(time.Second)
			r.event("a", true)
			r.sleep(5 * time.Second)
			r.event("a", false)
		}},
		{"after it, and it is read late", func(r *rig) {
			r.sleep(3*time.Second + lateEvents/2)
			r.event("a", false)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				e := r.add("a")
				r.start()
				r.sleep(time.Minute)
				e.edit(func(e *fakeEngine) { e.took = 3 * time.Second })
				r.save("a")
				tt.goes(r)
				r.sleep(time.Minute)
				r.wantDid("a", "push", "push")
				r.sleep(time.Minute)
				r.wantDid("a")
			})
		})
	}
}
