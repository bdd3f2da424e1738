package secrets

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// Finding is one place that looks like a credential. Nothing of the secret is
// in it.
type Finding struct {
	Line    int    // from 1
	Column  int    // in characters, from 1
	Rule    string // its stable name
	Excerpt string // what is no secret of it, then "***"
}

const (
	// MaxFindings is how many places of one file are told. The first is
	// enough to stop a push.
	MaxFindings = 20

	// sniffed is how much of a file is looked at for a NUL byte, which makes it
	// binary: as much as git looks at.
	sniffed = 8000

	// longest is the longest token that is looked at, in bytes: session tokens of
	// AWS and JSON web tokens are the long ones, and seldom over 2 KiB.
	longest = 4096
)

// Scanner holds the rules. It is safe for concurrent use.
type Scanner struct {
	rules   []rule
	byFirst [256][]int // rules whose prefix begins with the byte
	heads   set        // the bytes that have some, and "=" and ":"
	signs   signs
	word    *set // bytes that a prefix does not follow
}

// New returns the scanner with all rules, which all who ask for one share.
func New() *Scanner { return shared() }

// shared is made once: that takes as long as scanning some kilobytes, and every
// target wants one. Nothing changes it.
var shared = sync.OnceValue(newScanner)

func newScanner() *Scanner {
	s := &Scanner{rules: tokenRules(), signs: newSigns(), word: newSet("a-zA-Z0-9_")}
	for i, r := range s.rules {
		s.byFirst[r.prefix[0]] = append(s.byFirst[r.prefix[0]], i)
		s.heads[r.prefix[0]] = true
	}
	s.heads['='], s.heads[':'] = true, true
	return s
}

// Rules returns the names of all rules, sorted.
func (s *Scanner) Rules() []string {
	names := []string{ruleAssigned, ruleURL}
	for _, r := range s.rules {
		names = append(names, r.name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Scan returns the places of content that look like a credential, in order, and
// at most [MaxFindings]. In binary content only tokens with a prefix are looked
// for. It takes time linear in the size of content, whatever that holds.
func (s *Scanner) Scan(content []byte) []Finding {
	c := scan{Scanner: s, text: toUTF8(content), looked: make([]int, len(s.rules))}
	c.binary = bytes.IndexByte(c.text[:min(len(c.text), sniffed)], 0) >= 0
	c.run()
	return c.findings()
}

// ScanName is [Scanner.Scan] of the name of a file.
func (s *Scanner) ScanName(name string) []Finding { return s.Scan([]byte(name)) }

// ScanValue is [Scanner.Scan] of a value that a key has, as in a file "key: value".
func (s *Scanner) ScanValue(key string, value any) []Finding {
	return s.Scan(fmt.Appendf(nil, "%s: %v", key, value))
}

// scan is one pass over one text.
type scan struct {
	*Scanner
	text   []byte
	binary bool
	looked []int // up to where a rule has looked at the text: it does not begin before
	valued int   // the same for assigned values
	hits   []hit
}

// hit is a place before it is told.
type hit struct {
	start, end int // of the secret in the text
	rule       string
	excerpt    string
	guess      bool // told by its looks, not by its form
}

func (c *scan) run() {
	for i, b := range c.text {
		switch {
		case !c.heads[b]:
		case b != '=' && b != ':':
			if i == 0 || !c.word[c.text[i-1]] {
				c.tokens(i, c.byFirst[b])
			}
		case !c.binary:
			c.assigned(i)
			c.url(i)
		}
		if len(c.hits) >= 2*MaxFindings { // a guess and a form may be of one place
			return
		}
	}
}

// tokens looks for tokens that begin at i.
func (c *scan) tokens(i int, rules []int) {
	rest := c.text[i:]
	for _, at := range rules {
		r := &c.rules[at]
		if len(rest) < len(r.prefix) || string(rest[:len(r.prefix)]) != r.prefix || i < c.looked[at] {
			continue
		}
		body := rest[len(r.prefix):]
		n := r.span(body)
		c.looked[at] = i + len(r.prefix) + n
		start, end, ok := r.find(c.text, i, body[:n])
		if ok {
			c.hits = append(c.hits, hit{start, end, r.name, r.prefix + "***", r.guess})
		}
	}
}

// findings puts the hits in order. What a form tells of a place, no guess
// repeats.
func (c *scan) findings() []Finding {
	slices.SortStableFunc(c.hits, func(a, b hit) int { return a.start - b.start })
	var out []Finding
	var last hit
	line, at := 1, 0
	for _, h := range c.hits {
		if h.guess && slices.ContainsFunc(c.hits, func(o hit) bool { return !o.guess && o.start < h.end && h.start < o.end }) {
			continue
		}
		if len(out) > 0 && h.start == last.start && h.end == last.end {
			continue
		}
		last = h
		line += bytes.Count(c.text[at:h.start], []byte{'\n'})
		at = h.start
		begin := bytes.LastIndexByte(c.text[:at], '\n') + 1
		if out = append(out, Finding{line, utf8.RuneCount(c.text[begin:at]) + 1, h.rule, h.excerpt}); len(out) == MaxFindings {
			break
		}
	}
	return out
}

// toUTF8 returns UTF-16 that says so by its first two bytes, as PowerShell
// writes it, as UTF-8; anything else as it is.
func toUTF8(content []byte) []byte {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(content, []byte{0xff, 0xfe}):
		order = binary.LittleEndian
	case bytes.HasPrefix(content, []byte{0xfe, 0xff}):
		order = binary.BigEndian
	default:
		return content
	}
	units := make([]uint16, 0, len(content)/2)
	for rest := content[2:]; len(rest) >= 2; rest = rest[2:] {
		units = append(units, order.Uint16(rest))
	}
	return []byte(string(utf16.Decode(units)))
}
