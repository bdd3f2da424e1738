package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"assetsync/manifest"
)

// maxFSFile bounds a file that is read whole through a file system, in bytes:
// ten times what a version of an asset may have.
const maxFSFile = 64 << 20

// FS returns the tree of the commit that rev names as a file system whose root
// is the top directory, with the commit's id in hex. It is safe for concurrent
// use, can be used as long as the worktree, and is not ended by ctx. It is an
// [fs.ReadDirFS], [fs.ReadFileFS], [fs.StatFS] and [fs.ReadLinkFS]:
//
//   - Bytes are those of the repository, so a pointer of Git LFS is a file with
//     a pointer in it. A file has at most 64 MiB.
//   - Symbolic links are followed as a checkout would follow them, by at most
//     40 for one name. One that leads out of the top directory, or is absolute,
//     is an error, as [os.Root] has it.
//   - A submodule is an empty directory, see [IsSubmodule].
//   - Files are 0644 or 0755, directories 0755; all have the committer time.
//
// Errors are those of [Worktree.Resolve]; errors of the file system are an
// *[fs.PathError], around [ErrObjectMissing] when the repository is a partial
// clone.
func (w *Worktree) FS(ctx context.Context, rev string) (fs.FS, string, error) {
	f := &commitFS{worktree: w}
	var id manifest.ID
	err := w.withObjects(func(o *objects) (err error) {
		if id, err = w.revision(ctx, o, rev); err != nil {
			return err
		}
		c, err := o.commit(id)
		f.root, f.at = c.tree, c.at()
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("open git revision %q: %w", rev, err)
	}
	return f, id.String(), nil
}

// commitFS is the tree of a commit as a file system.
type commitFS struct {
	worktree *Worktree
	root     manifest.ID
	at       time.Time
	paths    treePaths // used only while the worktree's objects are held
}

// Open implements [fs.FS].
func (f *commitFS) Open(name string) (fs.File, error) {
	e, err := f.lookup("open", name, true)
	if err != nil {
		return nil, err
	}
	if e.IsDir() {
		return &openDir{info: e, list: func() ([]fs.DirEntry, error) { return f.ReadDir(name) }}, nil
	}
	return &openFile{info: e, read: func() ([]byte, error) { return f.read(name, e) }}, nil
}

// Stat implements [fs.StatFS].
func (f *commitFS) Stat(name string) (fs.FileInfo, error) { return f.info("stat", name, true) }

// Lstat implements [fs.ReadLinkFS].
func (f *commitFS) Lstat(name string) (fs.FileInfo, error) { return f.info("lstat", name, false) }

func (f *commitFS) info(op, name string, follow bool) (fs.FileInfo, error) {
	e, err := f.lookup(op, name, follow)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// ReadFile implements [fs.ReadFileFS].
func (f *commitFS) ReadFile(name string) ([]byte, error) {
	e, err := f.lookup("open", name, true)
	if err != nil {
		return nil, err
	}
	return f.read(name, e)
}

// ReadLink implements [fs.ReadLinkFS].
func (f *commitFS) ReadLink(name string) (string, error) {
	e, err := f.lookup("readlink", name, false)
	if err != nil {
		return "", err
	}
	if e.mode != filemode.Symlink {
		return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrInvalid}
	}
	data, err := f.read(name, e)
	return string(data), err
}

// ReadDir implements [fs.ReadDirFS].
func (f *commitFS) ReadDir(name string) ([]fs.DirEntry, error) {
	dir, err := f.lookup("open", name, true)
	if err != nil {
		return nil, err
	}
	var entries []fs.DirEntry
	switch dir.mode {
	case filemode.Submodule:
	case filemode.Dir:
		if entries, err = f.list(dir.id); err != nil {
			return nil, &fs.PathError{Op: "readdir", Path: name, Err: err}
		}
	default:
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: errNoDirectory}
	}
	return entries, nil
}

// list returns the entries of a directory by name, which is not git's order,
// and remembers them, since they are what is asked for next.
func (f *commitFS) list(id manifest.ID) (entries []fs.DirEntry, err error) {
	err = f.worktree.withObjects(func(o *objects) error {
		data, err := o.read(plumbing.TreeObject, id, maxTree)
		if err != nil {
			return err
		}
		dir, err := parseTree(data)
		if err != nil {
			return fmt.Errorf("tree %s: %w", id, err)
		}
		for i, e := range dir.entries {
			entries = append(entries, lazyEntry{e, f})
			if i < maxRemembered {
				f.paths.remember(nameIn{id, e.name}, e)
			}
		}
		return nil
	})
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

// lookup finds what has a name, which the result keeps when links are followed.
func (f *commitFS) lookup(op, name string, follow bool) (info fileInfo, err error) {
	if !fs.ValidPath(name) {
		return fileInfo{}, &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	err = f.worktree.withObjects(func(o *objects) error {
		e, err := f.paths.resolve(context.Background(), o, f.root, name, follow)
		if err != nil {
			return err
		}
		e.name = path.Base(name)
		info, err = f.describe(o, e)
		return err
	})
	if err != nil {
		return fileInfo{}, &fs.PathError{Op: op, Path: name, Err: err}
	}
	return info, nil
}

// describe finds the size of a file or link.
func (f *commitFS) describe(o *objects, e treeEntry) (fileInfo, error) {
	info := fileInfo{treeEntry: e, at: f.at}
	if e.IsDir() {
		return info, nil
	}
	found, err := o.find(plumbing.BlobObject, e.id)
	if err != nil {
		return fileInfo{}, err
	}
	info.size = found.Size()
	return info, nil
}

// read returns the content of a file or link.
func (f *commitFS) read(name string, e fileInfo) (data []byte, err error) {
	if e.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: errIsDirectory}
	}
	err = f.worktree.withObjects(func(o *objects) (err error) {
		data, err = o.read(plumbing.BlobObject, e.id, maxFSFile)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: name, Err: err}
	}
	return data, nil
}

var errIsDirectory = errors.New("is a directory")

// fileInfo describes a file of a commit.
type fileInfo struct {
	treeEntry
	size int64
	at   time.Time
}

// Size implements [fs.FileInfo].
func (i fileInfo) Size() int64 { return i.size }

// Mode implements [fs.FileInfo].
func (i fileInfo) Mode() fs.FileMode {
	switch {
	case i.Type() == fs.ModeSymlink:
		return fs.ModeSymlink | 0o777
	case i.IsDir():
		return fs.ModeDir | 0o755
	case i.mode == filemode.Executable:
		return 0o755
	}
	return 0o644
}

// ModTime implements [fs.FileInfo].
func (i fileInfo) ModTime() time.Time { return i.at }

// Sys implements [fs.FileInfo]: it is the mode that git has.
func (i fileInfo) Sys() any { return i.mode }

// IsSubmodule reports whether what a file system of [Worktree.FS] describes is
// a directory whose files are in a commit of another repository.
func IsSubmodule(info fs.FileInfo) bool { return info.Sys() == filemode.Submodule }

// lazyEntry is an entry of a directory whose size is not known yet.
type lazyEntry struct {
	treeEntry
	fs *commitFS
}

// Info implements [fs.DirEntry].
func (e lazyEntry) Info() (info fs.FileInfo, err error) {
	err = e.fs.worktree.withObjects(func(o *objects) error {
		info, err = e.fs.describe(o, e.treeEntry)
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "lstat", Path: e.name, Err: err}
	}
	return info, nil
}
