package assettype_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"assetsync/remote/assettype"
)

func TestParseFrontmatter(t *testing.T) {
	for _, c := range []struct {
		name, main string
		want       assettype.Frontmatter
		err        string // part of the message
	}{
		{name: "plain", main: "---\nname: a\ndescription: b\n---\nbody\n",
			want: assettype.Frontmatter{Name: "a", Description: "b", Fields: map[string]any{"name": "a", "description": "b"}, Body: 31}},
		{name: "CRLF", main: "---\r\nname: a\r\n---\r\nbody", want: assettype.Frontmatter{Name: "a", Fields: map[string]any{"name": "a"}, Body: 19}},
		{name: "byte order mark", main: "\ufeff---\nname: a\n---\n", want: assettype.Frontmatter{Name: "a", Fields: map[string]any{"name": "a"}, Body: 19}},
		{name: "closing line ends the file", main: "---\nname: a\n---", want: assettype.Frontmatter{Name: "a", Fields: map[string]any{"name": "a"}, Body: 15}},
		{name: "lines folded", main: "---\ndescription: one\n  two\n---\n", want: assettype.Frontmatter{Description: "one two", Fields: map[string]any{"description": "one two"}, Body: 31}},
		{name: "block", main: "---\ndescription: >\n  one\n  two\n---\n", want: assettype.Frontmatter{Description: "one two", Fields: map[string]any{"description": "one two\n"}, Body: 35}},
		{name: "name that is a number", main: "---\nname: 12\n---\n", want: assettype.Frontmatter{Fields: map[string]any{"name": uint64(12)}, Body: 17}},
		{name: "empty", main: "---\n---\nbody", want: assettype.Frontmatter{Fields: map[string]any{}, Body: 8}},
		{name: "unquoted colon", main: "---\nname: a\ndescription: Use this: now\n---\n",
			want: assettype.Frontmatter{Name: "a", Description: "Use this: now", Fields: map[string]any{"name": "a", "description": "Use this: now"}, Body: 43,
				Warnings: []*assettype.SyntaxError{{Line: 3, Column: 14, What: "mapping value is not allowed in this context"}}}},
		{name: "unquoted colon in a later line", main: "---\nname: 'a'\ndescription: one\n  CRITICAL: two\n---\n",
			want: assettype.Frontmatter{Name: "a", Description: "one CRITICAL: two", Fields: map[string]any{"name": "a", "description": "one CRITICAL: two"}, Body: 51,
				Warnings: []*assettype.SyntaxError{{Line: 3, Column: 14, What: "mapping value is not allowed in this context"}}}},
		{name: "block with a bad neighbour", main: "---\nname: a: b\ndescription: |\n  one\n  two\n---\n",
			want: assettype.Frontmatter{Name: "a: b", Description: "one two", Fields: map[string]any{"name": "a: b", "description": "one two"}, Body: 46,
				Warnings: []*assettype.SyntaxError{{Line: 2, Column: 7, What: "mapping value is not allowed in this context"}}}},
		{name: "key twice", main: "---\nname: a\nname: b\n---\n",
			want: assettype.Frontmatter{Name: "a", Fields: map[string]any{"name": "a"}, Body: 24,
				Warnings: []*assettype.SyntaxError{{Line: 3, Column: 1, What: `mapping key "name" already defined in line 2`}}}},
		{name: "aliases", main: "---\nname: &a x\ndescription: *a\n---\n",
			want: assettype.Frontmatter{Name: "&a x", Description: "*a", Fields: map[string]any{"name": "&a x", "description": "*a"}, Body: 35,
				Warnings: []*assettype.SyntaxError{{What: "anchors and aliases are not supported"}}}},
		{name: "none", main: "# Steps\n", err: "no frontmatter"},
		{name: "empty file", main: "", err: "no frontmatter"},
		{name: "not the first line", main: "\n---\nname: a\n---\n", err: "no frontmatter"},
		{name: "not closed", main: "---\nname: a\n", err: `read frontmatter: no closing line "---"`},
		{name: "no mapping", main: "---\n- a\n---\n", err: "read frontmatter: line 2, column 1: sequence was used where mapping is expected"},
		{name: "too deep", main: "---\na: " + strings.Repeat("[", 257) + "\n---\n",
			want: assettype.Frontmatter{Fields: map[string]any{"a": strings.Repeat("[", 257)}, Body: 269,
				Warnings: []*assettype.SyntaxError{{What: "more than 256 brackets"}}}},
		{name: "too long", main: "---\n" + strings.Repeat("# comment\n", 7000) + "---\n", err: "longer than 32768 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := assettype.ParseFrontmatter([]byte(c.main))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("got error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got, cmpopts.IgnoreUnexported(assettype.Frontmatter{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPosition(t *testing.T) {
	for _, c := range []struct {
		name, main, key string
		line, column    int
	}{
		{"value", "---\nname: a\ndescription: b\n---\n", "description", 3, 14},
		{"after CRLF and a byte order mark", "\ufeff---\r\nname: a\r\n---\r\n", "name", 2, 7},
		{"value on later lines", "---\nname:\n  a\n---\n", "name", 2, 1},
		{"the outermost key", "---\nmetadata:\n  name: no\nname: yes\n---\n", "name", 4, 7},
		{"no such key", "---\nname: a\n---\n", "description", 1, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := assettype.ParseFrontmatter([]byte(c.main))
			if err != nil {
				t.Fatal(err)
			}
			if line, column := f.Position(c.key); line != c.line || column != c.column {
				t.Errorf("got %d:%d, want %d:%d", line, column, c.line, c.column)
			}
		})
	}
}

func FuzzParseFrontmatter(f *testing.F) {
	for _, s := range []string{
		"---\nname: a\ndescription: b\n---\nbody\n", "---\nname: a\ndescription: b: c\n---\n", "---\n- &a [*a, *a]\n---\n",
		"\ufeff---\r\n? {a: b}\r\n---\r\n", "---\n!!binary x: |\n  y\n---", "---\na: {b: {c: [\n---\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, main []byte) {
		got, err := assettype.ParseFrontmatter(main)
		if err != nil {
			if errors.Is(err, assettype.ErrNoFrontmatter) && strings.HasPrefix(string(main), "---\n") {
				t.Errorf("%q has a first line and is said to have none", main)
			}
			return
		}
		if got.Body < len("---\n---") || got.Body > len(main) || got.Fields == nil {
			t.Errorf("body at %d of %d, fields %v", got.Body, len(main), got.Fields)
		}
		again, err := assettype.ParseFrontmatter(main[:got.Body])
		if err != nil || again.Name != got.Name || again.Description != got.Description {
			t.Errorf("without the body: got %+v, %v, want %+v", again, err, got)
		}
		if !assettype.Same(assettype.Type{Name: "skill", MainFile: "SKILL.md", Frontmatter: true}, "SKILL.md", main, main) {
			t.Error("a file is not the same as itself")
		}
	})
}
