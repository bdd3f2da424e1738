package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/sync/state"
)

// Restore makes a new version with the content that an earlier one has at the
// paths, at all when there are none; a path names a file or all below it. What
// this machine has not seen of the remote's changes there is a conflict.
// Other paths stay, whoever changed them. The preview is one of a dry run.
func (e *Engine) Restore(ctx context.Context, version int32, paths []manifest.Path, o BackOptions) (view Preview, res Result) {
	res = e.do(ctx, verbRestore, o.Consent, func(ctx context.Context, r *run) (err error) {
		r.res.From = fmt.Sprintf("v%d", version)
		view, err = r.takeBack(ctx, o, func(ctx context.Context, id string, snap manifest.Snapshot, obs observation) (earlier, error) {
			return r.findVersion(ctx, id, snap, obs, version, paths, o)
		})
		return err
	})
	return view, res
}

// findVersion is the earlier state that a version has at paths.
func (r *run) findVersion(ctx context.Context, id string, snap manifest.Snapshot, obs observation, version int32, paths []manifest.Path, o BackOptions) (earlier, error) {
	then, metadata, err := r.versionOrKept(ctx, id, obs, version, o)
	if err != nil {
		return earlier{}, err
	}
	in := func(p manifest.Path) bool {
		return len(paths) == 0 || slices.ContainsFunc(paths, func(dir manifest.Path) bool { return p.Under(dir) })
	}
	all := map[manifest.Path]bool{}
	for _, tree := range []manifest.Tree{then.side.Tree, obs.side.Tree} {
		for e := range tree.All() {
			all[e.Path] = in(e.Path)
		}
	}
	out := earlier{
		name: fmt.Sprintf("version %d", version), since: "base", metadata: metadata, done: func() {},
		bytes: func(ctx context.Context, e manifest.Entry) ([]byte, error) { return r.remoteContent(ctx, id, then, e) },
	}
	var unreadable []string
	for _, p := range slices.Sorted(maps.Keys(all)) {
		switch {
		case !all[p]:
		case then.side.Unknown.Has(p):
			unreadable = append(unreadable, fmt.Sprintf("%s stays: it cannot be read of version %d", p, version))
		default:
			out.paths = append(out.paths, diff.Back{Path: p, From: r.seenAt(p, snap), To: then.side.Tree.Get(p)})
		}
	}
	r.noteSome(unreadable, "files stay")
	for _, p := range paths {
		if !slices.ContainsFunc(out.paths, func(b diff.Back) bool { return b.Path.Under(p) }) {
			return earlier{}, usage(fmt.Sprintf("assetsync diff %d..remote %s shows what differs", version, r.Target.Name),
				"%s is neither in version %d nor live", p, version)
		}
	}
	return out, nil
}

// seenAt returns the states of a path that this machine knows of: as both sides
// were settled, as it is here, and as this machine left the remote itself. Of a
// merge that it published it does not know the others' part before that is pulled.
func (r *run) seenAt(p manifest.Path, snap manifest.Snapshot) []*manifest.Entry {
	states := []*manifest.Entry{r.knownAsset.Base.Get(p).Remote}
	if !snap.Unknown.Has(p) && snap.Tree.Len() > 0 {
		states = append(states, snap.Tree.Get(p))
	}
	if c, ok := r.wroteLast(p); ok && c.Local == nil {
		states = append(states, c.New)
	}
	return states
}

// versionOrKept reads a version, from history where the service has it no more,
// and keeps it: a run that dies is told by the bytes that it sent.
func (r *run) versionOrKept(ctx context.Context, id string, newest observation, version int32, o BackOptions) (observation, map[string]any, error) {
	then, err := r.wanted(ctx, id, newest, version)
	if err == nil {
		if o.DryRun || version == newest.version {
			return then, then.metadata, nil
		}
		return then, then.metadata, r.remember(ctx, then, !slices.Contains(r.knownAsset.Own, version))
	}
	if !remote.IsKind(err, remote.KindNotFound, remote.KindValidation) {
		return then, nil, err
	}
	bundle, ok, herr := r.History.Get(ctx, r.historyKey(), id, int(version))
	if herr := r.tellDamage(herr); herr != nil {
		return then, nil, herr
	}
	switch {
	case !ok:
		return then, nil, err
	case o.Metadata:
		return then, nil, usage("leave out --metadata: history keeps files alone", "the service has no version %d any more, so its metadata is not known", version)
	}
	r.note("the service has no version %d any more; it is taken from .assetsync/history.git", version)
	then = observation{version: version, seen: map[manifest.Path]state.Seen{}, content: map[manifest.ID][]byte{}}
	then.side.Tree = bundle.Tree()
	for e := range bundle.Tree().All() {
		then.content[e.ID], _ = bundle.Blob(e.ID)
	}
	return then, nil, nil
}
