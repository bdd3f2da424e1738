package lint

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// Known is what the rules need of single files, so that those that did not change
// are neither read nor parsed again. It follows from the bytes of a file and the
// extension of its name; what is told with it is what is told without. Files of which
// a rule of their own tells something are not in it, and are read each time. The zero
// value knows nothing. It is not safe for concurrent use.
type Known struct {
	of      map[fileKey]*fact
	data    []byte // that it was read from
	changed bool
}

// nameKind is what the rules ask of a file's name.
type nameKind byte

const (
	namedBinary nameKind = 1 << iota
	namedMarkdown
	namedText
)

func kindOf(p manifest.Path) (k nameKind) {
	ext := extension(p)
	if slices.Contains(binaryExtensions, ext) {
		k |= namedBinary
	}
	if isMarkdown(p) {
		k |= namedMarkdown
	}
	if slices.Contains(textExtensions, ext) {
		k |= namedText
	}
	return k
}

// fileKey is what a fact is of.
type fileKey struct {
	kind nameKind
	id   manifest.ID
}

func keyOf(e manifest.Entry) fileKey { return fileKey{kindOf(e.Path), e.ID} }

// fact is what is known of a file.
type fact struct {
	own      []Finding // of what any file may hold, but for credentials, without a path
	markdown bool      // it is text, and Markdown by its name
	marks    bool      // it holds one of the signs without which there is no link
	doc      *document // nil: no Markdown, or nothing needed it yet
}

func newFact(p manifest.Path, content []byte) *fact {
	f := &fact{marks: bytes.ContainsAny(content, "[<>")}
	if t, ok := textOf(p, content); ok {
		f.own, f.markdown = checkHidden(t), isMarkdown(p)
	} else {
		f.own = checkEncoding(p, content)
	}
	return f
}

// fact returns what is known of a file, or follows from its bytes.
func (ds *documents) fact(e manifest.Entry) *fact {
	key := keyOf(e)
	if f, ok := ds.facts[key]; ok {
		return f
	}
	f, ok := ds.known.of[key]
	if !ok {
		content, _ := ds.asset.Files.Content(e.Path)
		f = newFact(e.Path, content)
	}
	ds.facts[key] = f
	return f
}

// Check is [Check] of an asset of which only those bytes have to be there that are not
// known; a.Secrets needs all. It returns the files whose bytes it needs besides, in
// order of path, and nothing else then: it is to be called again with them. When there
// are none, k knows the files of the asset, and no others.
func (k *Known) Check(a Asset) (found []Finding, unread []manifest.Entry) {
	if unread = k.unread(a); len(unread) > 0 {
		return nil, unread
	}
	docs := newDocuments(a, k)
	found = a.findings(docs)
	if len(docs.unread) > 0 {
		return nil, slices.SortedFunc(maps.Values(docs.unread), func(a, b manifest.Entry) int { return cmp.Compare(a.Path, b.Path) })
	}
	k.replace(docs.facts)
	return Sorted(found), nil
}

// unread are the files whose bytes are needed and not there, as far as their names
// tell.
func (k *Known) unread(a Asset) (unread []manifest.Entry) {
	main, _ := assettype.MainFile(a.Type, a.Files.Tree())
	for e := range a.Files.Tree().All() {
		_, known := k.of[keyOf(e)]
		if known && e.Path != main && !a.Type.SingleFile && a.Secrets == nil {
			continue
		}
		if _, there := a.Files.Content(e.Path); !there {
			unread = append(unread, e)
		}
	}
	return unread
}

func (k *Known) replace(facts map[fileKey]*fact) {
	of := make(map[fileKey]*fact, len(facts))
	for key, f := range facts {
		if len(f.own) > 0 || f.markdown && f.marks && f.doc == nil { // not parsed: it takes too long
			continue
		}
		of[key] = f
		_, was := k.of[key]
		k.changed = k.changed || !was
	}
	k.changed = k.changed || len(of) != len(k.of)
	k.of = of
}
