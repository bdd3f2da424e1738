package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"assetsync/manifest"
)

// ErrNoRevision says that nothing has the name of a revision.
var ErrNoRevision = errors.New("no such revision")

// maxTags is how many tags one may lead through to its commit. Real ones lead
// through one, a tag of a tag through two.
const maxTags = 16

const revisionHint = "name HEAD, a branch, a tag, or a commit by 4 or more digits of its id, then ~N or ^N for what is before it; " +
	"git fetch --tags gets the tags of the remote"

// Resolve returns the id, in hex, of the commit that a revision names. The
// forms are those of gitrevisions(7) that lead to one commit by its name:
//
//   - HEAD or @, a ref by its full or short name, a commit id, or its first 4
//     digits or more; an annotated tag stands for its commit.
//   - Then any number of ^ and ^N, the first or Nth parent, ~ and ~N, the Nth
//     first parent, ^{commit} and ^{}, the commit itself.
//
// The reflog, upstreams, searches, paths and ranges are not supported.
//
// It fails with [ErrNoRevision], which says what is wrong with the name,
// [ErrAmbiguousID], [ErrShallow] when parents are cut off,
// [ErrObjectMissing], [ErrObjectFormat] and [ErrReftable].
func (w *Worktree) Resolve(ctx context.Context, rev string) (string, error) {
	var id manifest.ID
	err := w.withObjects(func(o *objects) (err error) {
		id, err = w.revision(ctx, o, rev)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("resolve git revision %q: %w", rev, err)
	}
	return id.String(), nil
}

// revision returns the commit that rev names, as Resolve says.
func (w *Worktree) revision(ctx context.Context, o *objects, rev string) (manifest.ID, error) {
	name, steps, err := parseRevision(rev)
	if err != nil {
		return manifest.ID{}, err
	}
	id, err := w.named(o, name)
	if err != nil || len(steps) == 0 {
		return id, err
	}
	shallow, err := w.shallow()
	if err != nil {
		return manifest.ID{}, err
	}
	for _, s := range steps {
		for range s.times {
			if err := ctx.Err(); err != nil {
				return manifest.ID{}, err
			}
			if id, err = o.parent(id, s.parent, shallow); err != nil {
				return manifest.ID{}, err
			}
		}
	}
	return id, nil
}

// parentStep goes from a commit to a parent, so many times.
type parentStep struct {
	parent int // 1 is the first
	times  int
}

// parseRevision splits a revision into the name of a commit and what follows
// it.
func parseRevision(rev string) (name string, steps []parentStep, err error) {
	if len(rev) > maxPointer {
		return "", nil, fmt.Errorf("%w: its name has %d bytes", ErrNoRevision, len(rev))
	}
	if form := unsupportedForm(rev); form != "" {
		return "", nil, &hintedError{fmt.Errorf("%w: %s not supported", ErrNoRevision, form), revisionHint}
	}
	name, rest := rev, ""
	if i := strings.IndexAny(rev, "^~"); i >= 0 {
		name, rest = rev[:i], rev[i:]
	}
	if name == "@" {
		name = plumbing.HEAD.String()
	}
	for rest != "" {
		var s parentStep
		if s, rest, err = parseStep(rest); err != nil {
			return "", nil, &hintedError{fmt.Errorf("%w: %w", ErrNoRevision, err), revisionHint}
		}
		if s.times > 0 {
			steps = append(steps, s)
		}
	}
	return name, steps, nil
}

// unsupportedForm says which form of a revision rev has, in words before "not
// supported". None of them can stand in the name of a ref.
func unsupportedForm(rev string) string {
	switch {
	case strings.Contains(rev, "@{"):
		return "the reflog and upstreams (@{...}) are"
	case strings.Contains(rev, ":/"), strings.Contains(rev, "^{/"):
		return "searches (:/text, ^{/text}) are"
	case strings.Contains(rev, ":"):
		return "paths (:path) are"
	case strings.Contains(rev, ".."), strings.HasPrefix(rev, "^"), strings.HasSuffix(rev, "^!"), strings.Contains(rev, "^@"), strings.Contains(rev, "^-"):
		return "ranges (a..b, ^a, a^!, a^@, a^-) are"
	}
	return ""
}

// parseStep reads the step that s, which is not empty, begins with.
func parseStep(s string) (step parentStep, rest string, err error) {
	for _, itself := range [...]string{"^{commit}", "^{}"} {
		if rest, ok := strings.CutPrefix(s, itself); ok {
			return parentStep{}, rest, nil
		}
	}
	digits := s[1:]
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	n := 1
	if digits != "" {
		// The limit is git's, INT_MAX.
		wide, err := strconv.ParseInt(digits, 10, 32)
		if err != nil {
			return parentStep{}, "", fmt.Errorf("%.20s is no number of commits", digits)
		}
		n = int(wide)
	}
	rest = s[1+len(digits):]
	switch {
	case s[0] == '~':
		return parentStep{parent: 1, times: n}, rest, nil
	case s[0] == '^' && n == 0:
		return parentStep{}, rest, nil
	case s[0] == '^' && !strings.HasPrefix(rest, "{"):
		return parentStep{parent: n, times: 1}, rest, nil
	}
	return parentStep{}, "", fmt.Errorf("%.20q leads to no commit", s)
}

// parent returns the nth parent of a commit, counted from 1.
func (o *objects) parent(id manifest.ID, n int, shallow map[manifest.ID]struct{}) (manifest.ID, error) {
	c, err := o.commit(id)
	if err != nil {
		return manifest.ID{}, err
	}
	if len(c.parents) < n {
		return manifest.ID{}, fmt.Errorf("%w: commit %s has %d parents, not %d", ErrNoRevision, id, len(c.parents), n)
	}
	if _, cut := shallow[id]; cut {
		return manifest.ID{}, fmt.Errorf("parents of commit %s: %w", id, errShallow())
	}
	return c.parents[n-1], nil
}

// named returns the commit of a revision without any steps.
func (w *Worktree) named(o *objects, name string) (manifest.ID, error) {
	hex, err := w.findRevision(name)
	if err != nil {
		return manifest.ID{}, err
	}
	if hex == "" && isAbbreviated(name) {
		return w.abbreviated(o, strings.ToLower(name))
	}
	if hex == "" {
		return manifest.ID{}, w.explain(noRevision())
	}
	id, err := parseObjectID(hex)
	if err != nil {
		return manifest.ID{}, err
	}
	return o.peel(id)
}

func noRevision() error { return &hintedError{ErrNoRevision, revisionHint} }

// findRevision returns the full id that name is or the ref of that name
// holds, in hex, or "". The rules are those of gitrevisions(7), the first that
// fits wins.
func (w *Worktree) findRevision(name string) (string, error) {
	if lower := strings.ToLower(name); isHexID(lower) {
		return lower, nil
	}
	for _, ref := range [...]string{
		name, path.Join("refs", name), "refs/tags/" + name, branchPrefix + name, remotePrefix + name, remotePrefix + name + "/HEAD",
	} {
		if checkRefName(ref) != nil {
			continue
		}
		_, id, err := w.resolveRef(ref)
		if err != nil || id != "" {
			return id, err
		}
	}
	return "", nil
}

// errNoCommit says that an object is of another kind.
var errNoCommit = errors.New("not a commit")

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
			return manifest.ID{}, fmt.Errorf("%s is a %s, %w", id, found.Type(), errNoCommit)
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
