package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing/filemode"

	"assetsync/manifest"
)

// maxHeldTrees is how many directories one search looks into: some seconds.
const maxHeldTrees = 200_000

// Held looks for trees and files, anywhere in the commits of the first-parent
// line that rev names: at most max commits, and 200,000 directories, each once
// whatever commits share it. It returns the newest commit, in hex, that has
// each of those that were found. What is not in the repository is not looked
// into. Errors are those of [Worktree.Resolve].
func (w *Worktree) Held(ctx context.Context, rev string, ids []manifest.ID, max int) (map[manifest.ID]string, error) {
	found := map[manifest.ID]string{}
	err := w.withObjects(func(o *objects) error {
		id, err := w.revision(ctx, o, rev)
		if err != nil {
			return err
		}
		shallow, err := w.shallow()
		if err != nil {
			return err
		}
		s := heldSearch{objects: o, ids: ids, found: found, seen: map[manifest.ID]bool{}}
		for range max {
			c, err := o.commit(id)
			if err != nil {
				return err
			}
			if err := s.look(ctx, c.tree, id.String()); err != nil {
				return err
			}
			if _, cut := shallow[id]; cut || len(c.parents) == 0 || len(found) == len(ids) {
				break
			}
			id = c.parents[0]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for content in git from %q: %w", rev, err)
	}
	return found, nil
}

// heldSearch goes through trees, each once.
type heldSearch struct {
	objects *objects
	ids     []manifest.ID
	found   map[manifest.ID]string
	seen    map[manifest.ID]bool
}

func (s *heldSearch) look(ctx context.Context, tree manifest.ID, commit string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.seen[tree] || len(s.seen) >= maxHeldTrees {
		return nil
	}
	s.seen[tree] = true
	s.note(tree, commit)
	var dirs seenObjects // not kept: none is looked into again
	dir, err := dirs.dir(s.objects, tree)
	if errors.Is(err, ErrObjectMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range dir.entries {
		if e.mode == filemode.Dir {
			if err := s.look(ctx, e.id, commit); err != nil {
				return err
			}
			continue
		}
		s.note(e.id, commit)
	}
	return nil
}

func (s *heldSearch) note(id manifest.ID, commit string) {
	if _, known := s.found[id]; !known && slices.Contains(s.ids, id) {
		s.found[id] = commit
	}
}
