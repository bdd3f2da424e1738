package daemon

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

func onCommit(t *Target) { t.When, t.Watch = assetsync.OnCommit, nil }

func manually(t *Target) { t.When = assetsync.Manually }

func TestLookAtStart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a").local = 7 // edited while nobody watched
		r.run()
		r.sleep(5 * testPoll) // the watch takes long; the remote's list is no reason
		r.wantDid("a")
		r.wantState("a", Starting)
		r.startAll()
		r.wantDid("a", "push")
		r.wantState("a", InStep)
		if v := r.view("a"); v.Published != 1 || v.Result.Version != 2 || v.Result.Outcome != assetsync.Unchanged || v.LookedAt.IsZero() {
			t.Errorf("view %+v", v)
		}
		r.sleep(10 * testPoll)
		r.wantDid("a")
	})
}

func TestBatchDuringLook(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		e.edit(func(e *fakeEngine) { e.took = 10 * time.Second })
		r.save("a")
		for range 5 { // all within the look
			r.sleep(time.Second)
			r.save("a")
		}
		r.sleep(time.Minute)
		r.wantDid("a", "push", "push")
		r.wantState("a", InStep)
	})
}

// A file that comes, is seen by a look and goes again takes back the batch
// that was ready. What the look saw is not what is there.
func TestBatchWithdrawnDuringLook(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		r.sleep(time.Minute)
		e.edit(func(e *fakeEngine) { e.took = time.Second })
		r.save("a")
		r.sleep(500 * time.Millisecond)
		r.save("a")
		r.watch("a").withdraw()
		r.sleep(5 * time.Second)
		r.wantDid("a", "push", "push")
		r.wantState("a", InStep)
		r.sleep(time.Hour)
		r.wantDid("a")
	})
}

// Who saves again and again while the remote cannot be used makes no call
// each time, also before the poll has noticed.
func TestSavesWhileLooksFail(t *testing.T) {
	for _, err := range []error{errOffline, errAuth} {
		t.Run(err.Error(), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				e := r.add("a")
				r.start()
				e.edit(func(e *fakeEngine) {
					e.replace = func(string, assetsync.Result) assetsync.Result { return assetsync.Failure("a", err) }
				})
				for range 100 {
					r.save("a")
					r.sleep(200 * time.Millisecond)
				}
				if got := e.did(); len(got) > 8 {
					t.Errorf("%d calls in 20 s", len(got))
				}
				r.watch("a").send(watcher.Batch{Why: watcher.ClockJumped})
				synctest.Wait()
				r.wantDid("a", "push")
			})
		})
	}
}

func TestParallelLooks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for i := range 20 {
			e := r.add(fmt.Sprint("t", i))
			e.took = time.Second
		}
		r.run()
		r.startAll()
		r.sleep(20 * time.Second)
		if r.remote.busiest != parallelLooks || r.remote.looks != 20 {
			t.Errorf("%d looks, %d at once; want 20, %d at once", r.remote.looks, r.remote.busiest, parallelLooks)
		}
	})
}

// hang makes every call of an engine last until free is called, whatever its
// context says, as on a file system that is gone.
func hang(e *fakeEngine) (free func()) {
	c := make(chan struct{})
	e.edit(func(e *fakeEngine) { e.before = func(context.Context, string) { <-c } })
	return func() {
		e.edit(func(e *fakeEngine) { e.before = nil })
		close(c)
	}
}

func TestHangingLooks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var free []func()
		for i := range parallelLooks {
			free = append(free, hang(r.add(fmt.Sprint("bad", i))))
		}
		r.add("good")
		r.run()
		for i := range parallelLooks { // these take all slots
			r.watch(fmt.Sprint("bad", i)).send(watcher.Batch{Why: watcher.Started})
		}
		synctest.Wait()
		r.watch("good").send(watcher.Batch{Why: watcher.Started})
		r.sleep(slowLook - time.Second)
		r.wantDid("good")
		r.sleep(2 * time.Second)
		r.wantDid("good", "push")
		r.sleep(time.Hour)
		r.save("good")
		r.wantDid("good", "push")
		for i, f := range free {
			r.wantState(fmt.Sprint("bad", i), Publishing)
			f()
		}
		r.sleep(time.Second)
		r.wantState("bad0", InStep)
		if got := len(r.d.slots); got != 0 {
			t.Errorf("%d slots are taken at rest", got)
		}
	})
}

func TestHeldByGit(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a", r.inGit)
		r.start()
		repo := r.repos["a"]
		repo.set("a rebase is in progress", "c1")
		locked(&repo.mu, func() { repo.looks = nil })
		r.save("a")
		r.sleep(time.Hour)
		r.wantDid("a")
		r.wantState("a", Held)
		var pauses []time.Duration
		for i := range repo.looks[1:] {
			pauses = append(pauses, repo.looks[i+1].Sub(repo.looks[i]))
		}
		if !slices.IsSorted(pauses) || pauses[0] > holdBase || slices.Max(pauses) > holdMax || pauses[len(pauses)-1] < holdMax/4 {
			t.Errorf("pauses between looks at git: %v ... %v", pauses[:6], pauses[len(pauses)-1])
		}
		if v := r.view("a"); v.Reason != "a rebase is in progress" {
			t.Errorf("reason %q", v.Reason)
		}
		repo.set("", "c2")
		r.sleep(holdMax)
		r.wantDid("a", "push")
		r.wantState("a", InStep)
		r.sleep(time.Minute)
		r.wantDid("a")
	})
}

func TestOnCommit(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a", r.inGit, onCommit)
		r.run()
		r.wantDid("a", "push")
		r.sleep(time.Hour)
		r.wantDid("a")
		r.change("a")
		r.repos["a"].set("", "c2")
		r.sleep(commitPoll)
		r.wantDid("a", "push")
		if v := r.view("a"); v.Result.Version != 2 {
			t.Errorf("version %d, want 2", v.Result.Version)
		}
		r.repos["a"].set("a merge is in progress", "c3")
		r.sleep(time.Minute)
		r.wantDid("a")
		r.repos["a"].set("", "c4")
		r.sleep(commitPoll)
		r.wantDid("a", "push")
	})
}

func TestManually(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a", manually)
		r.start()
		r.save("a")
		r.sleep(time.Hour)
		r.wantDid("a", "status")
		r.wantState("a", Differs)
		v := r.view("a")
		if v.Result.Target != "a" || v.Result.Outcome != assetsync.Planned || len(v.Result.Changes) != 1 {
			t.Errorf("result %+v", v.Result)
		}
		if got := r.remote.version("ki-a"); got != 1 {
			t.Errorf("version %d was made", got)
		}
	})
}

func TestPushThatDoesNotTell(t *testing.T) {
	conflict := func(verb string, res assetsync.Result) assetsync.Result {
		if verb == "status" {
			return assetsync.Failure("a", errOffline)
		}
		return assetsync.Result{Target: "a", AssetID: "ki-a", Outcome: assetsync.Conflict, Version: 1, Conflicts: []assetsync.ConflictReport{{Path: "SKILL.md"}}}
	}
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		e.edit(func(e *fakeEngine) { e.replace = conflict })
		r.save("a")
		r.wantDid("a", "push", "status")
		r.wantState("a", Conflict)
		v := r.view("a")
		if v.Result.Error != nil || v.Result.Outcome != assetsync.Conflict {
			t.Errorf("the failed status is what stays: %+v", v.Result)
		}
		e.edit(func(e *fakeEngine) { e.replace = nil })
		// What a status would find is not known, so it is not answered from memory.
		got := r.status("a")
		r.wantDid("a", "status")
		if got.Outcome != assetsync.Unchanged || got.Version != 2 {
			t.Errorf("status %+v", got)
		}
	})
}

func TestSaveTimeOverRetries(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		fail := func(_ string, res assetsync.Result) assetsync.Result { return assetsync.Failure("a", errDisk) }
		e.edit(func(e *fakeEngine) {
			e.took = time.Second
			e.replace = fail
		})
		saved := time.Now()
		r.save("a")
		r.sleep(500 * time.Millisecond)
		r.hint("a", 9) // a reason that is no save
		r.watch("a").send(watcher.Batch{Paths: []watcher.Change{{Path: "b"}}, First: time.Now()})
		r.sleep(2 * time.Second)
		e.edit(func(e *fakeEngine) { e.replace, e.took = nil, 0 })
		r.change("a")
		r.sleep(time.Hour)
		entries := r.logs.FilterMessage("published").All()
		if len(entries) != 1 {
			t.Fatalf("log %q", r.lines(0))
		}
		want := entries[0].Time.Sub(saved).Milliseconds()
		if ms := entries[0].ContextMap()["save_to_version_ms"]; ms != want {
			t.Errorf("save_to_version_ms is %d, want %d", ms, want)
		}
		r.save("a") // has a time of its own
		if entries = r.logs.FilterMessage("published").All(); entries[len(entries)-1].ContextMap()["save_to_version_ms"] != int64(0) {
			t.Errorf("the next one: %v", entries[len(entries)-1].ContextMap())
		}
	})
}
