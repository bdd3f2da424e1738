package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"assetsync/watcher"
)

// together runs the parts of a daemon. The first that ends, ends the others:
// what is left of a daemon is none. The first error is the error of all, also
// when a part had ended well by then: one may end because another is about to
// fail.
func together(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, len(parts))
	var running sync.WaitGroup
	for _, part := range parts {
		running.Go(func() {
			defer cancel()
			if err := part(ctx); err != nil && !(ctx.Err() != nil && errors.Is(err, context.Canceled)) {
				failed <- err
			}
		})
	}
	running.Wait()
	close(failed)
	return <-failed
}

// hangTime is how long after its end a watcher may still be busy. A file
// system that hangs keeps it for ever; the daemon has ended by then (9
// seconds), and 10 are promised.
const hangTime = 9500 * time.Millisecond

// watchUntil runs a watcher until ctx ends, and does not wait for one that
// hangs.
func watchUntil(ctx context.Context, w *watcher.Watcher) error {
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	hung := time.NewTimer(hangTime)
	defer hung.Stop()
	select {
	case err := <-done:
		return err
	case <-hung.C:
		return nil
	}
}
