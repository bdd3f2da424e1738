package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
)

// fault is an error whose kind of problem is known where it is found.
type fault struct {
	kind   ProblemKind
	detail string
	hint   string // "" for the one of the kind
	err    error  // the cause, if there is one below
}

func newFault(kind ProblemKind, format string, args ...any) *fault {
	return &fault{kind: kind, detail: fmt.Sprintf(format, args...)}
}

// Fault returns the error by which a [Source] says what is wrong with one
// file or directory; a scan makes a [Problem] of it.
func Fault(kind ProblemKind, detail, hint string) error { return &fault{kind, detail, hint, nil} }

func (f *fault) Error() string { return f.detail }

func (f *fault) Unwrap() error { return f.err }

func isFault(err error) bool {
	var f *fault
	return errors.As(err, &f)
}

// newProblem makes a problem of the error that p met in a scan.
func newProblem(p Path, err error) Problem {
	var known *fault
	var large *tooLargeError
	kind, detail, advice := Unreadable, cause(err), ""
	switch {
	case errors.As(err, &known):
		kind, detail, advice = known.kind, known.detail, known.hint
	case errors.As(err, &large):
		kind = TooLarge
	case errors.Is(err, errUnstable):
		kind = Unstable
	case errors.Is(err, errIrregular):
		kind = Irregular
	}
	return Problem{Path: p, Kind: kind, Detail: detail, Hint: cmp.Or(advice, hint(kind))}
}

// cause drops the operation and the path, which the problem names itself.
func cause(err error) string {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err.Error()
	}
	return err.Error()
}

func hint(kind ProblemKind) string {
	switch kind {
	case Unstable:
		return "wait until whatever writes it is done"
	case BadName, NameTwins:
		return "rename it, or leave it out with ignore"
	case TooLarge:
		return "make it smaller, or leave it out with ignore"
	case Unreadable:
		return "make it readable, or leave it out with ignore"
	case LinkEscapes, LinkBroken:
		return "point it to something inside the directory, or leave it out with ignore"
	}
	return "leave it out with ignore"
}

func irregular(mode fs.FileMode) error {
	what := "neither a file nor a directory"
	switch mode.Type() {
	case fs.ModeNamedPipe:
		what = "a named pipe"
	case fs.ModeSocket:
		what = "a socket"
	case fs.ModeDevice, fs.ModeDevice | fs.ModeCharDevice:
		what = "a device"
	case fs.ModeDir:
		what = "a directory"
	}
	return newFault(Irregular, "is %s, not a regular file", what)
}
