//lint:file-ignore ST1003 members are named as aws-sdk-go-v2 names them

package remote

// CreateAssetFileInput is the request that adds a file to an asset.
type CreateAssetFileInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetId      *string `json:"-"` // path
	Path         *string `json:"-"` // path
	Content      AssetFileBody
	Metadata     Document
	ClientToken  *string
}

func (in *CreateAssetFileInput) fields() []field {
	return []field{
		fileBodyField("content", &in.Content),
		documentField("metadata", &in.Metadata),
		stringField("clientToken", &in.ClientToken),
	}
}

// MarshalJSON implements [json.Marshaler].
func (in CreateAssetFileInput) MarshalJSON() ([]byte, error) { return encode(in.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (in *CreateAssetFileInput) UnmarshalJSON(data []byte) error { return decode(data, in.fields()) }

// CreateAssetFileOutput is the answer to CreateAssetFile.
type CreateAssetFileOutput struct {
	File *AssetFile
}

func (out *CreateAssetFileOutput) fields() []field {
	return []field{
		structField("file", &out.File),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out CreateAssetFileOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *CreateAssetFileOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }

// GetAssetFileInput is the request that reads a file with its content.
type GetAssetFileInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetId      *string `json:"-"` // path
	Path         *string `json:"-"` // path
	AssetVersion *int32  `json:"-"` // query
}

// GetAssetFileOutput is the answer to GetAssetFile.
type GetAssetFileOutput struct {
	File *AssetFile
}

func (out *GetAssetFileOutput) fields() []field {
	return []field{
		structField("file", &out.File),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out GetAssetFileOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *GetAssetFileOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }

// UpdateAssetFileInput is the request that changes the content of a file, its metadata, or both.
type UpdateAssetFileInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetId      *string `json:"-"` // path
	Path         *string `json:"-"` // path
	Content      AssetFileBody
	Metadata     Document
	ClientToken  *string
}

func (in *UpdateAssetFileInput) fields() []field {
	return []field{
		fileBodyField("content", &in.Content),
		documentField("metadata", &in.Metadata),
		stringField("clientToken", &in.ClientToken),
	}
}

// MarshalJSON implements [json.Marshaler].
func (in UpdateAssetFileInput) MarshalJSON() ([]byte, error) { return encode(in.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (in *UpdateAssetFileInput) UnmarshalJSON(data []byte) error { return decode(data, in.fields()) }

// UpdateAssetFileOutput is the answer to UpdateAssetFile.
type UpdateAssetFileOutput struct {
	File *AssetFile
}

func (out *UpdateAssetFileOutput) fields() []field {
	return []field{
		structField("file", &out.File),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out UpdateAssetFileOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *UpdateAssetFileOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }

// DeleteAssetFileInput is the request that deletes a file of an asset.
type DeleteAssetFileInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetId      *string `json:"-"` // path
	Path         *string `json:"-"` // path
}

// DeleteAssetFileOutput is the answer to DeleteAssetFile.
type DeleteAssetFileOutput struct{}

func (*DeleteAssetFileOutput) fields() []field { return nil }

// MarshalJSON implements [json.Marshaler].
func (out DeleteAssetFileOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *DeleteAssetFileOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }

// ListAssetFilesInput is the request that lists the files of an asset.
type ListAssetFilesInput struct {
	AgentSpaceId *string `json:"-"` // path
	AssetId      *string `json:"-"` // path
	AssetVersion *int32  `json:"-"` // query
	NextToken    *string `json:"-"` // query
	MaxResults   *int32  `json:"-"` // query
}

// ListAssetFilesOutput is the answer to ListAssetFiles.
type ListAssetFilesOutput struct {
	Items     []AssetFileSummary
	NextToken *string // nil: the last page
}

func (out *ListAssetFilesOutput) fields() []field {
	return []field{
		listField("items", &out.Items),
		stringField("nextToken", &out.NextToken),
	}
}

// MarshalJSON implements [json.Marshaler].
func (out ListAssetFilesOutput) MarshalJSON() ([]byte, error) { return encode(out.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (out *ListAssetFilesOutput) UnmarshalJSON(data []byte) error { return decode(data, out.fields()) }
