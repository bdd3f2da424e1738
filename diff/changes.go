package diff

import (
	"slices"

	"github.com/aymanbagabas/go-udiff/lcs"
)

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
