package assettype_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

const head = "---\nname: queue-depth\ndescription: Look at backlog age when workers fall behind; say which queue, since when, and which team is to be called.\n---\n"

// rule is a sentence of the fact sheet about the service with a case that
// keeps to it and one that breaks it.
type rule struct {
	quote    string // word for word, section in brackets
	kind     string
	files    map[manifest.Path]string
	metadata map[string]any
	want     []string // "SEVERITY RULE", with " service" when the service refuses it
}

func skill(files ...string) map[manifest.Path]string {
	out := map[manifest.Path]string{"SKILL.md": head + "# Steps\n"}
	for _, f := range files {
		out[manifest.Path(f)] = "x\n"
	}
	return out
}

func one(path manifest.Path, content string) map[manifest.Path]string {
	return map[manifest.Path]string{path: content}
}

func generic(more ...any) map[string]any {
	out := map[string]any{"agent_types": []any{"GENERIC"}}
	for i := 0; i < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

func numbered(n int) map[manifest.Path]string {
	out := skill()
	for i := 1; i < n; i++ {
		out[manifest.Path(fmt.Sprintf("references/%d.md", i))] = "x\n"
	}
	return out
}

func rules() []rule {
	named := generic("name", "queue-depth", "description", "Look at backlog age.")
	with := func(m map[string]any, k string, v any) map[string]any {
		m = maps.Clone(m)
		m[k] = v
		return m
	}
	file := one("SKILL.md", "# Steps\n")
	return []rule{
		// Skill metadata.
		{"`agent_types` string[] (non-empty; `GENERIC` alone or a list without it) [7.2]", "skill", skill(), generic(), nil},
		{"`agent_types` string[] (non-empty; `GENERIC` alone or a list without it) [7.2]", "skill", skill(), map[string]any{"agent_types": []any{"CHAT", "INCIDENT_RCA"}}, nil},
		{"skill without `agent_types` | ValidationException: agent types are required [4]", "skill", skill(), map[string]any{}, []string{"error agent-types-required service"}},
		{"`agent_types` string[] (non-empty …) [7.2]", "skill", skill(), map[string]any{"agent_types": []any{}}, []string{"error agent-types-required service"}},
		{"`agent_types` string[] [7.2]", "skill", skill(), map[string]any{"agent_types": "CHAT"}, []string{"error agent-types-kind service"}},
		{"`GENERIC` together with another agent type | ValidationException: cannot be combined [4]", "skill", skill(), map[string]any{"agent_types": []any{"CHAT", "GENERIC"}}, []string{"error generic-alone service"}},
		{"unknown agent type | ValidationException listing the full enum [4]", "skill", skill(), map[string]any{"agent_types": []any{"ON_DEMAND"}}, []string{"warning agent-type-unknown service"}},
		{"Live enum additionally had `SYSTEM_LEARNING`, `INCIDENT_UI`, later `GRADER` [7.1]", "skill", skill(), map[string]any{"agent_types": []any{"SYSTEM_LEARNING", "INCIDENT_UI", "GRADER"}}, nil},
		{"Single-file also `name` (1–64, `a-z0-9-`, no hyphen at either end) and `description` (1–1024 …) [7.2]", "skill", file, named, []string{}},
		{"Single-file skill: both must be in `metadata` [5.12]", "skill", file, generic(), []string{"error name-required service", "error description-required service"}},
		{"`name` (1–64 …) [7.2]", "skill", file, with(named, "name", strings.Repeat("x", 64)), nil},
		{"`name` (1–64 …) [7.2]", "skill", file, with(named, "name", strings.Repeat("x", 65)), []string{"error name-length service"}},
		{"`name` (… `a-z0-9-` …) [7.2]", "skill", file, with(named, "name", "Queue_Depth"), []string{"error name-pattern service"}},
		{"no hyphen at either end [7.2]", "skill", file, with(named, "name", "queue-"), []string{"error name-pattern service"}},
		{"no hyphen at either end [7.2]", "skill", file, with(named, "name", "-queue"), []string{"error name-pattern service"}},
		{"`description` (1–1024 …) [7.2]", "skill", file, with(named, "description", strings.Repeat("ü", 1024)), nil},
		{"`description` (1–1024 …) [7.2]", "skill", file, with(named, "description", strings.Repeat("ü", 1025)), []string{"error description-length service"}},
		{"`skill_type` (only `USER`; `LEARNED` refused) [7.2]", "skill", skill(), generic("skill_type", "USER"), nil},
		{"`skill_type` (only `USER`; `LEARNED` refused) [7.2]", "skill", skill(), generic("skill_type", "LEARNED"), []string{"error skill-type service"}},
		{"`status` (`ACTIVE` default / `INACTIVE`) [7.2]", "skill", skill(), generic("status", "INACTIVE"), nil},
		{"`status` other than ACTIVE/INACTIVE | ValidationException [4]", "skill", skill(), generic("status", "active"), []string{"error status service"}},
		{"`enable_tools` string[] [7.2]", "skill", skill(), generic("enable_tools", []any{"a", 1}), []string{"error list-kind service"}},
		{"Undeclared extra metadata keys have been accepted on skills. [5.14]", "skill", skill(), generic("team", "ops", "rank", json.Number("3")), nil},
		{"values inside `metadata` are strings, numbers, booleans, or lists of those, checked server side [3]", "skill", skill(), generic("owner", map[string]any{"team": "ops"}), []string{"error value-kind service"}},
		{"values inside `metadata` are strings, numbers, booleans, or lists of those, checked server side [3]", "skill", skill(), generic("owner", []any{[]any{"ops"}}), []string{"error value-kind service"}},
		{"`null` as a metadata value: remove key, store null, or error. [6.12]", "skill", skill(), generic("owner", nil), []string{"warning null-value"}},

		// Skill bundles.
		{"Layout: `SKILL.md` at the **zip root**, optional `references/` and `assets/`. [7.3]", "skill", skill("references/a.md", "assets/b.png"), generic(), nil},
		{"Frontmatter with `name` and `description` is compulsory in a zip. [7.3]", "skill", map[manifest.Path]string{"SKILL.md": "# Steps\n", "a.md": "x\n"}, generic(), []string{"error frontmatter-required service"}},
		{"Frontmatter with `name` and `description` is compulsory in a zip. [7.3]", "skill", map[manifest.Path]string{"SKILL.md": "---\nname: a\n---\n", "a.md": "x\n"}, generic(), []string{"error frontmatter-required service"}},
		{"Zip upload of a skill: `name` and `description` come from the YAML frontmatter of SKILL.md; values in the request are ignored. [5.12]", "skill", skill("a.md"), generic("name", "NOT A NAME"), nil},
		{"`name` (1–64, `a-z0-9-` …) [7.2]", "skill", map[manifest.Path]string{"SKILL.md": strings.Replace(head, "queue-depth", "Queue Depth", 1), "a.md": "x\n"}, generic(), []string{"error name-pattern service"}},
		{"UI advises ≥ 100 [7.2]", "skill", map[manifest.Path]string{"SKILL.md": "---\nname: a\ndescription: short\n---\n", "a.md": "x\n"}, generic(), []string{"warning description-short"}},
		{"A wrapping folder: upload succeeds because SKILL.md is searched for anywhere [7.3]", "skill", map[manifest.Path]string{"wrap/SKILL.md": head, "wrap/a.md": "x\n"}, generic(), []string{"warning wrapping-folder"}},
		{"usual file `SKILL.md` (docs also show `SKILL.pdf` as bytes) [7.2]", "skill", one("SKILL.pdf", "%PDF"), named, nil},
		{"SKILL.md is searched for [7.3]; deleting it: unknown [6.6], refused", "skill", one("notes.md", "x\n"), named, []string{"error main-file service"}},
		{"`scripts/` directory is refused [7.3]", "skill", skill("scripts/run.md"), generic(), []string{"error scripts service"}},
		{"`scripts/` directory is refused [7.3]", "skill", skill("references/scripts/run.md"), generic(), []string{"error scripts service"}},
		{"`scripts/` directory is refused [7.3]: a file of that name is none", "skill", skill("references/scripts.md"), generic(), nil},
		{"**md txt json yaml yml xml csv tsv html htm png jpg jpeg gif svg webp pdf** [7.3]", "skill", skill("a.md", "a.txt", "a.json", "a.yaml", "a.yml", "a.xml", "a.csv", "a.tsv", "a.html", "a.htm", "a.png", "a.jpg", "a.jpeg", "a.gif", "a.svg", "a.webp", "a.pdf"), generic(), nil},
		{"`.log` is named as unacceptable. [7.3]", "skill", skill("a.log"), generic(), []string{"error extension service"}},
		{"Only non-executable documents. [7.3]", "skill", skill("run.sh", "LICENSE"), generic(), []string{"error extension service", "error extension service"}},
		{"≤ 100 files per zip [7.2]", "skill", numbered(100), generic(), nil},
		{"zip with more than 100 entries | message starts with \"Zip validation failed\", names count and the maximum 100 [4]", "skill", numbered(101), generic(), []string{"error file-count service"}},
		{"6,291,456 bytes before base64 [7.4]", "skill", map[manifest.Path]string{"SKILL.md": head, "a.txt": strings.Repeat("x", 6_291_456)}, generic(), nil},
		{"6,291,456 bytes before base64 [7.4]", "skill", map[manifest.Path]string{"SKILL.md": head, "a.txt": strings.Repeat("x", 6_291_457)}, generic(), []string{"error file-size service"}},

		// agents_md.
		{"`agents_md` | `agent_type` (one agent type) [7.2]", "agents_md", one("AGENTS.md", "# Tone\n"), map[string]any{"agent_type": "CHAT"}, nil},
		{"`agents_md` | `agent_type` (one agent type) [7.2]", "agents_md", one("AGENTS.md", "# Tone\n"), nil, []string{"error agent-type-required service"}},
		{"`agents_md` | `agent_type` (one agent type) [7.2]", "agents_md", one("AGENTS.md", "# Tone\n"), map[string]any{"agent_type": []any{"CHAT"}}, []string{"error agent-type-kind service"}},
		{"Markdown only [7.2]", "agents_md", one("AGENTS.txt", "# Tone\n"), map[string]any{"agent_type": "CHAT"}, []string{"error markdown-only service"}},
		{"Markdown only [7.2]", "agents_md", one("AGENTS.md", "a\x00b"), map[string]any{"agent_type": "CHAT"}, []string{"error markdown-only service"}},
		{"≤ 25 KB [7.2]", "agents_md", one("AGENTS.md", strings.Repeat("x", 25_000)), map[string]any{"agent_type": "CHAT"}, nil},
		{"≤ 25 KB [7.2]", "agents_md", one("AGENTS.md", strings.Repeat("x", 25_001)), map[string]any{"agent_type": "CHAT"}, []string{"warning agents-md-size"}},
		{"≤ 25 KB [7.2]", "agents_md", one("AGENTS.md", strings.Repeat("x", 25_601)), map[string]any{"agent_type": "CHAT"}, []string{"error file-size service"}},
		{"no zip, no extra files [7.2]", "agents_md", map[manifest.Path]string{"AGENTS.md": "x\n", "b.md": "x\n"}, map[string]any{"agent_type": "CHAT"}, []string{"error single-file service"}},
		{"no frontmatter [7.2]", "agents_md", one("AGENTS.md", head), map[string]any{"agent_type": "CHAT"}, []string{"error no-frontmatter service"}},
		{"no frontmatter [7.2]: a rule between paragraphs is none", "agents_md", one("AGENTS.md", "---\n# Tone\n"), map[string]any{"agent_type": "CHAT"}, nil},

		// attachment.
		{"`attachment` | `filename`, `extension` (no dot), `size` (bytes, number) [7.2]: derived here", "attachment", one("topology.png", "\x89PNG"), nil, nil},
		{"usual file e.g. `topology.png` [7.2]: one", "attachment", map[manifest.Path]string{"a.png": "", "b.png": ""}, nil, []string{"error single-file service"}},
		{"`extension` [7.2] is required", "attachment", one("README", "x"), nil, []string{"error text-kind service"}},

		// custom_agent.
		{"`custom_agent` | `name` (as for skill) | `tools` string[], `skills` string[] [7.2]", "custom_agent", one("AGENT.md", "You are…"), map[string]any{"name": "a1", "tools": []any{"x"}, "skills": []string{"y"}}, nil},
		{"`custom_agent` | `name` (as for skill) [7.2]", "custom_agent", one("AGENT.md", "You are…"), map[string]any{"name": "A 1"}, []string{"error name-pattern service"}},
		{"`custom_agent` | `name` [7.2]", "custom_agent", one("AGENT.md", "You are…"), nil, []string{"error name-required service"}},
		{"prompt ≤ 50,000 characters [7.2]", "custom_agent", one("AGENT.md", strings.Repeat("ü", 50_000)), map[string]any{"name": "a"}, nil},
		{"prompt ≤ 50,000 characters [7.2]", "custom_agent", one("AGENT.md", strings.Repeat("ü", 50_001)), map[string]any{"name": "a"}, []string{"error prompt-length service"}},
		{"200 skills per agent [7.2]", "custom_agent", one("AGENT.md", "x"), map[string]any{"name": "a", "skills": slices.Repeat([]string{"s"}, 201)}, []string{"error agent-skills service"}},

		// test_profile, feedback.
		{"`test_agent_type` (`releaseUiTesting`/`releaseApiTesting`), `target_url` [7.2]", "test_profile", one("PROFILE.md", "x"), map[string]any{"test_agent_type": "releaseUiTesting", "target_url": "https://example.com", "test_personas": []any{"guest", "authenticated"}}, nil},
		{"`test_agent_type` (`releaseUiTesting`/`releaseApiTesting`), `target_url` [7.2]", "test_profile", one("PROFILE.md", "x"), map[string]any{"test_agent_type": "ui", "test_personas": []any{"root"}}, []string{"error test-agent-type service", "error target-url-required service", "error test-personas service"}},
		{"`name` (1–128), `description` (1–1024) [7.2]", "test_profile", one("PROFILE.md", "x"), map[string]any{"test_agent_type": "releaseApiTesting", "target_url": "x", "name": strings.Repeat("N", 129), "description": ""}, []string{"error name-length service", "error description-length service"}},
		{"`feedback` | `agent_types` (≥ 1) [7.2]", "feedback", one("FEEDBACK.md", "x"), map[string]any{"agent_types": []any{"CHAT"}}, nil},
		{"`feedback` | `agent_types` (≥ 1) [7.2]", "feedback", one("FEEDBACK.md", "x"), map[string]any{"agent_types": []any{}}, []string{"error agent-types-required service"}},
	}
}

func bundle(t testing.TB, files map[manifest.Path]string) manifest.Bundle {
	t.Helper()
	content := map[manifest.Path][]byte{}
	for p, s := range files {
		content[p] = []byte(s)
	}
	b, err := manifest.NewBundle(content)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func lookup(t testing.TB, name string) assettype.Type {
	t.Helper()
	kind, ok := assettype.Lookup(name)
	if !ok {
		t.Fatalf("no type %q", name)
	}
	return kind
}

func TestRules(t *testing.T) {
	for i, r := range rules() {
		t.Run(fmt.Sprintf("%d %s", i, r.quote), func(t *testing.T) {
			found := assettype.Check(lookup(t, r.kind), bundle(t, r.files), r.metadata)
			got := []string{}
			for _, f := range found {
				s := string(f.Severity) + " " + f.Rule
				if f.Service {
					s += " service"
				}
				got = append(got, s)
			}
			if r.want == nil {
				r.want = []string{}
			}
			slices.Sort(got)
			slices.Sort(r.want)
			if diff := cmp.Diff(r.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, found)
			}
		})
	}
}

// The messages that people and clients see.
func TestMessages(t *testing.T) {
	found := assettype.Check(lookup(t, "skill"), bundle(t, numbered(101)), map[string]any{"agent_types": []any{"ON_DEMAND"}})
	got := []string{}
	for _, f := range found {
		got = append(got, f.String())
	}
	want := []string{
		"error: Zip validation failed: 101 files, the maximum is 100 (file-count)",
		`warning: /metadata/agent_types/0: "ON_DEMAND" is no agent type that is known (agent-type-unknown)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyWhatIsMarked(t *testing.T) {
	found := assettype.Check(lookup(t, "skill"), bundle(t, skill("a.log")), map[string]any{"agent_types": []any{"ON_DEMAND"}, "x": nil})
	rulesOf := func(found []assettype.Finding) (out []string) {
		for _, f := range found {
			out = append(out, f.Rule)
		}
		return out
	}
	if diff := cmp.Diff([]string{"extension"}, rulesOf(assettype.Errors(found))); diff != "" {
		t.Errorf("Errors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"extension", "agent-type-unknown"}, rulesOf(assettype.Refused(found))); diff != "" {
		t.Errorf("Refused (-want +got):\n%s", diff)
	}
}

func TestZip(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		files      map[manifest.Path]string
		fits       bool
		refused    int
	}{
		{"agents_md takes no zip", "agents_md", one("AGENTS.md", "x"), false, 1},
		{"attachment takes no zip", "attachment", one("a.png", "x"), false, 1},
		{"skill with frontmatter", "skill", skill(), true, 0},
		{"skill without frontmatter", "skill", one("SKILL.md", "x"), false, 1},
		{"custom_agent", "custom_agent", one("AGENT.md", "x"), true, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind, files := lookup(t, c.kind), bundle(t, c.files)
			if got := assettype.ZipFits(kind, files); got != c.fits {
				t.Errorf("ZipFits: got %v, want %v", got, c.fits)
			}
			if got := assettype.CheckZip(kind, files); len(assettype.Refused(got)) != c.refused {
				t.Errorf("CheckZip: got %v, want %d refused", got, c.refused)
			}
		})
	}
}

func TestFixAgentType(t *testing.T) {
	for given, want := range map[string]string{
		"ON_DEMAND":    "write CHAT; On-demand is its name in the web app",
		"on-demand":    "write CHAT; On-demand is its name in the web app",
		"Evaluation":   "write PREVENTION; Evaluation is its name in the web app",
		"incident rca": "write INCIDENT_RCA",
		"nobody":       "use " + strings.Join(assettype.AgentTypes(), ", ") + "; the service may know newer ones",
	} {
		found := assettype.Check(lookup(t, "skill"), bundle(t, skill()), map[string]any{"agent_types": []any{given}})
		if len(found) != 1 || found[0].Fix != want {
			t.Errorf("%s: %+v, want the fix %q", given, found, want)
		}
	}
}
