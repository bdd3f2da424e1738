package gitrepo

import (
	"io"
	"io/fs"
)

// openFile is an open file, read at once when its first byte is asked for.
type openFile struct {
	info   fileInfo
	read   func() ([]byte, error) // nil afterwards
	data   []byte
	closed bool
}

// Stat implements [fs.File].
func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, f.check("stat") }

// Read implements [fs.File].
func (f *openFile) Read(p []byte) (int, error) {
	if err := f.check("read"); err != nil {
		return 0, err
	}
	if f.read != nil {
		data, err := f.read()
		if err != nil {
			return 0, err
		}
		f.data, f.read = data, nil
	}
	if len(f.data) == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}

// Close implements [fs.File].
func (f *openFile) Close() error {
	err := f.check("close")
	f.closed, f.data = true, nil
	return err
}

func (f *openFile) check(op string) error {
	if f.closed {
		return &fs.PathError{Op: op, Path: f.info.name, Err: fs.ErrClosed}
	}
	return nil
}

// openDir is an open directory, read at once when its first entry is asked for.
type openDir struct {
	info    fileInfo
	list    func() ([]fs.DirEntry, error) // nil afterwards
	entries []fs.DirEntry
	closed  bool
}

// Stat implements [fs.File].
func (d *openDir) Stat() (fs.FileInfo, error) { return d.info, d.check("stat") }

// Read implements [fs.File].
func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.info.name, Err: errIsDirectory}
}

// ReadDir implements [fs.ReadDirFile].
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if err := d.check("readdir"); err != nil {
		return nil, err
	}
	if d.list != nil {
		entries, err := d.list()
		if err != nil {
			return nil, err
		}
		d.entries, d.list = entries, nil
	}
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	some := d.entries[:n:n]
	d.entries = d.entries[n:]
	return some, nil
}

// Close implements [fs.File].
func (d *openDir) Close() error {
	err := d.check("close")
	d.closed, d.entries = true, nil
	return err
}

func (d *openDir) check(op string) error {
	if d.closed {
		return &fs.PathError{Op: op, Path: d.info.name, Err: fs.ErrClosed}
	}
	return nil
}
