package diff

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// Merge makes of two texts, both of which were made from base, one that holds
// the changes of both, line by line as diff3 does. It is false when they change
// the same lines, or lines that touch, in different ways, and when one of the
// three is no text: it holds a NUL or is not UTF-8. Changes that both made are
// made once.
func Merge(base, ours, theirs []byte) (merged []byte, ok bool) {
	for _, text := range [][]byte{base, ours, theirs} {
		if bytes.IndexByte(text, 0) >= 0 || !utf8.Valid(text) {
			return nil, false
		}
	}
	m := merger{base: splitLines(string(base)), a: newSideEdits(base, ours), b: newSideEdits(base, theirs)}
	return m.merge()
}

// sideEdits is how one side was made from the base.
type sideEdits struct {
	lines []string
	edits []edit // left to merge
	shift int    // number of a line of the side minus that of the base, before the first of them
}

func newSideEdits(base, side []byte) *sideEdits {
	lines := splitLines(string(base))
	return &sideEdits{lines: splitLines(string(side)), edits: lineEdits(string(base), string(side), lines)}
}

// until takes the edits that begin in the base before end, or at it, and
// returns where the last of them ends.
func (s *sideEdits) until(end int) (edits []edit, last int) {
	last = end
	for len(s.edits) > 0 && s.edits[0].oldStart <= last {
		last = max(last, s.edits[0].oldEnd)
		edits, s.edits = append(edits, s.edits[0]), s.edits[1:]
	}
	return edits, last
}

// region returns what the side has of the lines [start, end) of the base, after
// edits which are all of those in it.
func (s *sideEdits) region(start, end int, edits []edit) []string {
	from := start + s.shift
	for _, e := range edits {
		s.shift += (e.newEnd - e.newStart) - (e.oldEnd - e.oldStart)
	}
	return s.lines[from : end+s.shift]
}

type merger struct {
	base []string
	a, b *sideEdits
	out  bytes.Buffer
}

func (m *merger) merge() ([]byte, bool) {
	at := 0 // lines of the base that are done
	for len(m.a.edits)+len(m.b.edits) > 0 {
		start := m.next()
		m.write(m.base[at:start])
		// Edits that overlap or touch are one region.
		var mine, theirs []edit
		end := start
		for {
			a, endA := m.a.until(end)
			b, endB := m.b.until(max(end, endA))
			mine, theirs = append(mine, a...), append(theirs, b...)
			if grown := max(endA, endB); grown > end || len(a)+len(b) > 0 {
				end = grown
				continue
			}
			break
		}
		ours, others := m.a.region(start, end, mine), m.b.region(start, end, theirs)
		switch {
		case len(theirs) == 0, slices.Equal(ours, others):
			m.write(ours)
		case len(mine) == 0:
			m.write(others)
		default:
			return nil, false
		}
		at = end
	}
	m.write(m.base[at:])
	return m.out.Bytes(), true
}

// next returns where the first edit that is left begins.
func (m *merger) next() int {
	switch {
	case len(m.a.edits) == 0:
		return m.b.edits[0].oldStart
	case len(m.b.edits) == 0:
		return m.a.edits[0].oldStart
	}
	return min(m.a.edits[0].oldStart, m.b.edits[0].oldStart)
}

func (m *merger) write(lines []string) {
	for _, l := range lines {
		m.out.WriteString(l)
	}
}
