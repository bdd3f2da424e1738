package watcher

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"
)

// fake is a notifier that tells what the test says. The files are real.
type fake struct {
	events chan fsnotify.Event
	errs   chan error
	mu     sync.Mutex
	list   map[string]bool
	refuse func(dir string) error
}

func newFake() *fake {
	return &fake{events: make(chan fsnotify.Event), errs: make(chan error), list: make(map[string]bool)}
}

func (f *fake) Add(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse != nil {
		if err := f.refuse(dir); err != nil {
			return err
		}
	}
	f.list[dir] = true
	return nil
}

func (f *fake) Remove(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.list[dir] {
		return fsnotify.ErrNonExistentWatch
	}
	delete(f.list, dir)
	return nil
}

func (f *fake) WatchList() (list []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for dir := range f.list {
		list = append(list, dir)
	}
	return list
}

func (f *fake) Close() error {
	close(f.events)
	close(f.errs)
	return nil
}

// bubble is a watcher in a synctest bubble, where time passes by itself.
type bubble struct {
	*testing.T
	w    *Watcher
	f    *fake
	dir  string
	h    *Watch
	wall time.Duration // how far the wall clock is off
	from time.Time
	mu   sync.Mutex
	got  []string // "<ms since from> <batch>"
}

// inBubble runs a test with a root that holds "f".
func inBubble(t *testing.T, root Root, test func(b *bubble)) {
	t.Helper()
	dir := tempDir(t)
	if err := os.WriteFile(filepath.Join(dir, "f"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		b := &bubble{T: t, f: newFake(), dir: dir}
		var err error
		b.w, err = New(Options{Now: func() time.Time {
			b.mu.Lock()
			defer b.mu.Unlock()
			return time.Now().Add(b.wall)
		}})
		if err != nil {
			t.Fatal(err)
		}
		b.w.open = func() (source, error) { return source{b.f, b.f.events, b.f.errs}, nil }
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() {
			if err := b.w.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		root.Dir = dir
		if b.h, err = b.w.Add(root); err != nil {
			t.Fatal(err)
		}
		b.from = time.Now()
		all.Go(func() {
			for {
				select {
				case batch := <-b.h.Batches():
					b.mu.Lock()
					b.got = append(b.got, fmt.Sprintf("%d %s", time.Since(b.from).Milliseconds(), text(batch)))
					b.mu.Unlock()
				case <-ctx.Done():
					return
				}
			}
		})
		synctest.Wait()
		b.want("0 [started]")
		test(b)
		cancel()
		all.Wait()
	})
}

func (b *bubble) tell(op fsnotify.Op, name string) {
	b.f.events <- fsnotify.Event{Name: filepath.Join(b.dir, name), Op: op}
}

// want compares the batches since the last call, and starts the time anew.
func (b *bubble) want(want ...string) {
	b.Helper()
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if diff := cmp.Diff(want, b.got); diff != "" {
		b.Errorf("batches (-want +got):\n%s", diff)
	}
	b.got, b.from = nil, time.Now()
}

func TestLoopSettles(t *testing.T) {
	inBubble(t, Root{}, func(b *bubble) {
		b.tell(fsnotify.Write, "f")
		synctest.Wait()
		if !b.h.Pending() {
			b.Error("not pending after an event")
		}
		time.Sleep(90 * time.Millisecond)
		b.tell(fsnotify.Write, "f")
		time.Sleep(time.Second)
		b.want("190 *f")
		if b.h.Pending() {
			b.Error("pending after all is told")
		}
		if got := b.h.Health().LastEvent; time.Since(got) != time.Second {
			b.Errorf("last event is %v ago", time.Since(got))
		}
	})
}

func TestLoopLongestWait(t *testing.T) {
	inBubble(t, Root{}, func(b *bubble) {
		for range 120 {
			b.tell(fsnotify.Write, "f")
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Second)
		b.want("5000 *f", "6050 *f")
	})
}

func TestLoopIdleSettle(t *testing.T) {
	inBubble(t, Root{Settle: 10 * time.Second, MaxWait: time.Minute}, func(b *bubble) {
		b.tell(fsnotify.Write, "f")
		time.Sleep(9 * time.Second)
		if err := os.Remove(filepath.Join(b.dir, "f")); err != nil {
			b.Fatal(err)
		}
		b.tell(fsnotify.Remove, "f")
		time.Sleep(20 * time.Second)
		b.want("19000 -f")
	})
}

// TestLoopRootGone takes the root away without a word before a batch is due.
func TestLoopRootGone(t *testing.T) {
	inBubble(t, Root{}, func(b *bubble) {
		b.tell(fsnotify.Write, "f")
		synctest.Wait()
		if err := os.Rename(b.dir, b.dir+".away"); err != nil {
			b.Fatal(err)
		}
		time.Sleep(time.Second)
		b.want("600 [root-lost]")
		if got := len(b.f.WatchList()); got != 0 {
			b.Errorf("%d directories are watched", got)
		}
		time.Sleep(time.Hour) // nothing is to be done but to look for it
		if err := os.Rename(b.dir+".away", b.dir); err != nil {
			b.Fatal(err)
		}
		b.want()
		time.Sleep(2 * time.Second)
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.got) != 1 || !strings.HasSuffix(b.got[0], " [root-back]") {
			b.Errorf("batches %q, want root-back", b.got)
		}
	})
}

func TestLoopDropsAttributes(t *testing.T) {
	inBubble(t, Root{}, func(b *bubble) {
		b.tell(fsnotify.Chmod, "f")
		synctest.Wait()
		if b.h.Pending() {
			b.Error("an attribute is pending")
		}
		time.Sleep(time.Second)
		b.want()
	})
}

func TestLoopTimed(t *testing.T) {
	inBubble(t, Root{}, func(b *bubble) {
		time.Sleep(15*time.Minute + time.Second)
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.got) != 1 || !strings.HasSuffix(b.got[0], " [timed]") {
			b.Errorf("batches in 15 minutes: %q, want one timed", b.got)
		}
	})
}

func TestLoopClock(t *testing.T) {
	for _, test := range []struct {
		jump time.Duration
		want []string
	}{
		{time.Second, nil},
		{-time.Second, nil},
		{time.Hour, []string{"5100 [clock-jumped]"}},
		{-time.Hour, []string{"5100 [clock-jumped]"}},
	} {
		inBubble(t, Root{}, func(b *bubble) {
			b.mu.Lock()
			b.wall = test.jump
			b.mu.Unlock()
			time.Sleep(20 * time.Second)
			b.want(test.want...)
		})
	}
}

func TestLoopOverflow(t *testing.T) {
	inBubble(t, Root{}, func(b *bubble) {
		// A directory whose event is lost.
		if err := os.MkdirAll(filepath.Join(b.dir, "d/e"), 0o755); err != nil {
			b.Fatal(err)
		}
		b.f.errs <- fsnotify.ErrEventOverflow
		time.Sleep(500 * time.Millisecond)
		b.want("100 [overflowed]")
		list := b.f.WatchList()
		slices.Sort(list)
		if diff := cmp.Diff([]string{b.dir, b.dir + "/d", b.dir + "/d/e"}, list); diff != "" {
			b.Errorf("watched (-want +got):\n%s", diff)
		}
		if got := b.w.Health().Overflows; got != 1 {
			b.Errorf("%d overflows", got)
		}
		// Over and over: the watches are set anew once a second at most.
		for range 1000 {
			b.f.errs <- fsnotify.ErrEventOverflow
		}
		time.Sleep(5 * time.Second)
		b.want("600 [overflowed]")
	})
}

// TestLoopMerges leaves batches lying: there is one, and it says all.
func TestLoopMerges(t *testing.T) {
	dir := tempDir(t)
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		w, err := New(Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		w.open = func() (source, error) { return source{f, f.events, f.errs}, nil }
		ctx, cancel := context.WithCancel(context.Background())
		var all sync.WaitGroup
		all.Go(func() { _ = w.Run(ctx) })
		h, err := w.Add(Root{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		<-h.Batches()
		for _, name := range []string{"a", "b", "a"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			f.events <- fsnotify.Event{Name: filepath.Join(dir, name), Op: fsnotify.Create}
			time.Sleep(time.Second)
			if !h.Pending() {
				t.Error("a batch that was not taken is not pending")
			}
		}
		if got := text(<-h.Batches()); got != "+a +b" {
			t.Errorf("batch is %q", got)
		}
		if h.Pending() {
			t.Error("pending after the batch was taken")
		}
		// A batch that comes to nothing is withdrawn.
		for _, op := range []fsnotify.Op{fsnotify.Create, fsnotify.Remove} {
			name := filepath.Join(dir, "c")
			if op == fsnotify.Create {
				err = os.WriteFile(name, nil, 0o644)
			} else {
				err = os.Remove(name)
			}
			if err != nil {
				t.Fatal(err)
			}
			f.events <- fsnotify.Event{Name: name, Op: op}
			time.Sleep(time.Second)
		}
		select {
		case b := <-h.Batches():
			t.Errorf("a batch that says nothing: %v", b)
		default:
		}
		if h.Pending() {
			t.Error("pending although all is nothing")
		}
		cancel()
		all.Wait()
	})
}

// TestLimits lets the system refuse watches.
func TestLimits(t *testing.T) {
	for _, test := range []struct {
		err         error
		want, raise string
	}{
		{syscall.ENOSPC, "watch", "sysctl fs.inotify.max_user_watches="},
		{syscall.EMFILE, "open files", "ulimit -n "},
		{syscall.ENFILE, "open files", "sysctl fs.file-max="},
	} {
		if runtime.GOOS != "linux" {
			test.raise = ""
		}
		t.Run(test.err.Error(), func(t *testing.T) {
			var refuse sync.Map
			r := &rig{T: t, dir: tempDir(t)}
			r.write("d/a", "a")
			r.w = newTestWatcher(t, func(w *Watcher) {
				w.open = func() (source, error) {
					s, err := newSource()
					s.notifier = refusing{s.notifier, &refuse}
					return s, err
				}
			})
			running(t, r.w)
			r.h = r.add(Root{Dir: r.dir, Settle: testSettle})
			r.want(r.h, Started)
			refuse.Store(r.path("n"), test.err)
			r.mkdir("n")
			r.want(r.h, FellBack)
			h := r.h.Health()
			if h.Mode != Poll || !strings.Contains(h.Why, test.want) || !strings.Contains(h.Why, test.raise) {
				t.Errorf("health is %+v", h)
			}
			r.wantWatched()
			r.write("n/m/x", "x")
			r.wantBatches(r.h, "+n/m/x")
			r.write("n/m/x", "changed")
			r.wantBatches(r.h, "*n/m/x")
			// Another root still has events; one that starts on the limit polls.
			other := r.add(Root{Dir: filepath.Join(r.dir, "d"), Settle: testSettle})
			r.want(other, Started)
			if got := other.Health().Mode; got != Native {
				t.Errorf("the other root's mode is %q", got)
			}
			third := r.add(Root{Dir: filepath.Join(r.dir, "n"), Settle: testSettle})
			r.want(third, FellBack)
			if got := third.Health().Mode; got != Poll {
				t.Errorf("the third root's mode is %q", got)
			}
		})
	}
}

// refusing is the real notifier, but for some directories.
type refusing struct {
	notifier
	dirs *sync.Map
}

func (r refusing) Add(dir string) error {
	if err, ok := r.dirs.Load(dir); ok {
		return err.(error)
	}
	return r.notifier.Add(dir)
}

// TestNoEvents has a system without any instance left.
func TestNoEvents(t *testing.T) {
	r := newRigWith(t, func(w *Watcher) {
		w.open = func() (source, error) { return source{}, os.NewSyscallError("inotify_init1", syscall.EMFILE) }
	})
	if h := r.h.Health(); h.Mode != Poll || h.Why == "" {
		t.Errorf("health is %+v", h)
	}
	if r.w.Health().Trouble == "" {
		t.Error("the watcher's health does not say it")
	}
	if err := r.w.Sync(t.Context()); err == nil {
		t.Error("Sync says that events are delivered")
	}
	r.write("f", "f")
	if got := text(r.next(r.h)); got != "+f" {
		t.Errorf("batch is %q", got)
	}
}

func newRigWith(t *testing.T, change func(*Watcher)) *rig {
	t.Helper()
	return newRig(t, nil, Root{Dir: tempDir(t)}, change)
}

// TestHungEvents has a system that takes watches and tells nothing.
func TestHungEvents(t *testing.T) {
	f := newFake()
	w := newTestWatcher(t, func(w *Watcher) {
		w.open = func() (source, error) { return source{f, f.events, f.errs}, nil }
	})
	running(t, w)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := w.Sync(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "events are not delivered") {
		t.Errorf("Sync: %v", err)
	}
	list, err := os.ReadDir(w.options.Probe)
	if err != nil || len(list) > 0 {
		t.Errorf("probes that are left: %v, %v", list, err)
	}
}
