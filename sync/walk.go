package sync

import (
	"context"
	"fmt"
	"slices"

	"assetsync/diff"
	"assetsync/remote"
)

// walk reads the versions since start one by one and tells ours from theirs.
func (r *run) walk(ctx context.Context, id string, d deed, start, after observation, a *account) error {
	list, err := r.listVersions(ctx, id)
	if err != nil {
		return err
	}
	if len(list) > 0 && d.gap(*list[0].Version-1) > 0 {
		// What is older than the oldest was pruned, or has no such numbers.
		return lostTrack(fmt.Errorf("the versions before %d are not listed any more", *list[0].Version))
	}
	list = slices.DeleteFunc(list, func(v remote.AssetVersionMetadata) bool {
		return *v.Version <= start.version || *v.Version > after.version
	})
	list = r.withoutOwn(d, list)
	if len(list) > maxAccounted {
		return lostTrack(fmt.Errorf("%d versions were made meanwhile", len(list)))
	}
	steps, err := r.steps(ctx, id, start, after, list)
	if err != nil {
		return err
	}
	for i, s := range steps {
		mine := slices.Contains(d.answered, s.now.version) || r.isReforming(d, s.then, s.now)
		if !mine && d.silent > 0 && r.mayBeOurs(d, s) && !r.isDeletedAgain(d, steps, i) {
			mine = true
			d.silent--
		}
		a.step(r, d, s.then, s.now, mine)
		if mine {
			a.own = append(a.own, s.now.version)
		} else {
			a.foreign = append(a.foreign, s.now.version)
		}
	}
	return nil
}

// withoutOwn leaves out versions that are proven to be of other publishings of
// ours, but for the last of several in a row: what they changed together is all
// that counts. A daemon that publishes each save, while a write from before is in
// doubt, reads a few versions so, and not all since.
func (r *run) withoutOwn(d deed, list []remote.AssetVersionMetadata) (out []remote.AssetVersionMetadata) {
	own := func(v remote.AssetVersionMetadata) bool {
		return r.isAccounted(*v.Version) && !slices.Contains(d.answered, *v.Version)
	}
	for i, v := range list {
		if i+1 == len(list) || !own(v) || !own(list[i+1]) {
			out = append(out, v)
		}
	}
	return out
}

// versionStep is what one version changed.
type versionStep struct{ then, now observation }

// steps reads the listed versions, which follow on start.
func (r *run) steps(ctx context.Context, id string, start, after observation, list []remote.AssetVersionMetadata) ([]versionStep, error) {
	var steps []versionStep
	previous := start
	for _, v := range list {
		number, now := *v.Version, after
		if number != after.version {
			var err error
			now, err = r.past(ctx, id, number)
			if remote.IsKind(err, remote.KindNotFound, remote.KindValidation) {
				return nil, lostTrack(fmt.Errorf("version %d cannot be read: %w", number, err))
			}
			if err != nil {
				return nil, err
			}
		}
		steps = append(steps, versionStep{previous, now})
		previous = now
	}
	return steps, nil
}

// mayBeOurs reports whether a version that no answer named may be of the deed.
func (r *run) mayBeOurs(d deed, s versionStep) bool {
	return !r.isAccounted(s.now.version) && r.looksLike(d, s.then, s.now)
}

// isDeletedAgain reports whether a version does no more than delete what a later
// one deletes again, which may be of the deed, too. One deletion looks like
// another; taking the last one for ours brings back what was made in between,
// where taking the first would lose it.
func (r *run) isDeletedAgain(d deed, steps []versionStep, i int) bool {
	gone := diff.Two(steps[i].then.side.Tree, steps[i].now.side.Tree)
	if len(gone) != 1 || gone[0].New != nil {
		return false
	}
	return slices.ContainsFunc(steps[i+1:], func(s versionStep) bool {
		again := diff.Two(s.then.side.Tree, s.now.side.Tree)
		return len(again) == 1 && again[0].Path == gone[0].Path && again[0].New == nil && r.mayBeOurs(d, s)
	})
}

// past reads a version that is not the newest, once in a run.
func (r *run) past(ctx context.Context, id string, number int32) (observation, error) {
	if obs, ok := r.pastRead[number]; ok {
		return obs, nil
	}
	obs, err := r.version(ctx, id, number)
	if err == nil {
		if r.pastRead == nil {
			r.pastRead = map[int32]observation{}
		}
		r.pastRead[number] = obs
	}
	return obs, err
}

// isAccounted reports whether a version is proven to be ours already: what it
// did was known, and meant.
func (r *run) isAccounted(version int32) bool {
	return slices.Contains(r.knownAsset.Own, version) || slices.Contains(r.made, version)
}

// lostTrack is an account that cannot be finished.
func lostTrack(cause error) *Error {
	return &Error{
		Kind: KindConflict, Err: cause,
		Message: fmt.Sprintf("possible lost update: %v, so nobody can tell whether a change of somebody else's was overwritten", cause),
		Hint:    "what you published is live; compare it with assetsync diff, and ask who else writes to the asset",
	}
}
