package manifest

import "slices"

// Unknown is a path about which a side cannot say whether it is present or
// absent, or everything below a directory of which that is true. A problem
// is not an absence: whoever compares trees leaves unknown paths alone.
type Unknown struct {
	Path   Path // "" with Below set: everything
	Below  bool // also everything below Path
	Reason string
}

// UnknownSet is the unknown part of a side. The zero set is empty.
type UnknownSet []Unknown

// Has reports whether p is unknown.
func (s UnknownSet) Has(p Path) bool {
	return slices.ContainsFunc(s, func(u Unknown) bool {
		return u.Path == p || u.Below && (u.Path == "" || p.Under(u.Path))
	})
}

// Problem is a trouble with one path, reported as data: it stops the
// publishing of its target and nothing else.
type Problem struct {
	Path   Path        `json:"path"`
	Kind   ProblemKind `json:"kind"`
	Detail string      `json:"detail"` // what is wrong, a clause without a full stop
	Hint   string      `json:"hint,omitempty"`
}

// ProblemKind is a stable word for programs.
type ProblemKind string

// The kinds of problems that a scan finds.
const (
	Unreadable  ProblemKind = "unreadable"   // the system refuses to open, read or list it
	Irregular   ProblemKind = "irregular"    // a device, socket or pipe
	LinkEscapes ProblemKind = "link-escapes" // a symbolic link out of the root
	LinkBroken  ProblemKind = "link-broken"  // a symbolic link to nothing, or in a circle
	Unstable    ProblemKind = "unstable"     // changed while it was read
	BadName     ProblemKind = "bad-name"     // a name that is no Path
	NameTwins   ProblemKind = "name-twins"   // differs from another name only by case or Unicode form
	TooLarge    ProblemKind = "too-large"    // larger than the limit
	InTheWay    ProblemKind = "in-the-way"   // its place here is taken by something that is not published
)
