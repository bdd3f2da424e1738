package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"assetsync/remote"
	assetsync "assetsync/sync"
)

func (a *app) assetSetMetadataCommand() *cobra.Command {
	var (
		o     assetsync.SetMetadataOptions
		allow assetConsent
	)
	cmd := &cobra.Command{
		Use:   "set-metadata ID|TARGET KEY=VALUE...",
		Short: "Set metadata of an asset",
		Long: `Set metadata keys of an asset, which makes a new version; other keys and the files
stay. A value is JSON where it is a number, true, false, a list or a text in quotes, and
a text as it stands else.

What follows from the files, as the name and description of a skill from its
frontmatter, is edited there. A key that the config gives a target is set on the remote
alone: no push undoes it, and status shows it until the config agrees.`,
		Example: `  assetsync asset set-metadata skills/eks-triage status=INACTIVE
  assetsync asset set-metadata ki-5b1c9f3a 'agent_types=["CHAT","INCIDENT_RCA"]' --dry-run`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError(nil, "for example: assetsync asset set-metadata skills/eks-triage status=INACTIVE", "%s takes an asset id or a target, and KEY=VALUE", commandName(cmd))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if o.Values, err = parseMetadata(args[1:]); err != nil {
				return err
			}
			o.Consent = allow.Consent
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			return a.setMetadata(ctx, args[0], o)
		},
	}
	cmd.Flags().BoolVar(&o.DryRun, "dry-run", false, "show what would be done; make no write call")
	allow.register(cmd)
	cmd.Flags().BoolVar(&allow.Adopt, "adopt", false, "write to an asset that was imported or learned")
	return cmd
}

// assetConsent are the consents to writing an asset by hand.
type assetConsent struct{ assetsync.Consent }

func (c *assetConsent) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&c.Protected, "allow-protected", false, "write to a protected environment or target")
	f.StringArrayVar(&c.SecretPaths, "allow-secret", nil, "publish the file or metadata key `PATH` although it looks like a credential; repeatable")
}

func (a *app) setMetadata(ctx context.Context, name string, o assetsync.SetMetadataOptions) error {
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	s := a.newSession()
	if err := s.beginBare(ctx, config); err != nil {
		return s.abort(err)
	}
	t, err := s.namedAsset(ctx, config, name)
	if err != nil {
		return s.abort(err)
	}
	for key := range o.Values {
		if key == identityKeyOf(t) && t.ConfigDir != "" {
			return s.abort(usageError(nil, "change it where it stands, in the frontmatter or the config, with renamed_from: for what it was", "metadata %s tells which asset is that of %s", key, t.Name))
		}
	}
	e, err := s.engine(t, s.db)
	if err != nil {
		return s.abort(err)
	}
	return s.finish([]assetsync.Result{e.SetMetadata(ctx, o)}, false)
}

// namedAsset is the target that a name or an id is of, with the id of its asset. An
// asset of no target is one without a directory, of which no state is kept: a push
// would take it for a target that is gone.
func (s *session) namedAsset(ctx context.Context, config *Config, name string) (Target, error) {
	x, err := s.worktrees.expand(ctx, config, s.env, ExpandOptions{AllowMissing: true})
	if err != nil {
		return Target{}, err
	}
	known, err := s.db.Targets(s.space)
	if err != nil {
		return Target{}, err
	}
	isID := strings.HasPrefix(name, assetIDPrefix) && assetID().MatchString(name)
	for _, t := range x.Targets {
		if isID && (t.AssetID == name || t.AssetID == "" && known[t.Name].AssetID == name) {
			t.AssetID = name
			return t, nil
		}
	}
	if isID {
		return s.strayAsset(ctx, name)
	}
	chosen, err := Select(x.Targets, []string{name}, s.cwd)
	if err != nil {
		return Target{}, err
	}
	if len(chosen) != 1 {
		return Target{}, usageError(nil, "name one target, or the id of an asset", "%s is %d targets", quoted(name), len(chosen))
	}
	return s.withAsset(ctx, chosen[0])
}

// withAsset finds the asset of a target.
func (s *session) withAsset(ctx context.Context, t Target) (Target, error) {
	e, err := s.engine(t, s.db)
	if err != nil {
		return t, err
	}
	id, res := e.Asset(ctx)
	switch {
	case res.Error != nil:
		return t, res.Error
	case id == "":
		return t, usageError(nil, "assetsync push creates it", "target %s has no asset yet", t.Name)
	}
	t.AssetID = id
	return t, nil
}

// strayAsset is an asset that is no target's. A skill of its name may be one all the
// same: then it is that target's.
func (s *session) strayAsset(ctx context.Context, id string) (Target, error) {
	client, _, err := s.client()
	if err != nil {
		return Target{}, err
	}
	out, err := client.GetAsset(ctx, &remote.GetAssetInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &id})
	if err != nil {
		return Target{}, fmt.Errorf("read asset %s: %w", id, err)
	}
	if err := s.forgetful(); err != nil {
		return Target{}, err
	}
	return Target{Name: id, Type: text(out.Asset.AssetType), AssetID: id, Path: filepath.Join(s.dir, "none"), Protected: s.env.Protected}, nil
}

// parseMetadata reads the words KEY=VALUE of a command line.
func parseMetadata(words []string) (map[string]any, error) {
	out := map[string]any{}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if _, twice := out[key]; twice {
			return nil, usageError(nil, "give each key once", "metadata %s is set twice", quoted(key))
		}
		switch {
		case !ok || key == "":
			return nil, usageError(nil, "for example status=INACTIVE", "%s is no KEY=VALUE", quoted(word))
		case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f }):
			return nil, usageError(nil, "keys are written as agent_types", "%s is no metadata key", quoted(key))
		}
		v, err := metadataValue(value)
		if err != nil {
			return nil, usageError(err, "a value is a text, a number, true, false, or a list of those as JSON", "metadata %s: %v", key, err)
		}
		out[key] = v
	}
	return out, nil
}

// metadataValue reads a value: JSON where it looks like it, else a text.
func metadataValue(word string) (any, error) {
	dec := json.NewDecoder(strings.NewReader(word))
	dec.UseNumber()
	var v any
	err := dec.Decode(&v)
	if err == nil {
		_, err = dec.Token() // nothing may follow
	}
	switch {
	case errors.Is(err, io.EOF) && v != nil:
		return v, allowedValue(v)
	case errors.Is(err, io.EOF) && bytes.Equal(bytes.TrimSpace([]byte(word)), []byte("null")):
		return nil, errors.New("the service has no way to remove a key")
	case word == "":
		return nil, errors.New("it is empty: the service has no way to remove a key; for an empty text write \"\"")
	case strings.ContainsRune(`[{"`, rune(word[0])):
		return nil, errors.New("it is not valid JSON")
	}
	return word, nil
}

// allowedValue refuses what metadata cannot hold: CloudFormation's schema of an
// asset says what can.
func allowedValue(v any) error {
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	if slices.ContainsFunc(list, func(item any) bool {
		switch item.(type) {
		case string, bool, json.Number:
			return false
		}
		return true
	}) {
		return errors.New("it holds more than texts, numbers, true or false")
	}
	return nil
}
