package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	assetsync "assetsync/sync"
)

// Daemon keeps the targets of one config in one environment in step. Its
// methods may be called from several goroutines once Run was called.
type Daemon struct {
	o        Options
	log      *zap.Logger
	since    time.Time
	slots    chan struct{}
	news     chan struct{} // a view has changed
	moved    chan struct{} // the same, for alarm
	worked   chan struct{} // somebody was looked at, or asked for
	reload   chan struct{}
	pollNow  chan bool // true: what may have gone stale is dropped first
	running  sync.WaitGroup
	ending   chan struct{} // closed by Stop, and when Run ends
	hindered string        // why the remote could not be listed, as logged last; of poll alone
	pausing  sync.Mutex    // orders changes of what is paused, and their saving; taken before mu

	mu        sync.Mutex
	ctx       context.Context // of Run, ended by Stop
	stop      context.CancelFunc
	work      context.Context // of looks: outlives ctx by graceTime
	loops     []*loop         // in the order of the Set
	leaving   []*loop         // ended, perhaps in their last look
	triggers  map[string]*trigger
	paused    map[string]bool
	configErr string
	remote    RemoteView
	every     time.Duration // between polls
	notify    func(context.Context, Event) error
}

// New checks the options.
func New(o Options) (*Daemon, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	d := &Daemon{
		o: o, log: o.Logger,
		slots: make(chan struct{}, parallelLooks), news: make(chan struct{}, 1), moved: make(chan struct{}, 1), worked: make(chan struct{}, 1),
		reload: make(chan struct{}, 1), pollNow: make(chan bool, 1), ending: make(chan struct{}),
		triggers: map[string]*trigger{}, paused: map[string]bool{},
	}
	if d.log == nil {
		d.log = zap.NewNop()
	}
	if d.o.Looked == nil {
		d.o.Looked = func(assetsync.Result, time.Duration) {}
	}
	return d, nil
}

// Run keeps the targets in step until ctx ends or Stop is called. Looks that
// are on their way then have graceTime to finish; it returns a second later
// at the latest, also when a look hangs. Its error is one of the start: a
// config that cannot be used. It may be called once.
func (d *Daemon) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	if err := d.begin(ctx, stop, work); err != nil {
		return err
	}
	defer d.Stop()
	set, err := d.o.Load(ctx)
	if ctx.Err() != nil {
		return nil // it was stopped before it began
	}
	if err != nil {
		return err
	}
	d.replace(set)
	d.running.Go(d.poll)
	d.running.Go(d.reloads)
	d.running.Go(d.announce)
	d.running.Go(d.alarm)
	d.running.Go(d.rest)
	<-ctx.Done()
	d.Stop()
	d.finish(end)
	return nil
}

func (d *Daemon) begin(ctx context.Context, stop context.CancelFunc, work context.Context) error {
	d.pausing.Lock()
	defer d.pausing.Unlock()
	paused, err := d.o.Pauses.Load()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx != nil {
		return errors.New("run daemon: it ran before")
	}
	d.ctx, d.stop, d.work = ctx, stop, work
	select {
	case <-d.ending:
		stop()
	default:
	}
	d.since = d.o.Now()
	d.remote = RemoteView{State: InStep, Since: d.since}
	for _, name := range paused {
		d.paused[name] = true
	}
	return nil
}

// finish waits for what is on its way, and ends it when its time is over.
func (d *Daemon) finish(end context.CancelFunc) {
	done := make(chan struct{})
	go func() {
		d.running.Wait()
		close(done)
	}()
	grace := time.NewTimer(graceTime)
	defer grace.Stop()
	select {
	case <-done:
		return
	case <-grace.C:
	}
	end()
	grace.Reset(time.Second)
	select {
	case <-done:
	case <-grace.C:
		d.log.Warn("a look hangs and is left to its own", zap.Strings("targets", d.busy()))
	}
}

// busy names the targets that are being looked at.
func (d *Daemon) busy() (names []string) {
	d.mu.Lock()
	loops := slices.Concat(d.loops, d.leaving)
	d.mu.Unlock()
	for _, l := range loops {
		if l.see().State == Publishing {
			names = append(names, l.t.Name)
		}
	}
	return names
}

// Ending returns a channel that is closed once Stop was called, before anything
// has ended.
func (d *Daemon) Ending() <-chan struct{} { return d.ending }

// Stop ends Run and Serve, also when they have not begun. It does not wait.
func (d *Daemon) Stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.ending:
	default:
		close(d.ending)
	}
	if d.stop != nil {
		d.stop()
	}
}

// signal fills a channel of one, for somebody who looks at everything.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Views returns what is known of every target.
func (d *Daemon) Views() []View {
	loops := d.all()
	views := make([]View, len(loops))
	for i, l := range loops {
		views[i] = l.see()
	}
	return views
}

func (d *Daemon) all() []*loop {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.loops)
}

// Health returns how the daemon does.
func (d *Daemon) Health() Health {
	views := d.Views()
	d.mu.Lock()
	defer d.mu.Unlock()
	return Health{Owner: d.o.Owner, Since: d.since, Summary: summary(views), Config: d.configErr, Remote: d.remote, Targets: views}
}

// announce tells Changed what is new, a few times a second at most.
func (d *Daemon) announce() {
	const pause = 200 * time.Millisecond
	last := ""
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.news:
		}
		h := d.Health()
		text := h.Summary
		if h.Config != "" {
			text = "the old config is in use: " + h.Config + "; " + text
		}
		if text != last && d.o.Changed != nil {
			d.o.Changed(text)
		}
		last = text
		if wait(d.ctx, pause) != nil {
			return
		}
	}
}

func wait(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Pause keeps targets from publishing by themselves, also after a restart;
// resume ends it.
func (d *Daemon) Pause(names []string) error { return d.setPaused(names, true) }

// Resume ends a pause, with a look.
func (d *Daemon) Resume(names []string) error { return d.setPaused(names, false) }

func (d *Daemon) setPaused(names []string, paused bool) error {
	d.pausing.Lock()
	defer d.pausing.Unlock()
	all, err := d.markPaused(names, paused)
	if err != nil {
		return err
	}
	// Without mu: a disk that hangs holds up pauses and nothing else.
	if err := d.o.Pauses.Save(all); err != nil {
		verb := "resume"
		if paused {
			verb = "pause"
		}
		return fmt.Errorf("%s until the daemon ends only: %w", verb, err)
	}
	return nil
}

// markPaused returns the names of all that are paused then.
func (d *Daemon) markPaused(names []string, paused bool) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx == nil { // what is on record was not read yet
		return nil, &assetsync.Error{Kind: assetsync.KindUnavailable, Message: "the daemon is starting", Hint: "repeat the command"}
	}
	for _, name := range names {
		if paused {
			d.paused[name] = true
		} else {
			delete(d.paused, name)
		}
	}
	for _, l := range d.loops {
		l.pause(d.paused[l.t.Name])
	}
	return slices.Sorted(maps.Keys(d.paused)), nil
}

// slot waits until fewer than parallelLooks are on their way. The slot is
// given back by free, or after slowLook by itself.
func (d *Daemon) slot(ctx context.Context) (free func(), err error) {
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	var once sync.Once
	back := func() { once.Do(func() { <-d.slots }) }
	slow := time.AfterFunc(slowLook, back)
	return func() {
		slow.Stop()
		back()
		signal(d.worked)
	}, nil
}
