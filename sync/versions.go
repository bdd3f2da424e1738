package sync

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
)

// VersionReport is one version in a log.
type VersionReport struct {
	Version   int32          `json:"version"`
	CreatedAt time.Time      `json:"created_at"`
	By        string         `json:"by"`                // "this machine" or "somebody else"
	Changes   []ChangeReport `json:"changes,omitempty"` // to the version before it, where both were read
	Known     bool           `json:"known"`             // both were read, so Changes is complete

	// Commits are those of the target's source that publish what the version
	// holds, whoever published it: the newest, one for each time that it came
	// to be so. MoreCommits counts the others.
	Commits     []CommitReport `json:"commits,omitempty"`
	MoreCommits int            `json:"more_commits,omitempty"`
}

// Log returns the newest versions of the asset, newest first, at most limit.
// It reads the content of those that history lacks. In a git repository it
// names the commits that they come from.
func (e *Engine) Log(ctx context.Context, limit int) (log []VersionReport, res Result) {
	res = e.do(ctx, "log", Consent{}, func(ctx context.Context, r *run) error {
		snap, err := r.scan(ctx)
		if err != nil {
			return err
		}
		id, err := r.mustResolve(ctx, snap)
		if err != nil {
			return err
		}
		list, err := r.listVersions(ctx, id)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			r.res.Version = *list[len(list)-1].Version
		}
		shown := list[max(0, len(list)-limit):]
		trees, err := r.treesOf(ctx, id, list[max(0, len(list)-limit-1):])
		if err != nil {
			return err
		}
		for _, v := range shown {
			log = append(log, r.describe(v, trees))
		}
		slices.Reverse(log)
		return r.nameCommits(ctx, log, trees)
	})
	return log, res
}

// treesOf returns the trees of versions, and keeps those in history that it
// had to read. One that cannot be read has none, and unless it is gone a note
// says so.
func (r *run) treesOf(ctx context.Context, id string, list []remote.AssetVersionMetadata) (map[int32]manifest.Tree, error) {
	trees := map[int32]manifest.Tree{}
	var unread []string
	defer func() { r.noteSome(unread, "versions cannot be read") }()
	for _, v := range list {
		number := *v.Version
		bundle, ok, err := r.History.Get(ctx, r.historyKey(), id, int(number))
		if err := r.tellDamage(err); err != nil {
			return nil, err
		}
		if ok {
			trees[number] = bundle.Tree()
			continue
		}
		obs, err := r.version(ctx, id, number)
		if remote.IsKind(err, remote.KindNotFound) {
			continue
		}
		if err != nil && ctx.Err() == nil && isOfOneVersion(unreadVersion{err}) {
			unread = append(unread, fmt.Sprintf("version %d cannot be read: %v", number, err))
			continue
		}
		if err != nil {
			return nil, err
		}
		trees[number] = obs.side.Tree
		if err := r.remember(ctx, obs, !slices.Contains(r.knownAsset.Own, number)); err != nil {
			return nil, err
		}
	}
	return trees, nil
}

func (r *run) describe(v remote.AssetVersionMetadata, trees map[int32]manifest.Tree) VersionReport {
	number := *v.Version
	out := VersionReport{Version: number, By: maker(!slices.Contains(r.knownAsset.Own, number))}
	if v.CreatedAt != nil {
		out.CreatedAt = *v.CreatedAt
	}
	now, ok := trees[number]
	then, okThen := trees[number-1]
	if out.Known = ok && (okThen || number == 1); out.Known {
		out.Changes = reportChanges(diff.Two(then, now))
	}
	return out
}

// Revision returns the content that a name stands for: "local", "base",
// "remote" (the newest version), or the number of a version.
func (e *Engine) Revision(ctx context.Context, name string) (bundle manifest.Bundle, res Result) {
	res = e.do(ctx, "diff", Consent{}, func(ctx context.Context, r *run) (err error) {
		snap, err := r.scan(ctx)
		if err != nil {
			return err
		}
		if name == "local" {
			bundle, err = readAll(ctx, r.source, snap.Tree)
			return err
		}
		id, err := r.resolve(ctx, snap)
		if err != nil || id == "" {
			return err // no asset yet: it holds nothing
		}
		if name == "base" {
			bundle, err = r.baseBundle(ctx, id)
			return err
		}
		var version int32
		if name != "remote" {
			n, err := strconv.ParseInt(name, 10, 32)
			if err != nil || n < 1 {
				return usage("use local, base, remote or the number of a version, for example: assetsync diff 3..local", "%q is no revision", name)
			}
			version = int32(n)
		}
		obs, err := r.version(ctx, id, version)
		if err != nil {
			return err
		}
		// What the ignore rules leave alone is no difference.
		obs.side.Tree = obs.side.Tree.Filter(func(e manifest.Entry) bool { return snap.Ignore == nil || !snap.Ignore.Ignored(e.Path) })
		if bundle, err = r.fullBundle(ctx, id, obs); err == nil && name == "remote" {
			bundle, err = r.inForm(bundle, snap.Tree)
		}
		return err
	})
	return bundle, res
}

// baseBundle returns the local side of the base.
func (r *run) baseBundle(ctx context.Context, id string) (manifest.Bundle, error) {
	files := map[manifest.Path][]byte{}
	for p, pair := range r.knownAsset.Base {
		if pair.Local == nil {
			continue
		}
		data, ok, err := r.History.Blob(pair.Local.ID)
		if err == nil && !ok {
			data, err = r.readFile(ctx, id, r.knownAsset.Version, p)
		}
		if err != nil {
			return manifest.Bundle{}, fmt.Errorf("read base: %w", err)
		}
		if manifest.BlobID(data) != pair.Local.ID {
			data = r.Target.Text.Canonical(data) // the remote side, read in the place of ours
		}
		files[p] = data
	}
	return manifest.NewBundle(files)
}

// fullBundle returns every byte of an observed version.
func (r *run) fullBundle(ctx context.Context, id string, obs observation) (manifest.Bundle, error) {
	files := map[manifest.Path][]byte{}
	for e := range obs.side.Tree.All() {
		data, err := r.remoteContent(ctx, id, obs, e)
		if err != nil {
			return manifest.Bundle{}, err
		}
		files[e.Path] = data
	}
	return manifest.NewBundle(files)
}
