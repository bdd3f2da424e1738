package diff

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff/lcs"
)

// MergeLimit is the size in bytes up to which a text is merged. Time grows
// with the size: the worst texts of this size that are known take about a
// second and 800 MB, mostly short-lived (BenchmarkMergeHostile).
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
	b, o, t := splitLines(string(base)), splitLines(string(ours)), splitLines(string(theirs))
	merged = make([]byte, 0, len(ours)+len(theirs)/2)
	at := 0 // the base before this line is merged
	for _, r := range regions(changes(b, o), changes(b, t)) {
		merged = appendLines(merged, b[at:r.base.start])
		switch o, t := o[r.ours.start:r.ours.end], t[r.theirs.start:r.theirs.end]; {
		case !r.byTheirs || r.byOurs && slices.Equal(o, t):
			merged = appendLines(merged, o)
		case !r.byOurs:
			merged = appendLines(merged, t)
		default:
			return nil, false
		}
		at = r.base.end
	}
	return appendLines(merged, b[at:]), true
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

// span is the lines [start, end).
type span struct{ start, end int }

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

// searched is the number of lines deleted and added that lcs looks for before
// it gives up and calls all between one replacement (its maxDiffs).
const searched = 100

// changes returns the edits that make new of old, in order, none touching the
// next. Few edits are found in the least number of lines. Where there are
// many, the lines that are there once on both sides hold old and new together,
// as in a patience diff. So time and memory grow with the sizes, not with
// their product.
func changes(old, new []string) []edit {
	var edits []edit
	for _, rough := range lcs.DiffLines(old, new) {
		a, z := old[rough.Start:rough.End], new[rough.ReplStart:rough.ReplEnd]
		if len(a) == 0 || len(z) == 0 || len(a)+len(z) <= searched {
			edits = append(edits, edit{rough.Start, rough.End, rough.ReplStart, rough.ReplEnd})
			continue
		}
		i, j := 0, 0
		for _, anchor := range append(anchors(a, z), [2]int{len(a), len(z)}) {
			if i < anchor[0] || j < anchor[1] {
				for _, d := range lcs.DiffLines(a[i:anchor[0]], z[j:anchor[1]]) {
					x, y := rough.Start+i, rough.ReplStart+j
					edits = append(edits, edit{x + d.Start, x + d.End, y + d.ReplStart, y + d.ReplEnd})
				}
			}
			i, j = anchor[0]+1, anchor[1]+1
		}
	}
	return settle(edits, old, new)
}

// anchors returns the longest run of pairs of equal lines, each once in a and
// once in z, that is in order on both sides.
func anchors(a, z []string) [][2]int {
	type place struct{ inA, inZ, line int } // counts; line of z
	places := make(map[string]*place)
	for _, line := range a {
		p := places[line]
		if p == nil {
			p = &place{}
			places[line] = p
		}
		p.inA++
	}
	for j, line := range z {
		if p := places[line]; p != nil {
			p.inZ++
			p.line = j
		}
	}
	type link struct{ i, j, before int } // before: index of the link before, -1 for none
	var links []link
	var tails []int // of the runs by length: the one that ends first in z
	for i, line := range a {
		p := places[line]
		if p.inA != 1 || p.inZ != 1 {
			continue
		}
		before := -1
		n, _ := slices.BinarySearchFunc(tails, p.line, func(t, j int) int { return links[t].j - j })
		if n > 0 {
			before = tails[n-1]
		}
		if n == len(tails) {
			tails = append(tails, 0)
		}
		tails[n] = len(links)
		links = append(links, link{i, p.line, before})
	}
	var out [][2]int
	if len(tails) > 0 {
		for at := tails[len(tails)-1]; at >= 0; at = links[at].before {
			out = append(out, [2]int{links[at].i, links[at].j})
		}
	}
	slices.Reverse(out)
	return out
}

// settle moves what was only added or only deleted as far down as equal lines
// allow, and joins what can touch, as git does. So one change is at one place,
// however the search came upon it.
func settle(edits []edit, old, new []string) []edit {
	var out []edit
	for i := 0; i < len(edits); i++ {
		e := edits[i]
		for {
			end := len(old)
			if i+1 < len(edits) {
				end = edits[i+1].oldStart
			}
			e = e.slide(old, new, end)
			if i+1 == len(edits) || e.oldEnd < end {
				break
			}
			i++
			e.oldEnd, e.newEnd = edits[i].oldEnd, edits[i].newEnd
		}
		if n := len(out); n > 0 {
			if up := e.slide(old, new, out[n-1].oldEnd); up.oldStart == out[n-1].oldEnd {
				e = edit{out[n-1].oldStart, up.oldEnd, out[n-1].newStart, up.newEnd}
				out = out[:n-1]
			}
		}
		out = append(out, e)
	}
	return out
}

// slide moves an edit that only adds or only deletes over lines that are equal
// to its own, up or down, until it meets the old line to or another line.
func (e edit) slide(old, new []string, to int) edit {
	lines, start, end := old, e.oldStart, e.oldEnd
	switch {
	case e.oldStart == e.oldEnd:
		lines, start, end = new, e.newStart, e.newEnd
	case e.newStart != e.newEnd:
		return e
	}
	n := 0
	for e.oldEnd+n < to && lines[start+n] == lines[end+n] {
		n++
	}
	for e.oldStart+n > to && lines[start+n-1] == lines[end+n-1] {
		n--
	}
	return edit{e.oldStart + n, e.oldEnd + n, e.newStart + n, e.newEnd + n}
}
