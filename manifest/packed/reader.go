// Package packed reads bytes and numbers that stand one after the other, as the
// caches and records of this program hold them.
package packed

import "encoding/binary"

// Reader reads until something is wrong: from then on all is nothing, and Failed
// is set. It never reads, nor makes room for, more than there is.
type Reader struct {
	Rest   []byte // what is not read yet
	Failed bool
}

// Bytes reads n bytes, which stay those of Rest.
func (r *Reader) Bytes(n uint64) []byte {
	if n > uint64(len(r.Rest)) {
		r.fail()
		return nil
	}
	out := r.Rest[:n:n]
	r.Rest = r.Rest[n:]
	return out
}

// Uvarint reads a number as [binary.AppendUvarint] writes it.
func (r *Reader) Uvarint() uint64 { return number(r, binary.Uvarint) }

// Varint reads a number as [binary.AppendVarint] writes it.
func (r *Reader) Varint() int64 { return number(r, binary.Varint) }

func number[T int64 | uint64](r *Reader, read func([]byte) (T, int)) T {
	v, n := read(r.Rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.Rest = r.Rest[n:]
	return v
}

func (r *Reader) fail() { r.Rest, r.Failed = nil, true }
