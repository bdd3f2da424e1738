package watcher

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testSettle is longer than any pause within a script on a busy machine.
const testSettle = 150 * time.Millisecond

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// rig is a running watcher on real files.
type rig struct {
	*testing.T
	w   *Watcher
	dir string // the root of h
	h   *Watch
}

// tempDir is a temporary directory by its real name.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func newTestWatcher(t testing.TB, change ...func(*Watcher)) *Watcher {
	t.Helper()
	w, err := New(Options{Probe: filepath.Join(tempDir(t), "state"), Now: time.Now, PollEvery: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	w.pace.lost, w.pace.beat, w.pace.overflow = 20*time.Millisecond, 50*time.Millisecond, 20*time.Millisecond
	for _, f := range change {
		f(w)
	}
	return w
}

// running runs w until the test ends. Run waits for all goroutines, so that it
// returns is the check for leaks.
func running(t testing.TB, w *Watcher) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not return")
		}
	})
}

// newRig watches a new directory that holds files and waits for the start.
func newRig(t *testing.T, files map[string]string, root Root, change ...func(*Watcher)) *rig {
	t.Helper()
	r := &rig{T: t, dir: root.Dir}
	if r.dir == "" {
		r.dir = filepath.Join(tempDir(t), "root")
	}
	root.Dir = r.dir
	if root.Settle == 0 {
		root.Settle = testSettle
	}
	r.mkdir("")
	for name, data := range files {
		r.write(name, data)
	}
	r.w = newTestWatcher(t, change...)
	running(t, r.w)
	r.h = r.add(root)
	r.want(r.h, Started)
	return r
}

func (r *rig) add(root Root) *Watch {
	r.Helper()
	h, err := r.w.Add(root)
	if err != nil {
		r.Fatal(err)
	}
	return h
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, filepath.FromSlash(name)) }

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) write(name, data string) {
	r.Helper()
	r.mkdir(filepath.Dir(name))
	r.must(os.WriteFile(r.path(name), []byte(data), 0o644))
}

func (r *rig) mkdir(name string)                { r.Helper(); r.must(os.MkdirAll(r.path(name), 0o755)) }
func (r *rig) remove(name string)               { r.Helper(); r.must(os.Remove(r.path(name))) }
func (r *rig) removeAll(name string)            { r.Helper(); r.must(os.RemoveAll(r.path(name))) }
func (r *rig) rename(from, to string)           { r.Helper(); r.must(os.Rename(r.path(from), r.path(to))) }
func (r *rig) link(target, at string)           { r.Helper(); r.must(os.Symlink(target, r.path(at))) }
func (r *rig) chmod(name string, m os.FileMode) { r.Helper(); r.must(os.Chmod(r.path(name), m)) }

// next waits for a batch.
func (r *rig) next(h *Watch) Batch {
	r.Helper()
	select {
	case b := <-h.Batches():
		return b
	case <-time.After(patience):
		r.Fatalf("no batch came; pending %v, health %+v, watched %q", h.Pending(), h.Health(), r.watched())
		return Batch{}
	}
}

// want waits for a batch with a reason.
func (r *rig) want(h *Watch, why Reason) Batch {
	r.Helper()
	b := r.next(h)
	if b.Why != why || b.Paths != nil || b.First.IsZero() {
		r.Fatalf("batch is %s, want %q", text(b), why)
	}
	return b
}

// quiet waits until nothing is pending and returns the batches until then.
func (r *rig) quiet(h *Watch) (list []Batch) {
	r.Helper()
	end := time.After(patience)
	r.sync()
	if h.Health().Mode == Poll {
		for now := time.Now(); h.Health().LastLook.Before(now); {
			time.Sleep(time.Millisecond)
		}
	}
	for h.Pending() {
		select {
		case b := <-h.Batches():
			list = append(list, b)
		case <-time.After(time.Millisecond):
		case <-end:
			r.Fatalf("still pending; batches so far %v, health %+v", list, h.Health())
		}
	}
	return list
}

func (r *rig) sync() {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.must(r.w.Sync(ctx))
}

// wantBatches compares what comes until all is quiet, one line a batch.
func (r *rig) wantBatches(h *Watch, want ...string) {
	r.Helper()
	var got []string
	for _, b := range r.quiet(h) {
		got = append(got, text(b))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("batches (-want +got):\n%s", diff)
	}
}

// text writes a batch on one line: "+new *modified -removed" or "[reason]".
func text(b Batch) string {
	if b.Why != "" {
		return "[" + string(b.Why) + "]"
	}
	var words []string
	for _, c := range b.Paths {
		words = append(words, map[Op]string{Created: "+", Modified: "*", Removed: "-"}[c.Op]+c.Path)
	}
	return strings.Join(words, " ")
}

// watched returns the directories that the system watches, relative to the
// root of the rig where they lie in it, without that of the probes.
func (r *rig) watched() []string {
	r.w.table.mu.Lock()
	defer r.w.table.mu.Unlock()
	var list []string
	for _, dir := range r.w.table.notifier.WatchList() {
		if dir == r.w.table.pinned {
			continue
		}
		if rel, ok := within(dir, r.dir); ok {
			dir = orDot(rel)
		}
		list = append(list, dir)
	}
	slices.Sort(list)
	return list
}

// wantWatched compares the watch list, which may take a moment to be right.
func (r *rig) wantWatched(want ...string) {
	r.Helper()
	var diff string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if diff = cmp.Diff(want, r.watched()); diff == "" {
			return
		}
	}
	r.Errorf("watched directories (-want +got):\n%s", diff)
}
