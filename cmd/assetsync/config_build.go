package main

import (
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// Metadata keys that say which agents use an asset, and the agent type that
// stands for all.
const (
	agentTypesKey = "agent_types" // of a skill
	agentTypeKey  = "agent_type"  // of an agents_md
	genericAgent  = "GENERIC"
)

// build makes the targets of a source: one, or for agents_md one for each
// agent type.
func (x *expander) build(s *source) {
	t := x.settings(s)
	x.checkSource(s, t)
	x.checkDirection(s, t)
	if s.typ != assettype.AgentsMD {
		x.target(s, t, s.path, x.agentTypesIn(s, t))
		return
	}
	agents := x.agentTypes(s, t)
	if len(agents) > 1 && t.directionOf().Takes() {
		x.add(t.Direction.At, s.path, "direction: %s checks out one asset, and %d agent types are as many: make an entry and a file for each, or use direction: push", t.Direction.V, len(agents))
	}
	for _, agent := range agents {
		name := s.path
		if len(agents) > 1 {
			name += "#" + agent
		}
		x.target(s, t, name, t.Metadata.V.over(metadata{agentTypeKey: agent}))
	}
	if len(agents) > 1 && t.Asset.V.In(x.env.Name) != "" {
		x.add(t.Asset.At, s.path, "one asset id cannot stand for %d agent types: each is an asset of its own", len(agents))
	}
}

// agentTypesIn returns the metadata of an asset that is not an agents_md,
// with agent types where a skill has none: the service demands them.
func (x *expander) agentTypesIn(s *source, t TargetConfig) metadata {
	_, given := t.Metadata.V[agentTypesKey]
	switch {
	case t.AgentType.Set() && t.direct:
		var agents []any
		for _, agent := range t.AgentType.V {
			agents = append(agents, agent)
		}
		return t.Metadata.V.over(metadata{agentTypesKey: agents})
	case t.AgentType.Set():
		x.add(t.AgentType.At, s.path, "agent_type is for agents_md; for a %s write metadata: {agent_types: [%s]}",
			s.typ, strings.Join(t.AgentType.V, ", "))
	case !given && s.typ == assettype.Skill:
		x.noteGeneric(s)
		return t.Metadata.V.over(metadata{agentTypesKey: []any{genericAgent}})
	}
	return t.Metadata.V
}

func (x *expander) noteGeneric(s *source) {
	x.note(s.path, "no agent type given: published for all agents (%s)", genericAgent)
}

// agentTypes returns the agent types of an agents_md, from its own key or
// from its metadata; none after a problem.
func (x *expander) agentTypes(s *source, t TargetConfig) []string {
	inMetadata, both := t.Metadata.V[agentTypeKey]
	text, isText := inMetadata.(string)
	switch {
	case t.AgentType.Set() && both:
		x.add(t.AgentType.At, s.path, "agent_type is set twice: remove it from metadata")
	case t.AgentType.Set():
		return t.AgentType.V
	case both && isText:
		return []string{text}
	case both:
		x.add(t.Metadata.At, s.path, "metadata.agent_type is one text; for several assets use the key agent_type of the entry")
	case t.direct:
		x.noteGeneric(s)
		return []string{genericAgent}
	default:
		x.add(x.at(s), s.path, "an agents_md needs agent_type, one or more of %s", strings.Join(assettype.AgentTypes(), ", "))
	}
	return nil
}

// target adds one target.
func (x *expander) target(s *source, t TargetConfig, name string, meta metadata) {
	create := createPolicy(t.Create)
	if create == CreateDefault {
		create = x.env.Create
	}
	x.out.Targets = append(x.out.Targets, Target{
		Name:               name,
		Path:               x.config.osPath(s.path),
		ConfigDir:          x.config.top(),
		Type:               s.typ,
		AssetID:            t.Asset.V.In(x.env.Name),
		Metadata:           meta,
		Ignore:             x.ignoreList(s, t),
		AllowSecrets:       t.AllowSecret.V,
		Text:               manifest.Text(t.Text.V),
		Rev:                x.revOf(t),
		When:               t.whenOf(),
		Direction:          t.directionOf(),
		Branch:             t.Branch.V,
		Atomic:             t.Publish.Atomic.V,
		MaxVersionsPerHour: t.Publish.MaxVersions.Or(defaultMaxVersions),
		MaxFileCalls:       t.Publish.MaxFileCalls.Or(defaultMaxFileCalls),
		MaxDeletes:         t.Deletes.MaxFiles.Or(defaultMaxDeletes),
		MaxDeletePercent:   t.Deletes.MaxPercent.Or(defaultMaxDeletePercent),
		Protected:          x.env.Protected || t.Protected.V,
		Create:             create,
		RenamedFrom:        t.RenamedFrom.V,
		Line:               x.at(s).Line,
	})
}

// ignoreList returns the patterns of a target. The config itself is no part
// of an asset whose directory it lies in.
func (x *expander) ignoreList(s *source, t TargetConfig) []string {
	list := slices.Clone(t.Ignore.V)
	if s.path == "." && x.config.File != "" {
		list = append(list, "/"+filepath.Base(x.config.File))
	}
	return list
}

// refuseShared finds targets that would fight over one asset.
func (x *expander) refuseShared() {
	byID, byOldName := map[string]Target{}, map[string]Target{}
	for _, t := range x.out.Targets {
		x.refuseSecond(byID, "asset", t.AssetID, t)
		if t.RenamedFrom != "" {
			x.refuseSecond(byOldName, "renamed_from", t.Type+" "+t.RenamedFrom, t)
		}
	}
}

func (x *expander) refuseSecond(seen map[string]Target, key, id string, t Target) {
	first, taken := seen[id]
	switch {
	case id == "":
	case !taken:
		seen[id] = t
	case first.Path == t.Path: // of one entry; build has said so
	default:
		if first.Line > t.Line {
			first, t = t, first
		}
		x.add(x.entryAt(t.Line), "", "targets %s (line %d) and %s (line %d) have the same %s, %s: give each its own",
			quoted(first.Name), first.Line, quoted(t.Name), t.Line, key, id)
	}
}

// entryAt returns where the entry on a line begins.
func (x *expander) entryAt(line int) pos {
	for _, t := range x.config.Targets {
		if t.At.Line == line {
			return t.At
		}
	}
	return pos{line, 1}
}

// globBase returns the directory that a glob begins in.
func globBase(t TargetConfig) string {
	base, _ := doublestar.SplitPattern(path.Clean(t.Path.V))
	return base
}
