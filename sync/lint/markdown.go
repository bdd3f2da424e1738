package lint

import (
	"bytes"
	"html"
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/parser"
	gmtext "github.com/yuin/goldmark/text"

	"assetsync/internal/lazyregexp"
	"assetsync/remote/assettype"
)

// maxLinkWork bounds what the Markdown of one asset may cost: the parser looks
// for the end of each link up to the end of its paragraph. It is some seconds; a
// file of 200 KB in paragraphs as people write them is a thousandth of it.
const maxLinkWork = 1_000_000_000

// document is what is known of a Markdown file: nothing but what follows from its
// bytes.
type document struct {
	work    int            // what parsing costs, see linkWork
	links   []link         // that may lead into the asset
	anchors map[string]int // normalised headings, and how often each occurs; ids of HTML
}

// link is one place of a document that names a file or a heading.
type link struct {
	line, column int    // from 1
	target       string // as written, but for backslash escapes and entities
	image        bool
	name         int // offset of the text of the file's name; -1: not found, or there is none
}

// bodyOf is the offset at which the Markdown of a text begins.
func bodyOf(t text) int {
	if f, err := assettype.ParseFrontmatter(t.content); err == nil {
		return f.Body
	}
	if bytes.HasPrefix(t.content, byteOrderMark) {
		return len(byteOrderMark)
	}
	return 0
}

// parseMarkdown reads a document that begins at an offset. What stands in code is no
// link.
func parseMarkdown(t text, body int) *document {
	p := parsing{place: placer{text: t}, source: t.content[body:], body: body}
	p.doc.anchors = map[string]int{}
	root := markdownParser().Parse(gmtext.NewReader(p.source), parser.WithContext(parser.NewContext()))
	// The walk ends with an error only when its function returns one.
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			p.visit(n)
		}
		return ast.WalkContinue, nil
	})
	return &p.doc
}

// markdownParser is goldmark.DefaultParser, without the renderer of HTML that this
// package would bring into the program.
func markdownParser() parser.Parser {
	return parser.NewParser(parser.WithBlockParsers(parser.DefaultBlockParsers()...),
		parser.WithInlineParsers(parser.DefaultInlineParsers()...),
		parser.WithParagraphTransformers(parser.DefaultParagraphTransformers()...),
	)
}

// parsing is a document on its way.
type parsing struct {
	doc    document
	place  placer
	source []byte // Markdown
	body   int    // offset of source in the file
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
func (p *parsing) visit(n ast.Node) {
	switch n := n.(type) {
	case *ast.Link:
		if n.Reference == nil || !bytes.HasPrefix(n.Reference.Value, footnote) {
			p.add(n.Pos(), string(n.Destination), false)
		}
	case *ast.Image:
		p.add(n.Pos(), string(n.Destination), true)
	case *ast.LinkReferenceDefinition:
		if !bytes.HasPrefix(n.Label, footnote) {
			p.add(n.Pos(), string(n.Destination), false)
		}
	case *ast.Heading:
		p.doc.anchors[anchorOf(plainText(n, p.source))]++
	case *ast.RawHTML:
		p.html(n.Segments)
	case *ast.HTMLBlock:
		p.html(n.Lines())
		if n.HasClosure() {
			closing := gmtext.NewSegments()
			closing.Append(n.ClosureLine)
			p.html(closing)
		}
	}
}

// footnote begins the label of a footnote, which the parser takes for a link
// when its text is one word.
var footnote = []byte{'^'}

// add adds a link that is written in Markdown.
func (p *parsing) add(at int, target string, image bool) {
	p.addLink(at, html.UnescapeString(unescapePunctuation(target)), image)
}

// addLink adds what may lead into the asset; an offset counts from source.
func (p *parsing) addLink(at int, target string, image bool) {
	name, _, local := splitTarget(target)
	if !local {
		return
	}
	l := link{target: target, image: image, name: -1}
	at += p.body
	l.line, l.column = p.place.of(at)
	if n, ok := findName(p.place.content, at, name); ok && name != "" {
		l.name = n
	}
	p.doc.links = append(p.doc.links, l)
}

// findName looks for the text of a name in the link at an offset, whose end nobody
// knows: the first place behind "](", "]:" or a quote, not far from where it begins.
func findName(content []byte, at int, name string) (int, bool) {
	const far = 2000 // bytes: more than any text of a link
	region := content[at:min(len(content), at+far)]
	if bytes.HasPrefix(region, []byte(name)) { // an attribute of HTML
		return at, true
	}
	for i := 0; i+1 < len(region); i++ {
		next := bytes.IndexByte(region[i:], ']')
		if next < 0 {
			return 0, false
		}
		i += next
		if !bytes.HasPrefix(region[i+1:], []byte("(")) && !bytes.HasPrefix(region[i+1:], []byte(":")) {
			continue
		}
		rest := bytes.TrimLeft(region[i+2:], " <")
		if bytes.HasPrefix(rest, []byte(name)) {
			return at + len(region) - len(rest), true
		}
	}
	return 0, false
}

var escaped = lazyregexp.New("\\\\([!-/:-@[-`{-~])")

// unescapePunctuation removes the backslashes before punctuation.
func unescapePunctuation(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return escaped().ReplaceAllString(s, "$1")
}

var (
	htmlLink   = lazyregexp.New(`(?i)<(a|img)\s(?:[^>]*?\s)?(?:href|src)\s*=\s*("[^"]*"|'[^']*')`)
	htmlAnchor = lazyregexp.New(`(?i)<[a-z][a-z0-9]*\s(?:[^>]*?\s)?(?:id|name)\s*=\s*("[^"]*"|'[^']*')`)
)

// html collects from lines of HTML, which a tag may go over.
func (p *parsing) html(lines *gmtext.Segments) {
	if lines.Len() == 0 {
		return
	}
	start := lines.At(0).Start
	code := p.source[start:lines.At(lines.Len()-1).Stop]
	for _, m := range htmlLink().FindAllSubmatchIndex(code, -1) {
		value := code[m[4]+1 : m[5]-1]
		p.addLink(start+m[4]+1, html.UnescapeString(string(value)), m[3]-m[2] > 1)
	}
	for _, m := range htmlAnchor().FindAllSubmatch(code, -1) {
		p.doc.anchors[anchorOf(string(m[1][1:len(m[1])-1]))]++
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

var headingID = lazyregexp.New(`\s*\{#([^}\s]+)[^}]*\}\s*$`)

// anchorOf is what headings and links to them are compared by: letters and
// digits. Renderers differ in what they make of the rest, and agents do not
// care.
func anchorOf(heading string) string {
	if m := headingID().FindStringSubmatch(heading); m != nil {
		heading = m[1]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) && !isInvisible(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, heading)
}

var numbered = lazyregexp.New(`^(.*)-([0-9]+)$`)

// hasAnchor reports whether the part of a link behind # leads anywhere in the
// document. Later headings of one text are numbered.
func (d *document) hasAnchor(fragment string) bool {
	want := anchorOf(fragment)
	if fragment == "" || want == "top" || d.anchors[want] > 0 || strings.HasPrefix(fragment, ":~:") {
		return true
	}
	m := numbered().FindStringSubmatch(fragment)
	if m == nil {
		return false
	}
	n, err := strconv.Atoi(m[2])
	return err == nil && n < d.anchors[anchorOf(m[1])]
}
