package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// makeEngines makes an engine for each target. Before writes, no two may be
// one asset.
func (s *session) makeEngines(ctx context.Context, db *state.DB, writes bool) ([]*assetsync.Engine, error) {
	engines := make([]*assetsync.Engine, len(s.targets))
	git := s.worktrees.look()
	for i, t := range s.targets {
		var err error
		if engines[i], err = s.engineIn(git, t, db); err != nil {
			return nil, err
		}
	}
	if !writes {
		return engines, nil
	}
	return engines, assetsync.RefuseTwins(ctx, engines)
}

// orphans tells of targets that were published before and that the config
// no longer yields: deleting a SKILL.md below a glob, for one, makes a target
// vanish, and its asset stays as it is. A directory that was moved keeps its
// asset: results say which asset a target has come to have.
func (s *session) orphans(db *state.DB, results []assetsync.Result) (notes []string, err error) {
	known, err := db.Targets(s.space)
	if err != nil {
		return nil, err
	}
	inUse := map[string]bool{"": true}
	for _, t := range s.targets {
		inUse[t.AssetID], inUse[known[t.Name].AssetID] = true, true
	}
	for _, r := range results {
		inUse[r.AssetID] = true
	}
	gone := "no target any more"
	if s.rev != "" {
		gone = "no target" + inRevision(s.rev)
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		isTarget := slices.ContainsFunc(s.targets, func(t Target) bool { return t.Name == name })
		if id := known[name].AssetID; !isTarget && !inUse[id] && name != id { // else prune has put it there
			notes = append(notes, fmt.Sprintf("%s was published before and is %s; its asset %s stays as it is", name, gone, id))
		}
	}
	return notes, nil
}

// choose finds the targets that the command line names, and notes on them.
func (s *session) choose(ctx context.Context, config *Config, o sessionOptions) (notes []string, err error) {
	if o.at != nil {
		s.targets, err = o.at.targets(ctx, s.worktrees, config, s.env)
		return nil, err
	}
	if s.rev, err = s.worktrees.commit(ctx, config.Dir, o.rev); err != nil {
		return nil, err
	}
	expansion, err := s.worktrees.expand(ctx, config, s.env, ExpandOptions{AllowMissing: o.allowMissing, Rev: s.rev})
	if err != nil {
		return nil, err
	}
	if s.targets, err = Select(expansion.Targets, o.args, s.cwd); err != nil {
		return nil, err
	}
	if s.promoted = o.promoted; s.promoted != nil {
		s.targets = slices.DeleteFunc(s.targets, func(t Target) bool {
			_, ok := s.promoted[t.Name]
			return !ok
		})
	}
	notes = expansion.notesOn(s.targets)
	for _, skipped := range expansion.Skipped {
		if s.verbose {
			s.say("skipped: %s %s (line %d of the config)", shownText(skipped.Path), skipped.Reason, skipped.Line)
		}
	}
	if len(s.targets) == 0 && s.rev != "" {
		s.sayAll(notes)
		return nil, usageError(nil, "the config is that of the directory: it has to name places that the revision has", "%s has no target%s", config.shown(), inRevision(s.rev))
	}
	if len(s.targets) == 0 {
		s.sayAll(notes)
		return nil, usageError(nil, "add an entry under targets:, or use -v to see what was skipped", "%s has no target here", config.shown())
	}
	return notes, nil
}

// notesOn returns the notes that concern some of the targets, as lines. What
// holds for many of them is one.
func (x Expansion) notesOn(targets []Target) (lines []string) {
	named := map[string][]string{}
	for _, n := range x.Notes {
		if slices.ContainsFunc(targets, func(t Target) bool { return t.Name == n.Target }) {
			named[n.Text] = append(named[n.Text], n.Target)
		}
	}
	for _, n := range x.Notes {
		switch on := named[n.Text]; {
		case n.Target == "":
			lines = append(lines, n.Text)
		case len(on) > 0 && on[0] == n.Target:
			lines = append(lines, someOf(on)+": "+n.Text)
		}
	}
	return lines
}
