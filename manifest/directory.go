package manifest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
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
	list(ctx context.Context, name string) ([]listed, fs.FileInfo, error)
	// read returns the content of a regular file of at most limit bytes, and the
	// state, if it has one, in which it has that.
	read(ctx context.Context, name string, limit int64) ([]byte, fileState, error)
	// entries returns what makes entries of files of one directory, in the form
	// and of the size that the options say. It is for one goroutine, and several
	// may have one.
	entries(opts ScanOptions) func(context.Context, []scanFile, []hashed)
}

// listed is one name in a directory.
type listed struct {
	name string
	kind fs.FileMode // type bits alone
	kept *keptFile   // of a regular file that is as it is kept; nil: it may have changed
}

func (l listed) isDir() bool { return l.kind == fs.ModeDir }

// directory is the files below a directory of the system, of which some are kept.
type directory struct {
	root *os.Root
	kept *Cache
}

func (d directory) lstat(name string) (fs.FileMode, error) {
	info, err := d.root.Lstat(name)
	if err != nil {
		return 0, err
	}
	return info.Mode().Type(), nil
}

func (d directory) readlink(name string) (string, error) { return d.root.Readlink(name) }

func (d directory) read(ctx context.Context, name string, limit int64) (data []byte, state fileState, err error) {
	err = openBelow(d.root).readStable(ctx, name, limit, func(r *stableReader, size int64) (int64, error) {
		state = r.file.state()
		data, err = io.ReadAll(r)
		return int64(len(data)), err
	})
	return data, state, err
}

func (d directory) entries(opts ScanOptions) func(context.Context, []scanFile, []hashed) {
	return newFileHasher(d.root, opts).all
}

// list returns what a link-free directory holds, by name, and its state,
// which was the same before and after. Its errors are those of [readStable]
// and a [fault] when it holds more names than a scan may still look at.
func (d directory) list(ctx context.Context, name string) (entries []listed, info fs.FileInfo, err error) {
	err = errUnstable
	for try := 0; try < stableTries && errors.Is(err, errUnstable) && ctx.Err() == nil; try++ {
		entries, info, err = d.listOnce(name)
	}
	return entries, info, err
}

func (d directory) listOnce(name string) ([]listed, fs.FileInfo, error) {
	f, err := d.root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
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
	entries, err := entriesOf(f)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(entries, func(a, b listed) int { return strings.Compare(a.name, b.name) })
	if err := findKept(f, entries, d.kept.in(name)); err != nil {
		return nil, nil, err
	}
	after, err := d.root.Lstat(name)
	if err != nil {
		return nil, nil, gone(err)
	}
	if !sameState(before, after) {
		return nil, nil, errUnstable
	}
	return entries, after, nil
}

// hashBuffer is how many bytes are read and hashed at once.
const hashBuffer = 128 << 10

// fileHasher hashes one file after another with one buffer.
type fileHasher struct {
	root  *os.Root
	opts  ScanOptions
	hash  *ObjectHash
	buf   []byte    // nil until a file is read
	state fileState // of the file that was read last
}

func newFileHasher(root *os.Root, opts ScanOptions) *fileHasher {
	return &fileHasher{root: root, opts: opts, hash: NewObjectHash("blob", 0)}
}

// all hashes files of one directory, which is opened once for them: each name from
// the root on is looked up by the system anew. Should the directory not be where it
// was once they were read, they are read again by their whole names.
func (h *fileHasher) all(ctx context.Context, files []scanFile, out []hashed) {
	if !h.allBelow(ctx, path.Dir(files[0].name), files, out) {
		open := openBelow(h.root)
		for i, f := range files {
			out[i] = h.one(ctx, open, h.root, f, f.name)
		}
	}
}

// allBelow is false when the directory of that name could not be opened, or another
// has the name by now.
func (h *fileHasher) allBelow(ctx context.Context, name string, files []scanFile, out []hashed) bool {
	dir, err := h.root.OpenRoot(name)
	if err != nil {
		return false
	}
	defer dir.Close()
	err = openingIn(dir, func(open opener) {
		for i, f := range files {
			out[i] = h.one(ctx, open, dir, f, path.Base(f.name))
		}
	})
	if err != nil {
		return false
	}
	opened, err := dir.Lstat(".")
	if err != nil {
		return false
	}
	named, err := h.root.Lstat(name)
	return err == nil && os.SameFile(opened, named)
}

// one makes an entry of a file, which has a name below dir and is opened there.
func (h *fileHasher) one(ctx context.Context, open opener, dir *os.Root, f scanFile, name string) hashed {
	known, ok := h.opts.Cache.find(f.name, func() (fs.FileInfo, error) { return dir.Lstat(name) })
	if ok && h.opts.fits(known.size) == nil {
		return hashed{entry: Entry{f.path, known.id, known.size}, state: known.state}
	}
	if h.buf == nil {
		h.buf = make([]byte, hashBuffer)
	}
	var e Entry
	var err error
	if h.opts.Text == TextLF {
		e, err = h.canonicalEntry(ctx, open, name)
	} else {
		e, err = h.entry(ctx, open, name)
	}
	e.Path = f.path
	return hashed{e, h.state, err}
}

func (h *fileHasher) entry(ctx context.Context, open opener, name string) (e Entry, err error) {
	err = open.readStable(ctx, name, h.opts.readLimit(), func(r *stableReader, size int64) (n int64, err error) {
		h.state = r.file.state()
		h.hash.Reset("blob", size)
		n, err = io.CopyBuffer(h.hash, r, h.buf)
		e.ID, e.Size = h.hash.ID(), size
		return n, err
	})
	return e, err
}

// canonicalEntry is entry in LF form. The size goes into the hash first, so a
// file whose form differs from it is read a second time.
func (h *fileHasher) canonicalEntry(ctx context.Context, open opener, name string) (e Entry, err error) {
	err = open.readStable(ctx, name, h.opts.readLimit(), func(r *stableReader, size int64) (n int64, err error) {
		h.state = r.file.state()
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
