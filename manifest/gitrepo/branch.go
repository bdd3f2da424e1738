package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"assetsync/manifest"
)

// ErrShallow says that a question cannot be answered because the history of
// the repository is cut off.
var ErrShallow = errors.New("the history is cut off here (a shallow clone)")

func errShallow() error {
	return &hintedError{ErrShallow, "fetch all of it: git fetch --unshallow; in a CI checkout fetch-depth: 0"}
}

// OnBranch reports whether the worktree, in a state, is on a branch or on its
// history: HEAD is that branch, or HEAD's commit is the tip, or an ancestor of
// the tip, of the branch or of a branch of that name of any remote. It reads
// commits only when none of the tips is HEAD's commit, and remembers the last
// answer.
//
// It fails with [ErrNoRevision] when the branch is not known at all,
// [ErrShallow] when the history that is there does not tell, and
// [ErrObjectMissing].
func (w *Worktree) OnBranch(ctx context.Context, s State, branch string) (bool, error) {
	if branch != "" && s.Branch == branch {
		return true, nil
	}
	on, err := w.onHistory(ctx, s.Head, branch)
	if err != nil {
		return false, fmt.Errorf("look for HEAD on the history of branch %q: %w", branch, err)
	}
	return on, nil
}

// IsAncestor reports whether a commit is an ancestor of another one, or that
// commit itself. Both are ids in hex. Like [Worktree.OnBranch] it remembers the
// last answer, and fails with [ErrShallow] and [ErrObjectMissing].
func (w *Worktree) IsAncestor(ctx context.Context, commit, of string) (bool, error) {
	ids, err := parseIDs([]string{commit, of})
	is := err == nil && ids[0] == ids[1]
	if err == nil && !is {
		err = w.withObjects(func(o *objects) (err error) {
			is, err = w.isAncestor(ctx, o, ids[0], ids[1:])
			return err
		})
	}
	if err != nil {
		return false, fmt.Errorf("look for commit %s among the ancestors of %s: %w", commit, of, err)
	}
	return is, nil
}

func (w *Worktree) onHistory(ctx context.Context, head, branch string) (bool, error) {
	tips, err := w.tips(branch)
	if err != nil {
		return false, err
	}
	if len(tips) == 0 {
		return false, w.explain(&hintedError{
			fmt.Errorf("%w: neither %s%s nor %s*/%s is there", ErrNoRevision, branchPrefix, branch, remotePrefix, branch),
			"correct the name, or fetch the branch: git fetch origin " + branch,
		})
	}
	if head == "" || slices.Contains(tips, head) {
		return head != "", nil
	}
	ids, err := parseIDs(append([]string{head}, tips...))
	if err != nil {
		return false, err
	}
	var on bool
	err = w.withObjects(func(o *objects) error {
		on, err = w.isAncestor(ctx, o, ids[0], ids[1:])
		return err
	})
	return on, err
}

func parseIDs(hex []string) ([]manifest.ID, error) {
	ids := make([]manifest.ID, len(hex))
	for i, h := range hex {
		var err error
		if ids[i], err = parseObjectID(h); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func parseObjectID(hex string) (manifest.ID, error) {
	if len(hex) == 64 {
		return manifest.ID{}, ErrObjectFormat
	}
	return manifest.ParseID(hex)
}

// ancestryAnswer is the last answer to whether a commit is an ancestor of
// any of some others.
type ancestryAnswer struct {
	head manifest.ID
	tips []manifest.ID
	is   bool
}

func (w *Worktree) isAncestor(ctx context.Context, o *objects, head manifest.ID, tips []manifest.ID) (bool, error) {
	if w.ancestry.head == head && slices.Equal(w.ancestry.tips, tips) {
		return w.ancestry.is, nil
	}
	shallow, err := w.shallow()
	if err != nil {
		return false, err
	}
	walk := ancestryWalk{objects: o, head: head, shallow: shallow, seen: map[manifest.ID]*seenCommit{}}
	is, err := walk.run(ctx, tips)
	if err != nil {
		return false, err
	}
	w.ancestry = ancestryAnswer{head, tips, is}
	return is, nil
}

// shallow returns the commits whose parents are cut off.
func (w *Worktree) shallow() (map[manifest.ID]struct{}, error) {
	file := filepath.Join(w.common, "shallow")
	data, err := readBounded(file, maxShallow)
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cut := map[manifest.ID]struct{}{}
	for line := range strings.FieldsSeq(string(data)) {
		id, err := parseObjectID(line)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
		cut[id] = struct{}{}
	}
	return cut, nil
}

// IsShallow reports whether the history is cut off, as in a clone with a depth.
func (w *Worktree) IsShallow() (bool, error) {
	cut, err := w.shallow()
	if err != nil {
		return false, fmt.Errorf("look at git worktree %s: %w", w.top, err)
	}
	return len(cut) > 0, nil
}
