package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

const demoDir = "../../testdata/demo"

// TestDemo holds the demo to the rules of its asset types.
func TestDemo(t *testing.T) {
	dir, err := filepath.Abs(demoDir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := LoadConfig(ConfigName, dir)
	if err != nil {
		t.Fatal(err)
	}
	env, err := c.Environment("", nil)
	if err != nil {
		t.Fatal(err)
	}
	if !env.Embedded() {
		t.Errorf("the demo leaves the machine: endpoint %q", env.Endpoint)
	}
	x, err := c.Expand(c.View(), env, ExpandOptions{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]manifest.Path{}
	for _, target := range x.Targets {
		typ, _ := assettype.Lookup(target.Type)
		bundle := published(t, target, typ)
		for e := range bundle.Tree().All() {
			got[target.Name] = append(got[target.Name], e.Path)
		}
		for _, f := range assettype.Check(typ, bundle, target.Metadata) {
			t.Errorf("%s: %v", target.Name, f)
		}
	}
	want := map[string][]manifest.Path{
		"attachments/topology.csv": {"topology.csv"},
		"ops/AGENTS.md":            {"AGENTS.md"},
		"skills/queue-backlog":     {"SKILL.md", "assets/flow.png", "references/actions.md", "references/queues.md"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("published files (-want +got):\n%s", diff)
	}
}

// published reads what a target would publish.
func published(t *testing.T, target Target, typ assettype.Type) manifest.Bundle {
	t.Helper()
	files := map[manifest.Path][]byte{}
	if typ.SingleFile {
		files[manifest.Path(filepath.Base(target.Path))] = read(t, target.Path)
		return bundle(t, files)
	}
	rules, err := manifest.NewIgnore(target.Ignore)
	if err != nil {
		t.Fatal(err)
	}
	rules = rules.With(manifest.IgnoreFile{Layer: manifest.AssetsyncIgnore, Data: read(t, filepath.Join(target.Path, ".assetsyncignore"))})
	err = filepath.WalkDir(target.Path, func(name string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(target.Path, name)
		if p := manifest.Path(filepath.ToSlash(rel)); err == nil && !rules.Ignored(p) {
			files[p] = read(t, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bundle(t, files)
}

func bundle(t *testing.T, files map[manifest.Path][]byte) manifest.Bundle {
	t.Helper()
	b, err := manifest.NewBundle(files)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDirectConfig(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"s[k]ill/SKILL.md": "x", "ops/AGENTS.md": "y"} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name, path string
		opts       DirectOptions
		want       map[string]map[string]any
		notes      int
	}{
		{"skill", "s[k]ill", DirectOptions{Endpoint: EmbeddedEndpoint}, map[string]map[string]any{"s[k]ill": {"agent_types": []any{"GENERIC"}}}, 1},
		{"agent types", "s[k]ill", DirectOptions{AgentSpace: "s", Type: "skill", AgentTypes: []string{"CHAT", "PREVENTION"}},
			map[string]map[string]any{"s[k]ill": {"agent_types": []any{"CHAT", "PREVENTION"}}}, 0},
		{"agents_md", "ops", DirectOptions{AgentSpace: "s"}, map[string]map[string]any{"ops/AGENTS.md": {"agent_type": "GENERIC"}}, 1},
		{"agents_md for two", "ops/AGENTS.md", DirectOptions{AgentSpace: "s", AgentTypes: []string{"CHAT", "GENERIC"}},
			map[string]map[string]any{"AGENTS.md#CHAT": {"agent_type": "CHAT"}, "AGENTS.md#GENERIC": {"agent_type": "GENERIC"}}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := DirectConfig(filepath.Join(dir, filepath.FromSlash(tt.path)), tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			env, err := c.Environment("", nil)
			if err != nil {
				t.Fatal(err)
			}
			x, err := c.Expand(c.View(), env, ExpandOptions{})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]map[string]any{}
			for _, target := range x.Targets {
				got[target.Name] = target.Metadata
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
			if len(x.Notes) != tt.notes {
				t.Errorf("got notes %v, want %d", x.Notes, tt.notes)
			}
		})
	}
	_, err := DirectConfig(dir, DirectOptions{Type: "skil", AgentTypes: []string{"chat"}})
	wantUsage(t, err, "type: unknown asset type \"skil\"; did you mean \"skill\"?\n"+
		"agent_type: \"chat\" is no agent type: they are written as INCIDENT_RCA; did you mean \"CHAT\"?")
	c, err := DirectConfig(filepath.Join(dir, "none"), DirectOptions{Endpoint: "x"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Environment("", nil)
	wantUsage(t, err, "agent_space: is missing: give the agent space's id, or endpoint: embedded for a local remote\n"+
		"endpoint: \"x\" is no URL: want https://HOST, http://HOST or embedded")
	_, err = c.Expand(c.View(), Environment{}, ExpandOptions{})
	wantUsage(t, err, `targets[0].path: "none" does not exist`)
}
