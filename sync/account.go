package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
	"assetsync/sync/state"
)

// foreign is what others did between the observed version and the newest.
type foreign struct {
	files    map[manifest.Path]*manifest.Entry // as they left it; nil: deleted
	metadata map[string]any                    // keys of ours that they changed
	content  map[manifest.ID][]byte
	own      []int32 // versions without a known maker that turned out to be ours
	versions []int32 // theirs
}

// account reads what stands between the observed version and the newest one
// and is not known for ours.
func (r *run) account(ctx context.Context, id string, before observation, s script, out sent, after observation) (foreign, error) {
	f := foreign{files: map[manifest.Path]*manifest.Entry{}, metadata: map[string]any{}, content: map[manifest.ID][]byte{}}
	if err := r.accountInPlace(ctx, id, before, s, after, &f); err != nil {
		return f, err
	}
	var unclaimed []int32
	for v := before.version + 1; v <= after.version; v++ {
		if !slices.Contains(out.versions, v) {
			unclaimed = append(unclaimed, v)
		}
	}
	silent := out.deletes // writes whose answer names no version
	if out.doubt {
		silent++
	}
	expected, err := diff.Apply(before.side.Tree, s.changes())
	if err != nil {
		return f, fmt.Errorf("account for versions: %w", err)
	}
	if len(unclaimed) <= silent && len(f.files) == 0 && expected.Equal(after.side.Tree) {
		// Nothing of anybody's was overwritten: the live content is just
		// what was planned, and no version is without a maker.
		f.own = unclaimed
		r.learnDeletes(before, out, after)
		return f, nil
	}
	return f, r.accountVersions(ctx, id, before, s, after, unclaimed, &f)
}

// learnDeletes remembers whether DeleteAssetFile raises the version, once a
// deletion was seen alone.
func (r *run) learnDeletes(before observation, out sent, after observation) {
	if out.deletes == 0 || out.doubt {
		return
	}
	last := before.version
	for _, v := range out.versions {
		last = max(last, v)
	}
	was := r.endpoint
	switch int(after.version - last) {
	case 0:
		r.endpoint.DeleteRaisesVersion = state.No
	case out.deletes:
		r.endpoint.DeleteRaisesVersion = state.Yes
	}
	r.learned = r.learned || r.endpoint != was
}

// accountInPlace finds changes that were made to the observed version itself,
// which happens where creating or deleting a file raises no version.
func (r *run) accountInPlace(ctx context.Context, id string, before observation, s script, after observation, f *foreign) error {
	now := after
	if after.version != before.version {
		listing, err := r.list(ctx, id, before.version)
		if remote.IsKind(err, remote.KindNotFound, remote.KindValidation) {
			r.note("version %d can no longer be read, so a change that somebody made to it in place could not be seen", before.version)
			return nil
		}
		if err != nil {
			return fmt.Errorf("account for version %d: %w", before.version, err)
		}
		if maps.EqualFunc(listing, before.listing, stamp.equal) {
			return nil
		}
		asset, err := r.getAsset(ctx, id, &before.version)
		if err != nil {
			return err
		}
		if now, err = r.look(ctx, id, asset, nil); err != nil {
			return fmt.Errorf("account for version %d: %w", before.version, err)
		}
	}
	r.addForeign(f, before, now, s)
	return nil
}

// accountVersions reads each version without a known maker and the one before
// it.
func (r *run) accountVersions(ctx context.Context, id string, before observation, s script, after observation, unclaimed []int32, f *foreign) error {
	exist, err := r.versions(ctx, id)
	if err != nil {
		return err
	}
	known := map[int32]observation{before.version: before, after.version: after}
	read := func(v int32) (observation, error) {
		if obs, ok := known[v]; ok {
			return obs, nil
		}
		asset, err := r.getAsset(ctx, id, &v)
		if err != nil {
			return observation{}, err
		}
		obs, err := r.look(ctx, id, asset, nil)
		known[v] = obs
		return obs, err
	}
	previous := before.version
	for _, v := range exist {
		if v <= before.version || v > after.version {
			continue
		}
		if slices.Contains(unclaimed, v) {
			then, err := read(previous)
			if err != nil {
				return r.unreadable(previous, err)
			}
			now, err := read(v)
			if err != nil {
				return r.unreadable(v, err)
			}
			if r.addForeign(f, then, now, s) {
				f.versions = append(f.versions, v)
			} else {
				f.own = append(f.own, v)
			}
		}
		previous = v
	}
	return r.missing(exist, before, unclaimed)
}

// missing stops when a version without a known maker is gone: it may have
// held somebody's change. Numbers that were never given are no versions.
func (r *run) missing(exist []int32, before observation, unclaimed []int32) error {
	if len(exist) > 0 && exist[0] <= before.version {
		return nil // what is older is still there, so nothing was pruned
	}
	for _, v := range unclaimed {
		if !slices.Contains(exist, v) {
			return r.unreadable(v, fmt.Errorf("it is not listed any more"))
		}
	}
	return nil
}

func (r *run) unreadable(v int32, cause error) error {
	return &Error{
		Kind: KindConflict, Err: cause,
		Message: fmt.Sprintf("possible lost update: version %d, which this run did not make, cannot be read: %v", v, cause),
		Hint:    "what you published is live; look at it with assetsync diff and at who else writes to the asset",
	}
}

// versions returns the numbers of the versions that exist, ascending.
func (r *run) versions(ctx context.Context, id string) ([]int32, error) {
	list, err := r.listVersions(ctx, id)
	if err != nil {
		return nil, err
	}
	numbers := make([]int32, len(list))
	for i, v := range list {
		numbers[i] = *v.Version
	}
	return numbers, nil
}

// addForeign adds what changed from then to now and is not what s sent, and
// reports whether there was any such thing.
func (r *run) addForeign(f *foreign, then, now observation, s script) bool {
	found := false
	for _, c := range diff.Two(then.side.Tree, now.side.Tree) {
		if r.isOurs(c, s, now) {
			continue
		}
		found = true
		f.files[c.Path] = c.New
		if c.New != nil {
			if data, ok := now.content[c.New.ID]; ok {
				f.content[c.New.ID] = data
			}
		}
	}
	for _, w := range s.writes {
		for key, value := range w.metadata {
			was, is := then.metadata[key], now.metadata[key]
			if !sameValue(was, is) && !sameValue(is, value) && is != nil {
				found = true
				f.metadata[key] = is
			}
		}
	}
	return found
}

// isOurs reports whether a change of the remote is one that s sent, also
// after the service rewrote it.
func (r *run) isOurs(c diff.Change, s script, now observation) bool {
	for _, w := range s.writes {
		for _, own := range w.changes {
			if own.Path != c.Path {
				continue
			}
			if sameEntry(own.New, c.New) {
				return true
			}
			if own.New == nil || c.New == nil {
				continue
			}
			sent, ok, err := r.sentContent(w, own)
			if read, has := now.content[c.New.ID]; err == nil && ok && has && assettype.Same(r.kind, c.Path, sent, read) {
				return true
			}
		}
	}
	return false
}

// sentContent returns the bytes of a change as they were sent.
func (r *run) sentContent(w write, c diff.Change) ([]byte, bool, error) {
	if !w.zip {
		return w.content, true, nil
	}
	bundle, err := manifest.ReadZip(w.content, manifest.DefaultZipLimits)
	if err != nil {
		return nil, false, err
	}
	data, ok := bundle.Content(c.Path)
	return data, ok, nil
}

func numbers(versions []int32) string {
	text := ""
	for i, v := range versions {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(v)
	}
	return text
}
