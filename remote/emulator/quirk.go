package emulator

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Quirks says how the emulator behaves where nobody knows what the service
// does. The zero value is the guide's plain reading of every item; the empty
// string is always the first reading of [AllQuirks].
type Quirks struct {
	FileCreateVersion string // "file-create-version"
	FileDeleteVersion string // "file-delete-version"
	FileVersion       string // "file-version"
	Timestamps        string // "timestamps"
	CreateExisting    string // "create-existing"
	UpdateMissing     string // "update-missing"
	DeleteMissing     string // "delete-missing"
	MissingVersion    string // "missing-version"
	TextReadback      string // "text-readback"
	Rewrite           string // "rewrite"
	ListOrder         string // "list-order"
	VersionOrder      string // "version-order"
	EmptyPages        string // "empty-pages"
	ZipFileMetadata   string // "zip-file-metadata"
	NullMetadata      string // "null-metadata"
	ReadZip           string // "read-zip"
	PageSize          int    // "page-size"; 0: as asked for
	ListLag           int    // "list-lag", in requests
	PruneVersions     int    // "prune-versions"; 0: all are kept
	VersionStep       int    // "version-step"; 0: one
}

// The readings that are not the default.
const (
	VersionKeep         = "keep"
	FileVersionAsset    = "asset"
	TimestampsSeconds   = "seconds"
	TimestampsFrozen    = "frozen"
	ExistingValidation  = "validation"
	ExistingOverwrite   = "overwrite"
	MissingValidation   = "validation"
	MissingCreate       = "create"
	DeleteMissingOK     = "ok"
	TextReadbackBytes   = "bytes"
	RewriteFrontmatter  = "frontmatter"
	RewriteExtraVersion = "extra-version"
	OrderReverse        = "reverse"
	OrderRandom         = "random"
	VersionsOldest      = "oldest"
	EmptyPagesOn        = "on"
	ZipMetadataKeep     = "keep"
	NullRemove          = "remove"
	NullStore           = "store"
	ReadZipUploaded     = "uploaded"
)

// Quirk documents one quirk: its readings, the default first, or a number.
type Quirk struct {
	Name     string
	About    string
	Readings []string // empty: a number from 0
	text     func(*Quirks) *string
	number   func(*Quirks) *int
}

// maxQuirkNumber bounds the numbers, far beyond any use.
const maxQuirkNumber = 1_000_000

// AllQuirks returns the quirks in order of name.
func AllQuirks() []Quirk {
	text := func(name, about string, field func(*Quirks) *string, readings ...string) Quirk {
		return Quirk{Name: name, About: about, Readings: readings, text: field}
	}
	number := func(name, about string, field func(*Quirks) *int) Quirk {
		return Quirk{Name: name, About: about, number: field}
	}
	return []Quirk{
		text("create-existing", "CreateAssetFile on a path that exists: Conflict, Validation, or it is replaced",
			func(q *Quirks) *string { return &q.CreateExisting }, "conflict", ExistingValidation, ExistingOverwrite),
		text("delete-missing", "DeleteAssetFile on a path that does not exist: NotFound, Validation, or a success that changes nothing",
			func(q *Quirks) *string { return &q.DeleteMissing }, "not-found", MissingValidation, DeleteMissingOK),
		text("empty-pages", "lists: an empty page with a token comes before every page",
			func(q *Quirks) *string { return &q.EmptyPages }, "off", EmptyPagesOn),
		text("file-create-version", "CreateAssetFile raises the asset's version, or changes the newest one in place",
			func(q *Quirks) *string { return &q.FileCreateVersion }, "bump", VersionKeep),
		text("file-delete-version", "DeleteAssetFile raises the asset's version, or changes the newest one in place",
			func(q *Quirks) *string { return &q.FileDeleteVersion }, "bump", VersionKeep),
		text("file-version", "version of a file: the one that last changed it, or the one that is read",
			func(q *Quirks) *string { return &q.FileVersion }, "last-change", FileVersionAsset),
		number("list-lag", "ListAssets shows a write only after this many further requests",
			func(q *Quirks) *int { return &q.ListLag }),
		text("list-order", "order of assets by id and of files by path",
			func(q *Quirks) *string { return &q.ListOrder }, "path", OrderReverse, OrderRandom),
		text("missing-version", "a version that does not exist, or is pruned: NotFound or Validation",
			func(q *Quirks) *string { return &q.MissingVersion }, "not-found", MissingValidation),
		text("null-metadata", "null as a metadata value is refused, removes the key, or is stored",
			func(q *Quirks) *string { return &q.NullMetadata }, "error", NullRemove, NullStore),
		number("page-size", "lists give at most this many items a page, whatever was asked for; 0: as asked",
			func(q *Quirks) *int { return &q.PageSize }),
		number("prune-versions", "only this many newest versions can be read; 0: all",
			func(q *Quirks) *int { return &q.PruneVersions }),
		text("read-zip", "GetAssetContent makes a new zip, or answers the one that was uploaded",
			func(q *Quirks) *string { return &q.ReadZip }, "rebuilt", ReadZipUploaded),
		text("rewrite", "a skill's main file is stored as sent, gets frontmatter keys, or gets them in a further version",
			func(q *Quirks) *string { return &q.Rewrite }, "off", RewriteFrontmatter, RewriteExtraVersion),
		text("text-readback", "content sent as text comes back as text or as bytes",
			func(q *Quirks) *string { return &q.TextReadback }, "text", TextReadbackBytes),
		text("timestamps", "times have milliseconds, whole seconds, or stay at the asset's creation",
			func(q *Quirks) *string { return &q.Timestamps }, "fraction", TimestampsSeconds, TimestampsFrozen),
		text("update-missing", "UpdateAssetFile on a path that does not exist: NotFound, Validation, or it is made",
			func(q *Quirks) *string { return &q.UpdateMissing }, "not-found", MissingValidation, MissingCreate),
		text("version-order", "order of ListAssetVersions",
			func(q *Quirks) *string { return &q.VersionOrder }, "newest", VersionsOldest),
		number("version-step", "each write raises the version by this many; 0 and 1: by one",
			func(q *Quirks) *int { return &q.VersionStep }),
		text("zip-file-metadata", "a zip drops the metadata of the files that it replaces, or keeps it",
			func(q *Quirks) *string { return &q.ZipFileMetadata }, "drop", ZipMetadataKeep),
	}
}

// ParseQuirk reads "name=reading" into q. The error lists what there is.
func (q *Quirks) ParseQuirk(s string) error {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return fmt.Errorf("quirk %q: want NAME=READING", s)
	}
	all := AllQuirks()
	i := slices.IndexFunc(all, func(known Quirk) bool { return known.Name == name })
	if i < 0 {
		var names []string
		for _, known := range all {
			names = append(names, known.Name)
		}
		return fmt.Errorf("quirk %q: unknown, want one of %s", name, strings.Join(names, ", "))
	}
	return all[i].set(q, value)
}

func (known Quirk) set(q *Quirks, value string) error {
	if known.number != nil {
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > maxQuirkNumber {
			return fmt.Errorf("quirk %s: %q is not a number from 0 to %d", known.Name, value, maxQuirkNumber)
		}
		*known.number(q) = n
		return nil
	}
	if !slices.Contains(known.Readings, value) {
		return fmt.Errorf("quirk %s: %q is not one of %s", known.Name, value, strings.Join(known.Readings, ", "))
	}
	*known.text(q) = value
	return nil
}

// validate checks quirks that were not parsed.
func (q Quirks) validate() error {
	for _, known := range AllQuirks() {
		value := ""
		if known.number != nil {
			value = strconv.Itoa(*known.number(&q))
		} else if value = *known.text(&q); value == "" {
			continue
		}
		if err := known.set(&q, value); err != nil {
			return err
		}
	}
	return nil
}
