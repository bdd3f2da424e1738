package manifest

import (
	"bytes"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Cache keeps the ids of the files of one directory, as git's index does: a file
// whose name leads to the same inode of the same device, with the same mode, size
// and times of modification and of change, all in nanoseconds, has the id that it
// had. A file that had changed only shortly before it was read is not kept, for it
// could change again within the same tick of the clock (git's racy rule).
//
// What is believed of a file can only be that it did not change: bytes that are
// published are read, and must have the id that the scan told (see [ReadFile]).
// On systems that do not tell when an inode changed, nothing is kept.
//
// Of a tree in which all is kept, the directories are, too, as git's untracked cache
// has them: while each has the state that it had, no name came or went. The next scan
// of it looks at the states and lists nothing (see Cache.unchanged). A Cache is for one
// scan at a time.
type Cache struct {
	text    Text
	settled int64                 // only what changed before is kept, in nanoseconds since 1970
	data    []byte                // that it was made of; nil: none, or damaged
	parsed  bool                  // dirs has what data holds
	dirs    map[string][]keptFile // by the directory's link-free name; its files in order of name
	changed bool                  // dirs is not what data holds
	tree    *keptTree             // as the last scan found it; nil: not to be kept as a whole, or not scanned
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

// fileState is what the system tells of a file or directory. The zero value is of one
// of which not all is told.
type fileState struct {
	size, modified, changed int64
	inode, device           uint64
	mode                    uint32
}

const (
	// cacheFormat begins a cache. Another one is dropped. It has to change with what a
	// scan makes of the same files: the form of text, the floor, names that are
	// refused, twins. TestCacheFormat fails where that was forgotten.
	cacheFormat = "assetsync files 4\n"

	// racyWindow is how long before a time of the file system a file must have
	// changed to be kept: the ticks of the coarsest file systems are 2 s long
	// (FAT).
	racyWindow = 2 * time.Second
)

// NewCache reads what [Cache.Bytes] returned. Whatever is damaged, or was made for
// another form of text, is an empty cache. now is the time as the file system of
// the directory tells it, or earlier: the clocks of two machines may differ. With
// the zero time nothing new is kept. data is not to be changed any more.
func NewCache(data []byte, text Text, now time.Time) *Cache {
	c := &Cache{text: text}
	if !now.IsZero() {
		c.settled = now.Add(-racyWindow).UnixNano()
	}
	if isWhole(data) {
		c.data = data
	}
	return c
}

// Bytes returns the cache as data, and whether scans changed it.
func (c *Cache) Bytes() ([]byte, bool) {
	if !c.changed && c.tree == nil {
		return nil, false
	}
	data := encodeCache(c.text, c.dirs, c.tree)
	return data, !bytes.Equal(data, c.data)
}

// parse reads what is kept of each file, which a tree that is as it was kept does
// not ask for.
func (c *Cache) parse() {
	if c == nil || c.parsed {
		return
	}
	c.parsed = true
	if dirs, ok := parseCache(c.data, c.text); ok {
		c.dirs = dirs
	}
}

// isSettled reports whether what has a state may be kept: it can no longer change
// within the same tick of the clock.
func (c *Cache) isSettled(s fileState) bool {
	return s != fileState{} && max(s.modified, s.changed) < c.settled
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
	if c.parse(); c != nil {
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
		if found[i].err != nil || !c.isSettled(state) {
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
