package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"assetsync/manifest/gitrepo"
	assetsync "assetsync/sync"
)

// statusTarget is a target of the envelope of status.
type statusTarget struct {
	assetsync.Result
	Env  string                `json:"env,omitempty"`  // with --env all
	Live *assetsync.LiveCommit `json:"live,omitempty"` // of a target in git
}

// withLive adds to what a status found which commits are live. That is told by
// git here, whoever looked at the remote. What cannot be told is a note.
func (a *app) withLive(ctx context.Context, targets []Target, results []assetsync.Result) []statusTarget {
	out := make([]statusTarget, len(results))
	pasts := map[*gitrepo.Worktree]heldPast{}
	defer func() {
		for _, p := range pasts {
			if err := p.release(); err != nil {
				a.log.Debug("close files of a git repository", zap.Error(err)) // they were only read
			}
		}
	}()
	for i, r := range results {
		out[i].Result = r
		t := slices.IndexFunc(targets, func(t Target) bool { return t.Name == r.Target })
		if t < 0 || r.LiveTree == "" {
			continue
		}
		var err error
		if out[i].Live, err = a.findLive(ctx, pasts, targets[t], r); err != nil {
			out[i].Notes = append(slices.Clone(r.Notes), fmt.Sprintf("which commit is live cannot be told: %v", err))
		}
	}
	return out
}

// heldPast is a reader of a repository whose files are kept open.
type heldPast struct {
	*gitrepo.Past
	release func() error
}

// findLive returns nil for a target outside of git, and where nothing is committed.
// The targets of one run share pasts.
func (a *app) findLive(ctx context.Context, pasts map[*gitrepo.Worktree]heldPast, t Target, r assetsync.Result) (*assetsync.LiveCommit, error) {
	repo, err := a.worktrees.around(t)
	if err != nil || repo == nil {
		return nil, err
	}
	past, ok := pasts[repo]
	if !ok {
		past = heldPast{repo.PastIDs(), repo.Hold()}
		pasts[repo] = past
	}
	live, err := assetsync.FindLive(ctx, repo, past.Past, t, r)
	if t.Rev == "" && errors.Is(err, gitrepo.ErrNoRevision) {
		return nil, nil // nothing was ever committed
	}
	if err != nil {
		return nil, err
	}
	return &live, nil
}

// liveText says which commit is live, "" where nothing is to be said.
func liveText(t statusTarget, rev string) string {
	if rev == "" {
		rev = headRev
	}
	switch live := t.Live; {
	case live == nil:
		return ""
	case live.Commit == "" && live.Cut:
		return "no commit of this clone holds it, which has not all of them"
	case live.Commit == "":
		return "no commit of this branch holds it"
	case live.Ahead == 0:
		return fmt.Sprintf("%s (%.7s)", rev, live.Newest)
	default:
		return fmt.Sprintf("commit %.7s, %s is %s ahead", live.Commit, rev, count(live.Ahead, "commit"))
	}
}

// liveLines are what people read of it, by target.
func liveLines(targets []Target, found []statusTarget) map[string]string {
	lines := map[string]string{}
	for _, t := range found {
		i := slices.IndexFunc(targets, func(one Target) bool { return one.Name == t.Target })
		if i < 0 {
			continue
		}
		if text := liveText(t, targets[i].Rev); text != "" {
			lines[t.Target] = "    live: " + text + "\n"
		}
	}
	return lines
}

// results are the results within found.
func resultsOf(found []statusTarget) []assetsync.Result {
	results := make([]assetsync.Result, len(found))
	for i, t := range found {
		results[i] = t.Result
	}
	return results
}
