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

// readStable gives consume the bytes of the regular file at name, which holds
// no symbolic link, and retries until the file was in the same state before
// and after. consume is called once per try with the size to expect, reads
// to the end, and returns how much there was, the last time when it read
// several times. The errors are those of the
// file system, [errUnstable], [errIrregular], *[tooLargeError] when the file
// is larger than a limit that is not 0, and the context's.
func readStable(ctx context.Context, root *os.Root, name string, limit int64, consume func(r *stableReader, size int64) (int64, error)) error {
	err := errUnstable
	for try := 0; try < stableTries && errors.Is(err, errUnstable); try++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err = readOnce(ctx, root, name, limit, consume)
	}
	return err
}

func readOnce(ctx context.Context, root *os.Root, name string, limit int64, consume func(*stableReader, int64) (int64, error)) error {
	// Opening a pipe or a device can block or have effects, so look first.
	before, err := root.Lstat(name)
	switch {
	case err != nil:
		return gone(err)
	case !before.Mode().IsRegular():
		return errIrregular
	case limit > 0 && before.Size() > limit:
		return &tooLargeError{before.Size(), limit}
	}
	f, err := root.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return gone(err)
	}
	defer f.Close()
	opened, err := f.Stat()
	if err != nil {
		return err
	}
	if !sameState(before, opened) {
		return errUnstable
	}
	n, err := consume(newStableReader(ctx, f, before), before.Size())
	if err != nil {
		return err
	}
	// The open file shows a write in place, the name a replacement.
	written, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := root.Lstat(name)
	if err != nil {
		return gone(err)
	}
	if n != before.Size() || !sameState(before, written) || !sameState(before, named) {
		return errUnstable
	}
	return nil
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
	file *os.File
	info fs.FileInfo // as the file was before, and is after when all went well
	size int64
	left int64
}

func newStableReader(ctx context.Context, f *os.File, info fs.FileInfo) *stableReader {
	// One byte more than expected is enough to know that it grew.
	return &stableReader{ctx, f, info, info.Size(), info.Size() + 1}
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
	s.left = s.size + 1
	return err
}
