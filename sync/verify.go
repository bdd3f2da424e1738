package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
	"assetsync/sync/lint"
)

// Verify reads what is live back from the service, all of it, and looks whether
// agents can use it as it is meant here: its bytes, its metadata, and what lint
// finds in it. Nothing is changed. What is not usable is in Problems, and the
// error is of [KindUnusable] then.
//
// After a push, its result is pushed: what that left alone of others is theirs,
// and no problem. Nil: all that differs from here is one.
func (e *Engine) Verify(ctx context.Context, pushed *Result) Result {
	return e.do(ctx, "verify", Consent{}, func(ctx context.Context, r *run) error {
		snap, err := r.scan(ctx)
		if err != nil {
			return err
		}
		if err := r.blockOnProblems(); err != nil {
			return err // of what cannot be read nobody knows what it should be
		}
		id, err := r.resolve(ctx, snap)
		if err != nil {
			return err
		}
		if id == "" {
			return r.unusable([]manifest.Problem{{Kind: notLive, Detail: "there is no asset for it", Hint: "publish it: assetsync push"}})
		}
		r.knownAsset.Seen = nil // what an earlier look saw proves nothing here
		obs, err := r.observe(ctx, id)
		if remote.IsKind(err, remote.KindNotFound) {
			return r.unusable([]manifest.Problem{{Kind: notLive, Detail: fmt.Sprintf("asset %s is gone", id), Hint: "if it is to be made anew: assetsync push --allow-empty"}})
		}
		if err != nil {
			return err
		}
		r.res.ObservedVersion, r.res.Version = obs.version, obs.version
		r.reportLive(snap, obs)
		found, err := r.verify(ctx, snap, obs, pushed)
		if err != nil {
			return err
		}
		return r.unusable(found)
	})
}

// What a problem of a verification is, besides the rules of lint.
const (
	notLive     manifest.ProblemKind = "not-live"    // it, or a file of it, is not on the remote
	notAsHere   manifest.ProblemKind = "content"     // the remote holds something else
	notDeclared manifest.ProblemKind = "metadata"    // a key is not as the config or the content has it
	notOurs     manifest.ProblemKind = "ownership"   // somebody else owns the asset
	notHandled  manifest.ProblemKind = "remote-name" // the remote has a file that cannot be held here
)

// verify collects what is wrong with a version.
func (r *run) verify(ctx context.Context, snap manifest.Snapshot, obs observation, pushed *Result) ([]manifest.Problem, error) {
	live, whole, err := r.bundleOf(obs)
	if err == nil && !whole {
		err = fmt.Errorf("read asset %s version %d: not all of it was read", r.res.AssetID, obs.version)
	}
	if err != nil {
		return nil, err
	}
	var found []manifest.Problem
	if why := ownership(obs.metadata); why != "" {
		found = append(found, manifest.Problem{Kind: notOurs, Detail: "the asset is not this config's: " + why, Hint: "take the target out of the config, or take the asset over with push --adopt"})
	}
	found = append(found, r.verifyMetadata(obs, live)...)
	for _, u := range obs.side.Unknown {
		found = append(found, manifest.Problem{Path: manifest.Path(shownName(u.Path)), Kind: notHandled, Detail: u.Reason, Hint: "rename or delete it in the web app"})
	}
	content, err := r.verifyContent(ctx, snap, obs, live, pushed)
	if err != nil {
		return nil, err
	}
	rules, err := r.verifyRules(obs, live)
	return slices.Concat(found, content, rules), err
}

// verifyMetadata compares the owned keys, and those that follow from the
// content, with the live ones.
func (r *run) verifyMetadata(obs observation, live manifest.Bundle) (found []manifest.Problem) {
	say := func(key string, want, got any, by, hint string) {
		shown := r.masked([]MetadataChange{{Key: key, Old: got, New: want}})[0]
		detail := fmt.Sprintf("metadata: %s is not set, and %s is %s", key, by, shortJSON(shown.New))
		if got != nil {
			detail = fmt.Sprintf("metadata: %s is %s, and %s is %s", key, shortJSON(shown.Old), by, shortJSON(shown.New))
		}
		found = append(found, manifest.Problem{Kind: notDeclared, Detail: detail, Hint: hint})
	}
	for _, key := range slices.Sorted(maps.Keys(r.Target.Metadata)) {
		if want, got := r.Target.Metadata[key], obs.metadata[key]; !sameValue(want, got) {
			say(key, want, got, "in the config it", "publish it with assetsync push --prefer local, or take it over into assetsync.yaml")
		}
	}
	derived := assettype.DerivedMetadata(r.kind, live)
	hint := fmt.Sprintf("a push that changes the frontmatter of %s sets it by that: take theirs over there, or edit it; or set it in the web app", r.kind.MainFile)
	if r.kind.SingleFile {
		hint = "a push that changes the file sets it by that; or set it in the web app"
	}
	for _, key := range slices.Sorted(maps.Keys(derived)) {
		_, owned := r.Target.Metadata[key]
		if want, got := derived[key], obs.metadata[key]; !owned && !sameValue(want, got) && (got == nil || !sameText(want, got)) {
			say(key, want, got, "by the file it", hint)
		}
	}
	if _, declared := r.Target.Metadata["status"]; !declared && obs.metadata["status"] == "INACTIVE" {
		r.note("it is INACTIVE, so that no agent uses it; set status: under metadata: in assetsync.yaml to say whether that is meant")
	}
	return found
}

// shortJSON is a value of the metadata as people are shown it.
func shortJSON(v any) string {
	text, ok := canonical(v)
	switch {
	case !ok || len(text) == 0:
		return "nothing"
	case len(text) == 1:
		return shortened(text[0])
	}
	return some(text[:len(text)-1])
}

// verifyContent compares the files, but for those that a push has left to
// others, or that were saved since.
func (r *run) verifyContent(ctx context.Context, snap manifest.Snapshot, obs observation, live manifest.Bundle, pushed *Result) (found []manifest.Problem, err error) {
	left := map[manifest.Path]bool{}
	if pushed != nil {
		for _, c := range pushed.Pending {
			left[c.Path] = true
		}
		for _, c := range pushed.Conflicts {
			left[c.Path] = true
		}
	}
	for e := range snap.Tree.All() {
		there := obs.side.Tree.Get(e.Path)
		if left[e.Path] || obs.side.Unknown.Has(e.Path) || pushed != nil && r.isSavedSince(e.Path, &e) {
			continue
		}
		same, err := r.isSame(ctx, e, there, live)
		switch {
		case err != nil:
			return nil, err
		case same:
		case there == nil:
			found = append(found, manifest.Problem{Path: e.Path, Kind: notLive, Detail: "is not on the remote", Hint: r.hintDiffers(&e, there)})
		default:
			found = append(found, manifest.Problem{Path: e.Path, Kind: notAsHere, Detail: fmt.Sprintf("is not as it is here (%s there, %s here)", there.ID.Short(), e.ID.Short()), Hint: r.hintDiffers(&e, there)})
		}
	}
	for e := range obs.side.Tree.All() {
		if snap.Tree.Get(e.Path) == nil && !left[e.Path] && !snap.Unknown.Has(e.Path) && !r.ignores(snap, e.Path) && (pushed == nil || !r.isSavedSince(e.Path, nil)) {
			found = append(found, manifest.Problem{Path: e.Path, Kind: notAsHere, Detail: "is on the remote, and not here", Hint: r.hintDiffers(nil, &e)})
		}
	}
	return found, nil
}

// isSavedSince reports whether a path is not as the last push has left it on record:
// that is no business of what was published. Without a record nothing is known of it.
func (r *run) isSavedSince(p manifest.Path, here *manifest.Entry) bool {
	return len(r.knownAsset.Base) > 0 && !sameEntry(r.knownAsset.Base.Get(p).Local, here)
}

// isSame reports whether what is live is what is here: the same bytes, what the
// service is known to make of them, or the same text with other line ends where
// those do not count.
func (r *run) isSame(ctx context.Context, here manifest.Entry, there *manifest.Entry, live manifest.Bundle) (bool, error) {
	if there == nil || there.ID == here.ID {
		return there != nil, nil
	}
	read, _ := live.Blob(there.ID)
	if manifest.BlobID(r.Target.Text.Canonical(read)) == here.ID {
		return true, nil
	}
	sent, err := r.source.read(ctx, here)
	return err == nil && assettype.Same(r.kind, here.Path, sent, read), err
}

// hintDiffers says what to do about a file that differs, by who changed it as far
// as that is on record.
func (r *run) hintDiffers(here, there *manifest.Entry) string {
	pair, known := r.knownAsset.Base.Lookup(pathOf(here, there))
	switch {
	case known && sameEntry(pair.Local, here):
		return "it changed on the remote: assetsync pull takes it, assetsync diff shows it"
	case known && sameEntry(pair.Remote, there):
		return "it changed here: assetsync push publishes it"
	}
	return "assetsync diff shows it; assetsync push publishes what is here, assetsync pull takes what is there"
}

func pathOf(entries ...*manifest.Entry) manifest.Path {
	for _, e := range entries {
		if e != nil {
			return e.Path
		}
	}
	return ""
}

// Rules that only warn before a push, and that keep agents from using what is
// live. Links do in the main file, where agents begin, and are told of in others. A
// link from the root is none: who reads from there finds the file.
var (
	unusableRules = []string{"wrapping-folder", "agent-type-unknown"}
	linkRules     = []string{"dead-link", "link-case", "link-outside"}
)

// verifyRules applies the rules of lint to what is live: the size of it, too.
func (r *run) verifyRules(obs observation, live manifest.Bundle) (found []manifest.Problem, err error) {
	size, err := lint.Measure(r.kind, live)
	if err != nil {
		return nil, err
	}
	var told []lint.Finding
	list := lint.Check(lint.Asset{Type: r.kind, Files: live, Metadata: obs.metadata})
	list = append(list, lint.CheckSize(size, int64(r.limits.FileBytes))...)
	for _, f := range lint.Sorted(list) {
		if f.Rule == "value-kind" {
			continue // the service has keys of its own
		}
		switch isLink := slices.Contains(linkRules, f.Rule); {
		case f.Severity == assettype.Error, slices.Contains(unusableRules, f.Rule), isLink && f.Path == r.source.mainFile():
			found = append(found, problemOf(f))
		case isLink:
			told = append(told, f)
		}
	}
	r.noteWarnings(told)
	return found, nil
}

// unusable ends a verification.
func (r *run) unusable(found []manifest.Problem) error {
	r.res.Problems = found
	if len(found) == 0 {
		r.res.Verified = true
		return nil
	}
	what := "what is published is not usable as it is meant"
	if r.res.Version == 0 {
		what = "nothing is published"
	}
	return &Error{Kind: KindUnusable, Message: fmt.Sprintf("%s: %s", what, countProblems(len(found)))}
}

func countProblems(n int) string {
	if n == 1 {
		return "1 problem"
	}
	return fmt.Sprintf("%d problems", n)
}

// With returns the result of a push together with that of its verification. What
// the push has warned of and is a problem now is told once.
func (r Result) With(verified Result) Result {
	told := func(note string) bool {
		return slices.ContainsFunc(verified.Problems, func(p manifest.Problem) bool { return note == warningText(p) })
	}
	r.Notes = slices.DeleteFunc(slices.Clone(r.Notes), told)
	r.Verified, r.Error = verified.Verified, verified.Error
	r.Problems = slices.Concat(r.Problems, verified.Problems)
	r.Calls, r.DurationMS = verified.Calls, r.DurationMS+verified.DurationMS
	for _, n := range verified.Notes {
		if !slices.Contains(r.Notes, n) {
			r.Notes = append(r.Notes, n)
		}
	}
	return r.complete()
}
