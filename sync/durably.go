package sync

import (
	"context"

	"assetsync/manifest"
	"assetsync/manifest/durable"
	"assetsync/manifest/gitrepo"
	"assetsync/sync/state"
)

// What a run makes durable beside files: each is one step, which [Options.Disk]
// sees.

// commitState makes a transaction of the state.
func (r *run) commitState(change func(state.Tx) error) error {
	if err := r.persistBrought(); err != nil {
		return err
	}
	r.recorded = true
	return r.step(durable.Commit, "state", func() error { return r.State.Update(change) })
}

// putVersion makes a version the newest arrival in history, or one that history
// has.
func (r *run) putVersion(ctx context.Context, v gitrepo.Version) error {
	return r.step(durable.Append, "history", func() error {
		_, err := r.History.Put(ctx, r.historyKey(), v)
		return err
	})
}

// keepFile keeps a file in history that is about to be gone elsewhere; why is
// for people.
func (r *run) keepFile(ctx context.Context, p manifest.Path, content []byte, why string) error {
	return r.step(durable.Append, "history", func() error {
		return r.History.Keep(ctx, r.historyKey(), gitrepo.Kept{Path: p, Content: content, Why: why, At: r.Now()})
	})
}

func (r *run) step(step durable.Step, name string, do func() error) error {
	if hook := r.hook(""); hook != nil {
		return hook(durable.Op{Step: step, Name: name}, do)
	}
	return do()
}
