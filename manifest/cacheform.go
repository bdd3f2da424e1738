package manifest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"assetsync/manifest/packed"
)

// A cache is, as bytes: its format and the form of text; a byte that says whether it
// holds a whole tree, and if so the print of its rules, its id, and how many files it has;
// all names; the directories; the SHA-256 of all that. Of a directory there are the length
// of its name, in a whole tree its state and its ignore files, then its files, each with
// the length of its name. Lengths and numbers are varints. Names stand in the order of
// what has them, and together, for they become one string. The directories of a whole
// tree are in the order of a walk, one that holds others first.

// encodeCache is what [parseCache] reads.
func encodeCache(text Text, dirs map[string][]keptFile, tree *keptTree) []byte {
	var w cacheWriter
	out := cacheHead(text)
	if tree == nil {
		out = append(out, 0)
		for _, dir := range slices.Sorted(maps.Keys(dirs)) {
			w.name(dir)
			w.files(dirs[dir])
		}
	} else {
		out = append(append(out, 1), tree.print[:]...)
		out = append(out, tree.id[:]...)
		out = binary.AppendUvarint(out, uint64(tree.files))
		for _, dir := range tree.dirs {
			w.dir(dir)
			w.files(dirs[dir.name])
		}
	}
	out = binary.AppendUvarint(out, uint64(len(w.names)))
	out = append(append(out, w.names...), w.rows...)
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

func cacheHead(text Text) []byte {
	return append(append([]byte(cacheFormat), byte(len(text))), text...)
}

// cacheWriter collects names and what goes with them.
type cacheWriter struct{ names, rows []byte }

func (w *cacheWriter) name(name string) {
	w.names = append(w.names, name...)
	w.rows = binary.AppendUvarint(w.rows, uint64(len(name)))
}

func (w *cacheWriter) files(files []keptFile) {
	w.rows = binary.AppendUvarint(w.rows, uint64(len(files)))
	for _, f := range files {
		w.name(f.name)
		w.rows = append(w.rows, f.id[:]...)
		w.rows = f.state.appendTo(binary.AppendVarint(w.rows, f.size))
	}
}

func (w *cacheWriter) dir(d keptDir) {
	w.name(d.name)
	w.rows = d.state.appendTo(w.rows)
	w.rows = binary.AppendUvarint(w.rows, uint64(len(d.rules)))
	for _, r := range d.rules {
		w.rows = r.state.appendTo(append(w.rows, byte(r.layer)))
		w.rows = binary.AppendUvarint(w.rows, uint64(len(r.data)))
		w.rows = append(w.rows, r.data...)
	}
}

func (s fileState) appendTo(out []byte) []byte {
	for _, n := range []int64{s.size, s.modified, s.changed - s.modified} {
		out = binary.AppendVarint(out, n)
	}
	for _, n := range []uint64{s.inode, s.device, uint64(s.mode)} {
		out = binary.AppendUvarint(out, n)
	}
	return out
}

// isWhole is false for all that encodeCache did not return.
func isWhole(data []byte) bool {
	end := len(data) - sha256.Size
	if end < len(cacheFormat) {
		return false
	}
	sum := sha256.Sum256(data[:end])
	return bytes.Equal(sum[:], data[end:])
}

// openCache begins to read what isWhole. It is false for another format or form of
// text. tree says what is kept as a whole, but for its directories; nil: nothing is.
func openCache(data []byte, text Text) (in cacheReader, tree *keptTree, ok bool) {
	if len(data) < sha256.Size {
		return in, nil, false
	}
	rest, ok := bytes.CutPrefix(data[:len(data)-sha256.Size], cacheHead(text))
	if !ok {
		return in, nil, false
	}
	in.Rest = rest
	switch flag := in.Bytes(1); {
	case in.Failed || flag[0] > 1:
		return in, nil, false
	case flag[0] == 1:
		tree = new(keptTree)
		copy(tree.print[:], in.Bytes(uint64(len(tree.print))))
		copy(tree.id[:], in.Bytes(uint64(len(tree.id))))
		tree.files = in.count()
	}
	in.names = string(in.Bytes(in.Uvarint()))
	return in, tree, !in.Failed
}

// count reads how many files follow, no more than there can be.
func (r *cacheReader) count() int {
	n := r.Uvarint()
	if n > uint64(len(r.Rest)/leastKept) {
		r.Failed = true
		return 0
	}
	return int(n)
}

// parseCache returns what is kept of files, by directory. It is false when that is
// not as encodeCache writes it.
func parseCache(data []byte, text Text) (map[string][]keptFile, bool) {
	in, tree, ok := openCache(data, text)
	if !ok {
		return nil, false
	}
	dirs := map[string][]keptFile{}
	for len(in.Rest) > 0 && !in.Failed {
		dir := in.name()
		if tree != nil {
			in.dir(dir)
		}
		n := in.count()
		if n == 0 && tree != nil {
			continue
		}
		if _, again := dirs[dir]; again || n == 0 {
			return nil, false
		}
		if dirs[dir], ok = in.files(dir, n); !ok {
			return nil, false
		}
	}
	return dirs, !in.Failed
}

// leastKept is how long a file is at least: an id, and numbers.
const leastKept = len(ID{}) + 1 + 7

// cacheReader reads what a cacheWriter has written.
type cacheReader struct {
	packed.Reader
	names string // those that are still to come
}

func (r *cacheReader) name() (name string) {
	n := r.Uvarint()
	if n > uint64(len(r.names)) {
		r.Failed = true
		return ""
	}
	name, r.names = r.names[:n], r.names[n:]
	return name
}

func (r *cacheReader) state() (s fileState) {
	s.size, s.modified = r.Varint(), r.Varint()
	s.changed = s.modified + r.Varint()
	s.inode, s.device, s.mode = r.Uvarint(), r.Uvarint(), uint32(r.Uvarint())
	return s
}

// dir reads what a whole tree has of a directory behind its name.
func (r *cacheReader) dir(name string) keptDir {
	d := keptDir{name: name, state: r.state()}
	for n := r.Uvarint(); n > 0 && !r.Failed; n-- {
		layer := r.Bytes(1)
		rules := keptRules{state: r.state(), data: r.Bytes(r.Uvarint())}
		if r.Failed || layer[0] >= byte(ignoreLayers) {
			r.Failed = true
			return d
		}
		rules.layer = IgnoreLayer(layer[0])
		d.rules = append(d.rules, rules)
	}
	return d
}

// file reads a file of a directory. It is one of no name when it is not of that one.
func (r *cacheReader) file(dir string) (f keptFile) {
	f.name = r.name()
	f.base = baseIn(dir, f.name)
	copy(f.id[:], r.Bytes(uint64(len(f.id))))
	f.size, f.state = r.Varint(), r.state()
	return f
}

// files reads n files of a directory. It is false when they are not of that one,
// or not in order.
func (r *cacheReader) files(dir string, n int) ([]keptFile, bool) {
	files := make([]keptFile, n)
	for i := range files {
		files[i] = r.file(dir)
		if files[i].base == "" || i > 0 && files[i-1].base >= files[i].base {
			return nil, false
		}
	}
	return files, !r.Failed
}

// baseIn is the last part of a name that lies in dir, both link-free and below the
// root, and "" for any other.
func baseIn(dir, name string) string {
	if dir != "." {
		if len(name) <= len(dir) || name[len(dir)] != '/' || name[:len(dir)] != dir {
			return ""
		}
		name = name[len(dir)+1:]
	}
	if name == "." || name == ".." || strings.IndexByte(name, '/') >= 0 {
		return ""
	}
	return name
}
