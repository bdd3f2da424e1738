package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	assetsync "assetsync/sync"
)

// Select returns the targets that args choose, in their order in targets;
// all of them without args. An argument is, the first that holds:
//
//   - the name of a target;
//   - a glob of names;
//   - a path, relative to cwd: of a target, of something in one, or of a
//     directory that holds some;
//   - a glob of the paths of targets, relative to cwd.
//
// cwd is absolute. An argument that chooses nothing is a usage error that
// suggests names.
func Select(targets []Target, args []string, cwd string) ([]Target, error) {
	if len(args) == 0 {
		return targets, nil
	}
	chosen := make([]bool, len(targets))
	var unknown []error
	for _, arg := range args {
		hits := selectOne(targets, arg, cwd)
		if len(hits) == 0 {
			unknown = append(unknown, noTarget(targets, arg))
		}
		for _, i := range hits {
			chosen[i] = true
		}
	}
	if len(unknown) > 0 {
		return nil, &assetsync.Error{
			Kind:    assetsync.KindUsage,
			Message: errors.Join(unknown...).Error(),
			Hint:    selectHint(args),
		}
	}
	var out []Target
	for i, t := range targets {
		if chosen[i] {
			out = append(out, t)
		}
	}
	return out, nil
}

// selectOne returns the indexes of the targets that arg chooses.
func selectOne(targets []Target, arg, cwd string) []int {
	name := nameOf(arg)
	if hits := indexes(targets, func(t Target) bool { return isNamed(t, arg) }); len(hits) > 0 {
		return hits
	}
	glob := isGlob(arg) && len(name) <= maxPatternBytes
	byName := func(t Target) bool { return glob && doublestar.MatchUnvalidated(name, t.Name) }
	if hits := indexes(targets, byName); len(hits) > 0 {
		return hits
	}
	at := filepath.Clean(arg)
	if !filepath.IsAbs(at) {
		at = filepath.Join(cwd, at)
	}
	byPath := func(t Target) bool { return holdsPath(t.Path, at) || holdsPath(at, t.Path) }
	if hits := indexes(targets, byPath); len(hits) > 0 || !glob {
		return hits
	}
	return indexes(targets, func(t Target) bool {
		rel, err := filepath.Rel(cwd, t.Path)
		return err == nil && doublestar.MatchUnvalidated(name, filepath.ToSlash(rel))
	})
}

// isGlob reports whether a word that names no target may have been meant as a
// glob.
func isGlob(arg string) bool {
	return strings.ContainsAny(arg, "*?[{") && doublestar.ValidatePattern(nameOf(arg))
}

// selectHint says how to find what was meant.
func selectHint(args []string) string {
	const hint = "assetsync status lists the targets"
	if slices.ContainsFunc(args, isGlob) {
		return hint + "; a glob is of whole names, in which ** stands for any number of directories, and has to be quoted"
	}
	return hint
}

// nameOf is a word as the name of a target.
func nameOf(arg string) string {
	return strings.TrimSuffix(filepath.ToSlash(filepath.Clean(arg)), "/")
}

// isNamed reports whether arg is the name of a target.
func isNamed(t Target, arg string) bool { return t.Name == arg || t.Name == nameOf(arg) }

func indexes(targets []Target, keep func(Target) bool) (out []int) {
	for i, t := range targets {
		if keep(t) {
			out = append(out, i)
		}
	}
	return out
}

// holdsPath reports whether the path at is dir or below it.
func holdsPath(dir, at string) bool {
	rel, err := filepath.Rel(dir, at)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

const (
	// mostNamed is how many targets a message lists.
	mostNamed = 6

	// minPart is how long a part of a name is that tells which name was meant.
	minPart = 3
)

func noTarget(targets []Target, arg string) error {
	what := "no target " + quoted(arg)
	if isGlob(arg) {
		what = "no target matches " + quoted(arg)
		arg = strings.Trim(arg, "*?/") // for what it may have been meant
	}
	var names, lastParts []string
	for _, t := range targets {
		names = append(names, t.Name)
		lastParts = append(lastParts, t.Name[strings.LastIndexByte(t.Name, '/')+1:])
	}
	// People leave the directory out: "eks-triage" for "skills/eks-triage".
	var close []string
	for _, part := range closest(arg, lastParts) {
		for i := range names {
			if lastParts[i] == part && !slices.Contains(close, names[i]) {
				close = append(close, names[i])
			}
		}
	}
	for _, name := range closest(arg, names) {
		if !slices.Contains(close, name) {
			close = append(close, name)
		}
	}
	if len(close) == 0 && len(arg) >= minPart { // a part of a name
		for _, name := range names {
			if strings.Contains(strings.ToLower(name), strings.ToLower(arg)) && len(close) < mostNamed {
				close = append(close, name)
			}
		}
	}
	switch {
	case len(close) > 0:
		return usageError(nil, "", "%s; did you mean %s?", what, wordList(close, "or"))
	case len(names) == 0:
		return usageError(nil, "", "%s: there are none", what)
	case len(names) > mostNamed:
		return usageError(nil, "", "%s among %d", what, len(names))
	}
	return usageError(nil, "", "%s: there are %s", what, wordList(names, "and"))
}
