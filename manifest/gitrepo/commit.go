package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"assetsync/manifest"
)

// The kinds of problems that only a commit has.
const (
	// LFSPointer is a file whose content is kept elsewhere by Git LFS.
	LFSPointer manifest.ProblemKind = "lfs-pointer"
	// Submodule is a directory that is a commit of another repository.
	Submodule manifest.ProblemKind = "submodule"
)

// Commit is the tree of a commit below one directory, in published form. It is
// safe for concurrent use, and can be used as long as its worktree.
type Commit struct {
	worktree *Worktree
	id       manifest.ID
	snapshot manifest.Snapshot
}

// Commit reads the tree of a commit below dir, an absolute path inside the
// top directory that need not be there in the worktree. What it finds is what
// [manifest.Scan] finds in a clean checkout without any smudging, and:
//
//   - The enclosing ignore files are those of the commit, whatever the options
//     say.
//   - A file that is a pointer of Git LFS is a [LFSPointer] problem.
//   - A submodule that is not ignored is a [Submodule] problem.
//   - What is not in the repository, as in a partial clone, is Unreadable.
//
// Ids come from git's trees: only ignore files, links and files of less than
// 1 KiB, which may be pointers, are read. With [manifest.TextLF] every file is
// read, once for as long as the worktree is used, and has the id of its form.
//
// The revision rev is as for [Worktree.Resolve], whose errors are those of
// Commit, beside one that wraps fs.ErrNotExist when the commit has no dir.
func (w *Worktree) Commit(ctx context.Context, rev, dir string, opts manifest.ScanOptions) (*Commit, error) {
	return w.read(ctx, rev, dir, func(src manifest.Source, name string) (manifest.Snapshot, error) {
		return manifest.ScanSource(ctx, src, name, opts)
	})
}

// CommitFile reads one file of a commit, which is published under the path as:
// what [manifest.ScanFile] finds in a checkout. All else is as for Commit.
func (w *Worktree) CommitFile(ctx context.Context, rev, file string, as manifest.Path, opts manifest.ScanOptions) (*Commit, error) {
	return w.read(ctx, rev, file, func(src manifest.Source, name string) (manifest.Snapshot, error) {
		return manifest.ScanSourceFile(ctx, src, name, as, opts)
	})
}

func (w *Worktree) read(ctx context.Context, rev, name string, scan scanOf) (*Commit, error) {
	id, snap, err := w.scan(ctx, rev, name, &seenObjects{}, filesNeeded, scan)
	if err != nil {
		return nil, err
	}
	return &Commit{w, id, snap}, nil
}

// scanOf makes a snapshot of what a tree holds at a slash-separated path.
type scanOf func(src manifest.Source, name string) (manifest.Snapshot, error)

// scan returns the commit that rev names and what scan makes of it.
func (w *Worktree) scan(ctx context.Context, rev, name string, seen *seenObjects, files fileDepth, scan scanOf) (id manifest.ID, snap manifest.Snapshot, err error) {
	inside, err := w.Inside(name)
	if err != nil {
		return id, snap, fmt.Errorf("read %q of git revision %q: %w", name, rev, err)
	}
	err = w.withObjects(func(o *objects) error {
		if id, err = w.revision(ctx, o, rev); err != nil {
			return err
		}
		header, err := o.commit(id)
		if err != nil {
			return err
		}
		snap, err = scan(&treeSource{o, header.tree, seen, files, &w.forms}, inside)
		return err
	})
	if err != nil {
		return id, snap, fmt.Errorf("read %q of git revision %q: %w", inside, rev, err)
	}
	return id, snap, nil
}

// Inside returns the slash-separated path from the top directory to name, an
// absolute path that need not be there; "." for the top itself. Both may be
// named through links that the other is not named through. It fails when name
// is not inside.
func (w *Worktree) Inside(name string) (string, error) {
	rel, err := filepath.Rel(w.top, name)
	if err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel), nil
	}
	top, err := filepath.EvalSymlinks(w.top)
	if err != nil {
		return "", err
	}
	// What is to be read may be a link that the commit has, or be gone.
	parent, err := filepath.EvalSymlinks(filepath.Dir(name))
	if err == nil {
		rel, err = filepath.Rel(top, filepath.Join(parent, filepath.Base(name)))
	}
	if err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("it is not inside %s", w.top)
	}
	return filepath.ToSlash(rel), nil
}

// ID returns the id of the commit, in hex.
func (c *Commit) ID() string { return c.id.String() }

// Snapshot returns what the commit holds.
func (c *Commit) Snapshot() manifest.Snapshot { return c.snapshot }

// Read returns the bytes of an entry of the snapshot, which are those that
// its id names. It fails with [ErrObjectMissing] when they are not in the
// repository.
func (c *Commit) Read(e manifest.Entry) ([]byte, error) {
	var data []byte
	err := c.worktree.withObjects(func(o *objects) (err error) {
		data, err = c.worktree.forms.read(o, e)
		return err
	})
	if err == nil && int64(len(data)) != e.Size {
		err = errors.New("its size is another")
	}
	if err != nil {
		return nil, fmt.Errorf("read %q of commit %s: %w", e.Path, c.id, err)
	}
	return data, nil
}
