package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"assetsync/manifest/gitrepo"
	"assetsync/remote"
)

// Fetched is what a fetch brought into history.
type Fetched struct {
	Ref      string  `json:"ref"`      // of the history, at the newest version
	Versions []int32 `json:"versions"` // that came, ascending
}

// Fetch reads the versions that the service lists and history lacks into
// history, of the limit newest ones; 0 is no limit. It changes nothing else. A
// version that cannot be read is a note.
//
// Afterwards the newest version is at the ref, and before it lie the others in
// their order, back to the oldest that came: those that had arrived before are
// put between them once more. What came stays when a fetch is cut short.
func (e *Engine) Fetch(ctx context.Context, limit int) (f Fetched, res Result) {
	f.Versions = []int32{}
	res = e.do(ctx, "fetch", Consent{}, func(ctx context.Context, r *run) error {
		f.Ref = r.historyKey().VersionsRef()
		snap, err := r.scan(ctx)
		if err != nil {
			return err
		}
		r.res.Problems = nil // nothing is published
		id, err := r.mustResolve(ctx, snap)
		if err != nil {
			return err
		}
		list, err := r.listVersions(ctx, id)
		if err != nil || len(list) == 0 {
			return err
		}
		r.res.Version = *list[len(list)-1].Version
		if limit > 0 {
			list = list[max(0, len(list)-limit):]
		}
		return r.fetch(ctx, id, list, &f)
	})
	return f, res
}

// fetch puts versions, ascending, into history.
func (r *run) fetch(ctx context.Context, id string, list []remote.AssetVersionMetadata, f *Fetched) error {
	records, err := r.History.Versions(ctx, r.historyKey())
	if err != nil {
		return err
	}
	arrived := map[int32]gitrepo.Record{}
	for _, a := range records {
		if a.Asset == id {
			arrived[int32(a.Number)] = a
		}
	}
	first := slices.IndexFunc(list, func(v remote.AssetVersionMetadata) bool {
		_, ok := arrived[*v.Version]
		return !ok
	})
	if first < 0 {
		first = len(list) - 1 // the newest is to be at the ref
	}
	var unread []string
	for _, v := range list[first:] {
		number := *v.Version
		known, ok := arrived[number]
		switch {
		case ok:
			err = r.putAgain(ctx, known)
		default:
			err = r.fetchOne(ctx, id, number)
		}
		switch {
		case err == nil && !ok:
			f.Versions = append(f.Versions, number)
		case err == nil:
		case ctx.Err() == nil && isOfOneVersion(err):
			unread = append(unread, fmt.Sprintf("version %d cannot be read: %v", number, err))
		default:
			return err
		}
	}
	r.noteSome(unread, "versions cannot be read")
	return nil
}

// putAgain makes a version that history has the newest arrival.
func (r *run) putAgain(ctx context.Context, known gitrepo.Record) error {
	bundle, ok, err := r.History.Get(ctx, r.historyKey(), known.Asset, known.Number)
	if err != nil || !ok {
		return err
	}
	version := r.versionOf(int32(known.Number), known.At, bundle, known.Foreign)
	version.Metadata = known.Metadata
	version.Last = true
	return r.putVersion(ctx, version)
}

// fetchOne reads a version into history. Its error is an unreadVersion when it
// is the version that cannot be read.
func (r *run) fetchOne(ctx context.Context, id string, number int32) error {
	obs, err := r.version(ctx, id, number)
	if err != nil {
		return unreadVersion{err}
	}
	bundle, err := r.fullBundle(ctx, id, obs)
	if err != nil {
		return unreadVersion{err}
	}
	if n := len(obs.side.Unknown); n > 0 {
		r.note("version %d is kept without %s: %s %s", number, countFiles(n), shownName(obs.side.Unknown[0].Path), obs.side.Unknown[0].Reason)
	}
	version := r.asVersion(obs, bundle, !slices.Contains(r.knownAsset.Own, number))
	version.Last = true
	return r.putVersion(ctx, version)
}

// unreadVersion is an error of the remote.
type unreadVersion struct{ error }

// Unwrap returns the error.
func (e unreadVersion) Unwrap() error { return e.error }

// isOfOneVersion reports whether an error is one of a version alone: it is
// gone, or holds what cannot be read. All else stops a fetch.
func isOfOneVersion(err error) bool {
	var unread unreadVersion
	kind := AsError(err).Kind
	return errors.As(err, &unread) && kind != KindAuth && kind != KindUnavailable
}

// noteSome notes the first few of a list, and how many more there are.
func (r *run) noteSome(list []string, what string) {
	for i, text := range list {
		if i == mostNotes {
			r.note("%d more %s", len(list)-mostNotes, what)
			return
		}
		r.note("%s", text)
	}
}
