package sync

import (
	"errors"
	"slices"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
)

// Outcome is what became of a target in one run.
type Outcome string

// The outcomes. Planned is the outcome of a dry run, and of a look, that
// found something to do.
const (
	Unchanged  Outcome = "unchanged"
	Planned    Outcome = "planned"
	Created    Outcome = "created"
	Published  Outcome = "published"
	CheckedOut Outcome = "checked_out"
	Deleted    Outcome = "deleted" // the asset itself
	Conflict   Outcome = "conflict"
	Blocked    Outcome = "blocked"
	Failed     Outcome = "failed"
	Skipped    Outcome = "skipped" // not begun, because another target failed
)

// Means is how changes were published.
type Means string

// The means. Bodies of a single-file type count as files.
const (
	ByNothing  Means = "none"
	ByFiles    Means = "files"
	ByZip      Means = "zip"
	ByMetadata Means = "metadata"
)

// Result is what one run did to one target. It is the element of targets in
// the JSON envelope.
type Result struct {
	Target          string             `json:"target"`
	AssetID         string             `json:"asset_id"` // "" when there is none
	Outcome         Outcome            `json:"outcome"`
	ObservedVersion int32              `json:"observed_version"`    // 0 when nothing was observed
	Version         int32              `json:"version"`             // live at the end of the run; 0 when not known
	LiveTree        string             `json:"live_tree"`           // git tree id of what is live of the target's own files; "" when not known
	SentTree        string             `json:"sent_tree,omitempty"` // the same as it was sent, where the service is known to have rewritten a file
	Versions        []int32            `json:"versions"`            // that the run made
	Published       Means              `json:"published"`
	Verified        bool               `json:"verified,omitempty"` // what is live was read back, and is usable
	Changes         []ChangeReport     `json:"changes"`
	MetadataChanges []MetadataChange   `json:"metadata_changes"`
	CheckedOut      []ChangeReport     `json:"checked_out,omitempty"` // that a run which goes both ways made in the directory; Changes are then those of the remote
	Pending         []ChangeReport     `json:"pending"`               // remote changes that the local side has not taken
	Conflicts       []ConflictReport   `json:"conflicts"`
	Problems        []manifest.Problem `json:"problems"`
	Notes           []string           `json:"notes"`           // for people
	Guard           string             `json:"guard,omitempty"` // the first that stopped the run
	From            string             `json:"from,omitempty"`  // what was promoted, as ENV@VERSION, or restored, as vN
	Error           *Error             `json:"error,omitempty"`
	NextVersion     time.Time          `json:"next_version_at,omitzero"` // until when a version budget puts off what was planned
	Calls           map[string]int     `json:"calls"`                    // of each operation
	DurationMS      int64              `json:"duration_ms"`
}

// complete makes lists empty that are absent, so that programs need not ask.
func (r Result) complete() Result {
	r.Versions = present(r.Versions)
	r.Changes = present(r.Changes)
	r.MetadataChanges = present(r.MetadataChanges)
	r.Pending = present(r.Pending)
	r.Conflicts = present(r.Conflicts)
	r.Problems = present(r.Problems)
	r.Notes = present(r.Notes)
	if r.Calls == nil {
		r.Calls = map[string]int{}
	}
	return r
}

func present[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// ChangeReport is a change of a file, for programs.
type ChangeReport struct {
	Path   manifest.Path `json:"path"`
	Action string        `json:"action"` // "create", "update" or "delete"
	Why    string        `json:"why"`
}

// MetadataChange is a change of one owned key.
type MetadataChange struct {
	Key    string `json:"key"`
	Old    any    `json:"old,omitempty"`
	New    any    `json:"new,omitempty"`
	Action string `json:"action"` // "publish", "pending" or "conflict"; of a diff "create", "update" or "delete"
	Why    string `json:"why"`
}

// ConflictReport is a path on which both sides changed.
type ConflictReport struct {
	Path manifest.Path `json:"path"`
	Why  string        `json:"why"`
	Copy string        `json:"copy,omitempty"` // where the other side's bytes lie, when they were written
	// Marked is where both sides' lie as one text, with git's conflict markers.
	Marked string `json:"marked,omitempty"`
	Diff   string `json:"diff,omitempty"` // of a path that goes back and forth: a patch from what is live to what is here, of some lines

	flap bool // goes back and forth
}

func reportChanges(changes []diff.Change) []ChangeReport {
	out := make([]ChangeReport, 0, len(changes))
	for _, c := range changes {
		out = append(out, ChangeReport{c.Path, string(c.Action()), string(c.Why)})
	}
	return out
}

// After returns the result of a run that followed another one of its verb: the
// notes of both are in it.
func (r Result) After(first Result) Result {
	notes := slices.Clone(first.Notes)
	for _, n := range r.Notes {
		if !slices.Contains(notes, n) {
			notes = append(notes, n)
		}
	}
	r.Notes = notes
	return r
}

// Standing returns what a status would find after the run that r is of, and
// true; false where only a status can tell.
func (r Result) Standing() (Result, bool) {
	switch {
	case r.Error != nil && (r.Error.Kind == KindConflict || r.Error.Kind == KindGuard):
		return Result{}, false // the plan is not in it
	case r.Error != nil:
		return r, true // a status fails alike
	case len(r.Notes) > 0 || len(r.Problems) > 0:
		return Result{}, false // some are of the run, some of the target
	}
	switch r.Outcome {
	case Unchanged, Published, Created, CheckedOut:
	default:
		return Result{}, false
	}
	r.Outcome = Unchanged
	r.MetadataChanges = slices.DeleteFunc(slices.Clone(r.MetadataChanges), func(c MetadataChange) bool { return c.Action == "publish" })
	if len(r.Pending)+len(r.MetadataChanges) > 0 {
		r.Outcome = Planned
	}
	r.ObservedVersion, r.Versions, r.Published, r.Changes, r.CheckedOut = r.Version, nil, ByNothing, nil, nil
	return r.complete(), true
}

// Passing reports whether all that is in the way are files that were being
// written, so that it may be gone in a moment.
func (r Result) Passing() bool {
	if r.Error != nil {
		return errors.Is(r.Error, manifest.ErrChanged)
	}
	return len(r.Problems) > 0 && !slices.ContainsFunc(r.Problems, func(p manifest.Problem) bool { return p.Kind != manifest.Unstable })
}

// NotBegun is the result of a target that was not begun, for a reason that
// people are told.
func NotBegun(target, why string) Result {
	return Result{Target: target, Outcome: Skipped, Published: ByNothing, Notes: []string{why}}.complete()
}

// Failure is the result of a run of which nothing else is known.
func Failure(target string, err error) Result {
	return Result{Target: target, Outcome: Failed, Published: ByNothing, Error: AsError(err)}.complete()
}
