package assettype

import (
	"maps"
	"path"
	"strings"

	"assetsync/manifest"
)

// Check reports on an asset as it is about to be published: its files and
// the metadata that is sent with them. Findings come in a fixed order: tree,
// content, zip, metadata.
func Check(t Type, files manifest.Bundle, metadata map[string]any) []Finding {
	out := CheckTree(t, files.Tree())
	for e := range files.Tree().All() {
		content, _ := files.Content(e.Path)
		out = append(out, CheckContent(t, e.Path, content)...)
	}
	sent := maps.Clone(metadata)
	if sent == nil {
		sent = map[string]any{}
	}
	var derived []string
	switch {
	case t.Frontmatter && !sentAsFile(t, files):
		out = append(out, CheckZip(t, files)...)
		derived = []string{"name", "description"}
	case t.Name == Attachment:
		maps.Copy(sent, DerivedMetadata(t, files))
	}
	return append(out, CheckMetadata(t, sent, derived...)...)
}

// sentAsFile reports whether an asset whose zip needs frontmatter can do
// without: it is one file, which then takes its name from metadata.
func sentAsFile(t Type, files manifest.Bundle) bool {
	return files.Tree().Len() == 1 && !ZipFits(t, files)
}

// ZipFits reports whether the service would take these files as a zip as far
// as their type is concerned: the type allows one, and a skill's main file
// has the frontmatter that names and describes it.
func ZipFits(t Type, files manifest.Bundle) bool {
	if !t.Zip || !t.Frontmatter {
		return t.Zip
	}
	f, ok := mainFrontmatter(t, files)
	return ok && f.Name != "" && f.Description != ""
}

func mainFrontmatter(t Type, files manifest.Bundle) (Frontmatter, bool) {
	p, ok := MainFile(t, files.Tree())
	if !ok {
		return Frontmatter{}, false
	}
	content, _ := files.Content(p)
	f, err := ParseFrontmatter(content)
	return f, err == nil
}

// DerivedMetadata returns the metadata that follows from the content: what
// the service takes from a zipped skill's frontmatter, and what goes with an
// attachment (filename, extension without its dot, size in bytes). It is
// never nil.
func DerivedMetadata(t Type, files manifest.Bundle) map[string]any {
	out := map[string]any{}
	switch {
	case t.Frontmatter && ZipFits(t, files):
		f, _ := mainFrontmatter(t, files)
		out["name"], out["description"] = f.Name, f.Description
	case t.Name == Attachment:
		for e := range files.Tree().All() {
			name := path.Base(string(e.Path))
			out["filename"] = name
			out["extension"] = strings.TrimPrefix(path.Ext(name), ".")
			out["size"] = e.Size
			break
		}
	}
	return out
}

// DerivedKeys returns the metadata keys that the content decides, in order
// of name. A configuration may not set them.
func DerivedKeys(t Type, files manifest.Bundle) []string {
	switch {
	case t.Frontmatter && ZipFits(t, files):
		return []string{"description", "name"}
	case t.Name == Attachment:
		return []string{"extension", "filename", "size"}
	}
	return nil
}

// Identity returns the value that tells the asset from others of its type in
// a space, false when there is none. With files it is what they and the
// metadata will be known by; with an empty bundle it is that of an asset
// that was listed.
func Identity(t Type, metadata map[string]any, files manifest.Bundle) (string, bool) {
	if t.IdentityKey == "" {
		return "", false
	}
	v, ok := DerivedMetadata(t, files)[t.IdentityKey]
	if !ok {
		v = metadata[t.IdentityKey]
	}
	s, ok := v.(string)
	return s, ok && s != ""
}

// Errors returns the findings that stop a publish.
func Errors(found []Finding) []Finding {
	return only(found, func(f Finding) bool { return f.Severity == Error })
}

// Refused returns the findings that the service answers with an error.
func Refused(found []Finding) []Finding {
	return only(found, func(f Finding) bool { return f.Service })
}

func only(found []Finding, keep func(Finding) bool) (out []Finding) {
	for _, f := range found {
		if keep(f) {
			out = append(out, f)
		}
	}
	return out
}
