package daemon

import (
	"context"
	"time"

	assetsync "assetsync/sync"
)

// look lets the engine look, unless git is in the way, and returns how long
// to wait at most.
func (l *loop) look() time.Duration {
	if pause, held := l.hold(); held {
		return pause
	}
	free, err := l.d.slot(l.ctx)
	if err != nil {
		return 0 // the loop ends
	}
	defer free()
	if !l.mayLook() {
		return 0 // the next step says why
	}
	first := l.begin()
	ctx := l.d.work
	if l.t.When == assetsync.Manually {
		res := l.t.Engine.Status(ctx)
		return l.judged(ctx, res, res, res.Error == nil, first)
	}
	// One version for what was saved together: one in between would be a state
	// that never was here.
	if l.t.Direction.Takes() {
		return l.pushed(ctx, l.t.Engine.Sync(ctx, assetsync.SyncOptions{OneVersion: true, Unattended: true, Budgeted: true}), first)
	}
	return l.pushed(ctx, l.t.Engine.Push(ctx, assetsync.PushOptions{OneVersion: true, Unattended: true, Budgeted: true}), first)
}

// takes reports whether the daemon checks out what is pending.
func (l *loop) takes() bool { return l.t.Direction.Takes() && l.t.When != assetsync.Manually }

// mayLook reports whether nothing came in between while the loop waited for
// its turn, which may take slowLook.
func (l *loop) mayLook() bool {
	state, _ := l.d.gate()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ctx.Err() == nil && state == InStep && !l.paused
}

// begin notes that a look begins: what happens from now on is another reason.
// It returns when somebody saved what the look is for.
func (l *loop) begin() time.Time {
	l.mu.Lock()
	first := l.first
	l.dirty, l.first, l.hinted = false, time.Time{}, false
	l.began, l.told = time.Now(), false
	l.mu.Unlock()
	l.become(Publishing, "", time.Time{})
	return first
}

// pushed takes over what a push came to, and returns how long to wait at most.
func (l *loop) pushed(ctx context.Context, res assetsync.Result, first time.Time) time.Duration {
	l.report(res, first)
	standing, sure := res.Standing()
	if !sure {
		standing = res
		if l.ctx.Err() == nil && ctx.Err() == nil {
			if s := l.t.Engine.Status(ctx); s.Error == nil {
				standing, sure = s, true
			}
		}
	}
	return l.judged(ctx, res, standing, sure, first)
}

// judged takes over what a look came to: its result, what a status finds now,
// and whether that is sure. It returns how long to wait at most.
func (l *loop) judged(ctx context.Context, res, standing assetsync.Result, sure bool, first time.Time) time.Duration {
	if ctx.Err() != nil && res.Error != nil {
		return l.cutShort(res, first)
	}
	v := judge(res)
	if (v.state == AuthExpired || v.state == Offline) && l.trials.tries == 0 {
		l.d.askPoll(false) // once: where the listing works, more of it is of no use
	}
	pause := longWait
	if v.max == 0 {
		l.trials.reset()
	} else {
		l.trials.max = v.max
		pause = l.trials.next(l.d.o.Jitter)
	}
	next := l.record(res, standing, sure)
	l.mu.Lock()
	v.reason += l.fold(v, res) // which is empty where there is a reason
	l.dirty = l.dirty || l.hinted && l.news()
	l.retry = time.Time{}
	switch {
	case v.max != 0: // it is still due, for whoever saved first
		l.dirty, l.first, l.retry = true, older(l.first, first), time.Now().Add(pause)
		next = next.Add(pause)
	case !v.until.IsZero() && !l.dirty:
		pause = v.until.Sub(next)
		l.dirty, l.first, l.retry, next = true, older(l.first, first), time.Now().Add(pause), v.until
	case l.dirty:
		pause, next = 0, time.Time{} // something happened meanwhile
	case v.state == InStep && l.takes() && len(standing.Pending) > 0:
		// It is ours, overwritten a moment ago, and about to be put back.
		pause = pendingPause
		l.dirty, l.retry, next = true, time.Now().Add(pause), time.Time{}
	default:
		next = time.Time{}
	}
	if l.paused && v.state == InStep {
		v.state, v.reason = Paused, pausedReason
	}
	l.mu.Unlock()
	l.become(v.state, v.reason, next)
	return pause
}

// cutShort is for a look that ended with the daemon, or with whoever asked
// for it. Nothing is wrong, and what was done is not known: it is due again.
func (l *loop) cutShort(res assetsync.Result, first time.Time) time.Duration {
	l.mu.Lock()
	l.view.Published += len(res.Versions)
	l.view.CheckedOut += len(res.CheckedOut)
	l.dirty, l.first, l.retry, l.sure = true, older(l.first, first), time.Time{}, false
	l.mu.Unlock()
	l.become(Starting, "", time.Time{})
	return 0
}

// record puts what a look came to on view, and returns the time.
func (l *loop) record(res, standing assetsync.Result, sure bool) time.Time {
	now := l.d.o.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reportPending(standing)
	l.view.Result, l.view.LookedAt = standing, now
	l.view.Published += len(res.Versions)
	l.view.CheckedOut += len(res.CheckedOut)
	l.looked, l.rested, l.sure = true, time.Now(), sure
	if res.AssetID != "" && res.AssetID != l.asset {
		l.asset, l.listed = res.AssetID, Listed{}
	}
	return now
}
