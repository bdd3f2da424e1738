package manifest

import (
	"fmt"
	"io/fs"
	"strings"
	"unicode/utf8"
)

// Path names a file below the root of a tree: slash-separated, relative,
// with no empty, "." or ".." segment, valid UTF-8, without control
// characters and backslashes. It is compared byte for byte.
//
// A Path is what any tree can hold; what the service accepts is narrower and
// is stated in package remote.
type Path string

// ParsePath checks that s is a Path. Its error names s and what is wrong.
func ParsePath(s string) (Path, error) {
	if reason := pathFault(s); reason != "" {
		return "", fmt.Errorf("path %q %s", s, reason)
	}
	return Path(s), nil
}

// pathFault says in a few words why s is no Path, or nothing.
func pathFault(s string) string {
	if isPlainPath(s) {
		return ""
	}
	switch {
	case s == "" || s == ".":
		return "is empty"
	case !utf8.ValidString(s):
		return "is not valid UTF-8"
	case strings.HasPrefix(s, "/"):
		return "is absolute"
	case strings.Contains(s, "\\"):
		return "contains a backslash"
	case strings.ContainsFunc(s, isControl):
		return "contains a control character"
	case !fs.ValidPath(s):
		return `has an empty, "." or ".." segment`
	}
	return ""
}

// isPlainPath reports whether s is a Path of ASCII characters in which no segment
// begins with a dot, as most are.
func isPlainPath(s string) bool {
	begins := true // a segment
	for i := range len(s) {
		c := s[i]
		if c < 0x20 || c >= 0x7f || c == '\\' || begins && (c == '.' || c == '/') {
			return false
		}
		begins = c == '/'
	}
	return !begins
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// Under reports whether p is dir or lies below it.
func (p Path) Under(dir Path) bool {
	rest, ok := strings.CutPrefix(string(p), string(dir))
	return ok && (rest == "" || rest[0] == '/')
}

// Dirs yields the directories that hold p, the outermost first: "a", "a/b"
// for "a/b/c".
func (p Path) Dirs(yield func(Path) bool) {
	for i := range len(p) {
		if p[i] == '/' && !yield(p[:i]) {
			return
		}
	}
}
