package main

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a config's structure. The YAML parser needs the square of a
// mapping's keys and of a line's depth; these keep it under a second.
const (
	maxConfigTokens = 50_000  // words and signs
	maxConfigDepth  = 50      // brackets open at once, or list signs, anchors and tags on one line
	maxConfigNodes  = 200_000 // values visited, those behind aliases every time
)

// ParseConfig reads and checks a config; file is its name in messages. It
// fails as [LoadConfig] does. Config.Dir is left empty.
func ParseConfig(data []byte, file string) (*Config, error) {
	d := &decoder{problems: problems{file: file}, anchors: map[string]ast.Node{}}
	c := &Config{File: file}
	if root := d.parse(data); root != nil {
		d.decode(root, "", reflect.ValueOf(c).Elem())
	}
	// A config that could not be read in full is not judged further: what
	// seems missing may be what could not be read.
	if len(d.list) == 0 {
		c.check(&d.problems)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return c, nil
}

// decoder fills structs from YAML and collects everything that is wrong. The
// standard decoder of the library stops at the first trouble and knows no
// positions afterwards.
type decoder struct {
	problems
	anchors map[string]ast.Node
	visited int
}

// parse returns the top of the document, nil after a problem.
func (d *decoder) parse(data []byte) ast.Node {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	if i := invalidUTF8(data); i >= 0 {
		line := 1 + bytes.Count(data[:i], []byte("\n"))
		d.add(pos{line, i - bytes.LastIndexByte(data[:i], '\n')}, "", "not UTF-8 text: save the file as UTF-8")
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if at, reason := overgrown(tokens); reason != "" {
		d.add(at, "", "%s", reason)
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // mapping finds duplicates, all of them
	if err != nil {
		d.syntaxError(err)
		return nil
	}
	var docs []*ast.DocumentNode
	for _, doc := range f.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			docs = append(docs, doc)
		}
	}
	switch {
	case len(docs) == 0:
		d.add(pos{}, "", "the config is empty: assetsync init writes one with every key explained")
	case len(docs) > 1:
		d.add(position(docs[1].Body), "", "a second YAML document begins here: want one")
	default:
		return docs[0].Body
	}
	return nil
}

func invalidUTF8(data []byte) int {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// overgrown says why tokens are more than the parser is trusted with.
func overgrown(tokens token.Tokens) (pos, string) {
	open, onLine, line := 0, 0, 0
	for i, t := range tokens {
		if i == maxConfigTokens {
			return tokenPosition(t), fmt.Sprintf("more than %d words and signs, which no config needs", maxConfigTokens)
		}
		if t.Position.Line != line {
			line, onLine = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			open++
		case token.SequenceEndType, token.MappingEndType:
			open--
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			onLine++
		}
		if open > maxConfigDepth || onLine > maxConfigDepth {
			return tokenPosition(t), "nested too deeply"
		}
	}
	return pos{}, ""
}

func (d *decoder) syntaxError(err error) {
	var y yaml.Error
	if !errors.As(err, &y) {
		d.add(pos{}, "", "not valid YAML")
		return
	}
	d.add(tokenPosition(y.GetToken()), "", "not valid YAML: %s", shortened(y.GetMessage()))
}

func tokenPosition(t *token.Token) pos {
	if t == nil || t.Position == nil {
		return pos{1, 1}
	}
	return pos{max(1, t.Position.Line), max(1, t.Position.Column)}
}

// position returns where a node begins. A mapping's own token is the colon
// of its first pair; people look for the key.
func position(n ast.Node) pos {
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		n = m.Values[0]
	}
	if m, ok := n.(*ast.MappingValueNode); ok {
		n = m.Key
	}
	return tokenPosition(n.GetToken())
}
