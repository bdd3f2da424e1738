package sync

import (
	"context"
	"path/filepath"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/sync/state"
)

// catchUpCommits is how many commits back a content is looked for that was on
// the remote when this machine looked last: what people take over from each
// other lies among the newest, and the walk takes some milliseconds.
const catchUpCommits = 1_000

// catchUp advances the recorded base where git knows more: what somebody else
// published from commits that lead to what is published here is not the
// remote's change any more, but one that the local side has taken, as after a
// fast-forward. Where the histories do not tell, the record stands.
func (r *run) catchUp(ctx context.Context, id string, commits *commitLine, paths []manifest.Path, obs observation) error {
	if obs.version == r.knownAsset.Version && !r.tookOver(ctx, commits.snap, obs) {
		return nil
	}
	if commits.find(ctx) != nil {
		return ctx.Err() // the record stands
	}
	versions, cut, err := r.versionedSides(ctx, id, obs)
	if remote.IsKind(err, remote.KindAccessDenied, remote.KindNotFound) {
		return nil // the record stands
	}
	if err != nil {
		return err
	}
	h, d, err := r.compare(ctx, commits, diff.Histories{Remote: versions, RemoteCut: cut}, paths, obs)
	if err != nil {
		return err
	}
	for _, p := range paths {
		derived, told := d.Base[p]
		if !told {
			continue
		}
		pair, err := r.asRead(p, derived, h.Remote, versions, obs)
		if err != nil {
			return err
		}
		from, differs := d.From[p]
		if !differs { // the service made what is there of what is here
			r.setPair(p, state.Pair(pair))
			continue
		}
		live := sameEntry(pair.Remote, obs.side.Tree.Get(p)) && !obs.side.Unknown.Has(p)
		if from <= r.knownAsset.Version && !live {
			continue
		}
		follows, err := r.followsRecord(ctx, p, derived.Local, commits, versions, cut)
		if err != nil {
			return err
		}
		if follows {
			r.setPair(p, state.Pair(pair))
		}
	}
	return nil
}

// followsRecord reports whether a content came after the recorded base of a
// path. One that came before it was gone back to, by somebody in the web app:
// that is a change there. Where no commit holds the base, as when saves are
// published, or a commit was amended, the versions tell: all of them, or nothing
// is told.
func (r *run) followsRecord(ctx context.Context, p manifest.Path, content *manifest.Entry, commits *commitLine, versions []diff.Versioned, cut bool) (bool, error) {
	base := r.knownAsset.Base.Get(p)
	local, err := commits.all(ctx)
	if err != nil {
		return false, err
	}
	holds := func(e *manifest.Entry) func(diff.Committed) bool {
		return func(c diff.Committed) bool { return !c.Unknown.Has(p) && sameEntry(c.Tree.Get(p), e) }
	}
	if i := slices.IndexFunc(local, holds(base.Local)); i >= 0 {
		return slices.ContainsFunc(local[i+1:], holds(content)), nil
	}
	seen := false // among the versions before the base, or at it
	for i, v := range slices.Backward(versions) {
		if sameEntry(v.Side.Tree.Get(p), base.Remote) {
			seen = true
			versions = versions[:i]
			break
		}
	}
	return seen && !cut && !slices.ContainsFunc(versions, func(v diff.Versioned) bool {
		return v.Side.Unknown.Has(p) || sameEntry(v.Side.Tree.Get(p), content)
	}), nil
}

// tookOver reports whether a change of the remote that was seen before, and
// not taken, has come to be in the commits since.
func (r *run) tookOver(ctx context.Context, snap manifest.Snapshot, obs observation) bool {
	return slices.ContainsFunc(diff.Two(obs.side.Tree, snap.Tree), func(c diff.Change) bool {
		if sameEntry(c.Old, r.knownAsset.Base.Get(c.Path).Remote) {
			return false // no change of the remote
		}
		if c.Path == r.source.mainFile() || r.Target.Text == manifest.TextLF {
			return true // what is there need not be what was committed: the whole look tells
		}
		file := r.Target.Path
		if !r.kind.SingleFile {
			file = filepath.Join(file, filepath.FromSlash(string(c.Path)))
		}
		line, err := r.Repo.Line(ctx, r.revision(), file, catchUpCommits)
		return err == nil && wasCommitted(c.Old, line)
	})
}

// wasCommitted reports whether a line of commits has held an entry, or has
// lost the file where there is none.
func wasCommitted(e *manifest.Entry, line gitrepo.Line) bool {
	return slices.ContainsFunc(line.Points, func(p gitrepo.Point) bool {
		if e == nil {
			return p.Object == "" && p != line.Points[len(line.Points)-1]
		}
		return p.Object == e.ID.String()
	})
}
