package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// Expansion is what the targets of a config come to in one environment.
type Expansion struct {
	Targets []Target  // in order of name
	Skipped []Skipped // what globs matched and is no target
	Notes   []Note    // what people should be told
}

// Skipped is a file or directory that a glob matched and that is no target.
type Skipped struct {
	Path   string // slash-separated, relative to the config
	Reason string // goes on from the path: "holds no SKILL.md"
	Line   int    // of the config
}

// Note is a remark on a target or, with Target empty, on the config.
type Note struct {
	Target string
	Text   string
}

// ExpandOptions changes how a config is expanded.
type ExpandOptions struct {
	// AllowMissing makes a target of an entry that names a path where there
	// is nothing yet, when it gives the type: somewhere to pull to.
	AllowMissing bool
}

// Expand finds the targets of c in env. fsys is the view of c.Dir; nothing
// else is read. Errors are usage errors, all at once, with the line of the
// entry that is to blame.
func (c *Config) Expand(fsys fs.FS, env Environment, opts ExpandOptions) (Expansion, error) {
	x := &expander{
		problems: problems{file: c.File},
		config:   c, env: env, opts: opts,
		matcher: matcher{fsys: fsys, cache: map[string][]match{}},
		found:   make([][]match, len(c.Targets)),
		sources: map[string]*source{},
		part:    map[string]string{},
		rules:   map[int]*manifest.Ignore{},
	}
	x.findAll()
	x.resolveAll()
	x.refuseNested()
	for _, name := range slices.Sorted(maps.Keys(x.sources)) {
		x.build(x.sources[name])
	}
	x.refuseShared()
	if err := x.err(); err != nil {
		return Expansion{}, err
	}
	x.listSkipped()
	slices.SortFunc(x.out.Targets, func(a, b Target) int { return strings.Compare(a.Name, b.Name) })
	return x.out, nil
}

type expander struct {
	problems
	matcher
	config *Config
	env    Environment
	opts   ExpandOptions

	found   [][]match          // by entry
	sources map[string]*source // by path
	part    map[string]string  // path of a match -> reason why it is no target, "" when it is
	rules   map[int]*manifest.Ignore
	out     Expansion
}

// source is the directory or file of one or more targets.
type source struct {
	path    string
	typ     string
	entries []int // that match it, in the order of the config
	byName  bool  // an entry names it, not a glob alone
}

func entryKey(i int) string { return fmt.Sprintf("targets[%d].path", i) }

// findAll lists what every entry matches.
func (x *expander) findAll() {
	for i, t := range x.config.Targets {
		found, err := x.find(t)
		name, byName := t.literalPath()
		switch {
		case err == nil && len(found) == 0:
			x.note("", "%s: %s matches nothing", entryKey(i), quoted(t.Path.V))
		case err == nil:
			x.found[i] = found
		case !errors.Is(err, fs.ErrNotExist):
			x.add(t.Path.At, entryKey(i), "cannot look at %s: %s", quoted(t.Path.V), plainCause(err))
		case byName && x.opts.AllowMissing && (t.Type.Set() || x.sources[name] != nil):
			x.source(name, t.Type.V, i).byName = true
		default:
			x.add(t.Path.At, entryKey(i), "%s does not exist%s", quoted(t.Path.V), x.sibling(name))
		}
	}
}

func (x *expander) note(target, format string, args ...any) {
	x.out.Notes = append(x.out.Notes, Note{target, fmt.Sprintf(format, args...)})
}

// sibling suggests a name beside one that does not exist.
func (x *expander) sibling(name string) string {
	entries, err := fs.ReadDir(x.fsys, path.Dir(name))
	if err != nil {
		return ""
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	close := closest(path.Base(name), names)
	if len(close) == 0 {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", path.Join(path.Dir(name), close[0]))
}

// resolveAll makes sources of what was found. The type of a match is that of
// the last entry that matches it and gives one, so that an entry which only
// overrides need not repeat it.
func (x *expander) resolveAll() {
	types := map[string]string{}
	for i, t := range x.config.Targets {
		for _, one := range x.found[i] {
			if t.Type.Set() {
				types[one.path] = t.Type.V
			}
		}
	}
	for i, t := range x.config.Targets {
		_, byName := t.literalPath()
		for _, one := range x.found[i] {
			x.resolveOne(i, one, types[one.path], byName)
		}
	}
}

func (x *expander) resolveOne(i int, one match, typ string, byName bool) {
	t := x.config.Targets[i]
	if reason := x.leftOut(i, one, typ); reason != "" && !byName {
		x.part[one.path] = reason
		return
	}
	target, found, reason := x.resolve(one, typ, byName)
	switch {
	case reason == "":
		s := x.source(target, found, i)
		s.byName = s.byName || byName
		x.part[one.path] = ""
	case byName && x.opts.AllowMissing && one.dir && isDirType(typ):
		x.source(one.path, typ, i).byName = true
		x.part[one.path] = ""
	case byName:
		x.add(t.Path.At, entryKey(i), "%s %s", quoted(t.Path.V), reason)
	case typ == "" && one.dir && len(x.typesOf(one)) > 1:
		x.add(t.Path.At, entryKey(i), "%s %s", quoted(one.path), reason)
	default:
		if _, known := x.part[one.path]; !known {
			x.part[one.path] = reason
		}
	}
}

// isDirType reports whether an asset of a type is a directory.
func isDirType(typ string) bool {
	t, known := assettype.Lookup(typ)
	return known && !t.SingleFile
}

// leftOut says why a glob of single files does not mean this one, or
// nothing: for them ignore: chooses among the files, relative to where the
// glob begins.
func (x *expander) leftOut(i int, one match, typ string) string {
	kind, _ := assettype.Lookup(typ)
	if !kind.SingleFile || one.dir {
		return ""
	}
	if strings.HasPrefix(path.Base(one.path), ".") {
		return "is hidden"
	}
	p := manifest.Path(below(one.path, globBase(x.config.Targets[i])))
	if rules := x.rulesOf(i); rules != nil && rules.Ignored(p) {
		return "is ignored: " + rules.Why(p)
	}
	return ""
}

// rulesOf returns the ignore rules of an entry, nil when they are malformed,
// which was reported when the config was read.
func (x *expander) rulesOf(i int) *manifest.Ignore {
	rules, ok := x.rules[i]
	if !ok {
		rules, _ = manifest.NewIgnore(x.config.Targets[i].Ignore.V)
		x.rules[i] = rules
	}
	return rules
}

// source returns the source at a path, and adds the entry i to it.
func (x *expander) source(name, typ string, i int) *source {
	s, ok := x.sources[name]
	if !ok {
		s = &source{path: name, typ: typ}
		x.sources[name] = s
	}
	if given := x.config.Targets[i].Type; given.Set() {
		s.typ = given.V
	}
	if !slices.Contains(s.entries, i) {
		s.entries = append(s.entries, i)
	}
	return s
}

// line returns the line of the entry that brought the source in.
func (x *expander) at(s *source) pos { return x.config.Targets[s.entries[0]].At }

// settings returns the keys of all entries of a source, later ones over
// earlier ones.
func (x *expander) settings(s *source) TargetConfig {
	out := x.config.Targets[s.entries[0]]
	for _, i := range s.entries[1:] {
		out = out.over(x.config.Targets[i])
	}
	return out
}

// refuseNested finds sources inside others. Their files would be published
// twice and pulled into each other. Where the outer one ignores the inner,
// it is allowed by name and not wanted by a glob.
func (x *expander) refuseNested() {
	for _, name := range slices.Sorted(maps.Keys(x.sources)) {
		inner := x.sources[name]
		outer := x.enclosing(name)
		if outer == nil {
			continue
		}
		switch ignored := x.ignores(outer, name); {
		case ignored && inner.byName:
		case ignored:
			delete(x.sources, name)
			x.part[name] = ignoredReason(outer)
		default:
			x.add(x.at(inner), "", "target %s lies inside target %s (line %d): add %s to the ignore list of %s, or take it out of the path",
				quoted(name), quoted(outer.path), x.at(outer).Line, quoted("/"+below(name, outer.path)), quoted(outer.path))
		}
	}
}

// enclosing returns the nearest source above name, nil when there is none.
func (x *expander) enclosing(name string) *source {
	for name != "." {
		name = path.Dir(name)
		if s, ok := x.sources[name]; ok {
			return s
		}
	}
	return nil
}

// ignores reports whether the rules of outer leave out the path inner: its
// ignore list and the ignore files at its root.
func (x *expander) ignores(outer *source, inner string) bool {
	rules, err := manifest.NewIgnore(x.settings(outer).Ignore.V)
	if err != nil {
		return false // reported when the config was read
	}
	for _, layer := range []manifest.IgnoreLayer{manifest.GitIgnore, manifest.AssetsyncIgnore} {
		if data, err := fs.ReadFile(x.fsys, path.Join(outer.path, layer.Filename())); err == nil {
			rules = rules.With(manifest.IgnoreFile{Layer: layer, Data: data})
		}
	}
	p := manifest.Path(below(inner, outer.path))
	return rules.IgnoredDir(p) || rules.Ignored(p)
}

// listSkipped lists what globs matched and nothing made a target of: of a
// directory without any target only the directory itself.
func (x *expander) listSkipped() {
	above := map[string]bool{} // directories that hold a source
	for name := range x.sources {
		for name != "." {
			name = path.Dir(name)
			above[name] = true
		}
	}
	listed := map[string]bool{}
	for i, t := range x.config.Targets {
		within := "" // the last directory that was listed
		for _, one := range x.found[i] {
			reason := x.part[one.path]
			switch {
			case reason == "" || listed[one.path] || within != "" && isUnder(one.path, within):
				continue
			case above[one.path] || x.sources[one.path] != nil || x.enclosing(one.path) != nil && reason != ignoredReason(x.enclosing(one.path)):
				continue
			}
			if one.dir {
				within = one.path
			}
			listed[one.path] = true
			x.out.Skipped = append(x.out.Skipped, Skipped{one.path, reason, t.At.Line})
		}
	}
}

func ignoredReason(outer *source) string { return "is ignored by " + outer.path }

// isUnder reports whether name lies below dir, both relative to the config.
func isUnder(name, dir string) bool {
	return name != dir && (dir == "." || strings.HasPrefix(name, dir+"/"))
}

// below returns name relative to the directory dir that holds it.
func below(name, dir string) string {
	if dir == "." {
		return name
	}
	return strings.TrimPrefix(name, dir+"/")
}

// View returns what Expand needs to see: the files below c.Dir. Symbolic
// links are followed, also out of it.
func (c *Config) View() fs.FS { return os.DirFS(c.Dir) }

func (c *Config) osPath(name string) string {
	return filepath.Join(c.Dir, filepath.FromSlash(name))
}
