package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
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
	// Rev is the git revision that every target publishes, whatever its own
	// source; "" leaves that to the config. What the config names without a glob
	// need not be in it: the config may be younger.
	Rev string
	// At returns the files of c.Dir as a git revision has them. It is needed
	// where there is a git source, and called once for each revision.
	At func(rev string) (fs.FS, error)
	// LeadsOut reports whether a name below c.Dir leads out of it by a symbolic
	// link; nil: none does.
	LeadsOut func(name string) bool
}

// Expand finds the targets of c in env. fsys is the view of c.Dir as it is;
// beside it only what opts.At returns is read. A target is where its source
// has it: a skill that is not committed is no target of source: git. Errors
// are usage errors, all at once, with the line of the entry that is to blame.
func (c *Config) Expand(fsys fs.FS, env Environment, opts ExpandOptions) (Expansion, error) {
	x := &expander{
		problems: problems{file: c.File},
		config:   c, env: env, opts: opts,
		found:   make([][]hit, len(c.Targets)),
		sources: map[string]*source{},
		part:    map[string]string{},
		rules:   map[int]*manifest.Ignore{},
	}
	x.openViews(fsys)
	x.findAll()
	x.resolveAll()
	x.refuseOutside()
	x.refuseNested()
	x.refuseOdd()
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
	config *Config
	env    Environment
	opts   ExpandOptions

	views   []*view            // where targets are looked for
	found   [][]hit            // by entry
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

// findAll lists what every entry matches, in all views: which of them counts
// is said by all the entries that match.
func (x *expander) findAll() {
	for i, t := range x.config.Targets {
		missing, failed := false, false
		for _, v := range x.views {
			found, err := v.find(t)
			for _, one := range found {
				x.found[i] = append(x.found[i], hit{one, v})
			}
			switch {
			case errors.Is(err, fs.ErrNotExist):
				missing = true
			case err != nil:
				failed = true
				x.add(t.Path.At, entryKey(i), "cannot look at %s: %s", quoted(t.Path.V), plainCause(err))
			}
		}
		switch {
		case len(x.found[i]) > 0 || failed:
		case missing:
			x.nothingAt(i)
		case len(x.views) > 0:
			x.note("", "%s: %s matches nothing%s", entryKey(i), quoted(t.Path.V), inRevision(x.revOf(t)))
		}
	}
}

// nothingAt is for an entry that names a path where there is nothing.
func (x *expander) nothingAt(i int) {
	t := x.config.Targets[i]
	name, _ := t.literalPath()
	switch {
	case x.opts.Rev != "":
		x.note("", "%s: %s does not exist%s", entryKey(i), quoted(t.Path.V), inRevision(x.opts.Rev))
	case x.mayMiss(t) && (t.Type.Set() || x.sources[name] != nil):
		x.source(name, t.Type.V, i).byName = true
	default:
		x.add(t.Path.At, entryKey(i), "%s does not exist%s%s", quoted(t.Path.V), inRevision(x.revOf(t)), x.sibling(t))
	}
}

// mayMiss reports whether what an entry names need not be there: what others
// publish may be the first to come.
func (x *expander) mayMiss(t TargetConfig) bool {
	return x.opts.AllowMissing || t.directionOf().Takes()
}

func (x *expander) note(target, format string, args ...any) {
	x.out.Notes = append(x.out.Notes, Note{target, fmt.Sprintf(format, args...)})
}

// sibling suggests a name beside the one of an entry that does not exist.
func (x *expander) sibling(t TargetConfig) string {
	name, _ := t.literalPath()
	v := x.view(x.revOf(t))
	if v == nil {
		return ""
	}
	entries, err := fs.ReadDir(v.fsys, path.Dir(name))
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
// overrides need not repeat it; so is the view that counts.
func (x *expander) resolveAll() {
	types, settings, named := map[string]string{}, map[string]TargetConfig{}, map[string]bool{}
	for i, t := range x.config.Targets {
		_, byName := t.literalPath()
		for _, one := range x.found[i] {
			settings[one.path] = settings[one.path].over(t)
			named[one.path] = named[one.path] || byName
			if t.Type.Set() {
				types[one.path] = t.Type.V
			}
		}
	}
	for i, t := range x.config.Targets {
		_, byName := t.literalPath()
		for _, one := range x.found[i] {
			switch counts := x.view(x.revOf(settings[one.path])); {
			case counts == one.view:
				x.resolveOne(i, one, types[one.path], byName)
			case counts == nil || x.holds(i, counts, one.path):
			case named[one.path] && x.opts.AllowMissing && types[one.path] != "":
				x.source(one.path, types[one.path], i).byName = true
			case byName:
				x.add(t.Path.At, entryKey(i), "%s does not exist%s", quoted(t.Path.V), inRevision(counts.rev))
			case x.part[one.path] == "": // a skill that is not committed yet, or is no more in the directory
				x.part[one.path] = notIn(counts.rev)
			}
		}
	}
	x.dropAbsent()
}

// holds reports whether an entry matches a path in a view.
func (x *expander) holds(i int, v *view, name string) bool {
	return slices.ContainsFunc(x.found[i], func(h hit) bool { return h.view == v && h.path == name })
}

// dropAbsent removes sources that are not in the view of all their entries
// together, which may match them by different paths.
func (x *expander) dropAbsent() {
	for _, name := range slices.Sorted(maps.Keys(x.sources)) {
		s := x.sources[name]
		v := x.viewOf(s)
		if v == nil || len(x.views) == 1 || s.byName && x.opts.AllowMissing {
			continue
		}
		if _, _, reason := v.resolve(match{name, isDirType(s.typ)}, s.typ, true); reason != "" {
			delete(x.sources, name)
			x.part[name] = notIn(v.rev)
		}
	}
}

func (x *expander) resolveOne(i int, one hit, typ string, byName bool) {
	t := x.config.Targets[i]
	if reason := x.leftOut(i, one.match, typ); reason != "" && !byName {
		x.part[one.path] = reason
		return
	}
	target, found, reason := one.view.resolve(one.match, typ, byName)
	switch {
	case reason == "":
		s := x.source(target, found, i)
		s.byName = s.byName || byName
		x.part[one.path] = ""
	case byName && x.mayMiss(t) && one.dir && isDirType(typ):
		x.source(one.path, typ, i).byName = true
		x.part[one.path] = ""
	case byName && x.opts.Rev != "":
		x.note("", "%s: %s %s%s", entryKey(i), quoted(t.Path.V), reason, inRevision(x.opts.Rev))
	case byName:
		x.add(t.Path.At, entryKey(i), "%s %s%s", quoted(t.Path.V), reason, inRevision(one.view.rev))
	case typ == "" && one.dir && len(one.view.typesOf(one.match)) > 1:
		x.add(t.Path.At, entryKey(i), "%s %s", quoted(one.path), reason)
	default:
		if _, known := x.part[one.path]; !known {
			x.part[one.path] = reason + inRevision(one.view.rev)
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
		for _, one := range sortedHits(x.found[i]) {
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

func (c *Config) osPath(name string) string {
	return filepath.Join(c.Dir, filepath.FromSlash(name))
}
