package main

import (
	"strings"
	"testing"

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
