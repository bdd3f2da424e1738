package manifest

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
)

// TempPrefix begins the name of every temporary file that is written into a
// worktree. Such names are below every rule: never published, never pulled.
const TempPrefix = ".assetsync-tmp-"

// IgnoreLayer says which kind of ignore file a rule comes from.
type IgnoreLayer int

// The layers that come from files, the weaker first.
const (
	GitIgnore       IgnoreLayer = iota // .gitignore
	AssetsyncIgnore                    // .assetsyncignore
	ignoreLayers
)

// Filename returns the name of the files of a layer.
func (l IgnoreLayer) Filename() string {
	if l == AssetsyncIgnore {
		return ".assetsyncignore"
	}
	return ".gitignore"
}

// IgnoreFile is the content of an ignore file with its place. Exactly one of
// Dir and Above may be set; both are empty for the root of the tree.
type IgnoreFile struct {
	Layer IgnoreLayer
	Dir   Path   // the directory of the tree that holds it
	Above string // for a file of an enclosing directory: the slash-separated path from there to the root of the tree
	Data  []byte
}

// Ignore decides which paths of one tree are not published. Its patterns are
// git's (gitignore(5)), always case-sensitive; git's own configuration and
// info/exclude have no say, so that every machine decides alike. From the
// weakest to the strongest: a built-in list of editors' and systems' litter,
// the .gitignore files from the outermost to the innermost, the
// .assetsyncignore files likewise, the target's own list. The last pattern
// that matches decides, and nothing below an ignored directory can be taken
// back. Under all of it lies a floor that no pattern opens: directories of
// version control, .assetsync, [TempPrefix] and the ignore files.
//
// The root of the tree, and what lies above it, is never asked about: whoever
// names a directory as a source wants it.
//
// An Ignore is a value: nothing changes it, and it is safe for concurrent
// use.
type Ignore struct {
	builtin ruleList
	files   [ignoreLayers]ruleFiles
	target  ruleList
}

// ruleList is a list of patterns with the place it came from.
type ruleList struct {
	source   string // "built-in list", "docs/.gitignore"
	above    string // see IgnoreFile.Above
	patterns []pattern
}

// ruleFiles are the lists of one layer.
type ruleFiles struct {
	above  []ruleList // outermost first
	inside map[string]ruleList
}

// builtinPatterns are names that only editors and operating systems make.
const builtinPatterns = `
# vim: swap files, backups, the probe it writes before saving
*.swp
*.swo
.*.sw[a-z]
*~
4913
# Emacs: locks, auto-save files
.#*
\#*#
# JetBrains, Visual Studio Code, Kate, Xcode and TextEdit
.idea/
.vscode/
*___jb_tmp___
*___jb_old___
*.kate-swp
*.sb-????????-??????
# LibreOffice, Microsoft Office, GNOME
.~lock.*#
~$*
.goutputstream-*
# macOS
.DS_Store
._*
.AppleDouble/
.Spotlight-V100/
.Trashes/
.fseventsd/
Icon[` + "\r" + `]
# Windows
[Tt]humbs.db
[Dd]esktop.ini
# Linux: files removed while open on NFS or FUSE
.nfs[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*
.fuse_hidden*
`

// builtin is the built-in list, which nothing changes.
var builtin = sync.OnceValue(func() []pattern { return parsePatterns(builtinPatterns) })

// NewIgnore makes the rules of a tree without ignore files: the floor, the
// built-in list, the target's own patterns. It fails on a pattern of the
// target that is empty, a comment or malformed, and names it.
func NewIgnore(target []string) (*Ignore, error) {
	patterns, err := parseTarget(target)
	if err != nil {
		return nil, err
	}
	return &Ignore{
		builtin: ruleList{source: "built-in list", patterns: builtin()},
		target:  ruleList{source: "target's ignore list", patterns: patterns},
	}, nil
}

// Patterns are gitignore patterns of their own: no ignore file and no built-in
// list has a say. It is a value, safe for concurrent use; the zero value
// matches nothing.
type Patterns struct{ rules *Ignore }

// NewPatterns fails as [NewIgnore] does.
func NewPatterns(list []string) (Patterns, error) {
	patterns, err := parseTarget(list)
	if err != nil {
		return Patterns{}, err
	}
	return Patterns{&Ignore{target: ruleList{patterns: patterns}}}, nil
}

// Match reports whether the patterns match p, or a directory that holds it.
func (ps Patterns) Match(p Path) bool { return ps.rules != nil && ps.rules.Ignored(p) }

// With returns the rules together with those of files. A file replaces an
// earlier one of the same layer and place. The bytes are not kept.
func (ig *Ignore) With(files ...IgnoreFile) *Ignore {
	out := *ig
	for l := range out.files {
		out.files[l].above = slices.Clone(out.files[l].above)
		out.files[l].inside = maps.Clone(out.files[l].inside)
	}
	for _, f := range files {
		out.add(f)
	}
	return &out
}

// add changes ig, which nobody else may hold yet.
func (ig *Ignore) add(f IgnoreFile) {
	rules := &ig.files[f.Layer]
	list := ruleList{above: f.Above, patterns: parsePatterns(string(f.Data))}
	if f.Above == "" {
		list.source = path.Join(string(f.Dir), f.Layer.Filename())
		if rules.inside == nil {
			rules.inside = make(map[string]ruleList)
		}
		rules.inside[string(f.Dir)] = list
		return
	}
	list.source = strings.Repeat("../", segments(f.Above)) + f.Layer.Filename()
	i, found := slices.BinarySearchFunc(rules.above, list, func(a, b ruleList) int {
		return segments(b.above) - segments(a.above)
	})
	if found {
		rules.above[i] = list
		return
	}
	rules.above = slices.Insert(rules.above, i, list)
}

func segments(s string) int { return strings.Count(s, "/") + 1 }

// Ignored reports whether the file at p is not published, by its own name or
// by a directory that holds it. p need not exist.
func (ig *Ignore) Ignored(p Path) bool { return ig.decide(string(p), false).ignored }

// IgnoredDir reports whether the directory at p, and so everything below it,
// is not published. p need not exist; "" is the root, which never is ignored.
func (ig *Ignore) IgnoredDir(p Path) bool { return p != "" && ig.decide(string(p), true).ignored }

// Why says in a few words which rule keeps the file at p from being
// published and where the rule stands. It is empty when none does.
func (ig *Ignore) Why(p Path) string {
	v := ig.decide(string(p), false)
	switch {
	case !v.ignored:
		return ""
	case v.rule == nil:
		return fmt.Sprintf("%q is never published", path.Base(v.path))
	case v.source == ig.builtin.source, v.source == ig.target.source:
		return fmt.Sprintf("pattern %q of the %s", v.rule.text, v.source)
	}
	return fmt.Sprintf("pattern %q of %s:%d", v.rule.text, v.source, v.rule.line)
}

// verdict is what the rules say on one path.
type verdict struct {
	ignored bool
	path    string   // the path that is ignored: what was asked about or a directory that holds it
	rule    *pattern // nil for the floor
	source  string
}

// decide asks about every directory that holds name, the outermost first,
// then about name itself.
func (ig *Ignore) decide(name string, isDir bool) verdict {
	for i := range len(name) {
		if name[i] == '/' {
			if v := ig.decideOne(name[:i], true); v.ignored {
				return v
			}
		}
	}
	return ig.decideOne(name, isDir)
}

// decideOne decides on name alone, which no ignored directory may hold.
func (ig *Ignore) decideOne(name string, isDir bool) verdict {
	base := name[strings.LastIndexByte(name, '/')+1:]
	if onFloor(base) {
		return verdict{ignored: true, path: name}
	}
	if rule, source := ig.lastMatch(name, base, isDir); rule != nil {
		return verdict{!rule.negated, name, rule, source}
	}
	return verdict{}
}

// lastMatch returns the strongest pattern that matches, or nil.
func (ig *Ignore) lastMatch(name, base string, isDir bool) (*pattern, string) {
	if rule := ig.target.lastMatch(name, base, isDir); rule != nil {
		return rule, ig.target.source
	}
	for _, files := range slices.Backward(ig.files[:]) {
		if rule, source := files.lastMatch(name, base, isDir); rule != nil {
			return rule, source
		}
	}
	return ig.builtin.lastMatch(name, base, isDir), ig.builtin.source
}

func (f *ruleFiles) lastMatch(name, base string, isDir bool) (*pattern, string) {
	if len(f.inside) > 0 {
		for dir := name; dir != ""; {
			dir = dir[:max(0, strings.LastIndexByte(dir, '/'))]
			list, ok := f.inside[dir]
			if !ok {
				continue
			}
			rel := strings.TrimPrefix(name[len(dir):], "/")
			if rule := list.lastMatch(rel, base, isDir); rule != nil {
				return rule, list.source
			}
		}
	}
	for _, list := range slices.Backward(f.above) {
		if rule := list.lastMatch(list.above+"/"+name, base, isDir); rule != nil {
			return rule, list.source
		}
	}
	return nil, ""
}

func (l *ruleList) lastMatch(rel, base string, isDir bool) *pattern {
	for i := len(l.patterns) - 1; i >= 0; i-- {
		if p := &l.patterns[i]; p.match(rel, base, isDir) {
			return p
		}
	}
	return nil
}

// onFloor reports whether no rule can publish or pull something of this
// name. It compares as the most lenient file systems do, so that nothing
// pulled can become a .git directory: without case, trailing dots and spaces,
// NTFS streams and short names, and characters that HFS+ passes over.
func onFloor(name string) bool {
	if name == "CVS" {
		return true
	}
	name, _, _ = strings.Cut(name, ":")
	name = strings.ToLower(strings.TrimRight(strings.Map(dropInvisible, name), ". "))
	switch name {
	case ".git", "git~1", ".hg", ".svn", ".jj", ".bzr", ".assetsync", ".gitignore", ".assetsyncignore":
		return true
	}
	return strings.HasPrefix(name, TempPrefix)
}

// dropInvisible drops what HFS+ ignores in names, as git lists it in utf8.c.
func dropInvisible(r rune) rune {
	switch {
	case 0x200c <= r && r <= 0x200f, 0x202a <= r && r <= 0x202e, 0x206a <= r && r <= 0x206f, r == 0xfeff:
		return -1
	}
	return r
}
