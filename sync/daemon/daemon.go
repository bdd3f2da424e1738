package daemon

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	assetsync "assetsync/sync"
)

// Daemon keeps the targets of one config in one environment in step. Its
// methods may be called from several goroutines once Run was called.
type Daemon struct {
	o       Options
	log     *zap.Logger
	since   time.Time
	slots   chan struct{}
	news    chan struct{} // a view has changed
	reload  chan struct{}
	pollNow chan bool // true: what may have gone stale is dropped first
	running sync.WaitGroup

	mu        sync.Mutex
	ctx       context.Context // of Run, ended by Stop
	stop      context.CancelFunc
	work      context.Context // of looks: outlives ctx by graceTime
	loops     []*loop         // in the order of the Set
	triggers  map[string]*trigger
	paused    map[string]bool
	configErr string
	remote    RemoteView
	every     time.Duration // between polls
}

// New checks the options.
func New(o Options) (*Daemon, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	d := &Daemon{
		o: o, log: o.Logger,
		slots: make(chan struct{}, parallelLooks), news: make(chan struct{}, 1),
		reload: make(chan struct{}, 1), pollNow: make(chan bool, 1),
		triggers: map[string]*trigger{}, paused: map[string]bool{},
	}
	if d.log == nil {
		d.log = zap.NewNop()
	}
	return d, nil
}

// Run keeps the targets in step until ctx ends or Stop is called. Looks that
// are on their way then have graceTime to finish; it returns a second later
// at the latest, also when a look hangs. Its error is one of the start: a
// config that cannot be used.
func (d *Daemon) Run(ctx context.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	work, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	d.work = work
	set, err := d.o.Load(d.ctx)
	if err != nil {
		d.stop()
		return err
	}
	d.replace(set)
	d.running.Go(d.poll)
	d.running.Go(d.reloads)
	d.running.Go(d.announce)
	<-d.ctx.Done()
	return d.finish(end)
}

func (d *Daemon) begin(ctx context.Context) error {
	paused, err := d.o.Pauses.Load()
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ctx, d.stop = context.WithCancel(ctx)
	d.since = d.o.Now()
	d.remote = RemoteView{State: InStep, Since: d.since}
	for _, name := range paused {
		d.paused[name] = true
	}
	return nil
}

// finish waits for what is on its way.
func (d *Daemon) finish(end context.CancelFunc) error {
	done := make(chan struct{})
	go func() {
		d.running.Wait()
		close(done)
	}()
	grace := time.NewTimer(graceTime)
	defer grace.Stop()
	select {
	case <-done:
		return nil
	case <-grace.C:
	}
	end()
	grace.Reset(time.Second)
	select {
	case <-done:
	case <-grace.C:
		d.log.Warn("a look hangs and is left to its own", zap.Strings("targets", d.busy()))
	}
	return nil
}

// busy names the targets that are being looked at.
func (d *Daemon) busy() (names []string) {
	for _, v := range d.Views() {
		if v.State == Publishing {
			names = append(names, v.Target)
		}
	}
	return names
}

// Stop ends Run.
func (d *Daemon) Stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop != nil {
		d.stop()
	}
}

// Reload reads the config again, soon.
func (d *Daemon) Reload() { signal(d.reload) }

// signal fills a channel of one, for somebody who looks at everything.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// reloads serves Reload.
func (d *Daemon) reloads() {
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.reload:
		}
		set, err := d.o.Load(d.ctx)
		d.mu.Lock()
		before := d.configErr
		d.configErr = ""
		if err != nil {
			d.configErr = assetsync.AsError(err).Message
		}
		now := d.configErr
		d.mu.Unlock()
		if err != nil && assetsync.AsError(err).Kind != assetsync.KindUsage {
			d.reloadLater()
		}
		switch {
		case err == nil:
			if before != "" {
				d.log.Info("the config is in use again")
			}
			d.replace(set)
		case now != before && d.ctx.Err() == nil:
			d.log.Warn("the new config cannot be used; the old one stays in use", zap.Error(err))
		}
		signal(d.news)
	}
}

// reloadLater repeats a reload that failed for no fault of the config.
func (d *Daemon) reloadLater() {
	d.running.Go(func() {
		if wait(d.ctx, reloadPause) == nil {
			d.Reload()
		}
	})
}

// replace makes set the targets. One that is as before goes on; one that
// changed begins anew when its last look is over.
func (d *Daemon) replace(set Set) {
	d.mu.Lock()
	defer d.mu.Unlock()
	old := map[string]*loop{}
	for _, l := range d.loops {
		old[l.t.Name] = l
	}
	d.loops = nil
	for _, t := range set.Targets {
		before := old[t.Name]
		if before != nil && before.t.Key == t.Key {
			d.loops = append(d.loops, before)
			delete(old, t.Name)
			continue
		}
		l := newLoop(d, t, d.paused[t.Name])
		d.loops = append(d.loops, l)
		d.running.Go(func() {
			if before != nil {
				<-before.done
			}
			l.run()
		})
	}
	for _, l := range old {
		l.end()
	}
	d.replaceTriggers(set.Triggers)
	d.every = set.Poll
	signal(d.news)
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
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range names {
		if paused {
			d.paused[name] = true
		} else {
			delete(d.paused, name)
		}
	}
	var all []string
	for name := range d.paused {
		all = append(all, name)
	}
	slices.Sort(all)
	for _, l := range d.loops {
		l.pause(d.paused[l.t.Name])
	}
	if err := d.o.Pauses.Save(all); err != nil {
		return errors.Join(errors.New("it holds until the daemon ends only"), err)
	}
	return nil
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
	}, nil
}
