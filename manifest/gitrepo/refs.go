package gitrepo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// The places of refs, see gitrepository-layout(5).
const (
	branchPrefix = "refs/heads/"
	remotePrefix = "refs/remotes/"
)

// maxSymrefs is how many symbolic refs one ref may lead through: git's
// SYMREF_MAXDEPTH.
const maxSymrefs = 5

// ErrReftable says that a repository keeps its refs in a form that is not
// read here.
var ErrReftable = errors.New("its refs are stored as reftable, which is not supported")

// resolveRef follows a ref to a commit or tag. It returns the last name on
// the way, which is ref itself unless that is symbolic, and the id in hex, which
// is empty when nothing has that last name.
func (w *Worktree) resolveRef(ref string) (name, id string, err error) {
	name = ref
	for range maxSymrefs {
		value, err := w.readRef(name)
		if err != nil {
			return "", "", w.explain(fmt.Errorf("read ref %q: %w", name, err))
		}
		if value.symbolic == "" {
			return name, value.id, nil
		}
		name = value.symbolic
	}
	return "", "", fmt.Errorf("read ref %q: it leads through more than %d symbolic refs", ref, maxSymrefs)
}

// explain replaces what is wrong with a ref by the reason, if there is a
// known one. A repository with reftable has a HEAD that leads nowhere.
func (w *Worktree) explain(err error) error {
	if info, statErr := os.Stat(filepath.Join(w.common, "reftable")); statErr == nil && info.IsDir() {
		return &hintedError{ErrReftable, "convert it: git refs migrate --ref-format=files"}
	}
	return err
}

// refValue is what a ref holds: one of both, or neither when it is not there.
type refValue struct {
	symbolic string
	id       string // hex
}

// readRef reads one ref without following it. A name that may not be one is
// never made into a path.
func (w *Worktree) readRef(name string) (refValue, error) {
	if err := checkRefName(name); err != nil {
		return refValue{}, err
	}
	// While "git pack-refs" runs, a ref is first in both places, then packed
	// alone; one that is found in neither may have been made loose between
	// the two looks.
	for range 2 {
		v, err := w.readLoose(name)
		if err != nil || v != (refValue{}) {
			return v, err
		}
		ids, err := w.packedIDs(name, func(packed string) bool { return packed == name })
		if err != nil || ids[name] != "" {
			return refValue{id: ids[name]}, err
		}
	}
	if name == plumbing.HEAD.String() {
		return refValue{}, fs.ErrNotExist
	}
	return refValue{}, nil
}

func (w *Worktree) readLoose(name string) (refValue, error) {
	dir := w.common
	if isPrivate(name) {
		dir = w.gitDir
	}
	file := filepath.Join(dir, filepath.FromSlash(name))
	info, err := os.Lstat(file)
	switch {
	case isAbsent(err) || err == nil && info.IsDir():
		return refValue{}, nil
	case err != nil:
		return refValue{}, err
	case info.Mode().Type() == fs.ModeSymlink:
		// As symbolic refs were made before 2005.
		target, err := os.Readlink(file)
		if err != nil {
			return refValue{}, err
		}
		target = filepath.ToSlash(target)
		return refValue{symbolic: target}, checkRefName(target)
	}
	data, err := readBounded(file, maxPointer)
	if isAbsent(err) {
		return refValue{}, nil
	}
	if err != nil {
		return refValue{}, err
	}
	return parseRef(data)
}

// isPrivate reports whether a ref belongs to one worktree rather than to
// all, see git-worktree(1).
func isPrivate(name string) bool {
	return !strings.HasPrefix(name, "refs/") || strings.HasPrefix(name, "refs/bisect/") ||
		strings.HasPrefix(name, "refs/worktree/") || strings.HasPrefix(name, "refs/rewritten/")
}

// parseRef reads the content of HEAD or of a loose ref.
func parseRef(data []byte) (refValue, error) {
	if target, ok := bytes.CutPrefix(data, []byte("ref:")); ok {
		name := string(bytes.TrimSpace(target))
		return refValue{symbolic: name}, checkRefName(name)
	}
	id, rest := data, []byte(nil)
	if i := bytes.IndexAny(data, " \t\r\n"); i >= 0 {
		id, rest = data[:i], data[i:]
	}
	if !isHexID(string(id)) || bytes.IndexByte(rest, 0) >= 0 {
		return refValue{}, errors.New("it holds neither an object id nor the name of a ref")
	}
	return refValue{id: string(id)}, nil
}

// isHexID reports whether s is an object id, of SHA-1 or SHA-256.
func isHexID(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}

// checkRefName lets through what may be a ref, and so never a path that
// leads out of refs.
func checkRefName(name string) error {
	if !strings.HasPrefix(name, "refs/") {
		if name == "" || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != "" {
			return fmt.Errorf("%.100q is no name of a ref", name)
		}
		return nil
	}
	if len(name) > maxPointer || plumbing.ReferenceName(name).Validate() != nil {
		return fmt.Errorf("%.100q is no name of a ref", name)
	}
	return nil
}

// tips returns the ids of what is known of a branch: its own and those of the
// remotes' branches of the same name, without duplicates, in order.
func (w *Worktree) tips(branch string) ([]string, error) {
	local := branchPrefix + branch
	if err := checkRefName(local); err != nil {
		return nil, err
	}
	names := map[string]struct{}{local: {}}
	remotes, err := os.ReadDir(filepath.Join(w.common, "refs", "remotes"))
	if err != nil && !isAbsent(err) {
		return nil, err
	}
	for _, r := range remotes {
		if name := remotePrefix + r.Name() + "/" + branch; checkRefName(name) == nil {
			names[name] = struct{}{}
		}
	}
	packed, err := w.packedIDs("remotes "+branch, func(name string) bool {
		rest, ok := strings.CutPrefix(name, remotePrefix)
		_, last, _ := strings.Cut(rest, "/")
		return ok && last == branch && checkRefName(name) == nil
	})
	if err != nil {
		return nil, err
	}
	for name := range packed {
		names[name] = struct{}{}
	}
	ids := map[string]struct{}{}
	for name := range names {
		_, id, err := w.resolveRef(name)
		if err != nil {
			return nil, err
		}
		if id != "" {
			ids[id] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(ids)), nil
}

// branches returns the names of all local and remote-tracking branches, in
// order; some may be symbolic, or gone meanwhile.
func (w *Worktree) branches() ([]string, error) {
	isBranch := func(name string) bool {
		return (strings.HasPrefix(name, branchPrefix) || strings.HasPrefix(name, remotePrefix)) && checkRefName(name) == nil
	}
	names := map[string]struct{}{}
	// Loose ones first: "git pack-refs" removes them after it has packed them.
	for _, prefix := range [...]string{branchPrefix, remotePrefix} {
		err := filepath.WalkDir(filepath.Join(w.common, filepath.FromSlash(prefix)), func(file string, e fs.DirEntry, err error) error {
			if isAbsent(err) {
				return nil
			}
			if err != nil || e.IsDir() {
				return err
			}
			name, err := filepath.Rel(w.common, file)
			if name = filepath.ToSlash(name); err == nil && isBranch(name) {
				names[name] = struct{}{}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	packed, err := w.packedIDs("branches", isBranch)
	if err != nil {
		return nil, err
	}
	for name := range packed {
		names[name] = struct{}{}
	}
	return slices.Sorted(maps.Keys(names)), nil
}

// packedRefs remembers what was looked for in one state of packed-refs, so
// that a look at the worktree reads that file once only.
type packedRefs struct {
	stamp string
	found map[string]map[string]string // query -> ref -> id
}

// packedIDs returns the refs that match in packed-refs. The query names the
// question.
func (w *Worktree) packedIDs(query string, match func(name string) bool) (map[string]string, error) {
	w.refs.Lock()
	defer w.refs.Unlock()
	file := filepath.Join(w.common, "packed-refs")
	info, err := os.Stat(file)
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if ids, ok := w.packed.found[query]; ok && w.packed.stamp == stamp(info) {
		return ids, nil
	}
	f, info, err := openBounded(file, maxPackedRefs)
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ids := map[string]string{}
	err = readPacked(f, func(name, id string) {
		if match(name) {
			ids[name] = id
		}
	})
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if w.packed.stamp != stamp(info) {
		w.packed = packedRefs{stamp(info), map[string]map[string]string{}}
	}
	w.packed.found[query] = ids
	return ids, nil
}

// readPacked calls each for every ref of a file packed-refs. Lines that
// begin with # or ^ hold a header and what tags lead to.
func readPacked(r io.Reader, each func(name, id string)) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 2*maxPointer)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if line == "" || line[0] == '#' || line[0] == '^' {
			continue
		}
		id, name, ok := strings.Cut(strings.TrimRight(line, "\r"), " ")
		if !ok || !isHexID(id) {
			return fmt.Errorf("line %d is malformed", n)
		}
		each(name, id)
	}
	return lines.Err()
}
