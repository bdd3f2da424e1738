package worktree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/durable"
)

// maxFile bounds what is read into memory, ten times what the service takes
// for a file (6,291,456 bytes). A larger file is nothing that a plan knows.
const maxFile = 10 * 6_291_456

// maxPutBacks is how many saves in a row may slip in while one is put back.
// Each takes a moment of microseconds; more than one is a program at fault.
const maxPutBacks = 10

var (
	errMoved     = errors.New("it was saved, moved or removed since the plan was made")
	errTaken     = errors.New("another file is there already")
	errIrregular = errors.New("not a regular file")
	errTooLarge  = fmt.Errorf("larger than %d bytes", maxFile)
)

// applier makes single changes. Its names are free of links, but for the
// last segment: a link is replaced or deleted, and what it names stays.
type applier struct {
	root    *os.Root
	disk    *durable.Dir
	text    manifest.Text
	mark    string // "" leaves no traces
	content Content
	keep    Keep
	traces  *[]Trace
}

// create makes a file that is not there. It replaces nothing but an empty
// directory, which is no content.
func (a applier) create(c diff.Change, name string) Result {
	info, err := a.root.Lstat(name)
	inTheWay := err == nil && info.IsDir()
	switch {
	case err == nil && !inTheWay && a.isMade(c, name):
		return done(c)
	case err == nil && !inTheWay:
		return conflict(c, errTaken)
	}
	data, err := a.fetch(*c.New)
	if err != nil {
		return fail(c, err)
	}
	if inTheWay {
		if err := a.disk.RemoveDir(name); err != nil && !isGone(err) {
			return refuse(c, fmt.Errorf("%w: %w", ErrInTheWay, err))
		}
	}
	if err := a.disk.MkdirAll(path.Dir(name), 0o777); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return conflict(c, err)
		}
		return fail(c, err)
	}
	temp, err := a.stage(c, name, data, 0)
	if err != nil {
		return fail(c, err)
	}
	if err := a.markNew(temp); err != nil {
		return fail(c, errors.Join(err, a.retract(temp)))
	}
	err = a.disk.NoReplace(temp, name)
	switch {
	case err == nil:
		a.leave(newMark(temp), nil)
		return done(c)
	case !errors.Is(err, fs.ErrExist):
		return fail(c, errors.Join(err, a.retract(temp)))
	case !a.isMade(c, name):
		return conflict(c, errors.Join(errTaken, a.retract(temp)))
	}
	if err := a.retract(temp); err != nil { // somebody else was faster
		return fail(c, err)
	}
	return done(c)
}

// update replaces a file, or the link that stands for it, by an exchange. Known
// before it: the file was what the plan assumes, and those bytes are kept.
func (a applier) update(c diff.Change, name string) Result {
	old, info, err := a.readThrough(name)
	switch {
	case isGone(err), errors.Is(err, errIrregular), errors.Is(err, errTooLarge):
		return conflict(c, errMoved)
	case err != nil:
		return fail(c, err)
	case a.is(old, *c.New):
		return done(c)
	case !a.is(old, *c.Old):
		return conflict(c, errMoved)
	}
	data, err := a.fetch(*c.New)
	if err != nil {
		return fail(c, err)
	}
	if err := a.keep(c.Path, old); err != nil {
		return fail(c, err)
	}
	temp, err := a.stage(c, name, data, info.Mode().Perm())
	if err != nil {
		return fail(c, err)
	}
	exchanged := a.disk.Exchange(temp, name)
	switch out, err := a.look(temp); {
	case err == nil && out == c.New.ID && exchanged != nil: // nothing was exchanged
		err := errors.Join(exchanged, a.drop(temp))
		if errors.Is(exchanged, fs.ErrNotExist) || errors.Is(exchanged, fs.ErrExist) {
			return conflict(c, errors.Join(errMoved, err))
		}
		return fail(c, err)
	case err == nil && out == manifest.BlobID(old) && a.mark != "":
		if exchanged != nil {
			return fail(c, exchanged) // the trace stays for who looks again
		}
		a.leave(temp, old)
		return done(c)
	case err == nil && (out == c.New.ID || out == manifest.BlobID(old)): // saved by somebody else meanwhile, or kept
		if err := errors.Join(exchanged, a.drop(temp)); err != nil {
			return fail(c, err)
		}
		return done(c)
	default:
		return conflict(c, errors.Join(errMoved, exchanged, a.putBack(c, temp, name)))
	}
}

// putBack undoes an exchange that brought out something else than the plan
// assumed: a save slipped in, and lies at temp. What the undoing brings out
// should be the new file; if it is not, there was one more save, which is
// newer than the one just put back, and takes its place in turn.
//
// At each turn the names hold the two newest saves between them, and what is
// dropped is the checked out file, or a save that is kept.
func (a applier) putBack(c diff.Change, temp, name string) error {
	expected, known := c.New.ID, true // what name holds, as far as we know
	for range maxPutBacks {
		in, inErr := a.look(temp)
		if err := a.disk.Exchange(temp, name); err != nil {
			return errors.Join(err, a.salvage(c.Path, temp))
		}
		out, err := a.look(temp)
		if err == nil && known && out == expected {
			if out == c.New.ID {
				return a.drop(temp)
			}
			return a.salvage(c.Path, temp)
		}
		expected, known = in, inErr == nil
	}
	return errors.Join(errors.New("it is saved all the time: one of the last two saves is in place, the other is kept"), a.salvage(c.Path, temp))
}

// delete removes a file, or the link that stands for it.
func (a applier) delete(c diff.Change, name string) Result {
	old, _, err := a.readThrough(name)
	switch {
	case isGone(err):
		return done(c)
	case errors.Is(err, errIrregular), errors.Is(err, errTooLarge):
		return conflict(c, errMoved)
	case err != nil:
		return fail(c, err)
	case !a.is(old, *c.Old):
		return conflict(c, errMoved)
	}
	if err := a.keep(c.Path, old); err != nil {
		return fail(c, err)
	}
	temp, moved := a.aside(c, name)
	out, _, err := a.readThrough(temp)
	switch {
	case errors.Is(err, fs.ErrNotExist): // nothing was moved
		if errors.Is(moved, fs.ErrNotExist) {
			return done(c) // somebody else was faster
		}
		return fail(c, errors.Join(moved, err))
	case err == nil && bytes.Equal(out, old): // these bytes are kept
		if err := errors.Join(moved, a.drop(temp)); err != nil {
			return fail(c, err)
		}
		return done(c)
	}
	// A save slipped in between. It goes back, unless there is a newer one.
	err = a.disk.NoReplace(temp, name)
	if err != nil {
		err = a.salvage(c.Path, temp)
	}
	return conflict(c, errors.Join(errMoved, moved, err))
}

// is reports whether data is the content that a plan names by an entry.
func (a applier) is(data []byte, e manifest.Entry) bool {
	return manifest.BlobID(data) == e.ID || manifest.BlobID(a.text.Canonical(data)) == e.ID
}

// fetch returns the bytes of an entry.
func (a applier) fetch(e manifest.Entry) ([]byte, error) {
	data, err := a.content(e)
	if err == nil && manifest.BlobID(data) != e.ID {
		err = fmt.Errorf("the content at hand is %s, not %s", manifest.BlobID(data).Short(), e.ID.Short())
	}
	return data, err
}

// drop removes a temporary file whose bytes are known to be elsewhere, if it
// is there.
func (a applier) drop(temp string) error {
	if err := a.disk.Remove(temp); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// salvage keeps what lies at a temporary name, then removes it. What cannot
// be kept stays.
func (a applier) salvage(p manifest.Path, temp string) error {
	data, _, err := a.read(temp)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = a.keep(p, data)
	}
	if err != nil {
		return fmt.Errorf("what was saved lies at %s: %w", temp, err)
	}
	return a.drop(temp)
}

// isMade reports whether a name is what a change makes of it, also where links
// that stay inside lead to it.
func (a applier) isMade(c diff.Change, name string) bool {
	data, _, err := a.readThrough(name)
	if c.New == nil {
		return isGone(err)
	}
	return err == nil && a.is(data, *c.New)
}

// isGone reports whether there is nothing: neither the file nor, where a part
// of its name became a file, its directory.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errNotDir) }

// look returns the blob id of a regular file, or of the one that a link names.
func (a applier) look(name string) (manifest.ID, error) {
	data, _, err := a.readThrough(name)
	return manifest.BlobID(data), err
}

// read returns the bytes of a regular file with what is known of it.
func (a applier) read(name string) ([]byte, fs.FileInfo, error) {
	// Opening a pipe would wait for its other end, so look first.
	info, err := a.root.Lstat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errIrregular
	}
	return a.readFile(name, info)
}

// readThrough is read, but follows a link that stays inside.
func (a applier) readThrough(name string) ([]byte, fs.FileInfo, error) {
	if _, err := a.root.Lstat(name); err != nil {
		return nil, nil, err
	}
	info, err := a.root.Stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil, nil, errIrregular
	}
	return a.readFile(name, info)
}

func (a applier) readFile(name string, info fs.FileInfo) (data []byte, _ fs.FileInfo, err error) {
	f, err := a.root.Open(name)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errTooLarge
	}
	return data, info, err
}
