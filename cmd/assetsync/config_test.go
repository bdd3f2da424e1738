package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
)

func parseFixture(t *testing.T, text string) *Config {
	t.Helper()
	c, err := ParseConfig([]byte(text), ConfigName)
	if err != nil {
		t.Fatalf("config does not load:\n%v", err)
	}
	return c
}

// wantUsage checks a usage error, its whole message and its hint.
func wantUsage(t *testing.T, err error, message string) {
	t.Helper()
	var e *assetsync.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a usage error:\n%s", err, message)
	}
	if e.Kind != assetsync.KindUsage {
		t.Errorf("got kind %s, want %s", e.Kind, assetsync.KindUsage)
	}
	got := e.Message
	if e.Hint != "" {
		got += "\nhint: " + e.Hint
	}
	if diff := cmp.Diff(strings.TrimSpace(message), got); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestParseConfig(t *testing.T) {
	c := parseFixture(t, `
environments:
  staging: {region: eu-west-1, agent_space: sp-stage, endpoint: "http://localhost:1", profile: p, role_arn: "arn:aws:iam::1:role/r"}
  prod:
    account: "123456789012"
    protected: true
    create: false
rate: {requests_per_second: 2.5, burst: 4}
watch: {mode: poll, settle: 250ms, max_wait: 1m30s, idle: 2m, poll_remote: 1h}
targets:
  - path: skills/**
    type: skill
    asset: {staging: ki-1}
    metadata: {agent_types: [GENERIC], weight: 7, ratio: 0.5, on: true, big: 18446744073709551615}
    ignore: &common [README.md, evals/]
    publish: {when: idle, atomic: true, max_file_calls: 0}
    deletes: {max_files: 1, max_percent: 100}
    protected: true
    create: true
    branch: release/1.x
    renamed_from: old
  - path: ops/AGENTS.md
    agent_type: [CHAT, INCIDENT_RCA]
    ignore: *common
  - {path: a, agent_type: CHAT, asset: ki-2}
`)
	first, second, third := c.Targets[0], c.Targets[1], c.Targets[2]
	staging, prod := c.Environments["staging"], c.Environments["prod"]
	got := []any{
		staging.Region.V, staging.AgentSpace.V, staging.Endpoint.V, staging.Profile.V, staging.RoleARN.V,
		prod.Account.V, prod.Protected.V, prod.Create.V, prod.Create.Set(), prod.Region.Set(),
		c.Rate.RequestsPerSecond.V, c.Rate.Burst.V, c.Watching.Settle.At,
		first.Path.V, first.Type.V, first.Asset.V.In("staging"), first.Asset.V.In("prod"), map[string]any(first.Metadata.V),
		first.Publish.When.V, first.Branch.V, first.Publish.Atomic.V, first.Publish.MaxFileCalls.Or(9), first.Deletes.MaxFiles.V, first.Deletes.MaxPercent.V,
		first.Protected.V, first.Create.V, first.RenamedFrom.V, first.At.Line,
		[]string(second.AgentType.V), []string(second.Ignore.V), second.Type.Set(), second.At.Line,
		[]string(third.AgentType.V), third.Asset.V.In("any"), third.Path.At,
	}
	want := []any{
		"eu-west-1", "sp-stage", "http://localhost:1", "p", "arn:aws:iam::1:role/r",
		"123456789012", true, false, true, false,
		2.5, 4, pos{9, 29},
		"skills/**", "skill", "ki-1", "", map[string]any{
			"agent_types": []any{"GENERIC"}, "weight": int64(7), "ratio": 0.5, "on": true, "big": uint64(18446744073709551615),
		},
		"idle", "release/1.x", true, 0, 1, 100,
		true, true, "old", 11,
		[]string{"CHAT", "INCIDENT_RCA"}, []string{"README.md", "evals/"}, false, 22,
		[]string{"CHAT"}, "ki-2", pos{25, 12},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestParseConfigErrors(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	deep := func(open, shut string, n int) string {
		return "targets: " + strings.Repeat(open, n) + strings.Repeat(shut, n)
	}
	tests := []struct{ name, config, want string }{
		{"empty", "", "assetsync.yaml: the config is empty: assetsync init writes one with every key explained"},
		{"comments only", "# nothing\n", "assetsync.yaml: the config is empty: assetsync init writes one with every key explained"},
		{"not a mapping", "- a\n", `assetsync.yaml:1:1: the config: want keys with values, got a list`},
		{"not UTF-8", "# caf\xe9\n", "assetsync.yaml:1:6: not UTF-8 text: save the file as UTF-8"},
		{"UTF-16", "\xff\xfea\x00", "assetsync.yaml:1:1: not UTF-8 text: save the file as UTF-8"},
		{"not YAML", "targets: [\n", "assetsync.yaml:1:10: not valid YAML: sequence end token ']' not found"},
		{"two documents", "endpoint: embedded\n---\nendpoint: embedded\n", "assetsync.yaml:3:1: a second YAML document begins here: want one"},
		{"unknown key with a near one", "tragets: []\n", `assetsync.yaml:1:1: unknown key "tragets"; did you mean "targets"?`},
		{"unknown key in an entry", "targets:\n  - path: a\n    publish: {atmoic: true}\n",
			`assetsync.yaml:3:15: targets[0].publish: unknown key "atmoic"; did you mean "atomic"?`},
		{"unknown key like none", "targets:\n  - path: a\n    publish: {by: hand}\n",
			`assetsync.yaml:3:15: targets[0].publish: unknown key "by"; known: when, atomic, max_versions_per_hour and max_file_calls`},
		{"duplicate keys", "region: a\nregion: b\nregion: c\n",
			"assetsync.yaml:2:1: key \"region\" is already set on line 1\nassetsync.yaml:3:1: key \"region\" is already set on line 1"},
		{"several at once", "region: 5\nrate: {burst: many}\ntargets:\n  - path: a\n    protected: yes\n",
			`assetsync.yaml:1:9: region: want a text, got the number 5: put it in quotes
assetsync.yaml:2:15: rate.burst: want a whole number, got the text "many"
assetsync.yaml:5:16: targets[0].protected: want true or false, got the text "yes"`},
		{"account as a number", "environments:\n  prod:\n    account: 123456789012\n",
			`assetsync.yaml:3:14: environments.prod.account: want a text, got the number 123456789012: put it in quotes`},
		{"fraction for a whole number", "rate: {burst: 1.5}\n", "assetsync.yaml:1:15: rate.burst: want a whole number, got the number 1.5"},
		{"key without value", "targets:\n", "assetsync.yaml:1:10: targets: has no value: want a list, or remove the key"},
		{"empty text", "region: \"\"\n", "assetsync.yaml:1:9: region: is empty: give a value or remove the key"},
		{"mapping for a list", "targets: {path: a}\n", "assetsync.yaml:1:10: targets: want a list, got keys with values"},
		{"text for an entry", "targets: [skills/**]\n", `assetsync.yaml:1:11: targets[0]: want keys with values, got the text "skills/**"`},
		{"number as a key", "targets:\n  - path: a\n    metadata: {5: a}\n", "assetsync.yaml:3:16: targets[0].metadata: a key must be a plain text, got the number 5"},
		{"nested metadata", "targets:\n  - path: a\n    metadata: {owner: {team: a}}\n",
			"assetsync.yaml:3:23: targets[0].metadata.owner: want a text, a number, true or false, or a list of those, got keys with values"},
		{"list in a list of metadata", "targets:\n  - path: a\n    metadata: {tags: [[a]]}\n",
			"assetsync.yaml:3:23: targets[0].metadata.tags[0]: want a text, a number, or true or false, got a list"},
		{"null metadata", "targets:\n  - path: a\n    metadata: {status: null}\n",
			"assetsync.yaml:3:24: targets[0].metadata.status: has no value: want a text, a number, true or false, or a list of those, or remove the key"},
		{"infinite metadata", "targets:\n  - path: a\n    metadata: {weight: .inf}\n",
			"assetsync.yaml:3:24: targets[0].metadata.weight: want a text, a number, true or false, or a list of those, got the number .inf"},
		{"tag", "region: !secret a\n", `assetsync.yaml:1:9: region: YAML tags are not used here: remove "!secret"`},
		{"merge key", "rate: &r {burst: 1}\ntargets:\n  - <<: *r\n    path: a\n",
			"assetsync.yaml:3:5: targets[0]: merge keys (<<) are not used here: write the keys out, or let a later entry of targets override"},
		{"alias without anchor", "region: *r\n", "assetsync.yaml:1:9: region: alias *r has no anchor before it"},
		{"both ways to say where", "region: eu-west-1\nenvironments: {prod: {agent_space: a}, stage: {agent_space: b}}\n",
			"assetsync.yaml:1:9: region: is set beside environments: put it into one of them (prod or stage)"},
		{"environment name", "environments: {\"a b\": {agent_space: a}}\n",
			`assetsync.yaml:1:23: environments."a b": an environment's name is letters, digits, dots, - and _`},
		{"rates", "rate: {requests_per_second: 0, burst: 0}\n",
			"assetsync.yaml:1:29: rate.requests_per_second: want more than 0, got 0\nassetsync.yaml:1:39: rate.burst: want 1 or more, got 0"},
		{"no path", "targets:\n  - type: skill\n", "assetsync.yaml:2:5: targets[0]: path is missing: name a directory, a file or a glob such as skills/**"},
		{"absolute path", "targets: [{path: /etc}]\n", `assetsync.yaml:1:18: targets[0].path: "/etc" is absolute: want a path relative to the directory of the config`},
		{"drive", "targets: [{path: 'C:\\skills'}]\n", `assetsync.yaml:1:18: targets[0].path: "C:\\skills" is absolute: want a path relative to the directory of the config`},
		{"backslash", "targets: [{path: 'skills\\a'}]\n", `assetsync.yaml:1:18: targets[0].path: "skills\\a" contains a backslash: write / between directories`},
		{"path leads out", "targets: [{path: a/../../b}]\n",
			`assetsync.yaml:1:18: targets[0].path: "a/../../b" leads out of the directory of the config: move the config up, or the target down`},
		{"bad glob", "targets: [{path: 'a[b'}]\n", `assetsync.yaml:1:18: targets[0].path: "a[b" is not a valid glob: look for an open bracket or brace`},
		{"unknown type", "targets: [{path: a, type: skil}]\n", `assetsync.yaml:1:27: targets[0].type: unknown asset type "skil"; did you mean "skill"?`},
		{"type like none", "targets: [{path: a, type: runbook}]\n",
			`assetsync.yaml:1:27: targets[0].type: unknown asset type "runbook"; known: agents_md, attachment, custom_agent, feedback, skill and test_profile`},
		{"asset id", "targets: [{path: a, asset: ki 5}]\n", `assetsync.yaml:1:28: targets[0].asset: "ki 5" is no asset id: assetsync asset list shows them`},
		{"asset of an unknown environment", "environments: {prod: {agent_space: a}}\ntargets: [{path: a, asset: {prd: ki-5}}]\n",
			`assetsync.yaml:2:28: targets[0].asset.prd: no environment has this name; did you mean "prod"?`},
		{"agent type", "targets: [{path: a, agent_type: incident-rca}]\n",
			`assetsync.yaml:1:33: targets[0].agent_type: "incident-rca" is no agent type: they are written as INCIDENT_RCA; did you mean "INCIDENT_RCA"?`},
		{"agent type twice", "targets: [{path: a, agent_type: [CHAT, CHAT]}]\n", "assetsync.yaml:1:33: targets[0].agent_type: CHAT is named twice"},
		{"no agent type", "targets: [{path: a, agent_type: []}]\n",
			"assetsync.yaml:1:33: targets[0].agent_type: the list is empty: name one or more, or remove the key"},
		{"percent", "targets: [{path: a, deletes: {max_percent: 101}}]\n", "assetsync.yaml:1:44: targets[0].deletes.max_percent: want 100 or less, got 101"},
		{"negative", "targets: [{path: a, publish: {max_file_calls: -1}}]\n", "assetsync.yaml:1:47: targets[0].publish.max_file_calls: want 0 or more, got -1"},
		{"deep brackets", deep("[", "]", 100_000), "assetsync.yaml:1:60: nested too deeply"},
		{"deep braces", deep("{a: ", "}", 100_000), "assetsync.yaml:1:210: nested too deeply"},
		{"deep list signs", "targets:\n  " + strings.Repeat("- ", 100_000), "assetsync.yaml:2:103: nested too deeply"},
		{"many words", strings.Repeat("a: b\r\n", 100_000), "assetsync.yaml:16667:4: more than 50000 words and signs, which no config needs"},
		{"many anchors", strings.Repeat("&a ", 100_000), "assetsync.yaml:1:151: nested too deeply"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			start := time.Now()
			_, err := ParseConfig([]byte(tt.config), ConfigName)
			wantUsage(t, err, tt.want)
			if d := time.Since(start); d > 10*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func TestParseConfigAliasBomb(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	var b strings.Builder
	b.WriteString("targets:\n  - {path: a, ignore: &i [" + strings.Repeat("a,", 5000) + "a]}\n")
	b.WriteString(strings.Repeat("  - {path: a, ignore: *i}\n", 500))
	_, err := ParseConfig([]byte(b.String()), ConfigName)
	if err == nil || !strings.Contains(err.Error(), "aliases repeat too much") {
		t.Errorf("got error %v, want one about aliases", err)
	}
}

func TestParseConfigShowsSomeOfManyErrors(t *testing.T) {
	_, err := ParseConfig([]byte("targets:\n"+strings.Repeat("  - {}\n", 50)), ConfigName)
	if err == nil {
		t.Fatal("got no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if got, want := len(lines), maxShownProblems+1; got != want {
		t.Errorf("got %d lines, want %d", got, want)
	}
	if got, want := lines[len(lines)-1], "and 30 more"; got != want {
		t.Errorf("got last line %q, want %q", got, want)
	}
}

func TestParseConfigByteOrderMark(t *testing.T) {
	c := parseFixture(t, "\uFEFFregion: eu-west-1\r\nagent_space: a\r\n")
	if got, want := c.Single.Region.V, "eu-west-1"; got != want {
		t.Errorf("got region %q, want %q", got, want)
	}
}

func TestFindConfig(t *testing.T) {
	top := t.TempDir()
	deep := filepath.Join(top, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := FindConfig(deep)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v, want one that is fs.ErrNotExist", err)
	}
	wantUsage(t, err, "find assetsync.yaml: not in "+deep+" and not in any directory above\n"+
		"hint: assetsync init writes one, --config FILE names one elsewhere")
	want := filepath.Join(top, ConfigName)
	if err := os.WriteFile(want, []byte("endpoint: embedded\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := FindConfig(deep)
	if err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	c, err := LoadConfig(got, deep)
	if err != nil {
		t.Fatal(err)
	}
	if c.Dir != top || c.File != filepath.Join("..", "..", ConfigName) {
		t.Errorf("got directory %q and file %q", c.Dir, c.File)
	}
}

func TestLoadConfigErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "directory"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "large"), make([]byte, maxConfigBytes+1), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ file, want string }{
		{"directory", "read directory: it is a directory, want a file"},
		{"large", "read large: it is larger than 1048576 bytes, which no config needs"},
		{"missing", "read missing: no such file or directory\nhint: look at its name; assetsync init writes a config"},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			_, err := LoadConfig(tt.file, dir)
			if tt.file == "missing" && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("got error %v, want one that is fs.ErrNotExist", err)
			} else if tt.file != "missing" || os.PathSeparator == '/' {
				wantUsage(t, err, tt.want)
			}
		})
	}
}

func FuzzConfig(f *testing.F) {
	for _, seed := range []string{
		"", "endpoint: embedded\n", "targets:\n  - path: skills/**\n    metadata: {a: [1, .5, true]}\n",
		"watch: {mode: native, settle: 1.5s, max_wait: 2m}", "watch: {idle: 1e9h, poll_remote: -0s}",
		"targets: [{path: a, branch: x/.y, publish: {when: commit}}]",
		"a: &a [*a]", "<<: {}", "? a\n: b", "rate: {burst: 0x10}", "environments: {a: {region: \"${env:A}\"}}",
		"targets: [{path: \"{a,{b,c}}/[!x]\", asset: {p: q}, agent_type: [A]}]", "--- |\n a\n...\n--- x", "!!binary a", "\t",
	} {
		f.Add([]byte(seed))
	}
	getenv := func(name string) (string, bool) { return name, name != "" }
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > maxConfigBytes {
			t.Skip("longer than what is read")
		}
		c, err := ParseConfig(data, ConfigName)
		checkBounded(t, err)
		if err != nil {
			return
		}
		if w := c.Watch(); w.Settle < minSettle || w.MaxWait < w.Settle || w.MaxWait > maxMaxWait ||
			w.Idle < minIdle || w.Idle > maxIdle || w.PollRemote < minPollRemote || w.PollRemote > maxPollRemote {
			t.Errorf("watch settings out of bounds: %+v", w)
		}
		for _, name := range append(c.EnvironmentNames(), "") {
			env, err := c.Environment(name, getenv)
			checkBounded(t, err)
			if err == nil {
				_, err = c.Expand(demoView, env, ExpandOptions{AllowMissing: len(data)%2 == 0})
				checkBounded(t, err)
			}
		}
	})
}

func checkBounded(t *testing.T, err error) {
	t.Helper()
	const limit = 32 << 10 // maxShownProblems lines of a few texts each
	if err != nil && len(err.Error()) > limit {
		t.Errorf("the error has %d bytes, want at most %d: %.200s", len(err.Error()), limit, err.Error())
	}
}
