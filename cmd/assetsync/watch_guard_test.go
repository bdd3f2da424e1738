package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"assetsync/sync/daemon"
	"assetsync/watcher"
)

// stateWatch is a watch of the state directory.
type stateWatch struct {
	batches chan watcher.Batch
	mode    watcher.Mode
}

func (w stateWatch) Batches() <-chan watcher.Batch { return w.batches }
func (w stateWatch) Pending() bool                 { return false }
func (w stateWatch) Health() watcher.RootHealth    { return watcher.RootHealth{Mode: w.mode} }
func (w stateWatch) Close()                        {}

// TestGuardState takes away what a daemon is found by. One that was asked to end
// has taken its socket away itself, and does not begin anew for that.
func TestGuardState(t *testing.T) {
	tests := map[string]struct {
		gone  string // "lock", "socket", or nothing
		ended bool
		want  error
	}{
		"all there":                    {},
		"the lock is gone":             {gone: "lock", want: errStateGone},
		"the socket is gone":           {gone: "socket", want: errStateGone},
		"the socket of one that ends":  {gone: "socket", ended: true},
		"the lock of one that ends":    {gone: "lock", ended: true},
		"all there while it is ending": {ended: true},
	}
	ways := map[string]struct {
		mode  watcher.Mode // "": there is no watch
		tells bool
		after time.Duration // the beginning it is found; it is taken away after half a stateEvery
	}{
		"without a watch":                {after: stateEvery},
		"with events":                    {mode: watcher.Native, tells: true, after: stateEvery / 2},
		"with events that do not come":   {mode: watcher.Native, after: stateSeldom},
		"with a watch that polls itself": {mode: watcher.Poll, after: stateEvery},
	}
	for name, tt := range tests {
		for by, way := range ways {
			t.Run(name+", "+by, func(t *testing.T) {
				dir := filepath.Join(t.TempDir(), ".assetsync")
				files := map[string]string{"lock": lockFile(dir), "socket": filepath.Join(dir, "daemon.sock")}
				if err := os.Mkdir(dir, 0o700); err != nil {
					t.Fatal(err)
				}
				for _, file := range files {
					if err := os.WriteFile(file, nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), 3*stateSeldom)
					defer cancel()
					ending, began := make(chan struct{}), time.Now()
					var watch daemon.Watch
					told := stateWatch{make(chan watcher.Batch, 1), way.mode}
					if way.mode != "" {
						watch = told
					}
					got := make(chan error, 1)
					go func() { got <- guardState(ctx, dir, files["socket"], watch, ending) }()
					time.Sleep(stateEvery / 2)
					if tt.ended {
						close(ending)
					}
					if file := files[tt.gone]; file != "" {
						if err := os.Remove(file); err != nil {
							t.Error(err)
						}
						if way.tells {
							told.batches <- watcher.Batch{}
						}
					}
					if err := <-got; !errors.Is(err, tt.want) {
						t.Errorf("got %v, want %v", err, tt.want)
					}
					if after := time.Since(began); tt.want != nil && after != way.after {
						t.Errorf("it is found after %v, want %v", after, way.after)
					}
				})
			})
		}
	}

}
