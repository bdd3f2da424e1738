package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"assetsync/watcher"
)

// ConfigName is the file that [FindConfig] looks for.
const ConfigName = "assetsync.yaml"

// Defaults of keys that have one. The tags below repeat them for people; a
// test holds the two together.
const (
	defaultRequestsPerSecond = 10 // the service publishes no rate limit; these are modest
	defaultBurst             = 20
	defaultMaxFileCalls      = 3
	defaultMaxVersions       = 0 // the service states no limit of versions, and what is saved is to be published
	defaultMaxDeletes        = 10
	defaultMaxDeletePercent  = 25

	defaultWatchMode  = string(watcher.Auto)
	defaultSettle     = watcher.DefaultSettle
	defaultMaxWait    = watcher.DefaultMaxWait
	defaultIdle       = 5 * time.Second
	defaultPollRemote = 30 * time.Second
)

// Config is assetsync.yaml as it was written: nothing in it is a default and
// nothing is interpolated. [Config.Environment] and [Config.Expand] make of
// it what a run needs. It is not changed after [LoadConfig].
//
// The tags of its structs are the manual: yaml is the key, doc says what it
// does, default what holds without it, example a value as YAML.
type Config struct {
	File string // as messages show it; "" when there is no file
	Dir  string // absolute directory that paths are relative to

	digest      [sha256.Size]byte // of the file
	namesSchema bool              // editors are led to the schema in the state directory

	Environments map[string]EnvironmentConfig `yaml:"environments" doc:"Named environments. With several, choose one with --env or ASSETSYNC_ENV." example:"{staging: {region: eu-west-1, agent_space: sp-stage}, prod: {region: eu-west-1, agent_space: sp-prod}}"`
	Single       EnvironmentConfig            `yaml:",inline"`
	Rate         RateConfig                   `yaml:"rate" doc:"How fast requests are sent, shared by all targets of a process."`
	Watching     WatchConfig                  `yaml:"watch" doc:"How the daemon watches, for all targets."`
	Notifying    NotifyConfig                 `yaml:"notify" doc:"Who is told when a target starts to fail, recovers or conflicts; by watch --allow-notify only."`
	Targets      []TargetConfig               `yaml:"targets" doc:"What is kept equal to which asset. Later entries override earlier ones key by key where they match the same path."`
}

// EnvironmentConfig says where assets live. Its text may hold ${env:NAME}.
type EnvironmentConfig struct {
	origin
	Region     value[string] `yaml:"region" doc:"AWS region of the agent space." default:"the profile's region" example:"eu-west-1"`
	AgentSpace value[string] `yaml:"agent_space" doc:"Id of the agent space. Only an embedded endpoint needs none." example:"sp-1a2b3c4d"`
	Endpoint   value[string] `yaml:"endpoint" doc:"Where the service is: \"embedded\" for a local remote in .assetsync/, or a URL." default:"the service in the region" example:"embedded"`
	Account    value[string] `yaml:"account" doc:"AWS account, 12 digits in quotes. Checked before the first write." example:"\"123456789012\""`
	Profile    value[string] `yaml:"profile" doc:"Profile of the AWS configuration." default:"the SDK's choice" example:"ops"`
	RoleARN    value[string] `yaml:"role_arn" doc:"Role to assume before the first request." example:"arn:aws:iam::123456789012:role/assetsync"`
	Protected  value[bool]   `yaml:"protected" doc:"Writes need --allow-protected." default:"false" example:"true"`
	Create     value[bool]   `yaml:"create" doc:"true: always make an asset that is missing; false: never." default:"made, except where protected" example:"false"`
}

// RateConfig limits requests to an account and region.
type RateConfig struct {
	RequestsPerSecond value[float64] `yaml:"requests_per_second" doc:"Requests a second over time." default:"10" example:"10"`
	Burst             value[int]     `yaml:"burst" doc:"Requests that may go out at once." default:"20" example:"20"`
}

// WatchConfig says how a daemon watches.
type WatchConfig struct {
	Mode       value[string]        `yaml:"mode" doc:"How changes of files are noticed: native: by events of the system; poll: by looking again and again; auto: native where that works." default:"auto" example:"auto"`
	Settle     value[time.Duration] `yaml:"settle" doc:"How long a file must be quiet before it is published; 10ms to 1m." default:"100ms" example:"100ms"`
	MaxWait    value[time.Duration] `yaml:"max_wait" doc:"How long a file that is never quiet may put that off; settle to 10m." default:"5s" example:"5s"`
	Idle       value[time.Duration] `yaml:"idle" doc:"How long a target with publish.when: idle must be quiet, at most 12 times as long in all; 100ms to 1h." default:"5s" example:"5s"`
	PollRemote value[time.Duration] `yaml:"poll_remote" doc:"How often remote changes are looked for; 5s to 1h." default:"30s" example:"30s"`
}

// NotifyConfig says who is told of trouble by a daemon.
type NotifyConfig struct {
	origin
	Command value[stringList] `yaml:"command" doc:"Program and its arguments, run without a shell in the directory of this file; it reads the event, JSON, from its standard input." example:"[./scripts/tell.sh, --page]"`
	Webhook value[string]     `yaml:"webhook" doc:"URL that gets the event by POST: https, or http on this machine. It may hold ${env:NAME}, and is never shown." example:"${env:ASSETSYNC_WEBHOOK}"`
}

// TargetConfig is one entry of targets.
type TargetConfig struct {
	origin
	Path        value[string]     `yaml:"path" doc:"Directory, file or glob (**, *, ?, [a-z], {a,b}) below the directory of this file." example:"skills/**"`
	Type        value[string]     `yaml:"type" doc:"Asset type: skill, agents_md, attachment or custom_agent; feedback and test_profile can be pulled." default:"told by SKILL.md, AGENTS.md or AGENT.md" example:"skill"`
	Source      value[string]     `yaml:"source" doc:"What is published: worktree: the directory as it is; git: what HEAD holds of it; git:REV: what another revision holds of it. A pull writes the directory." default:"worktree; git with publish.when: commit" example:"git"`
	Asset       value[assetIDs]   `yaml:"asset" doc:"Id of the asset, or one id for each environment." default:"found by its name" example:"ki-5b1c9f3a"`
	Metadata    value[metadata]   `yaml:"metadata" doc:"Metadata to keep on the asset: texts, numbers, true or false, lists of those. Other keys are left alone." default:"agent_types: [GENERIC] for a skill" example:"{agent_types: [INCIDENT_TRIAGE]}"`
	AgentType   value[oneOrMore]  `yaml:"agent_type" doc:"For agents_md: the agent type, or a list of them. Each makes an asset of its own." example:"CHAT"`
	Ignore      value[stringList] `yaml:"ignore" doc:"Files to leave out, as in .gitignore. Stronger than the ignore files." example:"[README.md, evals/]"`
	AllowSecret value[stringList] `yaml:"allow_secrets" doc:"Files that may look like credentials, as in ignore. See docs/secrets.md." example:"[references/fixtures/]"`
	Text        value[string]     `yaml:"text" doc:"Line ends of text files: exact: published as the bytes are; lf: CRLF is published as LF, and no difference." default:"exact" example:"lf"`
	Publish     PublishConfig     `yaml:"publish" doc:"How changes are published."`
	Deletes     DeletesConfig     `yaml:"deletes" doc:"How many files may go without --allow-deletes."`
	Protected   value[bool]       `yaml:"protected" doc:"Writes need --allow-protected, also when the environment is not protected." default:"the environment's" example:"true"`
	Create      value[bool]       `yaml:"create" doc:"true: always make an asset that is missing; false: never." default:"the environment's" example:"false"`
	Direction   value[string]     `yaml:"direction" doc:"Which side changes by itself: push: the remote, by what is saved here; pull: the directory, by what others publish; both: first the one, then the other. pull and both need source: worktree." default:"push" example:"both"`
	Branch      value[string]     `yaml:"branch" doc:"Publish only while HEAD is on the history of this git branch." example:"main"`
	RenamedFrom value[string]     `yaml:"renamed_from" doc:"Name that the asset had before its frontmatter was changed; a pinned one needs it, too." example:"old-name"`

	direct bool // named on the command line: path is no glob, agent_type goes with any type
}

// PublishConfig is the publish key of a target.
type PublishConfig struct {
	When         value[string] `yaml:"when" doc:"When the daemon publishes: save: once files are quiet; idle: once the target was quiet for watch.idle; commit: the commit's tree, once HEAD moves; manual: never by itself, it only shows what differs." default:"save" example:"save"`
	Atomic       value[bool]   `yaml:"atomic" doc:"Publish all changes in one write, or none." default:"false" example:"true"`
	MaxVersions  value[int]    `yaml:"max_versions_per_hour" doc:"How many versions the daemon makes in any hour, 1 to 20; 0: no limit. Saves beyond it go into the next one. A push that somebody asks for is not put off." default:"0" example:"12"`
	MaxFileCalls value[int]    `yaml:"max_file_calls" doc:"Up to so many changed files are sent one by one, more as one zip. The daemon sends what was saved together as one version." default:"3" example:"3"`
}

// DeletesConfig is the deletes key of a target.
type DeletesConfig struct {
	MaxFiles   value[int] `yaml:"max_files" doc:"Files that may be deleted without consent." default:"10" example:"10"`
	MaxPercent value[int] `yaml:"max_percent" doc:"Share of the files that may be deleted without consent; counts from the fourth file on." default:"25" example:"25"`
}

// over returns t with every key that later sets; the metadata of the two is
// merged key by key.
func (t TargetConfig) over(later TargetConfig) TargetConfig {
	t.Type = t.Type.over(later.Type)
	t.Source = t.Source.over(later.Source)
	t.Asset = t.Asset.over(later.Asset)
	t.Metadata = value[metadata]{t.Metadata.V.over(later.Metadata.V), t.Metadata.over(later.Metadata).At}
	t.AgentType = t.AgentType.over(later.AgentType)
	t.Ignore = t.Ignore.over(later.Ignore)
	t.AllowSecret = t.AllowSecret.over(later.AllowSecret)
	t.Text = t.Text.over(later.Text)
	t.Publish.When = t.Publish.When.over(later.Publish.When)
	t.Publish.Atomic = t.Publish.Atomic.over(later.Publish.Atomic)
	t.Publish.MaxVersions = t.Publish.MaxVersions.over(later.Publish.MaxVersions)
	t.Publish.MaxFileCalls = t.Publish.MaxFileCalls.over(later.Publish.MaxFileCalls)
	t.Deletes.MaxFiles = t.Deletes.MaxFiles.over(later.Deletes.MaxFiles)
	t.Deletes.MaxPercent = t.Deletes.MaxPercent.over(later.Deletes.MaxPercent)
	t.Protected = t.Protected.over(later.Protected)
	t.Create = t.Create.over(later.Create)
	t.Direction = t.Direction.over(later.Direction)
	t.Branch = t.Branch.over(later.Branch)
	t.RenamedFrom = t.RenamedFrom.over(later.RenamedFrom)
	return t
}

// maxConfigBytes bounds what is read: a config is written by hand.
const maxConfigBytes = 1 << 20

// FindConfig looks for assetsync.yaml in dir, an absolute path, and upward.
// Its error is a usage error that matches [fs.ErrNotExist] when there is
// none.
func FindConfig(dir string) (string, error) {
	for at := dir; ; at = filepath.Dir(at) {
		name := filepath.Join(at, ConfigName)
		_, err := os.Stat(name)
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", usageError(err, "", "find %s: %s", ConfigName, plainCause(err))
		}
		if at == filepath.Dir(at) {
			return "", usageError(fs.ErrNotExist, "assetsync init writes one, --config FILE names one elsewhere",
				"find %s: not in %s and not in any directory above", ConfigName, dir)
		}
	}
}

// LoadConfig reads and checks the config at path; cwd is the absolute
// working directory, which path and messages are relative to. All errors
// found are reported at once, as a usage error with a line "FILE:LINE:COLUMN:
// KEY: what is wrong" for each.
func LoadConfig(path, cwd string) (*Config, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(cwd, path)
	}
	shown := shortPath(path, cwd)
	data, err := readConfig(path)
	if err != nil {
		hint := ""
		switch {
		case errors.Is(err, fs.ErrNotExist):
			hint = "look at its name; assetsync init writes a config"
		case errors.Is(err, fs.ErrPermission):
			hint = "look at who may read it"
		}
		return nil, usageError(err, hint, "read %s: %s", shown, plainCause(err))
	}
	c, err := ParseConfig(data, shown)
	if err != nil {
		return nil, err
	}
	c.Dir, c.digest, c.namesSchema = filepath.Dir(path), sha256.Sum256(data), namesSchema(data)
	return c, nil
}

func readConfig(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errors.New("it is a directory, want a file")
	case !info.Mode().IsRegular():
		return nil, errors.New("it is not a regular file") // opening a pipe would wait for ever
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err == nil && len(data) > maxConfigBytes {
		err = fmt.Errorf("it is larger than %d bytes, which no config needs", maxConfigBytes)
	}
	return data, err
}

// shortPath returns path relative to cwd where that is the shorter way to
// say it.
func shortPath(path, cwd string) string {
	rel, err := filepath.Rel(cwd, path)
	if err != nil || strings.Count(rel, "..") > 2 {
		return path
	}
	return rel
}

// plainCause returns the cause of a system error without its operation and
// path, which the caller says in its own words.
func plainCause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
