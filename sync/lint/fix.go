package lint

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

const ruleYAML = "frontmatter-yaml"

// Fix returns the new contents of the files that mechanical fixes change, and
// how many fixes each is given. Of fixes that overlap the first is made; what
// is left shows in the next look.
func Fix(files manifest.Bundle, found []Finding) (changed map[manifest.Path][]byte, made map[manifest.Path]int) {
	byFile := map[manifest.Path][]Edit{}
	for _, f := range found {
		if f.Edit != nil {
			byFile[f.Path] = append(byFile[f.Path], *f.Edit)
		}
	}
	changed, made = map[manifest.Path][]byte{}, map[manifest.Path]int{}
	for p, edits := range byFile {
		content, ok := files.Content(p)
		if ok {
			changed[p], made[p] = apply(content, edits)
		}
	}
	return changed, made
}

// apply makes edits, and says how many.
func apply(content []byte, edits []Edit) (out []byte, made int) {
	slices.SortFunc(edits, func(a, b Edit) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End)) })
	at := 0
	for _, e := range edits {
		if e.Start < at {
			continue
		}
		out = append(append(out, content[at:e.Start]...), e.New...)
		at = e.End
		made++
	}
	return append(out, content[at:]...), made
}

// addFrontmatterEdits gives the findings about a frontmatter that is no YAML
// their fix: quotes around the value at fault, when that makes YAML of it
// and changes no value.
func addFrontmatterEdits(a Asset, found []Finding) {
	for i, f := range found {
		if f.Rule != ruleYAML {
			continue
		}
		content, _ := a.Files.Content(f.Path)
		if e, ok := quoteValue(content, f.Line); ok {
			found[i] = f.edited(e.Start, e.End, e.New)
		}
	}
}

// quoteValue puts the value of the key in a line of a frontmatter in quotes,
// with the indented lines that continue it.
func quoteValue(content []byte, line int) (Edit, bool) {
	was, err := assettype.ParseFrontmatter(content)
	t := newText(content)
	if err != nil || line < 2 || line > len(t.lines) || !utf8.Valid(content) {
		return Edit{}, false
	}
	begin := t.lines[line-1]
	key, value, ok := strings.Cut(string(content[begin:t.continued(line)]), ":")
	text := strings.TrimSpace(value)
	if !ok || text == "" || strings.ContainsAny(text[:1], `"'|>[{&*!`) {
		return Edit{}, false
	}
	start := begin + len(key) + 1 + strings.Index(value, text)
	e := Edit{start, start + len(text), `"` + inQuotes.Replace(text) + `"`}
	fixed, _ := apply(content, []Edit{e})
	is, err := assettype.ParseFrontmatter(fixed)
	if err != nil || len(is.Warnings) > 0 || is.Name != was.Name || is.Description != was.Description {
		return Edit{}, false
	}
	return e, true
}

var inQuotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// continued is the offset behind a line, from 1, and the indented ones after it.
func (t text) continued(line int) int {
	for ; line < len(t.lines); line++ {
		if next := t.content[t.lines[line]:]; !bytes.HasPrefix(next, []byte{' '}) && !bytes.HasPrefix(next, []byte{'\t'}) {
			return t.lines[line]
		}
	}
	return len(t.content)
}

// String is a finding as one line: "PATH:LINE:COLUMN: SEVERITY: MESSAGE (RULE)".
func (f Finding) String() string {
	place := string(f.Path)
	if f.Line > 0 {
		place += fmt.Sprintf(":%d:%d", f.Line, f.Column)
	}
	if place == "" {
		place = f.Field
	}
	if place != "" {
		place += ": "
	}
	return fmt.Sprintf("%s%s: %s (%s)", place, f.Severity, f.Message, f.Rule)
}
