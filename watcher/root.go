package watcher

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"assetsync/manifest"
)

// Mode says how a root is watched.
type Mode string

// The modes.
const (
	Auto   Mode = "auto"   // native events where the file system delivers them, else polling
	Native Mode = "native" // events, whatever the file system is
	Poll   Mode = "poll"
)

// Defaults of a [Root].
const (
	// DefaultSettle is longer than an editor takes between the steps of one
	// save, and short enough that nobody waits for it.
	DefaultSettle = 100 * time.Millisecond
	// DefaultMaxWait bounds how stale the remote gets under constant writing.
	DefaultMaxWait = 5 * time.Second
)

// Root is a directory that is watched.
type Root struct {
	Dir     string        // absolute; it need not exist yet
	Files   []string      // base names: only these files directly in Dir matter, whatever the ignore rules say; nil: the whole tree
	Ignore  []string      // the target's own patterns, as [manifest.NewIgnore] takes them
	Top     string        // the configuration's directory, as [manifest.IgnoreTop] takes it
	Mode    Mode          // "" is Auto
	Settle  time.Duration // how long a path must be quiet; 0: [DefaultSettle]
	MaxWait time.Duration // how long a batch may be held back; 0: [DefaultMaxWait]
}

// check fills in the defaults.
func (r *Root) check() error {
	if !filepath.IsAbs(r.Dir) {
		return fmt.Errorf("directory %q is not absolute", r.Dir)
	}
	r.Dir = filepath.Clean(r.Dir)
	for _, name := range r.Files {
		if name == "" || name == "." || name == ".." || name != filepath.Base(name) {
			return fmt.Errorf("file %q is not a base name", name)
		}
	}
	r.Files, r.Ignore = slices.Clone(r.Files), slices.Clone(r.Ignore)
	if _, err := manifest.NewIgnore(r.Ignore); err != nil {
		return err
	}
	switch r.Mode {
	case "":
		r.Mode = Auto
	case Auto, Native, Poll:
	default:
		return fmt.Errorf("mode %q is none of auto, native, poll", r.Mode)
	}
	if r.Settle < 0 || r.MaxWait < 0 {
		return errors.New("a negative time")
	}
	if r.Settle == 0 {
		r.Settle = DefaultSettle
	}
	if r.MaxWait == 0 {
		r.MaxWait = DefaultMaxWait
	}
	return nil
}

// Batch is what happened in a root since the one before.
type Batch struct {
	Why   Reason    // "" when Paths says all; else look at everything
	Paths []Change  // sorted by path; nil when Why is set
	First time.Time // when the first event of it was read
}

// Change is what happened to one file.
type Change struct {
	Path string // slash-separated, relative to Root.Dir; not always a [manifest.Path]
	Op   Op
}

// Op is the sum of what happened to a file.
type Op string

// What can happen to a file. Directories are not reported, only the files in
// them.
const (
	Created  Op = "created"
	Modified Op = "modified" // also: removed and made again
	Removed  Op = "removed"
)

// Reason says why everything is to be looked at.
type Reason string

// The reasons.
const (
	Started       Reason = "started"        // the watches are set for the first time
	Overflowed    Reason = "overflowed"     // events were lost; the watches are set anew
	RootLost      Reason = "root-lost"      // see [RootHealth]; nothing is watched until RootBack
	RootBack      Reason = "root-back"      // the root, or another directory in its place, is watched again
	ClockJumped   Reason = "clock-jumped"   // the wall clock jumped, as it does after sleep
	ManyPaths     Reason = "many-paths"     // too many paths to name each
	Timed         Reason = "timed"          // the look that is due every so often
	IgnoreChanged Reason = "ignore-changed" // an ignore file changed; the watches follow the new rules
	FellBack      Reason = "fell-back"      // events cannot be had; the root is polled from now on
)

// RootHealth is how a root is watched.
type RootHealth struct {
	Mode        Mode      `json:"mode,omitempty"`      // Native or Poll; "" before the first walk and while the root is lost
	Why         string    `json:"why,omitempty"`       // why it is polled, in plain words; "" when it was asked for
	Lost        string    `json:"lost,omitempty"`      // why nothing is watched, in plain words; "" when all is well
	Trouble     string    `json:"trouble,omitempty"`   // what cannot be watched or read in a root that is watched, in plain words; ""
	Directories int       `json:"directories"`         // that are watched or polled
	LastEvent   time.Time `json:"last_event,omitzero"` // when the last change was read; zero when there was none
	LastLook    time.Time `json:"last_look,omitzero"`  // when the last walk of the whole root began; zero when there was none
}
