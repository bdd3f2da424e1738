package manifest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// Source is a tree whose files have ids already, as those of a git commit
// have. Names are slash-separated paths below its root, which is "."; none
// that is asked about leads through a symbolic link. It does not change while
// it is scanned, by one goroutine. An error made by [Fault] is kept word by
// word in the [Problem] it becomes.
type Source interface {
	// Lstat returns the kind of file; the error wraps [fs.ErrNotExist] when
	// nothing has the name.
	Lstat(ctx context.Context, name string) (fs.FileMode, error)
	// ReadDir returns what a directory holds, in any order.
	ReadDir(ctx context.Context, name string) ([]fs.DirEntry, error)
	// Blob returns the id and the size in bytes of what ReadFile would.
	Blob(ctx context.Context, name string) (ID, int64, error)
	// LF returns the id and the size of that content in the form [TextLF]. It
	// is asked for files only that Blob has told of, and that may be read.
	LF(ctx context.Context, name string) (ID, int64, error)
	// ReadFile returns the content of a file, or where a symbolic link leads.
	// It is asked for links and ignore files only.
	ReadFile(ctx context.Context, name string) ([]byte, error)
}

// ScanSource finds in the directory dir of src, a slash-separated path, what
// [Scan] finds in that directory of a worktree. The enclosing ignore files are
// those of src, whatever the options say. The errors are those of Scan, and
// one that wraps [fs.ErrNotExist] when dir is not there.
func ScanSource(ctx context.Context, src Source, dir string, opts ScanOptions) (Snapshot, error) {
	top := sourceFiles{ctx, src, "."}
	from, err := top.below(dir)
	if err != nil {
		return Snapshot{}, fmt.Errorf("scan %s: %w", dir, err)
	}
	if opts.Enclosing, err = enclosingIgnore(ctx, top, dir); err != nil {
		return Snapshot{}, fmt.Errorf("scan %s: collect ignore files: %w", dir, err)
	}
	opts.Workers = 1 // there is nothing to hash
	rules, err := opts.rules()
	if err != nil {
		return Snapshot{}, fmt.Errorf("scan %s: %w", dir, err)
	}
	s := newScanner(from, opts, rules)
	if err := s.scan(ctx); err != nil {
		return Snapshot{}, fmt.Errorf("scan %s: %w", dir, err)
	}
	return s.snapshot()
}

// ScanSourceFile is to [ScanFile], with a root that is the directory of the
// file at name, what [ScanSource] is to [Scan].
func ScanSourceFile(ctx context.Context, src Source, name string, as Path, opts ScanOptions) (Snapshot, error) {
	from, err := sourceFiles{ctx, src, "."}.below(path.Dir(name))
	if errors.Is(err, errNoDirectory) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return Snapshot{}, fmt.Errorf("scan file %q: %w", name, err)
	}
	return scanOne(ctx, from, path.Base(name), as, opts)
}

// sourceFiles are the files of a source below one of its directories.
type sourceFiles struct {
	ctx context.Context // of the one scan that this is for
	src Source
	dir string
}

var errNoDirectory = errors.New("not a directory")

// below returns the files below dir, which may lead through links.
func (s sourceFiles) below(dir string) (sourceFiles, error) {
	name, mode, err := resolve(s, ".", dir)
	var known *fault
	switch {
	case errors.As(err, &known) && known.kind == LinkBroken:
		return sourceFiles{}, fmt.Errorf("it %s: %w", known.detail, fs.ErrNotExist)
	case err != nil:
		return sourceFiles{}, err
	case !mode.IsDir():
		return sourceFiles{}, errNoDirectory
	}
	return sourceFiles{s.ctx, s.src, path.Join(s.dir, name)}, nil
}

func (s sourceFiles) lstat(name string) (fs.FileMode, error) {
	return s.src.Lstat(s.ctx, path.Join(s.dir, name))
}

func (s sourceFiles) readlink(name string) (string, error) {
	target, _, err := s.read(s.ctx, name, maxPathLen)
	return string(target), err
}

func (s sourceFiles) list(ctx context.Context, name string) ([]listed, fs.FileInfo, error) {
	held, err := s.src.ReadDir(ctx, path.Join(s.dir, name))
	entries := make([]listed, len(held))
	for i, e := range held {
		entries[i] = listed{name: e.Name(), kind: e.Type()}
	}
	return entries, nil, err
}

func (s sourceFiles) read(ctx context.Context, name string, limit int64) (data []byte, _ fileState, err error) {
	full := path.Join(s.dir, name)
	switch _, size, err := s.src.Blob(ctx, full); {
	case err != nil:
		return nil, fileState{}, err
	case size > limit:
		return nil, fileState{}, &tooLargeError{size, limit}
	}
	data, err = s.src.ReadFile(ctx, full)
	return data, fileState{}, err
}

func (s sourceFiles) entries(opts ScanOptions) func(context.Context, []scanFile, []hashed) {
	one := s.entry(opts)
	return func(ctx context.Context, files []scanFile, out []hashed) {
		for i, f := range files {
			out[i].entry, out[i].err = one(ctx, f)
		}
	}
}

func (s sourceFiles) entry(opts ScanOptions) func(context.Context, scanFile) (Entry, error) {
	return func(ctx context.Context, f scanFile) (Entry, error) {
		name := path.Join(s.dir, f.name)
		id, size, err := s.src.Blob(ctx, name)
		if limit := opts.readLimit(); err == nil && opts.Text == TextLF && (limit == 0 || size <= limit) {
			id, size, err = s.src.LF(ctx, name)
		}
		if err == nil {
			err = opts.fits(size)
		}
		return Entry{f.path, id, size}, err
	}
}

// enclosingIgnore is [EnclosingIgnore] for a directory below top.
func enclosingIgnore(ctx context.Context, top sourceFiles, dir string) ([]IgnoreFile, error) {
	var found []IgnoreFile
	for at := path.Clean(dir); at != "."; {
		at = path.Dir(at)
		from, err := top.below(at)
		if err != nil {
			return nil, err
		}
		for layer := range ignoreLayers {
			data, err := readEnclosing(ctx, top, from.dir, layer.Filename())
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", path.Join(at, layer.Filename()), err)
			}
			above := path.Clean(dir)
			if at != "." {
				above = strings.TrimPrefix(above, at+"/")
			}
			found = append(found, IgnoreFile{Layer: layer, Above: above, Data: data})
		}
	}
	return found, nil
}

// readEnclosing reads an ignore file in dir, a link-free name. Its error
// wraps [fs.ErrNotExist] when there is none or a link to none.
func readEnclosing(ctx context.Context, top sourceFiles, dir, filename string) ([]byte, error) {
	if _, err := top.lstat(path.Join(dir, filename)); err != nil {
		return nil, err
	}
	rules, err := readRules(ctx, top, dir, filename)
	return rules.data, err
}
