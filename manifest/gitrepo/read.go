package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"assetsync/manifest"
)

// chain is what a versions ref leads to, as of a tip.
type chain struct {
	tip     plumbing.Hash
	records []Record // in order of arrival
}

// Versions returns all that was put, in order of arrival. A number occurs
// more than once when its content changed between two reads.
func (h *History) Versions(ctx context.Context, key Key) ([]Record, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	records, err := h.records(ctx, key)
	return slices.Clone(records), err
}

// Get returns the files of the newest arrival with an asset and number, and
// whether there is one.
func (h *History) Get(ctx context.Context, key Key, asset string, number int) (manifest.Bundle, bool, error) {
	return h.bundle(ctx, key, func(records []Record) (Record, bool) { return newest(records, asset, number) })
}

// GetAs is Get of the arrival that had a tree: a version may have changed in place
// since.
func (h *History) GetAs(ctx context.Context, key Key, asset string, number int, tree manifest.ID) (manifest.Bundle, bool, error) {
	return h.bundle(ctx, key, func(records []Record) (Record, bool) {
		i := slices.IndexFunc(records, func(r Record) bool { return r.Asset == asset && r.Number == number && r.TreeID == tree })
		if i < 0 {
			return Record{}, false
		}
		return records[i], true
	})
}

// bundle returns the files of the arrival that choose finds.
func (h *History) bundle(ctx context.Context, key Key, choose func([]Record) (Record, bool)) (manifest.Bundle, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	records, err := h.records(ctx, key)
	if err != nil {
		return manifest.Bundle{}, false, err
	}
	r, ok := choose(records)
	if !ok {
		return manifest.Bundle{}, false, nil
	}
	files := map[manifest.Path][]byte{}
	if err := h.readTree(ctx, r.TreeID, "", files); err != nil {
		return manifest.Bundle{}, false, err
	}
	bundle, err := manifest.NewBundle(files)
	if err == nil && bundle.Tree().ID() != r.TreeID {
		err = fmt.Errorf("tree %s: its files have other content", r.TreeID)
	}
	if err != nil {
		return manifest.Bundle{}, false, h.corrupt(err)
	}
	return bundle, true, nil
}

// Blob returns the bytes that id names, and whether they are there: of any
// version, of any kept file.
func (h *History) Blob(id manifest.ID) ([]byte, bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	data, err := h.readBlob(id)
	switch {
	case errors.Is(err, plumbing.ErrObjectNotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, h.corrupt(err)
	}
	return data, true, nil
}

func newest(records []Record, asset string, number int) (Record, bool) {
	for _, r := range slices.Backward(records) {
		if r.Asset == asset && r.Number == number {
			return r, true
		}
	}
	return Record{}, false
}

// records follows a chain from its tip to what is known of it already.
func (h *History) records(ctx context.Context, key Key) ([]Record, error) {
	ref := key.ref(versionsRef)
	tip, err := h.tip(ref)
	if err != nil {
		return nil, err
	}
	known := h.chains[ref]
	var fresh []Record // newest first
	at := tip
	for !at.IsZero() && at != known.tip {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		c, err := h.readCommit(at)
		if err != nil {
			return nil, err
		}
		r, err := parseVersion(c)
		if err != nil {
			return nil, h.corrupt(fmt.Errorf("commit %s: %w", at, err))
		}
		fresh = append(fresh, r)
		at = plumbing.ZeroHash
		if len(c.ParentHashes) > 0 {
			at = c.ParentHashes[0]
		}
	}
	if at != known.tip {
		known.records = nil // the chain was replaced
	}
	slices.Reverse(fresh)
	h.chains[ref] = chain{tip, slices.Concat(known.records, fresh)}
	return h.chains[ref].records, nil
}

func (h *History) readCommit(id plumbing.Hash) (*object.Commit, error) {
	var c *object.Commit
	err := h.find(func() (err error) {
		c, err = object.GetCommit(h.repo, id)
		return err
	})
	if err != nil {
		return nil, h.corrupt(fmt.Errorf("commit %s: %w", id, err))
	}
	return c, nil
}

// readTree adds the files of a tree, which lies at dir, to files.
func (h *History) readTree(ctx context.Context, id manifest.ID, dir string, files map[manifest.Path][]byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var t *object.Tree
	if err := h.find(func() (err error) {
		t, err = object.GetTree(h.repo, plumbing.Hash(id))
		return err
	}); err != nil {
		return h.corrupt(fmt.Errorf("tree %s: %w", id, err))
	}
	for _, e := range t.Entries {
		name := path.Join(dir, e.Name)
		if e.Mode == filemode.Dir {
			if err := h.readTree(ctx, manifest.ID(e.Hash), name, files); err != nil {
				return err
			}
			continue
		}
		data, err := h.readBlob(manifest.ID(e.Hash))
		if err != nil {
			return h.corrupt(err)
		}
		files[manifest.Path(name)] = data
	}
	return nil
}

func (h *History) readBlob(id manifest.ID) (data []byte, err error) {
	err = h.find(func() error {
		o, err := h.repo.EncodedObject(plumbing.BlobObject, plumbing.Hash(id))
		if err != nil {
			return err
		}
		r, err := o.Reader()
		if err != nil {
			return err
		}
		data, err = io.ReadAll(r)
		return errors.Join(err, r.Close())
	})
	// go-git does not compare content with its name.
	if err == nil && manifest.BlobID(data) != id {
		err = errors.New("it has other content")
	}
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", id, err)
	}
	return data, nil
}

// find looks for an object, and once more after the packs were listed anew:
// "git gc" may have moved it since they were.
func (h *History) find(look func() error) error {
	err := look()
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		h.repo.Reindex()
		err = look()
	}
	return err
}

// tip returns the commit at a ref, or the zero hash when there is no ref.
func (h *History) tip(ref plumbing.ReferenceName) (plumbing.Hash, error) {
	r, err := h.repo.Reference(ref)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		// go-git says so of a ref that it cannot read, too; taking that for
		// absent would start a new chain and let go of the old.
		if _, err := h.disk.Lstat(ref.String()); errors.Is(err, fs.ErrNotExist) {
			return plumbing.ZeroHash, nil
		}
		r, err = h.repo.Reference(ref) // or it was made this moment
	}
	switch {
	case err != nil:
		return plumbing.ZeroHash, h.corrupt(fmt.Errorf("%s: %w", ref, err))
	case r.Type() != plumbing.HashReference || r.Hash().IsZero():
		return plumbing.ZeroHash, h.corrupt(fmt.Errorf("%s names no commit", ref))
	}
	return r.Hash(), nil
}

func (h *History) corrupt(err error) error {
	var already *CorruptError
	if errors.As(err, &already) {
		return err
	}
	return &CorruptError{h.disk.Root(), err}
}
