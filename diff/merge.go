package diff

import (
	"bytes"
	"slices"
	"unicode/utf8"
)

// MergeLimit is the size in bytes up to which a text is merged. Time grows
// with the size: the worst texts of this size that are known take two
// seconds, more on a busy machine, and allocate 800 MB in small pieces
// (BenchmarkMergeHostile).
const MergeLimit = 1 << 20

// Merge puts the changes of ours and of theirs, both made to base, together
// line by line as "git merge-file" does. It is ok if no change of one side
// overlaps or touches a different change of the other; what both changed alike
// is taken once. Otherwise merged is nil, as it is when one of the three holds
// a NUL, is not UTF-8 or is longer than [MergeLimit].
//
// A line is compared with its end, so a change of line ends is a change of the
// line. Merge is symmetric in ours and theirs.
//
// What counts as a change is git's guess as much as it is ours where lines
// repeat, and the two can guess differently: then either may see a conflict
// where the other sees none. Two changes that Merge puts together are disjoint
// in any case.
func Merge(base, ours, theirs []byte) (merged []byte, ok bool) {
	if !mergeable(base) || !mergeable(ours) || !mergeable(theirs) {
		return nil, false
	}
	m := linesOf(base, ours, theirs)
	pieces := m.pieces()
	if slices.ContainsFunc(pieces, piece.conflict) {
		return nil, false
	}
	return m.join(pieces, Labels{}), true
}

// Labels names the sides in conflict markers. An empty one is left out.
type Labels struct{ Ours, Theirs string }

// MergeMarked is [Merge] for people: what collides is in merged twice, between
// the markers of "git merge-file", conflicts counts it. Lines that both sides
// share are taken out of a conflict where git does so. The markers end in CRLF
// where the lines around do. If Merge would take one of the three for no text,
// merged is nil and conflicts is -1.
func MergeMarked(base, ours, theirs []byte, labels Labels) (merged []byte, conflicts int) {
	if !mergeable(base) || !mergeable(ours) || !mergeable(theirs) {
		return nil, -1
	}
	m := linesOf(base, ours, theirs)
	pieces := m.narrow(m.pieces())
	for _, p := range pieces {
		if p.conflict() {
			conflicts++
		}
	}
	return m.join(pieces, labels), conflicts
}

func mergeable(text []byte) bool {
	return len(text) <= MergeLimit && bytes.IndexByte(text, 0) < 0 && utf8.Valid(text)
}

func appendLines(to []byte, lines []string) []byte {
	for _, line := range lines {
		to = append(to, line...)
	}
	return to
}

// texts is the lines of a merge.
type texts struct{ base, ours, theirs []string }

func linesOf(base, ours, theirs []byte) texts {
	return texts{splitLines(string(base)), splitLines(string(ours)), splitLines(string(theirs))}
}

// winner is whose lines are taken.
type winner int

const (
	nobody winner = iota // a conflict
	byOurs
	byTheirs
)

// piece is a part of the merge that the sides do not share. The lines between
// two pieces are alike in ours and theirs.
type piece struct {
	ours, theirs span
	by           winner
}

func (p piece) conflict() bool { return p.by == nobody }

func (m texts) pieces() []piece {
	var out []piece
	for _, r := range regions(changes(m.base, m.ours), changes(m.base, m.theirs)) {
		p := piece{ours: r.ours, theirs: r.theirs}
		switch {
		case !r.byTheirs:
			p.by = byOurs
		case !r.byOurs:
			p.by = byTheirs
		case slices.Equal(p.ours.of(m.ours), p.theirs.of(m.theirs)):
			continue
		}
		out = append(out, p)
	}
	return out
}

// join writes the pieces with the lines between them.
func (m texts) join(pieces []piece, labels Labels) []byte {
	merged := []byte{}
	at := 0 // the lines of ours before this one are done
	for _, p := range pieces {
		merged = appendLines(merged, m.ours[at:p.ours.start])
		switch p.by {
		case nobody:
			merged = m.appendConflict(merged, p, labels)
		case byOurs:
			merged = appendLines(merged, p.ours.of(m.ours))
		case byTheirs:
			merged = appendLines(merged, p.theirs.of(m.theirs))
		}
		at = p.ours.end
	}
	return appendLines(merged, m.ours[at:])
}

// span is the lines [start, end).
type span struct{ start, end int }

func (s span) of(lines []string) []string { return lines[s.start:s.end] }

// region is a part of the base that was changed, with what each side has in
// its place. Regions do not touch.
type region struct {
	base, ours, theirs span
	byOurs, byTheirs   bool // who changed it
}

// regions joins the edits of both sides that overlap or touch. It is diff3
// without its last step, the comparison of what both sides made of a region.
func regions(ours, theirs []edit) []region {
	var out []region
	shiftOurs, shiftTheirs := 0, 0 // line of the side - line of the base, after the last edit taken
	for len(ours) > 0 || len(theirs) > 0 {
		var r region
		switch {
		case len(theirs) == 0 || len(ours) > 0 && ours[0].oldStart <= theirs[0].oldStart:
			r.base.start = ours[0].oldStart
		default:
			r.base.start = theirs[0].oldStart
		}
		r.base.end = r.base.start
		r.ours.start, r.theirs.start = r.base.start+shiftOurs, r.base.start+shiftTheirs
		// take moves the first edit into the region if it touches.
		take := func(edits *[]edit, shift *int) bool {
			if len(*edits) == 0 || (*edits)[0].oldStart > r.base.end {
				return false
			}
			e := (*edits)[0]
			*edits, *shift = (*edits)[1:], e.newEnd-e.oldEnd
			r.base.end = max(r.base.end, e.oldEnd)
			return true
		}
		for more := true; more; {
			byOurs, byTheirs := take(&ours, &shiftOurs), take(&theirs, &shiftTheirs)
			r.byOurs, r.byTheirs = r.byOurs || byOurs, r.byTheirs || byTheirs
			more = byOurs || byTheirs
		}
		r.ours.end, r.theirs.end = r.base.end+shiftOurs, r.base.end+shiftTheirs
		out = append(out, r)
	}
	return out
}
