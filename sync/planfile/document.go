package planfile

import (
	"encoding/json"
	"time"

	"assetsync/manifest"
)

const (
	// Format is the number of the format that this package reads and writes.
	Format = 1

	// MaxBytes bounds a document, at twice what the first plan of a space takes: of
	// 400 assets with 100 files, two fifths of a kilobyte for each.
	MaxBytes = 32 << 20
)

// Document is what a push of some targets would do in one agent space.
type Document struct {
	Format  int       `json:"format"`
	MadeBy  string    `json:"made_by"` // the program
	MadeAt  time.Time `json:"made_at"`
	Env     string    `json:"env"` // "" for one without a name
	Space   Space     `json:"space"`
	Options Options   `json:"options"`
	Consent Consent   `json:"consent"`
	Targets []Target  `json:"targets"`
}

// Space is where the assets are.
type Space struct {
	Endpoint   string `json:"endpoint"`
	Region     string `json:"region"`
	AgentSpace string `json:"agent_space"`
	Account    string `json:"account"` // that the config allows; "" any
}

// Options are the choices with which the plan was made, and which the push has.
type Options struct {
	Rev    string `json:"rev"`            // id of the commit that is published; "": what the sources say
	From   string `json:"from,omitempty"` // environment whose versions are published; "": what the sources say
	Prefer string `json:"prefer"`         // abort, local or remote
	Base   int32  `json:"base"`           // version that is taken for the base; 0: none
	Atomic bool   `json:"atomic"`
}

// Consent is what was allowed as the plan was made, of guards on what is
// published. Who approves the plan approves it.
type Consent struct {
	Empty       bool     `json:"allow_empty"`
	Deletes     int      `json:"allow_deletes"`
	DeletePaths []string `json:"allow_deletes_of"`
	Adopt       bool     `json:"adopt"`
	Create      bool     `json:"create"`
	Rollback    bool     `json:"rollback"`
	SecretPaths []string `json:"allow_secrets"`
}

// Target is what a push would do to one target.
type Target struct {
	Target    string           `json:"target"`
	AssetID   string           `json:"asset_id"` // "": the asset is to be made
	Policy    Policy           `json:"policy"`
	Source    Source           `json:"source"`
	Observed  Observed         `json:"observed"`
	After     string           `json:"after_tree"` // of what is live once the plan is carried out
	Published string           `json:"published"`  // none, files, zip or metadata
	Changes   []Change         `json:"changes"`
	Metadata  []MetadataChange `json:"metadata_changes"`
	Pending   []Change         `json:"pending"`   // remote changes that stay as they are
	Conflicts []Conflict       `json:"conflicts"` // paths that stay as they are on both sides
	Guards    []Guard          `json:"guards"`    // that would stop the push
	Problems  []Problem        `json:"problems"`  // that stop it
	Findings  []Finding        `json:"findings"`  // of lint, where something is published

	// Error says why there is no more to the plan than that: a newer commit is
	// live, for one. Nothing of the target is published by it.
	Error *Failure `json:"error,omitempty"`
}

// Policy is what the config says of a target, as far as it decides what is
// published, and where. Its metadata is not in it: what becomes of that is in
// the changes.
type Policy struct {
	Type             string   `json:"type"`
	Asset            string   `json:"asset"`
	Source           string   `json:"source"` // git revision; "" for the directory
	Ignore           []string `json:"ignore"`
	AllowSecrets     []string `json:"allow_secrets"`
	Text             string   `json:"text"` // lf; "" as it is
	Atomic           bool     `json:"publish.atomic"`
	MaxFileCalls     int      `json:"publish.max_file_calls"`
	MaxDeletes       int      `json:"deletes.max_files"`
	MaxDeletePercent int      `json:"deletes.max_percent"`
	Protected        bool     `json:"protected"`
	Create           string   `json:"create"`
	RenamedFrom      string   `json:"renamed_from"`
	Direction        string   `json:"direction"`
	Branch           string   `json:"branch"`
}

// Source is the local side.
type Source struct {
	Tree   string `json:"tree"`
	Commit string `json:"commit"` // "" for a directory as it is
	// Version is that of the asset in the environment [Options.From]; 0 without one.
	Version int32 `json:"version,omitempty"`
}

// Observed is the remote side.
type Observed struct {
	Version int32  `json:"version"` // 0: there is no asset
	Tree    string `json:"tree"`
}

// Change is a change of a file.
type Change struct {
	Path   manifest.Path `json:"path"`
	Action string        `json:"action"`   // create, update or delete
	Old    string        `json:"old"`      // id on the remote; "" for none
	New    string        `json:"new"`      // id that is published; "" for none
	Size   int64         `json:"new_size"` // in bytes
	Why    string        `json:"why"`
}

// MetadataChange is a change of one owned key.
type MetadataChange struct {
	Key    string          `json:"key"`
	Old    json.RawMessage `json:"old,omitempty"`
	New    json.RawMessage `json:"new,omitempty"`
	Action string          `json:"action"` // publish, pending or conflict
	Why    string          `json:"why"`
}

// Conflict is a path on which both sides changed.
type Conflict struct {
	Path manifest.Path `json:"path"`
	Why  string        `json:"why"`
}

// Guard is a guard that would stop the push.
type Guard struct {
	Guard   string `json:"guard"`
	Message string `json:"message"`
	Hint    string `json:"hint"` // with the consent
}

// Problem is a trouble with one path, or with the asset where there is none.
type Problem struct {
	Path   manifest.Path `json:"path"`
	Kind   string        `json:"kind"`
	Detail string        `json:"detail"`
	Hint   string        `json:"hint"`
}

// Finding is a finding of lint that stops nothing.
type Finding struct {
	Rule    string        `json:"rule"`
	Path    manifest.Path `json:"path"` // "" when it is about the asset
	Line    int           `json:"line"` // 0: the file as a whole
	Message string        `json:"message"`
	Fix     string        `json:"fix"`
}

// Failure is an error in words for people; Kind is its class.
type Failure struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

// Writes reports whether something is published.
func (t Target) Writes() bool {
	if len(t.Changes) > 0 {
		return true
	}
	for _, c := range t.Metadata {
		if c.Action == "publish" {
			return true
		}
	}
	return false
}
