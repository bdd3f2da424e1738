package gitrepo

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-billy/v5"
	"golang.org/x/sync/errgroup"
)

// disk is where a repository lies. A file that it opens for writing can be
// synced: it has a method Sync.
type disk interface {
	billy.Filesystem
	// SyncDir brings the names in a directory to disk.
	SyncDir(name string) error
}

// osDisk is a disk of the system.
type osDisk struct {
	billy.Filesystem
	dir string
}

func (d osDisk) SyncDir(name string) error { return syncDir(filepath.Join(d.dir, name)) }

// syncDir does nothing on Windows, which syncs files only.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncFS makes what go-git writes durable, which go-git does not: a file is
// synced when it is closed, which is before it gets its name. Directories
// whose names changed are remembered until flush, for many objects share one.
// It is safe for concurrent use.
type syncFS struct {
	disk

	mu    sync.Mutex
	dirty map[string]struct{}
}

func newSyncFS(d disk) *syncFS { return &syncFS{disk: d, dirty: map[string]struct{}{}} }

// touch remembers a directory, with those that hold it: it may be new.
func (s *syncFS) touch(dir string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for dir = s.relative(dir); ; dir = path.Dir(dir) {
		s.dirty[dir] = struct{}{}
		if dir == "." {
			return
		}
	}
}

// relative returns a name as seen from the root, with slashes. go-git uses
// the absolute names of temporary files.
func (s *syncFS) relative(name string) string {
	if rel, err := filepath.Rel(s.Root(), name); err == nil && filepath.IsAbs(name) {
		name = rel
	}
	return path.Clean(filepath.ToSlash(name))
}

// flush syncs the directories that changed, those within others first. One that is
// not there holds nothing: its objects are in a pack.
func (s *syncFS) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	deep := map[int][]string{}
	for dir := range s.dirty {
		depth := strings.Count(dir, "/") + 1
		if dir == "." {
			depth = 0
		}
		deep[depth] = append(deep[depth], dir)
	}
	for _, depth := range slices.Backward(slices.Sorted(maps.Keys(deep))) {
		var group errgroup.Group
		group.SetLimit(syncsAtOnce)
		for _, dir := range deep[depth] {
			group.Go(func() error {
				if err := s.SyncDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return err
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for _, dir := range deep[depth] {
			delete(s.dirty, dir)
		}
	}
	return nil
}

func (s *syncFS) Create(name string) (billy.File, error) { return s.created(s.disk.Create(name)) }

func (s *syncFS) OpenFile(name string, flag int, perm fs.FileMode) (billy.File, error) {
	f, err := s.disk.OpenFile(name, flag, perm)
	if flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE) == 0 {
		return f, err
	}
	return s.created(f, err)
}

func (s *syncFS) TempFile(dir, prefix string) (billy.File, error) {
	return s.created(s.disk.TempFile(dir, prefix))
}

func (s *syncFS) created(f billy.File, err error) (billy.File, error) {
	if err != nil {
		return nil, err
	}
	s.touch(filepath.Dir(f.Name()))
	return syncFile{f}, nil
}

func (s *syncFS) Rename(from, to string) error {
	s.touch(filepath.Dir(to))
	return s.disk.Rename(from, to)
}

func (s *syncFS) MkdirAll(name string, perm fs.FileMode) error {
	s.touch(name)
	return s.disk.MkdirAll(name, perm)
}

// syncFile is a file that was opened for writing.
type syncFile struct{ billy.File }

func (f syncFile) Close() error {
	var err error
	if s, ok := f.File.(interface{ Sync() error }); ok {
		err = s.Sync()
	} else {
		err = errors.New("sync " + f.Name() + ": not possible")
	}
	return errors.Join(err, f.File.Close())
}
