package state

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"maps"
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

// encodeAsset returns the record of an asset.
func encodeAsset(a Asset) ([]byte, error) {
	var base, seen table
	for _, p := range slices.Sorted(maps.Keys(a.Base)) {
		if pair := a.Base[p]; pair.Local != nil && pair.Remote != nil && *pair.Local == *pair.Remote && pair.Local.Path == p {
			base.entry(*pair.Local)
		}
	}
	for _, p := range slices.Sorted(maps.Keys(a.Seen)) {
		if s := a.Seen[p]; s.Path == p && isPlain(s.UpdatedAt) && isPlain(s.ReadAt) {
			seen.entry(s.Entry)
			seen.number(int64(s.Version))
			seen.time(s.UpdatedAt)
			seen.time(s.ReadAt)
		}
	}
	a.Base, a.Seen = without(a.Base, base.paths), without(a.Seen, seen.paths)
	data, err := json.Marshal(a)
	if err != nil || len(base.paths)+len(seen.paths) == 0 {
		return data, err
	}
	data = append(data, endOfJSON)
	for _, t := range []table{base, seen} {
		data = binary.AppendUvarint(data, uint64(len(t.paths)))
		data = append(data, t.rows...)
	}
	return data, nil
}

// without is a map without some of its keys.
func without[V any](all map[manifest.Path]V, some []manifest.Path) map[manifest.Path]V {
	all = maps.Clone(all)
	for _, p := range some {
		delete(all, p)
	}
	return all
}

// decodeAsset reads what [encodeAsset] returned.
func decodeAsset(data []byte) (a Asset, err error) {
	text, rows, found := bytes.Cut(data, []byte{endOfJSON})
	if err := json.Unmarshal(text, &a); err != nil || !found {
		return a, err
	}
	in := rowReader{packed.Reader{Rest: rows}, string(rows)}
	if n := in.count(); n > 0 {
		a.Base = sized(a.Base, n)
		entries := make([]manifest.Entry, n) // each is both sides
		for i := range entries {
			e := &entries[i]
			*e = in.entry()
			a.Base[e.Path] = Pair{e, e}
		}
	}
	if n := in.count(); n > 0 {
		a.Seen = sized(a.Seen, n)
		for range n {
			s := Seen{Entry: in.entry(), Version: int32(in.Varint()), UpdatedAt: in.time(), ReadAt: in.time()}
			a.Seen[s.Path] = s
		}
	}
	if in.Failed || len(in.Rest) > 0 {
		return Asset{}, errTable
	}
	return a, nil
}

// sized is a map with what is in it and room for n more.
func sized[V any](m map[manifest.Path]V, n int) map[manifest.Path]V {
	out := make(map[manifest.Path]V, n+len(m))
	maps.Copy(out, m)
	return out
}

// isPlain reports whether a table can hold a time: in JSON it would come back as
// the same.
func isPlain(t time.Time) bool {
	return t.Location() == time.UTC && 0 <= t.Year() && t.Year() <= 9999
}

// table has rows of files.
type table struct {
	paths []manifest.Path
	rows  []byte
}

func (t *table) entry(e manifest.Entry) {
	t.paths = append(t.paths, e.Path)
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
