package lint

import (
	"bytes"
	"html"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	gmtext "github.com/yuin/goldmark/text"

	"assetsync/remote/assettype"
)

// maxLinkWork bounds what the Markdown of one asset may cost: the parser looks
// for the end of each link up to the end of its paragraph. It is some seconds; a
// file of 200 KB in paragraphs as people write them is a thousandth of it.
const maxLinkWork = 1_000_000_000

// document is what is known of a Markdown file.
type document struct {
	text
	links   []link
	anchors map[string]int // normalised headings, and how often each occurs; ids of HTML
}

// link is one place of a document that names a file or a heading.
type link struct {
	at     int    // offset
	target string // as written, but for backslash escapes and entities
	image  bool
}

// parseMarkdown reads a document, and takes from budget what that costs; false
// when that is more than is left. What stands in code is no link.
func parseMarkdown(t text, budget *int) (*document, bool) {
	d := &document{text: t, anchors: map[string]int{}}
	body := 0
	if f, err := assettype.ParseFrontmatter(t.content); err == nil {
		body = f.Body
	} else if bytes.HasPrefix(t.content, byteOrderMark) {
		body = len(byteOrderMark)
	}
	source := t.content[body:]
	work := linkWork(source)
	if work > *budget {
		return d, false
	}
	*budget -= work
	root := goldmark.DefaultParser().Parse(gmtext.NewReader(source), parser.WithContext(parser.NewContext()))
	// The walk ends with an error only when its function returns one.
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			d.visit(n, source, body)
		}
		return ast.WalkContinue, nil
	})
	return d, true
}

// linkWork estimates what parsing costs: the beginnings of links, and the
// levels of quotes, times the length of the paragraph they are in.
func linkWork(source []byte) (work int) {
	opens, size := 0, 0
	for line := range bytes.Lines(source) {
		if len(bytes.TrimSpace(line)) == 0 {
			work += opens * size
			opens, size = 0, 0
			continue
		}
		size += len(line)
		quotes := len(line) - len(bytes.TrimLeft(line, "> "))
		opens += bytes.Count(line, []byte("](")) + quotes/8
	}
	return work + opens*size
}

// visit collects what a node links to, or what it can be linked by.
func (d *document) visit(n ast.Node, source []byte, body int) {
	switch n := n.(type) {
	case *ast.Link:
		if n.Reference == nil || !bytes.HasPrefix(n.Reference.Value, footnote) {
			d.add(n.Pos()+body, string(n.Destination), false)
		}
	case *ast.Image:
		d.add(n.Pos()+body, string(n.Destination), true)
	case *ast.LinkReferenceDefinition:
		if !bytes.HasPrefix(n.Label, footnote) {
			d.add(n.Pos()+body, string(n.Destination), false)
		}
	case *ast.Heading:
		d.anchors[anchorOf(plainText(n, source))]++
	case *ast.RawHTML:
		d.html(n.Segments, source, body)
	case *ast.HTMLBlock:
		d.html(n.Lines(), source, body)
		if n.HasClosure() {
			closing := gmtext.NewSegments()
			closing.Append(n.ClosureLine)
			d.html(closing, source, body)
		}
	}
}

// footnote begins the label of a footnote, which the parser takes for a link
// when its text is one word.
var footnote = []byte{'^'}

func (d *document) add(at int, target string, image bool) {
	d.links = append(d.links, link{at, html.UnescapeString(unescapePunctuation(target)), image})
}

var escaped = regexp.MustCompile("\\\\([!-/:-@[-`{-~])")

// unescapePunctuation removes the backslashes before punctuation.
func unescapePunctuation(s string) string { return escaped.ReplaceAllString(s, "$1") }

var (
	htmlLink   = regexp.MustCompile(`(?i)<(a|img)\s(?:[^>]*?\s)?(?:href|src)\s*=\s*("[^"]*"|'[^']*')`)
	htmlAnchor = regexp.MustCompile(`(?i)<[a-z][a-z0-9]*\s(?:[^>]*?\s)?(?:id|name)\s*=\s*("[^"]*"|'[^']*')`)
)

// html collects from lines of HTML, which a tag may go over.
func (d *document) html(lines *gmtext.Segments, source []byte, body int) {
	if lines.Len() == 0 {
		return
	}
	start := lines.At(0).Start
	code := source[start:lines.At(lines.Len()-1).Stop]
	for _, m := range htmlLink.FindAllSubmatchIndex(code, -1) {
		value := code[m[4]+1 : m[5]-1]
		d.links = append(d.links, link{start + m[4] + 1 + body, html.UnescapeString(string(value)), m[3]-m[2] > 1})
	}
	for _, m := range htmlAnchor.FindAllSubmatch(code, -1) {
		d.anchors[anchorOf(string(m[1][1:len(m[1])-1]))]++
	}
}

// plainText is the text of a heading.
func plainText(n ast.Node, source []byte) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.Text:
			b.Write(c.Segment.Value(source))
			if c.SoftLineBreak() || c.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.RawHTML:
		default:
			b.WriteString(plainText(c, source))
		}
	}
	return html.UnescapeString(b.String())
}

var headingID = regexp.MustCompile(`\s*\{#([^}\s]+)[^}]*\}\s*$`)

// anchorOf is what headings and links to them are compared by: letters and
// digits. Renderers differ in what they make of the rest, and agents do not
// care.
func anchorOf(heading string) string {
	if m := headingID.FindStringSubmatch(heading); m != nil {
		heading = m[1]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) && !isInvisible(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

var numbered = regexp.MustCompile(`^(.*)-([0-9]+)$`)

// hasAnchor reports whether the part of a link behind # leads anywhere in the
// document. Later headings of one text are numbered.
func (d *document) hasAnchor(fragment string) bool {
	want := anchorOf(fragment)
	if fragment == "" || want == "top" || d.anchors[want] > 0 || strings.HasPrefix(fragment, ":~:") {
		return true
	}
	m := numbered.FindStringSubmatch(fragment)
	if m == nil {
		return false
	}
	n, err := strconv.Atoi(m[2])
	return err == nil && n < d.anchors[anchorOf(m[1])]
}
