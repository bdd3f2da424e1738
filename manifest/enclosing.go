package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxIgnoreFile is the size in bytes up to which an ignore file is read.
// Real ones have some kilobytes; the cap keeps a wrong file out of memory.
const maxIgnoreFile = 1 << 20

// IgnoreTop returns the directory whose ignore files are the outermost ones
// for a tree at dir: the root of the git worktree at or above dir, else
// config, the directory of the configuration, when dir lies in it, else dir.
// Both paths must be absolute.
func IgnoreTop(dir, config string) string {
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(filepath.Join(d, ".git")); err == nil {
			return d
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	if rel, err := filepath.Rel(config, dir); err == nil && filepath.IsLocal(rel) {
		return filepath.Clean(config)
	}
	return filepath.Clean(dir)
}

// EnclosingIgnore reads the ignore files of the directories that enclose the
// tree at dir, from top down to the parent of dir; those of dir itself belong
// to the tree. Both paths must be absolute. It fails when dir is not inside
// top and when an ignore file is there and cannot be read, is not a regular
// file, or is larger than 1 MiB.
func EnclosingIgnore(dir, top string) ([]IgnoreFile, error) {
	dir, top = filepath.Clean(dir), filepath.Clean(top)
	rel, err := filepath.Rel(top, dir)
	if err != nil || !filepath.IsLocal(rel) {
		return nil, fmt.Errorf("collect ignore files: %q is not inside %q", dir, top)
	}
	var files []IgnoreFile
	for d := dir; d != top; {
		d = filepath.Dir(d)
		above, err := filepath.Rel(d, dir)
		if err != nil {
			return nil, fmt.Errorf("collect ignore files: %w", err)
		}
		for layer := range ignoreLayers {
			data, err := readIgnoreFile(filepath.Join(d, layer.Filename()))
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("collect ignore files: %w", err)
			}
			files = append(files, IgnoreFile{Layer: layer, Above: filepath.ToSlash(above), Data: data})
		}
	}
	return files, nil
}

func readIgnoreFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read %q: %w", name, errIrregular)
	}
	f, err := os.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIgnoreFile+1))
	if err == nil && len(data) > maxIgnoreFile {
		err = &tooLargeError{info.Size(), maxIgnoreFile}
	}
	if err != nil {
		return nil, fmt.Errorf("read %q: %w", name, err)
	}
	return data, nil
}
