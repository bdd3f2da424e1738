package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

// findThere finds the assets that the targets of a new config in dir have
// already, by the names of the targets. It writes nothing.
func (a *app) findThere(ctx context.Context, dir string, text []byte, summary InitSummary, o initFlags) (map[string]assetReport, error) {
	config, err := ParseConfig(text, ConfigName)
	if err != nil {
		return nil, err
	}
	config.Dir = dir
	ctx, cancel := a.within(ctx)
	defer cancel()
	alone := *a
	alone.envName = "" // the new config has one environment, without a name
	s := alone.newSession()
	found, err := s.findThere(ctx, config, os.DirFS(dir), summary, o)
	return found, s.abort(err)
}

func (s *session) findThere(ctx context.Context, config *Config, root fs.FS, summary InitSummary, o initFlags) (map[string]assetReport, error) {
	if err := s.connect(ctx, config, sessionOptions{}); err != nil {
		return nil, err
	}
	client, _, err := s.client()
	if err != nil {
		return nil, err
	}
	if o.assetID != "" {
		return s.thereByID(ctx, client, summary, o.assetID)
	}
	there := map[string]assetReport{}
	for _, t := range summary.Targets {
		r, ok, err := s.thereByIdentity(ctx, client, root, t)
		if err != nil {
			return nil, err
		}
		if ok {
			there[t.Name] = r
		}
	}
	return there, nil
}

// thereByID is the asset of the one target that a new config has.
func (s *session) thereByID(ctx context.Context, client *remote.Client, summary InitSummary, id string) (map[string]assetReport, error) {
	if n := len(summary.Targets); n != 1 {
		hint := "name the directory of the one that it is of, or let --pin find the assets"
		if n == 0 {
			hint = "assetsync clone " + id + " checks it out into a new directory"
		}
		return nil, usageError(nil, hint, "--asset is of one target, and %s found", foundWords(n))
	}
	out, err := client.GetAsset(ctx, &remote.GetAssetInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &id})
	if err != nil {
		return nil, fmt.Errorf("read asset %s: %w", id, err)
	}
	t := summary.Targets[0]
	if got := text(out.Asset.AssetType); got != t.Type {
		return nil, usageError(nil, "assetsync asset list --type "+t.Type+" shows those of this type", "asset %s is of type %s, and %s is a %s", id, quoted(got), t.Name, t.Type)
	}
	r, err := reportAsset(out.Asset)
	return map[string]assetReport{t.Name: r}, err
}

func foundWords(n int) string {
	switch n {
	case 0:
		return "none was"
	case 1:
		return "one was"
	}
	return fmt.Sprintf("%d were", n)
}

// thereByIdentity finds the asset of a target by what identifies its type. Of
// several none is taken.
func (s *session) thereByIdentity(ctx context.Context, client *remote.Client, root fs.FS, t Target) (r assetReport, ok bool, err error) {
	kind, _ := assettype.Lookup(t.Type)
	identity, ok, err := localIdentity(root, kind, t)
	if err != nil || !ok {
		return r, false, err
	}
	found, err := s.assets.Find(ctx, client, kind, identity)
	if err != nil {
		return r, false, err
	}
	var ids []string
	for _, asset := range found {
		ids = append(ids, *asset.AssetId)
	}
	switch {
	case len(found) > 1:
		s.say("note: %s: %d assets have this name: %s; pin one with asset:", t.Name, len(found), wordList(ids, "and"))
		return r, false, nil
	case len(found) == 0:
		return r, false, nil
	case !assetID().MatchString(ids[0]):
		s.say("note: %s: its asset has the id %s, which cannot be pinned", t.Name, quoted(ids[0]))
		return r, false, nil
	}
	r, err = reportAsset(&found[0])
	return r, true, err
}

// localIdentity is what the files of a target identify its asset by.
func localIdentity(root fs.FS, kind assettype.Type, t Target) (string, bool, error) {
	main := path.Join(t.Name, kind.MainFile)
	if kind.SingleFile {
		main = t.Name
	}
	data, err := fs.ReadFile(root, main)
	if err != nil {
		return "", false, fmt.Errorf("read %s: %w", main, err)
	}
	bundle, err := manifest.NewBundle(map[manifest.Path][]byte{manifest.Path(kind.MainFile): data})
	if err != nil {
		return "", false, err
	}
	identity, ok := assettype.Identity(kind, t.Metadata, bundle)
	return identity, ok, nil
}

// agentTypesOf returns the agent types in the metadata of an asset; none where
// they are not written as such.
func agentTypesOf(metadata map[string]any) (types []string) {
	list, _ := metadata[agentTypesKey].([]any)
	for _, item := range list {
		name, ok := item.(string)
		if !ok || !agentTypeForm().MatchString(name) {
			return nil
		}
		types = append(types, name)
	}
	return types
}

// thereWords describe the asset that a target has already, as cells.
func thereWords(there map[string]assetReport, target string) []string {
	r, ok := there[target]
	if !ok {
		return nil
	}
	what := []string{fmt.Sprintf("v%d", r.Version)}
	if r.UpdatedAt != nil {
		what = append(what, "of "+localTime(r.UpdatedAt))
	}
	if types := agentTypesOf(r.Metadata); len(types) > 0 {
		what = append(what, "for "+wordList(types, "and"))
	}
	if status, ok := r.Metadata["status"].(string); ok && status != "ACTIVE" {
		what = append(what, status)
	}
	return []string{r.AssetID, strings.Join(what, ", ")}
}

// nearby is what a config above dir says about the place of its assets; nothing
// when there is none, or none that can be used.
func nearby(dir string) (InitOptions, error) {
	file, err := FindConfig(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return InitOptions{}, nil
	}
	if err != nil {
		return InitOptions{}, err
	}
	config, err := LoadConfig(file, dir)
	if err != nil {
		return InitOptions{}, err
	}
	e := config.Single
	o := InitOptions{Region: e.Region.V, AgentSpace: e.AgentSpace.V, Endpoint: e.Endpoint.V, Account: e.Account.V, Profile: e.Profile.V}
	if strings.Contains(o.Region+o.AgentSpace+o.Endpoint+o.Account+o.Profile, "${") {
		return InitOptions{}, nil // what the variables hold is another matter
	}
	return o, nil
}
