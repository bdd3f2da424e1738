package sync

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/sync/lint"
	"assetsync/sync/planfile"
)

// Plan says what a push would do, and does nothing: the push's own look and
// plan, with guards that only speak. The first result is data that a later push
// can be held to, by [PushOptions.Approved]; the second is that of a dry run.
func (e *Engine) Plan(ctx context.Context, o PushOptions) (planfile.Target, Result) {
	plan := planfile.Target{Target: e.Target.Name, AssetID: e.Target.AssetID, Policy: policyOf(e.Target), Published: string(ByNothing)}
	if e.From != nil {
		plan.Source.Version = e.From.Version
	}
	o.DryRun, o.Strict, o.Approved = true, false, nil
	res := e.do(ctx, "plan", o.Consent, func(ctx context.Context, r *run) error {
		r.plan = &plan
		return r.push(ctx, o)
	})
	plan.AssetID = res.AssetID
	for _, p := range res.Problems {
		plan.Problems = append(plan.Problems, planfile.Problem{Path: p.Path, Kind: string(p.Kind), Detail: p.Detail, Hint: p.Hint})
	}
	if res.Error != nil && !errors.Is(res.Error, errBothChanged) {
		plan.Error = &planfile.Failure{Kind: string(res.Error.Kind), Message: res.Error.Message, Hint: res.Error.Hint}
	}
	return plan, res
}

// policyOf is what the config says of a target, as a plan records it.
func policyOf(t Target) planfile.Policy {
	text := ""
	if t.Text == manifest.TextLF {
		text = "lf"
	}
	direction := t.Direction
	if direction == "" {
		direction = PushOnly
	}
	return planfile.Policy{
		Type: t.Type, Asset: t.AssetID, Source: t.Rev, Ignore: t.Ignore, AllowSecrets: t.AllowSecrets, Text: text,
		Atomic: t.Atomic, MaxFileCalls: t.MaxFileCalls, MaxDeletes: t.MaxDeletes, MaxDeletePercent: t.MaxDeletePercent,
		Protected: t.Protected, Create: string(t.Create), RenamedFrom: t.RenamedFrom, Direction: string(direction), Branch: t.Branch,
	}
}

// planNow returns what a proposal would do as a plan says it. A run that only
// plans keeps it. Where nobody asks for a plan there is none.
func (r *run) planNow(snap manifest.Snapshot, obs observation, p proposal) (planfile.Target, error) {
	if r.plan == nil && !r.exact {
		return planfile.Target{}, nil
	}
	own := func(e manifest.Entry) bool { return !r.ignores(snap, e.Path) }
	after, err := diff.Apply(obs.side.Tree, p.changes)
	if err != nil {
		return planfile.Target{}, fmt.Errorf("make the next version: %w", err)
	}
	now := planfile.Target{
		Target: r.Target.Name, AssetID: r.res.AssetID, Policy: policyOf(r.Target), Published: string(ByNothing),
		Source:   planfile.Source{Tree: snap.Tree.ID().String(), Commit: r.sourceCommit()},
		Observed: planfile.Observed{Version: obs.version, Tree: obs.side.Tree.Filter(own).ID().String()},
		After:    after.Filter(own).ID().String(),
		Changes:  plannedChanges(p.changes),
		Pending:  plannedChanges(p.files.Pending),
	}
	for _, c := range p.files.Conflicts {
		now.Conflicts = append(now.Conflicts, planfile.Conflict{Path: c.Path, Why: string(c.Why)})
	}
	if now.Metadata, err = plannedKeys(r.masked(p.meta.changes)); err != nil {
		return now, err
	}
	if r.plan != nil {
		kept := *r.plan
		*r.plan = now
		r.plan.Guards, r.plan.Source.Version = kept.Guards, kept.Source.Version
	}
	return now, nil
}

// sourceCommit is the commit that is published, "" when it is the directory, or
// none is known.
func (r *run) sourceCommit() string {
	switch s := r.source.(type) {
	case *committed:
		if s.commit != nil {
			return s.commit.ID()
		}
	case *promoted:
		return s.commit
	}
	return ""
}

func plannedChanges(changes []diff.Change) (out []planfile.Change) {
	for _, c := range changes {
		one := planfile.Change{Path: c.Path, Action: string(c.Action()), Why: string(c.Why)}
		if c.Old != nil {
			one.Old = c.Old.ID.String()
		}
		if c.New != nil {
			one.New, one.Size = c.New.ID.String(), c.New.Size
		}
		out = append(out, one)
	}
	return out
}

func plannedKeys(changes []MetadataChange) (out []planfile.MetadataChange, err error) {
	for _, c := range changes {
		one := planfile.MetadataChange{Key: c.Key, Action: c.Action, Why: c.Why}
		for _, v := range []struct {
			from any
			to   *json.RawMessage
		}{{c.Old, &one.Old}, {c.New, &one.New}} {
			if v.from == nil {
				continue
			}
			if *v.to, err = json.Marshal(v.from); err != nil {
				return nil, fmt.Errorf("plan metadata %s: %w", c.Key, err)
			}
		}
		out = append(out, one)
	}
	return out, nil
}

// creation is what makes an asset of a tree: all of it, and the owned keys.
func (r *run) creation(snap manifest.Snapshot) proposal {
	p := proposal{changes: diff.Two(manifest.Tree{}, snap.Tree)}
	for _, key := range slices.Sorted(maps.Keys(r.Target.Metadata)) {
		p.meta.changes = append(p.meta.changes, MetadataChange{Key: key, New: r.Target.Metadata[key], Action: "publish", Why: "the asset is made"})
	}
	return p
}

// planGuard puts a guard that would stop the push into the plan. Like those that
// follow it is false where there is no plan.
func (r *run) planGuard(s guardStop) bool {
	if r.plan == nil {
		return false
	}
	g := planfile.Guard{Guard: s.guard, Message: s.message, Hint: s.hint}
	if !slices.Contains(r.plan.Guards, g) {
		r.plan.Guards = append(r.plan.Guards, g)
	}
	return true
}

// planFindings puts into the plan what lint says.
func (r *run) planFindings(found []lint.Finding) bool {
	if r.plan == nil {
		return false
	}
	r.plan.Findings = nil
	for _, f := range found {
		one := planfile.Finding{Rule: f.Rule, Path: f.Path, Line: f.Line, Message: f.Message, Fix: f.Fix}
		if len(r.scanner.Scan([]byte(f.Message+"\n"+f.Fix))) > 0 { // a link, say, with a token in it
			one.Message, one.Fix = "what it is about looks like a credential; assetsync lint shows it", ""
		}
		r.plan.Findings = append(r.plan.Findings, one)
	}
	return true
}

// planPublished puts into the plan how it is published.
func (r *run) planPublished(means Means) bool {
	if r.plan == nil {
		return false
	}
	r.plan.Published = string(means)
	return true
}

// planMeans finds out by which calls a run that only plans would publish.
func (r *run) planMeans(ctx context.Context, id string, obs *observation, p proposal, atomic bool) error {
	if r.plan == nil {
		return nil
	}
	s, err := r.script(ctx, id, obs, job{changes: p.changes, metadata: p.meta.publish, atomic: atomic, content: r.content})
	if err != nil && AsError(err).Kind == KindGuard {
		e := AsError(err)
		r.planGuard(guardStop{"atomic", e.Message, e.Hint})
		return nil
	}
	if err == nil {
		r.planPublished(s.means)
	}
	return err
}
