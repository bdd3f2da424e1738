package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	assetsync "assetsync/sync"
)

// narrow leaves of the targets that a push names those that differ from a
// revision, all of them when the config does. left is false when none does.
func (a *app) narrow(ctx context.Context, config *Config, so sessionOptions, since string) (narrowed sessionOptions, left bool, err error) {
	if strings.Trim(since, "0") == "" && len(since) >= 40 {
		// What GitHub and GitLab name as the commit before a new branch.
		a.say("note: --changed-since names no commit: all targets count")
		return so, true, nil
	}
	if since, err = a.worktrees.commit(ctx, config.Dir, since); err != nil {
		return so, false, err
	}
	changed, err := a.configChanged(ctx, config, since)
	if err != nil {
		return so, false, err
	}
	if changed {
		a.say("note: %s changed since %.7s: all targets count", config.shown(), since)
		return so, true, nil
	}
	targets, err := a.named(ctx, config, so)
	if err != nil {
		return so, false, err
	}
	so.args, err = a.differing(ctx, config, targets, since)
	return so, len(so.args) > 0, err
}

// named finds the targets that a push names.
func (a *app) named(ctx context.Context, config *Config, so sessionOptions) ([]Target, error) {
	rev, err := a.worktrees.commit(ctx, config.Dir, so.rev)
	if err != nil {
		return nil, err
	}
	env, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return nil, err
	}
	x, err := a.worktrees.expand(ctx, config, env, ExpandOptions{AllowMissing: so.allowMissing, Rev: rev})
	if err != nil {
		return nil, err
	}
	return Select(x.Targets, so.args, a.cwd)
}

// differing returns the names of targets that differ from a revision of the
// repository around the config. One in another repository may.
func (a *app) differing(ctx context.Context, config *Config, targets []Target, since string) (names []string, err error) {
	around, err := a.worktrees.must(config.Dir)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		repo, err := a.worktrees.around(t)
		if err == nil && repo == nil {
			err = usageError(nil, "leave out --changed-since", "target %s: %s is in no git repository", t.Name, t.Path)
		}
		if err != nil {
			return nil, err
		}
		if repo != around {
			a.say("note: %s lies in a git repository of its own: it counts as changed", t.Name)
			names = append(names, t.Name)
			continue
		}
		changed, err := assetsync.ChangedSince(ctx, t, repo, since)
		if err != nil {
			return nil, fmt.Errorf("compare target %s with %.7s: %w", t.Name, since, err)
		}
		if changed {
			names = append(names, t.Name)
		}
	}
	return names, nil
}

// nothingChanged ends a push that no target is left of, unless that failed.
func (a *app) nothingChanged(since string, err error) error {
	if err != nil {
		return err
	}
	a.say("note: no target differs from %s; nothing was looked at on the remote", since)
	return a.show(a.envName, []assetsync.Result{}, false)
}

// configChanged reports whether the config is another one than in a revision.
// One that is outside of the repository has no history.
func (a *app) configChanged(ctx context.Context, config *Config, rev string) (bool, error) {
	view, err := a.worktrees.view(ctx, config, rev)
	if err != nil {
		return false, err
	}
	if config.File == "" {
		return false, nil // the command line
	}
	then, err := fs.ReadFile(view, filepath.Base(config.File))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s of %.7s: %w", config.shown(), rev, err)
	}
	return sha256.Sum256(then) != config.digest, nil
}
