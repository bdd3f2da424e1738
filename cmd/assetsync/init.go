package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"assetsync/remote/assettype"
)

// InitOptions are what the command line, or answers, say. Without any of region,
// agent space and endpoint the config begins with a local remote.
type InitOptions struct {
	Region, AgentSpace, Endpoint, Account, Profile, RoleARN string

	Type       string   // only assets of this type; "": all that are found
	AgentTypes []string // of the skills; nil: GENERIC
	Scan       bool     // one entry for all skills, and a look at what seems to be one

	// Adopted is what assets of the space hold of the targets, by their path.
	Adopted map[string]Adopted
}

// Adopted is an asset that is there already.
type Adopted struct {
	ID         string
	AgentTypes []string // of a skill
}

// local reports whether nothing says where the service is.
func (o InitOptions) local() bool { return o.Region == "" && o.AgentSpace == "" && o.Endpoint == "" }

// check reports flags that make no environment, before the config that they
// would make is refused for it: that one does not exist.
func (o InitOptions) check() error {
	switch {
	case o.Endpoint != "" && endpointFault(o.Endpoint) != "":
		return usageError(nil, "give --endpoint embedded, or the URL of the service", "--endpoint %s %s", quoted(o.Endpoint), endpointFault(o.Endpoint))
	case o.AgentSpace == "" && o.Endpoint != EmbeddedEndpoint && !o.local():
		return usageError(nil, "give --agent-space ID (an emulator takes any, for example sp-1), or --endpoint embedded alone for a local remote", "init: --agent-space is missing")
	}
	return nil
}

// InitSummary says what a generated config holds.
type InitSummary struct {
	Targets []Target  // as Expand yields them; Path is relative
	Notes   []string  // what people should look at
	Skipped []Skipped // what looks like a skill and is no target, with Scan
}

// GenerateConfig writes a config for the assets that it finds in root, with
// every key that may be added as a comment. What it returns has been read
// and expanded again. It fails when root has a config.
func GenerateConfig(root fs.FS, opts InitOptions) ([]byte, InitSummary, error) {
	if _, err := fs.Stat(root, ConfigName); err == nil {
		return nil, InitSummary{}, configExists(ConfigName)
	}
	assets, notes, err := findAssets(root)
	if err != nil {
		return nil, InitSummary{}, err
	}
	assets = opts.chosen(assets)
	found, err := tightest(root, opts, assets)
	if err != nil {
		return nil, InitSummary{}, err
	}
	var skipped []Skipped
	if opts.Scan {
		if skipped, err = findSeeming(root, found.Targets); err != nil {
			return nil, InitSummary{}, err
		}
		notes = append(notes, doubtfulSkills(root, assets)...)
	}
	for _, n := range found.Notes {
		notes = append(notes, strings.TrimPrefix(n.Target+": "+n.Text, ": "))
	}
	return found.text, InitSummary{found.Targets, notes, skipped}, nil
}

// chosen returns the assets of the type that is wanted, with what is known of
// them.
func (o InitOptions) chosen(assets []foundAsset) (out []foundAsset) {
	for _, a := range assets {
		if o.Type != "" && a.typ != o.Type {
			continue
		}
		a.agents = o.shared()
		if there, ok := o.Adopted[a.path]; ok {
			a.asset = there.ID
			if len(there.AgentTypes) > 0 && a.typ == assettype.Skill {
				a.agents = there.AgentTypes
			}
		}
		out = append(out, a)
	}
	return out
}

// shared are the agent types of a skill of which nothing else is known.
func (o InitOptions) shared() []string {
	if len(o.AgentTypes) > 0 {
		return o.AgentTypes
	}
	return []string{genericAgent}
}

// tightest makes the config with the fewest entries whose globs catch nothing
// that init would not propose.
func tightest(root fs.FS, opts InitOptions, assets []foundAsset) (generated, error) {
	ways := [][]initEntry{groupEntries(assets, opts.shared(), topOf), singleEntries(assets)}
	if opts.Scan {
		ways = slices.Insert(ways, 0, groupEntries(assets, opts.shared(), anywhere))
	}
	for i, entries := range ways {
		found, err := expandGenerated(root, renderConfig(opts, entries))
		if i == len(ways)-1 || err == nil && sameAssets(found.Targets, assets) {
			return found, err
		}
	}
	panic("no way to write a config was tried")
}

type generated struct {
	Expansion
	text []byte
}

// expandGenerated reads a config back as a run would.
func expandGenerated(root fs.FS, text []byte) (generated, error) {
	c, err := ParseConfig(text, ConfigName)
	if err != nil {
		return generated{}, err
	}
	env, err := c.Environment("", func(string) (string, bool) { return "", false })
	if err != nil {
		return generated{}, err
	}
	x, err := c.Expand(root, env, ExpandOptions{})
	return generated{x, text}, err
}

func sameAssets(targets []Target, assets []foundAsset) bool {
	var want, got []string
	for _, a := range assets {
		want = append(want, a.path)
	}
	for _, t := range targets {
		got = append(got, t.Name)
	}
	slices.Sort(want)
	slices.Sort(got)
	return slices.Equal(want, got)
}

// WriteNewConfig writes a config where there is none; a file that exists is
// left as it is, with a usage error.
func WriteNewConfig(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return configExists(path)
	}
	if err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		// Half a config would be taken for one, and it would not be
		// overwritten by the next init.
		return errors.Join(fmt.Errorf("write config: %w", err), os.Remove(path))
	}
	return nil
}

func configExists(name string) error {
	return usageError(fs.ErrExist, "edit it, or remove it first", "write %s: it exists already", name)
}

// initEntry is an entry of targets as it is generated.
type initEntry struct {
	path string
	keys []initKey // besides the path, in order
}

// initKey is a key with its value as YAML.
type initKey struct{ name, value string }

// topOf groups skills by their first directory; one at the top is none of a group.
func topOf(path string) (group string, ok bool) {
	top, _, nested := strings.Cut(path, "/")
	return top, nested
}

// anywhere makes all skills one group.
func anywhere(path string) (group string, ok bool) { return "", path != "." }

// groupEntries makes the entries of assets: skills of a group become one glob with
// the agent types that they share, and those that differ follow one by one.
func groupEntries(assets []foundAsset, shared []string, groupOf func(string) (string, bool)) []initEntry {
	skills := map[string][]foundAsset{}
	for _, a := range assets {
		if group, ok := groupOf(a.path); ok && a.typ == assettype.Skill {
			skills[group] = append(skills[group], a)
		}
	}
	var out []initEntry
	for _, a := range assets {
		name, ok := groupOf(a.path)
		group := skills[name]
		if a.typ != assettype.Skill || !ok || len(group) < 2 {
			out = append(out, a.entry())
			continue
		}
		if a.path == group[0].path {
			out = append(out, groupEntry(group, shared))
			for _, one := range group {
				if e := one.exception(shared); len(e.keys) > 0 {
					out = append(out, e)
				}
			}
		}
	}
	return out
}

// groupEntry is the entry for all skills of a group.
func groupEntry(group []foundAsset, shared []string) initEntry {
	dir := commonDir(group)
	all := foundAsset{path: dir, typ: assettype.Skill, agents: shared}.entry()
	if all.path = quoteGlob(dir) + "/**"; dir == "." {
		all.path = "**"
	}
	return all
}

func singleEntries(assets []foundAsset) []initEntry {
	var out []initEntry
	for _, a := range assets {
		out = append(out, a.entry())
	}
	return out
}

// commonDir returns the deepest directory that holds all assets, of which
// there are two or more.
func commonDir(assets []foundAsset) string {
	dir := path.Dir(assets[0].path)
	for _, a := range assets[1:] {
		for !isUnder(a.path, dir) {
			dir = path.Dir(dir)
		}
	}
	return dir
}

// quoteGlob returns a path as a glob that matches it alone.
func quoteGlob(s string) string {
	if !strings.ContainsAny(s, `*?[{\`) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(`*?[]{}\`, r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// yamlText returns s as a YAML text on one line, in quotes where it needs
// them.
func yamlText(s string) string {
	out, err := yaml.MarshalWithOptions(s, yaml.JSON())
	if plain, plainErr := yaml.Marshal(s); plainErr == nil && !bytes.ContainsAny(plain, "\"'|>") {
		out, err = plain, nil
	}
	if err != nil {
		return fmt.Sprintf("%q", s)
	}
	return strings.TrimSpace(string(out))
}

// renderConfig writes the config of entries.
func renderConfig(opts InitOptions, entries []initEntry) []byte {
	var b bytes.Buffer
	b.WriteString(schemaLine + "\n" +
		"# The configuration of assetsync: which directories are kept equal to which\n" +
		"# assets. A key behind \"#\" is not set; the line below it says what it does.\n\n")
	renderEnvironment(&b, opts)
	b.WriteString("\n")
	renderComment(&b, "", reflect.ValueOf(&RateConfig{}).Elem(), "rate")
	renderComment(&b, "", reflect.ValueOf(&WatchConfig{}).Elem(), "watch")
	renderComment(&b, "", reflect.ValueOf(&NotifyConfig{}).Elem(), "notify")
	b.WriteString("\n# What is kept equal to which asset.\n")
	if len(entries) == 0 {
		b.WriteString("# No SKILL.md, AGENTS.md or AGENT.md was found here: write one, then an entry.\ntargets: []\n#  - path: skills/**\n#    type: skill\n")
		return b.Bytes()
	}
	b.WriteString("targets:\n")
	for i, e := range entries {
		fmt.Fprintf(&b, "  - path: %s\n", yamlText(e.path))
		for _, k := range e.keys {
			fmt.Fprintf(&b, "    %s: %s\n", k.name, k.value)
		}
		if i == 0 {
			renderOptional(&b, e)
		}
	}
	return b.Bytes()
}

// renderEnvironment writes the keys of the single environment: those that
// are given, the others as comments.
func renderEnvironment(b *bytes.Buffer, opts InitOptions) {
	set := map[string]string{
		"region": opts.Region, "agent_space": opts.AgentSpace, "endpoint": opts.Endpoint,
		"account": opts.Account, "profile": opts.Profile, "role_arn": opts.RoleARN,
	}
	if opts.local() {
		set["endpoint"] = EmbeddedEndpoint
		b.WriteString("# The assets are kept in .assetsync/ on this machine until endpoint is replaced\n" +
			"# by region and agent_space.\n")
	}
	for _, f := range fieldsOf(reflect.ValueOf(&EnvironmentConfig{}).Elem()) {
		if v := set[f.Name]; v != "" {
			text := yamlText(v)
			if f.Name == "account" {
				text = fmt.Sprintf("%q", v) // YAML would read digits as a number
			}
			fmt.Fprintf(b, "%s: %s\n", f.Name, text)
			continue
		}
		fmt.Fprintf(b, "# %s: %s\n#   %s\n", f.Name, f.Example, f.Doc)
	}
	b.WriteString("# Instead of these keys, for more than one place:\n")
	for _, f := range fieldsOf(reflect.ValueOf(&Config{}).Elem()) {
		if f.Name == "environments" {
			fmt.Fprintf(b, "# %s: %s\n#   %s\n", f.Name, f.Example, f.Doc)
		}
	}
}

// renderOptional writes the keys that the entry does not set, as comments.
func renderOptional(b *bytes.Buffer, e initEntry) {
	b.WriteString("    # These may be added to any entry:\n")
	for _, f := range fieldsOf(reflect.ValueOf(&TargetConfig{}).Elem()) {
		isSet := f.Name == "path" || slices.ContainsFunc(e.keys, func(k initKey) bool { return k.name == f.Name })
		switch {
		case isSet:
		case f.Value.Kind() == reflect.Struct && f.Example == "":
			renderComment(b, "    ", f.Value, f.Name)
		default:
			fmt.Fprintf(b, "    # %s: %s\n    #   %s\n", f.Name, f.Example, f.Doc)
		}
	}
}

// renderComment writes a key that holds keys, as a comment.
func renderComment(b *bytes.Buffer, indent string, v reflect.Value, name string) {
	fmt.Fprintf(b, "%s# %s:\n", indent, name)
	for _, f := range fieldsOf(v) {
		fmt.Fprintf(b, "%s#   %s: %s  # %s\n", indent, f.Name, f.Example, f.Doc)
	}
}
