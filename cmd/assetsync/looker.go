package main

import (
	"context"

	assetsync "assetsync/sync"
)

// looker is the engine of one target in a daemon: it opens the state for each
// look, so that other commands work beside it.
type looker struct {
	*fleet
	session *session
	target  Target
}

func (l *looker) look(ctx context.Context, writes bool, verb func(context.Context, *assetsync.Engine) assetsync.Result) assetsync.Result {
	ctx, cancel := l.within(ctx)
	defer cancel()
	fail := func(err error) assetsync.Result { return assetsync.Failure(l.target.Name, err) }
	if writes {
		if err := l.session.account.check(ctx, l.session.checkAccount); err != nil {
			return fail(err)
		}
	}
	db, err := l.acquire(ctx, l.session)
	if err != nil {
		return fail(err)
	}
	res := func() assetsync.Result {
		engine, err := l.session.engine(l.target, db)
		if err != nil {
			return fail(err)
		}
		return verb(ctx, engine)
	}()
	if err := l.shared.Release(); err != nil && res.Error == nil {
		res.Notes = append(res.Notes, err.Error()) // what was done is on record
	}
	return res
}

// Push implements [daemon.Engine].
func (l *looker) Push(ctx context.Context, o assetsync.PushOptions) assetsync.Result {
	return l.look(ctx, !o.DryRun, func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Push(ctx, o) })
}

// Sync implements [daemon.Engine].
func (l *looker) Sync(ctx context.Context, o assetsync.SyncOptions) assetsync.Result {
	return l.look(ctx, l.target.Direction.Publishes(), func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Sync(ctx, o) })
}

// Status implements [daemon.Engine].
func (l *looker) Status(ctx context.Context) assetsync.Result {
	return l.look(ctx, false, func(ctx context.Context, e *assetsync.Engine) assetsync.Result { return e.Status(ctx) })
}

// Contents implements [daemon.Engine].
func (l *looker) Contents(ctx context.Context, revision string) (files map[string][]byte, res assetsync.Result) {
	res = l.look(ctx, false, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		bundle, res := e.Revision(ctx, revision)
		files = map[string][]byte{}
		for p, data := range bundle.Files() {
			files[string(p)] = data
		}
		return res
	})
	return files, res
}
