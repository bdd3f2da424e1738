package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/sync/state"
)

// RevisionKind says what a [Revision] is of.
type RevisionKind string

// The kinds, as their words on a command line begin.
const (
	LocalRevision   RevisionKind = "local"  // the source, as it is
	BaseRevision    RevisionKind = "base"   // both sides as of the last time they were in step
	RemoteRevision  RevisionKind = "remote" // the newest version
	VersionRevision RevisionKind = "v"      // a version
	CommitRevision  RevisionKind = "rev:"   // a git revision of the source
	EnvRevision     RevisionKind = "env:"   // the asset in another environment
)

// Revision names one state of a target. Its text is canonical.
type Revision struct {
	Kind    RevisionKind
	Version int32  // of VersionRevision; 1 or more
	Name    string // of CommitRevision: a git revision; of EnvRevision: ENV, or ENV@N
}

// ParseRevision reads a revision: local, base, remote or live, N or vN,
// rev:REV, env:NAME. It is false for a text that has none of these forms; the
// error is of one that has, and names nothing.
func ParseRevision(text string) (r Revision, ok bool, err error) {
	switch text {
	case "local", "base", "remote":
		return Revision{Kind: RevisionKind(text)}, true, nil
	case "live":
		return Revision{Kind: RemoteRevision}, true, nil
	}
	for _, kind := range []RevisionKind{CommitRevision, EnvRevision} {
		if name, found := strings.CutPrefix(text, string(kind)); found {
			if name == "" {
				err = noRevision(text)
			}
			return Revision{Kind: kind, Name: name}, true, err
		}
	}
	digits := strings.TrimPrefix(text, "v")
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return Revision{}, false, nil
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n < 1 {
		return Revision{}, true, noRevision(text)
	}
	return Revision{Kind: VersionRevision, Version: int32(n)}, true, nil
}

func noRevision(text string) error {
	return usage("use local, base, remote, the number of a version, rev:REV or env:NAME, for example: assetsync diff 3..local", "%q is no revision", text)
}

// String returns the text that [ParseRevision] reads.
func (r Revision) String() string {
	switch r.Kind {
	case VersionRevision:
		return fmt.Sprintf("v%d", r.Version)
	case CommitRevision, EnvRevision:
		return string(r.Kind) + r.Name
	}
	return string(r.Kind)
}

// Contents are what a target holds as of a revision.
type Contents struct {
	Bundle manifest.Bundle
	// Metadata are values by their keys; nil when they are not known, or there
	// is no asset.
	Metadata map[string]json.RawMessage
	Owned    bool // of the keys, Metadata has only those that the target owns
}

// Revision returns what a target holds as of a revision; nothing where there
// is no asset yet, or no directory in the commit. A version is read from
// history where that has it. It does not know of other environments.
func (e *Engine) Revision(ctx context.Context, rev Revision) (c Contents, res Result) {
	res = e.do(ctx, "diff", Consent{}, func(ctx context.Context, r *run) error {
		snap, err := r.scan(ctx)
		if err != nil {
			return err
		}
		switch rev.Kind {
		case LocalRevision:
			c, err = r.localContents(ctx, snap)
			return err
		case CommitRevision:
			c, err = r.committedContents(ctx, rev.Name)
			return err
		}
		id, err := r.resolve(ctx, snap)
		if err != nil || id == "" {
			return err // no asset yet: it holds nothing
		}
		switch rev.Kind {
		case BaseRevision:
			c.Bundle, err = r.baseBundle(ctx, id)
			c.Metadata, c.Owned = r.knownAsset.Metadata, true
		case RemoteRevision:
			c, err = r.remoteContents(ctx, id, snap)
		case VersionRevision:
			if c, _, err = r.versionContents(ctx, id, rev.Version); err == nil {
				c.Bundle, err = r.withoutIgnored(snap, c.Bundle)
			}
		default:
			err = noRevision(rev.String())
		}
		return err
	})
	return c, res
}

// localContents are what is here.
func (r *run) localContents(ctx context.Context, snap manifest.Snapshot) (c Contents, err error) {
	if c.Bundle, err = readAll(ctx, r.source, snap.Tree); err != nil {
		return c, err
	}
	derived, err := r.derived(ctx, snap)
	if err != nil {
		return c, err
	}
	values := maps.Clone(r.Target.Metadata)
	if values == nil {
		values = map[string]any{}
	}
	maps.Copy(values, derived)
	c.Owned = true
	c.Metadata, err = encodeBase(values)
	return c, err
}

// remoteContents are the newest version, as it would be here.
func (r *run) remoteContents(ctx context.Context, id string, snap manifest.Snapshot) (c Contents, err error) {
	obs, err := r.version(ctx, id, 0)
	if err != nil {
		return c, err
	}
	// What the ignore rules leave alone is no difference.
	obs.side.Tree = obs.side.Tree.Filter(func(e manifest.Entry) bool { return !r.ignores(snap, e.Path) })
	bundle, err := r.fullBundle(ctx, id, obs)
	if err != nil {
		return c, err
	}
	if c.Metadata, err = encodeBase(obs.metadata); err != nil {
		return c, err
	}
	c.Bundle, err = r.inForm(bundle, snap.Tree)
	return c, err
}

// withoutIgnored leaves out of a bundle what is none of the target's.
func (r *run) withoutIgnored(snap manifest.Snapshot, b manifest.Bundle) (manifest.Bundle, error) {
	var out []manifest.Path
	for e := range b.Tree().All() {
		if r.ignores(snap, e.Path) {
			out = append(out, e.Path)
		}
	}
	return b.With(nil, out...)
}

// committedContents are what a commit publishes. The metadata is that of its
// config, where that can be understood.
func (r *run) committedContents(ctx context.Context, rev string) (c Contents, err error) {
	at := r.Target
	at.Rev = rev
	src, _, err := newSource(at, r.kind, r.limits, r.Repo)
	if err != nil {
		return c, err
	}
	snap, err := src.scan(ctx)
	if errors.Is(err, errSourceMissing) {
		r.note("git revision %s does not have it", rev)
		return c, nil
	}
	if err != nil {
		return c, err
	}
	if c.Bundle, err = readAll(ctx, src, snap.Tree); err != nil {
		return c, err
	}
	c.Metadata, err = r.committedMetadata(ctx, rev)
	c.Owned = true
	return c, err
}

// committedMetadata is what the config of a commit owned, nil when that cannot
// be told.
func (r *run) committedMetadata(ctx context.Context, rev string) (map[string]json.RawMessage, error) {
	if r.ConfigFile == "" || r.MetadataAt == nil {
		return nil, nil
	}
	config, err := r.Repo.Inside(r.ConfigFile)
	if err != nil {
		return nil, nil // another repository holds it
	}
	at, err := r.Repo.Inside(r.Target.Path)
	if err != nil {
		return nil, err
	}
	values, ok, err := r.MetadataAt(ctx, gitrepo.Point{Commit: rev, Newest: rev, Path: config}, []string{at})
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		r.note("the metadata of git revision %s cannot be told: %v", rev, err)
		return nil, nil
	case !ok || values == nil:
		return nil, nil
	}
	return encodeBase(values)
}

// versionContents returns a version and what is on record of it. The metadata
// of one in history is asked for where it is not kept with it; that this fails
// is a note.
func (r *run) versionContents(ctx context.Context, id string, number int32) (c Contents, record gitrepo.Record, err error) {
	c, record, err = r.versionFiles(ctx, id, number)
	if err == nil && c.Metadata == nil {
		c.Metadata, err = r.askMetadata(ctx, id, number)
	}
	return c, record, err
}

// versionFiles returns a version: from history where that has it, else read and
// kept there. Its metadata is nil where history does not know it.
func (r *run) versionFiles(ctx context.Context, id string, number int32) (c Contents, record gitrepo.Record, err error) {
	record, final, err := r.recordOf(ctx, id, number)
	if err != nil {
		return c, record, err
	}
	if final {
		if c, ok, err := r.keptContents(ctx, id, record); ok || err != nil {
			return c, record, err
		}
	}
	c, fresh, unread := r.readVersion(ctx, id, number)
	if unread == nil || record.Number == 0 || ctx.Err() != nil {
		return c, fresh, unread
	}
	c, ok, err := r.keptContents(ctx, id, record)
	if err == nil && !ok {
		return c, fresh, unread
	}
	r.note("version %d is as it was read last: %v", number, unread)
	return c, record, err
}

// keptContents reads what a record of history is of. It is false where history
// is damaged, which a note tells.
func (r *run) keptContents(ctx context.Context, id string, record gitrepo.Record) (c Contents, ok bool, err error) {
	c.Bundle, ok, err = r.History.Get(ctx, r.historyKey(), id, record.Number)
	if damaged := err != nil; damaged || !ok {
		return c, false, r.tellDamage(err)
	}
	c.Metadata, err = decodeKept(record.Metadata)
	return c, err == nil, err
}

// readVersion reads a version and keeps it in history.
func (r *run) readVersion(ctx context.Context, id string, number int32) (c Contents, record gitrepo.Record, err error) {
	foreign := !slices.Contains(r.knownAsset.Own, number)
	obs, err := r.version(ctx, id, number)
	if err != nil {
		return c, record, unreadVersion{err}
	}
	if c.Bundle, err = r.fullBundle(ctx, id, obs); err != nil {
		return c, record, unreadVersion{err}
	}
	if c.Metadata, err = encodeBase(obs.metadata); err != nil {
		return c, record, err
	}
	record = gitrepo.Record{Asset: id, Number: int(number), TreeID: c.Bundle.Tree().ID(), At: obs.updatedAt, Foreign: foreign}
	return c, record, r.remember(ctx, obs, foreign)
}

// recordOf looks for a version in history; there is none where the record has
// no number. The record is final unless the version may have changed since: the
// newest one that is known, of a service where files come or go without a new
// version.
func (r *run) recordOf(ctx context.Context, id string, number int32) (found gitrepo.Record, final bool, err error) {
	records, err := r.History.Versions(ctx, r.historyKey())
	if err := r.tellDamage(err); err != nil {
		return found, false, err
	}
	final = r.endpoint.DeleteRaisesVersion != state.No && r.endpoint.CreateRaisesVersion != state.No
	for _, known := range records {
		switch {
		case known.Asset != id:
		case known.Number == int(number):
			found = known // of several arrivals the last
		case known.Number > int(number):
			final = true
		}
	}
	return found, final && found.Number > 0, nil
}

// askMetadata asks the service for the metadata of a version that history has.
func (r *run) askMetadata(ctx context.Context, id string, number int32) (map[string]json.RawMessage, error) {
	asset, err := r.getAsset(ctx, id, &number)
	if err == nil {
		var values map[string]any
		if values, err = asset.Metadata.Map(); err == nil {
			return encodeBase(values)
		}
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if remote.IsKind(err, remote.KindNotFound, remote.KindValidation) {
		err = errors.New("the service does not have it any more")
	}
	r.note("the metadata of version %d is not known: %v", number, err)
	return nil, nil
}

// decodeKept reads the metadata that history has of a version; nil for nil.
func decodeKept(text json.RawMessage) (values map[string]json.RawMessage, err error) {
	if text == nil {
		return nil, nil
	}
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("read metadata in history: %w", err)
	}
	return values, nil
}

// CompareMetadata returns what makes the metadata of one revision that of
// another, by key. Where one of them has only owned keys, the others are no
// difference. It returns nothing where one is not known.
func CompareMetadata(old, new Contents) (changes []MetadataChange) {
	if old.Metadata == nil || new.Metadata == nil {
		return nil
	}
	keys := map[string]bool{}
	for _, c := range []Contents{old, new} {
		if c.Owned || !old.Owned && !new.Owned {
			for key := range c.Metadata {
				keys[key] = true
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		was, had := old.Metadata[key]
		is, has := new.Metadata[key]
		if had && has && sameValue(was, is) {
			continue
		}
		c := MetadataChange{Key: key, Action: string(diff.Update), Why: "differs"}
		if had {
			c.Old = was
		} else {
			c.Action = string(diff.Create)
		}
		if has {
			c.New = is
		} else {
			c.Action = string(diff.Delete)
		}
		changes = append(changes, c)
	}
	return changes
}
