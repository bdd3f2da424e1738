package diff

import (
	"path"
	"slices"
	"strings"

	"assetsync/manifest"
)

// Move is a change of a file that may have had another name.
type Move struct {
	Change
	From manifest.Path // its name before; "" when it had none other
}

// Moves joins each deleted file with a created one of the same content, in the
// order of changes, where the new name is. What was only renamed is so one
// change without Old. Of several a file of the same base name is taken, else
// the first.
func Moves(changes []Change) []Move {
	gone := map[manifest.ID][]manifest.Path{}
	for _, c := range changes {
		if c.New == nil {
			gone[c.Old.ID] = append(gone[c.Old.ID], c.Path)
		}
	}
	from := map[manifest.Path]manifest.Path{}
	take := func(sameBase bool) {
		for _, c := range changes {
			if c.Old != nil || from[c.Path] != "" {
				continue
			}
			i := slices.IndexFunc(gone[c.New.ID], func(p manifest.Path) bool {
				return !sameBase || path.Base(string(p)) == path.Base(string(c.Path))
			})
			if i >= 0 {
				from[c.Path] = gone[c.New.ID][i]
				gone[c.New.ID] = slices.Delete(gone[c.New.ID], i, i+1)
			}
		}
	}
	take(true)
	take(false)
	var moves []Move
	for _, c := range changes {
		if c.New != nil || slices.Contains(gone[c.Old.ID], c.Path) {
			moves = append(moves, Move{c, from[c.Path]})
		}
	}
	return moves
}

// RenamedPath names a file that was renamed as "git diff --stat" does: what
// both names have in common stands once.
func RenamedPath(from, to manifest.Path) manifest.Path {
	a, z := string(from), string(to)
	before := commonDirs(a, z)
	most := min(len(a), len(z)) - before
	if before > 0 {
		most++ // the slash between them may be in both
	}
	after := commonTail(a, z, most)
	if before+after == 0 {
		return manifest.Path(a + " => " + z)
	}
	middle := func(s string) string { return s[before:max(before, len(s)-after)] }
	return manifest.Path(a[:before] + "{" + middle(a) + " => " + middle(z) + "}" + a[len(a)-after:])
}

// commonDirs is the length of what both begin with, up to a slash.
func commonDirs(a, z string) int {
	n := 0
	for n < len(a) && n < len(z) && a[n] == z[n] {
		n++
	}
	return strings.LastIndexByte(a[:n], '/') + 1
}

// commonTail is the length of what both end with, from a slash on, at most as
// long as most.
func commonTail(a, z string, most int) int {
	n := 0
	for n < most && a[len(a)-1-n] == z[len(z)-1-n] {
		n++
	}
	if i := strings.IndexByte(a[len(a)-n:], '/'); i >= 0 {
		return n - i
	}
	return 0
}
