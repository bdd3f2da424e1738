package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// What a status is answered from memory, and what makes it look.
func TestStatusFromMemory(t *testing.T) {
	watch := func(r *rig, change func(*fakeWatch)) {
		w := r.watch("a")
		w.mu.Lock()
		defer w.mu.Unlock()
		change(w)
	}
	tests := []struct {
		name string
		do   func(*rig)
		want []string // that the engine does
	}{
		{"nothing happened", func(*rig) {}, nil},
		{"published", func(r *rig) { r.save("a"); r.engines["a"].did() }, nil},
		{"files settle", func(r *rig) { watch(r, func(w *fakeWatch) { w.settles = true }) }, []string{"status"}},
		{"events do not come", func(r *rig) { locked(&r.mu, func() { r.syncErr = errDisk }) }, []string{"status"}},
		{"polled", func(r *rig) { watch(r, func(w *fakeWatch) { w.health.Mode = watcher.Poll }) }, []string{"status"}},
		{"lost", func(r *rig) { watch(r, func(w *fakeWatch) { w.health.Mode, w.health.Lost = "", "it is gone" }) }, []string{"status"}},
		{"partly unwatched", func(r *rig) { watch(r, func(w *fakeWatch) { w.health.Trouble = "x cannot be read" }) }, []string{"status"}},
		{"paused with changes", func(r *rig) { r.must(r.d.Pause([]string{"a"})); r.save("a") }, []string{"status"}},
		{"the remote is gone", func(r *rig) { r.remote.fail(errOffline); r.sleep(2 * testPoll) }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.add("a")
				r.start()
				tt.do(r)
				res := r.status("a")
				r.wantDid("a", tt.want...)
				if res.Target != "a" || res.Error != nil {
					t.Errorf("result %+v", res)
				}
			})
		})
	}
}

func TestStatusWhileRemoteGone(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.start()
		r.remote.fail(errOffline)
		r.sleep(2 * testPoll)
		got := strings.Join(r.status("a").Notes, "\n")
		if !strings.Contains(got, "this is how it was at ") || !strings.Contains(got, "the remote is offline: no route to host") {
			t.Errorf("notes %q", got)
		}
	})
}

// A target that nobody looked at is not in memory, whatever its state.
func TestStatusBeforeFirstLook(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.pauses.names = []string{"a"}
		r.add("a").local = 5
		r.run()
		r.wantState("a", Paused)
		if v := r.view("a"); v.Result.Outcome != "" || v.Result.Target != "a" {
			t.Errorf("a result before the first look: %+v", v.Result)
		}
		if got := r.status("a"); got.Outcome != assetsync.Planned {
			t.Errorf("status %+v", got)
		}
		r.wantDid("a", "status")
		r.must(r.d.Resume([]string{"a"}))
		synctest.Wait()
		r.wantDid("a") // before its watch stands
		r.wantState("a", Starting)
		r.startAll()
		r.wantDid("a", "push")
	})
}

// That a status failed, or that its client went away, is not how a target
// stands.
func TestStatusThatFails(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	fail := func(string, assetsync.Result) assetsync.Result { return assetsync.Failure("a", errOffline) }
	tests := []struct {
		name    string
		ctx     context.Context
		replace func(string, assetsync.Result) assetsync.Result
	}{
		{"remote", context.Background(), fail},
		{"client", cancelled, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				e := r.add("a")
				r.start()
				locked(&r.mu, func() { r.syncErr = errDisk }) // so that it is asked
				e.edit(func(e *fakeEngine) { e.replace = tt.replace })
				lines := r.answers(tt.ctx, r.d.serveStatus, request{})
				if res := lines[len(lines)-1].Results; len(res) != 1 || res[0].Error == nil {
					t.Errorf("answer %+v", lines)
				}
				synctest.Wait()
				locked(&r.mu, func() { r.syncErr = nil })
				if got := r.status("a"); got.Error != nil || got.Outcome != assetsync.Unchanged {
					t.Errorf("the next one is answered %+v", got)
				}
				if v := r.view("a"); v.State != InStep || v.Result.Error != nil {
					t.Errorf("view %+v", v)
				}
			})
		})
	}
}

// A look that hangs keeps no status waiting, and the answer says so.
func TestStatusWhileLookHangs(t *testing.T) {
	tests := []struct {
		name      string
		age, most time.Duration // of the look, and of the wait
		lines     int
	}{
		{"for long", slowLook, hangPoll, 2},
		{"perhaps", time.Second, slowLook + hangPoll, 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				e := r.add("a")
				r.add("b")
				r.start()
				free := hang(e)
				r.save("a")
				r.sleep(tt.age)
				began := time.Now()
				lines := r.answers(context.Background(), r.d.serveStatus, request{})
				if took := time.Since(began); took > tt.most {
					t.Errorf("it took %v, want at most %v", took, tt.most)
				}
				res := lines[len(lines)-1].Results
				if len(lines) != tt.lines || len(res) != 2 || !slices.Contains(res[0].Notes, "the daemon is publishing it") || len(res[1].Notes) != 0 {
					t.Errorf("answer %+v", lines)
				}
				free()
			})
		})
	}
}

// Memory is not what is answered of a target that waits for its turn.
func TestStatusWhileWaitingForTurn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for i := range parallelLooks {
			r.add(fmt.Sprint("slow", i))
		}
		r.add("a")
		r.start()
		for i := range parallelLooks {
			r.engines[fmt.Sprint("slow", i)].edit(func(e *fakeEngine) { e.took = 20 * time.Second })
			r.save(fmt.Sprint("slow", i))
		}
		r.save("a")
		if got := r.status("a"); got.Version != 2 || len(got.Notes) != 0 {
			t.Errorf("status %+v", got)
		}
		r.wantDid("a", "push")
	})
}

func TestPushIsToldForWhatItWaits(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		free := hang(r.add("a"))
		r.run()
		r.startAll()
		time.AfterFunc(time.Minute, free)
		lines := r.answers(context.Background(), r.d.servePush, request{})
		if len(lines) != 3 || !strings.HasPrefix(lines[1].Waiting, "a: waiting for assetsync watch (pid 1), which is looking at it since ") {
			t.Errorf("answer %+v", lines)
		}
	})
}

// A client that goes away cuts its push short; the daemon makes it good.
func TestPushWhoseClientGoes(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		e.edit(func(e *fakeEngine) {
			e.before = func(ctx context.Context, _ string) { <-ctx.Done() }
		})
		r.change("a") // unnoticed but for the push
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, func() {
			e.edit(func(e *fakeEngine) { e.before = nil })
			cancel()
		})
		r.answers(ctx, r.d.servePush, request{})
		synctest.Wait()
		r.wantDid("a", "push", "push")
		r.wantState("a", InStep)
		if got := r.lines(0); !slices.Equal(got, []string{"published"}) {
			t.Errorf("log %q", got)
		}
	})
}

func TestRevisions(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.add("b").replace = func(string, assetsync.Result) assetsync.Result { return assetsync.Failure("b", errDisk) }
		r.start()
		lines := r.answers(context.Background(), r.d.serveRevisions, request{Revisions: []string{"base", "3"}})
		last := lines[len(lines)-1]
		if got := last.Contents["a"]; len(got) != 2 || string(got[0].Files["SKILL.md"]) != "base" || string(got[1].Files["SKILL.md"]) != "3" {
			t.Errorf("contents of a: %v", got)
		}
		if got, want := last.Results[0].Notes, []string{"read base", "read 3"}; !slices.Equal(got, want) {
			t.Errorf("notes %q, want %q", got, want)
		}
		if len(last.Contents["b"]) != 0 || last.Results[1].Error == nil {
			t.Errorf("b: %v %+v", last.Contents["b"], last.Results[1])
		}
	})
}

// A dry run is no look: what it finds stays to be published.
func TestDryRun(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.add("a")
		r.start()
		r.must(r.d.Pause([]string{"a"}))
		r.save("a")
		lines := r.answers(context.Background(), r.d.servePush, request{Options: assetsync.PushOptions{DryRun: true}})
		if res := lines[len(lines)-1].Results; res[0].Outcome != assetsync.Planned {
			t.Errorf("result %+v", res)
		}
		r.must(r.d.Resume([]string{"a"}))
		synctest.Wait()
		r.wantDid("a", "push", "push")
		if got := r.remote.version("ki-a"); got != 2 {
			t.Errorf("version %d, want 2", got)
		}
	})
}

// Nothing is written to an answer that has ended: net/http has given its
// buffers to somebody else.
func TestSayAfterEnd(t *testing.T) {
	w := httptest.NewRecorder()
	x := &exchange{ctx: context.Background(), w: w}
	x.say(answer{Waiting: "a"})
	x.fail(errors.New("b"))
	want := bytes.Clone(w.Body.Bytes())
	x.say(answer{Waiting: "late"})
	x.end(answer{})
	if got := w.Body.Bytes(); !bytes.Equal(got, want) {
		t.Errorf("an ended answer goes on: %s", got)
	}
}

func TestNoTargets(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.run()
		for _, serve := range []func(*exchange){r.d.serveStatus, r.d.servePush, r.d.serveRevisions} {
			if lines := r.answers(context.Background(), serve, request{}); len(lines) != 1 || !lines[0].Stale {
				t.Errorf("answer %+v", lines)
			}
		}
	})
}

// TestCommit tells of a commit in less time than passes until one is looked
// for.
func TestCommit(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		onCommit := func(target *Target) { target.When, target.Watch = assetsync.OnCommit, nil; r.inGit(target) }
		r.add("a", onCommit)
		r.add("b")
		r.start()
		tell := func(want ...string) {
			t.Helper()
			lines := r.answers(context.Background(), r.d.serveCommit, request{})
			synctest.Wait()
			if got := lines[len(lines)-1].Names; !slices.Equal(got, want) {
				t.Errorf("it was told to %q, want %q", got, want)
			}
		}
		tell("a")
		r.wantDid("a") // HEAD is where it was
		r.repos["a"].set("", "c2")
		r.change("a")
		tell("a")
		r.wantDid("a", "push")
		r.wantDid("b")

		r.repos["a"].set("a rebase is in progress", "c3")
		tell("a")
		r.wantDid("a")
		r.wantState("a", Held)
		r.repos["a"].set("", "c4")
		r.change("a")
		r.sleep(holdMax)
		r.wantDid("a", "push")
	})
}
