package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"assetsync/diff"
	"assetsync/manifest"
)

// Promotion is a version of a target's asset in one environment, to be
// published in another; see [Options].
type Promotion struct {
	Env     string
	Version int32
	Bundle  manifest.Bundle
	Lacks   manifest.UnknownSet // what the version holds beside it, and nobody can hold
}

// String is what people call it.
func (p Promotion) String() string { return fmt.Sprintf("version %d of %s", p.Version, p.Env) }

// Promotion reads a version of the asset, 0 is the newest, and changes
// nothing. It fails when the target has no asset here.
func (e *Engine) Promotion(ctx context.Context, version int32) (p Promotion, res Result) {
	res = e.do(ctx, "push", Consent{}, func(ctx context.Context, r *run) error {
		snap, err := r.source.scan(ctx)
		if err != nil && !errors.Is(err, errSourceMissing) {
			return err
		}
		id, err := r.resolve(ctx, snap)
		if err != nil {
			return err
		}
		if id == "" {
			return usage(fmt.Sprintf("publish it there first: assetsync --env %s push %s", r.EnvName, r.Target.Name),
				"target %s has no asset in %s, so that there is nothing to promote", r.Target.Name, r.EnvName)
		}
		obs, err := r.version(ctx, id, version)
		if err != nil {
			return err
		}
		r.res.ObservedVersion, r.res.Version = obs.version, obs.version
		p = Promotion{Env: r.EnvName, Version: obs.version, Lacks: obs.side.Unknown}
		p.Bundle, err = r.fullBundle(ctx, id, obs)
		return err
	})
	return p, res
}

// promoted is a source in another environment. What the target's ignore rules
// match is nobody's there, too.
type promoted struct {
	source // of the target: its ignore rules count
	from   Promotion
	target Target
	single bool // the type has one file

	left   []manifest.Path // out of the last scan, by the ignore rules
	traced bool
	commit string // that publishes the same, in hex; "" when none is known
}

func (p *promoted) scan(ctx context.Context) (manifest.Snapshot, error) {
	local, err := p.source.scan(ctx)
	if err != nil && !errors.Is(err, errSourceMissing) {
		return manifest.Snapshot{}, fmt.Errorf("read ignore rules: %w", err)
	}
	snap := manifest.Snapshot{Ignore: local.Ignore, Unknown: p.from.Lacks}
	if snap.Ignore == nil {
		if snap.Ignore, err = manifest.NewIgnore(p.target.Ignore); err != nil {
			return snap, fmt.Errorf("read ignore rules: %w", err)
		}
	}
	p.left = nil
	snap.Tree = p.from.Bundle.Tree().Filter(func(e manifest.Entry) bool {
		out := snap.Ignore.Ignored(e.Path)
		if p.single {
			out = e.Path != p.mainFile()
		}
		if out {
			p.left = append(p.left, e.Path)
		}
		return !out
	})
	return snap, nil
}

func (p *promoted) read(_ context.Context, e manifest.Entry) ([]byte, error) {
	data, ok := p.from.Bundle.Blob(e.ID)
	if !ok {
		return nil, fmt.Errorf("read %s of %s: %w", e.Path, p.from, fs.ErrNotExist)
	}
	return data, nil
}

func (p *promoted) readMain(context.Context) ([]byte, error) {
	data, ok := p.from.Bundle.Content(p.mainFile())
	if !ok {
		return nil, fmt.Errorf("read %s of %s: %w", p.mainFile(), p.from, fs.ErrNotExist)
	}
	return data, nil
}

// revision is the commit that is promoted, where one is known.
func (p *promoted) revision() string {
	if p.commit != "" {
		return p.commit
	}
	return lineOf(p.target)
}

// trace says what is promoted, and finds the commit that it comes from.
func (r *run) trace(ctx context.Context, p *promoted, snap manifest.Snapshot) error {
	r.res.From = fmt.Sprintf("%s@%d", p.from.Env, p.from.Version)
	if !p.traced && r.Repo != nil {
		var err error
		if p.commit, err = r.commitOf(ctx, p, snap.Tree); err != nil {
			return err
		}
	}
	p.traced = true
	from := p.from.String()
	if p.commit != "" {
		from += fmt.Sprintf(" (commit %.7s)", p.commit)
	}
	r.note("what counts here is %s, not the directory", from)
	if p.commit == "" && r.Repo != nil {
		r.note("no commit holds %s, so whether what is live is newer cannot be told", p.from)
	}
	if len(p.left) > 0 {
		r.note("left out, because the ignore rules match: %s", some(p.left))
	}
	var lacks []string
	for _, u := range p.from.Lacks {
		lacks = append(lacks, fmt.Sprintf("%s is left out: it %s", shownName(u.Path), u.Reason))
	}
	r.noteSome(lacks, "files are left out")
	return nil
}

// commitOf returns the newest commit that publishes what is promoted, on the
// line that the target comes from. That git does not tell is a note.
func (r *run) commitOf(ctx context.Context, p *promoted, tree manifest.Tree) (string, error) {
	rev := lineOf(r.Target)
	l, err := r.lineage(ctx, rev)
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case err != nil:
		r.note("which commit %s comes from cannot be told: %v", p.from, err)
		return "", nil
	}
	content := map[manifest.ID][]byte{}
	for e := range tree.All() {
		content[e.ID], _ = p.from.Bundle.Blob(e.ID)
	}
	points, err := r.pointsOf(ctx, rev, l, []manifest.Tree{tree}, observation{content: content})
	if err != nil || len(points[0]) == 0 {
		return "", err
	}
	return points[0][0].Newest, nil
}

// promotesOlder stops a promotion of a commit that is older than what is live:
// the other environment may just be behind. Without a base on record, derive
// does.
func (r *run) promotesOlder(ctx context.Context, snap manifest.Snapshot, obs observation) error {
	p, ok := r.source.(*promoted)
	onRecord := r.knownAsset.Version != 0 || len(r.knownAsset.Base) > 0
	if !ok || p.commit == "" || !onRecord || len(differing(snap, obs)) == 0 {
		return nil
	}
	sent := obs
	sent.side.Tree = r.sentFor(obs.side.Tree)
	_, err := r.behindLive(ctx, r.commits(snap), snap, sent, diff.Push)
	return err
}
