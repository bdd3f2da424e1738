package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"assetsync/manifest/gitrepo"
	"assetsync/remote/assettype"
)

// maxWalked bounds the files and directories that globs look at, so that a
// config in a home directory ends in an error and not in a long wait.
const maxWalked = 200_000

// match is a file or directory that an entry's path names.
type match struct {
	path string // slash-separated, below the config's directory
	dir  bool
}

// matcher finds what paths and globs name below one directory.
type matcher struct {
	fsys   fs.FS
	walked int
	cache  map[reach][]match
}

// reach is where a walk begins and how deep it goes.
type reach struct {
	base  string
	depth int // names below base; 0: all that there is
}

// reachOf returns what has to be walked to find all that a glob can match.
// Each of its slashes stands for one in the name, except where it has **, or
// alternatives that may come to that.
func reachOf(pattern string) reach {
	base, rest := doublestar.SplitPattern(pattern)
	if strings.Contains(rest, "**") || strings.Contains(rest, "{") {
		return reach{base, 0}
	}
	return reach{base, 1 + strings.Count(rest, "/")}
}

// literalPath returns the path that an entry names, false for a glob.
func (t TargetConfig) literalPath() (string, bool) {
	if t.direct || !strings.ContainsAny(t.Path.V, `*?[{\`) {
		return path.Clean(t.Path.V), true
	}
	return "", false
}

// find returns what t names, in the order of a walk. It fails when t's path
// is a name and nothing is there.
func (m *matcher) find(t TargetConfig) ([]match, error) {
	if name, ok := t.literalPath(); ok {
		dir, err := m.stat(name)
		if err != nil {
			return nil, err
		}
		return []match{{name, dir}}, nil
	}
	pattern := path.Clean(t.Path.V)
	all, err := m.walk(reachOf(pattern))
	if err != nil {
		return nil, err
	}
	var out []match
	for _, one := range all {
		if doublestar.MatchUnvalidated(pattern, one.path) {
			out = append(out, one)
		}
	}
	return out, nil
}

var errTooMany = fmt.Errorf("globs look at more than %d files: begin them with a directory", maxWalked)

// walk returns everything within reach, nothing when there is no such
// directory. It does not go into symbolic links, nor into directories that hold
// no assets.
func (m *matcher) walk(r reach) ([]match, error) {
	if out, ok := m.cache[r]; ok {
		return out, nil
	}
	var out []match
	base := r.base
	err := fs.WalkDir(m.fsys, base, func(name string, d fs.DirEntry, err error) error {
		switch {
		case name == base && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err // what cannot be listed may hold targets: that is not the same as none
		case name != base && neverHoldsAssets(d.Name()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if m.walked++; m.walked > maxWalked {
			return errTooMany
		}
		out = append(out, match{name, isDir(m.fsys, name, d)})
		if d.IsDir() && name != base && strings.Count(below(name, base), "/")+1 == r.depth {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.cache[r] = out
	return out, nil
}

// neverHoldsAssets names what a glob does not look into.
func neverHoldsAssets(name string) bool {
	return slices.Contains([]string{".git", ".hg", ".svn", ".assetsync", "node_modules"}, name)
}

// isDir reports whether name is a directory or a link to one.
func isDir(fsys fs.FS, name string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return d.IsDir()
	}
	info, err := fs.Stat(fsys, name)
	return err == nil && info.IsDir()
}

// resolve says which target a match is part of: its path and its type. typ
// is the type that the config gives, "" to tell it from the files. byName is
// whether the config names the match itself, not by a glob. The reason says
// why there is no target.
func (m *matcher) resolve(one match, typ string, byName bool) (target, found, reason string) {
	t, known := assettype.Lookup(typ)
	if !known {
		if t, reason = m.detect(one); reason != "" {
			return "", "", reason
		}
	}
	base := path.Base(one.path)
	switch {
	case one.dir && t.MainFile == "":
		reason = fmt.Sprintf("is a directory, but an %s is one file", t.Name)
	case one.dir && !m.holds(one.path, t.MainFile) && m.isSubmodule(one.path):
		reason = "is a submodule, whose files are in no commit of this repository: publish it from its own"
	case one.dir && !m.holds(one.path, t.MainFile):
		reason = "holds no " + t.MainFile
	case one.dir && t.SingleFile:
		return path.Join(one.path, t.MainFile), t.Name, ""
	case one.dir:
		return one.path, t.Name, ""
	case !t.SingleFile && base == t.MainFile:
		return path.Dir(one.path), t.Name, ""
	case !t.SingleFile:
		reason = fmt.Sprintf("is a file, but a %s is a directory that holds %s", t.Name, t.MainFile)
	case byName || t.MainFile == "" || base == t.MainFile:
		return one.path, t.Name, ""
	default:
		reason = fmt.Sprintf("is not named %s: give it an entry of its own", t.MainFile)
	}
	return "", "", reason
}

// detect tells the type of a match from the main file that it holds or is.
func (m *matcher) detect(one match) (assettype.Type, string) {
	found := m.typesOf(one)
	switch {
	case len(found) == 1:
		return found[0], ""
	case len(found) > 1:
		return assettype.Type{}, fmt.Sprintf("holds both %s and %s: say which with type:", found[0].MainFile, found[1].MainFile)
	case one.dir:
		var names []string
		for _, t := range detectable() {
			names = append(names, t.MainFile)
		}
		return assettype.Type{}, "holds none of " + wordList(names, "and")
	}
	return assettype.Type{}, "is of no type that its name tells: say which with type:"
}

// typesOf returns the types whose main file a directory holds or a file is.
// A file that stands for its directory is looked at as that.
func (m *matcher) typesOf(one match) []assettype.Type {
	var found []assettype.Type
	for _, t := range detectable() {
		switch isMain := path.Base(one.path) == t.MainFile; {
		case one.dir && m.holds(one.path, t.MainFile), isMain && t.SingleFile:
			found = append(found, t)
		case isMain && !one.dir:
			return m.typesOf(match{path.Dir(one.path), true})
		}
	}
	return found
}

// detectable returns the types that a main file tells.
func detectable() []assettype.Type {
	return slices.DeleteFunc(assettype.All(), func(t assettype.Type) bool { return t.MainFile == "" || !t.Pushable })
}

func (m *matcher) holds(dir, file string) bool {
	isDir, err := m.stat(path.Join(dir, file))
	return err == nil && !isDir
}

// isSubmodule reports whether a directory of a commit is one.
func (m *matcher) isSubmodule(name string) bool {
	info, err := fs.Stat(m.fsys, name)
	return err == nil && gitrepo.IsSubmodule(info)
}

// stat reports whether name is a directory. A file whose content a partial
// clone lacks is there; that it cannot be read is told when it is.
func (m *matcher) stat(name string) (dir bool, err error) {
	info, err := fs.Stat(m.fsys, name)
	if errors.Is(err, gitrepo.ErrObjectMissing) {
		return false, nil
	}
	return err == nil && info.IsDir(), err
}
