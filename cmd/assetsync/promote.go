package main

import (
	"cmp"
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
	config, so, results, err := a.fromElsewhere(ctx, cmd, args, from, !o.DryRun, &o.Consent)
	if err != nil {
		return err
	}
	if len(so.promoted) == 0 {
		return a.show(a.envName, results, false)
	}
	s, err := a.openWith(ctx, config, so)
	if err != nil {
		return err
	}
	pushed := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		return pushVerified(ctx, e, o, verify)
	})
	results = replaced(results, pushed)
	if !o.DryRun {
		err = a.settleHook(s.dir, s.env.Name, pushed)
	}
	err = errors.Join(s.finish(results, false), err)
	a.sayPins(s.env, s.targets, results, false)
	return err
}

// replaced are results, but for those of which there are newer ones.
func replaced(results, newer []assetsync.Result) []assetsync.Result {
	out := slices.Clone(results)
	for i, r := range out {
		if j := slices.IndexFunc(newer, func(n assetsync.Result) bool { return n.Target == r.Target }); j >= 0 {
			out[i] = newer[j]
		}
	}
	return out
}

// fromElsewhere reads what --from names. The session that is to be made has what
// can be promoted, of which there may be nothing; the results are those of reading.
func (a *app) fromElsewhere(ctx context.Context, cmd *cobra.Command, args []string, from string, writes bool, allowed *assetsync.Consent) (config *Config, so sessionOptions, results []assetsync.Result, err error) {
	for _, name := range notPromoted {
		if cmd.Flags().Changed(name) {
			return nil, so, nil, usageError(nil, "leave out one of the two", "--from and --%s exclude each other: --from says what is published, and git or the state what it is compared with", name)
		}
	}
	if config, err = a.loadConfig(); err != nil {
		return nil, so, nil, err
	}
	source, version, err := a.parseFrom(config, from)
	if err != nil {
		return nil, so, nil, err
	}
	if version > 0 {
		allowed.Rollback = true // who names a version means that one
	}
	so, left, err := a.publishable(ctx, config, sessionOptions{args: args, allowMissing: true, writes: writes})
	if err != nil || !left {
		return config, so, []assetsync.Result{}, err
	}
	so.promoted, results, err = source.promotions(ctx, config, so, version, nil)
	return config, so, results, err
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

// promotions reads a version of each target, the newest where none is named, and
// closes the session that it takes. A version is that of the only target, or one of
// those by target. It returns also the results of reading, which are those of a
// target that cannot be promoted.
func (a *app) promotions(ctx context.Context, config *Config, so sessionOptions, version int32, versions map[string]int32) (map[string]assetsync.Promotion, []assetsync.Result, error) {
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
		p, res := e.Promotion(ctx, cmp.Or(versions[e.Target.Name], version))
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
