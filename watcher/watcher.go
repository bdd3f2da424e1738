package watcher

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"assetsync/manifest"
)

const (
	// DefaultFullEvery is the time between two looks at everything, the net
	// below events that a system never delivered.
	DefaultFullEvery = 15 * time.Minute
	// DefaultPollEvery is the time between two walks of a polled root. People
	// notice a delay of some seconds; a walk of 100 files takes a millisecond.
	DefaultPollEvery = 2 * time.Second
	// pollShare is how much longer the pause is than the walk before it, so
	// that polling takes at most a tenth of one core's or one disk's time.
	pollShare = 10
	// lostEvery is how often a lost root is looked for: one stat.
	lostEvery = time.Second
	// beatEvery is how often the two clocks are compared and each root is
	// looked at with one stat: an unmount, or a directory further up renamed,
	// makes no event. See beat.
	beatEvery = 5 * time.Second
	// clockJump is how far the wall clock may be off the monotonic one within
	// beatEvery. NTP slews by at most 500 ppm, that is 2.5 ms; a loaded
	// machine reads the two some milliseconds apart.
	clockJump = 2 * time.Second
	// overflowEvery is how often the watches are set anew at most when events
	// are lost again and again.
	overflowEvery = time.Second
	// walks is how many roots are walked at once. More do not make a disk
	// faster, and each waiting one holds a thread.
	walks = 8
	// walkPatience is how long a root waits for its turn to be walked. Then it
	// goes anyway: those before it may hang in a file system that is gone.
	walkPatience = time.Second
)

// Options say how a [Watcher] works.
type Options struct {
	Probe     string           // absolute directory for the files of [Watcher.Sync]; made when missing. "": Sync returns at once
	Now       func() time.Time // the wall clock, to notice that it jumped; required
	FullEvery time.Duration    // a look at everything at least so often; 0: [DefaultFullEvery]
	PollEvery time.Duration    // time between two walks of a polled root; 0: [DefaultPollEvery]
}

// Watcher watches many roots through one queue of events. Roots that overlap
// share their watches. All methods may be called from several goroutines.
type Watcher struct {
	options Options
	open    func() (source, error)
	pace    pace
	table   *table
	probes  probes
	slots   chan struct{}
	floor   *manifest.Ignore // see newFloor

	mu     sync.Mutex
	roots  map[*Watch]struct{}
	start  func(*Watch) // nil before Run
	noWhy  string       // why there are no events, in plain words
	ran    bool
	ended  bool
	health Health
}

// pace holds the times that tests shorten.
type pace struct {
	lost, beat, overflow time.Duration
}

// Health is how a [Watcher] is.
type Health struct {
	Directories int       // watched, each counted once
	LastEvent   time.Time // when the last event was read; zero when there was none
	LastProbe   time.Time // when the last probe of [Watcher.Sync] came back; zero when none did
	Overflows   int       // how often events were lost
	Trouble     string    // why events cannot be had or what the system said last, in plain words; ""
}

var errClosed = errors.New("watcher is closed")

// New checks the options. It holds nothing of the system before Run.
func New(o Options) (*Watcher, error) {
	if o.Now == nil {
		return nil, errors.New("make watcher: no clock")
	}
	if o.FullEvery < 0 || o.PollEvery < 0 {
		return nil, errors.New("make watcher: a negative time")
	}
	if o.FullEvery == 0 {
		o.FullEvery = DefaultFullEvery
	}
	if o.PollEvery == 0 {
		o.PollEvery = DefaultPollEvery
	}
	floor, err := newFloor()
	if err != nil {
		return nil, fmt.Errorf("make watcher: %w", err)
	}
	w := &Watcher{
		options: o,
		floor:   floor,
		open:    newSource,
		pace:    pace{lost: lostEvery, beat: beatEvery, overflow: overflowEvery},
		table:   newTable(),
		slots:   make(chan struct{}, walks),
		roots:   make(map[*Watch]struct{}),
	}
	w.probes.init(o.Probe)
	return w, nil
}

// Add begins to watch a root, before Run or while it runs. It only checks r
// and returns; the watches are set later, so that a file system that hangs
// holds up nobody. The first batch says [Started] when they are set. A
// directory that is not there is no error: see [RootLost].
func (w *Watcher) Add(r Root) (*Watch, error) {
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("watch %q: %w", r.Dir, err)
	}
	h := newWatch(w, r)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		return nil, fmt.Errorf("watch %q: %w", r.Dir, errClosed)
	}
	w.roots[h] = struct{}{}
	if w.start != nil {
		w.start(h)
	}
	return h, nil
}

// Run watches until ctx ends, then gives back all it holds and returns nil.
// It may be called once. Where the system has no file events to give, all
// roots are polled and Health says why. It waits for its goroutines; one that
// hangs in a file system that is gone holds it up.
func (w *Watcher) Run(ctx context.Context) error {
	w.mu.Lock()
	twice := w.ran
	w.ran = true
	w.mu.Unlock()
	if twice {
		return errors.New("run watcher: it ran before")
	}
	var loops, reader sync.WaitGroup
	q := newQueue()
	src, err := w.open()
	if err == nil {
		w.table.use(src.notifier)
		reader.Go(func() { q.read(src) })
	}
	w.begin(err, func(h *Watch) { loops.Go(func() { h.run(ctx) }) })
	w.probes.begin(w.table, err)
	w.dispatch(ctx, q)
	w.mu.Lock()
	w.ended = true
	w.mu.Unlock()
	w.probes.end()
	loops.Wait() // before the notifier is closed: on Windows nobody may ask it to add meanwhile
	if err == nil {
		w.table.use(nil)
		err = src.Close()
		reader.Wait()
		if err != nil {
			return fmt.Errorf("end file events: %w", err)
		}
	}
	return nil
}

// begin starts the roots that were added so far; Add starts later ones.
func (w *Watcher) begin(noEvents error, start func(*Watch)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if noEvents != nil {
		w.noWhy = eventsWords(noEvents)
	}
	w.start = start
	for h := range w.roots {
		start(h)
	}
}

// dispatch sorts events to their roots and compares the clocks.
func (w *Watcher) dispatch(ctx context.Context, q *queue) {
	clock := newClock(w.options.Now)
	tick := time.NewTicker(w.pace.beat)
	defer tick.Stop()
	again := time.NewTimer(0)
	again.Stop()
	defer again.Stop()
	var lastOverflow time.Time
	lost := false
	var b beat
	defer b.end()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			b.check(w, clock.jumped())
			continue
		case <-again.C:
		case <-q.wake:
		}
		if w.sort(q) {
			lost = true
		}
		if !lost {
			continue
		}
		if wait := w.pace.overflow - time.Since(lastOverflow); !lastOverflow.IsZero() && wait > 0 {
			again.Reset(wait)
			continue
		}
		lost, lastOverflow = false, time.Now()
		w.everyRoot(func(h *Watch) { h.tell(flags{overflow: true}) })
		w.probes.retry()
	}
}

// sort takes what was read and hands it on. It reports whether events were
// lost.
func (w *Watcher) sort(q *queue) bool {
	events, overflow, err := q.take()
	w.mu.Lock()
	w.health.Overflows += overflow
	if err != nil {
		w.health.Trouble = fmt.Sprintf("the system's file events: %v", err)
	}
	if len(events) > 0 {
		w.health.LastEvent = time.Now()
	}
	w.mu.Unlock()
	for _, e := range events {
		if w.probes.came(e.Name) {
			w.mu.Lock()
			w.health.LastProbe = time.Now()
			w.mu.Unlock()
			continue
		}
		w.table.route(e)
	}
	return overflow > 0
}

func (w *Watcher) everyRoot(f func(*Watch)) {
	w.mu.Lock()
	list := make([]*Watch, 0, len(w.roots))
	for h := range w.roots {
		list = append(list, h)
	}
	w.mu.Unlock()
	for _, h := range list {
		f(h)
	}
}

// Health says how the watcher is.
func (w *Watcher) Health() Health {
	n := w.table.size()
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.health
	h.Directories = n
	if w.noWhy != "" {
		h.Trouble = w.noWhy
	}
	return h
}

// noEvents says why there are none, or nothing.
func (w *Watcher) noEvents() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.noWhy
}

// turn waits until h may walk its tree. The function it returns ends the walk.
func (w *Watcher) turn(ctx context.Context) func() {
	patience := time.NewTimer(walkPatience)
	defer patience.Stop()
	select {
	case w.slots <- struct{}{}:
		return func() { <-w.slots }
	case <-patience.C:
	case <-ctx.Done():
	}
	return func() {}
}

// clock compares the wall clock with the monotonic one, which stands still
// while the machine sleeps and does not follow corrections.
type clock struct {
	now  func() time.Time
	wall time.Time
	mono time.Time
}

func newClock(now func() time.Time) *clock {
	return &clock{now: now, wall: now().Round(0), mono: time.Now()}
}

// jumped reports whether the wall clock went another way than the monotonic
// one since the last call.
func (c *clock) jumped() bool {
	wall, mono := c.now().Round(0), time.Now()
	off := wall.Sub(c.wall) - mono.Sub(c.mono)
	c.wall, c.mono = wall, mono
	return off.Abs() > clockJump
}
