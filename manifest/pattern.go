package manifest

import (
	"fmt"
	"strings"
)

// pattern is one line of an ignore file, read as git's dir.c reads it.
type pattern struct {
	text     string // as written, for messages
	line     int    // counted from 1
	negated  bool   // "!": takes back what an earlier pattern ignores
	dirOnly  bool   // a slash at the end: matches directories alone
	anywhere bool   // no slash elsewhere: matches the last name at any depth
	never    bool   // malformed: git lets it match nothing
	suffix   bool   // "*literal" with anywhere: the literal ends the name
	literal  string // what the name or path begins with, byte for byte
	rest     glob   // what follows the literal
	ending   string // what all that rest matches ends with
	least    int    // bytes of the shortest text that rest matches
}

// match reports whether the pattern names the path rel, which is relative to
// the directory of the ignore file and ends with the name base.
func (p *pattern) match(rel, base string, isDir bool) bool {
	if p.never || p.dirOnly && !isDir {
		return false
	}
	if p.suffix {
		return strings.HasSuffix(base, p.literal)
	}
	if p.anywhere {
		rel = base
	}
	after, ok := strings.CutPrefix(rel, p.literal)
	if !ok || len(after) < p.least || !strings.HasSuffix(after, p.ending) {
		return false // most names end here: following the states takes longer
	}
	return p.rest.match(after)
}

// parsePattern reads one line that is no comment and has lost its line end.
func parsePattern(text string) pattern {
	p := pattern{text: text}
	text, p.negated = strings.CutPrefix(text, "!")
	text, p.dirOnly = strings.CutSuffix(text, "/")
	p.anywhere = !strings.Contains(text, "/")
	if !p.anywhere {
		text = strings.TrimPrefix(text, "/")
	}
	p.never = text == ""
	wild := strings.IndexAny(text, globSpecial)
	if wild < 0 {
		wild = len(text)
	}
	// git matches the literal beginning apart from the rest, so "a**/b" has
	// its stars at a beginning. That is what makes it match "a/x/b".
	p.literal = text[:wild]
	if p.anywhere && wild == 0 && len(text) > 1 && text[0] == '*' && !strings.ContainsAny(text[1:], globSpecial) {
		p.suffix, p.literal = true, text[1:]
		return p
	}
	rest, ok := compileGlob(text[wild:])
	p.rest, p.never = rest, p.never || !ok
	p.ending, p.least = rest.ending(), rest.least()
	return p
}

// parsePatterns reads an ignore file. Nothing in it is an error: as in git, a
// malformed pattern matches nothing.
func parsePatterns(data string) []pattern {
	var patterns []pattern
	line := 0
	for text := range strings.SplitSeq(strings.TrimPrefix(data, "\ufeff"), "\n") {
		line++
		if text == "" || text[0] == '#' {
			continue
		}
		text, _, _ = strings.Cut(strings.TrimSuffix(text, "\r"), "\x00")
		p := parsePattern(trimTrailingSpaces(text))
		if p.never {
			continue
		}
		p.line = line
		patterns = append(patterns, p)
	}
	return patterns
}

// trimTrailingSpaces cuts the spaces at the end that no backslash quotes.
func trimTrailingSpaces(s string) string {
	end := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ':
			continue
		case '\\':
			i++
			if i == len(s) {
				return s
			}
		}
		end = i + 1
	}
	return s[:end]
}

// parseTarget reads a target's own list, where a mistake is worth an error.
func parseTarget(list []string) ([]pattern, error) {
	patterns := make([]pattern, 0, len(list))
	for i, text := range list {
		if reason := patternFault(text); reason != "" {
			return nil, fmt.Errorf("ignore pattern %q %s", text, reason)
		}
		p := parsePattern(trimTrailingSpaces(text))
		if p.never {
			return nil, fmt.Errorf("ignore pattern %q can match nothing: is a bracket open, a class unknown, or a backslash last?", text)
		}
		p.line = i + 1
		patterns = append(patterns, p)
	}
	return patterns, nil
}

func patternFault(text string) string {
	switch {
	case strings.Trim(text, " !/") == "":
		return "is empty"
	case strings.ContainsAny(text, "\n\x00"):
		return "contains a line end or a NUL"
	case text[0] == '#':
		return `is a comment; write "\#" for a name that begins with "#"`
	}
	return ""
}
