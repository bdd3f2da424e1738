package lint

import (
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
	"sync"

	"assetsync/internal/lazyregexp"
	"assetsync/manifest"
)

const (
	ruleDeadLink    = "dead-link"
	ruleDeadAnchor  = "dead-anchor"
	ruleLinkCase    = "link-case"
	ruleLinkOutside = "link-outside"
	ruleFromRoot    = "link-from-root"
	ruleUnchecked   = "links-unchecked"

	// maxLinks is how many wrong links of one file are told.
	maxLinks = 200
)

// documents are the Markdown files of an asset, each read once.
type documents struct {
	asset   Asset
	known   *Known
	facts   map[fileKey]*fact
	dirs    map[string]bool                  // directories of the asset
	folded  func() map[string]manifest.Path  // files and directories by their names in lower case
	parsed  map[manifest.Path]*document      // nil for what is none
	tooLong map[manifest.Path]bool           // and so not parsed
	unread  map[manifest.Path]manifest.Entry // whose bytes are needed and not there
	budget  int                              // see maxLinkWork
}

func newDocuments(a Asset, k *Known) *documents {
	ds := &documents{
		asset: a, known: k, facts: map[fileKey]*fact{}, dirs: map[string]bool{".": true},
		parsed: map[manifest.Path]*document{}, tooLong: map[manifest.Path]bool{}, unread: map[manifest.Path]manifest.Entry{}, budget: maxLinkWork,
	}
	for e := range a.Files.Tree().All() {
		for dir := range e.Path.Dirs {
			ds.dirs[string(dir)] = true
		}
	}
	ds.folded = sync.OnceValue(ds.fold)
	return ds
}

func (ds *documents) fold() map[string]manifest.Path {
	folded := map[string]manifest.Path{}
	for e := range ds.asset.Files.Tree().All() {
		folded[strings.ToLower(string(e.Path))] = e.Path
		for dir := range e.Path.Dirs {
			folded[strings.ToLower(string(dir))] = dir
		}
	}
	return folded
}

// get returns a Markdown file of the asset; nil for anything else, for a file that
// takes too long, and for one whose bytes are needed and not there.
func (ds *documents) get(p manifest.Path) *document {
	if d, known := ds.parsed[p]; known {
		return d
	}
	var d *document
	if e, ok := ds.asset.Files.Tree().Lookup(p); ok {
		d = ds.parse(e)
	}
	ds.parsed[p] = d
	return d
}

// parse is get for the first time. What is known is paid for as if it were read: what
// is told does not depend on what was known.
func (ds *documents) parse(e manifest.Entry) *document {
	f := ds.fact(e)
	if !f.markdown {
		return nil
	}
	content, there := ds.asset.Files.Content(e.Path)
	switch {
	case f.doc == nil && !there:
		ds.unread[e.Path] = e
		return nil
	case f.doc == nil:
		t := newText(content)
		body := bodyOf(t)
		work := linkWork(t.content[body:])
		if work > ds.budget {
			ds.tooLong[e.Path] = true
			return nil
		}
		f.doc = parseMarkdown(t, body)
		f.doc.work, ds.known.changed = work, true
	case f.doc.work > ds.budget:
		ds.tooLong[e.Path] = true
		return nil
	}
	ds.budget -= f.doc.work
	return f.doc
}

// checkLinks reports on the links of a Markdown file.
func (ds *documents) checkLinks(e manifest.Entry) (out []Finding) {
	if !ds.fact(e).marks {
		return nil // nothing takes long
	}
	d := ds.get(e.Path)
	if ds.tooLong[e.Path] {
		f := newFinding(ruleUnchecked, "its links are not checked: a paragraph with so many of them takes too long")
		f.Path = e.Path
		return []Finding{f}
	}
	if d == nil {
		return nil
	}
	for _, l := range d.links {
		if f, wrong := ds.check(e.Path, l); wrong && len(out) < maxLinks {
			f.Path, f.Line, f.Column = e.Path, l.line, l.column
			out = append(out, f)
		}
	}
	return out
}

// check decides about one link of the document at p.
func (ds *documents) check(p manifest.Path, l link) (Finding, bool) {
	name, fragment, local := splitTarget(l.target)
	switch {
	case !local:
		return Finding{}, false
	case name == "":
		return ds.checkAnchor(l, p, fragment)
	case strings.HasPrefix(name, "/"):
		return l.finding(ruleLinkOutside, "is absolute: agents know no files but those of the asset"), true
	}
	for _, one := range spellings(name) {
		to := path.Join(path.Dir(string(p)), one)
		if ds.exists(to) {
			return ds.checkAnchor(l, manifest.Path(to), fragment)
		}
	}
	return ds.missing(p, l, name)
}

// exists reports whether the asset has a file or a directory.
func (ds *documents) exists(name string) bool {
	_, ok := ds.asset.Files.Tree().Lookup(manifest.Path(name))
	return ok || ds.dirs[name]
}

// spellings are the names that the text of a link may stand for: percent signs
// escape, or they do not.
func spellings(name string) []string {
	plain, err := url.PathUnescape(name)
	if err != nil || plain == name {
		return []string{name}
	}
	return []string{plain, name}
}

// missing says why the name of a link is no file: it is spelled otherwise,
// lies elsewhere, is left out, or is nowhere.
func (ds *documents) missing(p manifest.Path, l link, name string) (Finding, bool) {
	plain := strings.ReplaceAll(spellings(name)[0], `\`, "/")
	to := path.Join(path.Dir(string(p)), plain)
	if real, ok := ds.folded()[strings.ToLower(to)]; ok {
		return ds.respelled(p, l, name, real), true
	}
	if to == ".." || strings.HasPrefix(to, "../") {
		return l.finding(ruleLinkOutside, "leads out of the asset"), true
	}
	what := "leads to no file of the asset"
	if ds.asset.Type.SingleFile {
		what = fmt.Sprintf("leads to another file, and an asset of type %s is one file", ds.asset.Type.Name)
	}
	if root := path.Clean(plain); root != to && ds.exists(root) {
		f := l.finding(ruleFromRoot, "leads to a file only for who reads it from the root of the asset")
		f.Fix = "write it as " + relative(path.Dir(string(p)), root)
		return f, true
	}
	f := l.finding(ruleDeadLink, what)
	if ds.asset.Ignored != nil && !ds.asset.Type.SingleFile && ds.asset.Ignored(manifest.Path(to)) {
		f.Message = l.says("leads to a file that the ignore rules leave out")
		f.Fix = "take the file out of ignore:, or the link out of the text"
	}
	return f, true
}

// respelled is a link that names a file by other letters.
func (ds *documents) respelled(p manifest.Path, l link, name string, real manifest.Path) Finding {
	want := relative(path.Dir(string(p)), string(real))
	f := l.finding(ruleLinkCase, "is spelled otherwise than the file, "+strconv.Quote(string(real)))
	f.Fix = "write it as " + want
	if l.name >= 0 {
		escaped := (&url.URL{Path: want}).EscapedPath()
		return f.edited(l.name, l.name+len(name), escaped)
	}
	return f
}

// relative is the way from a directory to a file, both below the root.
func relative(dir, file string) string {
	up := ""
	for dir != "." && !strings.HasPrefix(file, dir+"/") {
		dir, up = path.Dir(dir), up+"../"
	}
	if dir != "." {
		file = strings.TrimPrefix(file, dir+"/")
	}
	return up + file
}

// checkAnchor looks for the heading that a link names, in Markdown.
func (ds *documents) checkAnchor(l link, p manifest.Path, fragment string) (Finding, bool) {
	d := ds.get(p)
	if d == nil || fragment == "" {
		return Finding{}, false
	}
	if plain, err := url.PathUnescape(fragment); err == nil {
		fragment = plain
	}
	if d.hasAnchor(fragment) {
		return Finding{}, false
	}
	return l.finding(ruleDeadAnchor, fmt.Sprintf("names a heading that %s does not have", p)), true
}

// finding is one about a link.
func (l link) finding(rule, what string) Finding { return newFinding(rule, l.says(what)) }

// says tells what a link does.
func (l link) says(what string) string {
	kind := "link"
	if l.image {
		kind = "image"
	}
	return fmt.Sprintf("%s %s %s", kind, strconv.Quote(l.target), what)
}

// scheme begins an address.
var scheme = lazyregexp.New(`^[A-Za-z][A-Za-z0-9+.-]*:`)

// isHole reports whether a target is to be filled in: no name of a file has one of
// these.
func isHole(target string) bool {
	return strings.ContainsAny(target, "{}<>$*") || target == "..." || target == "…"
}

// splitTarget parts the name of a file from the fragment of a heading. It is
// not local when it is an address, or an example of one.
func splitTarget(target string) (name, fragment string, local bool) {
	target = strings.TrimSpace(target)
	if target == "" || scheme().MatchString(target) || strings.HasPrefix(target, "//") || isHole(target) {
		return "", "", false
	}
	name, fragment, _ = strings.Cut(target, "#")
	name, _, _ = strings.Cut(name, "?")
	return name, fragment, true
}
