package manifest

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// Entry is one file of a tree.
type Entry struct {
	Path Path  `json:"path"`
	ID   ID    `json:"id"`   // git blob id of the content
	Size int64 `json:"size"` // bytes
}

// Tree is a set of files in path order. It is a value: nothing changes it,
// and it is safe for concurrent use. The zero Tree is empty.
type Tree struct {
	entries []Entry
	id      ID // zero: it is to be computed
}

// NewTree makes a tree of entries in any order. It fails when a path is no
// [Path], occurs twice, or is both a file and a directory.
func NewTree(entries ...Entry) (Tree, error) { return ownTree(slices.Clone(entries)) }

// ownTree is NewTree of entries that nobody else holds.
func ownTree(sorted []Entry) (Tree, error) {
	byPath := func(a, b Entry) int { return strings.Compare(string(a.Path), string(b.Path)) }
	if !slices.IsSortedFunc(sorted, byPath) { // which they mostly are, of a directory
		slices.SortFunc(sorted, byPath)
	}
	for i, e := range sorted {
		if _, err := ParsePath(string(e.Path)); err != nil {
			return Tree{}, err
		}
		if i > 0 && sorted[i-1].Path == e.Path {
			return Tree{}, fmt.Errorf("path %q occurs twice", e.Path)
		}
	}
	t := Tree{entries: sorted}
	if p, clash := t.clash(); clash {
		return Tree{}, fmt.Errorf("path %q is both a file and a directory", p)
	}
	return t, nil
}

// clash returns a path that is both a file and a directory.
func (t Tree) clash() (Path, bool) {
	known := "" // a directory of which, and of those above it, none is a file
	for _, e := range t.entries {
		dir := string(e.Path[:max(0, strings.LastIndexByte(string(e.Path), '/'))])
		if dir == known {
			continue
		}
		for p := range e.Path.Dirs {
			if _, ok := t.search(p); ok {
				return p, true
			}
		}
		known = dir
	}
	return "", false
}

// Len returns the number of files.
func (t Tree) Len() int { return len(t.entries) }

// Size returns the bytes of all files together.
func (t Tree) Size() (n int64) {
	for _, e := range t.entries {
		n += e.Size
	}
	return n
}

// All yields the entries in path order.
func (t Tree) All() iter.Seq[Entry] { return slices.Values(t.entries) }

// Lookup returns the entry at p.
func (t Tree) Lookup(p Path) (Entry, bool) {
	i, ok := t.search(p)
	if !ok {
		return Entry{}, false
	}
	return t.entries[i], true
}

// Get returns the entry at p, or nil when p is absent.
func (t Tree) Get(p Path) *Entry {
	if e, ok := t.Lookup(p); ok {
		return &e
	}
	return nil
}

// InOrder returns a function that finds entries by their paths, which are asked for in path
// order, each once; nil for one that the tree does not hold. An entry belongs to the tree,
// and nobody may change it. The function is for one goroutine.
func (t Tree) InOrder() func(path []byte) *Entry {
	rest := t.entries
	return func(path []byte) *Entry {
		for len(rest) > 0 {
			at := &rest[0]
			if string(at.Path) > string(path) { // in a comparison, the bytes are not copied
				return nil
			}
			rest = rest[1:]
			if string(at.Path) == string(path) {
				return at
			}
		}
		return nil
	}
}

func (t Tree) search(p Path) (int, bool) {
	return slices.BinarySearchFunc(t.entries, p, func(e Entry, p Path) int {
		return strings.Compare(string(e.Path), string(p))
	})
}

// Filter returns the tree of the entries that keep reports true for.
func (t Tree) Filter(keep func(Entry) bool) Tree {
	var out []Entry
	for _, e := range t.entries {
		if keep(e) {
			out = append(out, e)
		}
	}
	return Tree{entries: out}
}

// Equal reports whether both trees hold the same paths with the same ids.
func (t Tree) Equal(u Tree) bool {
	return slices.EqualFunc(t.entries, u.entries, func(a, b Entry) bool {
		return a.Path == b.Path && a.ID == b.ID
	})
}

// ID returns the git tree id: what "git write-tree" answers for these files
// with mode 100644. An empty tree has git's empty-tree id.
func (t Tree) ID() ID {
	if t.id != (ID{}) {
		return t.id
	}
	return subtreeID(t.entries, 0)
}

// subtreeID hashes the directory that all entries share up to byte prefix of
// their paths.
func subtreeID(entries []Entry, prefix int) ID {
	type item struct {
		name string // with a trailing slash for a directory: git's sort key
		id   ID
	}
	items := make([]item, 0, len(entries))
	for i := 0; i < len(entries); {
		rest := string(entries[i].Path[prefix:])
		slash := strings.IndexByte(rest, '/')
		if slash < 0 {
			items = append(items, item{rest, entries[i].ID})
			i++
			continue
		}
		// Path order does not keep a directory's files together with
		// nothing between ("a-b" sorts into "a/…"), but all that share
		// "dir/" as a prefix are adjacent.
		dir, j := rest[:slash+1], i+1
		for j < len(entries) && strings.HasPrefix(string(entries[j].Path[prefix:]), dir) {
			j++
		}
		items = append(items, item{dir, subtreeID(entries[i:j], prefix+slash+1)})
		i = j
	}
	slices.SortFunc(items, func(a, b item) int { return strings.Compare(a.name, b.name) })
	const fileMode, dirMode = "100644 ", "40000 "
	size := 0
	for _, it := range items {
		size += len(fileMode) + len(it.name) + 1 + len(it.id)
	}
	body := make([]byte, 0, size)
	for _, it := range items {
		name, isDir := strings.CutSuffix(it.name, "/")
		mode := fileMode
		if isDir {
			mode = dirMode
		}
		body = append(append(append(body, mode...), name...), 0)
		body = append(body, it.id[:]...)
	}
	h := NewObjectHash("tree", int64(len(body)))
	h.Write(body)
	return h.ID()
}

const textPrefix = "100644 blob "

// AppendText appends the canonical text form, which the package comment
// specifies. It implements [encoding.TextAppender] and never fails.
func (t Tree) AppendText(b []byte) ([]byte, error) {
	for _, e := range t.entries {
		b = append(b, textPrefix...)
		b = append(b, e.ID.String()...)
		b = append(b, ' ')
		b = strconv.AppendInt(b, e.Size, 10)
		b = append(b, '\t')
		b = append(b, e.Path...)
		b = append(b, '\n')
	}
	return b, nil
}

// MarshalText implements [encoding.TextMarshaler] by AppendText.
func (t Tree) MarshalText() ([]byte, error) { return t.AppendText(nil) }

// UnmarshalText reads the canonical text form and nothing else: lines out of
// order, twice, padded or unfinished are errors that name the line.
func (t *Tree) UnmarshalText(text []byte) error {
	var entries []Entry
	line := 0
	for len(text) > 0 {
		line++
		row, rest, complete := bytes.Cut(text, []byte{'\n'})
		if !complete {
			return fmt.Errorf("tree text line %d: not ended", line)
		}
		text = rest
		e, err := parseEntry(string(row))
		if err != nil {
			return fmt.Errorf("tree text line %d: %w", line, err)
		}
		if n := len(entries); n > 0 && entries[n-1].Path >= e.Path {
			return fmt.Errorf("tree text line %d: path %q is not after %q", line, e.Path, entries[n-1].Path)
		}
		entries = append(entries, e)
	}
	parsed, err := NewTree(entries...)
	if err != nil {
		return fmt.Errorf("tree text: %w", err)
	}
	*t = parsed
	return nil
}

func parseEntry(row string) (e Entry, err error) {
	fields, path, ok := strings.Cut(row, "\t")
	id, size, ok2 := strings.Cut(strings.TrimPrefix(fields, textPrefix), " ")
	if !ok || !ok2 || !strings.HasPrefix(fields, textPrefix) {
		return e, fmt.Errorf("%q is not %q", row, textPrefix+"ID SIZE\tPATH")
	}
	if e.ID, err = ParseID(id); err != nil {
		return e, err
	}
	if id != e.ID.String() {
		return e, fmt.Errorf("object id %q is not in lower case", id)
	}
	if e.Size, err = strconv.ParseInt(size, 10, 64); err != nil || e.Size < 0 || strconv.FormatInt(e.Size, 10) != size {
		return e, fmt.Errorf("size %q is not a canonical number", size)
	}
	e.Path, err = ParsePath(path)
	return e, err
}
