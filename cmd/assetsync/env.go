package main

import (
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"assetsync/internal/lazyregexp"
	"assetsync/manifest/secrets"
)

// EmbeddedEndpoint as an endpoint is a remote in the state directory.
const EmbeddedEndpoint = "embedded"

// What an embedded remote is known by when the config does not say; the
// emulator takes any.
const (
	embeddedRegion     = "local"
	embeddedAgentSpace = "local"
)

// emulatorRegion is signed for when the endpoint is on this machine and no
// region is given: an emulator takes any, and one that does not depend on a
// profile keeps state in one place.
const emulatorRegion = "us-east-1"

// Environment is where the assets of one run live: an environment of the
// config with its variables filled in.
type Environment struct {
	Name       string // "" for the single environment without a name
	Region     string // "" leaves it to the AWS profile
	AgentSpace string
	Endpoint   string // "" is the service in the region, [EmbeddedEndpoint], or a URL
	Account    string // 12 digits, or "" when it is not to be checked
	Profile    string
	RoleARN    string
	Protected  bool
	Create     CreatePolicy
	Rate       Rate
}

// Rate limits the requests of a process to one account and region.
type Rate struct {
	RequestsPerSecond float64 // more than 0
	Burst             int     // 1 or more
}

// Embedded reports whether the remote is in the state directory.
func (e Environment) Embedded() bool { return e.Endpoint == EmbeddedEndpoint }

// EnvironmentNames returns the names under environments, sorted.
func (c *Config) EnvironmentNames() []string { return slices.Sorted(maps.Keys(c.Environments)) }

// secretName is what credentials are called in an environment.
var secretName = lazyregexp.New(`(?i)(^|_)(secret|token|password|passwd|credentials?|(access|api|private)_?key)(_|$)`)

// Environment returns the environment that name, from --env or ASSETSYNC_ENV,
// chooses; "" chooses the only one. getenv looks up the variables that its
// text names as ${env:NAME}; those of other environments need not be set. One that
// looks like a credential is refused: a config that came with a repository would
// send it to an endpoint of its own. Errors are usage errors, all at once.
func (c *Config) Environment(name string, getenv func(string) (string, bool)) (Environment, error) {
	name, err := c.chooseEnvironment(name)
	if err != nil {
		return Environment{}, err
	}
	written, key := c.Single, ""
	if name != "" {
		written, key = c.Environments[name], join("environments", name)
	}
	p := &problems{file: c.File}
	scanner := secrets.New()
	fill := func(field string, v value[string]) string {
		return interpolate(p, join(key, field), v, func(variable string) (string, bool) {
			text, ok := getenv(variable)
			if secretName().MatchString(variable) || len(scanner.ScanValue(variable, text)) > 0 {
				p.add(v.At, join(key, field), "the environment variable %s looks like a credential, and all of this is sent to the remote: use another one", quoted(variable))
			}
			return text, ok
		})
	}
	env := Environment{
		Name:       name,
		Region:     fill("region", written.Region),
		AgentSpace: fill("agent_space", written.AgentSpace),
		Endpoint:   fill("endpoint", written.Endpoint),
		Account:    fill("account", written.Account),
		Profile:    fill("profile", written.Profile),
		RoleARN:    fill("role_arn", written.RoleARN),
		Protected:  written.Protected.V,
		Create:     createPolicy(written.Create),
		Rate:       Rate{c.Rate.RequestsPerSecond.Or(defaultRequestsPerSecond), c.Rate.Burst.Or(defaultBurst)},
	}
	if len(p.list) == 0 {
		env.check(p, written, key)
	}
	if err := p.err(); err != nil {
		return Environment{}, err
	}
	env.fillDefaults()
	return env, nil
}

// chooseEnvironment returns the name of the environment that name chooses,
// "" for the single one without a name.
func (c *Config) chooseEnvironment(name string) (string, error) {
	const hint = "choose with --env NAME or ASSETSYNC_ENV"
	names := c.EnvironmentNames()
	switch {
	case slices.Contains(names, name), len(names) == 0 && name == "":
		return name, nil
	case len(names) == 0:
		return "", usageError(nil, "leave out --env and ASSETSYNC_ENV, or name it under environments:",
			"environment %s: %s has one environment, without a name", quoted(name), c.shown())
	case name == "" && len(names) == 1:
		return names[0], nil
	case name == "":
		return "", usageError(nil, hint, "%s has several environments and no default: %s", c.shown(), wordList(names, "and"))
	}
	return "", usageError(nil, hint, "no environment %s in %s: it has %s", quoted(name), c.shown(), wordList(names, "and"))
}

func (c *Config) shown() string {
	if c.File == "" {
		return "the command line"
	}
	return c.File
}

func createPolicy(v value[bool]) CreatePolicy {
	switch {
	case !v.Set():
		return CreateDefault
	case v.V:
		return CreateAlways
	}
	return CreateNever
}

var (
	accountForm = lazyregexp.New(`^[0-9]{12}$`)
	regionForm  = lazyregexp.New(`^[a-z0-9-]+$`)
)

// check reports what is wrong with the values as they are used.
func (e Environment) check(p *problems, written EnvironmentConfig, key string) {
	if e.AgentSpace == "" && !e.Embedded() {
		at := written.At
		if at.Line == 0 {
			at = pos{1, 1}
		}
		p.add(at, join(key, "agent_space"), "is missing: give the agent space's id, or endpoint: %s for a local remote", EmbeddedEndpoint)
	}
	if strings.ContainsFunc(e.AgentSpace, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f }) {
		p.add(written.AgentSpace.At, join(key, "agent_space"), "%s is no agent space id: it has no spaces and no slashes", quoted(e.AgentSpace))
	}
	if e.Region != "" && !regionForm().MatchString(e.Region) {
		p.add(written.Region.At, join(key, "region"), "%s is no region: they are written as eu-west-1", quoted(e.Region))
	}
	if e.Account != "" && !accountForm().MatchString(e.Account) {
		p.add(written.Account.At, join(key, "account"), "%s is no AWS account: it has 12 digits", quoted(e.Account))
	}
	if e.RoleARN != "" && !strings.HasPrefix(e.RoleARN, "arn:") {
		p.add(written.RoleARN.At, join(key, "role_arn"), "%s is no ARN: want arn:aws:iam::ACCOUNT:role/NAME", quoted(e.RoleARN))
	}
	if reason := endpointFault(e.Endpoint); reason != "" {
		p.add(written.Endpoint.At, join(key, "endpoint"), "%s %s", quoted(e.Endpoint), reason)
	}
}

func endpointFault(s string) string {
	if s == "" || s == EmbeddedEndpoint {
		return ""
	}
	if distance(s, EmbeddedEndpoint) <= 2 {
		return `is no URL; did you mean "embedded"?`
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "is no URL: want https://HOST, http://HOST or " + EmbeddedEndpoint
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "may hold a host, a port and a path, nothing else"
	}
	return ""
}

// fillDefaults completes what an endpoint other than the service implies.
func (e *Environment) fillDefaults() {
	switch {
	case e.Embedded():
		e.Region = orDefault(e.Region, embeddedRegion)
		e.AgentSpace = orDefault(e.AgentSpace, embeddedAgentSpace)
	case onThisMachine(e.Endpoint):
		e.Region = orDefault(e.Region, emulatorRegion)
	}
}

func orDefault(s, def string) string {
	if s == "" {
		return def
	}
	return s
}

func onThisMachine(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || endpoint == "" {
		return false
	}
	host := u.Hostname()
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// interpolate replaces ${env:NAME} by the variable's value and $${ by ${.
// What a variable holds is not looked into. A variable that is unset or
// empty is a problem: an empty account would switch its check off unseen.
func interpolate(p *problems, key string, v value[string], getenv func(string) (string, bool)) string {
	var out strings.Builder
	for rest := v.V; ; {
		i := strings.Index(rest, "${")
		if i < 0 {
			out.WriteString(rest)
			return out.String()
		}
		if i > 0 && rest[i-1] == '$' {
			out.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		name, after, closed := strings.Cut(rest[i+2:], "}")
		variable, isEnv := strings.CutPrefix(name, "env:")
		switch {
		case !closed:
			p.add(v.At, key, "%s opens ${ and does not close it: write $${ for the signs themselves", quoted(v.V))
			return ""
		case !isEnv || variable == "":
			p.add(v.At, key, "%s: want ${env:NAME}; write $${ for the signs themselves", quoted("${"+name+"}"))
			return ""
		}
		text, ok := getenv(variable)
		if text == "" {
			state := map[bool]string{true: "empty", false: "not set"}[ok]
			p.add(v.At, key, "the environment variable %s is %s", quoted(variable), state)
			return ""
		}
		out.WriteString(rest[:i] + text)
		rest = after
	}
}
