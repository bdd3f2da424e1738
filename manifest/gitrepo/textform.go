package gitrepo

import (
	"fmt"

	"github.com/go-git/go-git/v5/plumbing"

	"assetsync/manifest"
)

// maxText is how large a blob may be that is read for its form, in bytes; a
// caller that publishes allows less. It is that of a file of [Worktree.FS].
const maxText = maxFSFile

// textForms remembers the LF form of blobs, because it takes reading them: some
// hundred bytes for each blob of a target that was ever asked about. The zero
// value is empty. It is used only while the worktree's objects are held.
type textForms struct {
	known map[manifest.ID]textForm    // by blob
	blobs map[manifest.ID]manifest.ID // form to blob, where they differ
}

// textForm is what is published of a blob.
type textForm struct {
	id   manifest.ID
	size int64
}

// of returns the form of a blob.
func (f *textForms) of(o *objects, blob manifest.ID) (textForm, error) {
	if form, ok := f.known[blob]; ok {
		return form, nil
	}
	data, err := o.read(plumbing.BlobObject, blob, maxText)
	if err != nil {
		return textForm{}, err
	}
	if f.known == nil {
		f.known, f.blobs = map[manifest.ID]textForm{}, map[manifest.ID]manifest.ID{}
	}
	lf := manifest.TextLF.Canonical(data)
	form := textForm{blob, int64(len(lf))}
	if len(lf) != len(data) {
		form.id = manifest.BlobID(lf)
		f.blobs[form.id] = blob
	}
	f.known[blob] = form
	return form, nil
}

// read returns the bytes that the id of an entry names: those of a blob, or of
// the form of one.
func (f *textForms) read(o *objects, e manifest.Entry) ([]byte, error) {
	blob, ok := f.blobs[e.ID]
	if !ok {
		return o.read(plumbing.BlobObject, e.ID, e.Size)
	}
	data, err := o.read(plumbing.BlobObject, blob, maxText)
	if err != nil {
		return nil, err
	}
	data = manifest.TextLF.Canonical(data)
	if manifest.BlobID(data) != e.ID {
		return nil, fmt.Errorf("blob %s: its form is not %s", blob, e.ID)
	}
	return data, nil
}
