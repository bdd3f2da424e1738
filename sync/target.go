package sync

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
	Atomic           bool           // publish in one write or not at all
	MaxFileCalls     int            // up to so many changes go by file calls
	MaxDeletes       int            // files that may be deleted without consent
	MaxDeletePercent int            // share of the base that may be deleted without consent
	Protected        bool           // writes need consent
	Create           CreatePolicy
	RenamedFrom      string // earlier identity of the asset
	Line             int    // of the config, for messages; 0: none
}

// CreatePolicy says whether a target may make its asset.
type CreatePolicy string

// The policies. The default creates except where the target is protected.
const (
	CreateDefault CreatePolicy = ""
	CreateAlways  CreatePolicy = "always"
	CreateNever   CreatePolicy = "never"
)
