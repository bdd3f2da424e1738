package sync

import "assetsync/manifest"

// Target is one source mapped onto one asset in one environment, with its
// policy.
type Target struct {
	Name             string         // slash path relative to the config; "#AGENT_TYPE" is appended where one entry makes several
	ConfigDir        string         // absolute directory of the config
	Path             string         // absolute path of the directory, or of the file for a type of a single file
	Type             string         // asset type, one that package assettype knows
	AssetID          string         // the asset; "" finds it by its identity
	Metadata         map[string]any // the owned keys: strings, numbers, booleans, or lists of those
	Ignore           []string       // gitignore patterns, stronger than the ignore files'
	AllowSecrets     []string       // gitignore patterns of files that may look like credentials
	Text             manifest.Text  // the line ends with which text is published; zero: as it is
	Atomic           bool           // publish in one write or not at all
	MaxFileCalls     int            // up to so many changes go by file calls
	MaxDeletes       int            // files that may be deleted without consent
	MaxDeletePercent int            // share of the base that may be deleted without consent
	// MaxVersionsPerHour is how many versions a daemon makes of it in an hour; 0:
	// as many as there are saves. At most [MaxVersionsPerHour].
	MaxVersionsPerHour int
	Protected          bool // writes need consent
	Create             CreatePolicy
	RenamedFrom        string // earlier identity of the asset
	Rev                string // git revision that is published, as [gitrepo.Worktree.Resolve] takes it; "": the directory as it is
	When               When   // when a daemon publishes; one run of a verb does not look at it
	Direction          Direction
	Branch             string // publish only while HEAD is on the history of this branch, without refs/heads/; "": on any
	Line               int    // of the config, for messages; 0: none
}

// CreatePolicy says whether a target may make its asset.
type CreatePolicy string

// The policies. The default creates except where the target is protected.
const (
	CreateDefault CreatePolicy = ""
	CreateAlways  CreatePolicy = "always"
	CreateNever   CreatePolicy = "never"
)

// When says when a daemon publishes what differs. The zero value is [OnSave].
type When string

// The times to publish, as the config writes them.
const (
	OnSave   When = "save"   // once files are quiet
	OnIdle   When = "idle"   // once the whole target was quiet for longer
	OnCommit When = "commit" // the commit's tree, once HEAD moves
	Manually When = "manual" // never by itself; what differs is shown
)

// Direction says which side of a target a run may change by itself. The zero
// value is [PushOnly].
type Direction string

// The directions, as the config writes them.
const (
	PushOnly Direction = "push" // publish
	PullOnly Direction = "pull" // check out; nothing is ever published
	BothWays Direction = "both" // publish, then check out
)

// Publishes reports whether the remote may be changed.
func (d Direction) Publishes() bool { return d != PullOnly }

// Takes reports whether the directory may be changed.
func (d Direction) Takes() bool { return d == PullOnly || d == BothWays }
