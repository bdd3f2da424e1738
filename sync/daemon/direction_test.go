package daemon

import (
	"slices"
	"testing"
	"time"

	"go.uber.org/zap/zapcore"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// going makes a target whose files the daemon writes, with the events of what
// it writes.
func (r *rig) going(name string, direction assetsync.Direction, change ...func(*Target)) *fakeEngine {
	e := r.add(name, append(change, func(t *Target) { t.Direction = direction })...)
	e.direction = direction
	e.checkout = func() {
		watch := r.watches[name][len(r.watches[name])-1]
		watch.send(watcher.Batch{Paths: []watcher.Change{{Path: "SKILL.md", Op: watcher.Modified}}, First: time.Now()})
	}
	return e
}

// publishElsewhere is a version of somebody else.
func (r *rig) publishElsewhere(name string, content int) {
	locked(&r.remote.mu, func() {
		a := r.remote.assets["ki-"+name]
		a.content, a.version = content, a.version+1
	})
}

// here is the content of a target's files.
func (r *rig) here(name string) (content int) {
	locked(&r.remote.mu, func() { content = r.engines[name].local })
	return content
}

func TestPollHintsAtWhatIsCheckedOut(t *testing.T) {
	for _, direction := range []assetsync.Direction{assetsync.PullOnly, assetsync.BothWays} {
		t.Run(string(direction), func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.going("a", direction)
				r.start()
				r.publishElsewhere("a", 7)
				r.sleep(2 * testPoll)
				if got := r.here("a"); got != 7 {
					t.Errorf("the file is %d", got)
				}
				v := r.view("a")
				if v.State != InStep || v.CheckedOut != 1 || v.Published != 0 || len(v.Result.Pending) > 0 || v.Direction != direction {
					t.Errorf("view %+v", v)
				}
				if lines := r.lines(zapcore.InfoLevel); !slices.Contains(lines, "checked out") {
					t.Errorf("logged %q", lines)
				}
				// The events of the files that were written are a reason to look, and
				// no more.
				r.wantDid("a", "sync", "sync")
				r.sleep(20 * testPoll)
				r.wantDid("a")
				if got := r.remote.version("ki-a"); got != 2 {
					t.Errorf("version %d: an echo", got)
				}
			})
		})
	}
}

// TestInPlaceHint lists an asset that was changed without a new version.
func TestInPlaceHint(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.going("a", assetsync.BothWays)
		start := time.Now()
		locked(&r.remote.mu, func() { r.remote.assets["ki-a"].updated = start })
		r.start()
		r.sleep(2 * testPoll)
		r.wantDid("a")
		locked(&r.remote.mu, func() { r.remote.assets["ki-a"].updated = start.Add(time.Second) })
		r.sleep(2 * testPoll)
		r.wantDid("a", "sync")
		locked(&r.remote.mu, func() { r.remote.assets["ki-a"].updated = start }) // a listing that lags
		r.sleep(2 * testPoll)
		r.wantDid("a")
	})
}

// TestNewAssetIsNoticed lets somebody else make the asset of a target that makes
// none.
func TestNewAssetIsNoticed(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.going("a", assetsync.PullOnly, func(t *Target) { t.AssetID = "" })
		delete(r.remote.assets, "ki-a")
		r.remote.assets["ki-other"] = &fakeAsset{version: 1}
		r.start()
		r.sleep(20 * testPoll)
		r.wantDid("a", "sync", "status") // there are others: one may be it
		locked(&r.remote.mu, func() { r.remote.assets["ki-a"] = &fakeAsset{version: 1, content: 4} })
		r.sleep(2 * testPoll)
		if got := r.here("a"); got != 4 {
			t.Errorf("the file is %d", got)
		}
		if v := r.view("a"); v.State != InStep {
			t.Errorf("%s: %s", v.State, v.Reason)
		}
	})
}

func TestStartChecksOut(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.going("a", assetsync.PullOnly)
		r.publishElsewhere("a", 3)
		r.run()
		r.startAll()
		if got := r.here("a"); got != 3 {
			t.Errorf("the file is %d", got)
		}
	})
}

func TestSaveOfATargetThatIsOnlyPulled(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.going("a", assetsync.PullOnly)
		r.start()
		r.save("a")
		r.wantDid("a", "sync")
		if got := r.remote.version("ki-a"); got != 1 {
			t.Errorf("version %d", got)
		}
	})
}

func TestSaveOfATargetThatGoesBothWays(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.going("a", assetsync.BothWays)
		r.start()
		r.save("a")
		r.wantDid("a", "sync")
		if got := r.remote.version("ki-a"); got != 2 {
			t.Errorf("version %d", got)
		}
	})
}

// TestNothingIsCheckedOutMeanwhile keeps a target from being looked at in each
// way that there is.
func TestNothingIsCheckedOutMeanwhile(t *testing.T) {
	tests := map[string]struct {
		change     func(*rig, *Target)
		stop, goOn func(*rig)
	}{
		"git is at work": {
			change: func(r *rig, t *Target) { r.inGit(t) },
			stop:   func(r *rig) { r.repos["a"].set("a rebase is in progress", "c1") },
			goOn:   func(r *rig) { r.repos["a"].set("", "c2") },
		},
		"it is paused": {
			stop: func(r *rig) { r.must(r.d.Pause([]string{"a"})) },
			goOn: func(r *rig) { r.must(r.d.Resume([]string{"a"})) },
		},
		"files are being written": {
			stop: func(r *rig) { r.writing("a", true) },
			goOn: func(r *rig) { r.writing("a", false) },
		},
		"the remote does not answer": {
			stop: func(r *rig) { r.remote.fail(errOffline) },
			goOn: func(r *rig) { r.remote.fail(nil) },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.going("a", assetsync.BothWays, func(t *Target) {
					if tt.change != nil {
						tt.change(r, t)
					}
				})
				r.start()
				tt.stop(r)
				r.publishElsewhere("a", 5)
				r.sleep(3 * testPoll)
				if got := r.here("a"); got != 0 {
					t.Errorf("the file is %d", got)
				}
				tt.goOn(r)
				r.sleep(3 * testPoll)
				if got := r.here("a"); got != 5 {
					t.Errorf("afterwards the file is %d", got)
				}
			})
		})
	}
}

// writing says whether files of a target have not settled.
func (r *rig) writing(name string, settles bool) {
	w := r.watch(name)
	locked(&w.mu, func() { w.settles = settles })
}

// TestPendingIsLookedAtAgain lets a sync leave something for a while, as it does
// with what is about to be put back.
func TestPendingIsLookedAtAgain(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.going("a", assetsync.BothWays)
		r.start()
		left := []assetsync.ChangeReport{{Path: "SKILL.md", Action: "update", Why: "changed there"}}
		e.edit(func(e *fakeEngine) {
			e.replace = func(_ string, res assetsync.Result) assetsync.Result {
				res.Pending = left
				return res
			}
		})
		r.save("a")
		r.wantDid("a", "sync")
		r.sleep(2*pendingPause + pendingPause/2)
		r.wantDid("a", "sync", "sync")
		if lines := r.lines(zapcore.InfoLevel); slices.Contains(lines, "changed on the remote") {
			t.Errorf("logged %q", lines)
		}
		e.edit(func(e *fakeEngine) { e.replace = nil })
		r.sleep(pendingPause)
		r.wantDid("a", "sync")
		r.sleep(10 * testPoll)
		r.wantDid("a")
	})
}

func TestManualChecksOutNothing(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.going("a", assetsync.BothWays, func(t *Target) { t.When = assetsync.Manually })
		r.start()
		r.publishElsewhere("a", 5)
		r.sleep(3 * testPoll)
		r.wantDid("a", "status")
		if got := r.status("a"); r.here("a") != 0 || len(got.Pending) != 1 {
			t.Errorf("the file is %d, status %+v", r.here("a"), got)
		}
	})
}

// TestAskedPushIsFollowed asks for a push, which leaves something to check out.
func TestAskedPushIsFollowed(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.going("a", assetsync.BothWays)
		r.start()
		r.publishElsewhere("a", 5)
		r.answers(t.Context(), r.d.servePush, request{Args: []string{"a"}})
		r.sleep(time.Second)
		r.wantDid("a", "push", "sync", "sync")
		if got := r.here("a"); got != 5 {
			t.Errorf("the file is %d", got)
		}
	})
}

// TestAskedPushOfAPulledTarget is refused, and no trouble of the target.
func TestAskedPushOfAPulledTarget(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		refused := &assetsync.Error{Kind: assetsync.KindUsage, Message: "it is only pulled"}
		e := r.going("a", assetsync.PullOnly)
		e.replace = func(verb string, res assetsync.Result) assetsync.Result {
			if verb == "push" {
				return assetsync.Failure("a", refused)
			}
			return res
		}
		r.start()
		lines := r.answers(t.Context(), r.d.servePush, request{Args: []string{"a"}})
		if res := lines[len(lines)-1].Results; len(res) != 1 || res[0].Error == nil || res[0].Error.Kind != assetsync.KindUsage {
			t.Errorf("answered %+v", res)
		}
		r.wantState("a", InStep)
	})
}

// TestReloadChecksOut begins anew with another direction.
func TestReloadChecksOut(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		e := r.add("a")
		r.start()
		r.publishElsewhere("a", 5)
		locked(&r.mu, func() {
			e.direction = assetsync.PullOnly
			r.set.Targets[0].Direction, r.set.Targets[0].Key = assetsync.PullOnly, "2"
		})
		r.d.Reload()
		r.watch("a").send(watcher.Batch{Why: watcher.Started})
		r.sleep(time.Second)
		if got := r.here("a"); got != 5 {
			t.Errorf("the file is %d", got)
		}
	})
}
