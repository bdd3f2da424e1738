package state

import (
	"encoding/json"
	"fmt"
	"time"

	"assetsync/manifest"
)

// Space says which agent space of which remote a record belongs to, so that
// the base of one environment never meets another.
type Space struct {
	Endpoint   string // base URL, or "embedded"
	Region     string
	AgentSpace string
}

// Pair is the base of a path: both sides as of the last time they were
// settled. Either side may be absent; the two ids differ where the service
// rewrites what it is sent.
type Pair struct {
	Local  *manifest.Entry `json:"local,omitempty"`
	Remote *manifest.Entry `json:"remote,omitempty"`
}

// Seen is the content that the remote was found to hold at a path, with what
// the listing said of the file then. An equal listing may stand in for
// reading the file again. Both parts are shared with others, and never changed.
type Seen struct {
	*manifest.Entry
	*Stamp
}

// Stamp is what a listing said of a file, and when it was read.
type Stamp struct {
	Version   int32
	UpdatedAt time.Time
	ReadAt    time.Time // by the local clock
}

// seenJSON is a [Seen] as JSON has it.
type seenJSON struct {
	manifest.Entry
	Version   int32     `json:"version"`
	UpdatedAt time.Time `json:"updated_at"`
	ReadAt    time.Time `json:"read_at"`
}

// MarshalJSON makes one object of both parts.
func (s Seen) MarshalJSON() ([]byte, error) {
	return json.Marshal(seenJSON{*s.Entry, s.Version, s.UpdatedAt, s.ReadAt})
}

// UnmarshalJSON reads what MarshalJSON made. Both parts are there afterwards.
func (s *Seen) UnmarshalJSON(text []byte) error {
	var in seenJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	*s = Seen{&in.Entry, &Stamp{in.Version, in.UpdatedAt, in.ReadAt}}
	return nil
}

// Whole names a version of which every file was seen, as the asset was then.
type Whole struct {
	Version   int32     `json:"version"`
	UpdatedAt time.Time `json:"updated_at"`
}

// Deletion counts the files that one run deleted on one side.
type Deletion struct {
	At    time.Time `json:"at"`
	Files int       `json:"files"`
	Side  string    `json:"side"` // "remote" or "local"
}

// Asset is what is known of an asset since it was last settled.
type Asset struct {
	Version  int32                      `json:"version"` // as of the base
	Base     ByPath[Pair]               `json:"base,omitempty"`
	Metadata map[string]json.RawMessage `json:"metadata,omitempty"` // base of the owned keys
	Seen     ByPath[Seen]               `json:"seen,omitempty"`
	// Whole is set when Seen is all that the recorded version holds.
	Whole     *Whole                   `json:"whole,omitempty"`
	Own       []int32                  `json:"own,omitempty"` // versions that this machine made
	Deletions []Deletion               `json:"deletions,omitempty"`
	Turns     map[manifest.Path][]Turn `json:"turns,omitempty"` // the last few of each path, oldest first

	// Older is the version that was last checked out in the place of the newest
	// one, which the base is of; 0: none, or it was published since.
	Older int32 `json:"older,omitempty"`

	// Disputes are paths on which the sides differ and of which the base does
	// not say all. An entry goes when the base of its path moves.
	Disputes map[manifest.Path]Dispute `json:"disputes,omitempty"`

	// Published are the last publishings of this machine, oldest first, so that
	// they can be taken back. The making of the asset is none.
	Published []Publishing `json:"published,omitempty"`
	// CheckedOut is the last check out. It is durable before the first file is
	// written, and gone once it was taken back.
	CheckedOut *CheckOut `json:"checked_out,omitempty"`
	// CheckingOut are the paths that a run has set out to check out and whose base
	// was not recorded since. One that is found belongs to a run that was cut
	// short.
	CheckingOut map[manifest.Path]CheckOutIntent `json:"checking_out,omitempty"`
	// Retired is the version by which this machine made the asset INACTIVE, 0
	// when it did not.
	Retired int32 `json:"retired,omitempty"`
}

// Turn is one time that a path came to hold another content on the remote.
type Turn struct {
	Version int32       `json:"version"` // that brought it, as far as it is told
	Own     bool        `json:"own"`     // made by this machine; else by somebody else
	ID      manifest.ID `json:"id"`      // as it was sent, or read of somebody else's; zero: the path was deleted
	Was     manifest.ID `json:"was"`     // of an own one: what the path held before
	At      time.Time   `json:"at"`      // when it was found, by the local clock
}

// Dispute is what is known, beyond the base, of a path on which the sides
// differ.
type Dispute struct {
	// Shown is the content of the remote that people were shown as the other
	// side of a conflict; zero: none was.
	Shown manifest.ID `json:"shown,omitzero"`
	// Apart says that what is here is not merged with what is there, nor
	// published for another reason, unless people say so: they took it back there.
	Apart bool `json:"apart,omitempty"`
	// Settled is the base that the path had in a conflict which people settled
	// for what is here; nil: they did not. Both sides of it may be absent.
	Settled *Pair `json:"settled,omitempty"`
}

// Publishing is what one run published.
type Publishing struct {
	At       time.Time       `json:"at"`
	Observed int32           `json:"observed"` // the version that it was planned on
	Version  int32           `json:"version"`  // the newest after it
	Changes  []PlannedChange `json:"changes,omitempty"`
	// Metadata are the owned keys that it sent, with their values before it; a
	// key that the asset did not have is null.
	Metadata map[string]json.RawMessage `json:"metadata,omitempty"`
	Verb     string                     `json:"verb,omitempty"`   // see [Intent]
	Undone   bool                       `json:"undone,omitempty"` // it was taken back
}

// CheckOut is what one run wrote in the worktree, or was about to.
type CheckOut struct {
	At      time.Time `json:"at"`
	Version int32     `json:"version"` // that was checked out
	// Changes name as Old the bytes that were in the worktree, which history
	// has where they were replaced, and as New what a scan finds in their place.
	Changes []PlannedChange `json:"changes"`
	Mark    string          `json:"mark,omitempty"` // of the run, in the names of its temporary files; "": it left none
	Back    string          `json:"back,omitempty"` // the same of a run that began to take it back
}

// CheckOutIntent is one path of a check out that was begun. It is durable before
// the directory changes and goes in the transaction that records the base.
type CheckOutIntent struct {
	Mark    string          `json:"mark"`          // of the run, in the names of its temporary files
	Version int32           `json:"version"`       // that was the newest then
	Old     *manifest.Entry `json:"old,omitempty"` // what a scan found; nil: nothing
	New     *manifest.Entry `json:"new,omitempty"` // what a scan finds once it is done; nil: nothing
	Was     Pair            `json:"was"`           // the base of the path then
	Base    Pair            `json:"base"`          // its base once it is done
}

// Target is what is known of a target apart from its asset's content.
type Target struct {
	AssetID  string   `json:"asset_id,omitempty"` // the asset that it was created as or found to be
	Identity string   `json:"identity,omitempty"` // the value that identified the asset
	Epoch    int      `json:"epoch,omitempty"`    // counts assets that were created and are gone
	Intents  []Intent `json:"intents,omitempty"`  // oldest first
}

// Intent is a publishing that was begun. It is durable before the first
// write is sent and goes once the effect of all of its writes is known, so
// one that is found belongs to a run that was cut short or to a write in
// doubt.
type Intent struct {
	Nonce    string          `json:"nonce"`         // random, part of every token of the run
	AssetID  string          `json:"asset_id"`      // "" when the asset is created
	Observed int32           `json:"observed"`      // the version that was planned on; 0: none, the asset is created
	Tree     manifest.ID     `json:"tree,omitzero"` // what that held when it was planned on
	Started  time.Time       `json:"started"`
	Until    time.Time       `json:"until"` // a write that has had no effect by then is taken as lost
	Changes  []PlannedChange `json:"changes,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"` // the owned keys as sent
	Doubt    bool            `json:"doubt,omitempty"`    // a write was sent and not answered
	Zip      bool            `json:"zip,omitempty"`      // sent as the whole next version
	Repair   bool            `json:"repair,omitempty"`   // what is sent is not the local side's content
	Verb     string          `json:"verb,omitempty"`     // "restore" or "undo"; "" for a push, or a repair of one
	Noted    bool            `json:"noted,omitempty"`    // what of it was seen is among the asset's publishings

	// Back is what others had at a path that a version of the run replaced, and that was
	// found to be back since. KeysBack has the version that brought back a key of
	// metadata.
	Back     map[manifest.Path]PutBack `json:"back,omitempty"`
	KeysBack map[string]int32          `json:"keys_back,omitempty"`
}

// PutBack is what is back at a path.
type PutBack struct {
	ID      manifest.ID `json:"id,omitzero"` // zero: the path was deleted
	Version int32       `json:"version"`     // that brought it back
}

// PlannedChange is one path of an intent. A nil New is a deletion.
type PlannedChange struct {
	Path manifest.Path   `json:"path"`
	Old  *manifest.Entry `json:"old,omitempty"` // on the remote, as observed
	New  *manifest.Entry `json:"new,omitempty"` // as sent
	// Local is what the source holds when a merge with the remote was sent in
	// its place; of a [Publishing], the same of one that stands.
	Local *manifest.Entry `json:"local,omitempty"`
	// Base is, of a [CheckOut], the base of an edit in the worktree that was
	// replaced, and of a [Publishing] that of a merge; nil: there was none. Both
	// sides of it may be absent.
	Base *Pair `json:"base,omitempty"`
	// Sent is, of a [Publishing], what was sent where the service made New of it.
	Sent *manifest.Entry `json:"sent,omitempty"`
}

// Tri is an answer that may not be known yet.
type Tri string

// The answers.
const (
	Unknown Tri = ""
	Yes     Tri = "yes"
	No      Tri = "no"
)

// UnmarshalText implements [encoding.TextUnmarshaler]. An answer of another
// kind is refused.
func (t *Tri) UnmarshalText(text []byte) error {
	switch v := Tri(text); v {
	case Unknown, Yes, No:
		*t = v
		return nil
	}
	return fmt.Errorf("%q is no answer that this version of assetsync knows: use the newer assetsync", text)
}
