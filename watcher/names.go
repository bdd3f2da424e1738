package watcher

import (
	"bytes"
	"iter"
	"maps"
	"slices"
)

// nameEnd stands after each packed name: the only byte but zero that a name of
// a file cannot hold.
const nameEnd = '/'

// fewChanges is how many changes are kept beside packed names at least, before
// they are packed, too. It grows with what is packed, so that the work for each
// change stays small in a directory of any size.
const fewChanges = 32

// names are the files of a directory. A daemon knows those of all targets, and
// nothing else takes as much of its memory, so they stand in one text, in order:
// 1 byte for each beside its own, where a map takes 50. The zero value is empty.
type names struct {
	packed  []byte          // each name and nameEnd; bytes are appended and never changed
	changes map[string]bool // since it was packed: there now, or not
}

// has reports whether the name is there.
func (n *names) has(name string) bool {
	if there, changed := n.changes[name]; changed {
		return there
	}
	return n.inPacked(name)
}

// inPacked searches the text, half by half.
func (n *names) inPacked(name string) bool {
	low, high := 0, len(n.packed) // where names begin
	for low < high {
		from := low + bytes.LastIndexByte(n.packed[low:low+(high-low)/2], nameEnd) + 1
		to := from + bytes.IndexByte(n.packed[from:], nameEnd)
		switch at := string(n.packed[from:to]); {
		case at == name:
			return true
		case at < name:
			low = to + 1
		default:
			high = from
		}
	}
	return false
}

// add makes the name there. It costs least where names are added in order.
func (n *names) add(name string) {
	switch {
	case n.has(name):
	case len(n.changes) == 0 && n.last() < name:
		n.packed = append(append(n.packed, name...), nameEnd)
	default:
		n.change(name, true)
	}
}

// last returns the last packed name.
func (n *names) last() string {
	if len(n.packed) == 0 {
		return ""
	}
	rest := n.packed[:len(n.packed)-1]
	return string(rest[bytes.LastIndexByte(rest, nameEnd)+1:])
}

// remove makes the name not there.
func (n *names) remove(name string) {
	if n.has(name) {
		n.change(name, false)
	}
}

func (n *names) change(name string, there bool) {
	if n.changes == nil {
		n.changes = make(map[string]bool)
	}
	n.changes[name] = there
	if len(n.changes) > fewChanges+len(n.packed)/64 {
		n.pack()
	}
}

// pack brings what has changed into the text, and gives back what was reserved
// for more names.
func (n *names) pack() {
	if len(n.changes) == 0 {
		n.packed = bytes.Clone(n.packed)
		return
	}
	var packed []byte
	for _, name := range slices.Sorted(n.all()) {
		packed = append(append(packed, name...), nameEnd)
	}
	n.packed, n.changes = bytes.Clone(packed), nil
}

// all yields the names, each that is there when its turn comes: names may be
// removed meanwhile. They are in no order.
func (n *names) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		changes := maps.Clone(n.changes)
		for rest := n.packed; len(rest) > 0; {
			end := bytes.IndexByte(rest, nameEnd)
			name := string(rest[:end])
			rest = rest[end+1:]
			if _, changed := changes[name]; !changed && n.has(name) && !yield(name) {
				return
			}
		}
		for name := range changes {
			if n.has(name) && !yield(name) {
				return
			}
		}
	}
}
