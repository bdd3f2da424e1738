package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"assetsync/manifest"
)

// Sweep removes what a run that was killed left behind: files with our
// temporary names, last changed before a time, which is when this process
// began. Their bytes are kept first: besides what was about to be checked out
// it may be a save that slipped in. What cannot be kept or is no file stays,
// and is in the error. Files whose name, without the directory, is among spare
// stay, too.
func (w *Worktree) Sweep(ctx context.Context, before time.Time, spare map[string]bool, keep Keep) error {
	a := applier{root: w.root, disk: w.disk, keep: keep}
	var troubles []error
	err := fs.WalkDir(w.root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			return nil // what cannot be listed holds nothing that could be removed
		case spare[e.Name()]:
			return nil
		case !isTemp(e.Name()):
			if e.IsDir() && name != "." && unholdable(e.Name()) != "" {
				return fs.SkipDir
			}
			return nil
		case e.IsDir():
			troubles = append(troubles, fmt.Errorf("%s is a directory: look at it, then move or remove it", name))
			return fs.SkipDir
		}
		troubles = append(troubles, a.sweep(name, e, before))
		return nil
	})
	if err := errors.Join(append(troubles, err)...); err != nil {
		return fmt.Errorf("clean up worktree: %w", err)
	}
	return nil
}

func (a applier) sweep(name string, e fs.DirEntry, before time.Time) error {
	info, err := e.Info()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.ModTime().Before(before):
		return nil
	case info.Mode().Type() == fs.ModeSymlink:
		return a.drop(name) // what it names is still there
	case info.Mode().IsRegular() && info.Size() == 0:
		return a.drop(name) // holds nothing to be kept
	}
	p, err := manifest.ParsePath(name)
	if err != nil {
		return err
	}
	return a.salvage(p, name)
}
