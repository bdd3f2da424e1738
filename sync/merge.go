package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote/assettype"
	"assetsync/sync/state"
)

// mergedFile is what the changes of both sides make together of a file.
type mergedFile struct {
	entry  manifest.Entry
	data   []byte
	local  manifest.Entry // of which it was made
	ours   []byte         // the bytes of local
	remote manifest.Entry // the other side of it
}

// mayMerge reports whether changes of both sides are merged by a plan in a
// direction. Files of the directory are; a revision or a version of another
// environment is published as it is or not at all, and what no record says but
// only the histories tell is no ground to publish what nobody wrote.
func (r *run) mayMerge(policy diff.Policy) bool {
	return !r.unmerged && policy.Prefer == diff.Neither && (policy.Direction == diff.Pull || r.Target.Rev == "" && r.From == nil && r.told == nil)
}

// mergeConflicts merges the files that a plan finds changed on both sides,
// and returns those that merge.
func (r *run) mergeConflicts(ctx context.Context, snap manifest.Snapshot, obs observation, plan diff.Plan) (map[manifest.Path]manifest.Entry, error) {
	r.merged, r.marked = map[manifest.Path]mergedFile{}, map[manifest.Path][]byte{}
	entries := map[manifest.Path]manifest.Entry{}
	for _, c := range plan.Conflicts {
		if c.Base.Local == nil || c.Local == nil || c.Remote == nil || r.knownAsset.Disputes[c.Path].Apart {
			continue
		}
		base, ok := r.baseBytes(ctx, snap, obs, *c.Base.Local)
		if !ok {
			continue
		}
		ours, err := r.source.read(ctx, *c.Local)
		if err != nil {
			return nil, err
		}
		theirs, err := r.remoteContent(ctx, r.res.AssetID, obs, *c.Remote)
		if err != nil {
			return nil, err
		}
		data, ok := r.mergeFile(c.Path, base, ours, theirs)
		form := r.Target.Text.Canonical
		if !ok {
			labels := diff.Labels{Ours: "here", Theirs: fmt.Sprintf("version %d", obs.version)}
			if data, n := diff.MergeMarked(form(base), form(ours), form(theirs), labels); n > 0 {
				r.marked[c.Path] = data
			}
		}
		if ok {
			m := mergedFile{entry: entryOf(c.Path, data), data: data, local: *c.Local, ours: ours, remote: *c.Remote}
			r.merged[c.Path], entries[c.Path] = m, m.entry
		}
	}
	return entries, nil
}

func entryOf(p manifest.Path, data []byte) manifest.Entry {
	return manifest.Entry{Path: p, ID: manifest.BlobID(data), Size: int64(len(data))}
}

// mergeFile merges the contents of one file. It is false where they do not
// merge, or where what they make would not do as the file of its type.
func (r *run) mergeFile(p manifest.Path, base, ours, theirs []byte) ([]byte, bool) {
	form := r.Target.Text.Canonical
	merged, ok := diff.Merge(form(base), form(ours), form(theirs))
	if !ok || len(merged) > r.limits.FileBytes {
		return nil, false
	}
	return merged, p != r.source.mainFile() || r.isSound(p, ours, merged)
}

// isSound reports whether a merged main file is as good as ours was: it says
// what identifies the asset, its frontmatter is YAML still, and for a type of one
// file the metadata that goes with it is that of ours.
func (r *run) isSound(p manifest.Path, ours, merged []byte) bool {
	was, err1 := manifest.NewBundle(map[manifest.Path][]byte{p: ours})
	is, err2 := manifest.NewBundle(map[manifest.Path][]byte{p: merged})
	if err1 != nil || err2 != nil {
		return false
	}
	if r.kind.SingleFile && !sameValue(assettype.DerivedMetadata(r.kind, was), assettype.DerivedMetadata(r.kind, is)) {
		return false
	}
	sound := func(b manifest.Bundle) bool {
		return !slices.ContainsFunc(assettype.Check(r.kind, b, r.allMetadata(b)), func(f assettype.Finding) bool { return f.Severity == assettype.Error })
	}
	if r.kind.Frontmatter && isPlain(ours) && !isPlain(merged) {
		return false // a key twice, say: nobody knows which one counts
	}
	a, okA := assettype.Identity(r.kind, r.Target.Metadata, was)
	b, okB := assettype.Identity(r.kind, r.Target.Metadata, is)
	return okA == okB && a == b && (sound(is) || !sound(was))
}

// isPlain reports whether a main file has a frontmatter that is read without
// difficulty.
func isPlain(main []byte) bool {
	f, err := assettype.ParseFrontmatter(main)
	return err == nil && len(f.Warnings) == 0
}

// baseBytes returns what the local side of a base held: from history, which
// has what was published as it was sent, or from the commits. It is false when
// nobody has it any more.
func (r *run) baseBytes(ctx context.Context, snap manifest.Snapshot, obs observation, e manifest.Entry) ([]byte, bool) {
	data, ok, err := r.blob(obs, e.ID)
	if err == nil && ok {
		return data, true
	}
	if r.Repo == nil {
		return nil, false
	}
	data, err = r.commits(snap).content(ctx, e)
	return data, err == nil
}

// content returns the bytes of an entry that is about to be published: of the
// source, or merged.
func (r *run) content(ctx context.Context, e manifest.Entry) ([]byte, error) {
	if m, ok := r.merged[e.Path]; ok && m.entry.ID == e.ID {
		return m.data, nil
	}
	return r.source.read(ctx, e)
}

// localOf returns what the directory held of a path when sent was published
// in its place, and the bytes of it as far as they are at hand.
func (r *run) localOf(p manifest.Path, sent *manifest.Entry, d deed) (*manifest.Entry, []byte) {
	if m, ok := r.merged[p]; ok && sameEntry(&m.entry, sent) {
		return &m.local, m.ours
	}
	if sent == nil {
		return nil, nil
	}
	data, _ := d.bytes(*sent)
	return sent, data
}

// bases returns the base of each path that was published. Where the remote has
// a merge by now, the directory holds only its own part of it, and the rest is
// a change that is still to be pulled: such a base is what is here.
//
// What is here and not there is kept in history, for merges to come; most of it
// is there already, see [run.keepOutgoing].
func (r *run) bases(ctx context.Context, d deed, after proof) (map[manifest.Path]state.Pair, error) {
	bases := map[manifest.Path]state.Pair{}
	for _, p := range slices.Sorted(maps.Keys(d.changes)) {
		sent, read := d.changes[p], after.read[p]
		local, data := r.localOf(p, sent, d)
		pair := state.Pair{Local: local, Remote: read}
		_, met := r.meanwhile[p]
		if after.lost.overwrote(p) && !met {
			continue // theirs has won: the next plan is to see both changes
		}
		if met || !sameEntry(local, sent) {
			pair.Remote = local
		}
		bases[p] = pair
		if data != nil && (met || sameEntry(local, sent) && !(sameEntry(sent, read) && sameEntry(sent, after.side.Tree.Get(p)))) {
			if err := r.keepLocal(ctx, p, data); err != nil {
				return nil, err
			}
		}
	}
	return bases, nil
}

// keepLocal keeps a file of the directory that the remote does not hold as it
// is: without it nothing can be merged with what the remote has instead.
func (r *run) keepLocal(ctx context.Context, p manifest.Path, data []byte) error {
	return r.keepFile(ctx, p, data, "published, and changed on the way")
}

// keepOutgoing keeps what the remote may not hold as it is once it is published:
// the local side of a merge, and a main file, which the service may rewrite. A
// run that comes after this one, should it be cut short, knows both again.
func (r *run) keepOutgoing(ctx context.Context, s script) error {
	for _, c := range s.changes() {
		if m, ok := r.merged[c.Path]; ok && sameEntry(&m.entry, c.New) {
			if err := r.keepLocal(ctx, c.Path, m.ours); err != nil {
				return err
			}
		}
		if c.New == nil || c.Path != r.source.mainFile() || !r.kind.Frontmatter {
			continue
		}
		if data, ok := s.bytes(*c.New); ok {
			if err := r.keepLocal(ctx, c.Path, data); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteMerged tells which of the files with a new base are published as a merge.
func (r *run) noteMerged(d deed, bases map[manifest.Path]state.Pair) {
	var paths []manifest.Path
	for _, p := range slices.Sorted(maps.Keys(bases)) {
		_, met := r.meanwhile[p]
		if m, ok := r.merged[p]; met || ok && sameEntry(&m.entry, d.changes[p]) {
			paths = append(paths, p)
		}
	}
	if len(paths) > 0 {
		r.note("merged with what somebody else changed: %s; assetsync pull takes their part over", some(paths))
	}
}

// meet notes that a path was merged with a change that came while it was
// published.
func (r *run) meet(p manifest.Path) {
	if r.meanwhile != nil {
		r.meanwhile[p] = struct{}{}
	}
}

// mergeLost merges a change that was sent with one of somebody else's that it
// overwrote. Both started from what was observed.
func (r *run) mergeLost(a *account, d deed, p manifest.Path, ours, theirs manifest.Entry) (m manifest.Entry, ok bool) {
	base := d.observed.side.Tree.Get(p)
	their, held := a.content[theirs.ID]
	if base == nil || !held || r.unmerged || r.exact || r.From != nil || r.Target.Rev != "" {
		return m, false
	}
	was, held, err := r.blob(d.observed, base.ID)
	if err != nil || !held {
		return m, false
	}
	sent, held := d.bytes(ours)
	if !held {
		return m, false
	}
	data, ok := r.mergeFile(p, was, sent, their)
	if ok {
		m = entryOf(p, data)
		a.content[m.ID] = data
	}
	return m, ok
}
