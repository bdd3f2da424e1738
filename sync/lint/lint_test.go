package lint_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/manifest/secrets"
	"assetsync/remote/assettype"
	"assetsync/sync/lint"
)

const head = "---\nname: one\ndescription: Look at the age of the backlog when workers fall behind, and say which queue it is that needs more of them.\n---\n"

// skill makes a skill of a body, and of more files.
func skill(t *testing.T, body string, more map[string]string) lint.Asset {
	t.Helper()
	files := map[string]string{"SKILL.md": head + body}
	for name, content := range more {
		files[name] = content
	}
	return asset(t, assettype.Skill, files)
}

func asset(t *testing.T, kind string, files map[string]string) lint.Asset {
	t.Helper()
	named := map[manifest.Path][]byte{}
	for name, content := range files {
		named[manifest.Path(name)] = []byte(content)
	}
	bundle, err := manifest.NewBundle(named)
	if err != nil {
		t.Fatal(err)
	}
	typ, ok := assettype.Lookup(kind)
	if !ok {
		t.Fatalf("no type %s", kind)
	}
	metadata := map[string]any{"agent_types": []any{"GENERIC"}}
	if kind == assettype.AgentsMD {
		metadata = map[string]any{"agent_type": "CHAT"}
	}
	return lint.Asset{Type: typ, Files: bundle, Metadata: metadata, Secrets: secrets.New()}
}

// said is the findings as lines.
func said(found []lint.Finding) (lines []string) {
	for _, f := range found {
		lines = append(lines, f.String())
	}
	return lines
}

func TestLinks(t *testing.T) {
	files := map[string]string{
		"references/Queues.md": "# Queues\n\n## How to read `age`\n\n## How to read `age`\n\n<a id=\"raw\"></a>\n",
		"references/two words": "x.txt",
		"assets/a b.png":       "png",
	}
	delete(files, "references/two words")
	for name, tt := range map[string]struct {
		body string
		want []string
	}{
		"resolves":                       {"[q](references/Queues.md) ![p](<assets/a b.png>) ![p](assets/a%20b.png) [d](references/) [d](references)", nil},
		"anchors":                        {"# Top\n[a](#top) [b](#Top) [c](references/Queues.md#how-to-read-age) [d](references/Queues.md#how-to-read-age-1) [e](references/Queues.md#raw) [f](#)", nil},
		"anchor of a tag over two lines": {"a<sup\nid='x-1'>1</sup> [b](#x-1)", nil},
		"addresses":                      {"[a](https://example.com/x.md) [b](mailto:a@b.c) [c](//host/x) <https://x.y>", nil},
		"to be filled in":                {"[a]({url}) [b](<file name>.md) [c](...) [d]($FILE)", nil},
		"code is no link":                {"`[a](gone.md)`\n\n```\n[a](gone.md)\n```\n\n    [a](gone.md)\n", nil},
		"footnote":                       {"a[^1]\n\n[^1]: Word\n", nil},
		"dead":                           {"see\n[a](gone.md)", []string{`SKILL.md:6:1: warning: link "gone.md" leads to no file of the asset (dead-link)`}},
		"dead image":                     {"![a](gone.png)", []string{`SKILL.md:5:1: warning: image "gone.png" leads to no file of the asset (dead-link)`}},
		"dead definition":                {"[a]: gone.md\n\n[b]", []string{`SKILL.md:5:1: warning: link "gone.md" leads to no file of the asset (dead-link)`}},
		"dead in HTML":                   {"é <img alt=\"x\" src='gone.png'>", []string{`SKILL.md:5:21: warning: image "gone.png" leads to no file of the asset (dead-link)`}},
		"dead in an HTML block":          {"<div>\n<a href=\"gone.md\">x</a>\n</div>", []string{`SKILL.md:6:10: warning: link "gone.md" leads to no file of the asset (dead-link)`}},
		"dead anchor":                    {"[a](#nowhere)", []string{`SKILL.md:5:1: warning: link "#nowhere" names a heading that SKILL.md does not have (dead-anchor)`}},
		"dead anchor elsewhere": {"[a](references/Queues.md#how-to-read-age-2)", []string{
			`SKILL.md:5:1: warning: link "references/Queues.md#how-to-read-age-2" names a heading that references/Queues.md does not have (dead-anchor)`}},
		"case":           {"[a](References/queues.md)", []string{`SKILL.md:5:1: warning: link "References/queues.md" is spelled otherwise than the file, "references/Queues.md" (link-case)`}},
		"backslash":      {"[a](references\\Queues.md)", []string{`SKILL.md:5:1: warning: link "references\\Queues.md" is spelled otherwise than the file, "references/Queues.md" (link-case)`}},
		"out of it":      {"[a](../other/x.md)", []string{`SKILL.md:5:1: warning: link "../other/x.md" leads out of the asset (link-outside)`}},
		"out and back":   {"[a](./references/../SKILL.md)", nil},
		"absolute":       {"[a](/docs/x.md)", []string{`SKILL.md:5:1: warning: link "/docs/x.md" is absolute: agents know no files but those of the asset (link-outside)`}},
		"left out":       {"[a](README.md)", []string{`SKILL.md:5:1: warning: link "README.md" leads to a file that the ignore rules leave out (dead-link)`}},
		"in a quote":     {"> - [a\n>   b](gone.md)", []string{`SKILL.md:5:5: warning: link "gone.md" leads to no file of the asset (dead-link)`}},
		"in a table":     {"| a |\n|---|\n| [a](gone.md) |", []string{`SKILL.md:7:3: warning: link "gone.md" leads to no file of the asset (dead-link)`}},
		"takes too long": {strings.Repeat("[a](", 40_000), []string{"SKILL.md: warning: its links are not checked: a paragraph with so many of them takes too long (links-unchecked)"}},
	} {
		t.Run(name, func(t *testing.T) {
			a := skill(t, tt.body, files)
			a.Ignored = func(p manifest.Path) bool { return p == "README.md" }
			if d := cmp.Diff(tt.want, said(lint.Check(a))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// TestLinksOfManyFiles has files of which the second is one too many.
func TestLinksOfManyFiles(t *testing.T) {
	costly := strings.Repeat("[a](b) ", 11_000) // 850 million
	got := said(lint.Check(skill(t, "x\n", map[string]string{"a.md": costly, "b.md": costly, "b": "", "c.md": "[x](gone.md)\n"})))
	got = slices.DeleteFunc(got, func(line string) bool { return strings.HasSuffix(line, "(extension)") })
	want := []string{
		"b.md: warning: its links are not checked: a paragraph with so many of them takes too long (links-unchecked)",
		`c.md:1:1: warning: link "gone.md" leads to no file of the asset (dead-link)`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestLinkFromRoot names a file as the main file would.
func TestLinkFromRoot(t *testing.T) {
	a := skill(t, "x\n", map[string]string{"references/a.md": "[b](references/b.md) [c](b.md)\n", "references/b.md": "b"})
	found := lint.Check(a)
	want := []string{`references/a.md:1:1: warning: link "references/b.md" leads to a file only for who reads it from the root of the asset (link-from-root)`}
	if d := cmp.Diff(want, said(found)); d != "" || found[0].Fix != "write it as b.md" {
		t.Errorf("(-want +got):\n%s%+v", d, found)
	}
}

// TestLinksOfAFile links from a single file: whatever it leads to is not sent.
func TestLinksOfAFile(t *testing.T) {
	got := said(lint.Check(asset(t, assettype.AgentsMD, map[string]string{"AGENTS.md": "# A\n[a](docs/x.md) [b](#a)\n"})))
	want := []string{`AGENTS.md:2:1: warning: link "docs/x.md" leads to another file, and an asset of type agents_md is one file (dead-link)`}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestHidden(t *testing.T) {
	tag := func(s string) string {
		return strings.Map(func(r rune) rune { return r + 0xe0000 }, s)
	}
	for name, tt := range map[string]struct {
		body string
		want []string
	}{
		"family, astronaut":        {"👨‍👩‍👧 👩🏽‍🚀 ❤️‍🔥 🏳️‍🌈 🧔‍♂️ ⛹🏻‍♀️ ↔️", nil},
		"flags of subdivisions":    {"🏴" + tag("gbsct") + "\U000e007f 🏴" + tag("usca") + "\U000e007f", nil},
		"keycap, text form":        {"1️⃣ #️⃣ ©️ ™︎", nil},
		"Persian":                  {"می\u200cخواهم نامه\u200cای", nil},
		"Hindi":                    {"क्\u200dष र्\u200cय", nil},
		"Thai":                     {"ภาษา\u200bไทย", nil},
		"Hebrew with marks":        {"שלום \u200fabc\u200e", nil},
		"Hebrew with an isolate":   {"שלום \u2066abc\u2069", nil},
		"Mongolian":                {"ᠮᠣᠩᠭᠣᠯ\u180eᠠ ᠪ\u180b", nil},
		"ideographic variation":    {"葛\U000e0100", nil},
		"soft hyphen in a word":    {"Donau\u00addampf", nil},
		"private use":              {"\ue0b0 \uf8ff", nil},
		"no-break space":           {"a\u00a0b\u202fc\u3000d", nil},
		"zero-width space":         {"del\u200bete", []string{"SKILL.md:5:4: warning: 1 invisible character: U+200B (hidden-character)"}},
		"joiner between letters":   {"a\u200db", []string{"SKILL.md:5:2: warning: 1 invisible character: U+200D (hidden-character)"}},
		"soft hyphen alone":        {"a \u00ad b", []string{"SKILL.md:5:3: warning: 1 invisible character: U+00AD (hidden-character)"}},
		"mark of direction":        {"abc\u200f", []string{"SKILL.md:5:4: warning: 1 invisible character: U+200F (hidden-character)"}},
		"byte order mark inside":   {"a\ufeffb", []string{"SKILL.md:5:2: warning: 1 invisible character: U+FEFF (hidden-character)"}},
		"Hangul filler":            {"a\u3164b", []string{"SKILL.md:5:2: warning: 1 invisible character: U+3164 (hidden-character)"}},
		"bits":                     {"a" + strings.Repeat("\u200b\u200c", 4) + "b", []string{"SKILL.md:5:2: error: 8 invisible characters: U+200B U+200C U+200B U+200C … (hidden-text)"}},
		"bytes as selectors":       {"😀" + strings.Repeat("\U000e0158", 9), []string{"SKILL.md:5:2: error: 9 invisible characters: U+E0158 U+E0158 U+E0158 U+E0158 … (hidden-text)"}},
		"selectors after an emoji": {"😀\ufe0f\ufe01\ufe02", []string{"SKILL.md:5:2: warning: 3 invisible characters: U+FE0F U+FE01 U+FE02 (hidden-character)"}},
		"tags":                     {"x" + tag("ignore all of this"), []string{`SKILL.md:5:2: error: 18 tag characters that nobody sees: "ignore all of this" (hidden-text)`}},
		"tags that go on":          {"🏴" + tag("gbsct and more"), []string{`SKILL.md:5:2: error: 14 tag characters that nobody sees: "gbsct and more" (hidden-text)`}},
		"tags without a flag":      {"😀" + tag("gbsct") + "\U000e007f", []string{`SKILL.md:5:2: error: 6 tag characters that nobody sees: "gbsct\x7f" (hidden-text)`}},
		"override": {"if \u202eabc\u202c", []string{
			"SKILL.md:5:4: error: U+202E (right-to-left override) makes text appear in another order than it is read (hidden-bidi)",
			"SKILL.md:5:8: error: U+202C (pop directional formatting) makes text appear in another order than it is read (hidden-bidi)"}},
		"override in Hebrew": {"שלום \u202dabc\u202c", []string{
			"SKILL.md:5:6: error: U+202D (left-to-right override) makes text appear in another order than it is read (hidden-bidi)",
			"SKILL.md:5:10: error: U+202C (pop directional formatting) makes text appear in another order than it is read (hidden-bidi)"}},
		"isolate not closed": {"שלום \u2067abc", []string{"SKILL.md:5:6: error: U+2067 (right-to-left isolate) makes text appear in another order than it is read (hidden-bidi)"}},
		"isolate in Latin": {"a \u2066b\u2069", []string{
			"SKILL.md:5:3: error: U+2066 (left-to-right isolate) makes text appear in another order than it is read (hidden-bidi)",
			"SKILL.md:5:5: error: U+2069 (pop directional isolate) makes text appear in another order than it is read (hidden-bidi)"}},
		"in code, too": {"```\na\u200bb\n```\n", []string{"SKILL.md:6:2: warning: 1 invisible character: U+200B (hidden-character)"}},
		"control":      {"\x1b[31m red\r\n\tx\f", []string{"SKILL.md:5:1: warning: control character U+001B (control-character)"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, said(lint.Check(skill(t, tt.body, nil)))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestFiles(t *testing.T) {
	for name, tt := range map[string]struct {
		file, content string
		want          []string
	}{
		"byte order mark": {"a.md", "\ufeff# A\n", nil},
		"binary":          {"a.png", "\x89PNG\x00\u200b", nil},
		"UTF-16":          {"a.txt", "\xff\xfea\x00\x0b\x20", []string{"a.txt: warning: is UTF-16, not UTF-8 (encoding)"}},
		"Latin 1":         {"a.csv", "x\ny\xe9\n", []string{"a.csv:2:2: warning: is not UTF-8 (encoding)"}},
		"NUL":             {"a.json", "{\x00}", []string{"a.json: warning: holds a NUL byte: it is no text (encoding)"}},
		"secret":          {"a.md", "x\n  pass" + "word: tR5kQ0zWn2Lx8vB1\n", []string{"a.md:2:13: error: looks like a credential (assigned-secret: password = ***) (secret)"}},
		"extension":       {"a.sh", "", []string{`a.sh: error: extension "sh" is not one of csv, gif, htm, html, jpeg, jpg, json, md, pdf, png, svg, tsv, txt, webp, xml, yaml, yml (extension)`}},
		"scripts":         {"scripts/a.md", "", []string{"scripts/a.md: error: a skill may not hold a scripts directory (scripts)"}},
	} {
		t.Run(name, func(t *testing.T) {
			if d := cmp.Diff(tt.want, said(lint.Check(skill(t, "x\n", map[string]string{tt.file: tt.content})))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestMayBeSecret(t *testing.T) {
	a := skill(t, "x\n", map[string]string{"a.md": "pass" + "word: tR5kQ0zWn2Lx8vB1\n"})
	var err error
	if a.MayBeSecret, err = manifest.NewPatterns([]string{"/a.md"}); err != nil {
		t.Fatal(err)
	}
	if got := said(lint.Check(a)); got != nil {
		t.Errorf("got %v", got)
	}
}

// TestFix makes all fixes, and finds nothing to fix after.
func TestFix(t *testing.T) {
	for name, tt := range map[string]struct {
		file, before, after string
		left                []string
	}{
		"invisible":            {"a.md", "de\u200bl\u202eete\U000e0041\U000e0042 👩‍🚀\n", "delete 👩‍🚀\n", nil},
		"case":                 {"a.md", "[x](two%20words.MD#top) and [X]: TWO words.md\n", "[x](Two%20Words.md#top) and [X]: TWO words.md\n", nil},
		"definition":           {"a.md", "[x]\n\n[x]: <skill.md> 't'\n", "[x]\n\n[x]: <SKILL.md> 't'\n", nil},
		"HTML":                 {"a.md", "<a href=\"skill.md\">x</a>\n", "<a href=\"SKILL.md\">x</a>\n", nil},
		"backslash, one level": {"sub/a.md", "[x](..\\skill.md)\n", "[x](../SKILL.md)\n", nil},
		"UTF-16":               {"a.txt", "\xfe\xff\x00a\x00\n", "a\n", nil},
		"not by a machine":     {"a.md", "[x](gone.md)\n", "", []string{`a.md:1:1: warning: link "gone.md" leads to no file of the asset (dead-link)`}},
	} {
		t.Run(name, func(t *testing.T) {
			a := skill(t, "x\n", map[string]string{tt.file: tt.before, "Two Words.md": "# Top\n"})
			changed, made := lint.Fix(a.Files, lint.Check(a))
			p := manifest.Path(tt.file)
			if got := string(changed[p]); got != tt.after {
				t.Fatalf("got %q, want %q", got, tt.after)
			}
			if (made[p] > 0) != (tt.after != "") {
				t.Errorf("%d fixes", made[p])
			}
			after, err := a.Files.With(changed)
			if err != nil {
				t.Fatal(err)
			}
			a.Files = after
			if d := cmp.Diff(tt.left, said(lint.Check(a))); d != "" {
				t.Errorf("left (-want +got):\n%s", d)
			}
		})
	}
}

func TestFrontmatter(t *testing.T) {
	long := strings.Repeat("x", 100)
	for name, tt := range map[string]struct {
		main  string
		want  []string
		fixed string
	}{
		"unquoted colon": {"---\nname: one\ndescription: Use \"this\": now " + long + "\n---\n", []string{
			"SKILL.md:3:14: warning: frontmatter is read line by line, because it is not valid YAML: mapping value is not allowed in this context (frontmatter-yaml)"},
			"---\nname: one\ndescription: \"Use \\\"this\\\": now " + long + "\"\n---\n"},
		"with CRLF": {"---\r\nname: one\r\ndescription: Use this: now " + long + "\r\n---\r\n", []string{
			"SKILL.md:3:14: warning: frontmatter is read line by line, because it is not valid YAML: mapping value is not allowed in this context (frontmatter-yaml)"},
			"---\r\nname: one\r\ndescription: \"Use this: now " + long + "\"\r\n---\r\n"},
		"over two lines": {"---\nname: one\ndescription: Use \"it\"\n  \\d: now " + long + "\n---\nx: y\n", []string{
			"SKILL.md:3:14: warning: frontmatter is read line by line, because it is not valid YAML: mapping value is not allowed in this context (frontmatter-yaml)"},
			"---\nname: one\ndescription: \"Use \\\"it\\\"\n  \\\\d: now " + long + "\"\n---\nx: y\n"},
		"two at fault": {"---\nname: one\ndescription: Use this: now " + long + "\nmore: a: b\n---\n", []string{
			"SKILL.md:3:14: warning: frontmatter is read line by line, because it is not valid YAML: mapping value is not allowed in this context (frontmatter-yaml)"}, ""},
		"bad name": {"---\ndescription: " + long + "\nname: Not Good\n---\n", []string{
			`SKILL.md:3:7: error: frontmatter name: name "Not Good" must be a-z, 0-9 and hyphens, with no hyphen at either end (name-pattern)`}, ""},
		"no name":  {"---\ndescription: " + long + "\n---\n", []string{"SKILL.md:1:1: error: frontmatter has no name (frontmatter-required)"}, ""},
		"a number": {"---\nname: 12\ndescription: " + long + "\n---\n", []string{"SKILL.md:2:7: error: frontmatter name is 12, and no text (frontmatter-required)"}, ""},
		"empty":    {"---\nname: ''\ndescription: " + long + "\n---\n", []string{"SKILL.md:2:7: error: frontmatter has an empty name (frontmatter-required)"}, ""},
		"short":    {"---\nname: a\ndescription: b\n---\n", []string{"SKILL.md:3:14: warning: description has 1 characters; from 100 on agents choose the skill well (description-short)"}, ""},
		"mapping?": {"---\n- a\n---\n", []string{"SKILL.md:2:1: error: cannot read frontmatter: line 2, column 1: sequence was used where mapping is expected (frontmatter-required)"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := asset(t, assettype.Skill, map[string]string{"SKILL.md": tt.main, "a.md": "x"})
			found := lint.Check(a)
			if d := cmp.Diff(tt.want, said(found)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			changed, _ := lint.Fix(a.Files, found)
			if got := string(changed["SKILL.md"]); got != tt.fixed {
				t.Errorf("fixed: got %q, want %q", got, tt.fixed)
			}
		})
	}
}

func TestSize(t *testing.T) {
	typ, _ := assettype.Lookup(assettype.Skill)
	small, err := lint.Measure(typ, skill(t, strings.Repeat("a", 10_000), nil).Files)
	if err != nil {
		t.Fatal(err)
	}
	if small.Files != 1 || small.Bytes < 10_000 || small.ZipBytes < 100 || small.ZipBytes > 1000 {
		t.Errorf("got %+v", small)
	}
	for name, tt := range map[string]struct {
		zip  int64
		want []string
	}{
		"fits":   {6_000_000, nil},
		"nearly": {6_000_001, []string{"warning: the files have 7 bytes, and 6000001 as a zip; the guide says 6 MB, which may mean 6000000 (zip-size-near)"}},
		"full":   {6_291_456, []string{"warning: the files have 7 bytes, and 6291456 as a zip; the guide says 6 MB, which may mean 6000000 (zip-size-near)"}},
		"over":   {6_291_457, []string{"error: the files have 7 bytes, and 6291457 as a zip, over 6291456 (zip-size)"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := said(lint.CheckSize(lint.Size{Files: 2, Bytes: 7, ZipBytes: tt.zip}, 6_291_456))
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
