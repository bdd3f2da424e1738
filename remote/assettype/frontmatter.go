package assettype

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"assetsync/internal/lazyregexp"
)

// What is given to the YAML parser, whose time grows with the square of the
// depth. Real frontmatter has some hundred bytes; a description may have
// 1,024 characters.
const (
	maxFrontmatterBytes = 32 << 10
	maxBrackets         = 256
)

// ErrNoFrontmatter says that a file does not begin with a line "---".
var ErrNoFrontmatter = errors.New("no frontmatter")

// Frontmatter is what the head of a main file says.
type Frontmatter struct {
	Name        string         // "" when absent or not a text
	Description string         // "" when absent or not a text
	Fields      map[string]any // all keys with their values as YAML has them, never nil
	Body        int            // offset of the first byte after the closing line
	Warnings    []*SyntaxError // what was read with difficulty

	lines [][]byte // between the fences
}

// SyntaxError is a place of a frontmatter that cannot be read as it is meant.
type SyntaxError struct {
	Line, Column int    // in the file, from 1; 0 where nobody knows
	What         string // a clause without a full stop
}

// Error implements error.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.What
	}
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.What)
}

// Position returns where the value of a key begins, as a line and a column in
// the file, from 1; the first line when the frontmatter does not have the key
// at its outermost level.
func (f Frontmatter) Position(key string) (line, column int) {
	for i, text := range f.lines {
		m := keyLine().FindSubmatchIndex(bytes.TrimRight(text, " \t\n"))
		if m == nil || string(text[m[2]:m[3]]) != key {
			continue
		}
		if m[4] < 0 {
			return i + 2, 1 // the value begins on a later line
		}
		return i + 2, utf8.RuneCount(text[:m[4]]) + 1
	}
	return 1, 1
}

// ParseFrontmatter reads the frontmatter of a main file. A byte order mark
// before it and CRLF line ends are accepted. The error is [ErrNoFrontmatter]
// when there is none, and otherwise says why it cannot be read.
func ParseFrontmatter(main []byte) (Frontmatter, error) {
	head, body, err := splitFrontmatter(main)
	if err != nil {
		return Frontmatter{}, err
	}
	f := Frontmatter{Body: body, lines: bytes.SplitAfter(head, []byte{'\n'})}
	fields, yamlErr := parseYAML(head)
	if yamlErr != nil {
		fields = parseLines(head)
		if len(fields) == 0 {
			return Frontmatter{}, fmt.Errorf("read frontmatter: %w", yamlErr)
		}
		f.Warnings = append(f.Warnings, asSyntaxError(yamlErr))
	}
	f.Fields = fields
	f.Name, _ = fields["name"].(string)
	f.Description, _ = fields["description"].(string)
	f.Name, f.Description = strings.TrimSpace(f.Name), strings.TrimSpace(f.Description)
	return f, nil
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// splitFrontmatter returns the text between the two lines with LF line ends,
// and the offset in main of what follows.
func splitFrontmatter(main []byte) (head []byte, body int, err error) {
	rest := bytes.TrimPrefix(main, byteOrderMark)
	first, rest, ok := bytes.Cut(rest, []byte{'\n'})
	if !ok || !isFence(first) {
		return nil, 0, ErrNoFrontmatter
	}
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte{'\n'})
		if isFence(line) {
			return head, len(main) - len(rest), nil
		}
		head = append(append(head, bytes.TrimSuffix(line, []byte{'\r'})...), '\n')
		if len(head) > maxFrontmatterBytes {
			return nil, 0, fmt.Errorf("read frontmatter: longer than %d bytes", maxFrontmatterBytes)
		}
	}
	return nil, 0, errors.New(`read frontmatter: no closing line "---"`)
}

func isFence(line []byte) bool {
	return string(bytes.TrimRight(line, " \t\r")) == "---"
}

func parseYAML(head []byte) (map[string]any, error) {
	if !utf8.Valid(head) {
		return nil, errors.New("not UTF-8")
	}
	if bytes.Count(head, []byte{'['})+bytes.Count(head, []byte{'{'}) > maxBrackets {
		return nil, fmt.Errorf("more than %d brackets", maxBrackets)
	}
	file, err := parser.ParseBytes(head, 0)
	if err != nil {
		return nil, plainError(err)
	}
	fields := map[string]any{}
	for _, doc := range file.Docs {
		// Aliases can multiply a small text beyond any memory, and no
		// frontmatter needs one.
		var ref referenceFinder
		if ast.Walk(&ref, doc.Body); ref.found {
			return nil, errors.New("anchors and aliases are not supported")
		}
	}
	if err := yaml.Unmarshal(head, &fields); err != nil {
		return nil, plainError(err)
	}
	if fields == nil {
		fields = map[string]any{}
	}
	return fields, nil
}

// referenceFinder looks for anchors and aliases in a syntax tree.
type referenceFinder struct{ found bool }

func (r *referenceFinder) Visit(n ast.Node) ast.Visitor {
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode:
		r.found = true
	}
	if r.found {
		return nil
	}
	return r
}

var (
	yamlPlace = lazyregexp.New(`^\[(\d+):(\d+)\] (.*)$`)
	yamlOther = lazyregexp.New(` at \[(\d+):\d+\]$`) // a place that the text goes on to name
)

// plainError keeps the first line of a YAML error, "[2:14] what is wrong",
// and turns its place into one of the file, which has a fence before it; the
// lines after it quote the source.
func plainError(err error) error {
	line, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
	m := yamlPlace().FindStringSubmatch(line)
	if m == nil {
		return &SyntaxError{What: line}
	}
	row, err1 := strconv.Atoi(m[1])
	column, err2 := strconv.Atoi(m[2])
	if err1 != nil || err2 != nil {
		return &SyntaxError{What: line}
	}
	what := yamlOther().ReplaceAllStringFunc(m[3], func(at string) string {
		other, _ := strconv.Atoi(yamlOther().FindStringSubmatch(at)[1]) // digits; too many of them are line 1
		return fmt.Sprintf(" in line %d", other+1)
	})
	return &SyntaxError{Line: row + 1, Column: column, What: what}
}

func asSyntaxError(err error) *SyntaxError {
	var known *SyntaxError
	if errors.As(err, &known) {
		return known
	}
	return &SyntaxError{What: err.Error()}
}

var keyLine = lazyregexp.New(`^([A-Za-z_][A-Za-z0-9_-]*):(?:[ \t]+(.*))?$`)

// parseLines reads "key: value" lines. An indented line continues the value
// before it, joined by a space; any other line is passed over. The first of
// two lines with one key counts.
func parseLines(head []byte) map[string]any {
	values := map[string][]string{}
	current := ""
	for line := range strings.Lines(strings.ToValidUTF8(string(head), "\uFFFD")) {
		text := strings.TrimSpace(line)
		if m := keyLine().FindStringSubmatch(strings.TrimRight(line, " \t\n")); m != nil {
			current = m[1]
			if _, dup := values[current]; dup {
				current = ""
				continue
			}
			values[current] = []string{strings.TrimSpace(m[2])}
			continue
		}
		indented := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		if current != "" && indented && text != "" {
			values[current] = append(values[current], text)
		}
	}
	fields := make(map[string]any, len(values))
	for key, parts := range values {
		fields[key] = joinValue(parts)
	}
	return fields
}

// joinValue makes one text of a value's lines, without the sign of a block
// scalar before it or the quotes around it.
func joinValue(parts []string) string {
	if first := parts[0]; first == "" || (len(parts) > 1 && strings.Trim(first, "|>+-0123456789") == "") {
		parts = parts[1:]
	}
	value := strings.Join(parts, " ")
	if n := len(value); n >= 2 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
		value = value[1 : n-1]
	}
	return value
}
