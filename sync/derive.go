package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/assettype"
	"assetsync/sync/state"
)

const (
	// deriveVersions is how many versions back a base is looked for: each
	// that history lacks is one call.
	deriveVersions = 20

	// deriveCommits is how many commits back it is looked for, and forward
	// for what supersedes them. Walking so many takes some milliseconds, and
	// only those that changed the target are read.
	deriveCommits = 10_000
)

// derive finds a base where none is recorded: on a machine without state, as
// in a pipeline. What both sides hold alike is settled whatever the histories
// say, so it looks at them only when something differs.
func (r *run) derive(ctx context.Context, id string, snap manifest.Snapshot, obs observation, policy diff.Policy) error {
	switch {
	case r.Repo == nil || !differs(snap, obs):
		return nil
	case r.knownAsset.Version != 0 || len(r.knownAsset.Base) > 0:
		return r.catchUp(ctx, id, snap, obs)
	}
	rev := r.revision()
	line, err := r.Repo.Line(ctx, rev, r.Target.Path, deriveCommits)
	if errors.Is(err, gitrepo.ErrObjectMissing) && policy.Prefer == diff.Neither {
		return &Error{
			Kind: KindConflict, Err: err,
			Message: fmt.Sprintf("older commits cannot be read, so that nobody can tell who changed what: %v", err),
			Hint:    "fetch all of them (git fetch --refetch --no-filter in a partial clone), name the version that yours was made from with --base N, or say whose counts with --prefer local or remote",
		}
	}
	if err != nil {
		r.note("what was published from which commit cannot be told: %v", err)
		return nil // equality alone counts, as outside of git
	}
	local, err := r.committedTrees(ctx, line, snap)
	if err != nil {
		return err
	}
	versions, cut, err := r.versionedSides(ctx, id, obs)
	if err != nil {
		return err
	}
	held := slices.Clone(versions)
	if err := r.asSent(ctx, rev, local, versions, obs); err != nil {
		return err
	}
	if policy.Direction != diff.Pull {
		sent := obs
		sent.side = versions[len(versions)-1].Side
		if stop, err := r.behindLive(ctx, rev, local, snap, sent, policy.Direction); stop || err != nil {
			return err
		}
	}
	d := diff.Derive(diff.Histories{Local: local, Remote: versions, LocalCut: !line.Complete, RemoteCut: cut})
	if len(d.Untold) > 0 && !line.Complete && policy.Prefer == diff.Neither {
		return &Error{
			Kind:    KindConflict,
			Message: fmt.Sprintf("the history of the clone is cut off, so that nobody can tell who changed %s", some(d.Untold)),
			Hint:    "fetch all of it (fetch-depth: 0 in a CI checkout; git fetch --unshallow), name the version that yours was made from with --base N, or say whose counts with --prefer local or remote",
		}
	}
	if gone := onlyHere(d.Untold, snap, obs); len(gone) > 0 && cut && policy.Prefer == diff.Neither {
		return &Error{
			Kind:    KindConflict,
			Message: fmt.Sprintf("no version that can be told apart holds %s: it may have been deleted there", some(gone)),
			Hint:    "name the version that yours was made from with --base N, or say whose counts with --prefer local or remote",
		}
	}
	if lost := unreadable(d.Untold, local[:len(local)-1]); len(lost) > 0 && policy.Prefer == diff.Neither {
		return &Error{
			Kind:    KindConflict,
			Message: fmt.Sprintf("older commits cannot be read, so that nobody can tell who changed %s", some(lost)),
			Hint:    "fetch all of them (git fetch --refetch --no-filter in a partial clone), name the version that yours was made from with --base N, or say whose counts with --prefer local or remote",
		}
	}
	r.knownAsset.Base = make(map[manifest.Path]state.Pair, len(d.Base))
	for p, pair := range d.Base {
		if pair, err = r.asRead(p, pair, versions, held, obs); err != nil {
			return err
		}
		if pair != (diff.Pair{}) {
			r.knownAsset.Base[p] = state.Pair(pair)
		}
	}
	r.note("nothing is on record here: what changed on which side was told by the commits and the versions")
	return nil
}

// asRead returns a derived pair with the remote side as the service made it of
// what was sent. sent and held are the versions, after and before [run.asSent].
func (r *run) asRead(p manifest.Path, pair diff.Pair, sent, held []diff.Versioned, obs observation) (diff.Pair, error) {
	got := obs.side.Tree.Get(p)
	if got == nil || !sameEntry(pair.Remote, sent[len(sent)-1].Side.Tree.Get(p)) {
		return pair, nil
	}
	local, err := r.published(held, obs, pair.Local, got)
	return diff.Pair{Local: local, Remote: got}, err
}

// unreadable returns the paths that are unknown in a commit.
func unreadable(paths []manifest.Path, commits []diff.Committed) []manifest.Path {
	return slices.DeleteFunc(slices.Clone(paths), func(p manifest.Path) bool {
		return !slices.ContainsFunc(commits, func(c diff.Committed) bool { return c.Unknown.Has(p) })
	})
}

// onlyHere returns the paths that the remote lacks.
func onlyHere(paths []manifest.Path, snap manifest.Snapshot, obs observation) []manifest.Path {
	return slices.DeleteFunc(slices.Clone(paths), func(p manifest.Path) bool {
		return snap.Tree.Get(p) == nil || obs.side.Tree.Get(p) != nil || obs.side.Unknown.Has(p)
	})
}

// differs reports whether anything is to be told at all.
func differs(snap manifest.Snapshot, obs observation) bool {
	return slices.ContainsFunc(diff.Two(obs.side.Tree, snap.Tree), func(c diff.Change) bool {
		ignored := snap.Ignore != nil && snap.Ignore.Ignored(c.Path)
		return !ignored && !snap.Unknown.Has(c.Path) && !obs.side.Unknown.Has(c.Path)
	})
}

// revision is the commit that the local side is, or comes from.
func (r *run) revision() string {
	switch s := r.source.(type) {
	case *committed:
		if s.commit != nil {
			return s.commit.ID()
		}
	case *promoted:
		return s.revision()
	}
	return "HEAD"
}

// committedTrees returns the trees of a line of commits, oldest first, and what
// is to be published as the last.
func (r *run) committedTrees(ctx context.Context, line gitrepo.Line, snap manifest.Snapshot) ([]diff.Committed, error) {
	var trees []diff.Committed
	for _, p := range slices.Backward(line.Points) {
		tree, err := r.treeAt(ctx, p)
		if err != nil {
			return nil, err
		}
		trees = append(trees, diff.Committed{Tree: tree.Tree, Unknown: tree.Unknown, At: p.At})
	}
	if n := len(trees); n == 0 || len(trees[n-1].Unknown)+len(snap.Unknown) > 0 || !trees[n-1].Tree.Equal(snap.Tree) {
		trees = append(trees, diff.Committed{Tree: snap.Tree, Unknown: snap.Unknown, At: r.started}) // not committed yet
	}
	return trees, nil
}

// treeAt returns the published form of the target in a commit. What cannot be
// read of it is unknown: one old commit stops nothing, and lacks nothing.
func (r *run) treeAt(ctx context.Context, p gitrepo.Point) (manifest.Snapshot, error) {
	if p.Object == "" {
		return manifest.Snapshot{}, nil
	}
	commit, err := (&committed{directory: r.dir, repo: r.Repo, rev: p.Commit}).open(ctx)
	switch {
	case ctx.Err() != nil:
		return manifest.Snapshot{}, ctx.Err()
	case err != nil:
		return manifest.Snapshot{Unknown: manifest.UnknownSet{{Below: true, Reason: err.Error()}}}, nil
	}
	return commit.Snapshot(), nil
}

// versionedSides returns the newest versions of the asset, oldest first. One
// that is gone meanwhile is left out. Cut says that there were earlier ones.
func (r *run) versionedSides(ctx context.Context, id string, newest observation) (sides []diff.Versioned, cut bool, err error) {
	list, err := r.listVersions(ctx, id)
	if err != nil {
		return nil, false, err
	}
	cut = len(list) > deriveVersions || len(list) == 0 || *list[0].Version > 1
	list = list[max(0, len(list)-deriveVersions):]
	for _, v := range list {
		if *v.Version >= newest.version {
			break // below; later ones came after the look
		}
		one := diff.Versioned{Number: *v.Version}
		one.Side, err = r.sideOf(ctx, id, *v.Version)
		if remote.IsKind(err, remote.KindNotFound) {
			sides, cut = nil, true // what came before does not tell what comes after
			continue
		}
		if err != nil {
			return nil, false, err
		}
		if v.CreatedAt != nil {
			one.At = *v.CreatedAt
		}
		sides = append(sides, one)
	}
	return append(sides, diff.Versioned{Number: newest.version, Side: newest.side, At: madeAt(list, newest)}), cut, nil
}

// mostSent is how many contents of one file are compared with what the service
// may have made of them.
const mostSent = 100

// asSent puts into versions, for what the service rewrote, what was sent.
func (r *run) asSent(ctx context.Context, rev string, local []diff.Committed, versions []diff.Versioned, obs observation) error {
	commit, err := (&committed{directory: r.dir, repo: r.Repo, rev: rev}).open(ctx)
	if err != nil {
		commit = nil // not in the commit: what is published tells
	}
	known := map[manifest.Entry]manifest.Entry{}
	for i, v := range versions {
		var entries []manifest.Entry
		for e := range v.Side.Tree.All() {
			sent, ok := known[e]
			if !ok {
				sent = r.sentAs(ctx, e, local, obs, commit)
				known[e] = sent
			}
			entries = append(entries, sent)
		}
		if versions[i].Side.Tree, err = manifest.NewTree(entries...); err != nil {
			return fmt.Errorf("compare versions with commits: %w", err)
		}
	}
	return nil
}

// sentAs returns the newest content of a file that the service may have made
// e of, and e when there is none.
func (r *run) sentAs(ctx context.Context, e manifest.Entry, local []diff.Committed, obs observation, commit *gitrepo.Commit) manifest.Entry {
	seen := map[manifest.ID]bool{}
	var sent []manifest.Entry
	for _, c := range slices.Backward(local) {
		switch got := c.Tree.Get(e.Path); {
		case got == nil || seen[got.ID]:
		case got.ID == e.ID:
			return e
		default:
			seen[got.ID] = true
			sent = append(sent, *got)
		}
	}
	read, ok, err := r.blob(obs, e.ID)
	if err != nil || !ok {
		return e
	}
	form := manifest.BlobID(r.Target.Text.Canonical(read))
	if i := slices.IndexFunc(sent, func(s manifest.Entry) bool { return s.ID == form }); i >= 0 {
		return sent[i]
	}
	for _, s := range sent[:min(len(sent), mostSent)] {
		data, err := r.source.read(ctx, s)
		if err != nil && commit != nil {
			data, err = commit.Read(s)
		}
		if err == nil && assettype.Same(r.kind, e.Path, data, read) {
			return s
		}
	}
	return e
}

// published returns what was sent when the service held got: local, or got
// itself where local is no more than its form and no version ever held that.
// Then it was sent before files had this form.
func (r *run) published(versions []diff.Versioned, obs observation, local, got *manifest.Entry) (*manifest.Entry, error) {
	if local == nil || r.Target.Text != manifest.TextLF || slices.ContainsFunc(versions, func(v diff.Versioned) bool {
		return sameEntry(v.Side.Tree.Get(local.Path), local)
	}) {
		return local, nil
	}
	form, err := r.formOf(obs, got.ID)
	if err == nil && form == local.ID {
		return got, nil
	}
	return local, err
}

// madeAt returns when the newest version was made; a listing may lag behind.
func madeAt(list []remote.AssetVersionMetadata, newest observation) time.Time {
	for _, v := range list {
		if *v.Version == newest.version && v.CreatedAt != nil {
			return *v.CreatedAt
		}
	}
	return newest.updatedAt
}

// sideOf reads a version that is not the newest, from history where that has
// it.
func (r *run) sideOf(ctx context.Context, id string, number int32) (diff.Side, error) {
	bundle, ok, err := r.History.Get(ctx, r.historyKey(), id, int(number))
	if err := r.tellDamage(err); err != nil {
		return diff.Side{}, err
	}
	if ok {
		return diff.Side{Tree: bundle.Tree()}, nil
	}
	obs, err := r.version(ctx, id, number)
	if err != nil {
		return diff.Side{}, err
	}
	return obs.side, r.remember(ctx, obs, true)
}

// behindLive stops a run whose commit is older than what is live, as a job that
// ends late or runs again: publishing it would undo the newer one. With
// consent, all that is live is what it goes back from.
func (r *run) behindLive(ctx context.Context, rev string, local []diff.Committed, snap manifest.Snapshot, obs observation, direction diff.Direction) (bool, error) {
	later, err := r.Repo.Later(ctx, rev, r.Target.Path, deriveCommits)
	if err != nil { // what is known counts all the same
		r.note("whether a newer commit is live cannot be told for sure: %v", err)
	}
	for _, p := range later {
		tree, err := r.treeAt(ctx, p)
		if err != nil {
			return false, err
		}
		if tree.Tree.Equal(snap.Tree) || !r.isLive(tree, obs) || earlierIsLive(p, local, obs) {
			continue
		}
		if r.consent.Rollback {
			r.setBase(obs)
			return true, nil
		}
		message := fmt.Sprintf("superseded by %.7s: that newer commit is what is live as version %d", p.Commit, obs.version)
		if direction != diff.Push {
			r.note("%s", message)
			return false, nil
		}
		r.res.Guard = GuardRollback
		return true, &Error{Kind: KindConflict, Message: message, Hint: "there is nothing to do, unless you want to go back: allow that with --rollback"}
	}
	return false, nil
}

// isLive reports whether the asset holds what a commit publishes; files that
// the commit ignores are nobody's.
func (r *run) isLive(commit manifest.Snapshot, obs observation) bool {
	if len(commit.Unknown) > 0 {
		return false
	}
	return commit.Tree.Equal(obs.side.Tree.Filter(func(e manifest.Entry) bool {
		if r.kind.SingleFile {
			return e.Path == r.source.mainFile()
		}
		return commit.Ignore == nil || !commit.Ignore.Ignored(e.Path)
	}))
}

// earlierIsLive reports whether the live version is older than a later commit
// and was that of an earlier one, to which the later one goes back.
func earlierIsLive(later gitrepo.Point, local []diff.Committed, obs observation) bool {
	return later.At.After(obs.updatedAt) && slices.ContainsFunc(local[:len(local)-1], func(c diff.Committed) bool {
		return len(c.Unknown) == 0 && !c.At.After(obs.updatedAt) && c.Tree.Equal(obs.side.Tree)
	})
}

// GuardRollback is the guard that keeps an older commit from being published
// over a newer one.
const GuardRollback = "rollback"
