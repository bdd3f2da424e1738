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
	type place struct{ dir, name string }
	groups := make(map[place][]Path)
	seen := make(map[Path]struct{})
	fold := cases.Fold()
	note := func(p Path) {
		if _, ok := seen[p]; ok {
			return
		}
		seen[p] = struct{}{}
		slash := strings.LastIndexByte(string(p), '/')
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

// foldName maps names that are canonical caseless matches (Unicode 3.13,
// D145) to one string.
func foldName(fold cases.Caser, name string) string {
	if !strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		return strings.ToLower(name)
	}
	return norm.NFC.String(fold.String(norm.NFD.String(name)))
}
