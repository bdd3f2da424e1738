package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"assetsync/manifest"
	"assetsync/remote/assettype"
	"assetsync/sync/lint"
)

// verbSetMetadata is the verb of its intents.
const verbSetMetadata = "set-metadata"

// SetMetadataOptions are the choices of one [Engine.SetMetadata].
type SetMetadataOptions struct {
	Values  map[string]any // strings, numbers, booleans, or lists of those; not empty
	DryRun  bool
	Consent Consent
}

// SetMetadata makes values the metadata of the target's asset: AssetID names it.
// Other keys stay, and so do the files. What the content decides is refused, and
// what the type does not allow.
//
// A key that the target owns keeps the base that it had, or the target's value:
// the next plan sees a change of the remote, which no push undoes.
func (e *Engine) SetMetadata(ctx context.Context, o SetMetadataOptions) Result {
	return e.do(ctx, verbSetMetadata, o.Consent, func(ctx context.Context, r *run) error {
		return r.inRounds(ctx, func() error { return r.setRemoteMetadata(ctx, o) })
	})
}

func (r *run) setRemoteMetadata(ctx context.Context, o SetMetadataOptions) error {
	obs, err := r.observeNamed(ctx)
	if err != nil {
		return err
	}
	id := r.res.AssetID
	if !o.DryRun {
		if err := r.auditOrReplan(ctx, id, obs); err != nil {
			return err
		}
	}
	if err := r.checkValues(ctx, id, obs, o.Values); err != nil {
		return err
	}
	send := r.planValues(obs, o.Values)
	if err := r.guardValues(obs, send, o.DryRun); err != nil {
		return err
	}
	r.noteOwned(o.Values)
	switch {
	case len(send) == 0 && o.DryRun:
		return nil
	case len(send) == 0:
		return r.record(ctx, obs, proposal{}, nil) // the audit may have found that it was us
	case o.DryRun:
		r.res.Outcome = Planned
		return nil
	}
	newest, err := r.publishMetadata(ctx, id, obs, send, verbSetMetadata)
	if err != nil {
		return err
	}
	return r.recordValues(ctx, newest, send)
}

// publishMetadata sends metadata of which the local side holds nothing, and puts back
// what it overwrote. It returns what is live then.
func (r *run) publishMetadata(ctx context.Context, id string, obs observation, values map[string]any, verb string) (observation, error) {
	d, after, err := r.publishOnce(ctx, id, &obs, job{metadata: values, repair: true, verb: verb})
	if err != nil {
		return obs, err
	}
	r.res.Outcome = Published
	newest, err := r.repair(ctx, id, after.observation, after.lost)
	if err != nil {
		return obs, err
	}
	r.end(d.nonce)
	r.res.Version = newest.version
	return newest, nil
}

// planValues reports what is to change, and returns it.
func (r *run) planValues(obs observation, values map[string]any) map[string]any {
	send := map[string]any{}
	r.res.MetadataChanges = nil
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if got, held := obs.metadata[key]; held && sameValue(values[key], got) {
			continue
		}
		send[key] = values[key]
		r.res.MetadataChanges = append(r.res.MetadataChanges, MetadataChange{Key: key, Old: obs.metadata[key], New: values[key], Action: "publish", Why: "set"})
	}
	return send
}

// checkValues refuses keys that follow from the files, and values that the type
// does not allow. What is wrong with other keys is none of its business.
func (r *run) checkValues(ctx context.Context, id string, obs observation, values map[string]any) error {
	derived, err := r.derivedKeys(ctx, id, obs)
	if err != nil {
		return err
	}
	where := "the file"
	if r.kind.MainFile != "" {
		where = "the frontmatter of " + r.kind.MainFile
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(derived, key) {
			return usage("edit it there, and push", "metadata %s of asset %s follows from %s", key, id, where)
		}
	}
	all := maps.Clone(obs.metadata)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, values)
	var wrong []string
	for _, f := range assettype.Errors(assettype.CheckMetadata(r.kind, all, derived...)) {
		key, _, _ := strings.Cut(strings.TrimPrefix(f.Field, "/metadata/"), "/")
		if _, set := values[key]; set {
			wrong = append(wrong, f.String())
		}
	}
	if len(wrong) > 0 {
		return usage("nothing was sent", "asset %s: %s", id, strings.Join(wrong, "; "))
	}
	return nil
}

// derivedKeys are the keys that the content of the asset decides. Where its main
// file cannot be read, those of its type are.
func (r *run) derivedKeys(ctx context.Context, id string, obs observation) ([]string, error) {
	main := manifest.Path(r.kind.MainFile)
	e := obs.side.Tree.Get(main)
	if e == nil {
		if r.kind.Frontmatter && obs.side.Unknown.Has(main) {
			return []string{"description", "name"}, nil
		}
		return assettype.DerivedKeys(r.kind, manifest.Bundle{}), nil
	}
	data, err := r.remoteContent(ctx, id, obs, *e)
	if err != nil {
		return nil, err
	}
	bundle, err := manifest.NewBundle(map[manifest.Path][]byte{main: data})
	if err != nil {
		return nil, err
	}
	return assettype.DerivedKeys(r.kind, bundle), nil
}

// guardValues applies the guards to the setting of metadata.
func (r *run) guardValues(obs observation, values map[string]any, speak bool) error {
	in := guardInput{target: r.Target, consent: r.consent, metadata: obs.metadata, writes: len(values) > 0, side: "remote"}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		p := lint.MetadataPath(key)
		var places []string
		if !r.mayBeSecret.Match(p) {
			for _, f := range r.scanner.ScanValue(key, values[key]) {
				places = append(places, fmt.Sprintf("%s (%s: %s)", p, f.Rule, f.Excerpt))
			}
		}
		if len(places) > 0 {
			in.secrets = append(in.secrets, secretFile{p, r.fullPath(p), places})
		}
	}
	var stops []guardStop
	for _, check := range []func(guardInput) *guardStop{guardOwnership, guardSecrets, guardProtected} {
		if stop := check(in); stop != nil {
			stops = append(stops, *stop)
		}
	}
	return r.stop(stops, speak)
}

// noteOwned says which keys the config gives another value.
func (r *run) noteOwned(values map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		if own, owned := r.Target.Metadata[key]; owned && !sameValue(own, values[key]) {
			r.note("assetsync.yaml gives this target another %s: no push undoes what was set, and status shows it; correct metadata: there as well", key)
		}
	}
}

// recordValues records what was set, as far as it is live. A key that the target
// owns has the base that makes it a change of the remote.
func (r *run) recordValues(ctx context.Context, newest observation, sent map[string]any) error {
	proven, lost := done{metadata: map[string]any{}}, []string(nil)
	for _, key := range slices.Sorted(maps.Keys(sent)) {
		if !sameValue(newest.metadata[key], sent[key]) {
			lost = append(lost, key)
			continue
		}
		own, owned := r.Target.Metadata[key]
		_, known := r.knownAsset.Metadata[key]
		if owned && (!known || sameValue(own, sent[key])) {
			proven.metadata[key] = own
		}
	}
	if err := r.record(ctx, newest, proposal{}, &proven); err != nil || len(lost) == 0 {
		return err
	}
	return &Error{
		Kind: KindConflict, Message: fmt.Sprintf("metadata %s of asset %s was set by somebody else at the same time", some(lost), r.res.AssetID),
		Hint: "assetsync asset get " + r.res.AssetID + " shows it",
	}
}
