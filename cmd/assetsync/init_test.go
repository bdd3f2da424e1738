package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// initGoldens are the cases whose whole text is looked at.
var initGoldens = map[string]string{
	"empty":                   "empty.yaml",
	"skills in one directory": "skills.yaml",
	"custom agent":            "custom-agent.yaml",
}

func TestGenerateConfig(t *testing.T) {
	named := fstest.MapFS{"helper/AGENT.md": {Data: []byte("---\nname: night-shift\n---\nHello\n")}}
	ignored := tree("skills/a/SKILL.md", "skills/generated/b/SKILL.md")
	ignored[".gitignore"] = &fstest.MapFile{Data: []byte("generated/\n")}
	tests := []struct {
		name    string
		root    fs.FS
		opts    InitOptions
		targets []string
		notes   []string
		entries []string // the lines of the config that begin an entry
	}{
		{"empty", tree("README.md"), InitOptions{}, nil, nil, nil},
		{"one skill", tree("skills/a/SKILL.md"), InitOptions{}, []string{"skills/a"}, nil, []string{"skills/a"}},
		{"skills in one directory", tree("skills/a/SKILL.md", "skills/b/SKILL.md", "skills/c/d/SKILL.md", "skills/a/x/SKILL.md.txt"), InitOptions{},
			[]string{"skills/a", "skills/b", "skills/c/d"}, nil, []string{"skills/**"}},
		{"skills deeper down", tree("x/skills/a/SKILL.md", "x/skills/b/SKILL.md", "y/SKILL.md"), InitOptions{},
			[]string{"x/skills/a", "x/skills/b", "y"}, nil, []string{"x/skills/**", `"y"`}},
		{"a skill in a skill", tree("skills/a/SKILL.md", "skills/a/evals/SKILL.md"), InitOptions{},
			[]string{"skills/a"}, nil, []string{"skills/a"}},
		{"the directory itself", tree("SKILL.md", "AGENTS.md", "references/SKILL.md"), InitOptions{}, []string{"."}, nil, []string{"."}},
		{"vendored, hidden and ignored", ignored, InitOptions{}, []string{"skills/a"}, nil, []string{"skills/a"}},
		{"a glob would catch more", tree("skills/a/SKILL.md", "skills/b/SKILL.md", "skills/vendor/c/SKILL.md"), InitOptions{},
			[]string{"skills/a", "skills/b"}, nil, []string{"skills/a", "skills/b"}},
		{"agents", tree("ops/chat/AGENTS.md", "ops/rca/AGENTS.md", "AGENTS.md", "other/AGENTS.md"), InitOptions{},
			[]string{"AGENTS.md", "ops/chat/AGENTS.md", "ops/rca/AGENTS.md"},
			[]string{
				"AGENTS.md: agent type GENERIC is a guess; check agent_type", "ops/chat/AGENTS.md: agent type CHAT is a guess; check agent_type",
				"ops/rca/AGENTS.md: agent type INCIDENT_RCA is a guess; check agent_type",
				"other/AGENTS.md is left out: AGENTS.md has agent type GENERIC already; add an entry with another agent_type",
			}, []string{"AGENTS.md", "ops/chat/AGENTS.md", "ops/rca/AGENTS.md"}},
		{"custom agent", named, InitOptions{Region: "eu-west-1", AgentSpace: "sp-1", Account: "012345678901"}, []string{"helper"}, nil, []string{"helper"}},
		{"names that need quotes", tree("s {x}/SKILL.md", "yes/SKILL.md", "# a/SKILL.md"), InitOptions{Endpoint: "http://localhost:1", AgentSpace: "5"},
			[]string{"# a", "s {x}", "yes"}, nil, []string{`"# a"`, `"s \\{x\\}"`, `"yes"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, summary, err := GenerateConfig(tt.root, tt.opts)
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			var targets, entries []string
			for _, target := range summary.Targets {
				targets = append(targets, target.Name)
			}
			for line := range strings.Lines(string(text)) {
				if entry, ok := strings.CutPrefix(line, "  - path: "); ok {
					entries = append(entries, strings.TrimSpace(entry))
				}
			}
			if diff := cmp.Diff(tt.targets, targets); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.notes, summary.Notes); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.entries, entries); diff != "" {
				t.Errorf("entries (-want +got):\n%s", diff)
			}
			if golden, ok := initGoldens[tt.name]; ok {
				compareGolden(t, filepath.Join("testdata", "init", golden), text)
			}
		})
	}
}

// TestGeneratedCommentsAreKeys takes the signs of comments away: what init
// suggests must load as well.
func TestGeneratedCommentsAreKeys(t *testing.T) {
	text, _, err := GenerateConfig(tree("ops/AGENTS.md"), InitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var b strings.Builder
	for line := range strings.Lines(string(text)) {
		bare := strings.TrimLeft(line, " ")
		rest, comment := strings.CutPrefix(bare, "# ")
		if !comment {
			b.WriteString(line)
			continue
		}
		key, _, isKey := strings.Cut(strings.TrimSpace(rest), ":")
		if isKey && isKnownKey(key) && !strings.HasPrefix(rest, "environments") && !(strings.HasPrefix(line, "# ") && seen[key]) {
			seen[key] = true
			b.WriteString(line[:len(line)-len(bare)] + rest)
		}
	}
	c, err := ParseConfig([]byte(b.String()), ConfigName)
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	for _, k := range allKeys() {
		if k.Name != "environments" && !strings.Contains(string(text), k.Name+":") {
			t.Errorf("%s is missing in what init writes", k.path)
		}
	}
	if !c.Rate.Burst.Set() || !c.Targets[0].Deletes.MaxPercent.Set() || !c.Single.Account.Set() {
		t.Errorf("some keys are lost:\n%s", b.String())
	}
}

func isKnownKey(name string) bool {
	for _, k := range allKeys() {
		if k.Name == name {
			return true
		}
	}
	return false
}

func TestGenerateConfigDoesNotReplace(t *testing.T) {
	_, _, err := GenerateConfig(tree(ConfigName), InitOptions{})
	wantUsage(t, err, "write assetsync.yaml: it exists already\nhint: edit it, or remove it first")
}

func TestWriteNewConfig(t *testing.T) {
	name := filepath.Join(t.TempDir(), ConfigName)
	if err := WriteNewConfig(name, []byte("endpoint: embedded\n")); err != nil {
		t.Fatal(err)
	}
	if err := WriteNewConfig(name, []byte("other")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got error %v, want fs.ErrExist", err)
	}
	got, err := os.ReadFile(name)
	if err != nil || string(got) != "endpoint: embedded\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

// compareGolden compares with a file, which -update writes.
func compareGolden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}
