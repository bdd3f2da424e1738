package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote/assettype"
)

// maxConfigs is how many configs of commits are read to find what a key was:
// each is parsed, and matched with the files of its commit.
const maxConfigs = 100

// deriveMetadata finds a base for owned keys that differ and have none: on a
// machine without state, and where the config has come to own a key. It goes by
// the rules for files. A version of the asset whose value is what the config
// had in a commit was published from there; for a key that the config did not
// have, the service's default stands for that.
//
// Where no config tells, a value that is the service's default, and was never
// another in the versions that can be read, is nobody's decision.
func (r *run) deriveMetadata(ctx context.Context, id string, obs observation) error {
	r.forgetTold()
	keys := r.untoldKeys(obs)
	if len(keys) == 0 {
		return nil
	}
	configs := &configLine{r: r}
	if err := configs.find(ctx); err != nil {
		return err
	}
	if !configs.tracked && !slices.ContainsFunc(keys, func(key string) bool { return r.isDefault(key, obs.metadata) }) {
		return nil
	}
	values := valueSet{}
	remote, cut, err := r.metadataVersions(ctx, id, obs, values)
	if err != nil {
		return err
	}
	d, err := configs.compare(ctx, keys, diff.Histories{Remote: remote, RemoteCut: cut}, values)
	if err != nil {
		return err
	}
	told := map[string]json.RawMessage{}
	for _, key := range keys {
		pair, ok := d.Base[keyPath(key)]
		switch {
		case ok && pair.Local != nil:
			told[key] = values[pair.Local.ID]
		case !ok && r.wasDefault(key, remote, values):
			told[key] = values.text(r.defaults()[key])
		case !ok && configs.cut:
			r.note("the history of the clone does not reach back to where metadata %s was published, so nobody can tell who changed it; %s", key, hintShallow)
		}
	}
	if len(told) == 0 {
		return nil
	}
	r.toldKeys = told
	r.knownAsset.Metadata = maps.Clone(r.knownAsset.Metadata)
	if r.knownAsset.Metadata == nil {
		r.knownAsset.Metadata = map[string]json.RawMessage{}
	}
	maps.Copy(r.knownAsset.Metadata, told)
	return nil
}

// forgetTold takes back what an earlier round has told; what was settled since
// stays.
func (r *run) forgetTold() {
	r.knownAsset.Metadata = maps.Clone(r.knownAsset.Metadata)
	for key, text := range r.toldKeys {
		if string(r.knownAsset.Metadata[key]) == string(text) {
			delete(r.knownAsset.Metadata, key)
		}
	}
	r.toldKeys = nil
}

// untoldKeys returns the owned keys that differ and have no base.
func (r *run) untoldKeys(obs observation) (keys []string) {
	for _, key := range slices.Sorted(maps.Keys(r.Target.Metadata)) {
		got, held := obs.metadata[key]
		_, known := r.knownAsset.Metadata[key]
		if held && !known && !sameValue(got, r.Target.Metadata[key]) {
			keys = append(keys, key)
		}
	}
	return keys
}

func (r *run) defaults() map[string]any { return assettype.DefaultMetadata(r.kind) }

func (r *run) isDefault(key string, metadata map[string]any) bool {
	value, ok := r.defaults()[key]
	return ok && sameValue(value, metadata[key])
}

// wasDefault reports whether all versions have the service's default for a key.
func (r *run) wasDefault(key string, versions []diff.Versioned, values valueSet) bool {
	value, ok := r.defaults()[key]
	return ok && !slices.ContainsFunc(versions, func(v diff.Versioned) bool {
		e := v.Side.Tree.Get(keyPath(key))
		return e == nil || e.ID != values.id(value)
	})
}

// metadataVersions returns what the newest versions have for the owned keys,
// oldest first, each as a tree. Cut says that there were earlier ones.
func (r *run) metadataVersions(ctx context.Context, id string, newest observation, values valueSet) (versions []diff.Versioned, cut bool, err error) {
	recent, err := r.recent(ctx, id, newest)
	if err != nil {
		return nil, false, err
	}
	cut = recent.cut
	for _, v := range recent.earlier {
		metadata, ok, err := r.metadataOf(ctx, id, *v.Version)
		if err != nil {
			return nil, false, err
		}
		if !ok {
			versions, cut = nil, true
			continue
		}
		one, err := values.tree(owned(metadata, r.Target.Metadata))
		if err != nil {
			return nil, false, err
		}
		made := diff.Versioned{Side: diff.Side{Tree: one}}
		if v.CreatedAt != nil {
			made.At = *v.CreatedAt
		}
		versions = append(versions, made)
	}
	now, err := values.tree(owned(newest.metadata, r.Target.Metadata))
	return append(versions, diff.Versioned{Side: diff.Side{Tree: now}, At: recent.made}), cut, err
}

// metadataOf reads the metadata of a version that is not the newest. It is
// false when the version cannot be read.
func (r *run) metadataOf(ctx context.Context, id string, number int32) (map[string]any, bool, error) {
	if obs, ok := r.pastRead[number]; ok {
		return obs.metadata, true, nil
	}
	asset, err := r.getAsset(ctx, id, &number)
	var metadata map[string]any
	if err == nil {
		if metadata, err = asset.Metadata.Map(); err != nil {
			err = fmt.Errorf("read metadata of asset %s version %d: %w", id, number, err)
		}
	}
	if err != nil && r.isUnreadable(ctx, number, err) {
		return nil, false, nil
	}
	return metadata, err == nil, err
}

// configLine are the configs of the commits that led to the one in use, as far
// as they are needed.
type configLine struct {
	r       *run
	left    []gitrepo.Point // not read yet, newest first
	paths   []string        // where the target has lain, newest first
	tracked bool            // git has the config
	cut     bool            // earlier ones are not there
	read    []diff.Committed
}

// find looks for the commits that changed the config. That git cannot tell is
// a note.
func (c *configLine) find(ctx context.Context) error {
	c.cut = true
	if c.r.Repo == nil || c.r.ConfigFile == "" || c.r.MetadataAt == nil {
		return nil
	}
	// The config in use is that of the worktree, whatever revision is published.
	line, err := c.r.Repo.Line(ctx, "HEAD", c.r.ConfigFile, deriveCommits)
	var target gitrepo.Line
	if err == nil {
		target, err = c.r.Repo.Line(ctx, "HEAD", c.r.Target.Path, deriveCommits)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		c.r.note("what the metadata was in earlier commits cannot be told: %v", err)
		return nil
	case len(line.Points) == 0 || line.Points[0].Object == "":
		return nil
	}
	c.left, c.tracked, c.cut = line.Points, true, !line.Complete
	if len(c.left) > maxConfigs {
		c.left, c.cut = c.left[:maxConfigs], true
	}
	for _, p := range target.Points {
		if !slices.Contains(c.paths, p.Path) {
			c.paths = append(c.paths, p.Path)
		}
	}
	return nil
}

// firstConfigs is how many configs are read at first.
const firstConfigs = 4

// compare derives a base from the versions and from as many configs as tell
// about the keys.
func (c *configLine) compare(ctx context.Context, keys []string, h diff.Histories, values valueSet) (diff.Derived, error) {
	h.LocalCut = c.cut
	for n := firstConfigs; ; n *= 4 {
		var err error
		if h.Local, h.LocalMore, err = c.newest(ctx, n, values); err != nil {
			return diff.Derived{}, err
		}
		d := diff.Derive(h)
		if !h.LocalMore || !slices.ContainsFunc(keys, func(key string) bool { return slices.Contains(d.Unsure, keyPath(key)) }) {
			return d, nil
		}
	}
}

// newest returns what the n newest configs have, oldest first, and what is to
// be published as the last, each as a tree.
func (c *configLine) newest(ctx context.Context, n int, values valueSet) (configs []diff.Committed, more bool, err error) {
	for len(c.read) < n && len(c.left) > 0 {
		p := c.left[0]
		c.left = c.left[1:]
		one, err := c.at(ctx, p, values)
		if err != nil {
			return nil, false, err
		}
		c.read = append(c.read, one)
	}
	now, err := values.tree(c.r.Target.Metadata)
	if err != nil {
		return nil, false, err
	}
	configs = slices.Clone(c.read)
	slices.Reverse(configs)
	return append(configs, diff.Committed{Tree: now, At: c.r.started}), len(c.left) > 0, nil
}

// at returns what the config of a commit has. One that cannot be read, as of
// another version of assetsync, is unknown.
func (c *configLine) at(ctx context.Context, p gitrepo.Point, values valueSet) (diff.Committed, error) {
	all := maps.Clone(c.r.defaults())
	if p.Object != "" {
		metadata, ok, err := c.r.MetadataAt(ctx, p, c.paths)
		switch {
		case ctx.Err() != nil:
			return diff.Committed{}, ctx.Err()
		case err != nil:
			c.r.note("the config of commit %.7s does not tell what the metadata was: %v", p.Newest, err)
			fallthrough
		case !ok:
			return diff.Committed{Unknown: manifest.UnknownSet{{Below: true}}, At: p.At}, nil
		}
		maps.Copy(all, metadata)
	}
	tree, err := values.tree(owned(all, c.r.Target.Metadata))
	return diff.Committed{Tree: tree, At: p.At}, err
}

// valueSet makes trees of metadata, so that it is compared as files are: a key
// is a path, and the id of a value names what [sameValue] takes for the same.
// It remembers the values.
type valueSet map[manifest.ID]json.RawMessage

// keyPath is the path of a key, which may be any text.
func keyPath(key string) manifest.Path {
	return manifest.Path(manifest.BlobID([]byte(key)).String())
}

// id returns the id of a value.
func (s valueSet) id(value any) manifest.ID {
	parts, _ := canonical(value)
	return manifest.BlobID([]byte(strings.Join(parts, "\x00")))
}

// text returns a value as JSON.
func (s valueSet) text(value any) json.RawMessage { return s[s.id(value)] }

func (s valueSet) tree(metadata map[string]any) (manifest.Tree, error) {
	encoded, err := encodeBase(metadata)
	if err != nil {
		return manifest.Tree{}, fmt.Errorf("compare metadata: %w", err)
	}
	var entries []manifest.Entry
	for key, text := range encoded {
		id := s.id(metadata[key])
		s[id] = text
		entries = append(entries, manifest.Entry{Path: keyPath(key), ID: id})
	}
	return manifest.NewTree(entries...)
}
