package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"assetsync/manifest"
)

// Sweep removes what processes left that died while they wrote to the history:
// files without a name of their own yet, and repositories that were about to
// be made, last changed before a time. That has to be longer ago than any
// write takes. What they were to hold is nowhere missing: who died did not get
// as far as to say that it is kept.
func (h *History) Sweep(before time.Time) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	dir := h.disk.Root()
	err := errors.Join(
		sweepBelow(filepath.Join(dir, "objects", "pack"), before),
		sweepBelow(filepath.Join(dir, "refs"), before),
		sweepIn(filepath.Dir(dir), before))
	if err != nil {
		return fmt.Errorf("clean up history: %w", err)
	}
	return nil
}

// isTemporary knows our temporary names, and those of go-git for an object and
// a pack (storage/filesystem/dotgit/writers.go).
func isTemporary(name string) bool {
	return strings.HasPrefix(name, manifest.TempPrefix) || strings.HasPrefix(name, "tmp_obj_") || strings.HasPrefix(name, "tmp_pack_")
}

func sweepBelow(dir string, before time.Time) error {
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || e.IsDir() {
			return err
		}
		return sweepOne(path, e, before)
	})
}

func sweepIn(dir string, before time.Time) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, sweepOne(filepath.Join(dir, e.Name()), e, before))
	}
	return err
}

func sweepOne(path string, e fs.DirEntry, before time.Time) error {
	if !isTemporary(e.Name()) {
		return nil
	}
	info, err := e.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !info.ModTime().Before(before) {
		return err
	}
	return os.RemoveAll(path)
}
