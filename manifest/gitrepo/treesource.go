package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"assetsync/manifest"
)

// maxTree is how large one directory may be as an object, in bytes: a million
// names of 40 bytes.
const maxTree = 64 << 20

// treeSource is a tree of git as a [manifest.Source].
type treeSource struct {
	objects *objects
	root    manifest.ID
	seen    *seenObjects
	files   fileDepth
	forms   *textForms
}

// fileDepth is how far files are looked at.
type fileDepth int

const (
	filesNeeded  fileDepth = iota // all must be in the repository
	filesIfThere                  // one that is not has an id all the same
	filesUnseen                   // all have no more than an id
)

// directory is a tree object.
type directory struct {
	entries []treeEntry
	byName  map[string]treeEntry
}

// treeEntry is one name in a tree, as a file system shows it.
type treeEntry struct {
	name string
	mode filemode.FileMode
	id   manifest.ID
}

// Name implements [fs.DirEntry].
func (e treeEntry) Name() string { return e.name }

// IsDir implements [fs.DirEntry].
func (e treeEntry) IsDir() bool { return e.Type().IsDir() }

// Type implements [fs.DirEntry]. A submodule is a directory, to ignore rules
// and in a checkout.
func (e treeEntry) Type() fs.FileMode {
	switch e.mode {
	case filemode.Dir, filemode.Submodule:
		return fs.ModeDir
	case filemode.Symlink:
		return fs.ModeSymlink
	}
	return 0
}

// Info implements [fs.DirEntry]; there is none.
func (e treeEntry) Info() (fs.FileInfo, error) { return nil, errors.ErrUnsupported }

// Lstat implements [manifest.Source].
func (s *treeSource) Lstat(ctx context.Context, name string) (fs.FileMode, error) {
	e, err := s.lookup(ctx, name)
	return e.Type(), err
}

// ReadDir implements [manifest.Source].
func (s *treeSource) ReadDir(ctx context.Context, name string) ([]fs.DirEntry, error) {
	e, err := s.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	dir, err := s.list(ctx, e)
	if err != nil {
		return nil, err
	}
	entries := make([]fs.DirEntry, len(dir.entries))
	for i, e := range dir.entries {
		entries[i] = e
	}
	return entries, nil
}

// Blob implements [manifest.Source].
func (s *treeSource) Blob(ctx context.Context, name string) (manifest.ID, int64, error) {
	e, err := s.lookup(ctx, name)
	if err != nil {
		return manifest.ID{}, 0, err
	}
	if e.IsDir() {
		return manifest.ID{}, 0, manifest.Fault(manifest.Irregular, "is a directory, not a regular file", "")
	}
	if s.files == filesUnseen {
		return e.id, UnknownSize, nil
	}
	facts, err := s.seen.file(s.objects, e.id)
	switch {
	case err != nil:
		return manifest.ID{}, 0, objectFault(err)
	case facts.missing && s.files == filesIfThere:
		return e.id, UnknownSize, nil
	case facts.missing:
		return manifest.ID{}, 0, objectFault(missing(plumbing.BlobObject, e.id))
	case facts.pointer && e.Type() == 0:
		return manifest.ID{}, 0, manifest.Fault(LFSPointer, "is a Git LFS pointer: its content is not in the repository",
			"publish from the worktree after git lfs pull, keep it out of LFS with git lfs untrack, or leave it out with ignore")
	}
	return e.id, facts.size, nil
}

// LF implements [manifest.Source].
func (s *treeSource) LF(ctx context.Context, name string) (manifest.ID, int64, error) {
	e, err := s.lookup(ctx, name)
	if err != nil {
		return manifest.ID{}, 0, err
	}
	form, err := s.forms.of(s.objects, e.id)
	if err != nil {
		return manifest.ID{}, 0, objectFault(err)
	}
	return form.id, form.size, nil
}

// facts finds out about a file.
func (o *objects) facts(id manifest.ID) (fileFacts, error) {
	found, err := o.find(plumbing.BlobObject, id)
	switch {
	case errors.Is(err, ErrObjectMissing):
		return fileFacts{missing: true}, nil
	case err != nil:
		return fileFacts{}, err
	case found.Size() >= maxLFSPointer:
		return fileFacts{size: found.Size()}, nil
	}
	data, err := o.read(plumbing.BlobObject, id, maxLFSPointer)
	if err != nil {
		return fileFacts{}, err
	}
	return fileFacts{size: int64(len(data)), pointer: isLFSPointer(data)}, nil
}

// ReadFile implements [manifest.Source].
func (s *treeSource) ReadFile(ctx context.Context, name string) ([]byte, error) {
	e, err := s.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	data, err := s.objects.read(plumbing.BlobObject, e.id, lazySize)
	if err != nil {
		return nil, objectFault(err)
	}
	return data, nil
}

// lookup returns what has a name that leads through no link.
func (s *treeSource) lookup(ctx context.Context, name string) (treeEntry, error) {
	at := treeEntry{name: ".", mode: filemode.Dir, id: s.root}
	if name == "." {
		return at, nil
	}
	for segment := range strings.SplitSeq(name, "/") {
		if at.mode != filemode.Dir {
			return treeEntry{}, fmt.Errorf("look up %q: %w", name, fs.ErrNotExist)
		}
		dir, err := s.list(ctx, at)
		if err != nil {
			return treeEntry{}, err
		}
		next, ok := dir.byName[segment]
		if !ok {
			return treeEntry{}, fmt.Errorf("look up %q: %w", name, fs.ErrNotExist)
		}
		at = next
	}
	return at, nil
}

func (s *treeSource) list(ctx context.Context, e treeEntry) (directory, error) {
	if err := ctx.Err(); err != nil {
		return directory{}, err
	}
	switch e.mode {
	case filemode.Dir:
	case filemode.Submodule:
		return directory{}, manifest.Fault(Submodule, "is a submodule, whose files are not in this commit",
			"publish it from its own repository, or leave it out with ignore")
	default:
		return directory{}, errors.New("not a directory")
	}
	dir, err := s.seen.dir(s.objects, e.id)
	if err != nil {
		return directory{}, objectFault(err)
	}
	return dir, nil
}

// parseTree reads a tree object. Names that no file can have, and one name
// twice, are what git fsck calls errors; nothing is published of such a tree.
func parseTree(data []byte) (directory, error) {
	encoded := &plumbing.MemoryObject{}
	encoded.SetType(plumbing.TreeObject)
	if _, err := encoded.Write(data); err != nil {
		return directory{}, err
	}
	var tree object.Tree
	if err := tree.Decode(encoded); err != nil {
		return directory{}, err
	}
	dir := directory{byName: make(map[string]treeEntry, len(tree.Entries))}
	for _, t := range tree.Entries {
		if t.Name == "." || t.Name == ".." || path.Base(t.Name) != t.Name {
			return directory{}, fmt.Errorf("it holds the name %q", t.Name)
		}
		if _, ok := dir.byName[t.Name]; ok {
			return directory{}, fmt.Errorf("it holds the name %q twice", t.Name)
		}
		e := treeEntry{t.Name, t.Mode, manifest.ID(t.Hash)}
		dir.byName[t.Name] = e
		dir.entries = append(dir.entries, e)
	}
	return dir, nil
}

// objectFault makes of an error what a problem says.
func objectFault(err error) error {
	hint := "look what is damaged: git fsck"
	if errors.Is(err, ErrObjectMissing) {
		hint = missingHint
	}
	return manifest.Fault(manifest.Unreadable, err.Error(), hint)
}

// maxLFSPointer is from how many bytes on a file is no pointer: the limit of
// Git LFS itself (docs/spec.md).
const maxLFSPointer = 1024

// isLFSPointer reports whether content is a pointer file, by its first line,
// whatever the attributes of the file say. The older addresses are those that
// Git LFS still reads.
func isLFSPointer(content []byte) bool {
	line, _, _ := bytes.Cut(content, []byte("\n"))
	switch string(bytes.TrimRight(line, "\r")) {
	case "version https://git-lfs.github.com/spec/v1", "version https://hawser.github.com/spec/v1", "version http://git-media.io/v/2":
		return len(content) < maxLFSPointer
	}
	return false
}
