//go:build linux || darwin

package manifest

import (
	"context"
	"os"

	"golang.org/x/sys/unix"
)

// lookAgain compares what a cache holds, from its first directory on, with what is
// there, which are so many files. Each directory is opened in the one that holds it, where no link is followed.
func lookAgain(ctx context.Context, root *os.Root, in cacheReader, files int) (seenAgain, bool) {
	top, err := root.OpenFile(".", os.O_RDONLY|openNonblock, 0) // which takes package os fewer calls
	if err != nil {
		return seenAgain{}, false
	}
	defer top.Close()
	conn, err := top.SyscallConn()
	if err != nil {
		return seenAgain{}, false
	}
	look := keptLook{in: in, seen: seenAgain{entries: make([]Entry, 0, files)}}
	err = conn.Control(func(fd uintptr) { look.all(ctx, int(fd)) })
	return look.seen, err == nil && look.same
}

// keptLook is one look at all that is kept.
type keptLook struct {
	in   cacheReader
	open []openDir // the directory that is looked at, behind those that hold it
	seen seenAgain
	same bool // all was as it is kept, so far
}

// openDir is a directory with its file descriptor, of which the first one is not ours.
type openDir struct {
	name string
	fd   int
}

func (l *keptLook) all(ctx context.Context, top int) {
	defer func() { l.leave("") }()
	for l.same = true; l.same && len(l.in.Rest) > 0; {
		l.same = ctx.Err() == nil && l.enter(l.in.name(), top) && l.dir()
	}
	l.same = l.same && !l.in.Failed && len(l.open) > 0
}

// enter opens the directory that comes next. It is false where that is not to be had.
func (l *keptLook) enter(name string, top int) bool {
	if len(l.open) == 0 {
		l.open = append(l.open, openDir{name, top})
		return name == "."
	}
	l.leave(name)
	in := l.open[len(l.open)-1]
	base := baseIn(in.name, name)
	if base == "" || len(l.open) > maxKeptDepth {
		return false
	}
	fd, err := retried(func() (int, error) {
		return unix.Openat(in.fd, base, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err == nil {
		l.open = append(l.open, openDir{name, fd})
	}
	return err == nil
}

// leave closes the directories that do not hold name: all but the first one for "".
func (l *keptLook) leave(name string) {
	for len(l.open) > 1 && !holds(l.open[len(l.open)-1].name, name) {
		_ = unix.Close(l.open[len(l.open)-1].fd) // it was only looked at
		l.open = l.open[:len(l.open)-1]
	}
}

func holds(dir, name string) bool {
	return len(name) > len(dir) && name[len(dir)] == '/' && name[:len(dir)] == dir
}

// dir looks at the directory that was entered, and at its files.
func (l *keptLook) dir() bool {
	at := l.open[len(l.open)-1]
	kept := l.in.dir(at.name)
	var st unix.Stat_t
	_, err := retried(func() (struct{}, error) { return struct{}{}, unix.Fstat(at.fd, &st) })
	if err != nil || stateAt(&st) != kept.state || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return false
	}
	for _, r := range kept.rules {
		if !isAsKept(at.fd, r.layer.Filename(), r.state) {
			return false
		}
		where := Path(at.name)
		if at.name == "." {
			where = ""
		}
		l.seen.rules = append(l.seen.rules, IgnoreFile{Layer: r.layer, Dir: where, Data: r.data})
	}
	for range l.in.count() {
		f := l.in.file(at.name)
		if l.in.Failed || f.base == "" || !isAsKept(at.fd, f.base, f.state) {
			return false
		}
		l.seen.entries = append(l.seen.entries, Entry{Path(f.name), f.id, f.size})
	}
	return true
}

// isAsKept reports whether a name in an open directory is a regular file in a state.
func isAsKept(dir int, name string, kept fileState) bool {
	st, err := statAt(dir, name)
	return err == nil && stateAt(&st) == kept && st.Mode&unix.S_IFMT == unix.S_IFREG
}
