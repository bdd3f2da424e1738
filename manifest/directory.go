package manifest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// files are what a scan looks at, under slash-separated names below its root,
// which is ".". A name that is asked about leads through no symbolic link.
type files interface {
	// lstat returns the kind of file; the error wraps [fs.ErrNotExist] when
	// nothing has the name.
	lstat(name string) (fs.FileMode, error)
	readlink(name string) (string, error)
	// list returns what a directory holds and its state, if it has one.
	list(ctx context.Context, name string) ([]fs.DirEntry, fs.FileInfo, error)
	// read returns the content of a regular file of at most limit bytes.
	read(ctx context.Context, name string, limit int64) ([]byte, error)
	// entries returns what makes entries of files, in the form and of the size
	// that the options say. It is for one goroutine, and several may have one.
	entries(opts ScanOptions) func(context.Context, scanFile) (Entry, error)
}

// directory is the files below a directory of the system.
type directory struct{ root *os.Root }

func (d directory) lstat(name string) (fs.FileMode, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return 0, err
	}
	return info.Mode().Type(), nil
}

func (d directory) readlink(name string) (string, error) { return d.root.Readlink(name) }

func (d directory) read(ctx context.Context, name string, limit int64) (data []byte, err error) {
	err = readStable(ctx, d.root, name, limit, func(r *stableReader, size int64) (int64, error) {
		data, err = io.ReadAll(r)
		return int64(len(data)), err
	})
	return data, err
}

func (d directory) entries(opts ScanOptions) func(context.Context, scanFile) (Entry, error) {
	h := newFileHasher(d.root, opts)
	if opts.Text == TextLF {
		return h.canonicalEntry
	}
	return h.entry
}

// list returns what a link-free directory holds, by name, and its state,
// which was the same before and after. Its errors are those of [readStable]
// and a [fault] when it holds more names than a scan may still look at.
func (d directory) list(ctx context.Context, name string) (entries []fs.DirEntry, info fs.FileInfo, err error) {
	err = errUnstable
	for try := 0; try < stableTries && errors.Is(err, errUnstable) && ctx.Err() == nil; try++ {
		entries, info, err = listOnce(d.root, name)
	}
	return entries, info, err
}

func listOnce(root *os.Root, name string) ([]fs.DirEntry, fs.FileInfo, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, nil, gone(err)
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !before.IsDir() {
		return nil, nil, errUnstable
	}
	var entries []fs.DirEntry
	for {
		some, err := f.ReadDir(1024)
		entries = append(entries, some...)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if len(entries) > maxScanNames {
			return nil, nil, tooManyNames()
		}
	}
	after, err := root.Lstat(name)
	if err != nil {
		return nil, nil, gone(err)
	}
	if !sameState(before, after) {
		return nil, nil, errUnstable
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, after, nil
}

// hashBuffer is how many bytes are read and hashed at once.
const hashBuffer = 128 << 10

// fileHasher hashes one file after another with one buffer.
type fileHasher struct {
	root *os.Root
	opts ScanOptions
	hash *ObjectHash
	buf  []byte
}

func newFileHasher(root *os.Root, opts ScanOptions) *fileHasher {
	return &fileHasher{root, opts, NewObjectHash("blob", 0), make([]byte, hashBuffer)}
}

func (h *fileHasher) entry(ctx context.Context, f scanFile) (Entry, error) {
	e := Entry{Path: f.path}
	err := readStable(ctx, h.root, f.name, h.opts.readLimit(), func(r *stableReader, size int64) (n int64, err error) {
		h.hash.Reset("blob", size)
		n, err = io.CopyBuffer(h.hash, r, h.buf)
		e.ID, e.Size = h.hash.ID(), size
		return n, err
	})
	return e, err
}

// canonicalEntry is entry in LF form. The size goes into the hash first, so a
// file whose form differs from it is read a second time.
func (h *fileHasher) canonicalEntry(ctx context.Context, f scanFile) (Entry, error) {
	e := Entry{Path: f.path}
	err := readStable(ctx, h.root, f.name, h.opts.readLimit(), func(r *stableReader, size int64) (n int64, err error) {
		h.hash.Reset("blob", size)
		meter := newTextMeter()
		n, err = io.CopyBuffer(io.MultiWriter(h.hash, meter), r, h.buf)
		e.ID, e.Size = h.hash.ID(), size
		if err != nil || n != size || meter.canonicalSize() == size {
			return n, err
		}
		e.Size = meter.canonicalSize()
		e.ID, n, err = h.canonicalID(r, e.Size)
		return n, err
	})
	var large *tooLargeError
	switch {
	case err == nil:
		err = h.opts.fits(e.Size)
	case errors.As(err, &large): // than what is read; people know of one limit
		err = h.opts.fits(large.size)
	}
	return e, err
}

// canonicalID returns the id of a text in LF form, which has size bytes, and
// how many bytes were read.
func (h *fileHasher) canonicalID(r *stableReader, size int64) (ID, int64, error) {
	if err := r.rewind(); err != nil {
		return ID{}, 0, err
	}
	h.hash.Reset("blob", size)
	w := lfWriter{dst: h.hash}
	n, err := io.CopyBuffer(&w, r, h.buf)
	if err == nil {
		err = w.flush()
	}
	return h.hash.ID(), n, err
}
