package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

// Directory remembers the assets of a space for the length of a run, so that
// many targets share one listing. It is safe for concurrent use.
type Directory struct {
	space string

	mu      sync.Mutex
	lists   map[string]*listing // by asset type
	begun   map[string]bool     // types that were listed ahead
	claimed map[string]string   // asset id -> target
}

// listing is one reading of the assets of a type, which all who need it wait
// for.
type listing struct {
	done   chan struct{}
	assets []remote.Asset // once done
	err    error

	identify   sync.Once
	identities []string // of the assets, once they were asked for: see identitiesOf
}

// NewDirectory returns the directory of an agent space.
func NewDirectory(agentSpace string) *Directory {
	return &Directory{space: agentSpace, lists: map[string]*listing{}, begun: map[string]bool{}, claimed: map[string]string{}}
}

// Find returns the assets of a type whose identity is one of the given
// values. Assets that were learned by agents or imported from a repository
// never match: they are not ours to write.
func (d *Directory) Find(ctx context.Context, client *remote.Client, kind assettype.Type, identities ...string) ([]remote.Asset, error) {
	l, err := d.listing(ctx, client, kind)
	if err != nil {
		return nil, err
	}
	l.identify.Do(func() { l.identities = identitiesOf(l.assets, kind) })
	var found []remote.Asset
	for i, got := range l.identities {
		if got != "" && slices.Contains(identities, got) {
			found = append(found, l.assets[i])
		}
	}
	return found, nil
}

// identitiesOf returns what identifies each asset of a list as one of a type that may
// be ours, "" for none.
func identitiesOf(list []remote.Asset, kind assettype.Type) []string {
	identities := make([]string, len(list))
	for i, a := range list {
		metadata, err := a.Metadata.Map()
		if err != nil || ownership(metadata) != "" || a.AssetType == nil || *a.AssetType != kind.Name {
			continue // such an asset has no identity that could be ours
		}
		if got, ok := assettype.Identity(kind, metadata, manifest.Bundle{}); ok {
			identities[i] = got
		}
	}
	return identities
}

// list returns the assets of a type.
func (d *Directory) list(ctx context.Context, client *remote.Client, kind assettype.Type) ([]remote.Asset, error) {
	l, err := d.listing(ctx, client, kind)
	if err != nil {
		return nil, err
	}
	return l.assets, nil
}

// listing returns the assets of a type. One caller reads them, the others wait
// for it; none waits while the directory is locked, so that a remote which
// does not answer one target keeps nothing from the others.
func (d *Directory) listing(ctx context.Context, client *remote.Client, kind assettype.Type) (*listing, error) {
	for {
		d.mu.Lock()
		l, ok := d.lists[kind.Name]
		if !ok {
			l = &listing{done: make(chan struct{})}
			d.lists[kind.Name] = l
		}
		d.mu.Unlock()
		if !ok {
			l.assets, l.err = ListAssets(ctx, client, d.space, kind.Name)
			if l.err != nil {
				d.drop(kind, l) // the next one asks again
			}
			close(l.done)
			return l, l.err
		}
		select {
		case <-l.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if l.err == nil {
			return l, nil
		}
		// Whoever asked may have been in a hurry.
	}
}

// isRead reports whether list answers at once.
func (d *Directory) isRead(kind assettype.Type) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.lists[kind.Name]
	if l == nil {
		return false
	}
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

// begin reads the assets of a type, for who asks for them later. The second caller
// finds it begun: a reading that fails is not repeated until somebody needs it, who
// is told.
func (d *Directory) begin(ctx context.Context, client *remote.Client, kind assettype.Type) {
	d.mu.Lock()
	again := d.begun[kind.Name]
	d.begun[kind.Name] = true
	d.mu.Unlock()
	if !again {
		_, _ = d.list(ctx, client, kind)
	}
}

// drop forgets one listing.
func (d *Directory) drop(kind assettype.Type, l *listing) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lists[kind.Name] == l {
		delete(d.lists, kind.Name)
	}
}

// forget drops the listing of a type, because an asset was made since.
func (d *Directory) forget(kind assettype.Type) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.lists, kind.Name)
}

// Refresh drops the listings, so that the next question is put to the remote,
// and the claims of all but these targets.
func (d *Directory) Refresh(targets []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.lists)
	clear(d.begun)
	names := make(map[string]struct{}, len(targets))
	for _, name := range targets {
		names[name] = struct{}{}
	}
	maps.DeleteFunc(d.claimed, func(_, target string) bool { _, ok := names[target]; return !ok })
}

// claim records that target writes the asset. A second target on the same
// asset is an error: each would undo the other.
func (d *Directory) claim(asset, target string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if other, ok := d.claimed[asset]; ok && other != target {
		return usage("give each target its own asset: change the name in the frontmatter, or set asset: for one of them",
			"targets %s and %s are the same asset %s", other, target, asset)
	}
	d.claimed[asset] = target
	return nil
}

// ListAssets reads the assets of a space, all pages. An empty kind lists all
// types.
func ListAssets(ctx context.Context, client *remote.Client, space, kind string) ([]remote.Asset, error) {
	in := &remote.ListAssetsInput{AgentSpaceId: &space}
	if kind != "" {
		in.AssetType = &kind
	}
	var list []remote.Asset
	pages := remote.NewListAssetsPaginator(client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("list assets of agent space %s: %w", space, err)
		}
		list = append(list, page.Items...)
	}
	return list, nil
}

// ownership says who else owns an asset with this metadata, "" for nobody.
func ownership(metadata map[string]any) string {
	if _, ok := metadata["source"]; ok {
		return "it is imported from a repository (metadata.source), whose next import replaces what is published here"
	}
	if metadata["skill_type"] == "LEARNED" {
		return "it was learned by an agent (skill_type LEARNED)"
	}
	return ""
}
