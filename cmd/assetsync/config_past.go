package main

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"assetsync/manifest/gitrepo"
	"assetsync/remote/assettype"
)

// configFile returns where the config lies, "" when it is no file.
func (c *Config) configFile() string {
	if c.File == "" {
		return ""
	}
	return filepath.Join(c.Dir, filepath.Base(c.File))
}

// metadataAt returns a function that finds what the config of a commit gave a
// target for metadata: see [assetsync.Options]. It is resolved as today, in the
// environment of this run, with the files of that commit.
func metadataAt(repo *gitrepo.Worktree, env Environment, t Target) func(context.Context, gitrepo.Point, []string) (map[string]any, bool, error) {
	return func(ctx context.Context, config gitrepo.Point, paths []string) (map[string]any, bool, error) {
		targets, err := targetsAt(ctx, repo, env, config)
		if err != nil {
			return nil, false, err
		}
		for _, at := range paths {
			full := filepath.Join(repo.Top(), filepath.FromSlash(at))
			for _, then := range targets {
				if then.Path == full && then.Type == t.Type && sameAgent(t, then) {
					return then.Metadata, true, nil
				}
			}
		}
		return nil, true, nil
	}
}

// targetsAt expands the config of a commit. A run of commits with one config is
// taken at its newest, where what the config means was there, if ever.
func targetsAt(ctx context.Context, repo *gitrepo.Worktree, env Environment, config gitrepo.Point) ([]Target, error) {
	fsys, _, err := repo.FS(ctx, config.Newest)
	if err != nil {
		return nil, err
	}
	data, err := fs.ReadFile(fsys, config.Path)
	if err != nil {
		return nil, err
	}
	if len(data) > maxConfigBytes {
		return nil, fmt.Errorf("%s is larger than %d bytes", config.Path, maxConfigBytes)
	}
	c, err := ParseConfig(data, path.Base(config.Path))
	if err != nil {
		return nil, err
	}
	c.Dir = filepath.Join(repo.Top(), filepath.FromSlash(path.Dir(config.Path)))
	view, err := fs.Sub(fsys, path.Dir(config.Path))
	if err != nil {
		return nil, err
	}
	// Of a git source, too, the place counts and not the revision.
	sameView := func(string) (fs.FS, error) { return view, nil }
	x, err := c.Expand(view, env, ExpandOptions{AllowMissing: true, At: sameView})
	return x.Targets, err
}

// sameAgent tells the targets of one agents_md from each other.
func sameAgent(a, b Target) bool {
	return a.Type != assettype.AgentsMD || a.Metadata[agentTypeKey] == b.Metadata[agentTypeKey]
}
