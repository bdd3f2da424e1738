package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote"
	assetsync "assetsync/sync"
)

// TestPlanClone makes configs of what a remote says of its assets.
func TestPlanClone(t *testing.T) {
	tests := []struct {
		name   string
		asset  assetReport
		dir    string
		config string // lines of the entry
		err    string
	}{
		{"skill", assetReport{AssetID: "ki-1", AssetType: "skill", Name: "eks-triage", Metadata: map[string]any{"agent_types": []any{"CHAT", "INCIDENT_RCA"}}},
			"eks-triage", "path: .\ntype: skill\nasset: ki-1\nmetadata: {agent_types: [CHAT, INCIDENT_RCA]}", ""},
		{"skill that says nothing", assetReport{AssetID: "ki-1", AssetType: "skill"}, "ki-1", "path: .\ntype: skill\nasset: ki-1", ""},
		{"agent types that are none", assetReport{AssetID: "ki-1", AssetType: "skill", Metadata: map[string]any{"agent_types": []any{"]\ntargets: []"}}}, "ki-1", "path: .\ntype: skill\nasset: ki-1", ""},
		{"custom agent", assetReport{AssetID: "ki-1", AssetType: "custom_agent", Name: "night: shift", Metadata: map[string]any{"name": "night: shift"}},
			"night-shift", "path: .\ntype: custom_agent\nasset: ki-1\nmetadata: {name: \"night: shift\"}", ""},
		{"agents_md", assetReport{AssetID: "ki-1", AssetType: "agents_md", Name: "CHAT", Metadata: map[string]any{"agent_type": "CHAT"}},
			"chat", "path: AGENTS.md\ntype: agents_md\nasset: ki-1\nagent_type: CHAT", ""},
		{"attachment", assetReport{AssetID: "ki-1", AssetType: "attachment", Name: "a b.csv", Metadata: map[string]any{"filename": "a b.csv"}},
			"a-b", "path: a b.csv\ntype: attachment\nasset: ki-1", ""},
		{"pull only", assetReport{AssetID: "ki-1", AssetType: "feedback"}, "ki-1", "path: .\ntype: feedback\nasset: ki-1\ndirection: pull", ""},
		{"name that leads out", assetReport{AssetID: "ki-1", AssetType: "skill", Name: "../../../etc"}, "etc", "path: .\ntype: skill\nasset: ki-1", ""},
		{"name of nothing but dots", assetReport{AssetID: "ki-1", AssetType: "skill", Name: ".."}, "ki-1", "path: .\ntype: skill\nasset: ki-1", ""},
		{"endless name", assetReport{AssetID: "ki-1", AssetType: "skill", Name: strings.Repeat("a", 999)}, strings.Repeat("a", 64), "path: .\ntype: skill\nasset: ki-1", ""},

		{"unknown type", assetReport{AssetID: "ki-1", AssetType: "mem\x1bory"}, "", "", `is of type "mem\x1bory", which this version`},
		{"odd id", assetReport{AssetID: "../ki", AssetType: "skill"}, "", "", "cannot be pinned"},
		{"odd agent type", assetReport{AssetID: "ki-1", AssetType: "agents_md", Metadata: map[string]any{"agent_type": "x: y"}}, "", "", "which is none"},
		{"attachment without a name", assetReport{AssetID: "ki-1", AssetType: "attachment"}, "", "", "which is missing"},
		{"attachment outside", assetReport{AssetID: "ki-1", AssetType: "attachment", Metadata: map[string]any{"filename": "../.bashrc"}}, "", "", "which is a path"},
		{"attachment in the place of the config", assetReport{AssetID: "ki-1", AssetType: "attachment", Metadata: map[string]any{"filename": "AssetSync.yaml"}}, "", "", "is taken, or hidden"},
		{"hidden attachment", assetReport{AssetID: "ki-1", AssetType: "attachment", Metadata: map[string]any{"filename": ".git"}}, "", "", "is taken, or hidden"},
		{"attachment that moves the cursor", assetReport{AssetID: "ki-1", AssetType: "attachment", Metadata: map[string]any{"filename": "a\x1b[2J"}}, "", "", `"a\x1b[2J"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			plan, err := planClone(tt.asset)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) || strings.Contains(err.Error(), "\x1b") || assetsync.AsError(err).Kind != assetsync.KindGuard {
					t.Errorf("got %v, want a guard that says %s", err, tt.err)
				}
				return
			}
			if err != nil || plan.dir != tt.dir {
				t.Fatalf("got %q, %v, want %q", plan.dir, err, tt.dir)
			}
			text := renderConfig(InitOptions{Region: "eu-west-1", AgentSpace: "sp-1"}, []initEntry{plan.entry})
			if _, err := ParseConfig(text, ConfigName); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(tt.config, "\n")
			want := "  - " + lines[0] + "\n"
			for _, line := range lines[1:] {
				want += "    " + line + "\n"
			}
			if !strings.Contains(string(text), want+"    # These may") {
				t.Errorf("want\n%s\ngot\n%s", want, text)
			}
		})
	}
}

func TestChooseAsset(t *testing.T) {
	asset := func(id, kind, name string) remote.Asset {
		version := int32(1)
		return remote.Asset{AssetId: &id, AssetType: &kind, Version: &version, Metadata: remote.Document(`{"name":"` + name + `"}`)}
	}
	list := []remote.Asset{asset("ki-1", "skill", "one"), asset("ki-2", "skill", "two"), asset("ki-3", "custom_agent", "two"), asset("odd", "skill", "three")}
	for name, want := range map[string]string{"one": "ki-1", "odd": "odd", "three": "odd", "two": `2 assets are called "two": ki-2 (skill) and ki-3 (custom_agent)`, "oen": "did you mean"} {
		got, err := chooseAsset(list, name)
		if said := got.AssetID; err != nil {
			said = assetsync.AsError(err).Message + assetsync.AsError(err).Hint
			if !strings.Contains(said, want) {
				t.Errorf("%s: got %s, want %s", name, said, want)
			}
		} else if said != want {
			t.Errorf("%s: got %s, want %s", name, said, want)
		}
	}
}

// TestCloneUndo takes back what a clone made, and nothing of others.
func TestCloneUndo(t *testing.T) {
	const there = "somebody else's"
	tests := []struct {
		name   string
		before map[string]string // files, when the clone looks at the place for the last time
		beside map[string]string // files that others write during the clone
		err    string            // of making it
		left   []string          // below the directory of the test
	}{
		{name: "all of it", left: []string{}},
		{name: "a sibling of the same new directory", beside: map[string]string{"new/other/a.md": there}, left: []string{"new", "new/other", "new/other/a.md"}},
		{name: "a directory that was there and empty", before: map[string]string{"new/in/": ""}, left: []string{"new", "new/in"}},
		{name: "a second clone into one place", before: map[string]string{"new/in/assetsync.yaml": there}, err: "it is not empty",
			left: []string{"new", "new/in", "new/in/assetsync.yaml"}},
		{name: "a file that came after the first look", before: map[string]string{"new/in/notes.md": there}, err: "it is not empty",
			left: []string{"new", "new/in", "new/in/notes.md"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			put := func(files map[string]string) {
				for name, text := range files {
					if dir, isDir := strings.CutSuffix(name, "/"); isDir {
						if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
							t.Fatal(err)
						}
						continue
					}
					writeFile(t, filepath.Join(root, name), text)
				}
			}
			put(tt.before)
			site := &cloneSite{app: &app{cwd: root, stderr: &bytes.Buffer{}}, dir: filepath.Join(root, "new", "in")}
			err := site.make([]byte("targets: []\n"))
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("made: %v, want %q", err, tt.err)
			}
			if err == nil {
				writeFile(t, filepath.Join(site.dir, ".assetsync", "state.db"), "")
				put(tt.beside)
				if cause := errors.New("no answer"); site.undo(cause) != cause {
					t.Error("the cause is lost")
				}
			}
			left := []string{}
			err = fs.WalkDir(os.DirFS(root), ".", func(name string, _ fs.DirEntry, err error) error {
				if name != "." {
					left = append(left, name)
				}
				return err
			})
			if d := cmp.Diff(tt.left, left); d != "" || err != nil {
				t.Errorf("left (-want +got): %v\n%s", err, d)
			}
		})
	}
}
