package manifest

import (
	"fmt"
	"maps"
)

// Bundle is a tree together with the bytes of its files, in memory: what a
// zip holds. It is a value like [Tree]; the bytes must not be changed.
type Bundle struct {
	tree    Tree
	content map[ID][]byte
}

// NewBundle makes a bundle of files. It fails as [NewTree] does.
func NewBundle(files map[Path][]byte) (Bundle, error) {
	entries := make([]Entry, 0, len(files))
	content := make(map[ID][]byte, len(files))
	for p, data := range files {
		id := BlobID(data)
		entries = append(entries, Entry{Path: p, ID: id, Size: int64(len(data))})
		content[id] = data
	}
	tree, err := NewTree(entries...)
	if err != nil {
		return Bundle{}, err
	}
	return Bundle{tree, content}, nil
}

// Tree returns what the bundle holds.
func (b Bundle) Tree() Tree { return b.tree }

// Of returns a bundle of another tree with the bytes that b has. The bytes of its other
// files are not there, and it is not to be packed.
func (b Bundle) Of(tree Tree) Bundle { return Bundle{tree, b.content} }

// Content returns the bytes of the file at p; false when there is none, and when its
// bytes are not there.
func (b Bundle) Content(p Path) ([]byte, bool) {
	e, ok := b.tree.Lookup(p)
	if !ok {
		return nil, false
	}
	data, ok := b.content[e.ID]
	return data, ok
}

// Blob returns the bytes that id names, wherever they lie in the bundle.
func (b Bundle) Blob(id ID) ([]byte, bool) {
	data, ok := b.content[id]
	return data, ok
}

// Files returns a new map of all paths with their bytes.
func (b Bundle) Files() map[Path][]byte {
	files := make(map[Path][]byte, b.tree.Len())
	for e := range b.tree.All() {
		files[e.Path] = b.content[e.ID]
	}
	return files
}

// With returns a bundle that differs from b by set and remove; set wins
// where a path is in both. It fails as [NewTree] does.
func (b Bundle) With(set map[Path][]byte, remove ...Path) (Bundle, error) {
	files := b.Files()
	for _, p := range remove {
		delete(files, p)
	}
	maps.Copy(files, set)
	out, err := NewBundle(files)
	if err != nil {
		return Bundle{}, fmt.Errorf("change bundle: %w", err)
	}
	return out, nil
}
