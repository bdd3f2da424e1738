package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"assetsync/remote"
	assetsync "assetsync/sync"
)

// cloneFlags are what the command line of clone says.
type cloneFlags struct {
	InitOptions
	version int32
}

func (a *app) cloneCommand() *cobra.Command {
	var o cloneFlags
	cmd := &cobra.Command{
		Use:   "clone ASSET [DIR]",
		Short: "Check an asset out into a new directory, with its history",
		Long: `Make a directory for an asset: write an assetsync.yaml into it that pins the asset's
id, check out the newest version, and bring all versions into .assetsync/history.git.

ASSET is an id, or what identifies it: the name of a skill or custom agent, the agent
type of an AGENTS.md, the file name of an attachment. DIR is called after it unless it
is given; a directory that holds something is refused.

Where the asset lives is said by --region, --agent-space and --endpoint, or by the
config that is found upward, or named by --config, with --env.

A clone that fails removes what it made. Files that may be in no directory here are
left out, as a pull does, and listed; the exit code is 4 then. With --version, an older
version is checked out, as a change that the next push publishes.`,
		Example: `  assetsync clone eks-triage --region eu-west-1 --agent-space sp-1a2b3c4d
  assetsync clone ki-5b1c9f3a triage --version 3`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return usageError(nil, "assetsync asset list shows the assets", "clone takes an asset and a directory, not %s", count(len(args), "argument"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("version") && o.version < 1 {
				return usageError(nil, "leave it out for the newest", "--version %d: versions begin at 1", o.version)
			}
			if err := (initFlags{InitOptions: o.InitOptions}).check(); err != nil {
				return err
			}
			dir := ""
			if len(args) == 2 {
				dir = a.abs(args[1])
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			return a.clone(ctx, args[0], dir, o)
		},
	}
	f := cmd.Flags()
	f.Int32Var(&o.version, "version", 0, "the version `N` (default: the newest)")
	f.StringVar(&o.Region, "region", "", "the AWS `REGION`")
	f.StringVar(&o.AgentSpace, "agent-space", "", "the agent space `ID`")
	f.StringVar(&o.Endpoint, "endpoint", "", "the `URL` of the service")
	f.StringVar(&o.Account, "account", "", "the AWS `ACCOUNT`, checked before the first write")
	f.StringVar(&o.Profile, "profile", "", "the AWS `PROFILE`")
	f.StringVar(&o.Type, "type", "", "only an asset of `TYPE`")
	return cmd
}

func (a *app) clone(ctx context.Context, name, dir string, o cloneFlags) error {
	if err := a.clonePlace(&o.InitOptions); err != nil {
		return err
	}
	if dir != "" {
		if err := clonable(dir, a.cwd); err != nil {
			return err // before anybody is asked
		}
	}
	asset, err := a.lookUp(ctx, name, o.InitOptions)
	if err != nil {
		return err
	}
	plan, err := planClone(asset)
	if err != nil {
		return err
	}
	if dir == "" {
		dir = a.abs(plan.dir)
		if err := clonable(dir, a.cwd); err != nil {
			return err
		}
	}
	text := renderConfig(o.InitOptions, []initEntry{plan.entry})
	if _, err := ParseConfig(text, ConfigName); err != nil {
		return fmt.Errorf("write the config of asset %s: %w", asset.AssetID, err)
	}
	site := &cloneSite{app: a, dir: dir}
	if err := site.make(text); err != nil {
		return err
	}
	return site.fill(ctx, o)
}

// clonePlace completes where the asset lives by the config that is found, when the
// command line does not say.
func (a *app) clonePlace(o *InitOptions) error {
	if !o.local() {
		if o.Endpoint == EmbeddedEndpoint {
			return embeddedClone()
		}
		return nil
	}
	config, err := a.loadConfig()
	if errors.Is(err, fs.ErrNotExist) {
		return usageError(err, "give --region and --agent-space, or --config FILE", "clone: where the asset lives is not said, and there is no %s here", ConfigName)
	}
	if err != nil {
		return err
	}
	env, err := config.Environment(a.envName, a.getenv)
	if err != nil {
		return err
	}
	if env.Embedded() {
		return embeddedClone()
	}
	o.Region, o.AgentSpace, o.Endpoint, o.RoleARN = env.Region, env.AgentSpace, env.Endpoint, env.RoleARN
	o.Account, o.Profile = orDefault(o.Account, env.Account), orDefault(o.Profile, env.Profile)
	return nil
}

func embeddedClone() error {
	return usageError(nil, "assetsync emulator serves a remote that several directories can share", "clone: an embedded remote belongs to the directory of its config")
}

// clonable refuses a directory that holds something.
func clonable(dir, cwd string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usageError(err, "name a directory that is empty or does not exist", "clone into %s: %s", shortPath(dir, cwd), plainCause(err))
	case len(entries) > 0:
		return usageError(nil, "name a directory that is empty or does not exist; assetsync init --asset ID goes on with files that are there", "clone into %s: it is not empty", shortPath(dir, cwd))
	}
	return nil
}

// lookUp finds an asset by its id or by what identifies it, with a session of its
// own that keeps no state.
func (a *app) lookUp(ctx context.Context, name string, o InitOptions) (assetReport, error) {
	config, err := ParseConfig(renderConfig(o, nil), ConfigName)
	if err != nil {
		return assetReport{}, err
	}
	alone := *a
	alone.envName = "" // the place has no name
	s := alone.newSession()
	asset, err := s.lookUp(ctx, config, name, o.Type)
	return asset, s.abort(err)
}

func (s *session) lookUp(ctx context.Context, config *Config, name, kind string) (assetReport, error) {
	if err := s.connect(ctx, config, sessionOptions{stateless: true}); err != nil {
		return assetReport{}, err
	}
	client, _, err := s.client()
	if err != nil {
		return assetReport{}, err
	}
	if strings.HasPrefix(name, assetIDPrefix) && assetID().MatchString(name) {
		out, err := client.GetAsset(ctx, &remote.GetAssetInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &name})
		if err != nil {
			return assetReport{}, fmt.Errorf("read asset %s: %w", name, err)
		}
		return reportAsset(out.Asset)
	}
	list, err := assetsync.ListAssets(ctx, client, s.space.AgentSpace, kind)
	if err != nil {
		return assetReport{}, err
	}
	return chooseAsset(list, name)
}

// assetIDPrefix begins the ids that the service makes.
const assetIDPrefix = "ki-"

// chooseAsset finds the one asset with a name or id.
func chooseAsset(list []remote.Asset, name string) (assetReport, error) {
	var found []assetReport
	var names, ids []string
	for i := range list {
		r, err := reportAsset(&list[i])
		if err != nil {
			return r, err
		}
		names = append(names, r.Name)
		if r.AssetID == name || r.Name == name {
			found, ids = append(found, r), append(ids, fmt.Sprintf("%s (%s)", shownText(r.AssetID), shownText(r.AssetType)))
		}
	}
	switch len(found) {
	case 0:
		hint := "assetsync asset list shows the assets"
		if close := closest(name, names); len(close) > 0 {
			hint = "did you mean " + quoted(close[0]) + "?"
		}
		return assetReport{}, usageError(nil, hint, "no asset of the agent space is called %s", quoted(name))
	case 1:
		return found[0], nil
	}
	return assetReport{}, usageError(nil, "name one by its id, or say --type", "%d assets are called %s: %s", len(found), quoted(name), wordList(ids, "and"))
}

// cloneSite is the directory that an asset is cloned into.
type cloneSite struct {
	*app
	dir   string
	made  []string // directories that were made for it, the innermost last
	began bool     // the config is ours, and so is what follows
}

// make makes the directory with its config. Two clones into one place: the config
// is the second one's to find.
func (c *cloneSite) make(config []byte) error {
	var missing []string
	for at := c.dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(at); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, at)
	}
	var err error
	for _, dir := range slices.Backward(missing) {
		if err = os.Mkdir(dir, 0o755); err == nil {
			c.made = append(c.made, dir)
		} else if !errors.Is(err, fs.ErrExist) { // somebody else needed it as well
			break
		}
	}
	if err == nil || errors.Is(err, fs.ErrExist) {
		if err = clonable(c.dir, c.cwd); err != nil {
			return c.undo(err)
		}
		err = WriteNewConfig(filepath.Join(c.dir, ConfigName), config)
	}
	if err != nil {
		return c.undo(fmt.Errorf("clone into %s: %w", shortPath(c.dir, c.cwd), err))
	}
	c.began = true
	return nil
}

// fill checks the asset out, with its history. What fails before anything is
// checked out is undone.
func (c *cloneSite) fill(ctx context.Context, o cloneFlags) error {
	config, err := LoadConfig(filepath.Join(c.dir, ConfigName), c.cwd)
	if err != nil {
		return c.undo(err)
	}
	in := *c.app
	in.base, in.envName, in.stateDir = c.dir, "", ""
	s, err := in.openWith(ctx, config, sessionOptions{allowMissing: true})
	if err != nil {
		return c.undo(err)
	}
	results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) assetsync.Result {
		res := e.Pull(ctx, assetsync.PullOptions{Version: o.version})
		if res.Error != nil {
			return res
		}
		_, fetched := e.Fetch(ctx, 0)
		if fetched.Error != nil { // what is checked out stays
			res.Error = fetched.Error
			res.Notes = append(res.Notes, "not all versions are in history; assetsync fetch brings the others")
		}
		return res
	})
	if i := failedClone(results); i >= 0 {
		failure := results[i].Error
		if o.version != 0 && failure.Kind == assetsync.KindUsage {
			failure.Hint = "leave --version out for the newest"
		}
		return c.undo(s.abort(failure))
	}
	err = s.finish(results, false)
	c.code = in.code
	c.printed = in.printed
	if err == nil && !c.jsonOut {
		c.say("cloned into %s", shortPath(c.dir, c.cwd))
	}
	return err
}

// failedClone finds a target of which nothing is checked out; -1 for none.
func failedClone(results []assetsync.Result) int {
	for i, r := range results {
		if r.Error != nil && r.Outcome != assetsync.CheckedOut && r.Outcome != assetsync.Unchanged {
			return i
		}
	}
	return -1
}

// undo removes what a clone made, whose error is cause: what is in the directory,
// which was empty when its config was written, and the directories that were made,
// unless they hold something of others by now.
func (c *cloneSite) undo(cause error) error {
	var errs []error
	if c.began {
		entries, err := os.ReadDir(c.dir)
		errs = append(errs, err)
		for _, e := range entries {
			errs = append(errs, os.RemoveAll(filepath.Join(c.dir, e.Name())))
		}
	}
	for _, dir := range slices.Backward(c.made) {
		if os.Remove(dir) != nil {
			break
		}
	}
	if err := errors.Join(errs...); err != nil {
		c.say("note: %s is left half-done and cannot be removed: %s", shortPath(c.dir, c.cwd), plainCause(err))
	}
	return cause
}
