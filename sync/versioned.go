package sync

import (
	"context"
	"errors"
	"slices"
	"time"

	"assetsync/diff"
	"assetsync/remote"
)

// recentVersions are the newest versions of an asset.
type recentVersions struct {
	earlier []remote.AssetVersionMetadata // than the one that was looked at, oldest first
	made    time.Time                     // when that one was made
	cut     bool                          // there were others before
}

// recent lists as many versions as a base is looked for in.
func (r *run) recent(ctx context.Context, id string, newest observation) (recentVersions, error) {
	list, err := r.listVersions(ctx, id)
	if err != nil {
		return recentVersions{}, err
	}
	v := recentVersions{
		made: newest.updatedAt, // a listing may lag behind
		cut:  len(list) > deriveVersions || len(list) == 0 || *list[0].Version > 1,
	}
	list = list[max(0, len(list)-deriveVersions):]
	for _, one := range list {
		if *one.Version == newest.version && one.CreatedAt != nil {
			v.made = *one.CreatedAt
		}
	}
	// Later ones came after the look.
	v.earlier = slices.DeleteFunc(list, func(one remote.AssetVersionMetadata) bool { return *one.Version >= newest.version })
	return v, nil
}

// versionedSides returns the newest versions of the asset, oldest first. One
// that is gone meanwhile, or cannot be read, is left out with those before it:
// they do not tell what comes after. Cut says that there were earlier ones.
func (r *run) versionedSides(ctx context.Context, id string, newest observation) (sides []diff.Versioned, cut bool, err error) {
	recent, err := r.recent(ctx, id, newest)
	if err != nil {
		return nil, false, err
	}
	cut = recent.cut
	for _, v := range recent.earlier {
		side, ok, err := r.sideOf(ctx, id, *v.Version)
		if err != nil {
			return nil, false, err
		}
		if !ok {
			sides, cut = nil, true
			continue
		}
		one := diff.Versioned{Number: *v.Version, Side: side}
		if v.CreatedAt != nil {
			one.At = *v.CreatedAt
		}
		sides = append(sides, one)
	}
	return append(sides, diff.Versioned{Number: newest.version, Side: newest.side, At: recent.made}), cut, nil
}

// sideOf reads a version that is not the newest, from history where that has
// it. It is false when the version cannot be read.
func (r *run) sideOf(ctx context.Context, id string, number int32) (diff.Side, bool, error) {
	bundle, ok, err := r.History.Get(ctx, r.historyKey(), id, int(number))
	if err := r.tellDamage(err); err != nil {
		return diff.Side{}, false, err
	}
	if ok {
		return diff.Side{Tree: bundle.Tree()}, true, nil
	}
	obs, err := r.past(ctx, id, number)
	if err != nil {
		if r.isUnreadable(ctx, number, err) {
			err = nil
		}
		return diff.Side{}, false, err
	}
	return obs.side, true, r.remember(ctx, obs, !slices.Contains(r.knownAsset.Own, number))
}

// isUnreadable reports whether err, of reading a version, says that it is gone,
// or that what it holds cannot be read, which a note tells. That the remote
// does not answer says nothing about the version.
func (r *run) isUnreadable(ctx context.Context, version int32, err error) bool {
	var answer *remote.Error
	switch {
	case ctx.Err() != nil:
		return false
	case remote.IsKind(err, remote.KindNotFound):
		return true
	case errors.As(err, &answer) && !remote.IsKind(err, remote.KindValidation, remote.KindContentSizeExceeded):
		return false
	}
	r.note("version %d cannot be read, so neither it nor those before it tell what was published: %v", version, err)
	return true
}
