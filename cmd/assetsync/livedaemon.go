package main

import (
	"context"
	"slices"

	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
)

// Live implements [daemon.Options]: what nothing has changed for is told from
// memory.
func (f *fleet) Live(ctx context.Context, results []assetsync.Result) map[string]daemon.Live {
	f.mu.Lock()
	targets, env := f.targets, f.sessions[len(f.sessions)-1].env.Name
	f.mu.Unlock()
	asked := slices.Clone(results)
	for i := range asked {
		asked[i].Notes = nil // so that those on it are found
	}
	f.liveMu.Lock()
	defer f.liveMu.Unlock()
	if f.live == nil {
		f.live = assetsync.NewLiveCache(nil, "")
	}
	told, known := map[string]daemon.Live{}, byName(targets)
	for _, found := range f.addLive(ctx, f.live, env, targets, asked) {
		told[found.Target] = daemon.Live{Commit: found.Live, Rev: known[found.Target].Rev, Notes: found.Notes}
	}
	return told
}

// liveAnswered adds to what a daemon's status found which commits are live, as
// withLive does, and returns the lines on it for people.
func liveAnswered(results []assetsync.Result, live map[string]daemon.Live) (found []statusTarget, lines map[string]string) {
	found, lines = make([]statusTarget, len(results)), map[string]string{}
	for i, r := range results {
		l := live[r.Target]
		found[i] = statusTarget{Result: r, Live: l.Commit}
		if len(l.Notes) > 0 {
			found[i].Notes = slices.Concat(r.Notes, l.Notes)
		}
		if line := liveLine(found[i], l.Rev); line != "" {
			lines[r.Target] = line
		}
	}
	return found, lines
}
