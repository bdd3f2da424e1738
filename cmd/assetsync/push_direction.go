package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	assetsync "assetsync/sync"
)

// publishable leaves of the targets that a push names those that it may
// publish: one with direction: pull is refused when it is named, and left out
// with a note where a push is of many. left is false when none is left.
func (a *app) publishable(ctx context.Context, config *Config, so sessionOptions) (narrowed sessionOptions, left bool, err error) {
	pulled := func(t TargetConfig) bool { return !t.directionOf().Publishes() }
	if so.stateless || !slices.ContainsFunc(config.Targets, pulled) {
		return so, true, nil // the session finds the targets
	}
	targets, err := a.named(ctx, config, so)
	if err != nil {
		return so, false, err
	}
	var names, skipped []string
	for _, t := range targets {
		switch {
		case t.Direction.Publishes():
			names = append(names, t.Name)
		case a.isNamed(t, so.args):
			return so, false, usageError(nil, "set direction: both or push to publish it, or leave it out",
				"target %s is only pulled (direction: pull): nothing of it is ever published", t.Name)
		default:
			skipped = append(skipped, t.Name)
		}
	}
	if len(skipped) == 0 {
		return so, true, nil
	}
	a.say("note: %s: not published (direction: pull)", someOf(skipped))
	so.args = names
	return so, len(names) > 0, nil
}

// isNamed reports whether arguments mean a target by its name or by a path in
// it, and not many of which it is one.
func (a *app) isNamed(t Target, args []string) bool {
	return slices.ContainsFunc(args, func(arg string) bool {
		path := a.abs(arg)
		return arg == t.Name || path == t.Path || strings.HasPrefix(path, t.Path+string(filepath.Separator))
	})
}

// showNothing ends a push of which no target is left.
func (a *app) showNothing() error { return a.show(a.envName, []assetsync.Result{}, false) }
