package gitrepo

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
)

// Standing is where a revision stands: what its first-parent history depends on,
// apart from what objects hold and from whether they are there. Standings are
// compared by ==.
type Standing struct {
	ID  string // of the commit, or of the tag that leads to it, in hex; a revision by itself
	Cut string // changes with where the history is cut off; "" when it is not; opaque
}

// Standing returns where a revision stands, and false when that cannot be told
// without reading objects: it has steps, an abbreviated id, or no such name. The
// forms, and errors but those of reading objects, are those of [Worktree.Resolve].
func (w *Worktree) Standing(rev string) (s Standing, told bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("find git revision %q: %w", rev, err)
		}
	}()
	name, steps, err := parseRevision(rev)
	if err != nil || len(steps) > 0 {
		return Standing{}, false, err
	}
	if s.ID, err = w.findRevision(name); err != nil || s.ID == "" {
		return Standing{}, false, err
	}
	data, err := readBounded(filepath.Join(w.common, "shallow"), maxShallow)
	switch {
	case err == nil:
		s.Cut = fmt.Sprintf("%x", sha256.Sum256(data))
	case !isAbsent(err):
		return Standing{}, false, err
	}
	return s, true, nil
}
