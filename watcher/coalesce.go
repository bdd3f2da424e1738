package watcher

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// removalHold is how long a removed path is held back at least. Editors that
// save by rename leave the name empty for some milliseconds, over a network
// for some hundred; Syncthing holds deletes back for the same reason.
const removalHold = 500 * time.Millisecond

// maxPaths is how many paths a batch names. With more of them a look at
// everything costs less than looking at each.
const maxPaths = 512

// coalescer makes batches out of single changes. It has no clock and no
// goroutine: all times come in, and the caller asks for the next deadline.
type coalescer struct {
	settle, hold, maxWait time.Duration

	paths map[string]pending
	all   Reason // everything is to be looked at, and paths is empty
	first time.Time
	due   time.Time // of all
}

// pending is a path that something happened to.
type pending struct {
	was, is    bool // there before the first event, there after the last
	first, due time.Time
}

func (p pending) op() Op {
	switch {
	case !p.is:
		return Removed
	case p.was:
		return Modified
	}
	return Created
}

// newCoalescer takes the values of a [Root] with their defaults filled in.
func newCoalescer(settle, maxWait time.Duration) *coalescer {
	return &coalescer{
		settle:  settle,
		hold:    max(settle, removalHold),
		maxWait: maxWait,
		paths:   make(map[string]pending),
	}
}

// wait is how long a path must be quiet after an event.
func (c *coalescer) wait(op Op) time.Duration {
	if op == Removed {
		return c.hold
	}
	return c.settle
}

// add notes one change that was read at now.
func (c *coalescer) add(path string, op Op, now time.Time) {
	due := now.Add(c.wait(op))
	if c.all != "" {
		c.due = later(c.due, due)
		return
	}
	p, ok := c.paths[path]
	if !ok {
		p = pending{was: op != Created, first: now}
	}
	p.is, p.due = op != Removed, due
	if !p.was && !p.is {
		delete(c.paths, path)
		return
	}
	c.paths[path] = p
	if len(c.paths) > maxPaths {
		c.everything(ManyPaths, now, 0)
	}
}

// everything notes at now that all is to be looked at, after a quiet time.
func (c *coalescer) everything(why Reason, now time.Time, quiet time.Duration) {
	if c.all == "" {
		c.first, c.due = now, now
		for _, p := range c.paths {
			c.first, c.due = earlier(c.first, p.first), later(c.due, p.due)
		}
		clear(c.paths)
	}
	c.all, c.due = stronger(c.all, why), later(c.due, now.Add(quiet))
}

// atOnce lets what is pending be given out now.
func (c *coalescer) atOnce() { c.due = c.first }

// drop forgets everything.
func (c *coalescer) drop() {
	c.all = ""
	clear(c.paths)
}

func (c *coalescer) empty() bool { return c.all == "" && len(c.paths) == 0 }

// next returns when take has something to give, if nothing else is added.
func (c *coalescer) next() (time.Time, bool) {
	due := c.due
	if c.all == "" {
		due = time.Time{}
		for _, p := range c.paths {
			due = later(due, p.due)
		}
	}
	return earlier(due, c.bound()), !c.empty()
}

// bound returns when the longest wait ends for what is pending.
func (c *coalescer) bound() time.Time {
	first := c.first
	if c.all == "" {
		first = time.Time{}
		for _, p := range c.paths {
			if first.IsZero() || p.first.Before(first) {
				first = p.first
			}
		}
	}
	return first.Add(c.maxWait)
}

// take returns the batch that is to be given out at now, if there is one.
// When the longest wait has ended before all is settled, a removal that is
// younger than the hold stays: it may be one half of a save.
func (c *coalescer) take(now time.Time) (Batch, bool) {
	if due, ok := c.next(); !ok || now.Before(due) {
		return Batch{}, false
	}
	if c.all != "" {
		b := Batch{Why: c.all, First: c.first}
		c.all = ""
		return b, true
	}
	var b Batch
	for path, p := range c.paths {
		if !p.is && now.Before(p.due) && now.Before(p.first.Add(c.maxWait)) {
			continue
		}
		b.Paths = append(b.Paths, Change{Path: path, Op: p.op()})
		if b.First.IsZero() || p.first.Before(b.First) {
			b.First = p.first
		}
		delete(c.paths, path)
	}
	sortChanges(b.Paths)
	return b, true
}

// merge returns what two batches that were given out one after the other say
// together, and whether that is anything.
func merge(a, b Batch) (Batch, bool) {
	first := earlier(a.First, b.First)
	if a.Why != "" || b.Why != "" {
		return Batch{Why: stronger(a.Why, b.Why), First: first}, true
	}
	ops := make(map[string]Op, len(a.Paths)+len(b.Paths))
	for _, change := range a.Paths {
		ops[change.Path] = change.Op
	}
	for _, change := range b.Paths {
		before, ok := ops[change.Path]
		switch {
		case !ok:
			ops[change.Path] = change.Op
		case before == Created && change.Op == Removed:
			delete(ops, change.Path)
		case before == Created:
			// It stays new.
		case change.Op == Created:
			ops[change.Path] = Modified
		default:
			ops[change.Path] = change.Op
		}
	}
	if len(ops) > maxPaths {
		return Batch{Why: ManyPaths, First: first}, true
	}
	out := Batch{First: first}
	for _, path := range slices.Sorted(maps.Keys(ops)) {
		out.Paths = append(out.Paths, Change{Path: path, Op: ops[path]})
	}
	return out, len(ops) > 0
}

// strength orders the reasons: when several come together, the one that says
// most is given. All of them mean a look at everything.
var strength = []Reason{"", ManyPaths, Timed, IgnoreChanged, ClockJumped, Overflowed, Started, FellBack, RootLost, RootBack}

// stronger returns the reason to give for two, b being the later one.
func stronger(a, b Reason) Reason {
	if a == RootBack && b == RootLost || slices.Index(strength, b) > slices.Index(strength, a) {
		return b
	}
	return a
}

func sortChanges(list []Change) {
	slices.SortFunc(list, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
