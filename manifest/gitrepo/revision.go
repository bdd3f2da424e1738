package gitrepo

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"assetsync/manifest"
)

// ErrNoRevision says that nothing has the name of a revision.
var ErrNoRevision = errors.New("no such revision")

// maxTags is how many tags one may lead through to its commit. Real ones lead
// through one, a tag of a tag through two.
const maxTags = 16

// revision returns the commit that rev names: a full object id, HEAD, or a
// ref by its full or short name. Tags are peeled.
func (w *Worktree) revision(o *objects, rev string) (manifest.ID, error) {
	hex, err := w.findRevision(rev)
	if err != nil {
		return manifest.ID{}, err
	}
	id, err := parseObjectID(hex)
	if err != nil {
		return manifest.ID{}, err
	}
	return o.peel(id)
}

// findRevision returns the id that rev names, in hex. The rules are those of
// gitrevisions(7), the first that fits wins.
func (w *Worktree) findRevision(rev string) (string, error) {
	if isHexID(rev) {
		return rev, nil
	}
	for _, name := range [...]string{
		rev, path.Join("refs", rev), "refs/tags/" + rev, branchPrefix + rev, remotePrefix + rev, remotePrefix + rev + "/HEAD",
	} {
		if checkRefName(name) != nil {
			continue
		}
		_, id, err := w.resolveRef(name)
		if err != nil || id != "" {
			return id, err
		}
	}
	return "", w.explain(&hintedError{ErrNoRevision, "name a branch, a tag, HEAD or a commit by its full id; git fetch --tags gets those of the remote"})
}

// peel returns the commit that an object is, or leads to as a tag.
func (o *objects) peel(id manifest.ID) (manifest.ID, error) {
	for range maxTags {
		found, err := o.find(plumbing.AnyObject, id)
		if err != nil {
			return manifest.ID{}, err
		}
		switch found.Type() {
		case plumbing.CommitObject:
			return id, nil
		case plumbing.TagObject:
			data, err := o.read(plumbing.TagObject, id, maxCommit)
			if err != nil {
				return manifest.ID{}, err
			}
			target, err := parseTag(data)
			if err != nil {
				return manifest.ID{}, fmt.Errorf("tag %s: %w", id, err)
			}
			id = target
		default:
			return manifest.ID{}, fmt.Errorf("%s is a %s, not a commit", id, found.Type())
		}
	}
	return manifest.ID{}, fmt.Errorf("%s leads through more than %d tags", id, maxTags)
}

// parseTag returns what a tag leads to.
func parseTag(data []byte) (manifest.ID, error) {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	hex, ok := strings.CutPrefix(string(line), "object ")
	if !ok {
		return manifest.ID{}, errors.New("it does not begin with an object")
	}
	return manifest.ParseID(hex)
}
