package main

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode"

	"assetsync/manifest"
)

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

// refuseOdd finds sources whose names are not what they look like. A name stands in
// whatever is printed, also in the log of a pipeline, where a line of its own may be
// a command.
func (x *expander) refuseOdd() {
	odd := func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) }
	for _, name := range slices.Sorted(maps.Keys(x.sources)) {
		if strings.ContainsFunc(name, odd) {
			x.add(x.at(x.sources[name]), "", "%s has a control character in its name: rename it, or take it out of the path", quoted(name))
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
	v := x.viewOf(outer)
	if v == nil {
		return false // reported when it was opened
	}
	for _, layer := range []manifest.IgnoreLayer{manifest.GitIgnore, manifest.AssetsyncIgnore} {
		if data, err := fs.ReadFile(v.fsys, path.Join(outer.path, layer.Filename())); err == nil {
			rules = rules.With(manifest.IgnoreFile{Layer: layer, Data: data})
		}
	}
	p := manifest.Path(below(inner, outer.path))
	return rules.IgnoredDir(p) || rules.Ignored(p)
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
