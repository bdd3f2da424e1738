package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-billy/v5"
	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/storage/filesystem"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"

	"assetsync/manifest"
)

// lazySize is from how many bytes on an object is not read before its bytes
// are asked for: well above what is published, so that those are read once.
const lazySize = 1 << 20

// maxAlternateDepth is how many repositories one may borrow from in a row:
// git's limit in link_alt_odb_entries.
const maxAlternateDepth = 5

var (
	// ErrObjectMissing says that an object is not in the repository, as in a
	// partial clone.
	ErrObjectMissing = errors.New("the object is not in the repository")
	// ErrObjectFormat says that a repository names its objects by SHA-256.
	ErrObjectFormat = errors.New("the repository uses SHA-256 object ids, which are not supported")
)

// missingHint is for what a partial clone has left out, and for damage; a plain
// fetch gets only what is new.
const missingHint = "fetch all there is: git fetch --refetch --no-filter"

// objects reads the objects of a repository and of those it borrows from. It
// keeps the indexes of packs in memory and, between two calls of rest, files
// open. It is not safe for concurrent use.
type objects struct {
	stores []*filesystem.ObjectStorage // the repository's own first
	listed bool                        // packs were listed anew since the last rest
}

// openObjects opens the objects below common, the directory that all
// worktrees of a repository share.
func openObjects(common string) (*objects, error) {
	dirs, err := objectDirs(filepath.Join(common, "objects"))
	if err != nil {
		return nil, err
	}
	o := &objects{}
	shared := cache.NewObjectLRU(objectCacheSize)
	for _, dir := range dirs {
		files := objectFiles{osfs.New(filepath.Dir(dir), osfs.WithBoundOS())}
		o.stores = append(o.stores, filesystem.NewObjectStorageWithOptions(dotgit.New(files), shared, filesystem.Options{
			KeepDescriptors: true, LargeObjectThreshold: lazySize,
		}))
	}
	return o, nil
}

// objectFiles hides the file that go-git would find alternates by: it takes
// relative paths for absolute ones, and follows a circle until it crashes.
type objectFiles struct{ billy.Filesystem }

func (f objectFiles) Open(name string) (billy.File, error) {
	if filepath.ToSlash(filepath.Clean(name)) == "objects/info/alternates" {
		return nil, fs.ErrNotExist
	}
	return f.Filesystem.Open(name)
}

// objectDirs returns dir, without links, and those that it borrows from, see
// gitrepository-layout(5). One that is not there is left out, as git does: an
// object that is missed is told where it is.
func objectDirs(dir string) ([]string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	dirs := []string{dir}
	depths := []int{0}
	for i := 0; i < len(dirs); i++ {
		if filepath.Base(dirs[i]) != "objects" {
			return nil, fmt.Errorf("borrow objects from %s: a directory that is not named objects is not supported", dirs[i])
		}
		data, err := readBounded(filepath.Join(dirs[i], "info", "alternates"), maxAlternates)
		if isAbsent(err) || depths[i] == maxAlternateDepth {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, name := range parseAlternates(data) {
			if !filepath.IsAbs(name) {
				name = filepath.Join(dirs[i], name)
			}
			name, err := filepath.EvalSymlinks(name)
			if err != nil || slices.Contains(dirs, name) {
				continue
			}
			if info, err := os.Stat(name); err == nil && info.IsDir() {
				dirs, depths = append(dirs, name), append(depths, depths[i]+1)
			}
		}
	}
	return dirs, nil
}

// parseAlternates returns the paths in a file objects/info/alternates.
func parseAlternates(data []byte) (names []string) {
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, `"`) {
			if unquoted, err := strconv.Unquote(line); err == nil {
				line = unquoted
			}
		}
		if line != "" && line[0] != '#' && !strings.Contains(line, "\x00") {
			names = append(names, filepath.FromSlash(line))
		}
	}
	return names
}

// find returns an object of a kind. When it is missed, the packs are listed
// once more: "git gc" may have moved it since they were.
func (o *objects) find(kind plumbing.ObjectType, id manifest.ID) (plumbing.EncodedObject, error) {
	for {
		for _, s := range o.stores {
			found, err := s.EncodedObject(kind, plumbing.Hash(id))
			if err == nil {
				return found, nil
			}
			if !errors.Is(err, plumbing.ErrObjectNotFound) {
				return nil, fmt.Errorf("%s %s: %w", kind, id, err)
			}
		}
		if o.listed {
			return nil, missing(kind, id)
		}
		o.relist()
	}
}

func missing(kind plumbing.ObjectType, id manifest.ID) error {
	return &hintedError{fmt.Errorf("%s %s: %w", kind, id, ErrObjectMissing), missingHint}
}

// relist makes the packs be listed anew, once until the next rest.
func (o *objects) relist() {
	o.listed = true
	for _, s := range o.stores {
		s.Reindex()
	}
}

// read returns the content of an object of at most limit bytes. go-git does
// not compare it with its name.
func (o *objects) read(kind plumbing.ObjectType, id manifest.ID, limit int64) ([]byte, error) {
	found, err := o.find(kind, id)
	if err != nil {
		return nil, err
	}
	if found.Size() > limit {
		return nil, fmt.Errorf("%s %s: %d bytes, more than the limit of %d", kind, id, found.Size(), limit)
	}
	r, err := found.Reader()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, fmt.Errorf("%s %s: %w", kind, id, err)
	}
	hash := manifest.NewObjectHash(kind.String(), int64(len(data)))
	hash.Write(data)
	if hash.ID() != id {
		return nil, fmt.Errorf("%s %s: it is damaged: its content has another id", kind, id)
	}
	return data, nil
}

// maxCommit is how large a commit or tag may be, in bytes. Those with
// signatures and long messages have some kilobytes.
const maxCommit = 16 << 20

// commitHeader is what of a commit matters to history.
type commitHeader struct {
	tree    manifest.ID
	parents []manifest.ID
	time    int64 // of the committer, in seconds since 1970; 0 when it cannot be read
}

func (o *objects) commit(id manifest.ID) (commitHeader, error) {
	data, err := o.read(plumbing.CommitObject, id, maxCommit)
	if err != nil {
		return commitHeader{}, err
	}
	c, err := parseCommit(data)
	if err != nil {
		return commitHeader{}, fmt.Errorf("commit %s: %w", id, err)
	}
	return c, nil
}

// parseCommit reads the headers of a commit. It is more lenient than go-git,
// which refuses what old tools have written and git reads.
func parseCommit(data []byte) (c commitHeader, err error) {
	head, _, _ := bytes.Cut(data, []byte("\n\n"))
	for n, line := range bytes.Split(head, []byte("\n")) {
		key, value, _ := strings.Cut(string(line), " ")
		switch {
		case n == 0 && key == "tree":
			c.tree, err = manifest.ParseID(value)
		case n == 0:
			err = errors.New("it does not begin with a tree")
		case key == "parent":
			var parent manifest.ID
			parent, err = manifest.ParseID(value)
			c.parents = append(c.parents, parent)
		case key == "committer":
			// "name <mail> seconds zone"
			if fields := strings.Fields(value[strings.LastIndexByte(value, '>')+1:]); len(fields) > 0 {
				c.time, _ = strconv.ParseInt(fields[0], 10, 64)
			}
			return c, nil
		}
		if err != nil {
			return commitHeader{}, err
		}
	}
	return c, nil
}

// rest closes files, so that "git gc" can remove packs on every system and a
// process that watches many repositories holds no descriptors.
func (o *objects) rest() error {
	o.listed = false
	var errs []error
	for _, s := range o.stores {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func (o *objects) close() error {
	err := o.rest()
	o.stores = nil
	return err
}

// withObjects calls f with the repository's objects, one caller at a time.
func (w *Worktree) withObjects(f func(*objects) error) (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.objects == nil {
		if w.objects, err = openObjects(w.common); err != nil {
			return err
		}
	}
	defer func() {
		if w.objects.listed = false; w.holds == 0 {
			err = errors.Join(err, w.objects.rest())
		}
	}()
	return f(w.objects)
}

// Hold keeps files of the repository open from one call to the next until
// release is called, once: for who makes many. On some systems "git gc" cannot
// remove packs meanwhile. It is safe for concurrent use.
func (w *Worktree) Hold() (release func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holds++
	return func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.holds--; w.holds == 0 && w.objects != nil {
			return w.objects.rest()
		}
		return nil
	}
}
