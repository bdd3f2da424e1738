package assettype

import (
	"bytes"
	"reflect"
	"slices"
	"unicode/utf8"

	"assetsync/manifest"
)

// rewrittenKeys are the frontmatter keys that the web application may add to
// a skill: the metadata that it edits.
var rewrittenKeys = [...]string{"name", "description", "agent_types", "skill_type", "status", "enable_tools"}

// Same reports whether read is what the service may have made of sent when
// it stored p: the same file for the one who sent it. Nothing that a person
// could mean as an edit of the content is the same. It accepts
//
//   - equal bytes;
//   - for UTF-8 text: a byte order mark left out, CRLF turned into LF, or
//     both, throughout the file;
//   - for the main file of a type with frontmatter: a body equal in that
//     sense, every key that was sent with an equal value, in any order, and
//     besides only keys of the service's own metadata.
//
// It is not symmetric.
func Same(t Type, p manifest.Path, sent, read []byte) bool {
	if bytes.Equal(sent, read) || sameText(sent, read) {
		return true
	}
	if !t.Frontmatter || string(p) != t.MainFile {
		return false
	}
	after, err := ParseFrontmatter(read)
	if err != nil || len(after.Warnings) > 0 {
		return false
	}
	body := sent
	fields := map[string]any{}
	if before, err := ParseFrontmatter(sent); err == nil {
		body, fields = sent[before.Body:], before.Fields
	}
	return sameFields(fields, after.Fields) &&
		(bytes.Equal(body, read[after.Body:]) || sameText(body, read[after.Body:]))
}

// sameText reports whether read is sent after one of the known
// normalisations of text.
func sameText(sent, read []byte) bool {
	if !utf8.Valid(sent) {
		return false
	}
	noMark := bytes.TrimPrefix(sent, byteOrderMark)
	return bytes.Equal(noMark, read) || bytes.Equal(lf(sent), read) || bytes.Equal(lf(noMark), read)
}

func lf(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }

func sameFields(sent, read map[string]any) bool {
	for k, v := range sent {
		if got, ok := read[k]; !ok || !reflect.DeepEqual(v, got) {
			return false
		}
	}
	for k := range read {
		if _, known := sent[k]; !known && !slices.Contains(rewrittenKeys[:], k) {
			return false
		}
	}
	return true
}
