package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

// source is where the local content of a target comes from. Its methods are
// called one after the other.
type source interface {
	// scan reads the tree in its published form. Its error wraps
	// errSourceMissing when there is nothing.
	scan(context.Context) (manifest.Snapshot, error)
	// read returns the bytes of an entry of the last scan; when they are no
	// longer what that saw, its error wraps [manifest.ErrChanged].
	read(context.Context, manifest.Entry) ([]byte, error)
	// readMain returns the main file, in its published form, as it is now.
	readMain(context.Context) ([]byte, error)
	// mainFile is the published path of the file that the type needs.
	mainFile() manifest.Path
}

// directory is a source in the file system: a directory, or one file that is
// published under a name of its own.
type directory struct {
	dir  string        // absolute
	top  string        // the config's directory, which holds dir, and where ignore files begin to count outside of git; "": none
	file string        // base name of the single file; "" for a directory
	as   manifest.Path // what the single file is published as
	main manifest.Path
	opts manifest.ScanOptions
	kept fileKeeper // ids of files that did not change; nil: all are read
}

// fileKeeper keeps a [manifest.Cache] of each directory, what the main file of one
// says under the name of that file, and what lint knows of its files under the name of
// the directory with "/." at its end. It may lose them, and never returns those of
// another. It is safe for concurrent use.
type fileKeeper interface {
	Files(dir string) []byte
	KeepFiles(dir string, data []byte)
	// Opened is a time that lies before all scans, as told by the file system.
	Opened() time.Time
}

func newDirectory(t Target, kind assettype.Type, limits remote.Limits) directory {
	s := directory{
		dir:  t.Path,
		top:  t.ConfigDir,
		main: manifest.Path(kind.MainFile),
		opts: manifest.ScanOptions{Ignore: t.Ignore, MaxFileSize: int64(limits.FileBytes), Text: t.Text},
	}
	if kind.SingleFile {
		s.dir, s.file = filepath.Split(t.Path)
		s.as = s.main
		if s.as == "" { // an attachment keeps its name
			s.as = manifest.Path(s.file)
			s.main = s.as
		}
	}
	return s
}

func (s directory) mainFile() manifest.Path { return s.main }

// open opens the directory. What leads out of the config's is never opened: a
// repository that somebody else made reads and writes nowhere else.
func (s directory) open() (*os.Root, error) {
	if s.top == "" {
		return os.OpenRoot(s.dir)
	}
	root, err := manifest.OpenBelow(s.top, s.dir)
	return root, outside(err)
}

// make is open, but makes the directory where it is missing.
func (s directory) make() (*os.Root, error) {
	if s.top != "" {
		root, err := manifest.MakeBelow(s.top, s.dir, 0o755)
		return root, outside(err)
	}
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return nil, err
	}
	return os.OpenRoot(s.dir)
}

// outside says what to do about a directory that leads out of the config's.
func outside(err error) error {
	if !errors.Is(err, manifest.ErrLeadsOut) {
		return err
	}
	return &Error{
		Kind: KindUsage, Err: err, Message: err.Error(),
		Hint: "put a directory in the place of the link, or the config above what it leads to",
	}
}

// errSourceMissing is a root that is not there.
var errSourceMissing = errors.New("the source is missing")

func (s directory) scan(ctx context.Context) (manifest.Snapshot, error) {
	root, err := s.open()
	if errors.Is(err, fs.ErrNotExist) {
		return manifest.Snapshot{}, fmt.Errorf("read %s: %w", s.dir, errSourceMissing)
	}
	if err != nil {
		return manifest.Snapshot{}, fmt.Errorf("read %s: %w", s.dir, err)
	}
	defer root.Close()
	opts := s.opts
	defer s.cached(&opts)()
	if s.file == "" {
		if opts.Enclosing, err = manifest.EnclosingIgnore(s.dir, manifest.IgnoreTop(s.dir, s.top)); err != nil {
			return manifest.Snapshot{}, err
		}
		return manifest.Scan(ctx, root, opts)
	}
	if _, err := root.Lstat(s.file); errors.Is(err, fs.ErrNotExist) {
		return manifest.Snapshot{}, fmt.Errorf("read %s: %w", filepath.Join(s.dir, s.file), errSourceMissing)
	}
	return manifest.ScanFile(ctx, root, s.file, s.as, opts)
}

// cached gives a scan what is kept of the directory's files. The function that it
// returns keeps what the scan made of it.
func (s directory) cached(opts *manifest.ScanOptions) (keep func()) {
	if s.kept == nil {
		return func() {}
	}
	name := filepath.Join(s.dir, s.file)
	opts.Cache = manifest.NewCache(s.kept.Files(name), opts.Text, s.kept.Opened())
	return func() {
		if data, changed := opts.Cache.Bytes(); changed {
			s.kept.KeepFiles(name, data)
		}
	}
}

func (s directory) read(ctx context.Context, e manifest.Entry) ([]byte, error) {
	root, err := s.open()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", s.dir, err)
	}
	defer root.Close()
	name := string(e.Path)
	if s.file != "" {
		name = s.file
	}
	return manifest.ReadFile(ctx, root, name, e, s.opts)
}

func (s directory) readMain(context.Context) ([]byte, error) {
	root, err := s.open()
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return s.mainIn(root)
}

// mainIn is readMain of the directory that is open.
func (s directory) mainIn(root *os.Root) ([]byte, error) {
	name := string(s.main)
	if s.file != "" {
		name = s.file
	}
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > s.opts.MaxFileSize {
		return nil, fmt.Errorf("read %s: not a file that can be published", name)
	}
	data, err := root.ReadFile(name)
	return s.opts.Text.Canonical(data), err
}

// leastRead is how many files are worth a goroutine: less than a millisecond.
const leastRead = 16

// readAll reads all files of a tree of a source.
func readAll(ctx context.Context, s source, tree manifest.Tree) (manifest.Bundle, error) {
	files, err := readFiles(ctx, s, slices.Collect(tree.All()))
	if err != nil {
		return manifest.Bundle{}, err
	}
	return manifest.NewBundle(files)
}

// readFiles reads some files of a source.
func readFiles(ctx context.Context, s source, entries []manifest.Entry) (map[manifest.Path][]byte, error) {
	contents := make([][]byte, len(entries))
	var err error
	if dir, ok := s.(directory); ok && dir.file == "" {
		err = dir.readTogether(ctx, entries, contents)
	} else {
		err = readEach(ctx, s.read, entries, contents)
	}
	if err != nil {
		return nil, err
	}
	files := make(map[manifest.Path][]byte, len(entries))
	for i, e := range entries {
		files[e.Path] = contents[i]
	}
	return files, nil
}

// readEach puts the bytes of entries into contents.
func readEach(ctx context.Context, read contentOf, entries []manifest.Entry, contents [][]byte) (err error) {
	for i, e := range entries {
		if contents[i], err = read(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// readTogether is readEach for the directory, which it opens once; several parts
// of many entries are read at once. Its error is that of the first entry that has
// one.
func (s directory) readTogether(ctx context.Context, entries []manifest.Entry, contents [][]byte) error {
	root, err := s.open()
	if err != nil {
		return fmt.Errorf("read %s: %w", s.dir, err)
	}
	defer root.Close()
	workers := runtime.GOMAXPROCS(0)
	part := max(leastRead, (len(entries)+workers-1)/workers)
	errs := make([]error, (len(entries)+part-1)/part)
	var reading sync.WaitGroup
	for i := range errs {
		from, to := i*part, min((i+1)*part, len(entries))
		reading.Go(func() {
			files := manifest.NewFileReader(root, s.opts)
			defer files.Close()
			errs[i] = readEach(ctx, files.Read, entries[from:to], contents[from:to])
		})
	}
	reading.Wait()
	return cmp.Or(errs...)
}
