package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Limits on what is read whole. A repository may be anybody's, so nothing
// in it is believed to be small.
const (
	// maxPointer bounds .git, commondir, HEAD and a loose ref, in bytes: a
	// path of PATH_MAX, 4096, with the words around it.
	maxPointer = 8 << 10
	// maxPackedRefs bounds packed-refs, in bytes: about 700,000 refs.
	maxPackedRefs = 64 << 20
	// maxShallow bounds the file shallow, in bytes: 400,000 commits.
	maxShallow = 16 << 20
	// maxAlternates bounds objects/info/alternates, in bytes: 16 paths of
	// PATH_MAX. git follows any number; forks on servers have one or two.
	maxAlternates = 64 << 10
)

var errNotRegular = errors.New("not a regular file")

// openBounded opens a regular file of at most limit bytes.
func openBounded(name string, limit int64) (*os.File, fs.FileInfo, error) {
	// Opening a pipe or a device can block or have effects, so look first.
	info, err := os.Stat(name)
	if err == nil {
		err = checkBounded(name, info, limit)
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := os.OpenFile(name, os.O_RDONLY|openNonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err == nil {
		err = checkBounded(name, info, limit)
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return f, info, nil
}

func checkBounded(name string, info fs.FileInfo, limit int64) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("read %s: %w", name, errNotRegular)
	case info.Size() > limit:
		return fmt.Errorf("read %s: %d bytes, more than the limit of %d", name, info.Size(), limit)
	}
	return nil
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	f, info, err := openBounded(name, limit)
	if err != nil {
		return nil, err
	}
	data := bytes.NewBuffer(make([]byte, 0, info.Size()+bytes.MinRead))
	_, err = data.ReadFrom(io.LimitReader(f, limit+1))
	if err == nil && int64(data.Len()) > limit {
		err = fmt.Errorf("read %s: more than the limit of %d bytes", name, limit)
	}
	return data.Bytes(), errors.Join(err, f.Close())
}

// stamp changes whenever git replaces a file, which it does by a rename.
func stamp(info fs.FileInfo) string {
	return fmt.Sprintf("%d-%d-%d", info.ModTime().UnixNano(), info.Size(), inode(info))
}
