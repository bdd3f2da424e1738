package probe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"assetsync/remote"
)

// cleanTime bounds the deletion of what is left at the end.
const cleanTime = time.Minute

// run is what all questions of a run share.
type run struct {
	Target
	client *remote.Client // of the cleaning

	mu       sync.Mutex
	everMade []string                   // ids
	left     []string                   // of them, those that were not deleted
	doubts   []*remote.CreateAssetInput // sent, and never answered
}

func (r *run) made(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.left, id) {
		r.left = append(r.left, id)
		r.everMade = append(r.everMade, id)
	}
}

func (r *run) gone(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = slices.DeleteFunc(r.left, func(other string) bool { return other == id })
}

// remove deletes a scratch asset, again where the remote fails.
func (r *run) remove(ctx context.Context, id string) (err error) {
	for range attempts {
		_, err = r.client.DeleteAsset(ctx, &remote.DeleteAssetInput{AgentSpaceId: &r.Space, AssetId: &id})
		if err == nil || remote.IsKind(err, remote.KindNotFound) {
			r.gone(id)
			return nil
		}
		if !isTrouble(err) {
			return err
		}
		if err := r.Wait(ctx); err != nil {
			return err
		}
	}
	return err
}

// replay sends a creation until it is answered: its token makes that one.
func (r *run) replay(ctx context.Context, in *remote.CreateAssetInput) (asset *remote.Asset, err error) {
	for range attempts {
		var out *remote.CreateAssetOutput
		if out, err = r.client.CreateAsset(ctx, in); err == nil {
			r.made(*out.Asset.AssetId)
			return out.Asset, nil
		}
		if !isTrouble(err) {
			return nil, err
		}
		if err := r.Wait(ctx); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// cleanUp deletes what is left, also when ctx has ended, and reports what
// cannot be deleted. What has no known id is looked for by its name.
func (r *run) cleanUp(ctx context.Context, report *Report) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTime)
	defer cancel()
	cause := ErrLeft
	unclear := func(err error, format string, args ...any) {
		report.Unclear = append(report.Unclear, fmt.Sprintf(format+": %v", append(args, err)...))
		cause = fmt.Errorf("%w: %w", ErrLeft, err)
	}
	for _, in := range r.doubts {
		// A token that is known gives back the asset that was made by it.
		if _, err := r.replay(ctx, in); err != nil && isTrouble(err) {
			unclear(err, "an asset whose name begins with %s may have been made without an answer", r.Unique)
		}
	}
	if err := r.sweep(ctx, report); err != nil && len(r.everMade) > 0 {
		unclear(err, "whether an asset is left whose name begins with %s could not be looked up", r.Unique)
	}
	for _, id := range slices.Clone(r.left) {
		if err := r.remove(ctx, id); err != nil {
			cause = fmt.Errorf("%w: delete scratch asset %s: %w", ErrLeft, id, err)
		}
	}
	report.Left = r.left
	if len(report.Left)+len(report.Unclear) == 0 {
		return nil
	}
	return cause
}

// sweep lists the skills of the space that have a name of this run, or of
// another one.
func (r *run) sweep(ctx context.Context, report *Report) (err error) {
	for range attempts {
		report.Earlier = nil
		if err = r.sweepOnce(ctx, report); !isTrouble(err) {
			return err
		}
		if err := r.Wait(ctx); err != nil {
			return err
		}
	}
	return err
}

func (r *run) sweepOnce(ctx context.Context, report *Report) error {
	pages := remote.NewListAssetsPaginator(r.client, &remote.ListAssetsInput{AgentSpaceId: &r.Space, AssetType: new("skill")})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, a := range page.Items {
			metadata, err := a.Metadata.Map()
			name, _ := metadata["name"].(string)
			switch {
			case err != nil: // nothing that was made here
			case strings.HasPrefix(name, r.Unique):
				// A listing may lag: what is known to be deleted is not left.
				if !slices.Contains(r.everMade, *a.AssetId) {
					r.made(*a.AssetId)
				}
			case strings.HasPrefix(name, NamePrefix):
				report.Earlier = append(report.Earlier, *a.AssetId)
			}
		}
	}
	return nil
}
