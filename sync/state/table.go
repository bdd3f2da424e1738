package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"assetsync/manifest"
	"assetsync/manifest/packed"
)

// Every look at a target reads the record of its asset, and nearly all of that is
// the base and what was seen, whose rows are alike: they are kept as tables behind
// the JSON, where reading them takes a tenth of the time. Rows of another kind,
// and all those of a record of before, are in the JSON.

// endOfJSON parts a record: JSON has no such byte.
const endOfJSON = 0

var errTable = errors.New("the tables of files are damaged")

// encodeAsset returns the record of an asset. Of equal ones it is the same.
func encodeAsset(a Asset) ([]byte, error) {
	var base, seen table
	var otherBase ByPath[Pair]
	var otherSeen ByPath[Seen]
	for _, at := range a.Base {
		if pair := at.Value; pair.Local != nil && pair.Remote != nil && *pair.Local == *pair.Remote && pair.Local.Path == at.Path {
			base.entry(*pair.Local)
		} else {
			otherBase = append(otherBase, at)
		}
	}
	for _, at := range a.Seen {
		if s := at.Value; s.Path == at.Path && isPlain(s.UpdatedAt) && isPlain(s.ReadAt) {
			seen.entry(*s.Entry)
			seen.number(int64(s.Version))
			seen.time(s.UpdatedAt)
			seen.time(s.ReadAt)
		} else {
			otherSeen = append(otherSeen, at)
		}
	}
	a.Base, a.Seen = otherBase, otherSeen
	data, err := json.Marshal(a)
	if err != nil || base.n+seen.n == 0 {
		return data, err
	}
	data = append(data, endOfJSON)
	for _, t := range []table{base, seen} {
		data = binary.AppendUvarint(data, uint64(t.n))
		data = append(data, t.rows...)
	}
	return data, nil
}

// decodeAsset reads what [encodeAsset] returned. The entries and paths that a tree has,
// too, are those of the tree.
func decodeAsset(data []byte, tree manifest.Tree) (Asset, error) {
	a, in, err := openAsset(data, tree)
	if err != nil || in == nil {
		return a, err
	}
	base := make(ByPath[Pair], in.count())
	for i := range base {
		e := in.lasting(len(base) - i)
		base[i] = At[Pair]{e.Path, Pair{e, e}} // each is both sides
	}
	in.again()
	seen := make(ByPath[Seen], in.count())
	for i := range seen {
		e := in.lasting(len(seen) - i)
		seen[i] = At[Seen]{e.Path, Seen{e, in.stamp()}}
	}
	if in.Failed || len(in.Rest) > 0 || !base.isSorted() || !seen.isSorted() {
		return Asset{}, errTable
	}
	a.Base, a.Seen = a.Base.and(base), a.Seen.and(seen)
	if !a.Base.isSorted() || !a.Seen.isSorted() {
		return Asset{}, errTable // one path is in both
	}
	return a, nil
}

// openAsset reads the JSON of a record, and returns a reader of the tables behind it; nil
// when there are none.
func openAsset(data []byte, tree manifest.Tree) (a Asset, in *rowReader, err error) {
	text, rows, found := bytes.Cut(data, []byte{endOfJSON})
	if err := json.Unmarshal(text, &a); err != nil || !found {
		return a, nil, err
	}
	in = &rowReader{Reader: packed.Reader{Rest: rows}, tree: tree, rows: rows}
	in.again()
	return a, in, nil
}

// restsAt reads of a record what [encodeAsset] returned but for the files, and reports
// whether these are, in the base and as they were seen, just what a tree has. It
// allocates nothing for them.
func restsAt(data []byte, tree manifest.Tree) (a Asset, rests bool, err error) {
	a, in, err := openAsset(data, tree)
	if err != nil || in == nil || len(a.Base)+len(a.Seen) > 0 || !in.has(tree.Len(), nil) {
		return a, false, err
	}
	in.again()
	rests = in.has(tree.Len(), func() { in.stamp() }) && len(in.Rest) == 0
	return a, rests, nil
}

// and returns the rows of both, the second of which may become the first's.
func (b ByPath[V]) and(more ByPath[V]) ByPath[V] {
	switch {
	case len(more) == 0:
		return b
	case len(b) == 0:
		return more
	}
	b = slices.Concat(b, more)
	b.sort()
	return b
}

// isSorted reports whether the paths are in order, each once.
func (b ByPath[V]) isSorted() bool {
	for i := 1; i < len(b); i++ {
		if b[i-1].Path >= b[i].Path {
			return false
		}
	}
	return true
}

// isPlain reports whether a table can hold a time: in JSON it would come back as
// the same.
func isPlain(t time.Time) bool {
	return t.Location() == time.UTC && 0 <= t.Year() && t.Year() <= 9999
}

// table has rows of files.
type table struct {
	n    int
	rows []byte
}

func (t *table) entry(e manifest.Entry) {
	t.n++
	t.rows = binary.AppendUvarint(t.rows, uint64(len(e.Path)))
	t.rows = append(append(t.rows, e.Path...), e.ID[:]...)
	t.number(e.Size)
}

func (t *table) number(n int64) { t.rows = binary.AppendVarint(t.rows, n) }

func (t *table) time(at time.Time) {
	t.number(at.Unix())
	t.number(int64(at.Nanosecond()))
}

// rowReader reads rows until something is wrong.
type rowReader struct {
	packed.Reader
	tree manifest.Tree
	find func(path []byte) *manifest.Entry // in tree, for one table

	rows []byte           // all that there is to read
	text string           // the same, once the path of a row is not in tree: it is a part of it
	kept []manifest.Entry // see lasting

	last   manifest.Entry // that entry returned last and tree does not have
	common *Stamp         // that stamp returned last
}

// leastRow is how long a row is at least: an id, and two lengths.
const leastRow = len(manifest.ID{}) + 2

// again begins a table.
func (r *rowReader) again() { r.find, r.kept = r.tree.InOrder(), nil }

// count reads how many rows follow, no more than there can be.
func (r *rowReader) count() int {
	n := r.Uvarint()
	if n > uint64(len(r.Rest)/leastRow) {
		r.Failed = true
		return 0
	}
	return int(n)
}

// has reports whether a table of n rows follows, of which each is an entry of the tree;
// rest reads what is left of each.
func (r *rowReader) has(n int, rest func()) bool {
	if r.count() != n {
		return false
	}
	for range n {
		if _, ok := r.entry(); !ok {
			return false
		}
		if rest != nil {
			rest()
		}
	}
	return !r.Failed
}

// entry reads an entry: that of the tree, and true, or one that is valid until the next.
func (r *rowReader) entry() (*manifest.Entry, bool) {
	n := r.Uvarint()
	start := len(r.rows) - len(r.Rest)
	path, id := r.Bytes(n), manifest.ID{}
	copy(id[:], r.Bytes(uint64(len(id))))
	size := r.Varint()
	r.last = manifest.Entry{ID: id, Size: size}
	if r.Failed {
		return &r.last, false
	}
	if e := r.find(path); e != nil {
		if e.ID == id && e.Size == size {
			return e, true
		}
		r.last.Path = e.Path
		return &r.last, false
	}
	if r.text == "" {
		r.text = string(r.rows)
	}
	r.last.Path = manifest.Path(r.text[start : start+int(n)])
	return &r.last, false
}

// lasting is entry, of which an own one stays, beside at most n-1 others of the table.
func (r *rowReader) lasting(n int) *manifest.Entry {
	e, ok := r.entry()
	if ok {
		return e
	}
	if r.kept == nil {
		r.kept = make([]manifest.Entry, 0, n)
	}
	r.kept = append(r.kept, *e)
	return &r.kept[len(r.kept)-1]
}

// stamp reads what follows the entry of a file that was seen. Files in a row have mostly
// been seen together, and share it.
func (r *rowReader) stamp() *Stamp {
	s := Stamp{int32(r.Varint()), r.time(), r.time()}
	if r.common == nil || *r.common != s {
		own := s // which alone takes memory of its own
		r.common = &own
	}
	return r.common
}

func (r *rowReader) time() time.Time {
	seconds := r.Varint()
	return time.Unix(seconds, r.Varint()).UTC()
}
