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
	trials backoff // after looks that failed
	holds  backoff // at what is in the way
	commit string  // that was published last, or is about to be

	mu     sync.Mutex
	watch  Watch // nil until it stands, and where there is none
	view   View
	dirty  bool      // there is a reason to look
	first  time.Time // the oldest event that is one; zero when nobody saved
	retry  time.Time // not before
	paused bool
	asset  string // its id, once known
	listed int32  // the version that the remote listed last
	said   string // what was logged of the state last
}

// ask is something that somebody wants a loop to do between looks. There is
// room for the reply, so that nobody has to wait for it.
type ask struct {
	do    func() reply
	reply chan reply
}

type reply struct {
	result   assetsync.Result
	contents []map[string][]byte
}

func newLoop(d *Daemon, t Target, paused bool) *loop {
	l := &loop{
		d: d, t: t, done: make(chan struct{}), wake: make(chan struct{}, 1), asks: make(chan ask),
		trials: backoff{base: retryBase}, holds: backoff{base: holdBase, max: holdMax},
		paused: paused, asset: t.AssetID,
		view: View{Target: t.Name, When: t.When, State: Starting, Since: d.o.Now(), Result: assetsync.Result{Target: t.Name, Outcome: assetsync.Unchanged}},
	}
	l.ctx, l.end = context.WithCancel(d.ctx)
	return l
}

// run serves the target until the loop is ended.
func (l *loop) run() {
	defer close(l.done)
	defer l.end()
	batches := make(chan watcher.Batch)
	if l.t.Watch == nil {
		l.want(time.Time{})
	} else {
		var pump sync.WaitGroup
		defer pump.Wait()
		pump.Go(func() { l.pump(batches) })
	}
	for {
		timer := time.NewTimer(l.step())
		select {
		case <-l.ctx.Done():
			timer.Stop()
			return
		case b := <-batches:
			l.take(b)
		case a := <-l.asks:
			a.reply <- a.do()
		case <-l.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// pump opens the watch and hands on its batches. Opening may take long, on a
// file system that hangs, and holds up nobody.
func (l *loop) pump(batches chan<- watcher.Batch) {
	watch, err := openPatiently(l.ctx, l.t.Watch, func(err error) {
		l.become(Failed, "it cannot be watched: "+err.Error(), time.Time{})
	})
	if err != nil {
		return
	}
	defer watch.Close()
	l.mu.Lock()
	l.watch = watch
	l.mu.Unlock()
	for {
		select {
		case <-l.ctx.Done():
			return
		case b := <-watch.Batches():
			select {
			case batches <- b:
			case <-l.ctx.Done():
				return
			}
		}
	}
}

// take notes that files have settled.
func (l *loop) take(b watcher.Batch) {
	if b.Why == watcher.ClockJumped {
		l.d.askPoll(true)
	}
	if b.Why != "" {
		l.d.log.Debug("look at everything", zap.String("target", l.t.Name), zap.String("why", string(b.Why)))
	}
	l.mu.Lock()
	l.retry = time.Time{} // what failed may well work on what is new
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
	l.dirty = true
	if l.first.IsZero() || !first.IsZero() && first.Before(l.first) {
		l.first = first
	}
	signal(l.wake)
}

// hint tells what the remote lists. Only news are a reason to look: a
// listing may lag behind for as long as it likes.
func (l *loop) hint(versions map[string]int32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	version := versions[l.asset]
	if l.asset == "" || version == l.listed {
		return
	}
	l.listed = version
	if version != l.view.Result.Version {
		l.dirty = true
		signal(l.wake)
	}
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

func (l *loop) pause(paused bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.paused && !paused {
		l.dirty = true // to say anew how it does
	}
	l.paused = paused
	signal(l.wake)
}

// longWait is the wait of a loop that only somebody else can wake.
const longWait = 24 * time.Hour

// step does what is due and returns how long to wait at most.
func (l *loop) step() time.Duration {
	if l.t.When == assetsync.OnCommit {
		l.checkCommit()
	}
	l.mu.Lock()
	dirty, pause := l.dirty, time.Until(l.retry)
	paused := l.paused
	l.mu.Unlock()
	idle := longWait
	if l.t.When == assetsync.OnCommit {
		idle = commitPoll
	}
	state, reason := l.d.gate()
	switch {
	case l.ctx.Err() != nil:
		return idle
	case paused:
		l.become(Paused, "it is paused; assetsync watch --resume goes on", time.Time{})
		return idle
	case !dirty:
		return idle
	case state != InStep:
		l.become(state, reason, time.Time{})
		return idle
	case pause > 0:
		return min(idle, pause)
	}
	return min(idle, l.look())
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

// look lets the engine look, unless git is in the way, and returns how long
// to wait at most.
func (l *loop) look() time.Duration {
	manual := l.t.When == assetsync.Manually
	if !manual {
		if pause, held := l.hold(); held {
			return pause
		}
	}
	free, err := l.d.slot(l.ctx)
	if err != nil {
		return 0 // the loop ends
	}
	defer free()
	l.mu.Lock()
	first := l.first
	l.dirty, l.first = false, time.Time{} // what happens from now on is another reason
	l.mu.Unlock()
	l.become(Publishing, "", time.Time{})
	if manual {
		return l.judged(l.t.Engine.Status(l.d.work), first)
	}
	return l.judged(l.t.Engine.Push(l.d.work, assetsync.PushOptions{}), first)
}

// hold waits while git is in the way.
func (l *loop) hold() (pause time.Duration, held bool) {
	if l.t.Repo == nil {
		return 0, false
	}
	obstacle, _, err := l.t.Repo.Look(l.ctx)
	if err != nil {
		obstacle = err.Error()
	}
	if obstacle == "" {
		l.holds.reset()
		return 0, false
	}
	pause = l.holds.next(l.d.o.Jitter)
	l.become(Held, obstacle, time.Time{})
	return pause, true
}

// judged takes over what a look came to, and returns how long to wait at most.
func (l *loop) judged(res assetsync.Result, first time.Time) time.Duration {
	l.report(res, first)
	v := judge(res)
	if v.state == AuthExpired || v.state == Offline {
		l.d.askPoll(false)
	}
	standing, ok := res.Standing()
	if !ok && l.t.When != assetsync.Manually {
		standing = l.t.Engine.Status(l.d.work)
	}
	pause := longWait
	var next time.Time
	l.mu.Lock()
	l.view.Result, l.view.LookedAt = standing, l.d.o.Now()
	l.view.Published += len(res.Versions)
	if res.AssetID != "" {
		l.asset = res.AssetID
	}
	if v.max == 0 {
		l.trials.reset()
		l.retry = time.Time{}
	} else {
		l.trials.max = v.max
		pause = l.trials.next(l.d.o.Jitter)
		l.dirty, l.retry = true, time.Now().Add(pause)
		next = l.d.o.Now().Add(pause)
		if l.first.IsZero() {
			l.first = first
		}
	}
	if l.dirty && v.max == 0 {
		pause = 0 // something happened meanwhile
	}
	l.mu.Unlock()
	l.become(v.state, v.reason, next)
	return pause
}

// become makes the state known, and says so when it changed.
func (l *loop) become(s State, reason string, next time.Time) {
	l.mu.Lock()
	before := l.view
	l.view.NextTry = next
	if s != before.State || reason != before.Reason {
		l.view.State, l.view.Reason = s, reason
	}
	if s != before.State {
		l.view.Since = l.d.o.Now()
	}
	l.mu.Unlock()
	if s == before.State && reason == before.Reason {
		return
	}
	signal(l.d.news)
	l.logState(before, s, reason)
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

// ask lets the loop do something between looks. It waits until that is done,
// ctx ends or the loop does.
func (l *loop) ask(ctx context.Context, do func() reply) (reply, error) {
	a := ask{do, make(chan reply, 1)}
	select {
	case l.asks <- a:
	case <-ctx.Done():
		return reply{}, context.Cause(ctx)
	case <-l.done:
		return reply{}, errEnding
	}
	select {
	case r := <-a.reply:
		return r, nil
	case <-ctx.Done():
		return reply{}, context.Cause(ctx)
	}
}

// push does what somebody asked for; it counts as a look.
func (l *loop) push(ctx context.Context, o assetsync.PushOptions) reply {
	if o.DryRun {
		return reply{result: l.t.Engine.Push(ctx, o)}
	}
	l.mu.Lock()
	first := l.first
	l.dirty, l.first = false, time.Time{}
	l.mu.Unlock()
	l.become(Publishing, "", time.Time{})
	res := l.t.Engine.Push(ctx, o)
	l.judged(res, first)
	return reply{result: res}
}

// status looks, and keeps what it finds.
func (l *loop) status(ctx context.Context) reply {
	res := l.t.Engine.Status(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.view.Result, l.view.LookedAt = res, l.d.o.Now()
	return reply{result: res}
}

// fresh reports whether the result on view says what a status would find, as
// far as anybody has noticed.
func (l *loop) fresh() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.dirty && l.view.State != Starting && l.view.State != Publishing && (l.watch == nil || !l.watch.Pending())
}
