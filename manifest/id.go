package manifest

import (
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"

	"github.com/pjbgf/sha1cd"
)

// ID is a git object id: SHA-1 with collision detection, as git and go-git
// compute it. Bytes built to collide get distinct ids. The zero ID names
// nothing.
type ID [sha1cd.Size]byte

// ParseID reads the 40 hexadecimal digits of an id.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != hex.EncodedLen(len(id)) {
		return ID{}, fmt.Errorf("object id %q: want %d hexadecimal digits", s, hex.EncodedLen(len(id)))
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("object id %q: %w", s, err)
	}
	return id, nil
}

// String returns the 40 lower-case hexadecimal digits of the id.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first 7 digits, as git abbreviates ids for people.
func (id ID) Short() string { return id.String()[:7] }

// IsZero reports whether the id names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText implements [encoding.TextMarshaler] as String.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler] as [ParseID].
func (id *ID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseID(string(text))
	return err
}

// BlobID returns the id that git gives to a file with this content.
func BlobID(content []byte) ID {
	h := NewObjectHash("blob", int64(len(content)))
	h.Write(content)
	return h.ID()
}

// ObjectHash computes the id of one git object whose kind and size are known
// before its bytes. It is not safe for concurrent use.
type ObjectHash struct{ h hash.Hash }

// NewObjectHash starts the hash of an object of a kind ("blob", "tree") with
// size bytes of content.
func NewObjectHash(kind string, size int64) *ObjectHash {
	h := &ObjectHash{sha1cd.New()}
	h.Reset(kind, size)
	return h
}

// Reset starts another object, so that one ObjectHash serves many files.
func (o *ObjectHash) Reset(kind string, size int64) {
	o.h.Reset()
	header := make([]byte, 0, 32)
	header = append(header, kind...)
	header = append(header, ' ')
	header = strconv.AppendInt(header, size, 10)
	o.h.Write(append(header, 0))
}

// Write adds content. It never fails.
func (o *ObjectHash) Write(p []byte) (int, error) { return o.h.Write(p) }

// ID returns the id of what was written. It names the object only when
// exactly the announced number of bytes was written.
func (o *ObjectHash) ID() (id ID) {
	o.h.Sum(id[:0])
	return id
}
