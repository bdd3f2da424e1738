package main

import (
	"regexp"
	"sync"
)

// lazyRegexp is a regular expression that is compiled when it is first used: all
// of the program's together cost each start more than most verbs need of them.
func lazyRegexp(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
