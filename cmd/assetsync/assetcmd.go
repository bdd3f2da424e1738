package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"assetsync/remote"
	"assetsync/remote/assettype"
	assetsync "assetsync/sync"
)

// assetReport is one asset of the envelope.
type assetReport struct {
	AssetID   string         `json:"asset_id"`
	AssetType string         `json:"asset_type"`
	Name      string         `json:"name,omitempty"`
	Version   int32          `json:"version"`
	UpdatedAt *time.Time     `json:"updated_at,omitempty"`
	Metadata  map[string]any `json:"metadata,omitempty"`
}

func (a *app) assetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "asset",
		Short:   "Look at the assets of the agent space, make, change or delete one, or print an IAM policy",
		Example: "  assetsync asset list",
	}
	helpOrUnknown(cmd)
	cmd.AddCommand(a.assetListCommand(), a.assetTypesCommand(), a.assetGetCommand(), a.assetCreateCommand(), a.assetSetMetadataCommand(), a.assetDeleteCommand(), a.assetPolicyCommand())
	return cmd
}

// withClient runs body with a client of the environment, without targets.
func (a *app) withClient(cmd *cobra.Command, writes bool, body func(context.Context, *session, *remote.Client) error) error {
	ctx, cancel := a.within(cmd.Context())
	defer cancel()
	config, err := a.loadConfig()
	if err != nil {
		return err
	}
	s := a.newSession()
	if err := s.connect(ctx, config, sessionOptions{}); err != nil {
		return s.abort(err)
	}
	if writes {
		if err := s.checkAccount(ctx); err != nil {
			return s.abort(err)
		}
	}
	client, _, err := s.client()
	if err != nil {
		return s.abort(err)
	}
	if err := body(ctx, s, client); err != nil {
		return s.abort(err)
	}
	return s.close()
}

func (a *app) assetListCommand() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the assets of the agent space",
		Example: "  assetsync asset list --type skill",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd, false, func(ctx context.Context, s *session, client *remote.Client) error {
				list, err := assetsync.ListAssets(ctx, client, s.space.AgentSpace, kind)
				if err != nil {
					return err
				}
				reports := make([]assetReport, len(list))
				rows := [][]string{{"ASSET", "TYPE", "NAME", "VERSION", "UPDATED"}}
				for i, asset := range list {
					r, err := reportAsset(&asset)
					if err != nil {
						return err
					}
					r.Metadata = nil
					reports[i] = r
					rows = append(rows, []string{r.AssetID, r.AssetType, r.Name, fmt.Sprint(r.Version), localTime(r.UpdatedAt)})
				}
				if _, known := assettype.Lookup(kind); kind != "" && !known && len(list) == 0 {
					a.say("note: there is no asset of type %s, which this version of assetsync does not know; assetsync asset types lists the types", quoted(kind))
				}
				if a.jsonOut {
					return a.writeEnvelope(envelope{Env: s.env.Name, Assets: reports})
				}
				return a.table(rows)
			})
		},
	}
	cmd.Flags().StringVar(&kind, "type", "", "only assets of `TYPE`")
	return cmd
}

func localTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

func reportAsset(asset *remote.Asset) (assetReport, error) {
	r := assetReport{AssetID: *asset.AssetId, Version: *asset.Version, UpdatedAt: asset.UpdatedAt}
	if asset.AssetType != nil {
		r.AssetType = *asset.AssetType
	}
	var err error
	if r.Metadata, err = asset.Metadata.Map(); err != nil {
		return r, fmt.Errorf("read metadata of asset %s: %w", r.AssetID, err)
	}
	kind, known := assettype.Lookup(r.AssetType)
	if name, ok := r.Metadata["name"].(string); ok {
		r.Name = name
	} else if value, ok := r.Metadata[kind.IdentityKey].(string); known && ok {
		r.Name = value
	}
	return r, nil
}

func (a *app) assetTypesCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "types",
		Short:   "List the asset types that the service knows",
		Example: "  assetsync asset types",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(cmd, false, func(ctx context.Context, s *session, client *remote.Client) error {
				type report struct {
					AssetType   string `json:"asset_type"`
					Description string `json:"description"`
				}
				reports, rows := []report{}, [][]string{{"TYPE", "DESCRIPTION"}}
				pages := remote.NewListAssetTypesPaginator(client, &remote.ListAssetTypesInput{})
				for pages.HasMorePages() {
					page, err := pages.NextPage(ctx)
					if err != nil {
						return fmt.Errorf("list asset types: %w", err)
					}
					for _, t := range page.Items {
						r := report{text(t.AssetType), text(t.Description)}
						reports = append(reports, r)
						rows = append(rows, []string{r.AssetType, r.Description})
					}
				}
				if a.jsonOut {
					return a.writeEnvelope(envelope{Env: s.env.Name, AssetTypes: reports})
				}
				return a.table(rows)
			})
		},
	}
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (a *app) assetGetCommand() *cobra.Command {
	var version int32
	cmd := &cobra.Command{
		Use:     "get ID",
		Short:   "Show an asset with its metadata",
		Example: "  assetsync asset get ki-5b1c9f3a --version 2",
		Args:    oneID,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withClient(cmd, false, func(ctx context.Context, s *session, client *remote.Client) error {
				in := &remote.GetAssetInput{AgentSpaceId: &s.space.AgentSpace, AssetId: &args[0]}
				if cmd.Flags().Changed("version") {
					in.AssetVersion = &version
				}
				out, err := client.GetAsset(ctx, in)
				if err != nil {
					return fmt.Errorf("read asset %s: %w", args[0], err)
				}
				r, err := reportAsset(out.Asset)
				if err != nil {
					return err
				}
				if a.jsonOut {
					return a.writeEnvelope(envelope{Env: s.env.Name, Assets: []assetReport{r}})
				}
				rows := [][]string{{"asset", r.AssetID}, {"type", r.AssetType}, {"version", fmt.Sprint(r.Version)}, {"updated", localTime(r.UpdatedAt)}}
				for _, key := range slices.Sorted(maps.Keys(r.Metadata)) {
					rows = append(rows, []string{"metadata." + key, jsonText(r.Metadata[key])})
				}
				return a.table(rows)
			})
		},
	}
	cmd.Flags().Int32Var(&version, "version", 0, "the version `N` (default: the newest)")
	return cmd
}

func oneID(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(nil, "assetsync asset list shows the ids", "%s takes one asset id, not %d", commandName(cmd), len(args))
	}
	return nil
}
