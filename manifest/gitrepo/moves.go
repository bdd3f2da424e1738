package gitrepo

import (
	"context"
	"errors"
	"path"

	"github.com/go-git/go-git/v5/plumbing/filemode"

	"assetsync/manifest"
)

// maxMoveTrees is how many directories one line looks into for where something
// came from, all its moves together: a second or so.
const maxMoveTrees = 20_000

// moves finds where what appeared at a path in a commit lay in its parent, by
// what git says of both trees:
//
//   - A directory or file with the same id, moved or copied: one that is gone
//     in the commit before one that stays, then one of the same name, then the
//     first in order of path. A file that stays under another name counts for
//     nothing: small files are alike by chance.
//   - Else a directory that is gone in the commit and of whose entries, or of
//     those of the new one if there are more, at least half are the same under
//     the same names: it was changed while it was moved.
//
// Links are not followed, and what is not in the repository is not looked into.
type moves struct {
	objects *objects
	seen    seenObjects
	left    int  // directories that may yet be looked into
	missing bool // something that would have been looked into is not in the repository
}

// origin is a place in the parent.
type origin struct {
	path  string
	entry treeEntry
	rank  int // from 1, the least likely, to surest
}

const surest = 6

// find returns where e, which is at a path in the tree after and not in the
// tree before, came from; false when nothing tells.
func (m *moves) find(ctx context.Context, e treeEntry, at string, before, after manifest.ID) (origin, bool, error) {
	s := &moveSearch{moves: m, ctx: ctx, want: e, at: at}
	if e.mode == filemode.Dir {
		dir, err := m.seen.dir(m.objects, e.id)
		if err != nil {
			return origin{}, false, err
		}
		s.dir = dir
	}
	root := treeEntry{name: ".", mode: filemode.Dir, id: before}
	if err := s.look(root, ".", after, true); err != nil {
		return origin{}, false, err
	}
	m.seen.trim()
	return s.best, s.best.rank > 0, nil
}

// moveSearch is one search.
type moveSearch struct {
	*moves
	ctx  context.Context // of this search
	want treeEntry
	dir  directory // of want
	at   string
	best origin
}

// look goes through a directory of the parent; now is what the commit has at
// its path, if it is there.
func (s *moveSearch) look(e treeEntry, at string, now manifest.ID, there bool) error {
	if err := s.ctx.Err(); err != nil {
		return err
	}
	if s.left--; s.left < 0 || s.best.rank == surest {
		return nil
	}
	dir, err := s.seen.dir(s.objects, e.id)
	if errors.Is(err, ErrObjectMissing) {
		s.missing = true
		return nil
	}
	if err != nil {
		return err
	}
	s.consider(e, at, there, dir)
	var then directory
	if there {
		if then, err = s.seen.dir(s.objects, now); errors.Is(err, ErrObjectMissing) {
			s.missing = true
		} else if err != nil {
			return err
		}
	}
	for _, child := range dir.entries {
		name := path.Join(at, child.name)
		same, there := then.byName[child.name]
		there = there && same.IsDir() == child.IsDir()
		switch {
		case child.mode != filemode.Dir:
			s.consider(child, name, there, directory{})
		default:
			if err := s.look(child, name, same.id, there && same.mode == filemode.Dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// consider ranks one place.
func (s *moveSearch) consider(e treeEntry, at string, there bool, dir directory) {
	isDir := s.want.mode == filemode.Dir
	if isDir != (e.mode == filemode.Dir) || e.mode == filemode.Symlink || e.mode == filemode.Submodule {
		return
	}
	rank := 0
	named := path.Base(at) == path.Base(s.at)
	switch {
	case e.id == s.want.id && !there:
		rank = surest - 1
	case e.id == s.want.id && (isDir || named):
		rank = surest - 3
	case isDir && !there && halfAlike(dir, s.dir):
		rank = surest - 5
	default:
		return
	}
	if named {
		rank++
	}
	if rank > s.best.rank {
		s.best = origin{at, e, rank}
	}
}

// halfAlike reports whether at least half of the entries of the larger
// directory are in the other under the same name.
func halfAlike(a, b directory) bool {
	alike := 0
	for _, e := range a.entries {
		if b.byName[e.name] == e {
			alike++
		}
	}
	return alike > 0 && 2*alike >= max(len(a.entries), len(b.entries))
}
