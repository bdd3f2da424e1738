package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.uber.org/zap"

	assetsync "assetsync/sync"
	"assetsync/watcher"
)

// Engine keeps one target in step. A loop calls one method at a time. No
// method may outlive its context by much; one that does, because a file
// system hangs, holds up its own target only.
type Engine interface {
	Push(context.Context, assetsync.PushOptions) assetsync.Result
	// Sync works in the direction of the target, for one that writes files.
	Sync(context.Context, assetsync.SyncOptions) assetsync.Result
	Status(context.Context) assetsync.Result
	// Contents returns what there is of a revision, as [assetsync.ParseRevision]
	// reads it.
	Contents(ctx context.Context, revision string) (Contents, assetsync.Result)
}

// Contents are [assetsync.Contents] on their way to a client.
type Contents struct {
	Files    map[string][]byte          `json:"files"`
	Metadata map[string]json.RawMessage `json:"metadata"` // null when it is not known
	Owned    bool                       `json:"owned"`
}

// Repository is the git worktree that a target lies in.
type Repository interface {
	// Look returns what is in the way of publishing, in words that go on from
	// "waiting: ", "" for nothing, and the commit that counts. It is
	// cheap: it is asked several times a second while something is in the way.
	Look(context.Context) (obstacle, commit string, err error)
}

// Watch tells when to look at a directory; [watcher.Watch] is one.
type Watch interface {
	Batches() <-chan watcher.Batch
	Pending() bool
	Health() watcher.RootHealth
	Close()
}

// Remote is the agent space that all targets live in.
type Remote interface {
	// Versions returns what the space lists of every asset, by id, which may be
	// late: it is a hint to look. Nobody changes it, the next call may return the
	// same. Calls come one after the other. Its error is an [assetsync.Error], or wraps
	// [ErrNotAllowed].
	Versions(context.Context) (map[string]Listed, error)
	// Reset drops what may have gone stale while the machine slept.
	Reset()
}

// Listed is what a space lists of an asset. Where a file comes or goes without
// a new version, the time alone tells.
type Listed struct {
	Version   int32
	UpdatedAt time.Time // by the remote's clock; zero: not told
}

// ErrNotAllowed is a listing that the credentials do not allow. Targets are
// looked at by the timer then.
var ErrNotAllowed = errors.New("listing the assets is not allowed")

// Target is one target of a daemon.
type Target struct {
	Name    string
	AssetID string // when it is pinned or known from before; "" else
	When    assetsync.When
	// Direction says which sides the daemon writes by itself.
	Direction assetsync.Direction
	Key       string // differs when anything about the target does: it begins anew then
	Engine    Engine
	Repo      Repository            // nil outside of git
	Watch     func() (Watch, error) // nil for a target that changes with commits, and not with files
}

// Set is what a config comes to.
type Set struct {
	Targets  []Target
	Triggers []Trigger
	Poll     time.Duration // between looks at the remote, give or take a tenth; above zero
	// Notify tells people of an event; nil: nobody is told. It is called from
	// one goroutine, and may take its time.
	Notify func(context.Context, Event) error
}

// Trigger is a watch whose batches make the config be read again.
type Trigger struct {
	Key   string // one that stays from one Set to the next keeps its watch
	Watch func() (Watch, error)
	// Concerns reports whether a batch is a reason; nil: every one is.
	Concerns func(watcher.Batch) bool
}

// Selection is what the arguments of a command line name.
type Selection struct {
	Names []string
	Notes []string // that the command says before anything else
}

// Pauses is where the names of paused targets survive the daemon.
type Pauses interface {
	Load() ([]string, error)
	// Save replaces the names, durably.
	Save(names []string) error
}

// Status is what a status finds.
type Status struct {
	Results []assetsync.Result
	Live    map[string]Live // by target
	Notes   []string        // for people
}

// Live says which commit of a target's source is live.
type Live struct {
	Commit *assetsync.LiveCommit `json:"commit,omitempty"` // nil outside of git, and where it cannot be told
	Rev    string                `json:"rev,omitempty"`    // that the target publishes; "" for the directory
	Notes  []string              `json:"notes,omitempty"`  // on it, for people
}

// Options is what a [Daemon] is made of. All but Live, Logger, Changed, Looked,
// Rested and Alarms are required.
type Options struct {
	// Load reads the config. It is called at the start, where its error ends
	// Run, and whenever the config may have changed, where it is told and the
	// last good Set stays.
	Load func(context.Context) (Set, error)
	// Select finds the targets that arguments name, as the command line does;
	// none names all.
	Select func(args []string, cwd string) (Selection, error)
	// Fingerprint is that of the last good config; see the protocol.
	Fingerprint func() string

	Remote Remote
	Pauses Pauses
	Alarms Alarms // nil: the next daemon tells all of it again
	// Sync returns once all events of changes made before are in Watches.
	Sync func(context.Context) error
	// Live tells, by target, which commits are live by what a status found, as
	// git is now. It may be called from several goroutines. nil: nobody tells.
	Live func(context.Context, []assetsync.Result) map[string]Live

	Now    func() time.Time                  // for what is reported
	Jitter func(time.Duration) time.Duration // a random duration below its argument
	Owner  string                            // names this process in messages
	Logger *zap.Logger
	// Changed is called with one line for people whenever it differs; never
	// twice at once.
	Changed func(summary string)
	// Looked is called with the result of every look that may publish or check
	// out, from many goroutines; it has to return at once. saved is how long
	// after the first event of a save its version was proved; 0 where there was
	// no event, or no version.
	Looked func(res assetsync.Result, saved time.Duration)
	// Rested is called when nobody was looked at, or asked for, for a while:
	// memory can be given back. One call at a time. nil: nobody does.
	Rested func()
}

const (
	// parallelLooks is how many targets are looked at at once: hashing keeps
	// two cores busy, and all share one rate limit.
	parallelLooks = 4

	// slowLook is after how long a look no longer counts among them, so that
	// a file system that hangs does not hold up the others.
	slowLook = 30 * time.Second

	// graceTime is how long looks may go on after the daemon was asked to
	// end: a write in flight is finished, or left in doubt. 2 seconds remain
	// of the 10 that service managers and people wait.
	graceTime = 8 * time.Second

	// holdBase and holdMax bound the pauses between looks at a git operation
	// that is in the way. The first is about what a commit takes.
	holdBase = 100 * time.Millisecond
	holdMax  = 2 * time.Second

	// pendingPause is after how long is looked again at what was left pending
	// though it is to be checked out: a good part of the time in which somebody
	// else puts back what was overwritten.
	pendingPause = 3 * time.Second

	// restPause is how long nothing was done when memory is given back. Who saves
	// again and again does not pay for getting it anew each time.
	restPause = 10 * time.Second

	// reloadPause is after how long a config is read again that could not be
	// used for another reason than itself.
	reloadPause = 5 * time.Second

	// commitPoll is how often the commit of a target that publishes commits
	// is looked at: .git is never watched.
	commitPoll = 2 * time.Second
)

func (o Options) check() error {
	if o.Load == nil || o.Select == nil || o.Fingerprint == nil || o.Remote == nil || o.Pauses == nil || o.Sync == nil || o.Now == nil || o.Jitter == nil {
		return errors.New("make daemon: an option is missing")
	}
	return nil
}
