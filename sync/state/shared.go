package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// yieldWait is how long new looks wait for the running ones to end when
	// another process wants the file: it waits 2 seconds (lockTimeout), and a
	// look that has not ended by then hangs.
	yieldWait = time.Second

	// yieldPause is how long the file then stays closed. bbolt tries the lock
	// each 50 ms (flockRetryTimeout), so who waits gets a try into it.
	yieldPause = 75 * time.Millisecond
)

// Shared lends one open state to many looks of a process and gives the file
// back between them, so that other processes work beside a process that runs
// for weeks. The file is open while a look has it. When another process waits
// for it in [Open], new looks wait up to a second for the running ones to end,
// and the file is closed for 75 ms; while a look hangs it stays open, and the
// others go on. It is safe for concurrent use.
type Shared struct {
	path  string
	owner Owner

	mu      sync.Mutex
	db      *DB           // nil: closed
	closed  chan struct{} // closed when db is
	users   int           // looks that have db
	opening *opening      // not nil while a look opens the file
	yield   span          // while new looks wait for the running ones
	pause   span          // while the file is closed for others
}

// opening is one attempt to open the file. All who wait for it share its
// error, so that none waits for the lock longer than Open does.
type opening struct {
	done chan struct{}
	err  error // once done
}

// NewShared returns a Shared of the state at path. It opens nothing yet;
// owner is who other processes are told holds the file while it is open.
func NewShared(path string, owner Owner) *Shared { return &Shared{path: path, owner: owner} }

// Acquire lends the state to a look, which gives it back by one [Shared.Release]
// and does not close it. The first one opens the file; its errors are those
// of [Open], and looks that came meanwhile get the same. Waiting ends with ctx,
// except that an attempt to open takes its 2 seconds.
func (s *Shared) Acquire(ctx context.Context) (*DB, error) {
	for {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait for state: %w", context.Cause(ctx))
		}
		s.mu.Lock()
		if one := s.opening; one != nil {
			s.mu.Unlock()
			if waitFor(ctx, one.done, nil); isDone(one.done) && one.err != nil {
				return nil, one.err
			}
			continue
		}
		either, or := s.next()
		switch {
		case either != nil:
			s.mu.Unlock()
			waitFor(ctx, either, or)
		case s.db != nil:
			defer s.mu.Unlock()
			s.users++
			return s.db, nil
		default:
			return s.open()
		}
	}
}

// next returns what a new look has to wait for, either or; nothing when it may
// have the open file, or open the closed one.
func (s *Shared) next() (either, or <-chan struct{}) {
	if s.yield.over() && wantOf(s.path).take() {
		if s.db == nil {
			s.pause = begin(yieldPause)
		} else {
			s.yield = begin(yieldWait)
		}
	}
	switch {
	case s.db == nil && !s.pause.over():
		return s.pause.done, nil
	case s.db != nil && !s.yield.over():
		return s.closed, s.yield.done
	}
	return nil, nil
}

// open opens the file for one look. The caller holds the lock, which goes
// while the file's is waited for.
func (s *Shared) open() (*DB, error) {
	one := &opening{done: make(chan struct{})}
	s.opening = one
	s.mu.Unlock()
	db, err := Open(s.path, s.owner)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.opening, one.err = nil, err
	close(one.done)
	if err != nil {
		return nil, err
	}
	s.db, s.users, s.closed = db, 1, make(chan struct{})
	return db, nil
}

// Release gives back what one Acquire lent; the last one closes the file. Its
// error is that of [DB.Close].
func (s *Shared) Release() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 {
		return errors.New("release state: it is not lent")
	}
	if s.users--; s.users > 0 {
		return nil
	}
	err := s.db.Close()
	close(s.closed)
	s.db = nil
	if !s.yield.over() {
		s.yield, s.pause = span{}, begin(yieldPause)
	}
	return err
}

// span is a length of time; the zero span is over.
type span struct{ done <-chan struct{} }

// begin begins a span. It needs no end: it is forgotten when it is over.
func begin(d time.Duration) span {
	done := make(chan struct{})
	time.AfterFunc(d, func() { close(done) })
	return span{done}
}

func (s span) over() bool { return s.done == nil || isDone(s.done) }

func isDone(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// waitFor waits for either channel or for ctx; a nil channel never comes.
func waitFor(ctx context.Context, either, or <-chan struct{}) {
	select {
	case <-either:
	case <-or:
	case <-ctx.Done():
	}
}
