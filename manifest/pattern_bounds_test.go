package manifest

import (
	"strings"
	"testing"
)

// TestPatternBounds has what a pattern tells before its states are followed, and
// texts that match, which must not fall to it.
func TestPatternBounds(t *testing.T) {
	for _, tt := range []struct {
		text, ending string
		least        int
		matches      string
	}{
		{"[Tt]humbs.db", "humbs.db", 9, "thumbs.db"},
		{"*.sb-????????-??????", "", 19, ".sb-12345678-123456"},
		{"a*b", "b", 1, "ab"},
		{"*", "", 0, ""},
		{"/x/**/y", "y", 1, "x/y"},
		{"**/y", "y", 1, "y"},
		{"**/", "", 0, ""},
		{"x/**", "", 0, "x/"},
		{"*.sw[a-z]", "", 4, ".swp"},
		{`*\?`, "?", 1, "?"},
	} {
		p := parsePattern(tt.text)
		if p.suffix {
			continue // it is compared as a whole
		}
		if p.ending != tt.ending || p.least != tt.least {
			t.Errorf("%q: got an ending %q and %d bytes, want %q and %d", tt.text, p.ending, p.least, tt.ending, tt.least)
		}
		if !p.never && tt.matches != "" && !p.match(tt.matches, tt.matches[strings.LastIndexByte(tt.matches, '/')+1:], false) {
			t.Errorf("%q does not match %q", tt.text, tt.matches)
		}
	}
}
