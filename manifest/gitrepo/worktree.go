package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Worktree is a git worktree as somebody works in it. Looking at it takes no
// locks and changes nothing, and no configuration of git and no environment
// is read. It is safe for concurrent use.
//
// Replacement objects (git-replace(1)) and grafts are not applied: an object
// has the content that its id names.
type Worktree struct {
	top    string // holds .git
	gitDir string // HEAD, index, operations in progress; of this worktree alone
	common string // refs and objects; shared by all worktrees of a repository

	refs   sync.Mutex // guards packed
	packed packedRefs

	looking   sync.Mutex // apart from mu: a look never waits for objects
	conflicts unmergedAnswer

	mu       sync.Mutex // go-git's storage is not safe for concurrent use
	objects  *objects   // nil until an object is needed, and after Close
	holds    int        // who wants files kept open
	ancestry ancestryAnswer
	forms    textForms
}

// FindWorktree returns the worktree around dir, an absolute path: that of the
// nearest directory, dir or above it, that holds .git. It is nil when there
// is none. No object is opened. It fails when .git is a file that leads to no
// repository.
func FindWorktree(dir string) (*Worktree, error) { return new(Finder).Find(dir) }

// Finder finds the worktrees around many directories at one moment: each directory
// on the way up is looked at once. The zero value has looked at none. It is not
// safe for concurrent use.
type Finder struct {
	around map[string]*Worktree // by directory; nil: there is none
}

// Find is [FindWorktree]; for directories in one worktree it returns the same.
func (f *Finder) Find(dir string) (*Worktree, error) {
	if !filepath.IsAbs(dir) {
		return nil, fmt.Errorf("find git worktree: %q is not absolute", dir)
	}
	w, err := f.find(filepath.Clean(dir))
	if err != nil {
		return nil, fmt.Errorf("find git worktree: %w", err)
	}
	return w, nil
}

func (f *Finder) find(dir string) (*Worktree, error) {
	if w, ok := f.around[dir]; ok {
		return w, nil
	}
	w, err := worktreeAt(dir)
	if above := filepath.Dir(dir); w == nil && err == nil && above != dir {
		w, err = f.find(above)
	}
	if err != nil {
		return nil, err
	}
	if f.around == nil {
		f.around = map[string]*Worktree{}
	}
	f.around[dir] = w
	return w, nil
}

// Top returns the worktree's top directory.
func (w *Worktree) Top() string { return w.top }

// Close releases what reading objects has opened. The worktree can still be
// used, and closed again.
func (w *Worktree) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.objects == nil {
		return nil
	}
	err := w.objects.close()
	w.objects = nil
	return err
}

// worktreeAt returns the worktree whose top is dir, or nil. A directory .git
// that is no repository is passed over, as git does.
func worktreeAt(dir string) (*Worktree, error) {
	gitDir := filepath.Join(dir, ".git")
	info, err := os.Stat(gitDir)
	switch {
	case isAbsent(err):
		return nil, nil
	case err != nil:
		return nil, err
	case info.IsDir():
		common, err := commonDir(gitDir)
		if errors.Is(err, errNoRepository) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return &Worktree{top: dir, gitDir: gitDir, common: common}, nil
	}
	data, err := readBounded(gitDir, maxPointer)
	if err != nil {
		return nil, err
	}
	target, err := parseGitFile(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", gitDir, err)
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	common, err := commonDir(target)
	if err != nil {
		return nil, fmt.Errorf("read %s: it leads to %s: %w", gitDir, target, err)
	}
	return &Worktree{top: dir, gitDir: filepath.Clean(target), common: common}, nil
}

// parseGitFile returns the path that a file named .git leads to: that of a
// linked worktree, or of a submodule. See gitrepository-layout(5).
func parseGitFile(data []byte) (string, error) {
	target, ok := strings.CutPrefix(string(data), "gitdir:")
	if !ok {
		return "", errors.New(`it does not begin with "gitdir:"`)
	}
	target = strings.TrimRight(strings.TrimLeft(target, " "), "\r\n")
	if target == "" || strings.ContainsAny(target, "\x00\n") {
		return "", errors.New("it names no path")
	}
	return filepath.FromSlash(target), nil
}

// errNoRepository says that a directory has not what every repository has.
var errNoRepository = errors.New("not a git repository")

// commonDir returns the directory that holds the refs and objects of the
// repository whose, or one of whose worktrees', directory is gitDir. The
// check is git's own: HEAD, objects and refs are there.
func commonDir(gitDir string) (string, error) {
	if _, err := os.Lstat(filepath.Join(gitDir, "HEAD")); err != nil {
		return "", asNoRepository(err)
	}
	common := gitDir
	data, err := readBounded(filepath.Join(gitDir, "commondir"), maxPointer)
	switch {
	case err == nil:
		common = strings.TrimRight(string(data), "\r\n")
		if common == "" || strings.ContainsAny(common, "\x00\n") {
			return "", fmt.Errorf("read %s: it names no path", filepath.Join(gitDir, "commondir"))
		}
		if common = filepath.FromSlash(common); !filepath.IsAbs(common) {
			common = filepath.Join(gitDir, common)
		}
	case !isAbsent(err):
		return "", err
	}
	for _, name := range []string{"objects", "refs"} {
		info, err := os.Stat(filepath.Join(common, name))
		if err != nil {
			return "", asNoRepository(err)
		}
		if !info.IsDir() {
			return "", errNoRepository
		}
	}
	return filepath.Clean(common), nil
}

func asNoRepository(err error) error {
	if isAbsent(err) {
		return fmt.Errorf("%w: %w", errNoRepository, err)
	}
	return err
}

// isAbsent reports whether err says that a name is not there, for want of
// itself or of the directory that would hold it.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}
