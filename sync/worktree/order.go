package worktree

import (
	"cmp"
	"io/fs"
	"path"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
)

// turn says when a change is made, before those of a later turn. What a link
// shows depends on the changes of what it names.
type turn int

const (
	replaceLink   turn = iota // a file takes the place of a link, which still leads to what the plan assumed
	deleteLink                // while it still leads somewhere
	deleteFile                //
	deleteLinked              // below a linked directory: gone by now with what that leads to, or refused
	writeFile                 //
	followingLink             // a link to a file that became the very same: made by now, so that the link stays
	writeLinked               // below a linked directory: made by now, or refused
)

// inOrder returns the indices of the changes in the order in which they are
// made: early ones up to the last delete, and late ones.
func (w *Worktree) inOrder(changes []diff.Change) (early, late []int) {
	becomes := make(map[manifest.Path]*manifest.Entry, len(changes))
	for _, c := range changes {
		becomes[c.Path] = c.New
	}
	turns := make([]turn, len(changes))
	for i, c := range changes {
		if turns[i] = w.turnOf(c, becomes); turns[i] < writeFile {
			early = append(early, i)
		} else {
			late = append(late, i)
		}
	}
	byTurn := func(i, j int) int { return cmp.Compare(turns[i], turns[j]) }
	slices.SortStableFunc(early, byTurn)
	slices.SortStableFunc(late, byTurn)
	return early, late
}

// turnOf returns the turn of a change. Becomes is what all changes make of
// their paths. What cannot be told here, whoever makes the change will say.
func (w *Worktree) turnOf(c diff.Change, becomes map[manifest.Path]*manifest.Entry) turn {
	above, _ := w.linkAbove(string(c.Path))
	target, err := w.root.Readlink(string(c.Path))
	isLink := err == nil
	switch {
	case c.New == nil && above != "":
		return deleteLinked
	case c.New == nil && isLink:
		return deleteLink
	case c.New == nil:
		return deleteFile
	case above != "":
		return writeLinked
	case !isLink:
		return writeFile
	}
	named := becomes[manifest.Path(path.Join(path.Dir(string(c.Path)), target))]
	if named != nil && named.ID == c.New.ID {
		return followingLink
	}
	return replaceLink
}

// linkAbove returns the first directory in name that is a link, or nothing.
// It is where to look; that nothing outside is written, whatever moves
// meanwhile, is os.Root's doing.
func (w *Worktree) linkAbove(name string) (string, error) {
	for dir := range manifest.Path(name).Dirs {
		info, err := w.root.Lstat(string(dir))
		switch {
		case isGone(err):
			return "", nil
		case err != nil:
			return "", err
		case info.Mode().Type() == fs.ModeSymlink:
			return string(dir), nil
		}
	}
	return "", nil
}
