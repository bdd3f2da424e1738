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
	batch := newBatch(h)
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		data, ok := b.Blob(e.ID)
		if !ok {
			return fmt.Errorf("the bundle lacks the content of %s", e.Path)
		}
		if err := batch.addBlob(e.ID, data); err != nil {
			return fmt.Errorf("write %s: %w", e.Path, err)
		}
	}
	id, err := batch.addTree(entries, 0)
	if err == nil && id != b.Tree().ID() {
		err = fmt.Errorf("git names it %s, not %s", id, b.Tree().ID())
	}
	if err != nil {
		return fmt.Errorf("write tree: %w", err)
	}
	return batch.write(ctx)
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
	batch := newBatch(h)
	if id, err = batch.add(c.object()); err == nil {
		err = batch.write(context.Background()) // the lock is held for it
	}
	if err != nil {
		return manifest.ID{}, fmt.Errorf("write commit: %w", err)
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
