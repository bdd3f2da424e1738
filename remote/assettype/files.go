package assettype

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"assetsync/manifest"
)

// Extensions returns the file name extensions that a skill may hold, without
// dots. No page of the service publishes the list; this is the one that
// AWS's own skill repository keeps as what the upload supports.
func Extensions() []string {
	return []string{
		"csv", "gif", "htm", "html", "jpeg", "jpg", "json", "md", "pdf", "png",
		"svg", "tsv", "txt", "webp", "xml", "yaml", "yml",
	}
}

// CheckTree reports on the names and the number of an asset's files.
func CheckTree(t Type, tree manifest.Tree) []Finding {
	var out []Finding
	if t.SingleFile && tree.Len() != 1 {
		out = append(out, refused("single-file", fmt.Sprintf("%s is exactly one file, not %d", t.Name, tree.Len())))
	}
	for e := range tree.All() {
		out = append(out, checkPath(t, e.Path)...)
		if e.Size > t.MaxFileBytes {
			out = append(out, refused("file-size", fmt.Sprintf("has %d bytes, %s takes at most %d", e.Size, t.Name, t.MaxFileBytes)).at(e.Path))
		}
	}
	return append(out, checkMain(t, tree)...)
}

func checkPath(t Type, p manifest.Path) []Finding {
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(string(p)), "."))
	var out []Finding
	switch t.Name {
	case Skill:
		if slices.Contains(strings.Split(path.Dir(string(p)), "/"), "scripts") {
			out = append(out, refused("scripts", "a skill may not hold a scripts directory").at(p).fixedBy("add scripts/ to ignore:"))
		}
		if !slices.Contains(Extensions(), ext) {
			out = append(out, refused("extension", fmt.Sprintf("extension %q is not one of %s", ext, strings.Join(Extensions(), ", "))).
				at(p).fixedBy("rename the file or add it to ignore:"))
		}
	case AgentsMD:
		if ext != "md" {
			out = append(out, refused("markdown-only", "agents_md takes Markdown only").at(p))
		}
	}
	return out
}

// checkMain looks for the main file at the root, where agents read it.
func checkMain(t Type, tree manifest.Tree) []Finding {
	at, ok := MainFile(t, tree)
	switch {
	case t.MainFile == "" || t.SingleFile || at == manifest.Path(t.MainFile):
		return nil
	case ok:
		return []Finding{advised("wrapping-folder", fmt.Sprintf("%s is not at the root: relative references fail when the agent runs", t.MainFile)).
			at(at).fixedBy("publish the directory that holds " + t.MainFile)}
	case t.Name == Skill && tree.Len() == 1 && tree.Get("SKILL.pdf") != nil:
		return nil // the guide shows a skill of this one file
	}
	return []Finding{refused("main-file", fmt.Sprintf("%s has no %s", t.Name, t.MainFile))}
}

// MainFile finds the main file as the service does: anywhere, the root
// first, then the least deep.
func MainFile(t Type, tree manifest.Tree) (found manifest.Path, ok bool) {
	if t.MainFile == "" {
		return "", false
	}
	depth := func(p manifest.Path) int { return strings.Count(string(p), "/") }
	for e := range tree.All() {
		if path.Base(string(e.Path)) == t.MainFile && (!ok || depth(e.Path) < depth(found)) {
			found, ok = e.Path, true
		}
	}
	return found, ok
}

// CheckContent reports on the bytes of one file.
func CheckContent(t Type, p manifest.Path, content []byte) []Finding {
	switch {
	case t.Name == AgentsMD:
		return checkAgentsMD(p, content)
	case t.Name == CustomAgent && string(p) == t.MainFile:
		if n := utf8.RuneCount(content); n > maxPromptChars {
			return []Finding{refused("prompt-length", fmt.Sprintf("the prompt has %d characters, want at most %d", n, maxPromptChars)).at(p)}
		}
	}
	return nil
}

func checkAgentsMD(p manifest.Path, content []byte) []Finding {
	var out []Finding
	if len(content) > safeAgentsMDBytes && len(content) <= maxAgentsMDBytes {
		out = append(out, advised("agents-md-size", fmt.Sprintf("has %d bytes; the guide says 25 KB, which may mean %d", len(content), safeAgentsMDBytes)).at(p))
	}
	if _, err := ParseFrontmatter(content); err == nil {
		out = append(out, refused("no-frontmatter", "agents_md takes no frontmatter").at(p).on(1, 1).fixedBy("remove the lines between --- and ---"))
	}
	if !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		out = append(out, refused("markdown-only", "agents_md takes Markdown only, this is not UTF-8 text").at(p))
	}
	return out
}

// CheckZip reports on what only a zip is held to: its entries are counted,
// and a skill's main file must name and describe it. The rules of
// [CheckTree] and [CheckContent] apply besides.
func CheckZip(t Type, files manifest.Bundle) []Finding {
	if !t.Zip {
		return []Finding{refused("no-zip", t.Name+" takes no zip").in("/content/zip").fixedBy("send the one file")}
	}
	var out []Finding
	if n := files.Tree().Len(); t.MaxFiles > 0 && n > t.MaxFiles {
		out = append(out, refused("file-count", fmt.Sprintf("Zip validation failed: %d files, the maximum is %d", n, t.MaxFiles)).
			fixedBy("leave files out with ignore:"))
	}
	if !t.Frontmatter {
		return out
	}
	if p, ok := MainFile(t, files.Tree()); ok {
		content, _ := files.Content(p)
		out = append(out, checkFrontmatter(p, content)...)
	}
	return out
}

func checkFrontmatter(p manifest.Path, content []byte) []Finding {
	f, err := ParseFrontmatter(content)
	if err != nil {
		message := "cannot " + err.Error()
		if errors.Is(err, ErrNoFrontmatter) {
			message = "has no frontmatter: a zip needs name and description there"
		}
		where := asSyntaxError(err)
		return []Finding{refused("frontmatter-required", message).at(p).on(max(where.Line, 1), max(where.Column, 1)).
			fixedBy(`begin the file with lines "---", "name: …", "description: …", "---"`)}
	}
	var out []Finding
	for _, w := range f.Warnings {
		out = append(out, advised("frontmatter-yaml", "frontmatter is read line by line, because it is not valid YAML: "+w.What).
			at(p).on(max(w.Line, 1), max(w.Column, 1)).fixedBy("put the value in quotes"))
	}
	for _, k := range []struct {
		key   string
		value string
		check func(string, any) []Finding
	}{{"name", f.Name, checkName}, {"description", f.Description, checkDescription}} {
		if k.value == "" {
			out = append(out, lacking(f, k.key).at(p).on(f.Position(k.key)))
			continue
		}
		for _, found := range k.check(metadataField(k.key), k.value) {
			found.Message = "frontmatter " + k.key + ": " + found.Message
			out = append(out, found.at(p).on(f.Position(k.key)))
		}
	}
	if n := utf8.RuneCountInString(f.Description); n > 0 && n < minHelpfulChars {
		out = append(out, advised("description-short", fmt.Sprintf("description has %d characters; from %d on agents choose the skill well", n, minHelpfulChars)).at(p).on(f.Position("description")))
	}
	return out
}

// lacking is the finding that a frontmatter has no text for a key.
func lacking(f Frontmatter, key string) Finding {
	switch v := f.Fields[key].(type) {
	case nil:
		return refused("frontmatter-required", "frontmatter has no "+key).fixedBy("add a line " + key + ": … to the frontmatter")
	case string:
		return refused("frontmatter-required", "frontmatter has an empty "+key).fixedBy("write the " + key + " behind " + key + ":")
	default:
		return refused("frontmatter-required", fmt.Sprintf("frontmatter %s is %v, and no text", key, v)).fixedBy("put the value in quotes")
	}
}
