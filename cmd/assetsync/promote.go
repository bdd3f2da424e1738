package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	assetsync "assetsync/sync"
)

// notPromoted are flags of a push that say otherwise what is published, or what
// it is compared with.
var notPromoted = append([]string{"base", "rev", "changed-since"}, directFlags...)

// promote publishes in the environment of the invocation what another one has.
// A daemon has no part in it: what it publishes is the directory.
func (a *app) promote(ctx context.Context, cmd *cobra.Command, args []string, from string, o assetsync.PushOptions, verify bool) error {
	for _, name := range notPromoted {
		if cmd.Flags().Changed(name) {
			return usageError(nil, "leave out one of the two", "--from and --%s exclude each other: --from says what is published, and git or the state what it is compared with", name)
		}
	}
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	source, version, err := a.parseFrom(config, from)
	if err != nil {
		return err
	}
	if version > 0 {
		o.Consent.Rollback = true // who names a version means that one
	}
	so, left, err := a.publishable(ctx, config, sessionOptions{args: args, allowMissing: true, writes: !o.DryRun})
	if err != nil {
		return err
	}
	if !left {
		return a.showNothing()
	}
	promoted, results, err := source.promotions(ctx, config, so, version)
	if err != nil {
		return err
	}
	if len(promoted) == 0 {
		return a.show(a.envName, results, false)
	}
	so.promoted = promoted
	s, err := a.openWith(ctx, config, so)
	if err != nil {
		return err
	}
	pushed := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		return pushVerified(ctx, e, o, verify)
	})
	for i, r := range results {
		if j := slices.IndexFunc(pushed, func(p assetsync.Result) bool { return p.Target == r.Target }); j >= 0 {
			results[i] = pushed[j]
		}
	}
	if !o.DryRun {
		err = a.settleHook(s.dir, s.env.Name, pushed)
	}
	err = errors.Join(s.finish(results, false), err)
	a.sayPins(s.env, s.targets, results, false)
	return err
}

// parseFrom reads ENV or ENV@VERSION. It returns an invocation in that
// environment, which is another one than that of a.
func (a *app) parseFrom(config *Config, from string) (*app, int32, error) {
	to, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return nil, 0, err
	}
	a.envName = to.Name
	name, version, err := splitEnvironment(config, "--from "+quoted(from), from)
	if err != nil {
		return nil, 0, err
	}
	if name == to.Name {
		return nil, 0, usageError(nil, "an older version comes back with pull --version, then push", "--from %s: that is the environment to publish in", quoted(from))
	}
	source := *a
	source.envName = name
	return &source, version, nil
}

// promotions reads versions of targets, 0 is the newest, and closes the session
// that it takes. It returns also the results of reading, which are those of a
// target that cannot be promoted.
func (a *app) promotions(ctx context.Context, config *Config, so sessionOptions, version int32) (map[string]assetsync.Promotion, []assetsync.Result, error) {
	so.ownAccount, so.writes = so.writes, false // what is read is about to be written
	s, err := a.openWith(ctx, config, so)
	if err != nil {
		return nil, nil, fmt.Errorf("read %s: %w", a.envName, err)
	}
	if version > 0 && len(s.targets) != 1 {
		return nil, nil, s.abort(usageError(nil, "name one target", "--from %s@%d is of one target, and there are %d", a.envName, version, len(s.targets)))
	}
	var mu sync.Mutex
	promoted := map[string]assetsync.Promotion{}
	results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		p, res := e.Promotion(ctx, version)
		mu.Lock()
		defer mu.Unlock()
		if res.Error != nil {
			return assetsync.Failure(e.Target.Name, res.Error) // its asset is not that of the envelope's environment
		}
		promoted[e.Target.Name] = p
		return res
	})
	return promoted, results, s.close()
}
