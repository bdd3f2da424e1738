package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// ScanOptions say what of a directory is published. The zero value publishes
// all that the floor, the built-in list and the ignore files of the tree
// itself leave.
type ScanOptions struct {
	Ignore      []string     // the target's own patterns
	Enclosing   []IgnoreFile // see [EnclosingIgnore]
	MaxFileSize int64        // in bytes, as published; a larger file is a problem; 0: no limit
	Text        Text         // the form in which text is published; zero: as it is
	Workers     int          // files hashed at once; 0: GOMAXPROCS
	Cache       *Cache       // ids of files that did not change, of a directory; nil: all are read
}

// readLimit is up to how many bytes a file is read, 0 for any number: with CRs
// it may be twice as large as it is published.
func (o ScanOptions) readLimit() int64 {
	if o.Text == TextLF {
		return 2 * o.MaxFileSize
	}
	return o.MaxFileSize
}

// fits returns an error when a file of size bytes may not be published.
func (o ScanOptions) fits(size int64) error {
	if o.MaxFileSize > 0 && size > o.MaxFileSize {
		return &tooLargeError{size, o.MaxFileSize}
	}
	return nil
}

// Snapshot is what one look at a source found.
type Snapshot struct {
	Tree     Tree       // what is present, in published form
	Unknown  UnknownSet // what may be present: never to be taken for absent
	Problems []Problem  // why, by path; none means that Unknown is empty
	Ignore   *Ignore    // the rules, those of the tree's ignore files included
	LeftOver bool       // a name begins with [TempPrefix]: of a run that was killed, or that is at work
}

// maxScanNames is how many names one scan looks at. The service takes 100
// files in a skill, so this many mean a wrong directory or symbolic links
// that multiply; the cap bounds memory and time.
const maxScanNames = 100_000

// maxPathLen is the length in bytes of the longest path that is scanned or
// unzipped: Linux's PATH_MAX. The service takes 512 characters.
const maxPathLen = 4096

// Scan reads the tree below root in published form. Whatever cannot be
// published is a [Problem] and [Unknown], and the scan goes on. It fails only
// when the options are wrong, root cannot be listed, or ctx ends.
//
// Every file and directory was in the same state before and after it was
// read, as far as the system's size, times and inode tell, and at the end
// every directory still held the names it was read with. Nothing outside of
// root is read; a symbolic link that leads out, even to come back, is a
// problem. Ignored directories are not opened. Root is shared by several
// goroutines, which end before Scan returns.
//
// Of a tree that the cache holds as a whole, and of which nothing changed, the
// snapshot is what was there when the scan began.
func Scan(ctx context.Context, root *os.Root, opts ScanOptions) (Snapshot, error) {
	rules, err := opts.rules()
	if err != nil {
		return Snapshot{}, fmt.Errorf("scan directory: %w", err)
	}
	print := opts.print()
	if found, ok := opts.Cache.unchanged(ctx, root, print, rules); ok {
		return found, nil
	}
	dir := directory{root, opts.Cache}
	s := newScanner(dir, opts, rules)
	if err := s.scan(ctx); err != nil {
		return Snapshot{}, fmt.Errorf("scan directory: %w", err)
	}
	if err := s.checkDirs(ctx, dir); err != nil {
		return Snapshot{}, fmt.Errorf("scan directory: %w", err)
	}
	found, err := s.snapshot()
	if err == nil {
		s.keepWhole(root, print, found)
	}
	return found, err
}

// scan looks at all there is.
func (s *scanner) scan(ctx context.Context) error {
	if err := s.walk(ctx, scanDir{name: "."}, nil); err != nil {
		return err
	}
	s.reportTwins()
	return s.hashAll(ctx)
}

// ScanFile reads the one file at name, a slash-separated path below root, and
// publishes it as the only file of a tree under the path as. Whoever names a
// file wants it, so no ignore pattern applies to it. Errors are those of
// [Scan], and one that wraps [fs.ErrNotExist] when nothing has that name.
func ScanFile(ctx context.Context, root *os.Root, name string, as Path, opts ScanOptions) (Snapshot, error) {
	return scanOne(ctx, directory{root, nil}, name, as, opts)
}

func scanOne(ctx context.Context, from files, name string, as Path, opts ScanOptions) (Snapshot, error) {
	rules, err := opts.rules()
	if err != nil {
		return Snapshot{}, fmt.Errorf("scan file: %w", err)
	}
	s := newScanner(from, opts, rules)
	if _, err := ParsePath(string(as)); err != nil {
		return Snapshot{}, fmt.Errorf("scan file: %w", err)
	}
	if !fs.ValidPath(name) {
		return Snapshot{}, fmt.Errorf("scan file %q: %w", name, fs.ErrInvalid)
	}
	if _, err := from.lstat(name); errors.Is(err, fs.ErrNotExist) {
		return Snapshot{}, fmt.Errorf("scan file: %w", err)
	}
	resolved, mode, err := resolve(from, ".", name)
	switch {
	case err != nil:
		s.report(as, false, err)
	case mode.Type() != 0:
		s.report(as, false, irregular(mode))
	default:
		s.files = []scanFile{{path: as, name: resolved}}
	}
	if err := s.hashAll(ctx); err != nil {
		return Snapshot{}, fmt.Errorf("scan file %q: %w", name, err)
	}
	return s.snapshot()
}

// scanner holds what one scan has learnt so far.
type scanner struct {
	from     files
	opts     ScanOptions
	ignore   *Ignore
	names    int // looked at so far
	leftOver bool
	linked   bool       // something lies behind a symbolic link
	files    []scanFile // to be hashed
	dirs     []scanDir
	entries  []Entry
	problems []Problem
	unknown  UnknownSet
	lost     map[Path]struct{} // the paths of unknown
}

// scanFile is a file to hash: the path it is published under, and its name
// below the root, which no symbolic link is part of.
type scanFile struct {
	path Path
	name string
}

// scanDir is the same for a directory, with what it held.
type scanDir struct {
	path  Path // "" for the root
	name  string
	info  fs.FileInfo
	held  []string    // see scanner.held
	rules []keptRules // its ignore files
}

// rules returns the rules of the options, which the ignore files of a tree are to be
// added to.
func (o ScanOptions) rules() (*Ignore, error) {
	rules, err := NewIgnore(o.Ignore)
	if err != nil {
		return nil, err
	}
	return rules.With(o.Enclosing...), nil
}

// newScanner returns a scanner that alone holds rules.
func newScanner(from files, opts ScanOptions, rules *Ignore) *scanner {
	opts.Cache.parse() // here, for several goroutines are going to ask it
	return &scanner{
		from: from, opts: opts, ignore: rules,
		lost:    make(map[Path]struct{}),
		entries: make([]Entry, 0, opts.Cache.size()),
	}
}

// report records that p, and with below everything in it, is unknown.
func (s *scanner) report(p Path, below bool, err error) {
	problem := newProblem(p, err)
	s.problems = append(s.problems, problem)
	s.unknown = append(s.unknown, Unknown{Path: p, Below: below, Reason: problem.Detail})
	s.lost[p] = struct{}{}
}

// isLost reports whether p or a directory that holds it is unknown.
func (s *scanner) isLost(p Path) bool {
	if len(s.lost) == 0 {
		return false
	}
	lost := func(q Path) bool { _, ok := s.lost[q]; return ok }
	if lost("") || lost(p) {
		return true
	}
	for dir := range p.Dirs {
		if lost(dir) {
			return true
		}
	}
	return false
}

func (s *scanner) reportTwins() {
	paths := func(yield func(Path) bool) {
		for _, e := range s.entries { // those that are as they are kept
			if !yield(e.Path) {
				return
			}
		}
		for _, f := range s.files {
			if !yield(f.path) {
				return
			}
		}
	}
	for _, group := range Twins(paths) {
		for i, p := range group {
			twin := group[(i+1)%len(group)]
			s.report(p, true, newFault(NameTwins, "differs from %q only by case or Unicode form", twin))
		}
	}
}

// hashed is a file once it was looked at.
type hashed struct {
	entry Entry
	state fileState // that it has in the file system; zero when not all is told
	err   error
}

// hashAll turns files into entries, several at once.
func (s *scanner) hashAll(ctx context.Context) error {
	files := slices.DeleteFunc(s.files, func(f scanFile) bool { return s.isLost(f.path) })
	found := make([]hashed, len(files))
	parts := sameDirs(files)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(len(parts), cmp.Or(max(s.opts.Workers, 0), runtime.GOMAXPROCS(0))) {
		wg.Go(func() {
			hash := s.from.entries(s.opts)
			for {
				i := int(next.Add(1)) - 1
				if i >= len(parts) || ctx.Err() != nil {
					return
				}
				hash(ctx, files[parts[i].from:parts[i].to], found[parts[i].from:parts[i].to])
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	for i, f := range found {
		if f.err != nil {
			s.report(files[i].path, false, f.err)
		} else {
			s.entries = append(s.entries, f.entry)
		}
	}
	s.opts.Cache.replace(files, found)
	return nil
}

// hashTogether is how many files of a directory one worker takes at once: enough
// that opening it costs little, and few enough that all workers have some.
const hashTogether = 32

// span is a part of a list.
type span struct{ from, to int }

// sameDirs parts files into those that follow each other in one directory.
func sameDirs(files []scanFile) (parts []span) {
	dir := ""
	for i, f := range files {
		if at := path.Dir(f.name); i == 0 || at != dir || i-parts[len(parts)-1].from == hashTogether {
			dir = at
			parts = append(parts, span{from: i})
		}
		parts[len(parts)-1].to = i + 1
	}
	return parts
}

func (s *scanner) snapshot() (Snapshot, error) {
	known := slices.DeleteFunc(s.entries, func(e Entry) bool { return s.isLost(e.Path) })
	tree, err := ownTree(known)
	if err != nil {
		return Snapshot{}, fmt.Errorf("scan directory: %w", err)
	}
	slices.SortFunc(s.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Kind, b.Kind))
	})
	slices.SortFunc(s.unknown, func(a, b Unknown) int { return cmp.Compare(a.Path, b.Path) })
	return Snapshot{Tree: tree, Unknown: s.unknown, Problems: s.problems, Ignore: s.ignore, LeftOver: s.leftOver}, nil
}

// ErrChanged says that a file no longer has the content it was seen with.
var ErrChanged = errors.New("changed since it was scanned")

// ReadFile reads the file at name, a slash-separated path below root, whose
// content must be want's: the bytes are those that want.ID names, or the
// error wraps [ErrChanged]. name may lead through symbolic links inside root
// and is want.Path unless the file is published under another path. opts are
// those of the scan that found it.
func ReadFile(ctx context.Context, root *os.Root, name string, want Entry, opts ScanOptions) ([]byte, error) {
	resolved, _, err := resolve(directory{root, nil}, ".", path.Clean(name))
	var data []byte
	if err == nil {
		data, err = readAsLarge(ctx, root, resolved, want.Size, opts)
	}
	var link *fault
	var large *tooLargeError
	switch {
	case errors.Is(err, errUnstable), errors.Is(err, errIrregular), errors.As(err, &link), errors.As(err, &large):
		return nil, fmt.Errorf("read file %q: %w: %w", name, ErrChanged, err)
	case err != nil:
		return nil, fmt.Errorf("read file %q: %w", name, err)
	}
	if data = opts.Text.Canonical(data); BlobID(data) != want.ID {
		return nil, fmt.Errorf("read file %q: %w", name, ErrChanged)
	}
	return data, nil
}

// readAsLarge reads the regular file at name, which holds no symbolic link and has
// as many bytes as were seen, or more where line ends do not count.
func readAsLarge(ctx context.Context, root *os.Root, name string, seen int64, opts ScanOptions) (data []byte, err error) {
	err = openBelow(root).readStable(ctx, name, opts.readLimit(), func(r *stableReader, size int64) (int64, error) {
		if size < seen || size > seen && opts.Text != TextLF {
			return 0, fmt.Errorf("%d bytes instead of %d: %w", size, seen, ErrChanged)
		}
		data = make([]byte, size)
		n, err := io.ReadFull(r, data)
		if err != nil {
			return int64(n), errUnstable
		}
		more, err := io.Copy(io.Discard, r)
		return int64(n) + more, err
	})
	return data, err
}
