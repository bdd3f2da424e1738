package sync

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"assetsync/manifest"
	"assetsync/sync/worktree"
)

// copyAge is how old the temporary file of a conflict copy is at least that is
// taken for one of a dead run: writing it takes milliseconds, and a target whose
// name begins with the name of another may be at work beside it.
const copyAge = time.Minute

// sweep removes what a run that was killed left in the directory and among the
// conflict copies; saves that it had taken away come first. It is called once the
// asset's record is loaded, and before anything is settled: by what the record still
// speaks of, what was checked out is known. A directory in which the scan has met no
// left-over is not gone through again. What stays is noted, and stops nothing; its
// error is [errRescued], or that a save could not be rescued.
func (r *run) sweep(ctx context.Context, snap manifest.Snapshot) error {
	err := r.sweepCopies()
	if snap.LeftOver || r.dir.file != "" {
		if rescued := r.rescue(ctx); rescued != nil {
			return errors.Join(rescued, err)
		}
	}
	if snap.LeftOver {
		err = errors.Join(err, r.sweepDirectory(ctx))
	}
	if err != nil {
		r.note("left-overs of a killed run stay: %v", err)
	}
	return nil
}

func (r *run) sweepDirectory(ctx context.Context) error {
	if r.dir.file != "" {
		return nil // a single file's directory is not ours to go through
	}
	spare, err := r.spared()
	if err != nil {
		return err
	}
	keep := func(p manifest.Path, data []byte) error { return r.keepReplaced(ctx, p, data) }
	return r.inDirectory(func(wt *worktree.Worktree) error { return wt.Sweep(ctx, r.started, spare, keep) })
}

// spared are the names of the temporary files that somebody will ask for: of this
// asset those of check outs that are not settled, for what else it left was looked
// at; of others, which may be checked out into this directory too, all.
func (r *run) spared() (map[string]bool, error) {
	marks, err := r.State.Marks()
	if err != nil {
		return nil, err
	}
	if last := r.knownAsset.CheckedOut; last != nil {
		delete(marks, last.Mark)
		delete(marks, last.Back)
	}
	for p, in := range r.knownAsset.CheckingOut {
		marks[in.Mark] = append(marks[in.Mark], p)
	}
	spare := map[string]bool{}
	for mark, paths := range marks {
		for _, p := range paths {
			for _, name := range worktree.TraceNames(mark, p) {
				spare[name] = true
			}
		}
	}
	return spare, nil
}

// sweepCopies removes temporary files of conflict copies: what they hold is on
// the remote.
func (r *run) sweepCopies() error {
	root, err := os.OpenRoot(r.Conflicts)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	var troubles []error
	err = fs.WalkDir(root.FS(), filepath.ToSlash(r.Target.Name), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasPrefix(e.Name(), manifest.TempPrefix) {
			return nil // what cannot be listed holds nothing that could be removed
		}
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() && info.ModTime().Before(r.started.Add(-copyAge)) {
			err = root.Remove(name)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			troubles = append(troubles, err)
		}
		return nil
	})
	return errors.Join(append(troubles, err)...)
}
