package worktree

import (
	"errors"
	"fmt"
	"io/fs"

	"assetsync/diff"
	"assetsync/manifest"
)

// Rescued is a save that had slipped in just before a run with a mark took a file
// away, and died before it looked at what it had taken.
type Rescued struct {
	Back  bool   // it is in its place again
	Apart []byte // it is given to Keep, and lies nowhere here any more; nil: it does not
}

// Rescue finds a save that a run with a mark had taken away with a file that it
// replaced or deleted, and had not put back when it died. Where the file is what
// that run made of it, and putBack says so, the save takes its place again.
// Elsewhere people have gone on from what they found: that stays, and the save
// goes to Keep. A second call finds nothing.
func (w *Worktree) Rescue(mark string, c diff.Change, putBack bool, keep Keep) (Rescued, error) {
	name := string(c.Path)
	if link, err := w.linkAbove(name); c.Old == nil || link != "" || err != nil {
		return Rescued{}, err // nothing is taken away of a file that is made, nor below a link
	}
	a := applier{root: w.root, disk: w.disk, text: w.Text, mark: mark, keep: keep}
	temp := traceName(mark, c.Path, name)
	data, _, err := a.read(temp)
	switch {
	case isGone(err), errors.Is(err, errIrregular):
		return Rescued{}, nil
	case err == nil && (a.is(data, *c.Old) || c.New != nil && a.is(data, *c.New)):
		return Rescued{}, nil // the file that was expected, or the one that was to come
	case err != nil && !errors.Is(err, errTooLarge):
		return Rescued{}, fmt.Errorf("read %s, which may hold what was saved as %s: %w", temp, name, err)
	}
	if putBack {
		back, err := a.bringBack(c, temp, name)
		if back || err != nil {
			return Rescued{Back: back}, err
		}
	}
	return Rescued{Apart: data}, a.salvage(c.Path, temp)
}

// bringBack gives a save its place again, where the file is still what the change
// made of it. It is not back where somebody was faster.
func (a applier) bringBack(c diff.Change, temp, name string) (bool, error) {
	if c.New != nil {
		made, _, err := a.readThrough(name)
		if err != nil || !a.is(made, *c.New) {
			return false, nil // people have gone on from it
		}
		there := *c.New
		there.ID = manifest.BlobID(made) // which may be another form of the text that was planned
		c.New = &there
		return true, a.putBack(c, temp, name)
	}
	err := a.disk.NoReplace(temp, name)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	return err == nil, err
}
