package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io/fs"
	"maps"
	"slices"
	"time"

	"assetsync/manifest/packed"
)

// Cache keeps the ids of the files of one directory, as git's index does: a file
// whose name leads to the same inode of the same device, with the same mode, size
// and times of modification and of change, all in nanoseconds, has the id that it
// had. A file that had changed only shortly before it was read is not kept, for it
// could change again within the same tick of the clock (git's racy rule).
//
// What is believed of a file can only be that it did not change: bytes that are
// published are read, and must have the id that the scan told (see [ReadFile]).
// On systems that do not tell when an inode changed, nothing is kept. A Cache is
// for one scan at a time.
type Cache struct {
	text    Text
	settled int64 // only files that changed before are kept, in nanoseconds since 1970
	files   map[string]cached
	changed bool
}

// cached is a file as it was read.
type cached struct {
	state fileState
	id    ID
	size  int64 // as published
}

// fileState is what the system tells of a regular file. The zero value is of a
// file of which not all is told.
type fileState struct {
	size, modified, changed int64
	inode, device           uint64
	mode                    uint32
}

const (
	// cacheFormat begins a cache. Another one is dropped.
	cacheFormat = "assetsync files 1\n"

	// racyWindow is how long before a time of the file system a file must have
	// changed to be kept: the ticks of the coarsest file systems are 2 s long
	// (FAT).
	racyWindow = 2 * time.Second
)

// NewCache reads what [Cache.Bytes] returned. Whatever is damaged, or was made for
// another form of text, is an empty cache. now is the time as the file system of
// the directory tells it, or earlier: the clocks of two machines may differ. With
// the zero time nothing new is kept.
func NewCache(data []byte, text Text, now time.Time) *Cache {
	c := &Cache{text: text}
	if !now.IsZero() {
		c.settled = now.Add(-racyWindow).UnixNano()
	}
	if files, ok := parseCache(data, text); ok {
		c.files = files
	}
	return c
}

// Bytes returns the cache as data, and whether the last scan changed it.
func (c *Cache) Bytes() ([]byte, bool) {
	if !c.changed {
		return nil, false
	}
	out := append([]byte(cacheFormat), byte(len(c.text)))
	out = append(out, c.text...)
	for _, name := range slices.Sorted(maps.Keys(c.files)) {
		f := c.files[name]
		out = binary.AppendUvarint(out, uint64(len(name)))
		out = append(append(out, name...), f.id[:]...)
		for _, n := range []int64{f.size, f.state.size, f.state.modified, f.state.changed - f.state.modified} {
			out = binary.AppendVarint(out, n)
		}
		for _, n := range []uint64{f.state.inode, f.state.device, uint64(f.state.mode)} {
			out = binary.AppendUvarint(out, n)
		}
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), true
}

// parseCache is false for all that Bytes did not return.
func parseCache(data []byte, text Text) (map[string]cached, bool) {
	end := len(data) - sha256.Size
	if end < len(cacheFormat) {
		return nil, false
	}
	sum := sha256.Sum256(data[:end])
	head := append(append([]byte(cacheFormat), byte(len(text))), text...)
	rest, ok := bytes.CutPrefix(data[:end], head)
	if !ok || !bytes.Equal(sum[:], data[end:]) {
		return nil, false
	}
	files := map[string]cached{}
	in := packed.Reader{Rest: rest}
	for len(in.Rest) > 0 && !in.Failed {
		name := string(in.Bytes(in.Uvarint()))
		var f cached
		copy(f.id[:], in.Bytes(uint64(len(f.id))))
		f.size, f.state.size, f.state.modified = in.Varint(), in.Varint(), in.Varint()
		f.state.changed = f.state.modified + in.Varint()
		f.state.inode, f.state.device, f.state.mode = in.Uvarint(), in.Uvarint(), uint32(in.Uvarint())
		files[name] = f
	}
	return files, !in.Failed
}

// find returns what is kept of the file at a link-free name, when it is still in
// the state that look tells.
func (c *Cache) find(name string, look func() (fs.FileInfo, error)) (cached, bool) {
	if c == nil {
		return cached{}, false
	}
	f, ok := c.files[name]
	if !ok {
		return cached{}, false
	}
	info, err := look()
	return f, err == nil && info.Mode().IsRegular() && stateOf(info) == f.state
}

// replace keeps of the files of a scan those that were read and have long been as
// they are.
func (c *Cache) replace(files []scanFile, found []hashed) {
	if c == nil {
		return
	}
	kept := make(map[string]cached, len(files))
	for i, f := range files {
		state := found[i].state
		if found[i].err != nil || state == (fileState{}) || max(state.modified, state.changed) >= c.settled {
			continue
		}
		kept[f.name] = cached{state, found[i].entry.ID, found[i].entry.Size}
	}
	if !maps.Equal(kept, c.files) {
		c.files, c.changed = kept, true
	}
}
