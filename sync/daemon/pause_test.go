package daemon

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

func TestPauses(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.add("b")
		r.pauses.names = []string{"b"} // of the last run
		r.run()
		r.wantState("b", Paused)
		r.startAll()
		r.wantDid("a", "push")
		r.wantDid("b")
		if err := r.d.Pause([]string{"a"}); err != nil {
			t.Fatal(err)
		}
		if got := r.pauses.names; !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("saved %q", got)
		}
		r.save("a")
		r.sleep(time.Hour)
		r.wantDid("a")
		r.wantState("a", Paused)
		if err := r.d.Resume([]string{"a", "b"}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.wantDid("a", "push")
		r.wantDid("b", "push")
		if len(r.pauses.names) != 0 || r.remote.version("ki-a") != 2 {
			t.Errorf("saved %q, version %d", r.pauses.names, r.remote.version("ki-a"))
		}
	})
}

// A resume looks at once, also when the last look had failed.
func TestResumeAfterFailure(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		e.edit(func(e *fakeEngine) {
			e.replace = func(string, assetsync.Result) assetsync.Result { return assetsync.Failure("a", errDisk) }
		})
		r.save("a")
		r.sleep(time.Hour) // pauses are long by now
		r.must(r.d.Pause([]string{"a"}))
		synctest.Wait()
		r.wantState("a", Paused)
		e.edit(func(e *fakeEngine) { e.replace = nil })
		e.did()
		r.must(r.d.Resume([]string{"a"}))
		synctest.Wait()
		r.wantDid("a", "push")
		r.wantState("a", InStep)
	})
}

// A pause that came while a look waited for its turn is heeded.
func TestPauseWhileWaitingForTurn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var free []func()
		for i := range parallelLooks {
			free = append(free, hang(r.add(fmt.Sprint("bad", i))))
		}
		r.add("a")
		r.run()
		for i := range parallelLooks {
			r.watch(fmt.Sprint("bad", i)).send(watcher.Batch{Why: watcher.Started})
		}
		synctest.Wait()
		r.watch("a").send(watcher.Batch{Why: watcher.Started})
		r.sleep(time.Second)
		r.must(r.d.Pause([]string{"a"}))
		r.sleep(time.Minute)
		r.wantDid("a")
		r.wantState("a", Paused)
		for _, f := range free {
			f()
		}
	})
}

func TestPauseThatCannotBeSaved(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.start()
		locked(&r.pauses.mu, func() { r.pauses.err = errDisk })
		err := r.d.Pause([]string{"a"})
		if want := "pause until the daemon ends only: keep pauses: disk is full"; err == nil || err.Error() != want {
			t.Errorf("error %q, want %q", err, want)
		}
		r.save("a")
		r.wantDid("a")
		r.wantState("a", Paused)
	})
}

// A disk that hangs while a pause is saved stops nothing else.
func TestPauseThatHangs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.start()
		locked(&r.pauses.mu, func() { r.pauses.hang = make(chan struct{}) })
		done := make(chan error)
		go func() { done <- r.d.Pause([]string{"a"}) }()
		healthy := make(chan Health, 1)
		go func() { time.Sleep(time.Second); healthy <- r.d.Health() }()
		select {
		case <-healthy:
		case <-time.After(time.Minute):
			t.Error("Health waits for the disk")
		}
		close(r.pauses.hang)
		r.must(<-done)
	})
}

func TestPauseBeforeRun(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.pauses.names = []string{"a"}
		if err := r.d.Pause([]string{"b"}); err == nil {
			t.Error("a pause before the others are read is taken")
		}
		if !slices.Equal(r.pauses.names, []string{"a"}) {
			t.Errorf("saved %q", r.pauses.names)
		}
	})
}
