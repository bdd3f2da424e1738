package daemon

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zapcore"

	"assetsync/manifest"
	assetsync "assetsync/sync"
)

// listener hears of events.
type listener struct {
	mu    sync.Mutex
	heard []string
	err   error
	hang  bool          // until its context ends
	takes time.Duration // after it was heard
}

func (n *listener) notify(ctx context.Context, e Event) error {
	n.mu.Lock()
	hang, err, takes := n.hang, n.err, n.takes
	n.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	n.mu.Lock()
	n.heard = append(n.heard, fmt.Sprintf("%s %s", e.Kind, strings.Join(e.Targets, "+")))
	n.mu.Unlock()
	if takes > 0 && wait(ctx, takes) != nil {
		return ctx.Err()
	}
	return err
}

// wantHeard checks what was heard since it was checked last.
func (n *listener) wantHeard(t *testing.T, want ...string) {
	t.Helper()
	time.Sleep(2 * gatherPause)
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.heard, want) {
		t.Errorf("heard %q, want %q", n.heard, want)
	}
	n.heard = nil
}

// becomes lets the looks of a target come to a result, and makes one; nil: to
// what they would.
func (r *rig) becomes(name string, res *assetsync.Result) {
	r.Helper()
	r.engines[name].edit(func(e *fakeEngine) {
		e.replace = nil
		if res != nil {
			e.replace = func(string, assetsync.Result) assetsync.Result { return *res }
		}
	})
	r.save(name)
}

var (
	inConflict = &assetsync.Result{Target: "a", Outcome: assetsync.Conflict}
	isBlocked  = &assetsync.Result{Target: "a", Outcome: assetsync.Blocked, Problems: []manifest.Problem{{Detail: "too large"}}}
	hasFailed  = new(assetsync.Failure("a", errDisk))
)

// TestAlarms holds that transitions are told, and nothing else.
func TestAlarms(t *testing.T) {
	tests := map[string]func(*testing.T, *rig, *listener){
		"in step": func(t *testing.T, r *rig, n *listener) {
			r.save("a")
			r.sleep(time.Hour)
			n.wantHeard(t)
		},
		"a conflict, once, and its end": func(t *testing.T, r *rig, n *listener) {
			r.becomes("a", inConflict)
			n.wantHeard(t, "conflict a")
			r.save("a")
			r.sleep(time.Hour)
			n.wantHeard(t)
			r.becomes("a", nil)
			n.wantHeard(t, "recovered a")
			r.becomes("a", inConflict)
			n.wantHeard(t, "conflict a")
		},
		"a failure that lasts": func(t *testing.T, r *rig, n *listener) {
			r.becomes("a", hasFailed)
			r.sleep(failedPatience - 4*gatherPause)
			n.wantHeard(t)
			r.sleep(4 * gatherPause)
			n.wantHeard(t, "failing a")
			r.sleep(time.Hour)
			n.wantHeard(t)
			r.becomes("a", nil)
			n.wantHeard(t, "recovered a")
		},
		"a failure that does not": func(t *testing.T, r *rig, n *listener) {
			r.becomes("a", hasFailed)
			r.becomes("a", nil)
			r.sleep(time.Hour)
			n.wantHeard(t)
		},
		"blocked, then in conflict": func(t *testing.T, r *rig, n *listener) {
			r.becomes("a", isBlocked)
			n.wantHeard(t, "failing a")
			r.becomes("a", inConflict)
			n.wantHeard(t, "conflict a")
			r.becomes("a", isBlocked)
			n.wantHeard(t)
			r.becomes("a", nil)
			n.wantHeard(t, "recovered a")
		},
		"a pause is no news": func(t *testing.T, r *rig, n *listener) {
			r.becomes("a", isBlocked)
			n.wantHeard(t, "failing a")
			r.must(r.d.Pause([]string{"a"}))
			r.sleep(time.Hour)
			r.must(r.d.Resume([]string{"a"}))
			r.sleep(time.Hour)
			n.wantHeard(t)
		},
		"no network, for a while and for long": func(t *testing.T, r *rig, n *listener) {
			r.remote.fail(errOffline)
			r.save("a")
			r.sleep(offlinePatience / 2)
			r.remote.fail(nil)
			r.sleep(offlinePatience)
			n.wantHeard(t)
			r.remote.fail(errOffline)
			r.save("a")
			r.save("b")
			r.sleep(2 * offlinePatience)
			n.wantHeard(t, "failing a+b")
			r.remote.fail(nil)
			r.sleep(offlinePatience)
			n.wantHeard(t, "recovered a+b")
		},
		"a notifier that fails": func(t *testing.T, r *rig, n *listener) {
			n.err = errors.New("no route to the pager")
			r.becomes("a", inConflict)
			n.wantHeard(t, "conflict a")
			if !slices.Contains(r.lines(zapcore.WarnLevel), "nobody could be told") {
				t.Errorf("the log says %q", r.lines(zapcore.WarnLevel))
			}
			r.becomes("a", nil)
			n.wantHeard(t, "recovered a")
		},
		"a notifier that hangs holds up nothing": func(t *testing.T, r *rig, n *listener) {
			n.hang = true
			r.becomes("a", inConflict)
			r.becomes("a", nil)
			r.save("b")
			r.wantState("a", InStep)
			r.wantState("b", InStep)
			n.wantHeard(t)
		},
		"a record that cannot be written": func(t *testing.T, r *rig, n *listener) {
			r.alarms.mu.Lock()
			r.alarms.err = errDisk
			r.alarms.mu.Unlock()
			r.becomes("a", inConflict)
			r.save("a")
			n.wantHeard(t, "conflict a")
			if !slices.Contains(r.lines(zapcore.WarnLevel), "the next daemon will tell it again") {
				t.Errorf("the log says %q", r.lines(zapcore.WarnLevel))
			}
		},
		"nobody is to be told, and then somebody": func(t *testing.T, r *rig, n *listener) {
			locked(&r.mu, func() { r.set.Notify = nil })
			r.d.Reload()
			synctest.Wait()
			r.becomes("a", inConflict)
			n.wantHeard(t)
			locked(&r.mu, func() { r.set.Notify = n.notify })
			r.d.Reload()
			n.wantHeard(t, "conflict a")
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				n := &listener{}
				r.set.Notify = n.notify
				r.add("a")
				r.add("b")
				r.start()
				test(t, r, n)
			})
		})
	}
}

// TestAlarmsOverRestart holds that the next daemon tells what is new to it, and
// not what was told.
func TestAlarmsOverRestart(t *testing.T) {
	tests := map[string]struct {
		told   map[string][]EventKind
		res    *assetsync.Result
		want   []string
		record int // kinds of a that are on record then
	}{
		"told":                   {map[string][]EventKind{"a": {Conflicting}}, inConflict, nil, 1},
		"another kind was told":  {map[string][]EventKind{"a": {Failing}}, inConflict, []string{"conflict a"}, 2},
		"another target was":     {map[string][]EventKind{"z": {Conflicting}}, inConflict, []string{"conflict a"}, 1},
		"recovered in between":   {map[string][]EventKind{"a": {Failing, Conflicting}}, nil, []string{"recovered a"}, 0},
		"never in trouble":       {nil, nil, nil, 0},
		"nothing is on record":   {nil, isBlocked, []string{"failing a"}, 1},
		"the kind is none today": {map[string][]EventKind{"a": {"gone"}}, isBlocked, []string{"failing a"}, 2},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				n := &listener{}
				r.set.Notify, r.alarms.told = n.notify, tt.told
				e := r.add("a")
				if tt.res != nil {
					e.replace = func(string, assetsync.Result) assetsync.Result { return *tt.res }
				}
				r.start()
				n.wantHeard(t, tt.want...)
				told, err := r.alarms.Load()
				if tt.told == nil && tt.want == nil {
					return // nothing had to be kept
				}
				if err != nil || len(told["a"]) != tt.record {
					t.Errorf("on record is %v (%v), want %d kinds", told, err, tt.record)
				}
			})
		})
	}
}

// TestAlarmAtTheEnd ends the daemon while an event is told: what arrives in time is
// on record, and what does not is told by the next one.
func TestAlarmAtTheEnd(t *testing.T) {
	for takes, record := range map[time.Duration]int{graceTime / 2: 1, 2 * graceTime: 0} {
		t.Run(takes.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				n := &listener{takes: takes}
				r.set.Notify = n.notify
				r.add("a").replace = func(string, assetsync.Result) assetsync.Result { return *isBlocked }
				r.start()
				n.wantHeard(t, "failing a")
				r.d.Stop()
				r.must(<-r.ended)
				r.ended <- nil
				if told, err := r.alarms.Load(); err != nil || len(told["a"]) != record {
					t.Errorf("on record is %v (%v), want %d kinds", told, err, record)
				}
			})
		})
	}
}
