package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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

// withLive adds to what a status of an environment found which commits are live, as
// git tells. What cannot be told is a note. Answers are kept in home, the directory of the state.
func (a *app) withLive(ctx context.Context, home, env string, targets []Target, results []assetsync.Result) []statusTarget {
	kept := a.keptLive(home)
	defer a.keepLive(home, kept)
	return a.addLive(ctx, kept, env, targets, results)
}

// addLive is withLive with answers that are kept elsewhere.
func (a *app) addLive(ctx context.Context, kept *assetsync.LiveCache, env string, targets []Target, results []assetsync.Result) []statusTarget {
	live := &liveLook{worktreeLook: a.worktrees.look(), kept: kept, env: env, finders: map[*gitrepo.Worktree]*assetsync.LiveFinder{}}
	defer func() {
		for _, f := range live.finders {
			if err := f.Close(); err != nil {
				a.log.Debug("close files of a git repository", zap.Error(err)) // they were only read
			}
		}
	}()
	out := make([]statusTarget, len(results))
	known := byName(targets)
	for i, r := range results {
		out[i].Result = r
		t, ok := known[r.Target]
		if !ok || r.LiveTree == "" {
			continue
		}
		var err error
		if out[i].Live, err = live.of(ctx, t, r); err != nil {
			out[i].Notes = append(slices.Clone(r.Notes), fmt.Sprintf("which commit is live cannot be told: %v", err))
		}
	}
	return out
}

// byName returns targets by their names.
func byName(targets []Target) map[string]Target {
	named := make(map[string]Target, len(targets))
	for _, t := range targets {
		named[t.Name] = t
	}
	return named
}

// liveFile keeps which commits were live: see [assetsync.LiveCache].
func liveFile(home string) string { return filepath.Join(home, "live.cache") }

// keptLive reads what is kept; nothing where that cannot be read.
func (a *app) keptLive(home string) *assetsync.LiveCache {
	data, err := os.ReadFile(liveFile(home))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.log.Debug("read which commits were live", zap.Error(err))
	}
	return assetsync.NewLiveCache(data, thisBuild().userAgent())
}

// keepLive writes what has changed. Where it cannot be written, git is asked again
// the next time.
func (a *app) keepLive(home string, kept *assetsync.LiveCache) {
	data, changed := kept.Bytes()
	if !changed {
		return
	}
	if err := replaceFile(liveFile(home), data); err != nil {
		a.log.Debug("keep which commits were live", zap.Error(err))
	}
}

// liveLook finds what is live of the targets of an environment.
type liveLook struct {
	*worktreeLook
	kept    *assetsync.LiveCache
	env     string
	finders map[*gitrepo.Worktree]*assetsync.LiveFinder // the targets of one repository share one
}

// of returns nil for a target outside of git, and where nothing is committed.
func (l *liveLook) of(ctx context.Context, t Target, r assetsync.Result) (*assetsync.LiveCommit, error) {
	repo, err := l.around(t)
	if err != nil || repo == nil {
		return nil, err
	}
	finder, ok := l.finders[repo]
	if !ok {
		finder = assetsync.NewLiveFinder(repo, l.kept)
		l.finders[repo] = finder
	}
	live, err := finder.Find(ctx, l.env, t, r)
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
	lines, known := map[string]string{}, byName(targets)
	for _, t := range found {
		target, ok := known[t.Target]
		if !ok {
			continue
		}
		if line := liveLine(t, target.Rev); line != "" {
			lines[t.Target] = line
		}
	}
	return lines
}

// liveLine is what people read of one target that publishes a revision; "" where
// nothing is to be said.
func liveLine(t statusTarget, rev string) string {
	text := liveText(t, rev)
	if text == "" {
		return ""
	}
	return "    live: " + text + "\n"
}

// results are the results within found.
func resultsOf(found []statusTarget) []assetsync.Result {
	results := make([]assetsync.Result, len(found))
	for i, t := range found {
		results[i] = t.Result
	}
	return results
}
