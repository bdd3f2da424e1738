package daemon

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Event is what people who do not look are told of targets. Targets that have
// it for one reason at one moment are one event.
type Event struct {
	Kind    EventKind `json:"event"`
	Targets []string  `json:"targets"`
	State   State     `json:"state"`
	Reason  string    `json:"reason,omitempty"`
	Time    time.Time `json:"time"`
}

// EventKind is what has come over a target.
type EventKind string

// The kinds. A target that fails and is in conflict has both.
const (
	Failing     EventKind = "failing"   // it is not published, and was
	Conflicting EventKind = "conflict"  // both sides changed a path
	Recovered   EventKind = "recovered" // in step again, after one of the others was told
)

// Alarms is where what was told survives the daemon, so that the next one does
// not tell it again: by target, the kinds that were told and are not over.
type Alarms interface {
	Load() (map[string][]EventKind, error)
	// Save replaces all of it, durably.
	Save(map[string][]EventKind) error
}

const (
	// failedPatience is how long a target has to fail before that is told: one
	// answer that was bad is followed by a good one, within some tries.
	failedPatience = 30 * time.Second

	// offlinePatience is the same for a remote that does not answer: machines
	// sleep, trains have tunnels, and nothing is lost meanwhile.
	offlinePatience = 10 * time.Minute

	// gatherPause is for what comes over several targets, so that it is told
	// as one event.
	gatherPause = time.Second
)

// alarmOf is what a state is told as, and after how long; "" for states that
// say nothing, as a look that is on its way. What is over is Recovered.
func alarmOf(s State) (kind EventKind, patience time.Duration) {
	switch s {
	case InStep, Differs:
		return Recovered, 0
	case Conflict:
		return Conflicting, 0
	case Blocked, AuthExpired:
		return Failing, 0
	case Failed:
		return Failing, failedPatience
	case Offline:
		return Failing, offlinePatience
	}
	return "", 0
}

// alarms remembers what was told. It is not safe for concurrent use.
type alarms struct {
	told  map[string][]EventKind
	since map[string]time.Time // when a target was first seen to fail
}

// due returns what is to be told of the targets now, and after how long to
// look again though nothing changes; 0: not before. It is told by mark.
func (a *alarms) due(views []View, now time.Time) (events []Event, again time.Duration) {
	for _, v := range views {
		kind, patience := alarmOf(v.State)
		switch {
		case kind == "":
			continue
		case kind == Recovered:
			delete(a.since, v.Target)
			if len(a.told[v.Target]) == 0 {
				continue
			}
		case slices.Contains(a.told[v.Target], kind):
			continue
		case kind == Failing:
			if a.since[v.Target].IsZero() {
				a.since[v.Target] = now
			}
			if left := patience - now.Sub(a.since[v.Target]); left > 0 {
				again = soonest(again, left)
				continue
			}
		}
		events = grouped(events, Event{Kind: kind, Targets: []string{v.Target}, State: v.State, Reason: v.Reason, Time: now})
	}
	return events, again
}

// soonest returns the shorter of two waits, of which 0 is none.
func soonest(a, b time.Duration) time.Duration {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// grouped adds an event of one target to those of the same kind and reason.
func grouped(events []Event, e Event) []Event {
	for i, other := range events {
		if other.Kind == e.Kind && other.State == e.State && other.Reason == e.Reason {
			events[i].Targets = append(other.Targets, e.Targets...)
			return events
		}
	}
	return append(events, e)
}

// mark notes that an event was told.
func (a *alarms) mark(e Event) {
	for _, target := range e.Targets {
		if e.Kind == Recovered {
			delete(a.told, target)
		} else {
			a.told[target] = append(a.told[target], e.Kind)
		}
	}
}

// alarm tells what has come over targets, one event after the other, for as
// long as the daemon runs. Nothing waits for it. What was not told when the
// daemon ends is told by the next one.
func (d *Daemon) alarm() {
	a := &alarms{told: d.loadAlarms(), since: map[string]time.Time{}}
	for {
		notify := d.notifier()
		again := time.Duration(0)
		if notify != nil {
			again = d.tellDue(a, notify)
		}
		var timer <-chan time.Time
		if again > 0 {
			timer = time.After(again)
		}
		select {
		case <-d.ctx.Done():
			return
		case <-d.moved:
			if wait(d.ctx, gatherPause) != nil {
				return
			}
		case <-timer:
		}
	}
}

// notifier returns who is to be told by the config in use; nil: nobody.
func (d *Daemon) notifier() func(context.Context, Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.notify
}

func (d *Daemon) loadAlarms() map[string][]EventKind {
	if d.o.Alarms == nil {
		return map[string][]EventKind{}
	}
	told, err := d.o.Alarms.Load()
	if err != nil {
		d.log.Warn("what was told before is not known, and told again", zap.Error(err))
	}
	if told == nil {
		told = map[string][]EventKind{}
	}
	return told
}

// tellDue tells what is due and keeps on record that it was. An event that
// could not be delivered counts as told: whoever delivers it has tried. One that
// is on its way when the daemon ends has the time of a look to arrive.
func (d *Daemon) tellDue(a *alarms, notify func(context.Context, Event) error) (again time.Duration) {
	events, again := a.due(d.Views(), d.o.Now())
	for _, e := range events {
		if d.ctx.Err() != nil {
			return 0
		}
		err := notify(d.working(), e)
		if err != nil && d.working().Err() != nil {
			return 0
		}
		if err != nil {
			d.log.Warn("nobody could be told", zap.String("event", string(e.Kind)), zap.String("targets", strings.Join(limited(e.Targets), ", ")), zap.Error(err))
		}
		a.mark(e)
		if d.o.Alarms == nil {
			continue
		}
		if err := d.o.Alarms.Save(maps.Clone(a.told)); err != nil {
			d.log.Warn("the next daemon will tell it again", zap.String("event", string(e.Kind)), zap.Error(err))
		}
	}
	return again
}
