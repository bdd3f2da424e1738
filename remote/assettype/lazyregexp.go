package assettype

import (
	"regexp"
	"sync"
)

// lazyRegexp is a regular expression that is compiled when it is first used: most runs
// of the program read no frontmatter.
func lazyRegexp(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
