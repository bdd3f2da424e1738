package lint

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"unicode"

	"assetsync/manifest"
	"assetsync/manifest/packed"
)

const (
	// knownFormat is of what [Known.Bytes] writes, and of the rules that made it: one of
	// them that says something else of the bytes of a file needs another number.
	// TestKnownFormat holds it to the rules.
	knownFormat = 1

	// maxPacked bounds what is kept of one file, in bytes: hundreds of headings and
	// links. One of which there is more is read again.
	maxPacked = 1 << 16
)

// The bits of a fact, as it is written.
const (
	packedMarkdown = 1 << iota
	packedMarks
	packedDocument
)

// NewKnown reads what [Known.Bytes] returned. What is damaged, or of another format,
// is nothing.
func NewKnown(data []byte) *Known {
	if len(data) < sha256.Size || !bytes.Equal(data[:sha256.Size], knownSum(data[sha256.Size:])) {
		return &Known{}
	}
	r := &packed.Reader{Rest: data[sha256.Size:]}
	of := map[fileKey]*fact{}
	for len(r.Rest) > 0 {
		key, f := readFact(r)
		of[key] = f
	}
	if r.Failed {
		return &Known{}
	}
	return &Known{of: of, data: data}
}

// Bytes returns what is known, and whether it is more or less than what was read.
func (k *Known) Bytes() (data []byte, changed bool) {
	if !k.changed {
		return nil, false
	}
	data = make([]byte, sha256.Size, sha256.Size+32*len(k.of))
	for _, key := range slices.SortedFunc(maps.Keys(k.of), compareKeys) {
		if one := appendFact(nil, key, k.of[key]); len(one) <= maxPacked {
			data = append(data, one...)
		}
	}
	copy(data, knownSum(data[sha256.Size:]))
	return data, !bytes.Equal(data, k.data)
}

func compareKeys(a, b fileKey) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), bytes.Compare(a.id[:], b.id[:]))
}

// knownSum is a checksum over the format, too, and over the tables of characters, which
// decide what is hidden and how a heading is called.
func knownSum(data []byte) []byte {
	h := sha256.New()
	h.Write([]byte{knownFormat})
	h.Write([]byte(unicode.Version))
	h.Write(data)
	return h.Sum(nil)
}

func appendFact(b []byte, key fileKey, f *fact) []byte {
	var bits byte
	if f.markdown {
		bits |= packedMarkdown
	}
	if f.marks {
		bits |= packedMarks
	}
	if f.doc != nil {
		bits |= packedDocument
	}
	b = append(append(b, byte(key.kind), bits), key.id[:]...)
	if f.doc == nil {
		return b
	}
	b = binary.AppendUvarint(b, uint64(f.doc.work))
	b = binary.AppendUvarint(b, uint64(len(f.doc.links)))
	for _, l := range f.doc.links {
		b = appendLink(b, l)
	}
	b = binary.AppendUvarint(b, uint64(len(f.doc.anchors)))
	for _, name := range slices.Sorted(maps.Keys(f.doc.anchors)) {
		b = appendText(b, name)
		b = binary.AppendUvarint(b, uint64(f.doc.anchors[name]))
	}
	return b
}

func appendLink(b []byte, l link) []byte {
	image := uint64(0)
	if l.image {
		image = 1
	}
	for _, n := range []uint64{uint64(l.line), uint64(l.column), image, uint64(l.name + 1)} {
		b = binary.AppendUvarint(b, n)
	}
	return appendText(b, l.target)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func readText(r *packed.Reader) string { return string(r.Bytes(r.Uvarint())) }

func readFact(r *packed.Reader) (fileKey, *fact) {
	head := r.Bytes(2 + uint64(len(manifest.ID{})))
	if r.Failed {
		return fileKey{}, &fact{}
	}
	key := fileKey{kind: nameKind(head[0]), id: manifest.ID(head[2:])}
	f := &fact{markdown: head[1]&packedMarkdown != 0, marks: head[1]&packedMarks != 0}
	if head[1]&packedDocument == 0 {
		return key, f
	}
	f.doc = &document{work: int(r.Uvarint()), anchors: map[string]int{}}
	for n := r.Uvarint(); n > 0 && !r.Failed; n-- {
		f.doc.links = append(f.doc.links, link{
			line: int(r.Uvarint()), column: int(r.Uvarint()), image: r.Uvarint() == 1, name: int(r.Uvarint()) - 1, target: readText(r),
		})
	}
	for n := r.Uvarint(); n > 0 && !r.Failed; n-- {
		name := readText(r)
		f.doc.anchors[name] = int(r.Uvarint())
	}
	return key, f
}
