package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
	assetsync "assetsync/sync"
)

// clonePlan is how a config holds an asset that is in the directory of that config.
type clonePlan struct {
	dir   string // what the directory is called when nobody says
	entry initEntry
}

// planClone makes the entry of an asset. What the remote says of it may be anything:
// what cannot stand in a config, or be a file here, is refused.
func planClone(r assetReport) (clonePlan, error) {
	kind, known := assettype.Lookup(r.AssetType)
	switch {
	case !assetID().MatchString(r.AssetID):
		return clonePlan{}, refusedClone("its id is %s, which cannot be pinned", quoted(r.AssetID))
	case !known:
		return clonePlan{}, refusedClone("asset %s is of type %s, which this version of assetsync does not know", r.AssetID, quoted(r.AssetType))
	}
	p := clonePlan{dir: dirNameOf(r), entry: initEntry{path: ".", keys: []initKey{{"type", kind.Name}, {"asset", r.AssetID}}}}
	if kind.SingleFile {
		p.entry.path = kind.MainFile
	}
	switch kind.Name {
	case assettype.Skill:
		if types := agentTypesOf(r.Metadata); len(types) > 0 {
			p.entry.keys = append(p.entry.keys, foundAsset{agents: types}.agentKey())
		}
	case assettype.AgentsMD:
		agent, _ := r.Metadata[agentTypeKey].(string)
		if !agentTypeForm().MatchString(agent) {
			return clonePlan{}, refusedClone("asset %s is for the agent type %s, which is none", r.AssetID, quoted(agent))
		}
		p.entry.keys = append(p.entry.keys, initKey{"agent_type", agent})
	case assettype.CustomAgent:
		if name, _ := r.Metadata["name"].(string); name != "" {
			p.entry.keys = append(p.entry.keys, initKey{"metadata", fmt.Sprintf("{name: %s}", yamlText(name))})
		}
	case assettype.Attachment:
		name, _ := r.Metadata["filename"].(string)
		if reason := fileNameFault(name); reason != "" {
			return clonePlan{}, refusedClone("asset %s has the file name %s, which %s", r.AssetID, quoted(name), reason)
		}
		p.entry.path = quoteGlob(name)
	}
	if !kind.Pushable {
		p.entry.keys = append(p.entry.keys, initKey{"direction", string(assetsync.PullOnly)})
	}
	return p, nil
}

func refusedClone(format string, args ...any) error {
	return &assetsync.Error{Kind: assetsync.KindGuard, Message: "clone: " + fmt.Sprintf(format, args...), Hint: "nothing was written; assetsync asset get ID shows it"}
}

// dirNameOf makes the name of a directory of what an asset is called.
func dirNameOf(r assetReport) string {
	name := strings.TrimSuffix(r.Name, path.Ext(r.Name))
	name = strings.Trim(notInName().ReplaceAllString(strings.ToLower(name), "-"), "-")
	const longest = 64 // no name of the service's is longer
	return orDefault(strings.Trim(name[:min(len(name), longest)], "-"), r.AssetID)
}

// fileNameFault says why a name cannot be that of a file beside the config, or
// nothing.
func fileNameFault(name string) string {
	switch {
	case name == "":
		return "is missing"
	case strings.ContainsAny(name, `/\`):
		return "is a path"
	case slices.Contains([]string{ConfigName, "."}, strings.ToLower(name)) || strings.HasPrefix(name, "."):
		return "is taken, or hidden"
	}
	if err := remote.Edition20260617().CheckPath(name); err != nil {
		return err.Error()
	}
	if rules, err := manifest.NewIgnore(nil); err != nil || rules.Ignored(manifest.Path(name)) {
		return "is never published"
	}
	return ""
}
