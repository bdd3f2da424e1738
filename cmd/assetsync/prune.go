package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

// pruneFlags are the flags of prune.
type pruneFlags struct {
	assets, delete, dryRun, yes, unread, protected bool
	confirm                                        []string
}

// orphanReport is an asset of the envelope of prune.
type orphanReport struct {
	AssetID   string `json:"asset_id"`
	AssetType string `json:"asset_type"`
	Name      string `json:"name,omitempty"`
	Version   int32  `json:"version"`
	Target    string `json:"target,omitempty"` // that it was published as
	State     string `json:"state"`            // "orphan", "retired" or "kept"
	Why       string `json:"why"`
}

// What becomes of an asset that is no target's.
const (
	stateOrphan  = "orphan"  // ours, and in use: it can be made INACTIVE
	stateRetired = "retired" // made INACTIVE by this machine: it can be deleted
	stateKept    = "kept"    // left alone
)

func (a *app) pruneCommand() *cobra.Command {
	var p pruneFlags
	cmd := &cobra.Command{
		Use:   "prune [--assets [--delete]]",
		Short: "List the assets that are no target's any more, and retire them",
		Long: `List the assets of the agent space that no target is mapped to. Ours are those
that this machine published and nobody changed since, and those that hold just what
a commit of this repository has. All others are left alone, and the list says why:
imported and learned ones, those of other repositories, those that somebody changed.

With --assets, ours are made INACTIVE, after a question: agents do not use them any
more, and nothing is lost. With --assets --delete, those that this machine made
INACTIVE before, and nobody changed since, are deleted: the id of each has to be
typed, or given with --confirm. Every version is read into .assetsync/history.git
before. A branch may lack what another one has: prune where all targets are. What
only lost its main file, and has its directory still, is left alone.`,
		Example: `  assetsync prune
  assetsync prune --assets --yes
  assetsync prune --assets --delete --confirm ki-5b1c9f3a`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.delete && !p.assets {
				return usageError(nil, "for example: assetsync prune --assets --delete", "--delete is of assets: give --assets, too")
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{allowMissing: true, writes: p.assets && !p.dryRun})
			if err != nil {
				return err
			}
			return s.prune(ctx, p)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&p.assets, "assets", false, "make those that are ours INACTIVE")
	f.BoolVar(&p.delete, "delete", false, "delete those that were made INACTIVE before")
	f.BoolVar(&p.dryRun, "dry-run", false, "show what would be done; change nothing")
	f.BoolVar(&p.yes, "yes", false, "make them INACTIVE without a question")
	f.StringArrayVar(&p.confirm, "confirm", nil, "delete the asset `ID` without a question; repeatable")
	f.BoolVar(&p.unread, "allow-unread", false, "delete although a version cannot be read, and is lost")
	f.BoolVar(&p.protected, "allow-protected", false, "make INACTIVE in a protected environment")
	return cmd
}

// prune finds what is no target's, and does with it what the flags say.
func (s *session) prune(ctx context.Context, p pruneFlags) error {
	orphans, err := s.findOrphans(ctx)
	if err != nil {
		return s.abort(err)
	}
	results := []assetsync.Result{}
	if p.assets && !p.dryRun {
		if results, err = s.pruneAssets(ctx, p, orphans); err != nil {
			return s.abort(err)
		}
	}
	s.setCode(results, false)
	s.explain(results)
	if s.jsonOut {
		return s.abort(s.writeEnvelope(envelope{Env: s.env.Name, Targets: results, Assets: orphans}))
	}
	return s.abort(s.printOrphans(orphans, results))
}

func (s *session) printOrphans(orphans []orphanReport, results []assetsync.Result) error {
	rows := [][]string{{"ASSET", "TYPE", "NAME", "VERSION", "STATE", "WHY"}}
	for _, o := range orphans {
		rows = append(rows, []string{o.AssetID, o.AssetType, o.Name, fmt.Sprint(o.Version), o.State, o.Why})
	}
	if len(orphans) == 0 {
		s.say("note: every asset of the agent space is a target's")
		return nil
	}
	if err := s.table(rows); err != nil {
		return err
	}
	for _, r := range results {
		done := map[assetsync.Outcome]string{assetsync.Published: "made INACTIVE", assetsync.Deleted: "deleted"}[r.Outcome]
		if done != "" {
			if _, err := fmt.Fprintf(s.stdout, "%s %s\n", done, r.AssetID); err != nil {
				return err
			}
		}
	}
	has := func(state string) bool {
		return slices.ContainsFunc(orphans, func(o orphanReport) bool { return o.State == state })
	}
	if len(results) == 0 && has(stateOrphan) {
		s.say("hint: assetsync prune --assets makes the orphans INACTIVE")
	}
	if len(results) == 0 && has(stateRetired) {
		s.say("hint: assetsync prune --assets --delete deletes the retired ones; to use one again, make it a target with metadata: {status: ACTIVE}")
	}
	return nil
}

// findOrphans lists the assets that no target has. A target whose asset cannot
// be told stops it: that would look like an orphan.
func (s *session) findOrphans(ctx context.Context) ([]orphanReport, error) {
	inUse := map[string]bool{}
	for _, e := range s.engines {
		id, res := e.Asset(ctx)
		if res.Error != nil {
			return nil, fmt.Errorf("find the asset of %s: %w", e.Target.Name, res.Error)
		}
		inUse[id] = true
	}
	client, _, err := s.client()
	if err != nil {
		return nil, err
	}
	list, err := assetsync.ListAssets(ctx, client, s.space.AgentSpace, "")
	if err != nil {
		return nil, err
	}
	known, err := s.db.Targets(s.space)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(asset remote.Asset) bool { return inUse[*asset.AssetId] })
	shown, end := s.showing(len(list), "asset")
	defer end()
	orphans, trees := []orphanReport{}, map[int]manifest.ID{}
	for _, asset := range list {
		o, tree, err := s.judge(ctx, asset, publishedAs(known, *asset.AssetId))
		if err != nil {
			return nil, err
		}
		if tree != (manifest.ID{}) {
			trees[len(orphans)] = tree
		}
		orphans = append(orphans, o)
		shown.finished(assetsync.Result{})
	}
	err = s.proveByGit(ctx, orphans, trees)
	rank := map[string]int{stateOrphan: 0, stateRetired: 1, stateKept: 2}
	slices.SortStableFunc(orphans, func(a, b orphanReport) int {
		return cmp.Or(rank[a.State]-rank[b.State], cmp.Compare(a.Name, b.Name))
	})
	return orphans, err
}

// publishedAs is the name under which an asset is on record, "" for none.
func publishedAs(known map[string]state.Target, id string) string {
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if known[name].AssetID == id && name != id {
			return name
		}
	}
	return ""
}

// judge says what an asset without a target is. The tree is one that git may
// tell to be ours.
func (s *session) judge(ctx context.Context, asset remote.Asset, target string) (o orphanReport, ask manifest.ID, err error) {
	r, err := reportAsset(&asset)
	if err != nil {
		return o, ask, err
	}
	o = orphanReport{AssetID: r.AssetID, AssetType: r.AssetType, Name: r.Name, Version: r.Version, Target: target, State: stateKept}
	if _, known := assettype.Lookup(r.AssetType); !known {
		o.Why = "this assetsync does not know the type"
		return o, ask, nil
	}
	e, err := s.orphanEngine(o)
	if err != nil {
		return o, ask, err
	}
	look, res := e.Standing(ctx)
	if res.Error != nil {
		if res.Error.Kind == assetsync.KindAuth || res.Error.Kind == assetsync.KindUnavailable {
			return o, ask, res.Error
		}
		o.Why = "it cannot be read: " + res.Error.Message
		return o, ask, nil
	}
	o.Version = look.Version
	switch {
	case look.Owner != "":
		o.Why = look.Owner
	case look.Retired:
		o.State, o.Why = stateRetired, "made INACTIVE by this machine"
	case look.Changed:
		o.Why = "published from here, and changed by somebody else since"
	case look.Inactive:
		o.Why = "INACTIVE, but not by this machine: assetsync asset delete " + o.AssetID + " deletes it"
	case !look.Status:
		o.Why = "a " + o.AssetType + " cannot be made INACTIVE: assetsync asset delete " + o.AssetID + " deletes it"
	case s.lacksMain(o):
		o.Why = "its directory " + target + " is there, and only its main file is missing: bring that back, or remove the directory"
	case look.Ours:
		o.State, o.Why = stateOrphan, "published from here"
		if target != "" {
			o.Why += " as " + target
		}
	default:
		o.Why = "nothing shows that it was published from here"
		if look.Whole {
			ask = look.Tree
		}
	}
	return o, ask, nil
}

// lacksMain reports whether the directory that an asset was published from is
// there still, without the file that makes a target of it: an editor may be saving.
func (s *session) lacksMain(o orphanReport) bool {
	t, _ := assettype.Lookup(o.AssetType)
	if o.Target == "" || !isDirType(o.AssetType) {
		return false
	}
	dir := filepath.Join(filepath.Dir(s.configFile), filepath.FromSlash(o.Target))
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return false
	}
	_, err := os.Stat(filepath.Join(dir, t.MainFile))
	return errors.Is(err, fs.ErrNotExist)
}

// proveByGit finds those that hold just what a commit of the repository has.
func (s *session) proveByGit(ctx context.Context, orphans []orphanReport, trees map[int]manifest.ID) error {
	repo, err := s.worktrees.find(filepath.Dir(s.configFile))
	if err != nil || repo == nil || len(trees) == 0 {
		return err
	}
	if git, err := repo.State(); err != nil || git.Head == "" {
		return err
	}
	held, err := assetsync.HeldInGit(ctx, repo, slices.Collect(maps.Values(trees)))
	if err != nil {
		s.say("note: what commits hold cannot be told: %v", err)
		return nil
	}
	for i, tree := range trees {
		if commit, ok := held[tree]; ok {
			orphans[i].State, orphans[i].Why = stateOrphan, fmt.Sprintf("it holds what commit %.7s has", commit)
		}
	}
	return nil
}

// orphanEngine is the engine of an asset that no target has.
func (s *session) orphanEngine(o orphanReport) (*assetsync.Engine, error) {
	name := o.Target
	if name == "" {
		name = o.AssetID
	}
	return s.engine(Target{
		Name: name, Type: o.AssetType, AssetID: o.AssetID, ConfigDir: filepath.Dir(s.configFile),
		Path: filepath.Join(filepath.Dir(s.configFile), filepath.FromSlash(name)), Protected: s.env.Protected,
	}, s.db)
}

// pruneAssets makes orphans INACTIVE, or deletes retired ones.
func (s *session) pruneAssets(ctx context.Context, p pruneFlags, orphans []orphanReport) ([]assetsync.Result, error) {
	want := stateOrphan
	if p.delete {
		if want = stateRetired; s.env.Protected {
			return nil, deletesNone()
		}
	}
	var chosen []orphanReport
	var names []string
	for _, o := range orphans {
		if o.State == want {
			chosen, names = append(chosen, o), append(names, strings.TrimSpace(o.AssetID+" "+o.Name))
		}
	}
	if err := confirmedAre(p.confirm, chosen); err != nil || len(chosen) == 0 {
		return []assetsync.Result{}, err
	}
	var err error
	if p.delete {
		if chosen, err = s.confirmEach(ctx, chosen, p.confirm); err != nil {
			return nil, err
		}
	} else if err := s.confirmAll(ctx, fmt.Sprintf("make %s INACTIVE", wordList(names, "and")), p.yes); err != nil {
		return nil, err
	}
	shown, end := s.showing(len(chosen), "asset")
	defer end()
	results := []assetsync.Result{}
	for _, o := range chosen {
		e, err := s.orphanEngine(o)
		if err != nil {
			return nil, err
		}
		var done assetsync.Result
		if p.delete {
			done = e.Drop(ctx, assetsync.DropOptions{Retired: true, Unread: p.unread, Forget: true})
		} else {
			done = e.Retire(ctx, assetsync.Consent{Protected: p.protected})
		}
		shown.finished(done)
		results = append(results, done)
	}
	return results, nil
}

// confirmedAre refuses an id of the command line that nothing would be done to.
func confirmedAre(ids []string, chosen []orphanReport) error {
	for _, id := range ids {
		if !slices.ContainsFunc(chosen, func(o orphanReport) bool { return o.AssetID == id }) {
			return usageError(nil, "assetsync prune lists them", "--confirm %s: that is no asset that was made INACTIVE by this machine and is to be deleted", quoted(id))
		}
	}
	return nil
}
