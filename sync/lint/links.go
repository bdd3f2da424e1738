package lint

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"

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
	dirs    map[string]bool          // directories of the asset
	folded  map[string]manifest.Path // files and directories by their names in lower case
	parsed  map[manifest.Path]*document
	tooLong map[manifest.Path]bool
	budget  int // see maxLinkWork
}

func newDocuments(a Asset) *documents {
	ds := &documents{a, map[string]bool{".": true}, map[string]manifest.Path{}, map[manifest.Path]*document{}, map[manifest.Path]bool{}, maxLinkWork}
	for e := range a.Files.Tree().All() {
		ds.folded[strings.ToLower(string(e.Path))] = e.Path
		for dir := range e.Path.Dirs {
			ds.dirs[string(dir)] = true
			ds.folded[strings.ToLower(string(dir))] = dir
		}
	}
	return ds
}

// get returns a Markdown file of the asset; nil for anything else, and for a
// file that takes too long.
func (ds *documents) get(p manifest.Path) *document {
	if d, known := ds.parsed[p]; known {
		return d
	}
	var d *document
	content, _ := ds.asset.Files.Content(p)
	if t, ok := textOf(p, content); ok && isMarkdown(p) {
		read, ok := parseMarkdown(t, &ds.budget)
		if ok {
			d = read
		}
		ds.tooLong[p] = !ok
	}
	ds.parsed[p] = d
	return d
}

// checkLinks reports on the links of a Markdown file.
func (ds *documents) checkLinks(p manifest.Path) (out []Finding) {
	if content, _ := ds.asset.Files.Content(p); !bytes.ContainsAny(content, "[<>") {
		return nil // no link is without one of them, and nothing takes long
	}
	d := ds.get(p)
	if ds.tooLong[p] {
		f := newFinding(ruleUnchecked, "its links are not checked: a paragraph with so many of them takes too long")
		f.Path = p
		return []Finding{f}
	}
	if d == nil {
		return nil
	}
	for _, l := range d.links {
		if f, wrong := ds.check(p, d, l); wrong && len(out) < maxLinks {
			f.Path = p
			out = append(out, d.at(f, l.at))
		}
	}
	return out
}

// check decides about one link of the document at p.
func (ds *documents) check(p manifest.Path, d *document, l link) (Finding, bool) {
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
	return ds.missing(p, d, l, name)
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
func (ds *documents) missing(p manifest.Path, d *document, l link, name string) (Finding, bool) {
	plain := strings.ReplaceAll(spellings(name)[0], `\`, "/")
	to := path.Join(path.Dir(string(p)), plain)
	if real, ok := ds.folded[strings.ToLower(to)]; ok {
		return ds.respelled(p, d, l, name, real), true
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
func (ds *documents) respelled(p manifest.Path, d *document, l link, name string, real manifest.Path) Finding {
	want := relative(path.Dir(string(p)), string(real))
	f := l.finding(ruleLinkCase, "is spelled otherwise than the file, "+strconv.Quote(string(real)))
	f.Fix = "write it as " + want
	if at, ok := d.find(l, name); ok {
		escaped := (&url.URL{Path: want}).EscapedPath()
		return f.edited(at, at+len(name), escaped)
	}
	return f
}

// find looks for the text of a name in its link, whose end nobody knows: the
// first place behind "(", ":", "<" or a quote, not far from where it begins.
func (d *document) find(l link, name string) (int, bool) {
	const far = 2000 // bytes: more than any text of a link
	region := d.content[l.at:min(len(d.content), l.at+far)]
	if bytes.HasPrefix(region, []byte(name)) { // an attribute of HTML
		return l.at, true
	}
	for from := 0; ; {
		i := bytes.Index(region[from:], []byte(name))
		if i < 0 {
			return 0, false
		}
		i += from
		if before := bytes.TrimRight(region[:i], " <"); bytes.HasSuffix(before, []byte("](")) || bytes.HasSuffix(before, []byte("]:")) {
			return l.at + i, true
		}
		from = i + 1
	}
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

var (
	scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:`)
	hole   = regexp.MustCompile(`[{}<>$*]|^\.\.\.$|^…$`) // to be filled in: no name of a file has one of these
)

// splitTarget parts the name of a file from the fragment of a heading. It is
// not local when it is an address, or an example of one.
func splitTarget(target string) (name, fragment string, local bool) {
	target = strings.TrimSpace(target)
	if target == "" || scheme.MatchString(target) || strings.HasPrefix(target, "//") || hole.MatchString(target) {
		return "", "", false
	}
	name, fragment, _ = strings.Cut(target, "#")
	name, _, _ = strings.Cut(name, "?")
	return name, fragment, true
}
