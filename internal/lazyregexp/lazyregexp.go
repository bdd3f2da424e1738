// Package lazyregexp has regular expressions that are compiled when they are first
// used: all of the program's together cost each start more than most verbs need of them.
package lazyregexp

import (
	"regexp"
	"sync"
)

// New returns the regular expression that is written in text. The first call of what it
// returns panics where that is none. It is safe for concurrent use.
func New(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
