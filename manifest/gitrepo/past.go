package gitrepo

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"assetsync/manifest"
)

// UnknownSize is the size of an entry whose file is not in the repository.
const UnknownSize = -1

// Past reads many commits of a worktree, one after the other, to compare them.
// It remembers trees and files, so that a commit costs what differs from those
// before it. It is safe for concurrent use.
type Past struct {
	worktree *Worktree
	files    fileDepth
	mu       sync.Mutex
	seen     seenObjects // used only while the worktree's objects are held
}

// Past returns a reader of the worktree's history.
func (w *Worktree) Past() *Past { return &Past{worktree: w, files: filesIfThere} }

// PastIDs returns a reader that looks at no file but ignore files and links: of
// all others it tells the ids that the trees have. Every size is [UnknownSize],
// and nothing is too large or a pointer of Git LFS. With [manifest.TextLF] files
// are read, for the ids of their form.
func (w *Worktree) PastIDs() *Past { return &Past{worktree: w, files: filesUnseen} }

// Commit reads the tree of a commit below dir, as [Worktree.Commit] does,
// except that a file which is not in the repository, as in a partial clone
// without old files, is an entry with its id and [UnknownSize]. Such a snapshot
// is for comparing ids: there is nothing to publish of it, and an entry of
// unknown size may be too large, or a pointer of Git LFS. What decides which
// files there are must be in the repository all the same: an ignore file or a
// symbolic link that is missing makes its part unknown, and so does a tree.
func (p *Past) Commit(ctx context.Context, rev, dir string, opts manifest.ScanOptions) (manifest.Snapshot, error) {
	return p.scan(ctx, rev, dir, func(src manifest.Source, name string) (manifest.Snapshot, error) {
		return manifest.ScanSource(ctx, src, name, opts)
	})
}

// CommitFile reads one file of a commit, as [Worktree.CommitFile] does, with
// the exception of Commit.
func (p *Past) CommitFile(ctx context.Context, rev, file string, as manifest.Path, opts manifest.ScanOptions) (manifest.Snapshot, error) {
	return p.scan(ctx, rev, file, func(src manifest.Source, name string) (manifest.Snapshot, error) {
		return manifest.ScanSourceFile(ctx, src, name, as, opts)
	})
}

func (p *Past) scan(ctx context.Context, rev, name string, scan scanOf) (snap manifest.Snapshot, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen.trim()
	_, snap, err = p.worktree.scan(ctx, rev, name, &p.seen, p.files, scan)
	return snap, err
}

// maxSeen bounds the names and files that are remembered, to some tens of
// megabytes.
const maxSeen = 1 << 17

// seenObjects are the trees and files that were looked at.
type seenObjects struct {
	dirs  map[manifest.ID]directory
	names int // in all of dirs
	files map[manifest.ID]fileFacts
}

// fileFacts is what a scan has to know of a file.
type fileFacts struct {
	size    int64
	missing bool // from the repository
	pointer bool // of Git LFS
}

// trim forgets all when it has become much.
func (s *seenObjects) trim() {
	if s.names+len(s.files) > maxSeen {
		*s = seenObjects{}
	}
}

func (s *seenObjects) dir(o *objects, id manifest.ID) (directory, error) {
	if dir, ok := s.dirs[id]; ok {
		return dir, nil
	}
	data, err := o.read(plumbing.TreeObject, id, maxTree)
	if err != nil {
		return directory{}, err
	}
	dir, err := parseTree(data)
	if err != nil {
		return directory{}, fmt.Errorf("tree %s: %w", id, err)
	}
	if s.dirs == nil {
		s.dirs = map[manifest.ID]directory{}
	}
	s.dirs[id] = dir
	s.names += len(dir.entries)
	return dir, nil
}

// file finds out about a file. That it is missing is an answer.
func (s *seenObjects) file(o *objects, id manifest.ID) (fileFacts, error) {
	if facts, ok := s.files[id]; ok {
		return facts, nil
	}
	facts, err := o.facts(id)
	if err != nil {
		return fileFacts{}, err
	}
	if s.files == nil {
		s.files = map[manifest.ID]fileFacts{}
	}
	s.files[id] = facts
	return facts, nil
}
