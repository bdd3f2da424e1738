package watcher

import (
	"errors"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// maxQueued is how many events wait to be sorted to their roots. It is eight
// times the kernel's own queue (fs.inotify.max_queued_events, 16,384); what
// does not fit is told as an overflow, as the kernel does.
const maxQueued = 128 << 10

// notifier is what is used of an fsnotify.Watcher.
type notifier interface {
	Add(dir string) error
	Remove(dir string) error
	WatchList() []string
	Close() error
}

// source is a notifier with its two channels, which it closes when it ends.
type source struct {
	notifier
	events <-chan fsnotify.Event
	errors <-chan error
}

func newSource() (source, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return source{}, err
	}
	return source{w, w.Events, w.Errors}, nil
}

// queue holds events between the one who reads them and the one who sorts
// them. fsnotify's own goroutine waits until an event or error is read, at
// times with its lock held, so the reader must never wait for that lock, and
// so never adds or removes a watch.
type queue struct {
	mu       sync.Mutex
	events   []fsnotify.Event
	overflow int   // how often events were lost since the last take
	err      error // what else the notifier said
	wake     chan struct{}
}

func newQueue() *queue { return &queue{wake: make(chan struct{}, 1)} }

// read fills the queue until the source closes its channels.
func (q *queue) read(s source) {
	events, errs := s.events, s.errors
	for events != nil || errs != nil {
		select {
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			q.put(e)
		case err, ok := <-errs:
			if !ok {
				errs = nil
				continue
			}
			q.fail(err)
		}
	}
}

func (q *queue) put(e fsnotify.Event) {
	q.mu.Lock()
	if len(q.events) < maxQueued {
		q.events = append(q.events, e)
	} else {
		q.overflow++
		q.events = nil // a look at everything covers them
	}
	q.mu.Unlock()
	q.signal()
}

// fail notes an error. One that is no overflow may still mean lost events: a
// read that failed, on kqueue a directory that could not be listed. Only
// EINVAL does not: inotify says it of a watch that ended by itself before
// fsnotify, told of a rename, could end it.
func (q *queue) fail(err error) {
	if errors.Is(err, syscall.EINVAL) {
		return
	}
	q.mu.Lock()
	if q.overflow++; !errors.Is(err, fsnotify.ErrEventOverflow) {
		q.err = err
	}
	q.mu.Unlock()
	q.signal()
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take empties the queue.
func (q *queue) take() (events []fsnotify.Event, overflow int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	events, overflow, err = q.events, q.overflow, q.err
	q.events, q.overflow, q.err = nil, 0, nil
	return events, overflow, err
}
