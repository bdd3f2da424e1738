package main

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"assetsync/internal/lazyregexp"
	"assetsync/manifest"
	"assetsync/remote/assettype"
	assetsync "assetsync/sync"
)

// maxPatternBytes bounds what a glob can cost; it is the service's own limit
// of a path.
const maxPatternBytes = 512

// check reports what is wrong with a config that could be read, as far as
// the config alone shows it.
func (c *Config) check(p *problems) {
	if first, ok := c.Single.first(); ok && len(c.Environments) > 0 {
		p.add(first.At, first.Key, "is set beside environments: put it into one of them (%s)", wordList(c.EnvironmentNames(), "or"))
	}
	for name, env := range c.Environments {
		if !environmentName().MatchString(name) {
			p.add(env.At, join("environments", name), "an environment's name is letters, digits, dots, - and _")
		}
	}
	c.Rate.check(p)
	c.Watching.check(p)
	c.Notifying.check(p)
	for i, t := range c.Targets {
		t.check(p, fmt.Sprintf("targets[%d]", i), c.Environments)
	}
}

var (
	environmentName = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)
	assetID         = lazyregexp.New(`^[a-zA-Z0-9_.-]{1,128}$`) // API model, ResourceId
	agentTypeForm   = lazyregexp.New(`^[A-Z][A-Z0-9_]*$`)
)

// setKey is a key that was written.
type setKey struct {
	Key string
	At  pos
}

// first returns the first key of the environment that is set.
func (e EnvironmentConfig) first() (setKey, bool) {
	keys := []setKey{
		{"region", e.Region.At}, {"agent_space", e.AgentSpace.At}, {"endpoint", e.Endpoint.At},
		{"account", e.Account.At}, {"profile", e.Profile.At}, {"role_arn", e.RoleARN.At},
		{"protected", e.Protected.At}, {"create", e.Create.At},
	}
	keys = slices.DeleteFunc(keys, func(k setKey) bool { return k.At.Line == 0 })
	if len(keys) == 0 {
		return setKey{}, false
	}
	return slices.MinFunc(keys, func(a, b setKey) int { return a.At.Line - b.At.Line }), true
}

func (r RateConfig) check(p *problems) {
	if r.RequestsPerSecond.Set() && r.RequestsPerSecond.V <= 0 {
		p.add(r.RequestsPerSecond.At, "rate.requests_per_second", "want more than 0, got %v", r.RequestsPerSecond.V)
	}
	atLeast(p, "rate.burst", r.Burst, 1)
}

func atLeast(p *problems, key string, v value[int], least int) {
	if v.Set() && v.V < least {
		p.add(v.At, key, "want %d or more, got %d", least, v.V)
	}
}

func (t TargetConfig) check(p *problems, key string, envs map[string]EnvironmentConfig) {
	if !t.Path.Set() {
		p.add(t.At, key, "path is missing: name a directory, a file or a glob such as skills/**")
	} else if reason := patternFault(t.Path.V); reason != "" {
		p.add(t.Path.At, key+".path", "%s %s", quoted(t.Path.V), reason)
	}
	t.checkValues(p, key, envs)
}

// checkValues checks everything but the path.
func (t TargetConfig) checkValues(p *problems, key string, envs map[string]EnvironmentConfig) {
	if _, ok := assettype.Lookup(t.Type.V); t.Type.Set() && !ok {
		p.add(t.Type.At, join(key, "type"), "unknown asset type %s%s", quoted(t.Type.V), didYouMean(t.Type.V, typeNames()))
	}
	t.checkAsset(p, join(key, "asset"), envs)
	t.checkAgentType(p, key)
	oneOf(p, join(key, "text"), t.Text, []string{string(manifest.TextExact), string(manifest.TextLF)})
	oneOf(p, join(key, "direction"), t.Direction, directions())
	oneOf(p, key+".publish.when", t.Publish.When, publishTimes())
	if reason := sourceFault(t.Source.V); t.Source.Set() && reason != "" {
		p.add(t.Source.At, join(key, "source"), "%s %s", quoted(t.Source.V), reason)
	}
	if reason := branchFault(t.Branch.V); t.Branch.Set() && reason != "" {
		p.add(t.Branch.At, join(key, "branch"), "%s %s", quoted(t.Branch.V), reason)
	}
	for i, pattern := range t.Ignore.V {
		if _, err := manifest.NewIgnore([]string{pattern}); err != nil {
			p.add(t.Ignore.At, fmt.Sprintf("%s.ignore[%d]", key, i), "%s", shortened(err.Error()))
		}
	}
	for i, pattern := range t.AllowSecret.V {
		if _, err := manifest.NewPatterns([]string{pattern}); err != nil {
			p.add(t.AllowSecret.At, fmt.Sprintf("%s.allow_secrets[%d]", key, i), "%s", shortened(strings.TrimPrefix(err.Error(), "ignore ")))
		}
	}
	atLeast(p, key+".publish.max_versions_per_hour", t.Publish.MaxVersions, 0)
	if n := t.Publish.MaxVersions; n.V > assetsync.MaxVersionsPerHour {
		p.add(n.At, key+".publish.max_versions_per_hour", "want %d or less, got %d: the state counts no more of them", assetsync.MaxVersionsPerHour, n.V)
	}
	atLeast(p, key+".publish.max_file_calls", t.Publish.MaxFileCalls, 0)
	atLeast(p, key+".deletes.max_files", t.Deletes.MaxFiles, 0)
	atLeast(p, key+".deletes.max_percent", t.Deletes.MaxPercent, 0)
	if percent := t.Deletes.MaxPercent; percent.Set() && percent.V > 100 {
		p.add(percent.At, key+".deletes.max_percent", "want 100 or less, got %d", percent.V)
	}
}

func (t TargetConfig) checkAsset(p *problems, key string, envs map[string]EnvironmentConfig) {
	names := slices.Sorted(maps.Keys(envs))
	ids := []string{}
	if t.Asset.V.Any != "" {
		ids = append(ids, t.Asset.V.Any)
	}
	for _, env := range slices.Sorted(maps.Keys(t.Asset.V.ByEnv)) {
		if !slices.Contains(names, env) {
			p.add(t.Asset.At, join(key, env), "no environment has this name%s", didYouMean(env, names))
		}
		ids = append(ids, t.Asset.V.ByEnv[env])
	}
	for _, id := range ids {
		if !assetID().MatchString(id) {
			p.add(t.Asset.At, key, "%s is no asset id: assetsync asset list shows them", quoted(id))
		}
	}
}

func (t TargetConfig) checkAgentType(p *problems, key string) {
	for i, name := range t.AgentType.V {
		switch {
		case !agentTypeForm().MatchString(name):
			p.add(t.AgentType.At, join(key, "agent_type"), "%s is no agent type: they are written as INCIDENT_RCA%s",
				quoted(name), didYouMean(strings.ToUpper(name), assettype.AgentTypes()))
		case slices.Contains(t.AgentType.V[:i], name):
			p.add(t.AgentType.At, join(key, "agent_type"), "%s is named twice", name)
		}
	}
}

func typeNames() []string {
	var names []string
	for _, t := range assettype.All() {
		names = append(names, t.Name)
	}
	return names
}

// patternFault says why s cannot be the path of a target, or nothing.
func patternFault(s string) string {
	switch {
	case len(s) > maxPatternBytes:
		return fmt.Sprintf("is longer than %d bytes", maxPatternBytes)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "contains a control character"
	case path.IsAbs(s) || windowsDrive().MatchString(s):
		return "is absolute: want a path relative to the directory of the config"
	case windowsSlash().MatchString(s):
		return "contains a backslash: write / between directories"
	case slices.Contains(strings.Split(s, "/"), ".."):
		return "leads out of the directory of the config: move the config up, or the target down"
	case !doublestar.ValidatePattern(s):
		return "is not a valid glob: look for an open bracket or brace"
	}
	return ""
}

var (
	windowsDrive = lazyregexp.New(`^[A-Za-z]:[/\\]`)
	windowsSlash = lazyregexp.New(`\\[A-Za-z0-9_.-]`) // a backslash before a sign of globs is an escape
)

// branchFault says why s cannot be the name of a git branch, or nothing: the
// rules of git check-ref-format --branch.
func branchFault(s string) string {
	bare, isRef := strings.CutPrefix(s, "refs/heads/")
	parts := strings.Split(s, "/")
	badPart := func(part string) bool {
		return part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	switch {
	case isRef:
		return "is a ref: want the branch's name, " + quoted(bare)
	case s == "HEAD" || s == "@":
		return "is no branch: it stands for what is checked out"
	case strings.HasPrefix(s, "-"):
		return "is no branch name: it begins with -"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`~^:?*[\`, r) }):
		return `is no branch name: it holds a space or one of ~ ^ : ? * [ \`
	case strings.Contains(s, "..") || strings.Contains(s, "@{"):
		return "is no branch name: it holds .. or @{"
	case slices.ContainsFunc(parts, badPart):
		return "is no branch name: a part of it is empty, begins with a dot or ends with .lock"
	case strings.HasSuffix(s, "."):
		return "is no branch name: it ends with a dot"
	}
	return ""
}
