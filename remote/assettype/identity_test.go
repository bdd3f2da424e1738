package assettype_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

func TestIdentity(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		files      map[manifest.Path]string
		metadata   map[string]any
		want       string // "" for none
	}{
		{"skill by frontmatter", "skill", skill(), map[string]any{"name": "other"}, "queue-depth"},
		{"skill by metadata", "skill", one("SKILL.md", "x"), map[string]any{"name": "other"}, "other"},
		{"listed skill", "skill", nil, map[string]any{"name": "other"}, "other"},
		{"skill without a name", "skill", nil, map[string]any{"name": 7}, ""},
		{"agents_md", "agents_md", one("AGENTS.md", "x"), map[string]any{"agent_type": "CHAT"}, "CHAT"},
		{"attachment by its file", "attachment", one("dir/topology.png", "x"), nil, "topology.png"},
		{"listed attachment", "attachment", nil, map[string]any{"filename": "a.png"}, "a.png"},
		{"custom_agent", "custom_agent", one("AGENT.md", head), map[string]any{"name": "a"}, "a"},
		{"feedback has none", "feedback", nil, map[string]any{"name": "a"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := assettype.Identity(lookup(t, c.kind), c.metadata, bundle(t, c.files))
			if got != c.want && (ok || c.want != "") || ok != (c.want != "") {
				t.Errorf("got %q %v, want %q", got, ok, c.want)
			}
		})
	}
}

func TestDerived(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		files      map[manifest.Path]string
		want       map[string]any
		keys       []string
	}{
		{"attachment", "attachment", one("maps/topology.v2.png", "12345"), map[string]any{"filename": "topology.v2.png", "extension": "png", "size": int64(5)}, []string{"extension", "filename", "size"}},
		{"skill with frontmatter", "skill", one("SKILL.md", "---\nname: a\ndescription: b\n---\n"), map[string]any{"name": "a", "description": "b"}, []string{"description", "name"}},
		{"skill without", "skill", one("SKILL.md", "x"), map[string]any{}, nil},
		{"agents_md", "agents_md", one("AGENTS.md", "x"), map[string]any{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			kind, files := lookup(t, c.kind), bundle(t, c.files)
			if diff := cmp.Diff(c.want, assettype.DerivedMetadata(kind, files)); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.keys, assettype.DerivedKeys(kind, files)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSame(t *testing.T) {
	const sent = "---\nname: a\ndescription: b\n---\n# Steps\n"
	for _, c := range []struct {
		name       string
		kind       string
		path       manifest.Path
		sent, read string
		want       bool
	}{
		{"equal bytes", "skill", "a.png", "\xff\x00", "\xff\x00", true},
		{"CRLF to LF", "skill", "a.md", "a\r\nb\r\n", "a\nb\n", true},
		{"LF to CRLF is an edit", "skill", "a.md", "a\nb\n", "a\r\nb\r\n", false},
		{"some of the CRLF is an edit", "skill", "a.md", "a\r\nb\r\n", "a\nb\r\n", false},
		{"byte order mark left out", "skill", "a.md", "\ufeffa\n", "a\n", true},
		{"mark and CRLF", "skill", "a.md", "\ufeffa\r\n", "a\n", true},
		{"bytes that are not text", "skill", "a.png", "\xff\r\n", "\xff\n", false},
		{"last newline gone is an edit", "skill", "a.md", "a\n", "a", false},
		{"another word", "skill", "a.md", "a\n", "b\n", false},
		{"keys added", "skill", "SKILL.md", sent, "---\nname: a\nstatus: ACTIVE\ndescription: b\n---\n# Steps\n", true},
		{"keys reordered", "skill", "SKILL.md", sent, "---\ndescription: b\nname: a\n---\n# Steps\n", true},
		{"quotes added", "skill", "SKILL.md", sent, "---\ndescription: \"b\"\nname: 'a'\n---\n# Steps\n", true},
		{"frontmatter made", "skill", "SKILL.md", "# Steps\n", "---\nname: a\ndescription: b\n---\n# Steps\n", true},
		{"frontmatter and line ends", "skill", "SKILL.md", "---\r\nname: a\r\n---\r\n# Steps\r\n", "---\nname: a\nstatus: ACTIVE\n---\n# Steps\n", true},
		{"another description", "skill", "SKILL.md", sent, "---\nname: a\ndescription: c\n---\n# Steps\n", false},
		{"a key left out", "skill", "SKILL.md", sent, "---\nname: a\n---\n# Steps\n", false},
		{"a key that people use", "skill", "SKILL.md", sent, "---\nname: a\ndescription: b\nowner: me\n---\n# Steps\n", false},
		{"another body", "skill", "SKILL.md", sent, "---\nname: a\ndescription: b\n---\n# Other\n", false},
		{"frontmatter gone", "skill", "SKILL.md", sent, "# Steps\n", false},
		{"read back as no YAML", "skill", "SKILL.md", sent, "---\nname: a\ndescription: b: c\n---\n# Steps\n", false},
		{"not the main file", "skill", "references/SKILL.md", sent, "---\nname: a\ndescription: b\nstatus: ACTIVE\n---\n# Steps\n", false},
		{"type without frontmatter", "agents_md", "AGENTS.md", "# Steps\n", "---\nname: a\n---\n# Steps\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := assettype.Same(lookup(t, c.kind), c.path, []byte(c.sent), []byte(c.read)); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
