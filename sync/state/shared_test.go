package state_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"assetsync/sync/state"
)

var daemon = state.Owner{PID: 4712, Command: "watch", Since: owner.Since}

// The promises of package state that these tests hold it to.
const (
	yieldWait  = time.Second
	yieldPause = 75 * time.Millisecond
	openWait   = 2 * time.Second
)

// sharing is a Shared in a synctest bubble. Another open of the file in the
// same process meets its lock as another process does.
type sharing struct {
	*testing.T
	*state.Shared
	path  string
	begun time.Time
	looks sync.WaitGroup
}

// bubbled runs a test with a clock of its own.
func bubbled(t *testing.T, test func(*sharing)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	synctest.Test(t, func(t *testing.T) {
		s := &sharing{T: t, Shared: state.NewShared(path, daemon), path: path, begun: time.Now()}
		test(s)
		s.looks.Wait()
		if err := open(t, path).Close(); err != nil {
			t.Errorf("the file after the last look: %v", err)
		}
	})
}

func (s *sharing) acquire() *state.DB {
	s.Helper()
	db, err := s.Acquire(s.Context())
	if err != nil {
		s.Errorf("Acquire: %v", err)
	}
	return db
}

func (s *sharing) release() {
	s.Helper()
	if err := s.Release(); err != nil {
		s.Errorf("Release: %v", err)
	}
}

// look has the state for a time.
func (s *sharing) look(d time.Duration) {
	db := s.acquire()
	if _, err := db.Asset(space, "ki-1"); err != nil {
		s.Errorf("read while lent: %v", err)
	}
	time.Sleep(d)
	s.release()
}

// goLook is look beside the caller.
func (s *sharing) goLook(d time.Duration) { s.looks.Go(func() { s.look(d) }) }

// at checks how long the test has run.
func (s *sharing) at(want time.Duration, what string) {
	s.Helper()
	if got := time.Since(s.begun); got != want {
		s.Errorf("%s after %v, want %v", what, got, want)
	}
}

func TestSharedLendsOneOpenState(t *testing.T) {
	bubbled(t, func(s *sharing) {
		first, second := s.acquire(), s.acquire()
		if first != second {
			s.Error("two looks got two open states")
		}
		s.release()
		_, err := state.Open(s.path, owner)
		if !errors.Is(err, state.ErrLocked) || !strings.Contains(err.Error(), "assetsync watch (process 4712,") {
			s.Errorf("Open while a look runs: %v, want ErrLocked with the holder", err)
		}
		s.release()
		s.at(openWait, "only the other Open waited, and it gave up")
	})
}

func TestSharedRefusesASecondRelease(t *testing.T) {
	bubbled(t, func(s *sharing) {
		s.acquire()
		s.release()
		if err := s.Release(); err == nil {
			s.Error("Release without Acquire: no error")
		}
	})
}

// TestSharedLetsOthersIn waits for the file as another process does, while
// looks leave it no gap.
func TestSharedLetsOthersIn(t *testing.T) {
	const period = 40 * time.Millisecond
	for name, last := range map[string]time.Duration{
		"looks that overlap":       5 * period / 2,
		"looks without overlap":    period,
		"gaps too short for all":   period - 5*time.Millisecond,
		"looks of nearly a second": yieldWait - time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			bubbled(t, func(s *sharing) {
				ctx, stop := context.WithCancel(s.Context())
				s.looks.Go(func() {
					for ctx.Err() == nil {
						s.goLook(last)
						time.Sleep(period)
					}
				})
				time.Sleep(100 * time.Millisecond)
				for range 5 {
					start := time.Now()
					db, err := state.Open(s.path, owner)
					if err != nil {
						s.Errorf("after %v: %v", time.Since(start), err)
						break
					}
					if err := db.Close(); err != nil {
						s.Error(err)
					}
				}
				stop()
			})
		})
	}
}

// want says that another process waits for the file.
func (s *sharing) want() {
	s.Helper()
	if err := os.WriteFile(s.path+".wanted", nil, 0o600); err != nil {
		s.Error(err)
	}
}

func TestSharedYields(t *testing.T) {
	bubbled(t, func(s *sharing) {
		s.goLook(100 * time.Millisecond)
		synctest.Wait()
		s.look(0)
		s.at(0, "a look beside another")
		s.want()
		for range 3 {
			s.goLook(time.Millisecond)
		}
		s.look(0)
		s.at(100*time.Millisecond+yieldPause, "a look while the file is wanted")
		s.goLook(time.Minute)
		synctest.Wait()
		s.look(0)
		s.at(100*time.Millisecond+yieldPause, "a look when it is not wanted any more")
	})
}

func TestSharedYieldsTheClosedFile(t *testing.T) {
	bubbled(t, func(s *sharing) {
		s.want()
		s.look(0)
		s.at(yieldPause, "a look while the file is wanted")
		s.look(0)
		s.at(yieldPause, "the next look")
	})
}

func TestSharedGoesOnBesideALookThatHangs(t *testing.T) {
	bubbled(t, func(s *sharing) {
		hung := s.acquire()
		s.want()
		for range 3 {
			s.looks.Go(func() {
				if db := s.acquire(); db != hung {
					s.Error("the file was opened a second time")
				}
				s.at(yieldWait, "a look beside it")
				s.release()
			})
		}
		s.looks.Wait()
		s.look(0)
		s.at(yieldWait, "the next look")
		s.release()
	})
}

func TestSharedWaitEndsWithItsContext(t *testing.T) {
	bubbled(t, func(s *sharing) {
		s.acquire()
		s.want()
		cause := errors.New("asked to end")
		ctx, cancel := context.WithTimeoutCause(s.Context(), 100*time.Millisecond, cause)
		defer cancel()
		if _, err := s.Acquire(ctx); !errors.Is(err, cause) {
			s.Errorf("Acquire while waiting: %v, want %v", err, cause)
		}
		s.at(100*time.Millisecond, "it ended")
		if _, err := s.Acquire(ctx); !errors.Is(err, cause) {
			s.Errorf("Acquire afterwards: %v, want %v", err, cause)
		}
		s.release()
	})
}

// TestSharedFailsAsOpen has several looks wait for one that holds the file.
func TestSharedFailsAsOpen(t *testing.T) {
	bubbled(t, func(s *sharing) {
		other := open(s.T, s.path)
		for i := range 3 {
			s.looks.Go(func() {
				time.Sleep(time.Duration(i) * 500 * time.Millisecond)
				_, err := s.Acquire(s.Context())
				if !errors.Is(err, state.ErrLocked) || !strings.Contains(err.Error(), "assetsync push (process 4711,") {
					s.Errorf("Acquire of a held state: %v, want ErrLocked with the holder", err)
				}
			})
		}
		s.looks.Wait()
		s.at(openWait, "all gave up")
		if err := other.Close(); err != nil {
			s.Fatal(err)
		}
		s.look(0)
	})
}

// TestSharedManyAtOnce is for the race detector.
func TestSharedManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	shared := state.NewShared(path, daemon)
	var looks sync.WaitGroup
	for range 8 {
		looks.Go(func() {
			for range 50 {
				db, err := shared.Acquire(t.Context())
				if err != nil {
					t.Errorf("Acquire: %v", err)
					return
				}
				if _, err := db.Targets(space); err != nil {
					t.Errorf("read while lent: %v", err)
				}
				if err := shared.Release(); err != nil {
					t.Errorf("Release: %v", err)
				}
			}
		})
	}
	looks.Wait()
	if err := open(t, path).Close(); err != nil {
		t.Error(err)
	}
}

// TestSharedBesideAnotherProcess opens the state from a second process while
// looks overlap without end in this one.
func TestSharedBesideAnotherProcess(t *testing.T) {
	if path := os.Getenv("STATE_TEST_OPEN"); path != "" {
		for range 3 {
			if err := open(t, path).Close(); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	path := filepath.Join(t.TempDir(), "state.db")
	shared := state.NewShared(path, daemon)
	ctx, stop := context.WithCancel(t.Context())
	var looks sync.WaitGroup
	for i := range 3 {
		looks.Go(func() {
			time.Sleep(time.Duration(i) * 150 * time.Millisecond) // so that they end at different times
			for ctx.Err() == nil {
				if _, err := shared.Acquire(ctx); err != nil {
					if ctx.Err() == nil {
						t.Errorf("Acquire: %v", err)
					}
					return
				}
				time.Sleep(500 * time.Millisecond)
				if err := shared.Release(); err != nil {
					t.Errorf("Release: %v", err)
				}
			}
		})
	}
	other := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestSharedBesideAnotherProcess$")
	other.Env = append(os.Environ(), "STATE_TEST_OPEN="+path)
	out, err := other.CombinedOutput()
	stop()
	looks.Wait()
	if err != nil {
		t.Errorf("the other process: %v\n%s", err, out)
	}
}
