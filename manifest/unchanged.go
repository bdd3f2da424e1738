package manifest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"os"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// keptTree is a tree that a cache keeps as a whole: all its files are kept, too.
type keptTree struct {
	print rulesPrint
	id    ID // of the tree
	files int
	dirs  []keptDir // in the order of the walk
}

// keptDir is a directory of such a tree. No name came to it or left it for as long as
// its state is the same.
type keptDir struct {
	name  string // link-free, below the root
	state fileState
	rules []keptRules // its ignore files
}

// keptRules is an ignore file as it was read.
type keptRules struct {
	layer IgnoreLayer
	state fileState
	data  []byte
}

// maxKeptDepth is how many directories may lie in each other in a tree that is kept as
// a whole: so many are open at once. Skills have two or three.
const maxKeptDepth = 16

// rulesPrint names all that decides, beside what lies below a root, what a scan makes
// of that.
type rulesPrint [sha256.Size]byte

// print returns the print of the options and of what is built in. Code that decides is
// named by [cacheFormat].
func (o ScanOptions) print() rulesPrint {
	var b []byte
	number := func(n int64) { b = binary.AppendVarint(b, n) }
	text := func(s string) { number(int64(len(s))); b = append(b, s...) }
	for _, s := range []string{cacheFormat, norm.Version, builtinPatterns, string(o.Text)} {
		text(s)
	}
	number(o.MaxFileSize)
	number(int64(len(o.Ignore)))
	for _, pattern := range o.Ignore {
		text(pattern)
	}
	for _, f := range o.Enclosing {
		number(int64(f.Layer))
		text(string(f.Dir))
		text(f.Above)
		text(string(f.Data))
	}
	return sha256.Sum256(b)
}

// unchanged is the scan of a tree that is kept as a whole and did not change: it looks
// at all directories and files that are kept, and lists and reads nothing. It is false
// when anything may be otherwise than it is kept, in any way: then all is to be
// scanned. rules are those of the options.
//
// What it returns is what was there when the look began. A state that something is
// found in is that of then: time of change goes forward only, and what is kept had not
// changed for longer than a tick of the clock. So nothing has to be looked at again
// at the end, as a scan does that gets to know a directory at one moment and the next
// one at another.
func (c *Cache) unchanged(ctx context.Context, root *os.Root, print rulesPrint, rules *Ignore) (Snapshot, bool) {
	if c == nil {
		return Snapshot{}, false
	}
	in, kept, ok := openCache(c.data, c.text)
	if !ok || kept == nil || kept.print != print {
		return Snapshot{}, false
	}
	seen, ok := lookAgain(ctx, root, in, kept.files)
	if !ok {
		return Snapshot{}, false
	}
	tree, err := ownTree(seen.entries)
	if err != nil { // a cache that somebody made up
		return Snapshot{}, false
	}
	tree.id = kept.id
	return Snapshot{Tree: tree, Ignore: rules.With(seen.rules...)}, true
}

// seenAgain is what was found to be as it is kept.
type seenAgain struct {
	entries []Entry
	rules   []IgnoreFile
}

// keepWhole has the cache keep the tree of the scan as a whole, if the states of its
// directories and files tell whether it is the same: nothing is unknown or young,
// nothing comes from behind a link, and it lies in one file system that is known to
// date a directory when a name in it comes or goes.
func (s *scanner) keepWhole(root *os.Root, print rulesPrint, found Snapshot) {
	c := s.opts.Cache
	if c == nil {
		return
	}
	c.tree = nil
	if s.linked || s.leftOver || len(found.Problems) > 0 || len(found.Unknown) > 0 || c.size() != found.Tree.Len() {
		return
	}
	dirs := make([]keptDir, len(s.dirs))
	for i, d := range s.dirs {
		dirs[i] = keptDir{d.name, stateOf(d.info), d.rules}
		young := func(r keptRules) bool { return !c.isSettled(r.state) }
		if !c.isSettled(dirs[i].state) || dirs[i].state.device != dirs[0].state.device ||
			strings.Count(d.name, "/") >= maxKeptDepth || slices.ContainsFunc(d.rules, young) {
			return
		}
	}
	if datesDirs(root) {
		c.tree = &keptTree{print, found.Tree.ID(), found.Tree.Len(), dirs}
	}
}
