package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"assetsync/manifest/gitrepo"
	"assetsync/remote/assettype"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

func (a *app) assetCreateCommand() *cobra.Command {
	var (
		words  []string
		from   string
		dryRun bool
		allow  assetConsent
	)
	cmd := &cobra.Command{
		Use:   "create TYPE",
		Short: "Make an asset",
		Long: `Make an asset of a type, with metadata and the files of a directory or file. Without
--from it begins with its main file alone, made of the name and description in the
metadata: assetsync clone checks it out to go on with.

Where an asset has this name already none is made; the exit code is 3. No state is kept:
to keep an asset equal to a directory, put that into the config and push it.`,
		Example: `  assetsync asset create custom_agent --metadata name=night-shift
  assetsync asset create skill --from ./eks-triage --metadata 'agent_types=["CHAT"]' --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError(nil, "assetsync asset types lists the types", "%s takes one type, not %d", commandName(cmd), len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, known := assettype.Lookup(args[0])
			switch {
			case !known:
				return usageError(nil, "assetsync asset types lists what the service knows", "asset type %s is unknown%s", quoted(args[0]), didYouMean(args[0], typeNames()))
			case !kind.Pushable:
				return usageError(nil, "the service or its agents make those", "assets of type %s are not made by assetsync", kind.Name)
			}
			values, err := parseMetadata(words)
			if err != nil {
				return err
			}
			o := assetsync.PushOptions{DryRun: dryRun, Consent: allow.Consent}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			return a.createAsset(ctx, kind, from, values, o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&words, "metadata", nil, "a metadata `KEY=VALUE`, where VALUE may be JSON; repeatable")
	f.StringVar(&from, "from", "", "the directory or file `PATH` that it holds")
	f.BoolVar(&dryRun, "dry-run", false, "show what would be done; make no write call")
	f.BoolVar(&allow.Create, "create", false, "make it also in a protected environment")
	allow.register(cmd)
	return cmd
}

func (a *app) createAsset(ctx context.Context, kind assettype.Type, from string, values map[string]any, o assetsync.PushOptions) error {
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	s := a.newSession()
	if err := s.connect(ctx, config, sessionOptions{}); err != nil {
		return s.abort(err)
	}
	if err := s.checkAccount(ctx); err != nil {
		return s.abort(err)
	}
	if err := s.forgetful(); err != nil {
		return s.abort(err)
	}
	t, err := s.newAsset(ctx, kind, from, values)
	if err != nil {
		return s.abort(err)
	}
	e, err := s.engine(t, s.db)
	if err != nil {
		return s.abort(err)
	}
	switch id, res := e.Asset(ctx); {
	case res.Error != nil:
		return s.abort(res.Error)
	case id != "":
		return s.abort(&assetsync.Error{Kind: assetsync.KindConflict, Message: fmt.Sprintf("asset %s of type %s is called this already", id, kind.Name),
			Hint: "assetsync asset set-metadata " + id + " changes its metadata, assetsync clone " + id + " checks it out"})
	}
	results := []assetsync.Result{e.Push(ctx, o)}
	made := results[0].Outcome == assetsync.Created
	if err := s.finish(results, false); err != nil || !made {
		return err
	}
	a.say("hint: assetsync clone %s checks it out into a directory that is kept equal to it", results[0].AssetID)
	return nil
}

// newAsset is the target that an asset is made of.
func (s *session) newAsset(ctx context.Context, kind assettype.Type, from string, values map[string]any) (t Target, err error) {
	at := s.abs(from)
	if from == "" {
		if at, err = s.writeMain(kind, values); err != nil {
			return t, err
		}
	} else if _, err := os.Stat(at); err != nil {
		return t, usageError(err, "name the directory or file that it is to hold", "asset create --from %s: %s", from, plainCause(err))
	}
	direct, err := DirectConfig(at, DirectOptions{Type: kind.Name})
	if err != nil {
		return t, err
	}
	direct.Targets[0].Metadata = value[metadata]{values, onCommandLine}
	x, err := s.worktrees.expand(ctx, direct, s.env, ExpandOptions{})
	if err != nil {
		return t, err
	}
	s.sayAll(x.notesOn(x.Targets))
	return x.Targets[0], nil
}

// writeMain writes the main file of a new asset, which says what its metadata says,
// and returns the directory, or the file of a type of one.
func (s *session) writeMain(kind assettype.Type, values map[string]any) (string, error) {
	name, _ := values["name"].(string)
	description, _ := values["description"].(string)
	switch {
	case kind.MainFile == "":
		return "", usageError(nil, "give --from FILE", "an asset of type %s needs a file", kind.Name)
	case kind.Frontmatter && (name == "" || description == ""):
		return "", usageError(nil, "give --metadata name=… and --metadata description=…, or --from DIR", "an asset of type %s needs a name and a description", kind.Name)
	}
	text := "# " + orDefault(name, "Instructions") + "\n"
	if description != "" {
		text += "\n" + description + "\n"
	}
	if kind.Frontmatter {
		text = fmt.Sprintf("---\nname: %s\ndescription: %s\n---\n", yamlText(name), yamlText(description)) + text
		delete(values, "name") // the frontmatter decides
		delete(values, "description")
	}
	dir := filepath.Join(s.dir, "new", notInName().ReplaceAllString(orDefault(name, kind.Name), "-"))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make asset: %w", err)
	}
	main := filepath.Join(dir, kind.MainFile)
	if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("make asset: %w", err)
	}
	if kind.SingleFile {
		return main, nil
	}
	return dir, nil
}

// forgetful makes the state and history of the session end with it.
func (s *session) forgetful() (err error) {
	if s.db != nil {
		if err := s.db.Close(); err != nil {
			return err
		}
		s.db = nil
	}
	if s.history != nil {
		if err := s.history.Close(); err != nil {
			return err
		}
		s.history = nil
	}
	if s.throw, err = os.MkdirTemp("", "assetsync-"); err != nil {
		return fmt.Errorf("make temporary state: %w", err)
	}
	s.dir = s.throw
	if s.db, err = state.Open(s.stateFile(), s.owner()); err != nil {
		return stateError(err)
	}
	s.history, err = gitrepo.OpenHistory(filepath.Join(s.dir, "history.git"))
	return err
}

// identityKeyOf is the metadata key that tells which asset is that of a target.
func identityKeyOf(t Target) string {
	kind, _ := assettype.Lookup(t.Type)
	return kind.IdentityKey
}
