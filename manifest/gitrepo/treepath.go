package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"assetsync/manifest"
)

const (
	// maxPathLinks is how many symbolic links one path may lead through, as on
	// Linux (MAXSYMLINKS in path_resolution(7)) and in a scan.
	maxPathLinks = 40
	// maxLinkTarget bounds where a link leads, in bytes: PATH_MAX on Linux.
	maxLinkTarget = 4096
	// maxRemembered bounds the names that are remembered, to some megabytes.
	maxRemembered = 1 << 14
)

var (
	errPathEscapes = errors.New("path escapes from parent") // as os.Root says it
	errCircle      = errors.New("too many links")
	errNoDirectory = errors.New("not a directory")
)

// isNowhere reports whether an error of resolve says that a path leads to
// nothing in the tree, rather than that the tree cannot be read.
func isNowhere(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errPathEscapes) || errors.Is(err, errCircle) || errors.Is(err, errNoDirectory)
}

// treePaths finds what lies at paths of trees. It remembers what it has seen,
// so a path is cheap in a tree that is much like the one before. It is not
// safe for concurrent use.
type treePaths struct {
	names map[nameIn]treeEntry // without a name: not there
	links map[manifest.ID]string
}

type nameIn struct {
	tree manifest.ID
	name string
}

// resolve returns what a slash-separated path leads to in a tree. Symbolic
// links on the way are followed as a checkout would follow them, a link at the
// end when follow is set. A submodule is a directory without files.
func (p *treePaths) resolve(ctx context.Context, o *objects, tree manifest.ID, name string, follow bool) (treeEntry, error) {
	way := []treeEntry{{name: ".", mode: filemode.Dir, id: tree}} // from the root to where we are
	todo, links := strings.Split(name, "/"), 0
	for len(todo) > 0 {
		if err := ctx.Err(); err != nil {
			return treeEntry{}, err
		}
		segment := todo[0]
		todo = todo[1:]
		at := way[len(way)-1]
		switch {
		case !at.IsDir():
			return treeEntry{}, errNoDirectory
		case segment == "" || segment == ".":
			continue
		case segment == ".." && len(way) == 1:
			return treeEntry{}, errPathEscapes
		case segment == "..":
			way = way[:len(way)-1]
			continue
		}
		e, err := p.entry(o, at, segment)
		if err != nil {
			return treeEntry{}, err
		}
		if e.mode != filemode.Symlink || !follow && len(todo) == 0 {
			way = append(way, e)
			continue
		}
		if links++; links > maxPathLinks {
			return treeEntry{}, errCircle
		}
		target, err := p.readlink(o, e.id)
		if err != nil {
			return treeEntry{}, err
		}
		if strings.HasPrefix(target, "/") {
			return treeEntry{}, errPathEscapes
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return way[len(way)-1], nil
}

// entry returns what has a name in a directory.
func (p *treePaths) entry(o *objects, dir treeEntry, name string) (treeEntry, error) {
	if dir.mode == filemode.Submodule {
		return treeEntry{}, fs.ErrNotExist
	}
	key := nameIn{dir.id, name}
	e, known := p.names[key]
	if !known {
		data, err := o.read(plumbing.TreeObject, dir.id, maxTree)
		if err != nil {
			return treeEntry{}, err
		}
		if e, err = entryOf(data, name); err != nil {
			return treeEntry{}, fmt.Errorf("tree %s: %w", dir.id, err)
		}
		p.remember(key, e)
	}
	if e.name == "" {
		return treeEntry{}, fs.ErrNotExist
	}
	return e, nil
}

func (p *treePaths) remember(key nameIn, e treeEntry) {
	if p.names == nil || len(p.names) >= maxRemembered {
		p.names = map[nameIn]treeEntry{}
	}
	p.names[key] = e
}

func (p *treePaths) readlink(o *objects, id manifest.ID) (string, error) {
	target, known := p.links[id]
	if known {
		return target, nil
	}
	data, err := o.read(plumbing.BlobObject, id, maxLinkTarget)
	if err != nil {
		return "", err
	}
	if p.links == nil || len(p.links) >= maxRemembered/maxPathLinks {
		p.links = map[manifest.ID]string{}
	}
	p.links[id] = string(data)
	return string(data), nil
}

// entryOf returns the entry of a name in a tree object, without a name when
// there is none. Nothing else is made of the tree, which may be large. It is
// the first that counts, as to git, when a damaged tree has several.
func entryOf(tree []byte, name string) (treeEntry, error) {
	for len(tree) > 0 {
		end := bytes.IndexByte(tree, 0) + 1
		_, entry, ok := bytes.Cut(tree[:end], []byte(" "))
		if end += len(manifest.ID{}); !ok || end > len(tree) {
			return treeEntry{}, errors.New("it is malformed")
		}
		if string(entry[:len(entry)-1]) == name {
			dir, err := parseTree(tree[:end])
			return dir.byName[name], err
		}
		tree = tree[end:]
	}
	return treeEntry{}, nil
}
