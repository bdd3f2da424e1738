package sync

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"assetsync/diff"
	"assetsync/manifest"
)

// forms returns, for the files that differ between here, there and the base,
// of which other ids their ids are forms: see [diff.Input]. It reads nothing
// unless the target has a form of text.
func (r *run) forms(local manifest.Tree, obs observation) (map[manifest.ID]manifest.ID, error) {
	if r.Target.Text != manifest.TextLF {
		return nil, nil
	}
	forms := map[manifest.ID]manifest.ID{}
	add := func(p manifest.Path) error {
		here, there, base := local.Get(p), obs.side.Tree.Get(p), r.knownAsset.Base.Get(p)
		if sameEntry(here, there) || sameEntry(here, base.Local) && sameEntry(there, base.Remote) {
			return nil
		}
		for _, e := range []*manifest.Entry{there, base.Local, base.Remote} {
			if e == nil || sameEntry(e, here) {
				continue
			}
			form, err := r.formOf(obs, e.ID)
			if err != nil {
				return err
			}
			forms[e.ID] = form
		}
		return nil
	}
	for e := range obs.side.Tree.All() {
		if err := add(e.Path); err != nil {
			return nil, err
		}
	}
	for p := range r.knownAsset.Base.All() {
		if err := add(p); err != nil {
			return nil, err
		}
	}
	return forms, nil
}

// formOf returns the id of what is published of the content that id names; id
// itself when the content is not at hand.
func (r *run) formOf(obs observation, id manifest.ID) (manifest.ID, error) {
	data, ok, err := r.blob(obs, id)
	if err != nil || !ok {
		return id, err
	}
	return manifest.BlobID(r.Target.Text.Canonical(data)), nil
}

// localForm returns what a scan finds of a remote file once it is checked out.
func (r *run) localForm(ctx context.Context, id string, obs observation, e *manifest.Entry) (*manifest.Entry, error) {
	if e == nil || r.Target.Text != manifest.TextLF {
		return e, nil
	}
	data, err := r.remoteContent(ctx, id, obs, *e)
	if err != nil {
		return nil, err
	}
	data = r.Target.Text.Canonical(data)
	return &manifest.Entry{Path: e.Path, ID: manifest.BlobID(data), Size: int64(len(data))}, nil
}

// inForm returns a bundle of the remote with the files in local form whose
// line ends are all that differs from what is here, and that no push changes.
func (r *run) inForm(bundle manifest.Bundle, local manifest.Tree) (manifest.Bundle, error) {
	if r.Target.Text != manifest.TextLF {
		return bundle, nil
	}
	files := bundle.Files()
	for p, data := range files {
		here, base := local.Get(p), r.knownAsset.Base.Get(p).Local
		form := r.Target.Text.Canonical(data)
		toPush := base != nil && base.ID == manifest.BlobID(data)
		if here != nil && !toPush && manifest.BlobID(form) == here.ID {
			files[p] = form
		}
	}
	return manifest.NewBundle(files)
}

// noteForms says of which files a push changes nothing but line ends.
func (r *run) noteForms(changes []diff.Change) {
	n := len(changes) - len(slices.DeleteFunc(slices.Clone(changes), func(c diff.Change) bool { return c.Why == diff.WhyForm }))
	if n > 0 {
		r.note("of %s only the line ends change: they become LF (text: lf)", countFiles(n))
	}
}

// noteLineEnds tells when what is about to be published differs from the
// commit by line ends alone: then git has changed them in the worktree, and
// where it does not, as on most other machines, other bytes are published.
func (r *run) noteLineEnds(ctx context.Context, changes []diff.Change) {
	if r.Repo == nil || r.Target.Rev != "" || r.Target.Text == manifest.TextLF || len(changes) == 0 {
		return
	}
	head, then, err := r.atHead(ctx)
	if err != nil { // no commit yet, or the target is not in it
		r.log.Debug("line ends are not compared with the commit", zap.Error(err))
		return
	}
	for _, c := range changes {
		there := then.Get(c.Path)
		if c.New == nil || there == nil || there.ID == c.New.ID {
			continue
		}
		differ, err := r.differByLineEnds(ctx, *c.New, head)
		if err != nil {
			r.log.Debug("line ends are not compared with the commit", zap.String("path", string(c.Path)), zap.Error(err))
		}
		if differ {
			// One text for all targets, which is shown once.
			r.note("files differ from commit %.7s only by line ends (core.autocrlf or an eol attribute; git ls-files --eol lists them), "+
				"so another machine or a pipeline would publish other bytes; set text: lf", head.id)
			return
		}
	}
}

// headFiles are the files that the commit at HEAD holds.
type headFiles struct {
	id    string
	files fs.FS  // from the top of the repository
	root  string // of the target in it; for a single file, its name
}

// atHead reads which files of the target the commit at HEAD holds. Of the entries only
// the ids are known: no file is opened but ignore files and links.
func (r *run) atHead(ctx context.Context) (head headFiles, tree manifest.Tree, err error) {
	if head.files, head.id, err = r.Repo.FS(ctx, "HEAD"); err != nil {
		return head, tree, err
	}
	dir, past := r.dir, r.Repo.PastIDs()
	name := filepath.Join(dir.dir, dir.file)
	if head.root, err = r.Repo.Inside(name); err != nil {
		return head, tree, fmt.Errorf("read %q of commit %s: %w", name, head.id, err)
	}
	var snap manifest.Snapshot
	if dir.file == "" {
		snap, err = past.Commit(ctx, head.id, name, dir.opts)
	} else {
		snap, err = past.CommitFile(ctx, head.id, name, dir.as, dir.opts)
	}
	return head, snap.Tree, err
}

// differByLineEnds reports whether a file and what the commit at HEAD has in its place
// are the same text with other line ends.
func (r *run) differByLineEnds(ctx context.Context, here manifest.Entry, head headFiles) (bool, error) {
	ours, err := r.source.read(ctx, here)
	if err != nil {
		return false, err
	}
	name := head.root
	if r.dir.file == "" {
		name = path.Join(name, string(here.Path))
	}
	theirs, err := fs.ReadFile(head.files, name)
	return err == nil && bytes.Equal(manifest.TextLF.Canonical(ours), manifest.TextLF.Canonical(theirs)), err
}
