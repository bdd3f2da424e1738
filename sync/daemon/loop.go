package daemon

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// loop keeps one target in step. Everything that its engine does happens in
// its goroutine, one thing at a time.
type loop struct {
	d      *Daemon
	t      Target
	ctx    context.Context
	end    context.CancelFunc
	done   chan struct{}
	wake   chan struct{} // something below has changed
	asks   chan ask
	trials backoff  // after looks that failed
	holds  backoff  // at what is in the way
	commit string   // that was published last, or is about to be
	notes  []string // of the last publish
	poor   string   // what was logged of how it is watched

	mu     sync.Mutex
	watch  Watch // nil until it stands, and where there is none
	view   View
	looked bool      // once at least: what the remote lists says something from then on
	began  time.Time // when the last look did; see settling
	rested time.Time // when it was over
	told   bool      // a batch came since it began
	sure   bool      // a status after the last look would have found view.Result
	dirty  bool      // there is a reason to look
	first  time.Time // the oldest event that is one; zero when nobody saved
	retry  time.Time // not before
	saves  int       // that were not published yet
	folded bool      // a version budget puts them off
	paused bool
	asset  string            // its id, once known
	listed Listed            // what the remote listed last
	later  bool              // that is a later change of the version that was listed before
	others map[string]Listed // what it listed while the target has no asset
	hinted bool              // it listed another one during a look
	said   string            // what was logged of the state last
}

func newLoop(d *Daemon, t Target, paused bool) *loop {
	l := &loop{
		d: d, t: t, done: make(chan struct{}), wake: make(chan struct{}, 1), asks: make(chan ask),
		trials: backoff{base: retryBase}, holds: backoff{base: holdBase, max: holdMax},
		paused: paused, asset: t.AssetID,
		view: View{Target: t.Name, When: t.When, Direction: t.Direction, State: Starting, Since: d.o.Now(), Result: assetsync.Result{Target: t.Name}},
	}
	l.ctx, l.end = context.WithCancel(d.ctx)
	return l
}

// run serves the target until the loop is ended.
func (l *loop) run() {
	defer close(l.done)
	defer l.end()
	opened := make(chan Watch, 1)
	if l.t.Watch == nil {
		l.want(time.Time{})
	} else {
		var opening sync.WaitGroup
		opening.Go(func() { l.open(opened) })
		defer func() {
			opening.Wait()
			l.unwatch(opened)
		}()
	}
	// Batches are taken between looks: one that nobody has taken is merged with
	// the next, so that a long look is followed by one look.
	var batches <-chan watcher.Batch
	for {
		timer := time.NewTimer(l.step())
		select {
		case <-l.ctx.Done():
			timer.Stop()
			return
		case w := <-opened:
			batches = l.watched(w)
		case b := <-batches:
			l.take(b)
		case a := <-l.asks:
			l.answer(a)
		case <-l.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// open opens the watch. It may take long, on a file system that hangs, and
// holds up nobody.
func (l *loop) open(opened chan<- Watch) {
	watch, err := openPatiently(l.ctx, l.t.Watch, func(err error) {
		l.become(Failed, "it cannot be watched: "+err.Error(), time.Time{})
	})
	if err == nil {
		opened <- watch
	}
}

func (l *loop) watched(w Watch) <-chan watcher.Batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch = w
	return w.Batches()
}

// unwatch closes the watch, also one that came too late to be of use.
func (l *loop) unwatch(opened <-chan Watch) {
	l.mu.Lock()
	watch := l.watch
	l.mu.Unlock()
	select {
	case watch = <-opened:
	default:
	}
	if watch != nil {
		watch.Close()
	}
}

// take notes that files have settled.
func (l *loop) take(b watcher.Batch) {
	if b.Why == watcher.ClockJumped {
		l.d.askPoll(true)
	}
	if b.Why != "" {
		l.d.log.Debug("look at everything", zap.String("target", l.t.Name), zap.String("why", string(b.Why)))
		l.reportWatch()
	}
	l.mu.Lock()
	if s := l.view.State; s != Offline && s != AuthExpired || b.Why == watcher.ClockJumped {
		l.retry = time.Time{} // what failed may well work on what is new; the remote is as it was
	}
	l.told = true
	if b.Why == "" {
		l.saves++
	}
	l.mu.Unlock()
	first := b.First
	if b.Why != "" && b.Why != watcher.ManyPaths {
		first = time.Time{}
	}
	l.want(first)
}

// want makes a reason to look; first is when somebody saved, if that is it.
func (l *loop) want(first time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dirty, l.first = true, older(l.first, first)
	signal(l.wake)
}

// older returns the older of two times; a zero one is none.
func older(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// hint tells what the remote lists.
func (l *loop) hint(versions map[string]Listed) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asset == "" && l.looked && l.t.Direction.Takes() {
		l.hintNew(versions)
		return
	}
	now, before := versions[l.asset], l.listed
	if l.asset == "" || !l.looked || now.Version == before.Version && !now.UpdatedAt.After(before.UpdatedAt) {
		return
	}
	l.listed = now
	l.later = now.Version == before.Version && !before.UpdatedAt.IsZero()
	if l.view.State == Publishing {
		l.hinted = true // it may be the very one that is being made
		return
	}
	if l.news() {
		l.dirty = true
		if l.folded {
			l.retry = time.Time{} // a budget puts off what is published, and not what is seen
		}
		signal(l.wake)
	}
}

// hintNew tells a target whose asset somebody else is to make of assets that are
// new; l.mu is held. The look finds out whether one of them is the target's.
func (l *loop) hintNew(versions map[string]Listed) {
	for id := range versions {
		if _, known := l.others[id]; !known {
			l.others, l.dirty = versions, true
			signal(l.wake)
			return
		}
	}
}

// news reports whether what the remote lists, and did not list before, is a
// reason to look; l.mu is held. An older version is none: a listing may lag
// behind for as long as it likes, and go back and forth. (What else makes an
// asset older is found by the timed look.) That an asset is gone is one, and
// that the version was changed in place.
func (l *loop) news() bool {
	return l.listed.Version == 0 || l.listed.Version > l.view.Result.Version || l.later && l.listed.Version == l.view.Result.Version
}

// release lets a target that waited for the remote go on at once.
func (l *loop) release() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.view.State == Offline || l.view.State == AuthExpired {
		l.retry = time.Time{}
	}
	signal(l.wake)
}

// pause makes the loop pause, or go on with a look at once. One that was never
// looked at has its first look when its watch stands.
func (l *loop) pause(paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused && !paused {
		l.dirty, l.retry = l.dirty || l.looked, time.Time{}
	}
	l.paused = paused
	signal(l.wake)
}

// pausedReason goes on from "paused: " and "the daemon waits: ".
const pausedReason = "until assetsync watch --resume"

// longWait is the wait of a loop that only somebody else can wake.
const longWait = 24 * time.Hour

// step does what is due and returns how long to wait at most.
func (l *loop) step() time.Duration {
	idle := longWait
	if l.t.Watch == nil {
		l.checkCommit()
		idle = commitPoll
	}
	settling, again := l.settling()
	l.mu.Lock()
	dirty, pause, paused, was := l.dirty, time.Until(l.retry), l.paused, l.view.State
	l.mu.Unlock()
	state, reason := l.d.gate()
	switch {
	case l.ctx.Err() != nil:
		return idle
	case paused:
		l.become(Paused, pausedReason, time.Time{})
		return idle
	case !dirty && was == Paused: // and never looked at
		l.become(Starting, "", time.Time{})
		return idle
	case !dirty:
		return min(idle, again)
	case state != InStep:
		l.become(state, reason, time.Time{})
		return idle
	case pause > 0:
		return min(idle, pause)
	case settling:
		return min(idle, again)
	}
	pause = min(idle, l.look())
	if l.t.Watch != nil && pause == longWait {
		return settlingPause // to see what happened meanwhile
	}
	return pause
}

// checkCommit looks for a commit that was not published yet.
func (l *loop) checkCommit() {
	if l.t.Repo == nil {
		return
	}
	_, commit, err := l.t.Repo.Look(l.ctx)
	if err != nil || commit == l.commit {
		return // what is wrong with the repository is told by the look
	}
	var made time.Time
	if l.commit != "" {
		made = l.d.o.Now()
	}
	l.commit = commit
	l.want(made)
}

// hold waits while git is in the way.
func (l *loop) hold() (pause time.Duration, held bool) {
	if l.t.Repo == nil || l.t.When == assetsync.Manually {
		return 0, false
	}
	obstacle, _, err := l.t.Repo.Look(l.ctx)
	if l.ctx.Err() != nil {
		return 0, true
	}
	if err != nil {
		obstacle = err.Error()
	}
	if obstacle == "" {
		l.holds.reset()
		return 0, false
	}
	pause = l.holds.next(l.d.o.Jitter)
	l.mu.Lock()
	l.told = false // what settled meanwhile may be written to when this is over
	l.mu.Unlock()
	l.become(Held, obstacle, time.Time{})
	return pause, true
}

// become makes the state known, and says so when it changed.
func (l *loop) become(s State, reason string, next time.Time) {
	l.mu.Lock()
	before := l.view
	l.view.State, l.view.Reason, l.view.NextTry = s, reason, next
	if s != before.State {
		l.view.Since = l.d.o.Now()
	}
	l.mu.Unlock()
	if s == before.State && reason == before.Reason {
		return
	}
	signal(l.d.news)
	signal(l.d.moved)
	l.logState(s, reason)
}

// see returns the view as it is now.
func (l *loop) see() View {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := l.view
	if l.watch != nil {
		v.Watch = l.watch.Health()
	}
	return v
}
