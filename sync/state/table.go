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
			seen.entry(s.Entry)
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

// decodeAsset reads what [encodeAsset] returned.
func decodeAsset(data []byte) (a Asset, err error) {
	text, rows, found := bytes.Cut(data, []byte{endOfJSON})
	if err := json.Unmarshal(text, &a); err != nil || !found {
		return a, err
	}
	in := rowReader{packed.Reader{Rest: rows}, string(rows)}
	entries := make([]manifest.Entry, in.count()) // each is both sides
	base := make(ByPath[Pair], len(entries))
	for i := range entries {
		e := &entries[i]
		*e = in.entry()
		base[i] = At[Pair]{e.Path, Pair{e, e}}
	}
	seen := make(ByPath[Seen], in.count())
	for i := range seen {
		s := &seen[i].Value
		s.Entry, s.Version, s.UpdatedAt, s.ReadAt = in.entry(), int32(in.Varint()), in.time(), in.time()
		seen[i].Path = s.Path
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
	text string // all that there was to read, of which paths are parts
}

// leastRow is how long a row is at least: an id, and two lengths.
const leastRow = len(manifest.ID{}) + 2

// count reads how many rows follow, no more than there can be.
func (r *rowReader) count() int {
	n := r.Uvarint()
	if n > uint64(len(r.Rest)/leastRow) {
		r.Failed = true
		return 0
	}
	return int(n)
}

func (r *rowReader) entry() (e manifest.Entry) {
	n := r.Uvarint()
	start := len(r.text) - len(r.Rest)
	if r.Bytes(n); !r.Failed {
		e.Path = manifest.Path(r.text[start : start+int(n)])
	}
	copy(e.ID[:], r.Bytes(uint64(len(e.ID))))
	e.Size = r.Varint()
	return e
}

func (r *rowReader) time() time.Time {
	seconds := r.Varint()
	return time.Unix(seconds, r.Varint()).UTC()
}
