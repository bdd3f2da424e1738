package manifest

import (
	"context"
	"errors"
	"os"
	"path"
	"strings"
)

// FileReader reads many files of one directory, one after the other. It keeps the
// directory of the last one and those above it open, so that a file costs its own
// name only where files come in the order of a tree. It is for one goroutine, and for
// as long as one look takes.
type FileReader struct {
	root *os.Root
	opts ScanOptions
	last string              // the directory of the last file
	dirs map[string]*os.Root // by name, link-free; nil: not to be had so
}

// NewFileReader returns a reader of files below root, which stays the caller's.
func NewFileReader(root *os.Root, opts ScanOptions) *FileReader {
	return &FileReader{root, opts, ".", map[string]*os.Root{".": root}}
}

// Read is [ReadFile] with the entry's path for a name.
func (r *FileReader) Read(ctx context.Context, want Entry) ([]byte, error) {
	dir, name := path.Split(string(want.Path))
	dir = path.Clean(dir)
	r.leave(dir)
	if at := r.dir(dir); at != nil && !onFloor(name) {
		data, err := readAsLarge(ctx, at, name, want.Size, r.opts)
		if data = r.opts.Text.Canonical(data); err == nil && BlobID(data) == want.ID {
			return data, nil
		}
	}
	// A link leads there, or it is no longer what was seen: that is told by the
	// way that looks at everything anew.
	return ReadFile(ctx, r.root, string(want.Path), want, r.opts)
}

// leave closes what does not lead to a directory. A failure is none of its files:
// they were read.
func (r *FileReader) leave(dir string) {
	if dir == r.last {
		return
	}
	r.last = dir
	for name, open := range r.dirs {
		if name == "." || name == dir || strings.HasPrefix(dir, name+"/") {
			continue
		}
		if delete(r.dirs, name); open != nil {
			_ = open.Close()
		}
	}
}

// dir returns a directory that no link leads to; nil where there is none.
func (r *FileReader) dir(name string) *os.Root {
	at, known := r.dirs[name]
	if known {
		return at
	}
	above, base := path.Split(name)
	if in := r.dir(path.Clean(above)); in != nil && !onFloor(base) {
		if info, err := in.Lstat(base); err == nil && info.IsDir() {
			at, _ = in.OpenRoot(base) // nil says that it cannot be had so
		}
	}
	r.dirs[name] = at
	return at
}

// Close closes what the reader has opened.
func (r *FileReader) Close() error {
	var errs []error
	for name, dir := range r.dirs {
		if dir != nil && name != "." {
			errs = append(errs, dir.Close())
		}
	}
	clear(r.dirs)
	return errors.Join(errs...)
}
