package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"assetsync/manifest"
)

// lockFile is locked while a ref is replaced.
const lockFile = "assetsync.lock"

// commit is a commit that is to be written, or the id of one that is there.
type commit struct {
	id      manifest.ID
	tree    manifest.ID
	parent  plumbing.Hash
	at      time.Time
	message string
}

// writeBundle writes the blobs and trees of a bundle. They are on disk once
// the disk was flushed.
func (h *History) writeBundle(ctx context.Context, b manifest.Bundle) error {
	entries := slices.Collect(b.Tree().All())
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, ok := b.Blob(e.ID)
		if !ok {
			return fmt.Errorf("the bundle lacks the content of %s", e.Path)
		}
		if err := h.write(plumbing.BlobObject, e.ID, func(o plumbing.EncodedObject) error { return fill(o, data) }); err != nil {
			return fmt.Errorf("write %s: %w", e.Path, err)
		}
	}
	id, err := h.writeTree(entries, 0)
	if err == nil && id != b.Tree().ID() {
		err = fmt.Errorf("write tree: git names it %s, not %s", id, b.Tree().ID())
	}
	return err
}

// writeTree writes the directory that all entries share up to byte prefix of
// their paths.
func (h *History) writeTree(entries []manifest.Entry, prefix int) (manifest.ID, error) {
	var t object.Tree
	for len(entries) > 0 {
		name, _, isDir := strings.Cut(string(entries[0].Path[prefix:]), "/")
		item, n := object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: plumbing.Hash(entries[0].ID)}, 1
		if isDir {
			dir := name + "/"
			for n < len(entries) && strings.HasPrefix(string(entries[n].Path[prefix:]), dir) {
				n++
			}
			id, err := h.writeTree(entries[:n], prefix+len(dir))
			if err != nil {
				return manifest.ID{}, err
			}
			item.Mode, item.Hash = filemode.Dir, plumbing.Hash(id)
		}
		t.Entries = append(t.Entries, item)
		entries = entries[n:]
	}
	slices.SortFunc(t.Entries, compareTreeEntries)
	return h.encode(&t)
}

// compareTreeEntries is git's order: a directory sorts as if its name ended
// in a slash.
func compareTreeEntries(a, b object.TreeEntry) int {
	key := func(e object.TreeEntry) string {
		if e.Mode == filemode.Dir {
			return e.Name + "/"
		}
		return e.Name
	}
	return strings.Compare(key(a), key(b))
}

func fill(o plumbing.EncodedObject, data []byte) error {
	w, err := o.Writer()
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return errors.Join(err, w.Close())
}

// encode writes a tree or commit and returns its id.
func (h *History) encode(o interface {
	Encode(plumbing.EncodedObject) error
	Type() plumbing.ObjectType
}) (manifest.ID, error) {
	encoded := h.repo.NewEncodedObject()
	if err := o.Encode(encoded); err != nil {
		return manifest.ID{}, fmt.Errorf("encode %s: %w", o.Type(), err)
	}
	id := manifest.ID(encoded.Hash())
	return id, h.store(encoded, id)
}

// write writes an object whose id is known, unless it is there.
func (h *History) write(kind plumbing.ObjectType, id manifest.ID, fill func(plumbing.EncodedObject) error) error {
	o := h.repo.NewEncodedObject()
	o.SetType(kind)
	if err := fill(o); err != nil {
		return err
	}
	return h.store(o, id)
}

// store writes an object unless it is there. What is there may have been
// written a moment ago by another process, so its directory is synced all
// the same, unless the version before holds it, too: a ref is moved to a
// version only when all of that is on disk.
func (h *History) store(o plumbing.EncodedObject, id manifest.ID) error {
	_, held := h.held[plumbing.Hash(id)]
	err := h.repo.HasEncodedObject(plumbing.Hash(id))
	if err != nil || !held {
		h.disk.touch(path.Join("objects", id.String()[:2]))
	}
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, plumbing.ErrObjectNotFound):
		return err
	}
	got, err := h.repo.SetEncodedObject(o)
	if err == nil && got != plumbing.Hash(id) {
		err = fmt.Errorf("git names the object %s, not %s", got, id)
	}
	return err
}

// heldBy returns the files and directories of the newest commit on a ref.
// What of it cannot be read is left out; others tell of damage.
func (h *History) heldBy(ref plumbing.ReferenceName) map[plumbing.Hash]struct{} {
	held := map[plumbing.Hash]struct{}{}
	tip, err := h.tip(ref)
	if err != nil || tip.IsZero() {
		return held
	}
	c, err := h.readCommit(tip)
	if err != nil {
		return held
	}
	dirs := []plumbing.Hash{c.TreeHash}
	for len(dirs) > 0 {
		id := dirs[0]
		dirs = dirs[1:]
		if _, ok := held[id]; ok {
			continue
		}
		t, err := object.GetTree(h.repo, id)
		if err != nil {
			continue
		}
		held[id] = struct{}{}
		for _, e := range t.Entries {
			if e.Mode == filemode.Dir {
				dirs = append(dirs, e.Hash)
			} else {
				held[e.Hash] = struct{}{}
			}
		}
	}
	return held
}

// advance replaces a ref by the commit that next makes on top of it, or
// leaves it when next says so. Between next and the new ref no other process
// writes one. The order is: all objects durable, the ref replaced, the ref
// durable; the rename of the ref is the commit point.
func (h *History) advance(ref plumbing.ReferenceName, next func(parent plumbing.Hash) (commit, bool, error)) (id manifest.ID, err error) {
	lock, err := h.disk.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return manifest.ID{}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := lock.Lock(); err != nil {
		return manifest.ID{}, fmt.Errorf("lock %s: %w", lockFile, err)
	}
	parent, err := h.tip(ref)
	if err != nil {
		return manifest.ID{}, err
	}
	c, isNew, err := next(parent)
	if err != nil || !isNew {
		return c.id, err
	}
	if id, err = h.encode(c.object()); err != nil {
		return manifest.ID{}, err
	}
	if err := h.disk.flush(); err != nil {
		return manifest.ID{}, err
	}
	if err := h.replaceRef(ref, id); err != nil {
		return manifest.ID{}, fmt.Errorf("move %s: %w", ref, err)
	}
	return id, nil
}

// replaceRef writes a ref by a rename: go-git would truncate it first, and a
// crash then would leave it empty. The temporary name begins with a dot,
// which git takes for no ref.
func (h *History) replaceRef(ref plumbing.ReferenceName, id manifest.ID) error {
	dir := path.Dir(ref.String())
	if err := h.disk.MkdirAll(dir, fs.ModePerm); err != nil {
		return err
	}
	f, err := h.disk.TempFile(dir, manifest.TempPrefix)
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, id.String()+"\n")
	if err = errors.Join(err, f.Close()); err == nil {
		err = h.disk.Rename(f.Name(), ref.String())
	}
	if err != nil {
		return errors.Join(err, h.disk.Remove(f.Name()))
	}
	return h.disk.flush()
}

// author is who all commits are by.
const authorName, authorEmail = "assetsync", "assetsync@localhost"

// lastDate is the last second that has a four-digit year; git refuses dates
// that overflow its own type.
var lastDate = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

func (c commit) object() *object.Commit {
	at := c.at.UTC()
	switch {
	case at.Unix() < 0:
		at = time.Unix(0, 0).UTC()
	case at.After(lastDate):
		at = lastDate
	}
	by := object.Signature{Name: authorName, Email: authorEmail, When: at}
	out := &object.Commit{Author: by, Committer: by, Message: c.message, TreeHash: plumbing.Hash(c.tree)}
	if !c.parent.IsZero() {
		out.ParentHashes = []plumbing.Hash{c.parent}
	}
	return out
}
