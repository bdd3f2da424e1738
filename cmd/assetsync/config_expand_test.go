package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"assetsync/manifest"
	assetsync "assetsync/sync"
)

// tree makes a file system of empty files.
func tree(names ...string) fstest.MapFS {
	out := fstest.MapFS{}
	for _, name := range names {
		out[name] = &fstest.MapFile{}
	}
	return out
}

var demoView = tree(
	"assetsync.yaml",
	"skills/eks/SKILL.md", "skills/eks/references/a.md",
	"skills/rds/SKILL.md", "skills/rds/evals/case/SKILL.md",
	"skills/README.md", "skills/drafts/notes/x.md", "skills/drafts/y.md",
	"skills/node_modules/p/SKILL.md", "skills/.git/x/SKILL.md",
	"ops/AGENTS.md", "ops/other.md", "agents/helper/AGENT.md",
	"files/topology.csv", "files/.hidden", "files/map.png", "files/old~", "files/sub/deep.txt",
	"both/SKILL.md", "both/AGENT.md", "empty/x.txt",
)

// expanded is what most cases look at.
func expanded(t *testing.T, fsys fs.FS, text string, opts ExpandOptions) (Expansion, error) {
	t.Helper()
	c, err := ParseConfig([]byte("endpoint: embedded\n"+text), ConfigName)
	if err != nil {
		return Expansion{}, err
	}
	c.Dir = filepath.FromSlash("/repo")
	env, err := c.Environment("", nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Expand(fsys, env, opts)
}

// TestExpandOddNames refuses directories whose names a log would take for more than
// a name: they may have come with the branch of a fork.
func TestExpandOddNames(t *testing.T) {
	tests := map[string]struct {
		dir string
		ok  bool
	}{
		"umlauts": {"skills/größe", true}, "other scripts": {"skills/手順\u3000書", true}, "joined": {"skills/\u0646\u0645\u06cc\u200c\u062e", true},
		"a line of its own": {"skills/a\n::error::b", false}, "escape": {"skills/a\x1b[2J", false}, "an escape of eight bits": {"skills/a\u009b2J", false},
		"turned around": {"skills/a\u202eb", false}, "a mark that turns": {"skills/a\u200fb", false}, "line separator": {"skills/a\u2028b", false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := expanded(t, tree(tt.dir+"/SKILL.md"), "targets: [{path: 'skills/*'}]", ExpandOptions{})
			if tt.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantUsage(t, err, "assetsync.yaml:2:11: "+quoted(tt.dir)+" has a control character in its name: rename it, or take it out of the path")
		})
	}
}

func TestExpandNames(t *testing.T) {
	tests := []struct {
		name, config string
		want         []string // "name type"
		skipped      []string // "path reason"
		notes        []string
	}{
		{"glob of skills", "targets: [{path: 'skills/**', type: skill, ignore: [evals/]}]",
			[]string{"skills/eks skill", "skills/rds skill"},
			[]string{"skills/README.md is a file, but a skill is a directory that holds SKILL.md", "skills/drafts holds no SKILL.md",
				"skills/rds/evals/case is ignored by skills/rds"},
			[]string{"skills/eks: no agent type given: published for all agents (GENERIC)", "skills/rds: no agent type given: published for all agents (GENERIC)"}},
		{"ignored by the outer and named", "targets: [{path: 'skills/**', type: skill, ignore: [evals/], metadata: {agent_types: [CHAT]}}, {path: skills/rds/evals/case}]",
			[]string{"skills/eks skill", "skills/rds skill", "skills/rds/evals/case skill"},
			[]string{"skills/README.md is a file, but a skill is a directory that holds SKILL.md", "skills/drafts holds no SKILL.md"}, nil},
		{"main files by a glob", "targets: [{path: 'skills/*/SKILL.md', metadata: {agent_types: [CHAT]}}]",
			[]string{"skills/eks skill", "skills/rds skill"}, nil, nil},
		{"names tell the type", "targets: [{path: ./skills/eks/, metadata: {agent_types: [CHAT]}}, {path: ops/AGENTS.md, agent_type: CHAT}, {path: agents/helper}]",
			[]string{"agents/helper custom_agent", "ops/AGENTS.md agents_md", "skills/eks skill"}, nil, nil},
		{"directory of an agents_md", "targets: [{path: ops, agent_type: CHAT}]", []string{"ops/AGENTS.md agents_md"}, nil, nil},
		{"any name for an agents_md that is named", "targets: [{path: ops/other.md, type: agents_md, agent_type: CHAT}]",
			[]string{"ops/other.md agents_md"}, nil, nil},
		{"glob of an agents_md", "targets: [{path: 'ops/*', type: agents_md, agent_type: CHAT}]",
			[]string{"ops/AGENTS.md agents_md"}, []string{"ops/other.md is not named AGENTS.md: give it an entry of its own"}, nil},
		{"several agent types", "targets: [{path: ops/AGENTS.md, agent_type: [INCIDENT_RCA, CHAT]}]",
			[]string{"ops/AGENTS.md#CHAT agents_md", "ops/AGENTS.md#INCIDENT_RCA agents_md"}, nil, nil},
		{"attachments", "targets: [{path: 'files/**', type: attachment, ignore: [map.png, /sub/]}]",
			[]string{"files/topology.csv attachment"},
			[]string{"files/.hidden is hidden", `files/map.png is ignored: pattern "map.png" of the target's ignore list`,
				`files/old~ is ignored: pattern "*~" of the built-in list`, "files/sub is a directory, but an attachment is one file"}, nil},
		{"type from an earlier entry", "targets: [{path: 'files/*', type: attachment}, {path: files/map.png, create: false}]",
			[]string{"files/map.png attachment", "files/topology.csv attachment"},
			[]string{"files/.hidden is hidden", `files/old~ is ignored: pattern "*~" of the built-in list`,
				"files/sub is a directory, but an attachment is one file"}, nil},
		{"matches nothing", "targets: [{path: 'nowhere/**', type: skill}]", nil, nil, []string{`targets[0].path: "nowhere/**" matches nothing`}},
		{"glob without type", "targets: [{path: '{agents,empty}/**'}]", []string{"agents/helper custom_agent"},
			[]string{"empty holds none of AGENTS.md, AGENT.md and SKILL.md"}, nil},
		{"no targets", "targets: []", nil, nil, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			x, err := expanded(t, demoView, tt.config, ExpandOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var got, skipped, notes []string
			for _, target := range x.Targets {
				got = append(got, target.Name+" "+target.Type)
			}
			for _, s := range x.Skipped {
				skipped = append(skipped, s.Path+" "+s.Reason)
			}
			for _, n := range x.Notes {
				notes = append(notes, strings.TrimPrefix(n.Target+": "+n.Text, ": "))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.skipped, skipped); diff != "" {
				t.Errorf("skipped (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.notes, notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExpandErrors(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"missing directory", "targets:\n  - path: skills/ekss\n", `assetsync.yaml:3:11: targets[0].path: "skills/ekss" does not exist; did you mean "skills/eks"?`},
		{"missing everything", "targets:\n  - path: a/b/c\n", `assetsync.yaml:3:11: targets[0].path: "a/b/c" does not exist`},
		{"no main file", "targets:\n  - path: skills/drafts\n    type: skill\n", `assetsync.yaml:3:11: targets[0].path: "skills/drafts" holds no SKILL.md`},
		{"no type", "targets:\n  - path: files/map.png\n", `assetsync.yaml:3:11: targets[0].path: "files/map.png" is of no type that its name tells: say which with type:`},
		{"two types", "targets:\n  - path: both\n", `assetsync.yaml:3:11: targets[0].path: "both" holds both AGENT.md and SKILL.md: say which with type:`},
		{"two types by a glob", "targets:\n  - path: both/**\n", `assetsync.yaml:3:11: targets[0].path: "both" holds both AGENT.md and SKILL.md: say which with type:`},
		{"directory as an attachment", "targets:\n  - path: files\n    type: attachment\n",
			`assetsync.yaml:3:11: targets[0].path: "files" is a directory, but an attachment is one file`},
		{"nested", "targets:\n  - path: skills/**\n    type: skill\n",
			`assetsync.yaml:3:5: target "skills/rds/evals/case" lies inside target "skills/rds" (line 3): add "/evals/case" to the ignore list of "skills/rds", or take it out of the path`},
		{"one asset for two", "targets:\n  - path: skills/eks\n    asset: ki-1\n  - path: agents/helper\n    asset: ki-1\n",
			`assetsync.yaml:5:5: targets "skills/eks" (line 3) and "agents/helper" (line 5) have the same asset, ki-1: give each its own`},
		{"one old name for two", "targets:\n  - path: skills/{eks,rds}\n    ignore: [evals]\n    renamed_from: old\n",
			`assetsync.yaml:3:5: targets "skills/eks" (line 3) and "skills/rds" (line 3) have the same renamed_from, skill old: give each its own`},
		{"one asset for several agent types", "targets:\n  - path: ops\n    agent_type: [CHAT, GENERIC]\n    asset: ki-1\n",
			`assetsync.yaml:5:12: ops/AGENTS.md: one asset id cannot stand for 2 agent types: each is an asset of its own`},
		{"agents_md without agent type", "targets:\n  - path: ops/AGENTS.md\n",
			`assetsync.yaml:3:5: ops/AGENTS.md: an agents_md needs agent_type, one or more of GENERIC, CHAT, INCIDENT_TRIAGE, INCIDENT_RCA, INCIDENT_MITIGATION, PREVENTION, CHANGE_REVIEW, CHANGE_RELEASE, QUALITY_ASSURANCE_TESTING, RELEASE_SHEPHERD, RELEASE_READINESS_REVIEW, RELEASE_TESTING, SYSTEM_LEARNING, INCIDENT_UI, GRADER`},
		{"agent type twice", "targets:\n  - path: ops\n    agent_type: CHAT\n    metadata: {agent_type: CHAT}\n",
			`assetsync.yaml:4:17: ops/AGENTS.md: agent_type is set twice: remove it from metadata`},
		{"agent types in metadata", "targets:\n  - path: ops\n    metadata: {agent_type: [CHAT]}\n",
			`assetsync.yaml:4:15: ops/AGENTS.md: metadata.agent_type is one text; for several assets use the key agent_type of the entry`},
		{"agent type of a skill", "targets:\n  - path: skills/eks\n    agent_type: CHAT\n",
			`assetsync.yaml:4:17: skills/eks: agent_type is for agents_md; for a skill write metadata: {agent_types: [CHAT]}`},
		{"several", "targets:\n  - path: nope\n  - path: skills/drafts\n",
			"assetsync.yaml:3:11: targets[0].path: \"nope\" does not exist\n" +
				"assetsync.yaml:4:11: targets[1].path: \"skills/drafts\" holds none of AGENTS.md, AGENT.md and SKILL.md"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := expanded(t, demoView, tt.config, ExpandOptions{})
			wantUsage(t, err, tt.want)
		})
	}
}

func TestExpandTarget(t *testing.T) {
	x, err := expanded(t, demoView, `targets:
  - path: skills/*
    type: skill
    asset: ki-1
    metadata: {agent_types: [GENERIC], status: ACTIVE}
    ignore: [evals/]
    allow_secrets: [fixtures/]
    text: lf
    publish: {when: commit, atomic: true, max_file_calls: 7}
    deletes: {max_files: 1, max_percent: 2}
    protected: true
    create: false
    branch: main
    renamed_from: old
  - path: skills/rds
    asset: ki-2
    metadata: {agent_types: [CHAT]}
    text: exact
    publish: {when: manual, atomic: false}
    direction: pull
    create: true
    branch: release
    renamed_from: older
  - path: ops
    agent_type: CHAT
`, ExpandOptions{At: func(string) (fs.FS, error) { return demoView, nil }})
	if err != nil {
		t.Fatal(err)
	}
	want := []Target{
		{
			Name: "ops/AGENTS.md", Path: filepath.FromSlash("/repo/ops/AGENTS.md"), ConfigDir: filepath.FromSlash("/repo"), Type: "agents_md",
			Metadata: map[string]any{"agent_type": "CHAT"}, MaxFileCalls: 3, MaxDeletes: 10, MaxDeletePercent: 25, When: assetsync.OnSave, Direction: assetsync.PushOnly, Line: 25,
		},
		{
			Name: "skills/eks", Path: filepath.FromSlash("/repo/skills/eks"), ConfigDir: filepath.FromSlash("/repo"), Type: "skill", AssetID: "ki-1",
			Metadata: map[string]any{"agent_types": []any{"GENERIC"}, "status": "ACTIVE"}, Ignore: []string{"evals/"}, AllowSecrets: []string{"fixtures/"},
			Atomic: true, MaxFileCalls: 7, MaxDeletes: 1, MaxDeletePercent: 2, Protected: true, Create: CreateNever, RenamedFrom: "old",
			Text: manifest.TextLF, Rev: "HEAD", When: assetsync.OnCommit, Direction: assetsync.PushOnly, Branch: "main", Line: 3,
		},
		{
			Name: "skills/rds", Path: filepath.FromSlash("/repo/skills/rds"), ConfigDir: filepath.FromSlash("/repo"), Type: "skill", AssetID: "ki-2",
			Metadata: map[string]any{"agent_types": []any{"CHAT"}, "status": "ACTIVE"}, Ignore: []string{"evals/"}, AllowSecrets: []string{"fixtures/"},
			MaxFileCalls: 7, MaxDeletes: 1, MaxDeletePercent: 2, Protected: true, Create: CreateAlways, RenamedFrom: "older",
			Text: manifest.TextExact, When: assetsync.Manually, Direction: assetsync.PullOnly, Branch: "release", Line: 3,
		},
	}
	if diff := cmp.Diff(want, x.Targets, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

func TestExpandTakesTheEnvironment(t *testing.T) {
	c := parseFixture(t, `
environments:
  stage: {endpoint: embedded, create: false}
  prod: {agent_space: a, protected: true}
targets: [{path: skills/eks, asset: {stage: ki-1}}]
`)
	type policy struct {
		Asset     string
		Protected bool
		Create    CreatePolicy
	}
	for name, want := range map[string]policy{"stage": {"ki-1", false, CreateNever}, "prod": {"", true, CreateDefault}} {
		env, err := c.Environment(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		x, err := c.Expand(demoView, env, ExpandOptions{})
		if err != nil {
			t.Fatal(err)
		}
		got := policy{x.Targets[0].AssetID, x.Targets[0].Protected, x.Targets[0].Create}
		if got != want {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestExpandAllowMissing(t *testing.T) {
	config := "targets: [{path: new/one, type: skill, metadata: {agent_types: [CHAT]}}, {path: skills/drafts, type: skill, metadata: {agent_types: [CHAT]}}]"
	x, err := expanded(t, demoView, config, ExpandOptions{AllowMissing: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Targets) != 2 || x.Targets[0].Name != "new/one" || x.Targets[1].Name != "skills/drafts" {
		t.Errorf("got targets %+v", x.Targets)
	}
	x, err = expanded(t, demoView, "targets: [{path: new/f.csv, type: attachment}, {path: new/f.csv, create: false}]", ExpandOptions{AllowMissing: true})
	if err != nil || len(x.Targets) != 1 || x.Targets[0].Create != CreateNever {
		t.Errorf("got targets %+v, error %v", x.Targets, err)
	}
	_, err = expanded(t, demoView, "targets: [{path: files, type: attachment}]", ExpandOptions{AllowMissing: true})
	wantUsage(t, err, `assetsync.yaml:2:18: targets[0].path: "files" is a directory, but an attachment is one file`)
	_, err = expanded(t, demoView, "targets: [{path: new/one}]", ExpandOptions{AllowMissing: true})
	wantUsage(t, err, `assetsync.yaml:2:18: targets[0].path: "new/one" does not exist`)
}

// TestExpandTheConfigsDirectory looks at a skill that the config lies in.
func TestExpandTheConfigsDirectory(t *testing.T) {
	x, err := expanded(t, tree("SKILL.md", "assetsync.yaml"), "targets: [{path: .}]", ExpandOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := x.Targets[0]
	if got.Name != "." || got.Path != filepath.FromSlash("/repo") {
		t.Errorf("got name %q, path %q", got.Name, got.Path)
	}
	if diff := cmp.Diff([]string{"/assetsync.yaml"}, got.Ignore); diff != "" {
		t.Errorf("ignore (-want +got):\n%s", diff)
	}
}

func TestExpandFollowsLinksToDirectories(t *testing.T) {
	dir := t.TempDir()
	for _, sub := range []string{"real", "skills"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "real", "SKILL.md"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../real", filepath.Join(dir, "skills", "linked")); err != nil {
		t.Skip("no symbolic links:", err)
	}
	c := parseFixture(t, "endpoint: embedded\ntargets: [{path: 'skills/**', type: skill}]")
	c.Dir = dir
	env, err := c.Environment("", nil)
	if err != nil {
		t.Fatal(err)
	}
	x, err := c.Expand(c.View(), env, ExpandOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Targets) != 1 || x.Targets[0].Name != "skills/linked" {
		t.Errorf("got targets %+v", x.Targets)
	}
}

// unlistable is a view with a directory that cannot be read.
type unlistable struct {
	fs.FS
	dir string
}

func (u unlistable) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == u.dir {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrPermission}
	}
	return fs.ReadDir(u.FS, name)
}

func TestExpandUnreadableDirectory(t *testing.T) {
	_, err := expanded(t, unlistable{demoView, "skills/rds"}, "targets: [{path: 'skills/**', type: skill}]", ExpandOptions{})
	wantUsage(t, err, `assetsync.yaml:2:18: targets[0].path: cannot look at "skills/**": permission denied`)
}

// TestGlobsLookNoDeeperThanTheyReach has directories that cannot be read where
// they have nothing to find, as below a target, and where they have.
func TestGlobsLookNoDeeperThanTheyReach(t *testing.T) {
	fsys := fstest.MapFS{}
	for _, name := range []string{"a/SKILL.md", "a/build/deep/file", "b/c/SKILL.md", "b/c/build/file"} {
		fsys["skills/"+name] = &fstest.MapFile{}
	}
	for _, tt := range []struct {
		glob, unreadable string
		want             []string // targets; nil: it fails
	}{
		{"skills/*", "skills/a", []string{"skills/a"}},
		{"skills/*", "skills/b/c", []string{"skills/a"}},
		{"skills/*/*", "skills/b/c", []string{"skills/a", "skills/b/c"}},
		{"skills/*/*", "skills/b", nil},
		{"*/a", "skills/a", []string{"skills/a"}},
		{"*/[b]/*", "skills/a/build", []string{"skills/b/c"}},
		{"skills/{a,b/c}", "skills/a/build/deep", nil},
		{"skills/{a,b/c}", "none", []string{"skills/a", "skills/b/c"}},
		{"skills/{*,x}*/c", "none", []string{"skills/b/c"}},
		{"skills/**", "skills/a/build/deep", nil},
	} {
		x, err := expanded(t, unlistable{fsys, tt.unreadable}, fmt.Sprintf("targets: [{path: '%s', type: skill}]", tt.glob), ExpandOptions{})
		var got []string
		for _, target := range x.Targets {
			got = append(got, target.Name)
		}
		if (err != nil) != (tt.want == nil) || !slices.Equal(got, tt.want) {
			t.Errorf("%s, %s not to be read: got %q, %v, want %q", tt.glob, tt.unreadable, got, err, tt.want)
		}
	}
}

// TestNotesOn tells once what holds for many targets.
func TestNotesOn(t *testing.T) {
	x := Expansion{Notes: []Note{{"a", "dull"}, {"", "all"}, {"b", "dull"}, {"c", "dull"}, {"c", "odd"}}}
	for _, tt := range []struct {
		targets []string
		want    []string
	}{
		{nil, []string{"all"}},
		{[]string{"b"}, []string{"all", "b: dull"}},
		{[]string{"c", "a"}, []string{"a and 1 more: dull", "all", "c: odd"}},
	} {
		var targets []Target
		for _, name := range tt.targets {
			targets = append(targets, Target{Name: name})
		}
		if diff := cmp.Diff(tt.want, x.notesOn(targets)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", tt.targets, diff)
		}
	}
}

// TestOverMergesEveryKey sets each key of an entry alone and looks for it
// after a merge, so that a new key cannot be forgotten.
func TestOverMergesEveryKey(t *testing.T) {
	var walk func(path string, v reflect.Value, whole *TargetConfig)
	walk = func(path string, v reflect.Value, whole *TargetConfig) {
		for _, f := range fieldsOf(v) {
			at := strings.TrimPrefix(path+"."+f.Name, ".")
			if _, setting := f.Value.Addr().Interface().(selfDecoding); !setting {
				walk(at, f.Value, whole)
				continue
			}
			if at == "path" {
				continue
			}
			*whole = TargetConfig{}
			f.Value.FieldByName("At").Set(reflect.ValueOf(pos{7, 7}))
			if whole.Metadata.Set() {
				whole.Metadata.V = metadata{"k": "v"}
			}
			merged := TargetConfig{}.over(*whole)
			if diff := cmp.Diff(fmt.Sprintf("%+v", *whole), fmt.Sprintf("%+v", merged)); diff != "" {
				t.Errorf("%s is lost (-want +got):\n%s", at, diff)
			}
		}
	}
	var whole TargetConfig
	walk("", reflect.ValueOf(&whole).Elem(), &whole)
}
