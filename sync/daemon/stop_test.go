package daemon

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"assetsync/remote"
	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// A look in flight finishes, and no other one begins.
func TestStopDuringLook(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.add("b")
		r.start()
		e.edit(func(e *fakeEngine) { e.took = 5 * time.Second })
		r.save("a")
		began := time.Now()
		r.d.Stop()
		r.watch("a").send(watcher.Batch{Why: watcher.Overflowed})
		r.watch("b").send(watcher.Batch{Why: watcher.Overflowed})
		r.must(<-r.ended)
		r.ended <- nil
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
		r.wantDid("a", "push")
		r.wantDid("b")
		if got := r.remote.version("ki-a"); got != 2 {
			t.Errorf("version %d, want 2", got)
		}
	})
}

func TestStopWithSlowLook(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		e.edit(func(e *fakeEngine) {
			e.before = func(ctx context.Context, _ string) { <-ctx.Done() }
		})
		r.save("a")
		began := time.Now()
		r.d.Stop()
		r.must(<-r.ended)
		r.ended <- nil
		if took := time.Since(began); took != graceTime {
			t.Errorf("it took %v, want %v", took, graceTime)
		}
		if got := r.lines(zapcore.WarnLevel); len(got) != 0 {
			t.Errorf("that a look is cut short is no news: %q", got)
		}
		r.wantDid("a", "push")
	})
}

func TestStopWithHangingLook(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		free := hang(r.add("a"))
		r.run()
		r.startAll()
		began := time.Now()
		r.d.Stop()
		r.must(<-r.ended)
		if took := time.Since(began); took != graceTime+time.Second {
			t.Errorf("it took %v, want %v", took, graceTime+time.Second)
		}
		if got := r.lines(zapcore.WarnLevel); !slices.Equal(got, []string{"a look hangs and is left to its own"}) {
			t.Errorf("log %q", got)
		}
		free()
		synctest.Wait()
		r.ended <- nil
	})
}

// A push that somebody asked for ends with the looks, though its client stays.
func TestStopDuringAskedPush(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		e.edit(func(e *fakeEngine) { e.before = func(ctx context.Context, _ string) { <-ctx.Done() } })
		answered := make(chan []answer, 1)
		go func() { answered <- r.answers(context.Background(), r.d.servePush, request{}) }()
		r.sleep(time.Second)
		began := time.Now()
		r.d.Stop()
		r.must(<-r.ended)
		r.ended <- nil
		if took := time.Since(began); took > graceTime {
			t.Errorf("it took %v", took)
		}
		select {
		case lines := <-answered:
			if got := lines[len(lines)-1].Results; len(got) != 1 || got[0].Error == nil {
				t.Errorf("answer %+v", lines)
			}
		case <-time.After(time.Minute):
			t.Fatal("no answer")
		}
	})
}

func TestAskAfterEnd(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.start()
		l := r.loop("a")
		r.d.Stop()
		r.must(<-r.ended)
		r.ended <- nil
		if got := l.serve(ask{do: func() reply { t.Error("it is done while it ends"); return reply{} }}); got.err != errEnding {
			t.Errorf("reply %+v", got)
		}
		if _, err := l.ask(context.Background(), nil, func() reply { t.Error("it is done after the end"); return reply{} }); err != errEnding {
			t.Errorf("error %v", err)
		}
	})
}

// A target that begins anew while somebody asks is asked in its new form.
func TestAskDuringReload(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		free := hang(e)
		r.save("a")
		answered := make(chan []answer, 1)
		go func() { answered <- r.answers(context.Background(), r.d.servePush, request{}) }()
		synctest.Wait()
		r.config(func(s *Set) { target(s, "a").Key = "2" })
		free()
		lines := <-answered
		if got := lines[len(lines)-1].Results; len(got) != 1 || got[0].Error != nil {
			t.Errorf("answer %+v", lines)
		}
	})
}

func TestStopBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.add("a")
		r.d.Stop()
		go func() { r.ended <- r.d.Run(context.Background()) }()
		select {
		case err := <-r.ended:
			r.must(err)
		case <-time.After(time.Minute):
			t.Error("Run goes on")
			r.d.Stop()
			<-r.ended
		}
		r.wantDid("a")
	})
}

func TestRunTwice(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.start()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := r.d.Run(ctx); err == nil {
			t.Error("Run runs twice")
		}
		r.save("a")
		r.wantDid("a", "push")
	})
}

func TestLog(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		e.took = 300 * time.Millisecond
		r.run()
		r.startAll()
		r.sleep(time.Second)
		r.save("a")
		r.sleep(time.Second)
		for range 10 { // looks that find nothing
			r.watch("a").send(watcher.Batch{Why: watcher.Timed})
			r.sleep(time.Second)
		}
		entries := r.logs.Filter(func(e observer.LoggedEntry) bool { return e.Level >= zapcore.InfoLevel }).All()
		if len(entries) != 1 {
			t.Fatalf("log %q", r.lines(zapcore.InfoLevel))
		}
		got := entries[0].ContextMap()
		want := map[string]any{
			"target": "a", "asset": "ki-a", "from": int32(1), "versions": []any{int32(2)}, "by": "files",
			"changes": []any{"update SKILL.md"}, "calls": int64(3), "push_ms": int64(0), "save_to_version_ms": int64(300),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

// A target that falls back to polling says so, once until that changes.
func TestLogOfPoorWatch(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.run()
		r.startAll()
		r.sleep(time.Second)
		tell := func(h watcher.RootHealth) {
			w := r.watch("a")
			w.mu.Lock()
			w.health = h
			w.mu.Unlock()
			w.send(watcher.Batch{Why: watcher.FellBack})
			r.sleep(time.Second)
		}
		for _, h := range []watcher.RootHealth{
			{Mode: watcher.Poll, Why: "all watches are taken"}, {Mode: watcher.Poll, Why: "all watches are taken"},
			{Mode: watcher.Native}, {Mode: watcher.Native, Trouble: "b cannot be read"},
		} {
			tell(h)
		}
		var got []any
		for _, e := range r.logs.FilterMessage("changes are noticed late").All() {
			got = append(got, e.ContextMap()["target"], e.ContextMap()["reason"])
		}
		if diff := cmp.Diff([]any{"a", "all watches are taken", "a", "b cannot be read"}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestLogOfTrouble(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		n := 0
		e.edit(func(e *fakeEngine) {
			e.replace = func(string, assetsync.Result) assetsync.Result {
				n++
				return assetsync.Failure("a", &remote.Error{Operation: "GetAsset", Kind: remote.KindQuotaExceeded, Status: 402, RequestID: fmt.Sprint("r-", n)})
			}
		})
		r.save("a")
		r.sleep(time.Hour)
		if got := r.lines(zapcore.InfoLevel); !slices.Equal(got, []string{"failed"}) {
			t.Errorf("log %q", got)
		}
		if n < 5 || n > 3600/60 {
			t.Errorf("%d tries in an hour", n)
		}
		e.edit(func(e *fakeEngine) { e.replace = nil })
		r.change("a")
		r.sleep(troubleMax)
		if got := r.lines(zapcore.InfoLevel); !slices.Equal(got, []string{"failed", "published", "in step"}) {
			t.Errorf("log %q", got)
		}
	})
}

func TestLogOfPause(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.start()
		r.must(r.d.Pause([]string{"a"}))
		for range 5 {
			r.answers(context.Background(), r.d.servePush, request{})
			r.sleep(time.Second)
		}
		r.must(r.d.Resume([]string{"a"}))
		synctest.Wait()
		if got := r.lines(zapcore.InfoLevel); !slices.Equal(got, []string{"paused", "in step"}) {
			t.Errorf("log %q", got)
		}
	})
}
