package gitrepo

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"assetsync/manifest"
)

// ErrAmbiguousID says that several commits have an abbreviated id.
var ErrAmbiguousID = errors.New("the abbreviated id is ambiguous")

const (
	// minAbbreviated is how many digits an abbreviated id has at least: git's
	// MINIMUM_ABBREV.
	minAbbreviated = 4
	// maxCandidates is how many commits an error about an abbreviated id
	// names: a few lines.
	maxCandidates = 10
)

// isAbbreviated reports whether name may be the beginning of an object id.
func isAbbreviated(name string) bool {
	return len(name) >= minAbbreviated && len(name) < 2*len(manifest.ID{}) && strings.Trim(name, "0123456789abcdefABCDEF") == ""
}

// abbreviated returns the one commit whose id, or the id of a tag on it,
// begins with some digits. Other objects do not count, as to git where it
// needs a commit.
func (w *Worktree) abbreviated(o *objects, digits string) (manifest.ID, error) {
	// A repository of longer ids has nothing that could be found here.
	if _, head, err := w.resolveRef(plumbing.HEAD.String()); err == nil && len(head) > 2*len(manifest.ID{}) {
		return manifest.ID{}, ErrObjectFormat
	}
	ids, err := o.withPrefix(digits)
	if err != nil {
		return manifest.ID{}, err
	}
	var named, commits []manifest.ID
	var other error
	for _, id := range ids {
		// go-git makes ids of the names of temporary files, too.
		if _, err := o.find(plumbing.AnyObject, id); errors.Is(err, ErrObjectMissing) {
			continue
		}
		commit, err := o.peel(id)
		if errors.Is(err, errNoCommit) {
			other = err
			continue
		}
		if err != nil {
			return manifest.ID{}, err
		}
		named, commits = append(named, id), append(commits, commit)
	}
	switch {
	case len(commits) == 1:
		return commits[0], nil
	case len(commits) > 1:
		return manifest.ID{}, ambiguous(named)
	case len(ids) == 1 && other != nil:
		return manifest.ID{}, other
	}
	return manifest.ID{}, w.explain(noRevision())
}

func ambiguous(ids []manifest.ID) error {
	var names []string
	for _, id := range ids[:min(len(ids), maxCandidates)] {
		names = append(names, id.String())
	}
	if more := len(ids) - len(names); more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return &hintedError{fmt.Errorf("%w: it may be %s", ErrAmbiguousID, strings.Join(names, ", ")), "write more digits of the id"}
}

// withPrefix returns the objects whose ids begin with some digits, in order.
// When there are none, packs are listed once more, as by find.
func (o *objects) withPrefix(digits string) ([]manifest.ID, error) {
	whole, err := hex.DecodeString(digits[:len(digits)&^1])
	if err != nil {
		return nil, err
	}
	for {
		found := map[manifest.ID]struct{}{}
		for _, s := range o.stores {
			hashes, err := s.HashesWithPrefix(whole)
			if err != nil {
				return nil, fmt.Errorf("list objects: %w", err)
			}
			for _, h := range hashes {
				if strings.HasPrefix(h.String(), digits) {
					found[manifest.ID(h)] = struct{}{}
				}
			}
		}
		if len(found) > 0 || o.listed {
			return slices.SortedFunc(maps.Keys(found), func(a, b manifest.ID) int { return bytes.Compare(a[:], b[:]) }), nil
		}
		o.relist()
	}
}
