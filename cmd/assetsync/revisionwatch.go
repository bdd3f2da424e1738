package main

import (
	"context"
	"sync"
	"time"

	"assetsync/sync/daemon"
	"assetsync/watcher"
)

// revisionPoll is how often a revision is looked at for new targets: as often
// as a daemon looks for commits of those that it has.
const revisionPoll = 2 * time.Second

// revisionWatch tells when a git revision names another commit, which may have
// other targets. It implements [daemon.Watch].
type revisionWatch struct {
	batches chan watcher.Batch
	stop    context.CancelFunc
	polling sync.WaitGroup
}

// watchRevision begins to look at a revision in the repository around dir. A
// repository that cannot be read is one without a commit, until it can.
func watchRevision(trees *worktrees, dir, rev string) daemon.Watch {
	ctx, stop := context.WithCancel(context.Background())
	w := &revisionWatch{batches: make(chan watcher.Batch), stop: stop}
	w.polling.Go(func() { w.poll(ctx, func() string { return commitAt(ctx, trees, dir, rev) }) })
	return w
}

func commitAt(ctx context.Context, trees *worktrees, dir, rev string) string {
	repo, err := trees.must(dir)
	if err != nil {
		return ""
	}
	id, err := repo.Resolve(ctx, rev)
	if err != nil {
		return ""
	}
	return id
}

// poll gives a batch for each change. The first tells that it has begun.
func (w *revisionWatch) poll(ctx context.Context, commit func() string) {
	ticks := time.NewTicker(revisionPoll)
	defer ticks.Stop()
	for known, first := commit(), true; ; first = false {
		now := commit()
		if first || now != known {
			known = now
			select {
			case w.batches <- watcher.Batch{First: time.Now()}:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-ticks.C:
		case <-ctx.Done():
			return
		}
	}
}

// Batches implements [daemon.Watch].
func (w *revisionWatch) Batches() <-chan watcher.Batch { return w.batches }

// Pending implements [daemon.Watch]: a commit is there at once, or is not.
func (w *revisionWatch) Pending() bool { return false }

// Health implements [daemon.Watch].
func (w *revisionWatch) Health() watcher.RootHealth { return watcher.RootHealth{Mode: watcher.Poll} }

// Close implements [daemon.Watch].
func (w *revisionWatch) Close() {
	w.stop()
	w.polling.Wait()
}
