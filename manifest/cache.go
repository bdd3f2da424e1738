package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
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
	settled int64                 // only files that changed before are kept, in nanoseconds since 1970
	dirs    map[string][]keptFile // by the directory's link-free name; its files in order of name
	changed bool
}

// keptFile is one file of a directory.
type keptFile struct {
	name string // link-free, below the root
	base string // what the name ends with
	cached
	used bool // by the scan: the file is as it was
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
	cacheFormat = "assetsync files 2\n"

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
	if dirs, ok := parseCache(data, text); ok {
		c.dirs = dirs
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
	for _, dir := range slices.Sorted(maps.Keys(c.dirs)) {
		out = appendName(out, dir)
		out = binary.AppendUvarint(out, uint64(len(c.dirs[dir])))
		for _, f := range c.dirs[dir] {
			out = append(appendName(out, f.name), f.id[:]...)
			for _, n := range []int64{f.size, f.state.size, f.state.modified, f.state.changed - f.state.modified} {
				out = binary.AppendVarint(out, n)
			}
			for _, n := range []uint64{f.state.inode, f.state.device, uint64(f.state.mode)} {
				out = binary.AppendUvarint(out, n)
			}
		}
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), true
}

func appendName(out []byte, name string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(name))), name...)
}

// leastKept is how long a file is at least: an id, a name of one byte, and numbers.
const leastKept = len(ID{}) + 2 + 7

// parseCache is false for all that Bytes did not return.
func parseCache(data []byte, text Text) (map[string][]keptFile, bool) {
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
	dirs := map[string][]keptFile{}
	in := nameReader{packed.Reader{Rest: rest}, string(rest)}
	for len(in.Rest) > 0 && !in.Failed {
		dir, n := in.name(), in.Uvarint()
		if _, again := dirs[dir]; again || n == 0 || n > uint64(len(in.Rest)/leastKept) {
			return nil, false
		}
		if dirs[dir], ok = in.files(dir, int(n)); !ok {
			return nil, false
		}
	}
	return dirs, !in.Failed
}

// nameReader reads names as parts of one string.
type nameReader struct {
	packed.Reader
	text string // all that there was to read
}

func (r *nameReader) name() string {
	n := r.Uvarint()
	start := len(r.text) - len(r.Rest)
	if r.Bytes(n); r.Failed {
		return ""
	}
	return r.text[start : start+int(n)]
}

// files reads n files of a directory. It is false when they are not of that one,
// or not in order.
func (r *nameReader) files(dir string, n int) ([]keptFile, bool) {
	files := make([]keptFile, n)
	for i := range files {
		f := &files[i]
		f.name = r.name()
		if f.base = path.Base(f.name); path.Dir(f.name) != dir || i > 0 && files[i-1].base >= f.base {
			return nil, false
		}
		copy(f.id[:], r.Bytes(uint64(len(f.id))))
		f.size, f.state.size, f.state.modified = r.Varint(), r.Varint(), r.Varint()
		f.state.changed = f.state.modified + r.Varint()
		f.state.inode, f.state.device, f.state.mode = r.Uvarint(), r.Uvarint(), uint32(r.Uvarint())
	}
	return files, !r.Failed
}

// in returns what is kept of the files of a directory.
func (c *Cache) in(dir string) []keptFile {
	if c == nil {
		return nil
	}
	return c.dirs[dir]
}

// find returns what is kept of the file at a link-free name, when it is still in
// the state that look tells.
func (c *Cache) find(name string, look func() (fs.FileInfo, error)) (cached, bool) {
	files := c.in(path.Dir(name))
	i, ok := slices.BinarySearchFunc(files, path.Base(name), func(f keptFile, base string) int { return strings.Compare(f.base, base) })
	if !ok {
		return cached{}, false
	}
	info, err := look()
	return files[i].cached, err == nil && info.Mode().IsRegular() && stateOf(info) == files[i].state
}

// size is how many files are kept.
func (c *Cache) size() (n int) {
	if c != nil {
		for _, files := range c.dirs {
			n += len(files)
		}
	}
	return n
}

// allUsed reports whether all that is kept was as it is kept.
func (c *Cache) allUsed() bool {
	for _, files := range c.dirs {
		if slices.ContainsFunc(files, func(f keptFile) bool { return !f.used }) {
			return false
		}
	}
	return true
}

// unuse forgets what the scan used: the next one begins.
func (c *Cache) unuse() {
	for _, files := range c.dirs {
		for i := range files {
			files[i].used = false
		}
	}
}

// replace keeps of the files of a scan those that were as they are kept, and those
// that were read and have long been as they are.
func (c *Cache) replace(files []scanFile, found []hashed) {
	if c == nil {
		return
	}
	if len(files) == 0 && c.allUsed() {
		c.unuse()
		return
	}
	dirs := map[string][]keptFile{}
	for dir, kept := range c.dirs {
		for _, f := range kept {
			if f.used {
				f.used = false
				dirs[dir] = append(dirs[dir], f)
			}
		}
	}
	c.unuse()
	for i, f := range files {
		state := found[i].state
		if found[i].err != nil || state == (fileState{}) || max(state.modified, state.changed) >= c.settled {
			continue
		}
		dir, base := path.Split(f.name)
		dir = path.Clean(dir)
		dirs[dir] = append(dirs[dir], keptFile{f.name, base, cached{state, found[i].entry.ID, found[i].entry.Size}, false})
	}
	for dir, files := range dirs {
		slices.SortFunc(files, func(a, b keptFile) int { return strings.Compare(a.base, b.base) })
		// A link and the file that it leads to are one.
		dirs[dir] = slices.CompactFunc(files, func(a, b keptFile) bool { return a.base == b.base })
	}
	if !maps.EqualFunc(dirs, c.dirs, slices.Equal[[]keptFile]) {
		c.dirs, c.changed = dirs, true
	}
}
