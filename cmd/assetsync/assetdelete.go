package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"assetsync/manifest/gitrepo"
	"assetsync/remote"
	"assetsync/remote/assettype"
	assetsync "assetsync/sync"
	"assetsync/sync/state"
)

func (a *app) assetDeleteCommand() *cobra.Command {
	var confirm string
	var unread bool
	cmd := &cobra.Command{
		Use:   "delete ID",
		Short: "Delete an asset with all its files and versions",
		Long: `Delete an asset with all its files and versions. The service cannot bring it
back, so the id has to be typed a second time, or given with --confirm where nobody
can type. Every version is read into .assetsync/history.git before, and the metadata
of the newest: what is printed says how to publish them again, as a new asset.

Nothing is deleted in a protected environment, nor of a protected target.`,
		Example: "  assetsync asset delete ki-5b1c9f3a --confirm ki-5b1c9f3a",
		Args:    oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.confirmID(cmd.Context(), args[0], confirm); err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			config, err := a.loadConfig()
			if err != nil {
				return err
			}
			s := a.newSession()
			if err := s.beginBare(ctx, config); err != nil {
				return s.abort(err)
			}
			return s.deleteAsset(ctx, config, args[0], unread)
		},
	}
	cmd.Flags().StringVar(&confirm, "confirm", "", "the `ID` again")
	cmd.Flags().BoolVar(&unread, "allow-unread", false, "delete although a version cannot be read, and is lost")
	return cmd
}

// beginBare opens all of a session but targets, to write.
func (s *session) beginBare(ctx context.Context, config *Config) (err error) {
	if err := s.connect(ctx, config, sessionOptions{}); err != nil {
		return err
	}
	if err := s.checkAccount(ctx); err != nil {
		return err
	}
	if s.db, err = state.Open(s.stateFile(), s.owner()); err != nil {
		return stateError(err)
	}
	s.history, err = gitrepo.OpenHistory(filepath.Join(s.dir, "history.git"))
	return err
}

func (s *session) deleteAsset(ctx context.Context, config *Config, id string, unread bool) error {
	if s.env.Protected {
		return s.abort(deletesNone())
	}
	name, err := s.nameOf(ctx, config, id)
	if err != nil {
		return s.abort(err)
	}
	client, _, err := s.client()
	if err != nil {
		return s.abort(err)
	}
	out, err := client.GetAsset(ctx, &remote.GetAssetInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &id})
	if err != nil {
		return s.abort(fmt.Errorf("delete asset %s: %w", id, err))
	}
	if _, known := assettype.Lookup(text(out.Asset.AssetType)); !known && !unread {
		return s.abort(&assetsync.Error{Kind: assetsync.KindGuard,
			Message: fmt.Sprintf("this assetsync does not know the type of asset %s, %s, so its versions cannot be kept", id, quoted(text(out.Asset.AssetType))),
			Hint:    "if they may be lost, allow it with --allow-unread"})
	} else if !known {
		_, err := client.DeleteAsset(ctx, &remote.DeleteAssetInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &id})
		if err != nil {
			return s.abort(fmt.Errorf("delete asset %s: %w", id, err))
		}
		return s.sayDeleted(id, []assetsync.Result{})
	}
	e, err := s.orphanEngine(orphanReport{AssetID: id, AssetType: text(out.Asset.AssetType), Target: name})
	if err != nil {
		return s.abort(err)
	}
	_, end := s.showing(1, "asset")
	res := e.Drop(ctx, assetsync.DropOptions{Unread: unread})
	end()
	results := []assetsync.Result{res}
	if res.Error == nil || s.jsonOut {
		return s.sayDeleted(id, results)
	}
	s.setCode(results, false)
	s.explain(results)
	return s.close()
}

func (s *session) sayDeleted(id string, results []assetsync.Result) error {
	s.setCode(results, false)
	if s.jsonOut {
		return s.abort(s.writeResults(s.env.Name, results, results))
	}
	s.explain(results)
	_, err := fmt.Fprintf(s.stdout, "deleted %s\n", id)
	return s.abort(err)
}

// nameOf is the target that an asset is of, or was; "" for none. One that is
// protected is not deleted.
func (s *session) nameOf(ctx context.Context, config *Config, id string) (string, error) {
	known, err := s.db.Targets(s.space)
	if err != nil {
		return "", err
	}
	x, err := s.worktrees.expand(ctx, config, s.env, ExpandOptions{AllowMissing: true})
	if err != nil {
		return "", err
	}
	for _, t := range x.Targets {
		if t.AssetID != id && (t.AssetID != "" || known[t.Name].AssetID != id) {
			continue
		}
		if t.Protected {
			return "", &assetsync.Error{Kind: assetsync.KindGuard,
				Message: fmt.Sprintf("asset %s is that of %s, which is protected: assetsync does not delete it", id, t.Name), Hint: "use the web app or the AWS CLI"}
		}
		return t.Name, nil
	}
	return publishedAs(known, id), nil
}
