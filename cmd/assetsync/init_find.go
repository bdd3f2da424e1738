package main

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"assetsync/internal/lazyregexp"
	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// foundAsset is an asset that init proposes.
type foundAsset struct {
	path  string // of the directory, or of the file for a type of a single file
	typ   string
	agent string // agent type of an agents_md
	name  string // of a custom agent

	agents []string // agent types of a skill
	asset  string   // id of the asset that is there already
}

// neverSearched names directories that hold other people's files or built
// ones.
var neverSearched = []string{"node_modules", "vendor", "venv", "dist", "build", "target", "__pycache__", "testdata"}

// findAssets looks for main files in root, not below a directory that is an
// asset itself. Notes say what is there and not proposed, and why.
func findAssets(root fs.FS) (assets []foundAsset, notes []string, err error) {
	walked := 0
	rules, err := manifest.NewIgnore(nil)
	if err != nil {
		return nil, nil, err
	}
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("look for assets: %w", err)
		}
		if walked++; walked > maxWalked {
			return usageError(nil, "run init in the directory that holds the assets", "look for assets: more than %d files", maxWalked)
		}
		if !d.IsDir() {
			return nil
		}
		if name != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains(neverSearched, d.Name()) || rules.IgnoredDir(manifest.Path(name))) {
			return fs.SkipDir
		}
		rules = withGitignore(rules, root, name)
		found := assetsIn(root, name)
		assets = append(assets, found...)
		if slices.ContainsFunc(found, func(a foundAsset) bool { return a.path == name }) {
			return fs.SkipDir // the directory is an asset
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	assets, notes = chooseAgents(assets)
	return assets, notes, nil
}

// withGitignore adds the .gitignore file of a directory, if it has one.
func withGitignore(rules *manifest.Ignore, root fs.FS, dir string) *manifest.Ignore {
	data, err := fs.ReadFile(root, path.Join(dir, manifest.GitIgnore.Filename()))
	if err != nil {
		return rules
	}
	return rules.With(manifest.IgnoreFile{Layer: manifest.GitIgnore, Dir: manifest.Path(strings.TrimPrefix(dir, ".")), Data: data})
}

// assetsIn returns the assets that are the directory dir, or lie in it.
func assetsIn(root fs.FS, dir string) (out []foundAsset) {
	m := matcher{fsys: root}
	for _, t := range assettype.All() {
		if t.MainFile == "" || !t.Pushable || !m.holds(dir, t.MainFile) {
			continue
		}
		a := foundAsset{path: dir, typ: t.Name}
		switch {
		case t.SingleFile:
			a.path = path.Join(dir, t.MainFile)
		case t.Name == assettype.CustomAgent:
			a.name = guessName(root, path.Join(dir, t.MainFile), dir)
		}
		out = append(out, a)
	}
	// A directory that is an asset takes the files in it along.
	if i := slices.IndexFunc(out, func(a foundAsset) bool { return a.path == dir }); i >= 0 {
		return out[i : i+1]
	}
	return out
}

var notInName = lazyregexp.New(`[^a-z0-9]+`)

// guessName returns the name that the main file gives, or one made of the
// directory's.
func guessName(root fs.FS, main, dir string) string {
	if data, err := fs.ReadFile(root, main); err == nil {
		if f, err := assettype.ParseFrontmatter(data); err == nil && f.Name != "" {
			return f.Name
		}
	}
	name := strings.Trim(notInName().ReplaceAllString(strings.ToLower(path.Base(dir)), "-"), "-")
	return orDefault(name, "agent")
}

// chooseAgents gives each agents_md an agent type: one that its path speaks
// of, or for the first without GENERIC. A space has one asset for each, so
// the others are left out and noted.
func chooseAgents(assets []foundAsset) (out []foundAsset, notes []string) {
	taken := map[string]string{}
	for _, a := range assets {
		if a.typ != assettype.AgentsMD {
			out = append(out, a)
			continue
		}
		a.agent = guessAgent(a.path)
		if first, ok := taken[a.agent]; ok {
			notes = append(notes, fmt.Sprintf("%s is left out: %s has agent type %s already; add an entry with another agent_type", a.path, first, a.agent))
			continue
		}
		taken[a.agent] = a.path
		notes = append(notes, fmt.Sprintf("%s: agent type %s is a guess; check agent_type", a.path, a.agent))
		out = append(out, a)
	}
	return out, notes
}

// guessAgent returns the agent type that a directory of name is called
// after, GENERIC when none is.
func guessAgent(name string) string {
	for _, dir := range strings.Split(path.Dir(name), "/") {
		word := strings.ToUpper(strings.ReplaceAll(dir, "-", "_"))
		for _, agent := range assettype.AgentTypes() {
			if word == agent || "INCIDENT_"+word == agent {
				return agent
			}
		}
	}
	return genericAgent
}

// entry returns the asset as an entry of targets.
func (a foundAsset) entry() initEntry {
	e := initEntry{path: quoteGlob(a.path), keys: []initKey{{"type", a.typ}}}
	switch a.typ {
	case assettype.Skill:
		e.keys = append(e.keys, a.agentKey())
	case assettype.AgentsMD:
		e.keys = append(e.keys, initKey{"agent_type", a.agent})
	case assettype.CustomAgent:
		e.keys = append(e.keys, initKey{"metadata", fmt.Sprintf("{name: %s}", yamlText(a.name))})
	}
	return a.pinned(e)
}

func (a foundAsset) agentKey() initKey {
	var types []string
	for _, t := range a.agents {
		types = append(types, yamlText(t)) // the remote's may be anything
	}
	return initKey{"metadata", fmt.Sprintf("{%s: [%s]}", agentTypesKey, strings.Join(types, ", "))}
}

func (a foundAsset) pinned(e initEntry) initEntry {
	if a.asset != "" {
		e.keys = append(e.keys, initKey{"asset", a.asset})
	}
	return e
}

// exception returns an entry with what sets a skill apart from its group; it has
// no keys when nothing does.
func (a foundAsset) exception(shared []string) initEntry {
	e := initEntry{path: quoteGlob(a.path)}
	if !sameWords(a.agents, shared) {
		e.keys = append(e.keys, a.agentKey())
	}
	return a.pinned(e)
}

// sameWords compares two lists as sets.
func sameWords(a, b []string) bool {
	return slices.Equal(slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}
