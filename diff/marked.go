package diff

import (
	"slices"
	"strings"
)

// sharedLines is the number of shared lines that git leaves inside a conflict
// (xdl_simplify_non_conflicts in its xmerge.c): fewer conflicts read better.
const sharedLines = 3

// narrow splits conflicts at lines that both sides share, then joins those
// that have hardly anything between them.
func (m texts) narrow(pieces []piece) []piece {
	var out []piece
	add := func(p piece) {
		if n := len(out); n > 0 && p.conflict() && out[n-1].conflict() && trifle(m.ours[out[n-1].ours.end:p.ours.start]) {
			out[n-1].ours.end, out[n-1].theirs.end = p.ours.end, p.theirs.end
			return
		}
		out = append(out, p)
	}
	for _, p := range pieces {
		ours, theirs := p.ours.of(m.ours), p.theirs.of(m.theirs)
		if !p.conflict() || len(ours) == 0 || len(theirs) == 0 {
			add(p)
			continue
		}
		for _, e := range changes(ours, theirs) {
			add(piece{
				ours:   span{p.ours.start + e.oldStart, p.ours.start + e.oldEnd},
				theirs: span{p.theirs.start + e.newStart, p.theirs.start + e.newEnd},
			})
		}
	}
	return out
}

// trifle reports whether lines are few or hold no letter and no digit.
func trifle(lines []string) bool {
	return len(lines) <= sharedLines || !slices.ContainsFunc(lines, func(line string) bool {
		return strings.ContainsFunc(line, func(r rune) bool {
			return '0' <= r && r <= '9' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		})
	})
}

func (m texts) appendConflict(to []byte, p piece, labels Labels) []byte {
	end := "\n"
	if m.needsCR(p) {
		end = "\r\n"
	}
	marker := func(char, label string) {
		to = append(to, strings.Repeat(char, 7)...)
		if label != "" {
			to = append(append(to, ' '), label...)
		}
		to = append(to, end...)
	}
	side := func(lines []string) {
		to = appendLines(to, lines)
		if n := len(lines); n > 0 && !strings.HasSuffix(lines[n-1], "\n") {
			to = append(to, end...)
		}
	}
	marker("<", labels.Ours)
	side(p.ours.of(m.ours))
	marker("=", "")
	side(p.theirs.of(m.theirs))
	marker(">", labels.Theirs)
	return to
}

// needsCR looks where git does (is_cr_needed in its xmerge.c): at the lines
// before the conflict on both sides, then at the first of the base.
func (m texts) needsCR(p piece) bool {
	crlf, known := false, false
	for _, at := range []struct {
		lines []string
		line  int
	}{{m.ours, p.ours.start - 1}, {m.theirs, p.theirs.start - 1}, {m.base, 0}} {
		if crlf, known = endsCRLF(at.lines, max(at.line, 0)); known && !crlf {
			return false
		}
	}
	return known && crlf
}

// endsCRLF says how a line ends. The last line may have no end, then the one
// before it tells; known is false if there is none.
func endsCRLF(lines []string, i int) (crlf, known bool) {
	if i < len(lines) && !strings.HasSuffix(lines[i], "\n") {
		i--
	}
	if i < 0 || i >= len(lines) {
		return false, false
	}
	return strings.HasSuffix(lines[i], "\r\n"), true
}
