package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// State is what a worktree is doing at one moment. States are compared by ==.
type State struct {
	Operation string // what is in the way, in words that complete "waiting: ": "a rebase is in progress"; "" for nothing
	Branch    string // short name of the checked-out branch; "" when HEAD is detached
	Head      string // commit id in hex; "" on a branch without commits
	Index     string // changes whenever git rewrites the index; "" when there is none; opaque
}

// State looks at the worktree: a few stats and small reads. The parts are read
// one after the other while git may be at work; whoever acts on a state takes
// it again afterwards, and acts only on one that has not changed.
//
// It fails with [ErrReftable], and on files that are not what git writes.
func (w *Worktree) State() (State, error) {
	s, err := w.state()
	if err != nil {
		return State{}, fmt.Errorf("look at git worktree %s: %w", w.top, err)
	}
	return s, nil
}

func (w *Worktree) state() (s State, err error) {
	if s.Operation, err = w.operation(); err != nil {
		return State{}, err
	}
	info, err := os.Lstat(filepath.Join(w.gitDir, "index"))
	switch {
	case err == nil:
		s.Index = stamp(info)
	case !errors.Is(err, fs.ErrNotExist):
		return State{}, err
	}
	if s.Operation == "" {
		s.Operation = w.unmerged(s.Index)
	}
	name, id, err := w.resolveRef(plumbing.HEAD.String())
	if err != nil {
		return State{}, err
	}
	s.Head = id
	s.Branch, _ = strings.CutPrefix(name, branchPrefix)
	if name == s.Branch { // not a branch
		s.Branch = ""
	}
	return s, nil
}

// operation says what is in progress. The files are those that git's own
// status looks at (wt-status.c), and [rebasedPatches]. An operation may hold
// others within it, as a rebase holds a cherry-pick and any of them the lock of
// the index, so the largest comes first.
func (w *Worktree) operation() (string, error) {
	for _, sign := range [...]struct{ name, words string }{
		{"rebase-merge", "a rebase is in progress"},
		{"rebase-apply/applying", "git am is in progress"},
		{"rebase-apply", "a rebase is in progress"},
		{"MERGE_HEAD", "a merge is in progress"},
		{"CHERRY_PICK_HEAD", "a cherry-pick is in progress"},
		{"REVERT_HEAD", "a revert is in progress"},
		{"sequencer", "a cherry-pick or revert of several commits is in progress"},
		{"BISECT_LOG", "a bisect is in progress"},
		{"index.lock", "a git command holds index.lock"},
		{"HEAD.lock", "a git command holds HEAD.lock"},
	} {
		_, err := os.Lstat(filepath.Join(w.gitDir, filepath.FromSlash(sign.name)))
		if err == nil {
			return sign.words, nil
		}
		if !isAbsent(err) {
			return "", err
		}
	}
	return w.betweenRebase()
}

// rebasedPatches is where git rebase --apply collects the patches: after it
// checked out the new base, before it makes rebase-apply (builtin/rebase.c).
const rebasedPatches = "rebased-patches"

// betweenRebase says that a rebase is in progress that has no directory yet.
// One that was killed leaves the file behind, which no git looks at: it says
// something until the index is written again, and nothing after that.
func (w *Worktree) betweenRebase() (string, error) {
	patches, err := os.Lstat(filepath.Join(w.gitDir, rebasedPatches))
	if isAbsent(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	index, err := os.Lstat(filepath.Join(w.gitDir, "index"))
	switch {
	case isAbsent(err), err == nil && !patches.ModTime().Before(index.ModTime()):
		return "a rebase is in progress", nil
	case err != nil:
		return "", err
	}
	return "", nil
}
