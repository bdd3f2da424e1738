package manifest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// stableTries is how often a file or directory is read before it is called
// unstable: a save in progress is over by then, an endless writer is not.
const stableTries = 3

var (
	errUnstable  = errors.New("changed while it was read")
	errIrregular = errors.New("not a regular file")
)

// tooLargeError says that a file is larger than what may be read.
type tooLargeError struct{ size, limit int64 }

func (e *tooLargeError) Error() string {
	return fmt.Sprintf("%d bytes, more than the limit of %d", e.size, e.limit)
}

// sameState reports whether two looks at a file found it in one state, as
// far as the system tells: the same inode, size, modification time and, on
// Linux and macOS, change time.
func sameState(a, b fs.FileInfo) bool {
	return a.Size() == b.Size() && a.Mode() == b.Mode() && a.ModTime().Equal(b.ModTime()) &&
		changeTime(a) == changeTime(b) && os.SameFile(a, b)
}

// opened is a regular file that is open under a name.
type opened interface {
	io.ReadSeeker
	// size is what the system told of the file when it was opened.
	size() int64
	state() fileState
	// same returns [errUnstable] unless the file is as it was then, and still has
	// its name.
	same() error
	Close() error
}

// opener opens the regular file of a name that holds no symbolic link. Its errors
// are those of [readStable].
type opener func(name string) (opened, error)

// readStable gives consume the bytes of the regular file at name, and retries until
// the file was in the same state before and after. consume is called once per try with
// the size to expect, reads to the end, and returns how much there was, the last time
// when it read several times. The errors are those of the file system, [errUnstable],
// [errIrregular], *[tooLargeError] when the file is larger than a limit that is not 0,
// and the context's.
func (open opener) readStable(ctx context.Context, name string, limit int64, consume func(r *stableReader, size int64) (int64, error)) error {
	err := errUnstable
	for try := 0; try < stableTries && errors.Is(err, errUnstable); try++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err = open.readOnce(ctx, name, limit, consume)
	}
	return err
}

func (open opener) readOnce(ctx context.Context, name string, limit int64, consume func(*stableReader, int64) (int64, error)) error {
	f, err := open(name)
	if err != nil {
		return gone(err)
	}
	defer f.Close()
	size := f.size()
	if limit > 0 && size > limit {
		return &tooLargeError{size, limit}
	}
	n, err := consume(newStableReader(ctx, f), size)
	if err != nil {
		return err
	}
	if n != size {
		return errUnstable
	}
	return gone(f.same())
}

// openBelow opens files below root.
func openBelow(root *os.Root) opener {
	return func(name string) (opened, error) {
		// Opening a pipe or a device can block or have effects, so look first.
		before, err := root.Lstat(name)
		if err != nil {
			return nil, err
		}
		if !before.Mode().IsRegular() {
			return nil, errIrregular
		}
		f, err := root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
		if err != nil {
			return nil, err
		}
		now := &openBelowRoot{f, root, name, before}
		if err := now.as(f.Stat()); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return now, nil
	}
}

// openBelowRoot is a file that was opened below a root.
type openBelowRoot struct {
	*os.File
	root *os.Root
	name string
	info fs.FileInfo
}

func (f *openBelowRoot) size() int64      { return f.info.Size() }
func (f *openBelowRoot) state() fileState { return stateOf(f.info) }

// same asks twice: the open file shows a write in place, the name a replacement.
func (f *openBelowRoot) same() error {
	if err := f.as(f.Stat()); err != nil {
		return err
	}
	return f.as(f.root.Lstat(f.name))
}

// as compares another look at the file with the first one.
func (f *openBelowRoot) as(info fs.FileInfo, err error) error {
	if err == nil && !sameState(f.info, info) {
		err = errUnstable
	}
	return err
}

// gone turns "no such file" into [errUnstable]: the name was there when its
// directory was listed.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errUnstable
	}
	return err
}

// stableReader reads a file that is expected to have a size. It stops when ctx
// ends.
type stableReader struct {
	ctx  context.Context
	file opened
	left int64
}

func newStableReader(ctx context.Context, f opened) *stableReader {
	// One byte more than expected is enough to know that it grew.
	return &stableReader{ctx, f, f.size() + 1}
}

// Read implements [io.Reader].
func (s *stableReader) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	if s.left <= 0 {
		return 0, io.EOF
	}
	n, err := s.file.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	return n, err
}

// rewind goes back to the first byte.
func (s *stableReader) rewind() error {
	_, err := s.file.Seek(0, io.SeekStart)
	s.left = s.file.size() + 1
	return err
}
