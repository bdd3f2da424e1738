package manifest

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Twins returns the groups of names that a file system which ignores case or
// Unicode form cannot tell apart: files or directories side by side in one
// directory whose last names are equal under NFC and case folding. Each group
// holds at least two different paths and is sorted, as is the result. Names
// below twin directories are not compared across them: the directories are
// the trouble.
func Twins(paths iter.Seq[Path]) [][]Path {
	odd := oddDirs(paths)
	if len(odd) == 0 {
		return nil
	}
	type place struct{ dir, name string }
	groups := make(map[place][]Path)
	seen := make(map[Path]struct{})
	fold := cases.Fold()
	note := func(p Path) {
		slash := strings.LastIndexByte(string(p), '/')
		if !odd[string(p[:slash+1])] {
			return
		}
		if _, ok := seen[p]; ok {
			return
		}
		seen[p] = struct{}{}
		at := place{string(p[:slash+1]), foldName(fold, string(p[slash+1:]))}
		groups[at] = append(groups[at], p)
	}
	for p := range paths {
		p.Dirs(func(dir Path) bool { note(dir); return true })
		note(p)
	}
	var twins [][]Path
	for group := range maps.Values(groups) {
		if len(group) > 1 {
			slices.Sort(group)
			twins = append(twins, group)
		}
	}
	slices.SortFunc(twins, slices.Compare[[]Path])
	return twins
}

// oddDirs returns the directories, "" or with a slash at the end, that hold a name
// which folding may change. Of names that it leaves as they are no two are twins, and
// one of them is a twin of such a name only.
func oddDirs(paths iter.Seq[Path]) map[string]bool {
	var odd map[string]bool
	for p := range paths {
		dir := 0 // where the last name begins
		for i := range len(p) {
			switch c := p[i]; {
			case c == '/':
				dir = i + 1
			case c >= 0x80, 'A' <= c && c <= 'Z':
				if odd == nil {
					odd = map[string]bool{}
				}
				if at := string(p[:dir]); !odd[at] {
					odd[at] = true
				}
			}
		}
	}
	return odd
}

// foldName maps names that are canonical caseless matches (Unicode 3.13,
// D145) to one string.
func foldName(fold cases.Caser, name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		return strings.ToLower(name)
	}
	return norm.NFC.String(fold.String(norm.NFD.String(name)))
}
