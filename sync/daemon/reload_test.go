package daemon

import (
	"context"
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

// config changes the set and reloads it.
func (r *rig) config(change func(*Set)) {
	r.Helper()
	r.mu.Lock()
	change(&r.set)
	r.mu.Unlock()
	r.d.Reload()
	synctest.Wait()
}

// target returns one of the set's targets, to be changed under the lock.
func target(s *Set, name string) *Target {
	i := slices.IndexFunc(s.Targets, func(t Target) bool { return t.Name == name })
	return &s.Targets[i]
}

func TestReload(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for _, name := range []string{"same", "changed", "removed"} {
			r.add(name)
		}
		r.start()
		same, changed, removed := r.watch("same"), r.watch("changed"), r.watch("removed")
		r.config(func(s *Set) {
			target(s, "changed").Key = "2"
			s.Targets = slices.DeleteFunc(s.Targets, func(t Target) bool { return t.Name == "removed" })
		})
		if same.closed || !changed.closed || !removed.closed {
			t.Errorf("closed: same %v, changed %v, removed %v", same.closed, changed.closed, removed.closed)
		}
		r.startAll()
		r.wantDid("same", "push") // by the second Started; it went on
		r.wantDid("changed", "push")
		r.wantDid("removed")
		if got := len(r.watches["same"]); got != 1 {
			t.Errorf("the watch of what stays was opened %d times", got)
		}
		if got := len(r.d.Views()); got != 2 {
			t.Errorf("%d views", got)
		}
		r.save("changed")
		r.wantDid("changed", "push")
	})
}

// A target that changed begins anew when its last look is over. The fake
// fails the test when two are in it at once.
func TestReloadDuringLook(t *testing.T) {
	remove := func(s *Set) { s.Targets = nil }
	tests := []struct {
		name  string
		steps []func(*Set, Target)
	}{
		{"changed", []func(*Set, Target){func(s *Set, t Target) { target(s, "a").Key = "2" }}},
		{"changed twice", []func(*Set, Target){
			func(s *Set, t Target) { target(s, "a").Key = "2" },
			func(s *Set, t Target) { target(s, "a").Key = "3" },
		}},
		{"removed", []func(*Set, Target){func(s *Set, t Target) { remove(s) }}},
		{"removed and back", []func(*Set, Target){
			func(s *Set, t Target) { remove(s) },
			func(s *Set, t Target) { s.Targets = []Target{t} },
		}},
		{"renamed", []func(*Set, Target){func(s *Set, t Target) { target(s, "a").Name = "b" }}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				e := r.add("a")
				r.start()
				free := hang(e)
				r.save("a")
				before := r.set.Targets[0]
				for _, step := range tt.steps {
					r.config(func(s *Set) { step(s, before) })
					r.sleep(time.Second)
				}
				want := r.set.Targets
				for _, w := range r.watches["a"][1:] {
					w.send(watcher.Batch{Why: watcher.Started})
				}
				r.sleep(time.Second)
				r.wantDid("a", "push")
				free()
				r.sleep(time.Second)
				if len(want) == 0 {
					return
				}
				r.watch("a").send(watcher.Batch{Why: watcher.Started})
				synctest.Wait()
				if got := e.did(); len(got) == 0 {
					t.Error("the new one never looked")
				}
				if v := r.d.Views(); len(v) != 1 || v[0].State != InStep {
					t.Errorf("views %+v", v)
				}
			})
		})
	}
}

func TestBrokenConfig(t *testing.T) {
	usage := &assetsync.Error{Kind: assetsync.KindUsage, Message: "line 3: unknown key"}
	tests := []struct {
		name  string
		err   error
		loads int // in an hour, from ten reloads
	}{
		{"by itself", usage, 10},
		{"by the disk", errDisk, 10 + int(time.Hour/reloadPause)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.add("a")
				r.start()
				locked(&r.mu, func() { r.loads, r.loadErr = nil, tt.err })
				for range 10 {
					r.d.Reload()
					r.sleep(time.Second)
				}
				r.sleep(time.Hour)
				if n := len(r.loads); n > tt.loads+5 || n < tt.loads-15 {
					t.Errorf("%d loads, want about %d", n, tt.loads)
				}
				if got := r.lines(zapcore.WarnLevel); len(got) != 1 {
					t.Errorf("it is told once: %q", got)
				}
				if h := r.d.Health(); h.Config != tt.err.Error() || !strings.Contains(r.said[len(r.said)-1], tt.err.Error()) {
					t.Errorf("health says %q, the summary %q", h.Config, r.said[len(r.said)-1])
				}
				r.save("a")
				r.wantDid("a", "push")
				r.config(func(*Set) { r.loadErr = nil })
				r.sleep(reloadPause)
				if h := r.d.Health(); h.Config != "" || strings.Contains(r.said[len(r.said)-1], "old config") {
					t.Errorf("health says %q after it is mended", h.Config)
				}
				r.wantDid("a")
			})
		})
	}
}

func TestLoadFailsAtStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.loadErr = errDisk
		if err := r.d.Run(context.Background()); err != errDisk {
			t.Errorf("error %v", err)
		}
	})
}

func TestTriggers(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		trigger := func(key string, concerns func(watcher.Batch) bool) Trigger {
			return Trigger{Key: key, Watch: r.open("trigger " + key), Concerns: concerns}
		}
		never := func(watcher.Batch) bool { return false }
		r.set.Triggers = []Trigger{trigger("config", nil), trigger("glob", never), trigger("glob", never)}
		r.run()
		for _, key := range []string{"config", "glob"} {
			r.watch("trigger " + key).send(watcher.Batch{Why: watcher.Started})
			synctest.Wait()
		}
		file := watcher.Batch{Paths: []watcher.Change{{Path: "x"}}}
		loads := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := len(r.loads); got != want {
				t.Errorf("%d loads, want %d", got, want)
			}
			locked(&r.mu, func() { r.loads = nil })
		}
		loads(3)
		r.watch("trigger config").send(file)
		loads(1)
		r.watch("trigger glob").send(file)
		loads(0)
		r.watch("trigger glob").send(watcher.Batch{Why: watcher.Overflowed})
		loads(1)
		if got := len(r.watches["trigger glob"]); got != 1 {
			t.Errorf("one key has %d watches", got)
		}
		r.config(func(s *Set) { s.Triggers = s.Triggers[:1] })
		if !r.watch("trigger glob").closed || r.watch("trigger config").closed {
			t.Error("the wrong watch is closed")
		}
	})
}

func TestWatchThatCannotBeOpened(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.set.Triggers = []Trigger{{Key: "config", Watch: r.open("trigger")}}
		r.openErr = errDisk
		r.run()
		r.sleep(time.Hour)
		r.wantState("a", Failed)
		if got := r.lines(zapcore.WarnLevel); len(got) != 2 {
			t.Errorf("one warning for each: %q", got)
		}
		// Nobody has looked: memory knows nothing.
		if got := r.status("a"); got.Outcome != assetsync.Unchanged {
			t.Errorf("status %+v", got)
		}
		r.wantDid("a", "status")
		r.mu.Lock()
		r.openErr = nil
		r.mu.Unlock()
		r.sleep(time.Minute)
		r.startAll()
		r.wantDid("a", "push")
		r.wantState("a", InStep)
	})
}

func TestTwoReloadsAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for i := range 10 {
			r.add(fmt.Sprint("t", i))
		}
		r.start()
		for i := range 50 {
			go r.d.Reload()
			r.config(func(s *Set) { target(s, fmt.Sprint("t", i%10)).Key = fmt.Sprint("key", i) })
		}
		r.startAll()
		for i := range 10 {
			r.wantState(fmt.Sprint("t", i), InStep)
		}
	})
}
