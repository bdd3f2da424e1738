package gitrepo

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"path/filepath"
)

// maxIndex is the largest index that is read: of half a million files.
const maxIndex = 64 << 20

// unmergedWords say that files hold the marks of a conflict.
const unmergedWords = "files with conflicts are not merged yet"

// unmergedAnswer is whether the index of a stamp has files that are not
// merged.
type unmergedAnswer struct {
	stamp string
	is    bool
}

// unmerged says whether the index, whose stamp is given, has files that are
// not merged. A merge, a rebase and the like have signs of their own; "stash
// pop", "checkout -m" and "merge --squash" leave only this one. An index that
// cannot be read says nothing: it may be of a form that only git knows, and
// the other signs do not depend on it. It is read once for each stamp.
func (w *Worktree) unmerged(stamp string) string {
	w.looking.Lock()
	defer w.looking.Unlock()
	if stamp == "" {
		return ""
	}
	if w.conflicts.stamp != stamp {
		w.conflicts = unmergedAnswer{stamp, w.hasUnmerged()}
	}
	if w.conflicts.is {
		return unmergedWords
	}
	return ""
}

func (w *Worktree) hasUnmerged() bool {
	f, info, err := openBounded(filepath.Join(w.gitDir, "index"), maxIndex)
	if err != nil {
		return false
	}
	defer f.Close()
	unmerged, ok := indexUnmerged(f, info.Size())
	return ok && unmerged
}

// What gitformat-index(5) says of the layout. An id is a SHA-1: the entries of an
// index with others are not understood.
const (
	indexHeader   = 12             // DIRC, version, number of entries
	indexStat     = 40             // of an entry: times, device, inode, mode, owner, size
	indexFlags    = indexStat + 20 // where its flags are, behind the id
	indexName     = indexFlags + 2 // where its name begins, without more flags
	indexExtended = 0x4000         // in the flags: two bytes more of them
	indexStage    = 0x3000         // in the flags: 0 for what is merged
	indexSum      = 20             // at the end of the file

	// indexPart is how much of an index is in memory at once: most of the time that a
	// large one takes goes into memory that is touched for the first time.
	indexPart = 64 << 10
	// indexMost bounds an entry: the longest path of a system is 32,767 characters
	// (Windows). An index with a longer one is not understood.
	indexMost = 33 << 10
)

// indexUnmerged reports whether an index of so many bytes has entries that are not
// merged. It reads nothing but their flags: an object for each entry, as go-git makes
// them, takes thirty times as long. It is false for what is no whole index, and where a
// part must be understood that is not known here, as that of a split index.
func indexUnmerged(from io.Reader, size int64) (unmerged, ok bool) {
	r := indexReader{bufio.NewReaderSize(from, indexPart), size - indexSum}
	header := r.ahead(indexHeader)
	if len(header) < indexHeader || string(header[:4]) != "DIRC" {
		return false, false
	}
	version, n := binary.BigEndian.Uint32(header[4:]), binary.BigEndian.Uint32(header[8:])
	if version < 2 || version > 4 || !r.pass(indexHeader) {
		return false, false
	}
	for range n {
		size, stage := indexEntry(r.ahead(indexMost), version)
		if size == 0 || !r.pass(int64(size)) {
			return false, false
		}
		unmerged = unmerged || stage
	}
	for r.left > 0 { // extensions: a name that begins with a capital may be passed over
		extension := r.ahead(8)
		if len(extension) < 8 || extension[0] < 'A' || extension[0] > 'Z' || !r.pass(int64(binary.BigEndian.Uint32(extension[4:]))+8) {
			return false, false
		}
	}
	return unmerged, true
}

// indexReader reads what an index holds before its checksum.
type indexReader struct {
	*bufio.Reader
	left int64
}

// ahead returns the next bytes, which stay; fewer where there are no more.
func (r *indexReader) ahead(n int) []byte {
	data, _ := r.Peek(int(max(0, min(int64(n), r.left)))) // what is missing is told by what is there
	return data
}

// pass goes on behind the next bytes, if there are as many.
func (r *indexReader) pass(n int64) bool {
	if n > r.left {
		return false
	}
	r.left -= n
	_, err := r.Discard(int(n))
	return err == nil
}

// indexEntry returns the size of the first entry, 0 when there is none, and whether
// it is not merged.
func indexEntry(data []byte, version uint32) (size int, unmerged bool) {
	if len(data) < indexName {
		return 0, false
	}
	flags, name := binary.BigEndian.Uint16(data[indexFlags:]), indexName
	if version > 2 && flags&indexExtended != 0 {
		name += 2
	}
	if name > len(data) {
		return 0, false
	}
	if version == 4 { // first, how much to drop of the name before it
		for name < len(data) && data[name]&0x80 != 0 {
			name++
		}
		if name++; name > len(data) {
			return 0, false
		}
	}
	end := bytes.IndexByte(data[name:], 0)
	if end < 0 {
		return 0, false
	}
	if size = name + end + 1; version < 4 { // NULs up to a multiple of 8, one at least
		size = (size + 7) &^ 7
	}
	if size > len(data) {
		return 0, false
	}
	return size, flags&indexStage != 0
}
