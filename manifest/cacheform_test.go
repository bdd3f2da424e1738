package manifest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
)

// TestCacheFormat fails when what a scan decides about the same files has changed, and
// what is kept of trees would be believed nevertheless.
func TestCacheFormat(t *testing.T) {
	names := []string{
		"a", "A", "SKILL.md", ".git", ".GIT", "git~1", ".git.", ".git:x", ".g\u200cit", ".hg", ".svn", ".jj", ".bzr", "CVS", "cvs",
		".assetsync", ".assetsyncignore", ".gitignore", ".gitattributes", TempPrefix, TempPrefix + "x", "x" + TempPrefix,
		"a\x00", "a\n", "a\t", "a\\b", "a\xff", " a", "a ", "a.", "..", ".", "", "~", "con", "a:b", "\u00fc", "u\u0308", "\u212a", "k",
		"a\"b", "a*b", "a\x7f", "-", "..a", "\u202e", "4913", "a.swp", ".DS_Store", "Icon\r", "Thumbs.db",
	}
	h := sha256.New()
	rules := newIgnore(t)
	var paths []Path
	for _, name := range names {
		for _, dir := range []string{"", "d/"} {
			fmt.Fprintf(h, "%q %v %v %v %v\n", dir+name, nameFault(dir+name) == "", onFloor(name), rules.Ignored(Path(dir+name)), rules.IgnoredDir(Path(dir+name)))
			paths = append(paths, Path(dir+name))
		}
	}
	fmt.Fprintln(h, Twins(slices.Values(paths)), maxScanNames, maxPathLen, maxIgnoreFile)
	for _, text := range []string{"", "a", "a\r\n", "a\r", "\r\r\n", "a\x00\r\n", "\xef\xbb\xbfa\r\n", "a\r\nb\n"} {
		fmt.Fprintf(h, "%q\n", TextLF.Canonical([]byte(text)))
	}
	const want = cacheFormat + "879334b838fa93fd"
	if got := fmt.Sprintf("%s%x", cacheFormat, h.Sum(nil)[:8]); got != want {
		t.Errorf("got %q, want %q: give cacheFormat another number, and this test what it got", got, want)
	}
}
