package remote

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
)

// ListAssetTypes answers the asset types that the service knows, a page of
// them.
func (c *Client) ListAssetTypes(ctx context.Context, in *ListAssetTypesInput) (*ListAssetTypesOutput, error) {
	in = cmp.Or(in, &ListAssetTypesInput{})
	r := c.newRequest("ListAssetTypes", http.MethodGet).under("/asset/types").page(in.NextToken, in.MaxResults)
	return send(ctx, r, func(out *ListAssetTypesOutput) error {
		return checkItems(out.Items, func(t *AssetTypeSummary) error {
			return checkName("assetType", t.AssetType)
		})
	})
}

// CreateAsset makes an asset. A token that was used before answers the
// asset that was made then, even if it is gone by now.
func (c *Client) CreateAsset(ctx context.Context, in *CreateAssetInput) (*CreateAssetOutput, error) {
	in = cmp.Or(in, &CreateAssetInput{})
	r := c.newRequest("CreateAsset", http.MethodPost).assets(in.AgentSpaceId).
		sending(in, in.ClientToken).content(in.Content, true)
	r.require("assetType", in.AssetType != nil)
	if in.AssetType != nil {
		r.check("assetType", c.limits.CheckAssetType(*in.AssetType))
	}
	return send(ctx, r, func(out *CreateAssetOutput) error { return checkAsset(out.Asset, nil) })
}

// GetAsset answers an asset, the newest version or the one asked for,
// without its files.
func (c *Client) GetAsset(ctx context.Context, in *GetAssetInput) (*GetAssetOutput, error) {
	in = cmp.Or(in, &GetAssetInput{})
	r := c.newRequest("GetAsset", http.MethodGet).asset(in.AgentSpaceId, in.AssetId).version(in.AssetVersion)
	return send(ctx, r, func(out *GetAssetOutput) error { return checkAsset(out.Asset, in.AssetVersion) })
}

// UpdateAsset makes a new version, even when nothing differs. Metadata is
// merged by its top-level keys; content is one file to add or replace, or
// the complete set of files.
func (c *Client) UpdateAsset(ctx context.Context, in *UpdateAssetInput) (*UpdateAssetOutput, error) {
	in = cmp.Or(in, &UpdateAssetInput{})
	r := c.newRequest("UpdateAsset", http.MethodPatch).asset(in.AgentSpaceId, in.AssetId).
		sending(in, in.ClientToken).content(in.Content, false)
	return send(ctx, r, func(out *UpdateAssetOutput) error { return checkAsset(out.Asset, nil) })
}

// DeleteAsset deletes an asset with all its files.
func (c *Client) DeleteAsset(ctx context.Context, in *DeleteAssetInput) (*DeleteAssetOutput, error) {
	in = cmp.Or(in, &DeleteAssetInput{})
	r := c.newRequest("DeleteAsset", http.MethodDelete).asset(in.AgentSpaceId, in.AssetId)
	return send(ctx, r, func(*DeleteAssetOutput) error { return nil })
}

// ListAssets answers a page of the assets of a space. It may lag behind
// writes for a moment; GetAsset does not.
func (c *Client) ListAssets(ctx context.Context, in *ListAssetsInput) (*ListAssetsOutput, error) {
	in = cmp.Or(in, &ListAssetsInput{})
	r := c.newRequest("ListAssets", http.MethodGet).assets(in.AgentSpaceId).
		filter(in.AssetType, in.UpdatedAfter, in.UpdatedBefore).page(in.NextToken, in.MaxResults)
	return send(ctx, r, func(out *ListAssetsOutput) error {
		return checkItems(out.Items, func(a *Asset) error { return checkAsset(a, nil) })
	})
}

// ListAssetVersions answers a page of the versions of an asset.
func (c *Client) ListAssetVersions(ctx context.Context, in *ListAssetVersionsInput) (*ListAssetVersionsOutput, error) {
	in = cmp.Or(in, &ListAssetVersionsInput{})
	r := c.newRequest("ListAssetVersions", http.MethodGet).asset(in.AgentSpaceId, in.AssetId).
		under("/versions").page(in.NextToken, in.MaxResults)
	return send(ctx, r, func(out *ListAssetVersionsOutput) error {
		return checkItems(out.Items, func(v *AssetVersionMetadata) error { return checkVersion(v.Version, nil) })
	})
}

// GetAssetContent answers all files of an asset as one zip archive.
func (c *Client) GetAssetContent(ctx context.Context, in *GetAssetContentInput) (*GetAssetContentOutput, error) {
	in = cmp.Or(in, &GetAssetContentInput{})
	r := c.newRequest("GetAssetContent", http.MethodGet).asset(in.AgentSpaceId, in.AssetId).
		under("/content").version(in.AssetVersion)
	return send(ctx, r, func(out *GetAssetContentOutput) error {
		if out.Content == nil || out.Content.ZipFile == nil {
			return fmt.Errorf("content.zipFile is missing")
		}
		return checkVersion(out.Version, in.AssetVersion)
	})
}

// CreateAssetFile adds a file to an asset. What it does when the path exists,
// and whether it makes a version, is not documented.
func (c *Client) CreateAssetFile(ctx context.Context, in *CreateAssetFileInput) (*CreateAssetFileOutput, error) {
	in = cmp.Or(in, &CreateAssetFileInput{})
	r := c.newRequest("CreateAssetFile", http.MethodPost).file(in.AgentSpaceId, in.AssetId, in.Path, c.limits).
		sending(in, in.ClientToken).fileBody(in.Content, true)
	return send(ctx, r, func(out *CreateAssetFileOutput) error { return checkFile(out.File, in.Path) })
}

// GetAssetFile answers a file with its content.
func (c *Client) GetAssetFile(ctx context.Context, in *GetAssetFileInput) (*GetAssetFileOutput, error) {
	in = cmp.Or(in, &GetAssetFileInput{})
	r := c.newRequest("GetAssetFile", http.MethodGet).file(in.AgentSpaceId, in.AssetId, in.Path, c.readLimits).
		version(in.AssetVersion)
	return send(ctx, r, func(out *GetAssetFileOutput) error {
		if err := checkFile(out.File, in.Path); err != nil {
			return err
		}
		if out.File.Content == nil {
			return fmt.Errorf("file.content is missing")
		}
		return nil
	})
}

// UpdateAssetFile changes a file and makes a new version of the asset.
// Without content the bytes stay; metadata is merged by its top-level keys.
func (c *Client) UpdateAssetFile(ctx context.Context, in *UpdateAssetFileInput) (*UpdateAssetFileOutput, error) {
	in = cmp.Or(in, &UpdateAssetFileInput{})
	r := c.newRequest("UpdateAssetFile", http.MethodPatch).file(in.AgentSpaceId, in.AssetId, in.Path, c.readLimits).
		sending(in, in.ClientToken).fileBody(in.Content, false)
	return send(ctx, r, func(out *UpdateAssetFileOutput) error { return checkFile(out.File, in.Path) })
}

// DeleteAssetFile deletes a file. Whether it makes a version is not
// documented.
func (c *Client) DeleteAssetFile(ctx context.Context, in *DeleteAssetFileInput) (*DeleteAssetFileOutput, error) {
	in = cmp.Or(in, &DeleteAssetFileInput{})
	r := c.newRequest("DeleteAssetFile", http.MethodDelete).file(in.AgentSpaceId, in.AssetId, in.Path, c.readLimits)
	return send(ctx, r, func(*DeleteAssetFileOutput) error { return nil })
}

// ListAssetFiles answers a page of the files of an asset, of the newest
// version or the one asked for.
func (c *Client) ListAssetFiles(ctx context.Context, in *ListAssetFilesInput) (*ListAssetFilesOutput, error) {
	in = cmp.Or(in, &ListAssetFilesInput{})
	r := c.newRequest("ListAssetFiles", http.MethodGet).asset(in.AgentSpaceId, in.AssetId).
		under("/files").version(in.AssetVersion).page(in.NextToken, in.MaxResults)
	return send(ctx, r, func(out *ListAssetFilesOutput) error {
		return checkItems(out.Items, func(f *AssetFileSummary) error {
			if err := checkName("path", f.Path); err != nil {
				return err
			}
			return checkVersion(f.Version, nil)
		})
	})
}
