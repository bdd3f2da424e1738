package lint

import (
	"bytes"
	"encoding/binary"
	"path"
	"slices"
	"sort"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"assetsync/manifest"
)

// binaryExtensions are of files that no agent reads as text.
var binaryExtensions = []string{"gif", "jpeg", "jpg", "pdf", "png", "webp"}

func extension(p manifest.Path) string {
	return strings.ToLower(strings.TrimPrefix(path.Ext(string(p)), "."))
}

// isMarkdown tells Markdown by its name.
func isMarkdown(p manifest.Path) bool {
	ext := extension(p)
	return ext == "md" || ext == "markdown"
}

// text is the content of a text file, with the offsets of its lines.
type text struct {
	content []byte
	lines   []int // offsets of the first bytes
}

// textOf returns a file as text, false when it is none: its name says so, it
// is not UTF-8, or it holds a NUL byte.
func textOf(p manifest.Path, content []byte) (text, bool) {
	if slices.Contains(binaryExtensions, extension(p)) || !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0 {
		return text{}, false
	}
	return newText(content), true
}

func newText(content []byte) text {
	t := text{content: content, lines: []int{0}}
	for i, b := range content {
		if b == '\n' {
			t.lines = append(t.lines, i+1)
		}
	}
	return t
}

// place returns the line and the column of an offset, from 1. A byte order
// mark at the start is no character.
func (t text) place(at int) (line, column int) {
	line = t.lineIndex(at) + 1
	begin := t.lines[line-1]
	if begin == 0 && bytes.HasPrefix(t.content, byteOrderMark) {
		begin = min(at, len(byteOrderMark))
	}
	return line, utf8.RuneCount(t.content[begin:at]) + 1
}

// placer places offsets that mostly ascend, so that a long line is not counted anew
// for each of them.
type placer struct {
	text
	at, line, column int // the last offset with its place
}

func (p *placer) of(at int) (line, column int) {
	if p.line > 0 && at >= p.at && p.at >= len(byteOrderMark) && p.lineIndex(at)+1 == p.line {
		p.at, p.column = at, p.column+utf8.RuneCount(p.content[p.at:at])
	} else {
		p.at = at
		p.line, p.column = p.place(at)
	}
	return p.line, p.column
}

// lineIndex is the index of the line that holds an offset.
func (t text) lineIndex(at int) int { return sort.SearchInts(t.lines, at+1) - 1 }

// line returns the text of the line that holds an offset.
func (t text) line(at int) []byte {
	n := t.lineIndex(at) + 1
	end := len(t.content)
	if n < len(t.lines) {
		end = t.lines[n]
	}
	return t.content[t.lines[n-1]:end]
}

// at puts a finding at an offset.
func (t text) at(f Finding, offset int) Finding {
	f.Line, f.Column = t.place(offset)
	return f
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// textExtensions are of files that agents read as text.
var textExtensions = []string{"csv", "htm", "html", "json", "md", "svg", "tsv", "txt", "xml", "yaml", "yml"}

// checkEncoding reports on a file that is text by its name and not UTF-8. What
// says that it is UTF-16 can be turned into UTF-8.
func checkEncoding(p manifest.Path, content []byte) []Finding {
	if !slices.Contains(textExtensions, extension(p)) {
		return nil
	}
	if decoded, ok := fromUTF16(content); ok {
		return []Finding{newFinding("encoding", "is UTF-16, not UTF-8").edited(0, len(content), decoded)}
	}
	if utf8.Valid(content) {
		return []Finding{newFinding("encoding", "holds a NUL byte: it is no text")}
	}
	t := newText(content)
	return []Finding{t.at(newFinding("encoding", "is not UTF-8"), firstInvalid(content))}
}

// firstInvalid is the offset of the first byte that is no UTF-8.
func firstInvalid(content []byte) int {
	for i := 0; i < len(content); {
		r, n := utf8.DecodeRune(content[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(content)
}

// fromUTF16 decodes UTF-16 that begins with a byte order mark and has no half
// characters.
func fromUTF16(content []byte) (string, bool) {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case len(content)%2 != 0:
		return "", false
	case bytes.HasPrefix(content, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	case !bytes.HasPrefix(content, []byte{0xff, 0xfe}):
		return "", false
	}
	units := make([]uint16, 0, len(content)/2)
	for rest := content[2:]; len(rest) > 0; rest = rest[2:] {
		units = append(units, order.Uint16(rest))
	}
	decoded := string(utf16.Decode(units))
	if strings.ContainsRune(decoded, utf8.RuneError) || strings.ContainsRune(decoded, 0) {
		return "", false
	}
	return decoded, true
}
