package gitrepo

import (
	"bytes"
	"path/filepath"

	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// maxIndex is the largest index that is read: of half a million files.
const maxIndex = 64 << 20

// unmergedWords say that files hold the marks of a conflict.
const unmergedWords = "files with conflicts are not merged yet"

// unmergedAnswer is whether the index of a stamp has files that are not
// merged.
type unmergedAnswer struct {
	stamp string
	is    bool
}

// unmerged says whether the index, whose stamp is given, has files that are
// not merged. A merge, a rebase and the like have signs of their own; "stash
// pop", "checkout -m" and "merge --squash" leave only this one. An index that
// cannot be read says nothing: it may be of a form that only git knows, and
// the other signs do not depend on it. It is read once for each stamp.
func (w *Worktree) unmerged(stamp string) string {
	w.looking.Lock()
	defer w.looking.Unlock()
	if stamp == "" {
		return ""
	}
	if w.conflicts.stamp != stamp {
		w.conflicts = unmergedAnswer{stamp, w.hasUnmerged()}
	}
	if w.conflicts.is {
		return unmergedWords
	}
	return ""
}

func (w *Worktree) hasUnmerged() bool {
	data, err := readBounded(filepath.Join(w.gitDir, "index"), maxIndex)
	if err != nil {
		return false
	}
	var idx index.Index
	if err := index.NewDecoder(bytes.NewReader(data)).Decode(&idx); err != nil {
		return false
	}
	for _, e := range idx.Entries {
		if e.Stage != 0 { // go-git's index.Merged is 1, gitformat-index(5) says 0
			return true
		}
	}
	return false
}
