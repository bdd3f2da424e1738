package diff

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"

	"assetsync/manifest"
)

// DefaultContext is the number of unchanged lines that git shows around a
// change.
const DefaultContext = 3

// DevNull is the name of an absent side in a patch.
const DevNull = "/dev/null"

// binaryProbe is how far git looks for a NUL byte (FIRST_FEW_BYTES in its
// xdiff-interface.c).
const binaryProbe = 8000

// IsBinary reports whether git would take content for binary: it has a NUL
// among its first 8000 bytes.
func IsBinary(content []byte) bool {
	return bytes.IndexByte(content[:min(len(content), binaryProbe)], 0) >= 0
}

// Unified returns a patch as "git diff" prints it, which "git apply" and
// "patch" take: the git header with abbreviated blob ids, then hunks with
// context lines around. Names are paths without the prefixes "a/" and "b/";
// [DevNull] says that the side is absent. A binary file gives one line with
// the sizes and ids of both sides. Equal files give "".
//
// Time and memory grow with the sizes and not with their product: files that
// differ in very many places are shown with larger hunks than necessary.
func Unified(oldName, newName string, old, new []byte, context int) string {
	if oldName != DevNull && newName != DevNull && bytes.Equal(old, new) {
		return ""
	}
	var b strings.Builder
	writeHeader(&b, oldName, newName, old, new)
	if bytes.Equal(old, new) {
		return b.String() // an empty file comes or goes
	}
	oldLabel, newLabel := label("a/", oldName), label("b/", newName)
	if IsBinary(old) || IsBinary(new) {
		fmt.Fprintf(&b, "Binary files %s%s and %s%s differ\n", oldLabel, blob(oldName, old), newLabel, blob(newName, new))
		return b.String()
	}
	fmt.Fprintf(&b, "--- %s\n+++ %s\n", endLabel(oldLabel), endLabel(newLabel))
	a, z := splitLines(string(old)), splitLines(string(new))
	for _, h := range hunks(lineEdits(string(old), string(new), a), context, len(a)) {
		h.write(&b, a, z)
	}
	return b.String()
}

// blob says in a few words what a side holds. "git apply" passes over it.
func blob(name string, content []byte) string {
	if name == DevNull {
		return ""
	}
	return fmt.Sprintf(" (%d %s %s)", len(content), plural(len(content), "byte", "bytes"), manifest.BlobID(content).Short())
}

// Renamed returns the patch of a file that has another name and is else the
// same, as "git diff" prints it.
func Renamed(oldName, newName string) string {
	return fmt.Sprintf("diff --git %s %s\nsimilarity index 100%%\nrename from %s\nrename to %s\n",
		label("a/", oldName), label("b/", newName), Quoted(oldName), Quoted(newName))
}

// Quoted is a name as git prints it alone on a line: quoted as C does when it
// holds a control character, a quote or a backslash.
func Quoted(name string) string { return label("", name) }

func writeHeader(b *strings.Builder, oldName, newName string, old, new []byte) {
	oldID, newID := manifest.BlobID(old), manifest.BlobID(new)
	a, z := oldName, newName
	mode := " 100644"
	switch {
	case oldName == DevNull:
		a, oldID, mode = newName, manifest.ID{}, ""
	case newName == DevNull:
		z, newID, mode = oldName, manifest.ID{}, ""
	}
	fmt.Fprintf(b, "diff --git %s %s\n", label("a/", a), label("b/", z))
	switch {
	case oldName == DevNull:
		b.WriteString("new file mode 100644\n")
	case newName == DevNull:
		b.WriteString("deleted file mode 100644\n")
	}
	fmt.Fprintf(b, "index %s..%s%s\n", oldID.Short(), newID.Short(), mode)
}

// label is a name in a header, quoted as C does when it holds a character
// that would end it early.
func label(prefix, name string) string {
	if name == DevNull {
		return name
	}
	name = prefix + name
	if !strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '"' || r == '\\' }) {
		return name
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range []byte(name) {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < 0x20 || c == 0x7f:
			fmt.Fprintf(&b, "\\%03o", c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// endLabel marks the end of a name with blanks, so that "patch" does not
// take what follows the blank for a time.
func endLabel(label string) string {
	if strings.Contains(label, " ") && !strings.HasPrefix(label, `"`) {
		return label + "\t"
	}
	return label
}

// edit replaces the old lines [oldStart, oldEnd) by the new lines
// [newStart, newEnd).
type edit struct{ oldStart, oldEnd, newStart, newEnd int }

// lineEdits returns the edits in order; oldLines are the lines of old.
func lineEdits(old, new string, oldLines []string) []edit {
	var edits []edit
	offset, line, shift := 0, 0, 0 // of the old side; shift: new line - old line
	for _, e := range udiff.Lines(old, new) {
		for offset < e.Start {
			offset += len(oldLines[line])
			line++
		}
		start := line
		for offset < e.End {
			offset += len(oldLines[line])
			line++
		}
		added := countLines(e.New)
		edits = append(edits, edit{start, line, start + shift, start + shift + added})
		shift += added - (line - start)
	}
	return edits
}

// hunk is a run of edits that share context.
type hunk struct {
	edits            []edit
	before, after    int // context lines
	oldStart, oldEnd int // lines, with context
	newStart, newEnd int
}

func hunks(edits []edit, context, oldLines int) []hunk {
	var out []hunk
	for i := 0; i < len(edits); {
		j := i + 1
		for j < len(edits) && edits[j].oldStart-edits[j-1].oldEnd <= 2*context {
			j++
		}
		first, last := edits[i], edits[j-1]
		before := min(context, first.oldStart)
		after := min(context, oldLines-last.oldEnd)
		out = append(out, hunk{
			edits: edits[i:j], before: before, after: after,
			oldStart: first.oldStart - before, oldEnd: last.oldEnd + after,
			newStart: first.newStart - before, newEnd: last.newEnd + after,
		})
		i = j
	}
	return out
}

func (h hunk) write(b *strings.Builder, old, new []string) {
	fmt.Fprintf(b, "@@ -%s +%s @@\n", lineRange(h.oldStart, h.oldEnd), lineRange(h.newStart, h.newEnd))
	at := h.oldStart
	for _, e := range h.edits {
		writeLines(b, ' ', old[at:e.oldStart])
		writeLines(b, '-', old[e.oldStart:e.oldEnd])
		writeLines(b, '+', new[e.newStart:e.newEnd])
		at = e.oldEnd
	}
	writeLines(b, ' ', old[at:h.oldEnd])
}

// lineRange writes the lines [start, end), counted from 0, as a hunk header
// does: the first line, counted from 1, then the number of lines unless it is
// 1. An empty range is named by the line before it.
func lineRange(start, end int) string {
	switch n := end - start; n {
	case 0:
		return fmt.Sprintf("%d,0", start)
	case 1:
		return fmt.Sprint(start + 1)
	default:
		return fmt.Sprintf("%d,%d", start+1, n)
	}
}

func writeLines(b *strings.Builder, kind byte, lines []string) {
	for _, line := range lines {
		b.WriteByte(kind)
		b.WriteString(line)
		if !strings.HasSuffix(line, "\n") {
			b.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

// splitLines returns the lines with their ends; the last may lack one.
func splitLines(s string) []string {
	lines := strings.SplitAfter(s, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}

func countLines(s string) int {
	n := strings.Count(s, "\n")
	if s != "" && !strings.HasSuffix(s, "\n") {
		n++
	}
	return n
}
