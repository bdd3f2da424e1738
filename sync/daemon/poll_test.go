package daemon

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// gone is an hour of trouble with the remote: some targets are edited in it.
// It returns how many calls were made in all.
func (r *rig) gone(err error, state State) (calls int) {
	r.Helper()
	for i := range 10 {
		r.add(fmt.Sprint("t", i))
	}
	r.start()
	r.remote.fail(err)
	locked(&r.remote.mu, func() { r.remote.looks, r.remote.lists = 0, nil })
	for i := range 5 {
		r.save(fmt.Sprint("t", i))
	}
	r.sleep(2 * pollGap)
	_, _, looks := r.remote.counts()
	r.sleep(30 * time.Minute)
	r.save("t0") // again, and of no use
	r.sleep(30 * time.Minute)
	lists, _, later := r.remote.counts()
	if later != looks {
		r.Errorf("%d looks while the gate is closed", later-looks)
	}
	for i := range 10 {
		name := fmt.Sprint("t", i)
		r.engines[name].did()
		if i >= 5 {
			r.wantState(name, InStep)
			continue
		}
		r.wantState(name, state)
		if v := r.view(name); !strings.Contains(v.Reason, err.Error()) {
			r.Errorf("%s waits for %q", name, v.Reason)
		}
	}
	return later + lists
}

func (r *rig) back(patience time.Duration) {
	r.Helper()
	r.remote.fail(nil)
	r.sleep(patience)
	for i := range 10 {
		name := fmt.Sprint("t", i)
		r.wantState(name, InStep)
		if i < 5 {
			r.wantDid(name, "push")
		} else {
			r.wantDid(name)
		}
	}
	r.sleep(10 * testPoll)
	for i := range 10 {
		r.wantDid(fmt.Sprint("t", i)) // no echo
	}
}

func TestRemoteGone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		// One poll a minute at most, with half of the jitter here; 5 targets
		// that look once before the gate closes, perhaps twice.
		if calls, most := r.gone(errOffline, Offline), 120+2*5; calls > most || calls < 30 {
			t.Errorf("%d calls in an hour, want at most %d", calls, most)
		}
		if h := r.d.Health(); h.Remote.State != Offline || h.Remote.Reason != "no route to host" {
			t.Errorf("remote %+v", h.Remote)
		}
		r.back(offlineMax + time.Second)
	})
}

func TestAuthExpired(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		if calls, most := r.gone(errAuth, AuthExpired), 240+2*5; calls > most || calls < 60 {
			t.Errorf("%d calls in an hour, want at most %d", calls, most)
		}
		r.back(authMax + time.Second)
		if got := strings.Join(r.lines(zapcore.WarnLevel), "\n"); strings.Count(got, "the remote cannot be used") != 1 {
			t.Errorf("log:\n%s", got)
		}
	})
}

// A remote that lists and does nothing else is not asked for its list by
// every look that fails.
func TestLooksFailListingWorks(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for i := range 60 {
			e := r.add(fmt.Sprint("t", i))
			e.replace = func(string, assetsync.Result) assetsync.Result { return assetsync.Failure(e.name, errOffline) }
		}
		r.start()
		r.sleep(time.Minute)
		locked(&r.remote.mu, func() { r.remote.lists = nil })
		r.sleep(time.Hour)
		const most = 150 // by the timer alone
		if n, _, _ := r.remote.counts(); n > most {
			t.Errorf("listed %d times in an hour, want at most %d", n, most)
		}
	})
}

func TestListingNotAllowed(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.remote.listErr = fmt.Errorf("%w: ListAssets", ErrNotAllowed)
		r.start()
		r.sleep(time.Hour)
		r.save("a")
		r.wantDid("a", "push")
		r.wantState("a", InStep)
		h := r.d.Health().Remote
		if h.State != InStep || !strings.Contains(h.Reason, "noticed late") || !h.PolledAt.IsZero() {
			t.Errorf("remote %+v", h)
		}
		if got := r.lines(zapcore.WarnLevel); len(got) != 1 {
			t.Errorf("an hour of it makes one warning: %q", got)
		}
	})
}

func TestPollIsNotHurried(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.set.Poll = 10 * time.Millisecond
		r.add("a")
		r.run()
		r.startAll()
		r.sleep(10 * pollGap)
		for range 20 {
			r.d.askPoll(false)
			r.sleep(50 * time.Millisecond)
		}
		r.remote.mu.Lock()
		lists := slices.Clone(r.remote.lists)
		r.remote.mu.Unlock()
		for i := range lists[1:] {
			if gap := lists[i+1].Sub(lists[i]); gap < pollGap {
				t.Fatalf("two polls within %v", gap)
			}
		}
	})
}

func TestHints(t *testing.T) {
	own := func(r *rig, name string) { r.save(name); r.engines[name].did() }
	tests := []struct {
		name string
		do   func(*rig)
		want int // looks
	}{
		{"own version", func(r *rig) { own(r, "a") }, 0},
		{"foreign version", func(r *rig) { locked(&r.remote.mu, func() { r.remote.assets["ki-a"].version++ }) }, 1},
		{"a listing that lags", func(r *rig) {
			locked(&r.remote.mu, func() { r.remote.listed = func(v map[string]int32) { v["ki-a"] = 1 } })
			own(r, "a")
		}, 0},
		{"a listing that goes back and forth", func(r *rig) {
			n := 0
			locked(&r.remote.mu, func() { r.remote.listed = func(v map[string]int32) { n++; v["ki-a"] -= int32(n % 2) } })
			own(r, "a")
		}, 0},
		{"another asset", func(r *rig) { locked(&r.remote.mu, func() { r.remote.assets["ki-x"] = &fakeAsset{version: 9} }) }, 0},
		{"asset gone", func(r *rig) { locked(&r.remote.mu, func() { delete(r.remote.assets, "ki-a") }) }, 1},
		{"own version while it is made", func(r *rig) {
			r.engines["a"].edit(func(e *fakeEngine) { e.after = 2 * testPoll })
			own(r, "a")
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.add("a")
				r.start()
				r.sleep(2 * testPoll)
				tt.do(r)
				r.sleep(20 * testPoll)
				did := r.engines["a"].did()
				if got := slices.DeleteFunc(slices.Clone(did), func(verb string) bool { return verb == "status" }); len(got) != tt.want {
					t.Errorf("did %q, want %d looks", did, tt.want)
				}
			})
		})
	}
}

func TestHintWithoutAsset(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a", func(t *Target) { t.AssetID = "" })
		delete(r.remote.assets, "ki-a")
		r.start()
		locked(&r.remote.mu, func() { r.remote.assets[""] = &fakeAsset{version: 3} })
		r.sleep(10 * testPoll)
		r.wantDid("a")
		locked(&r.remote.mu, func() {
			delete(r.remote.assets, "")
			r.remote.assets["ki-a"] = &fakeAsset{version: 1}
		})
		r.save("a") // finds it, and publishes
		r.engines["a"].did()
		locked(&r.remote.mu, func() { r.remote.assets["ki-a"].version++ })
		r.sleep(2 * testPoll)
		r.wantDid("a", "push")
	})
}

func TestClockJumped(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for i := range 5 {
			r.add(fmt.Sprint("t", i))
		}
		r.start()
		r.sleep(10*testPoll + 3*time.Second)
		polls, _, _ := r.remote.counts()
		for i := range 5 { // walks end one after the other
			r.watch(fmt.Sprint("t", i)).send(watcher.Batch{Why: watcher.ClockJumped})
			r.sleep(300 * time.Millisecond)
		}
		r.sleep(2 * pollGap)
		if lists, resets, _ := r.remote.counts(); resets != 1 || lists != polls+1 {
			t.Errorf("%d resets, %d polls; want one of each", resets, lists-polls)
		}
		for i := range 5 {
			r.wantDid(fmt.Sprint("t", i), "push")
		}
		r.sleep(time.Minute)
		r.watch("t0").send(watcher.Batch{Why: watcher.ClockJumped})
		r.sleep(2 * pollGap)
		if _, resets, _ := r.remote.counts(); resets != 2 {
			t.Errorf("%d resets after the second sleep", resets)
		}
	})
}

// A listing that hangs ends, and is told in its own words.
func TestListingHangs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.start()
		locked(&r.remote.mu, func() { r.remote.hang = true })
		r.sleep(testPoll + 2*pollTimeout)
		h := r.d.Health().Remote
		if h.State != Offline || strings.Contains(h.Reason, "--timeout") {
			t.Errorf("remote %+v", h)
		}
		locked(&r.remote.mu, func() { r.remote.hang = false })
		r.sleep(pollTimeout + offlineMax)
		if h := r.d.Health().Remote; h.State != InStep || h.Reason != "" {
			t.Errorf("remote %+v", h)
		}
		synctest.Wait()
	})
}
