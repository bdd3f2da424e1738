//lint:file-ignore ST1003 members are named as aws-sdk-go-v2 names them

package remote

import "time"

// ListAssetTypesInput is the request that lists the types of assets that the service knows.
type ListAssetTypesInput struct {
	NextToken  *string `json:"-"` // query
	MaxResults *int32  `json:"-"` // query
}

// ListAssetTypesOutput is the answer to ListAssetTypes.
type ListAssetTypesOutput struct {
	Items     []AssetTypeSummary
	NextToken *string // nil: the last page
}

func (out *ListAssetTypesOutput) fields() []field {
	return []field{
		listField("items", &out.Items),
		stringField("nextToken", &out.NextToken),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out ListAssetTypesOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *ListAssetTypesOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }

// CreateAssetInput is the request that makes an asset.
type CreateAssetInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetType    *string
	Content      AssetContent
	Metadata     Document
	ClientToken  *string
}

func (in *CreateAssetInput) fields() []field {
	return []field{
		stringField("assetType", &in.AssetType),
		contentField("content", &in.Content),
		documentField("metadata", &in.Metadata),
		stringField("clientToken", &in.ClientToken),
	}
}

// MarshalJSON implements [json.Marshaler].
func (in CreateAssetInput) MarshalJSON() ([]byte, error) { return encode(in.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (in *CreateAssetInput) UnmarshalJSON(data []byte) error { return decode(data, in.fields()) }

// CreateAssetOutput is the answer to CreateAsset.
type CreateAssetOutput struct {
	Asset *Asset
}

func (out *CreateAssetOutput) fields() []field {
	return []field{
		structField("asset", &out.Asset),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out CreateAssetOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *CreateAssetOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }

// GetAssetInput is the request that reads an asset without its files.
type GetAssetInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetId      *string `json:"-"` // path
	AssetVersion *int32  `json:"-"` // query
}

// GetAssetOutput is the answer to GetAsset.
type GetAssetOutput struct {
	Asset *Asset
}

func (out *GetAssetOutput) fields() []field {
	return []field{
		structField("asset", &out.Asset),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out GetAssetOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *GetAssetOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }

// UpdateAssetInput is the request that makes a new version of an asset: Metadata is merged by its top-level keys, Content adds or replaces one file or replaces them all.
type UpdateAssetInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetId      *string `json:"-"` // path
	Metadata     Document
	Content      AssetContent
	ClientToken  *string
}

func (in *UpdateAssetInput) fields() []field {
	return []field{
		documentField("metadata", &in.Metadata),
		contentField("content", &in.Content),
		stringField("clientToken", &in.ClientToken),
	}
}

// MarshalJSON implements [json.Marshaler].
func (in UpdateAssetInput) MarshalJSON() ([]byte, error) { return encode(in.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (in *UpdateAssetInput) UnmarshalJSON(data []byte) error { return decode(data, in.fields()) }

// UpdateAssetOutput is the answer to UpdateAsset.
type UpdateAssetOutput struct {
	Asset *Asset
}

func (out *UpdateAssetOutput) fields() []field {
	return []field{
		structField("asset", &out.Asset),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out UpdateAssetOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *UpdateAssetOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }

// DeleteAssetInput is the request that deletes an asset with all its files.
type DeleteAssetInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetId      *string `json:"-"` // path
}

// DeleteAssetOutput is the answer to DeleteAsset.
type DeleteAssetOutput struct{}

func (*DeleteAssetOutput) fields() []field { return nil }

// MarshalJSON implements [json.Marshaler].
func (out DeleteAssetOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *DeleteAssetOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }

// ListAssetsInput is the request that lists the assets of a space.
type ListAssetsInput struct {
	AgentSpaceId  *string    `json:"-"` // path
	AssetType     *string    `json:"-"` // query
	UpdatedAfter  *time.Time `json:"-"` // query
	UpdatedBefore *time.Time `json:"-"` // query
	NextToken     *string    `json:"-"` // query
	MaxResults    *int32     `json:"-"` // query
}

// ListAssetsOutput is the answer to ListAssets.
type ListAssetsOutput struct {
	Items     []Asset
	NextToken *string // nil: the last page
}

func (out *ListAssetsOutput) fields() []field {
	return []field{
		listField("items", &out.Items),
		stringField("nextToken", &out.NextToken),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out ListAssetsOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *ListAssetsOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }

// ListAssetVersionsInput is the request that lists the versions of an asset.
type ListAssetVersionsInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetId      *string `json:"-"` // path
	MaxResults   *int32  `json:"-"` // query
	NextToken    *string `json:"-"` // query
}

// ListAssetVersionsOutput is the answer to ListAssetVersions.
type ListAssetVersionsOutput struct {
	Items     []AssetVersionMetadata
	NextToken *string // nil: the last page
}

func (out *ListAssetVersionsOutput) fields() []field {
	return []field{
		listField("items", &out.Items),
		stringField("nextToken", &out.NextToken),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out ListAssetVersionsOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *ListAssetVersionsOutput) UnmarshalJSON(data []byte) error {
	return decode(data, out.fields())
}

// GetAssetContentInput is the request that reads all files of an asset as one zip archive.
type GetAssetContentInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetId      *string `json:"-"` // path
	AssetVersion *int32  `json:"-"` // query
}

// GetAssetContentOutput is the answer to GetAssetContent.
type GetAssetContentOutput struct {
	Content *AssetZipContent
	Version *int32
}

func (out *GetAssetContentOutput) fields() []field {
	return []field{
		structField("content", &out.Content),
		intField("version", &out.Version),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out GetAssetContentOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *GetAssetContentOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }
