package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"assetsync/manifest"
	assetsync "assetsync/sync"
	"assetsync/sync/daemon"
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
func (l *looker) Contents(ctx context.Context, revision string) (out daemon.Contents, res assetsync.Result) {
	rev, ok, err := assetsync.ParseRevision(revision)
	if err != nil || !ok {
		return out, assetsync.Failure(l.target.Name, fmt.Errorf("read revision %q: %w", revision, cmp.Or(err, errNoRevision)))
	}
	res = l.look(ctx, false, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		c, res := e.Revision(ctx, rev)
		out = daemon.Contents{Files: map[string][]byte{}, Metadata: c.Metadata, Owned: c.Owned}
		for p, data := range c.Bundle.Files() {
			out.Files[string(p)] = data
		}
		return res
	})
	return out, res
}

// errNoRevision is a client that speaks another language.
var errNoRevision = errors.New("it is none")

// contentsOf is the way back.
func contentsOf(c daemon.Contents) (assetsync.Contents, error) {
	files := make(map[manifest.Path][]byte, len(c.Files))
	for name, data := range c.Files {
		files[manifest.Path(name)] = data
	}
	bundle, err := manifest.NewBundle(files)
	return assetsync.Contents{Bundle: bundle, Metadata: c.Metadata, Owned: c.Owned}, err
}
