package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote"
)

// VersionReport is one version in a log.
type VersionReport struct {
	Version   int32          `json:"version"`
	CreatedAt time.Time      `json:"created_at"`
	By        string         `json:"by"`                // "this machine" or "somebody else"
	Changes   []ChangeReport `json:"changes,omitempty"` // to the version before it, where both were read
	Known     bool           `json:"known"`             // both were read, so Changes is complete

	// MetadataChanges are those of all keys, where both are known.
	MetadataChanges []MetadataChange `json:"metadata_changes,omitempty"`

	// Commits are those of the target's source that publish what the version
	// holds, whoever published it: the newest, one for each time that it came
	// to be so. MoreCommits counts the others.
	Commits     []CommitReport `json:"commits,omitempty"`
	MoreCommits int            `json:"more_commits,omitempty"`

	Old, New Contents `json:"-"` // the version before it and the version, where asked for and Known
}

// LogOptions are the choices of one [Engine.Log].
type LogOptions struct {
	Limit    int             // at most so many versions; 1 or more
	Paths    []manifest.Path // only what changed one of them, or below one, and may have; none: all
	Contents bool            // the reports have Old and New
}

// Log returns the newest versions of the asset, newest first. It reads the
// content of those that history lacks. In a git repository it names the commits
// that they come from.
func (e *Engine) Log(ctx context.Context, o LogOptions) (log []VersionReport, res Result) {
	res = e.do(ctx, "log", Consent{}, func(ctx context.Context, r *run) error {
		snap, err := r.scan(ctx)
		if err != nil {
			return err
		}
		id, err := r.mustResolve(ctx, snap)
		if err != nil {
			return err
		}
		list, err := r.listVersions(ctx, id)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			r.res.Version = *list[len(list)-1].Version
		}
		trees := map[int32]manifest.Tree{}
		for end := len(list); end > 0 && len(log) < o.Limit; {
			start := max(0, end-(o.Limit-len(log)))
			past, err := r.readPast(ctx, id, list[max(0, start-1):end])
			if err != nil {
				return err
			}
			for _, v := range slices.Backward(list[start:end]) {
				if one := r.describe(v, past); one.limit(o.Paths) {
					log = append(log, one.keeping(o.Contents))
					trees[one.Version] = past[one.Version].Bundle.Tree()
				}
			}
			end = start
		}
		return r.nameCommits(ctx, log, trees)
	})
	return log, res
}

// readPast returns what versions hold, and keeps those in history that it had
// to read. One that cannot be read is left out, and unless it is gone a note
// says so.
func (r *run) readPast(ctx context.Context, id string, list []remote.AssetVersionMetadata) (map[int32]Contents, error) {
	past := map[int32]Contents{}
	var unread []string
	defer func() { r.noteSome(unread, "versions cannot be read") }()
	for _, v := range list {
		number := *v.Version
		c, _, err := r.versionFiles(ctx, id, number)
		switch {
		case err == nil:
			past[number] = c
		case remote.IsKind(err, remote.KindNotFound):
		case ctx.Err() == nil && isOfOneVersion(err):
			unread = append(unread, fmt.Sprintf("version %d cannot be read: %v", number, err))
		default:
			return nil, err
		}
	}
	return past, nil
}

func (r *run) describe(v remote.AssetVersionMetadata, past map[int32]Contents) VersionReport {
	number := *v.Version
	out := VersionReport{Version: number, By: maker(!slices.Contains(r.knownAsset.Own, number))}
	if v.CreatedAt != nil {
		out.CreatedAt = *v.CreatedAt
	}
	now, ok := past[number]
	then, okThen := past[number-1]
	out.compare(then, now, ok && (okThen || number == 1))
	return out
}

// compare fills in what a version changed; known says that it and the one
// before it were read.
func (v *VersionReport) compare(old, new Contents, known bool) {
	if v.Known = known; known {
		v.Old, v.New = old, new
		v.Changes = reportChanges(diff.Two(old.Bundle.Tree(), new.Bundle.Tree()))
		v.MetadataChanges = CompareMetadata(old, new)
	}
}

// limit leaves the changes of paths, and reports whether there are any, or may
// be. All are of no path.
func (v *VersionReport) limit(paths []manifest.Path) bool {
	if len(paths) == 0 || !v.Known {
		return true
	}
	v.MetadataChanges = nil
	v.Changes = slices.DeleteFunc(v.Changes, func(c ChangeReport) bool { return !slices.ContainsFunc(paths, c.Path.Under) })
	return len(v.Changes) > 0
}

// keeping drops the contents unless they are wanted: they are large.
func (v VersionReport) keeping(contents bool) VersionReport {
	if !contents {
		v.Old, v.New = Contents{}, Contents{}
	}
	return v
}

// ShownVersion is what there is to say of one version.
type ShownVersion struct {
	VersionReport
	Tree     manifest.ID                `json:"tree"`               // git tree id
	Metadata map[string]json.RawMessage `json:"metadata,omitempty"` // absent when it is not known
}

// Show returns a version, 0 is the newest, and what it changed. What history
// has is not asked for again.
func (e *Engine) Show(ctx context.Context, version int32) (v ShownVersion, res Result) {
	res = e.do(ctx, "show", Consent{}, func(ctx context.Context, r *run) error {
		id, version, err := r.versionAt(ctx, version)
		if err != nil {
			return err
		}
		now, record, err := r.versionContents(ctx, id, version)
		if err != nil {
			return err
		}
		v.Version, v.CreatedAt, v.By = version, record.At, maker(record.Foreign)
		v.Tree, v.Metadata = now.Bundle.Tree().ID(), now.Metadata
		then, known, err := r.before(ctx, id, version)
		if err != nil {
			return err
		}
		v.Old, v.New = then, now
		v.compare(then, now, known)
		r.res.Changes, r.res.MetadataChanges = v.Changes, v.MetadataChanges
		log := []VersionReport{v.VersionReport}
		err = r.nameCommits(ctx, log, map[int32]manifest.Tree{version: now.Bundle.Tree()})
		v.VersionReport = log[0]
		return err
	})
	return v, res
}

// before returns the version before one, and whether it could be read. There is
// none before the first.
func (r *run) before(ctx context.Context, id string, version int32) (Contents, bool, error) {
	if version == 1 {
		return Contents{}, true, nil
	}
	c, _, err := r.versionContents(ctx, id, version-1)
	if err != nil && ctx.Err() == nil {
		r.note("what version %d changed cannot be told: %v", version, err)
		return Contents{}, false, nil
	}
	return c, err == nil, err
}

// Files returns the files of a version, 0 is the newest. What history has is
// not asked for.
func (e *Engine) Files(ctx context.Context, version int32) (b manifest.Bundle, res Result) {
	res = e.do(ctx, "show", Consent{}, func(ctx context.Context, r *run) error {
		id, version, err := r.versionAt(ctx, version)
		if err != nil {
			return err
		}
		c, _, err := r.versionFiles(ctx, id, version)
		b = c.Bundle
		return err
	})
	return b, res
}

// versionAt returns the asset and the number of a version, 0 is the newest.
func (r *run) versionAt(ctx context.Context, version int32) (string, int32, error) {
	snap, err := r.scan(ctx)
	if err != nil {
		return "", 0, err
	}
	r.res.Problems = nil // nothing is published
	id, err := r.mustResolve(ctx, snap)
	if err == nil && version == 0 {
		var asset *remote.Asset
		if asset, err = r.getAsset(ctx, id, nil); err == nil {
			version = *asset.Version
			r.res.Version = version
		}
	}
	r.res.ObservedVersion = version
	return id, version, err
}

// baseBundle returns the local side of the base.
func (r *run) baseBundle(ctx context.Context, id string) (manifest.Bundle, error) {
	files := map[manifest.Path][]byte{}
	for p, pair := range r.knownAsset.Base.All() {
		if pair.Local == nil {
			continue
		}
		data, ok, err := r.History.Blob(pair.Local.ID)
		if err == nil && !ok {
			data, err = r.readFile(ctx, id, r.knownAsset.Version, p)
		}
		if err != nil {
			return manifest.Bundle{}, fmt.Errorf("read base: %w", err)
		}
		if manifest.BlobID(data) != pair.Local.ID {
			data = r.Target.Text.Canonical(data) // the remote side, read in the place of ours
		}
		files[p] = data
	}
	return manifest.NewBundle(files)
}

// fullBundle returns every byte of an observed version.
func (r *run) fullBundle(ctx context.Context, id string, obs observation) (manifest.Bundle, error) {
	files := map[manifest.Path][]byte{}
	for e := range obs.side.Tree.All() {
		data, err := r.remoteContent(ctx, id, obs, e)
		if err != nil {
			return manifest.Bundle{}, err
		}
		files[e.Path] = data
	}
	return manifest.NewBundle(files)
}
