package watcher

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

func TestSyncMany(t *testing.T) {
	r := newRig(t, map[string]string{"f": ""}, Root{})
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			name := r.path(fmt.Sprint("n", i))
			if err := os.WriteFile(name, nil, 0o644); err != nil {
				t.Error(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := r.w.Sync(ctx); err != nil {
				t.Error(err)
			}
			if !r.h.Pending() {
				t.Error("what was written before Sync is not pending after it")
			}
		})
	}
	all.Wait()
	if list, err := os.ReadDir(r.w.options.Probe); err != nil || len(list) > 0 {
		t.Errorf("probes that are left: %v, %v", list, err)
	}
	r.must(os.RemoveAll(r.w.options.Probe))
	r.sync()
	r.must(os.Rename(r.w.options.Probe, r.w.options.Probe+".away"))
	r.sync()
	if r.w.Health().LastProbe.IsZero() {
		t.Error("health does not tell of a probe")
	}
}

// TestSyncOverflow loses the event of a probe.
func TestSyncOverflow(t *testing.T) {
	f := newFake()
	w := newTestWatcher(t, func(w *Watcher) {
		w.open = func() (source, error) { return source{f, f.events, f.errs}, nil }
	})
	running(t, w)
	probes := func(n int) []string {
		for {
			list, _ := filepath.Glob(filepath.Join(w.options.Probe, probePrefix+"*"))
			if len(list) >= n {
				return list
			}
			time.Sleep(time.Millisecond)
		}
	}
	done := make(chan error, 1)
	go func() { done <- w.Sync(t.Context()) }()
	first := probes(1)[0]
	f.errs <- fsnotify.ErrEventOverflow
	for {
		if list := probes(1); list[0] != first {
			f.events <- fsnotify.Event{Name: list[0], Op: fsnotify.Create}
			break
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
