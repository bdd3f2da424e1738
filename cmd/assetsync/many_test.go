package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
)

// manySession is a session of targets that nothing is opened for.
func manySession(n int, m manyFlags) *session {
	s := &session{app: &app{many: m, stderr: new(discard), running: new(atomic.Pointer[progress]), getenv: func(string) (string, bool) { return "", false }}}
	for i := range n {
		name := fmt.Sprintf("t%d", i)
		s.engines = append(s.engines, &assetsync.Engine{Options: assetsync.Options{Target: assetsync.Target{Name: name, Path: "/" + name}}})
	}
	return s
}

type discard struct{}

func (*discard) Write(p []byte) (int, error) { return len(p), nil }

func TestFailFast(t *testing.T) {
	tests := map[string]struct {
		many manyFlags
		bad  map[string]assetsync.Outcome
		want []assetsync.Outcome
	}{
		"nothing fails": {
			manyFlags{failFast: true, parallel: 1}, nil,
			[]assetsync.Outcome{assetsync.Published, assetsync.Published, assetsync.Published},
		},
		"the first fails": {
			manyFlags{failFast: true, parallel: 1}, map[string]assetsync.Outcome{"t0": assetsync.Failed},
			[]assetsync.Outcome{assetsync.Failed, assetsync.Skipped, assetsync.Skipped},
		},
		"the second is in conflict": {
			manyFlags{failFast: true, parallel: 1}, map[string]assetsync.Outcome{"t1": assetsync.Conflict},
			[]assetsync.Outcome{assetsync.Published, assetsync.Conflict, assetsync.Skipped},
		},
		"not asked for": {
			manyFlags{parallel: 1}, map[string]assetsync.Outcome{"t0": assetsync.Failed},
			[]assetsync.Outcome{assetsync.Failed, assetsync.Published, assetsync.Published},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			results := manySession(3, tt.many).each(t.Context(), func(_ context.Context, e *assetsync.Engine) assetsync.Result {
				if bad, ok := tt.bad[e.Target.Name]; ok {
					return assetsync.Result{Target: e.Target.Name, Outcome: bad}
				}
				return assetsync.Result{Target: e.Target.Name, Outcome: assetsync.Published}
			})
			var got []assetsync.Outcome
			for _, r := range results {
				got = append(got, r.Outcome)
				if r.Outcome == assetsync.Skipped && (len(r.Notes) != 1 || resultCode(r) != 0) {
					t.Errorf("skipped with notes %q and code %d", r.Notes, resultCode(r))
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("outcomes (-want +got):\n%s", d)
			}
		})
	}
}

// TestParallel holds that as many targets are at work as were asked for, and no
// more.
func TestParallel(t *testing.T) {
	for _, n := range []int{0, 1, 7} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			m := manyFlags{parallel: n}
			var mu sync.Mutex
			busy, most := 0, 0
			full := make(chan struct{})
			manySession(16, m).each(t.Context(), func(_ context.Context, e *assetsync.Engine) assetsync.Result {
				mu.Lock()
				if busy++; busy > most {
					if most = busy; most == m.limit() {
						close(full)
					}
				}
				mu.Unlock()
				<-full // nobody ends before as many are at work as may be
				mu.Lock()
				busy--
				mu.Unlock()
				return assetsync.Result{Target: e.Target.Name}
			})
			if most != m.limit() {
				t.Errorf("%d at once, want %d", most, m.limit())
			}
		})
	}
}

// TestRest holds that a target which waits gives its turn away and goes on when each has
// begun; with --fail-fast it keeps it.
func TestRest(t *testing.T) {
	for name, failFast := range map[string]bool{"": false, "fail fast": true} {
		t.Run(name, func(t *testing.T) {
			s := manySession(3, manyFlags{parallel: 1, failFast: failFast})
			var order []string // one is at work at a time
			s.each(t.Context(), func(_ context.Context, e *assetsync.Engine) assetsync.Result {
				order = append(order, "begins "+e.Target.Name)
				s.rest(func() {})
				order = append(order, "ends")
				return assetsync.Result{Target: e.Target.Name}
			})
			want := []string{"begins t0", "begins t1", "begins t2", "ends", "ends", "ends"}
			if failFast {
				want = []string{"begins t0", "ends", "begins t1", "ends", "begins t2", "ends"}
			}
			if d := cmp.Diff(want, order); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestRestPanics lets a target panic while it rests: the turn that it has given away is
// not ended a second time.
func TestRestPanics(t *testing.T) {
	turns := manyFlags{parallel: 1}.newTurns()
	close(turns.begun)
	func() {
		turns.take()
		defer turns.end()
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		turns.rest(func() { panic("broken") })
	}()
	if len(turns.taken) != 0 {
		t.Errorf("%d turns are taken, want none", len(turns.taken))
	}
}

// TestSettleHookNotBegun keeps the failure of a hook on record for a target
// that a push did not come to.
func TestSettleHookNotBegun(t *testing.T) {
	dir := t.TempDir()
	failed := &hookRecord{Targets: []hookTarget{{Target: "t0", Error: "x"}}}
	if err := failed.write(dir); err != nil {
		t.Fatal(err)
	}
	a := &app{}
	if err := a.settleHook(dir, "", []assetsync.Result{assetsync.NotBegun("t0", "not begun")}); err != nil {
		t.Fatal(err)
	}
	r, err := readHookRecord(dir)
	if err != nil || !slices.Equal(r.failures(), failed.Targets) {
		t.Errorf("on record is %+v, %v", r, err)
	}
}
