//lint:file-ignore ST1003 members are named as aws-sdk-go-v2 names them

package remote

import (
	"encoding/json"
	"time"
)

// Asset is one version of an asset without its files.
type Asset struct {
	AssetId   *string
	AssetType *string
	Metadata  Document
	Version   *int32
	CreatedAt *time.Time
	UpdatedAt *time.Time
}

func (a *Asset) fields() []field {
	return []field{
		stringField("assetId", &a.AssetId),
		stringField("assetType", &a.AssetType),
		documentField("metadata", &a.Metadata),
		intField("version", &a.Version),
		timeField("createdAt", &a.CreatedAt),
		timeField("updatedAt", &a.UpdatedAt),
	}
}

// MarshalJSON implements [json.Marshaler].
func (a Asset) MarshalJSON() ([]byte, error) { return encode(a.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (a *Asset) UnmarshalJSON(data []byte) error { return decode(data, a.fields()) }

// AssetVersionMetadata says that a version exists.
type AssetVersionMetadata struct {
	Version   *int32
	CreatedAt *time.Time
	UpdatedAt *time.Time
}

func (v *AssetVersionMetadata) fields() []field {
	return []field{
		intField("version", &v.Version),
		timeField("createdAt", &v.CreatedAt),
		timeField("updatedAt", &v.UpdatedAt),
	}
}

// MarshalJSON implements [json.Marshaler].
func (v AssetVersionMetadata) MarshalJSON() ([]byte, error) { return encode(v.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (v *AssetVersionMetadata) UnmarshalJSON(data []byte) error { return decode(data, v.fields()) }

// AssetFile is a file with its content. Version is the version of the asset.
type AssetFile struct {
	Path      *string
	Content   AssetFileBody
	Metadata  Document
	Version   *int32
	CreatedAt *time.Time
	UpdatedAt *time.Time
}

func (f *AssetFile) fields() []field {
	return []field{
		stringField("path", &f.Path),
		fileBodyField("content", &f.Content),
		documentField("metadata", &f.Metadata),
		intField("version", &f.Version),
		timeField("createdAt", &f.CreatedAt),
		timeField("updatedAt", &f.UpdatedAt),
	}
}

// MarshalJSON implements [json.Marshaler].
func (f AssetFile) MarshalJSON() ([]byte, error) { return encode(f.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (f *AssetFile) UnmarshalJSON(data []byte) error { return decode(data, f.fields()) }

// AssetFileSummary is a file of a listing: neither content, size nor hash.
type AssetFileSummary struct {
	Path      *string
	Metadata  Document
	Version   *int32
	CreatedAt *time.Time
	UpdatedAt *time.Time
}

func (f *AssetFileSummary) fields() []field {
	return []field{
		stringField("path", &f.Path),
		documentField("metadata", &f.Metadata),
		intField("version", &f.Version),
		timeField("createdAt", &f.CreatedAt),
		timeField("updatedAt", &f.UpdatedAt),
	}
}

// MarshalJSON implements [json.Marshaler].
func (f AssetFileSummary) MarshalJSON() ([]byte, error) { return encode(f.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (f *AssetFileSummary) UnmarshalJSON(data []byte) error { return decode(data, f.fields()) }

// AssetTypeSummary is a type of asset that the service knows.
type AssetTypeSummary struct {
	AssetType   *string
	Description *string
}

func (t *AssetTypeSummary) fields() []field {
	return []field{
		stringField("assetType", &t.AssetType),
		stringField("description", &t.Description),
	}
}

// MarshalJSON implements [json.Marshaler].
func (t AssetTypeSummary) MarshalJSON() ([]byte, error) { return encode(t.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (t *AssetTypeSummary) UnmarshalJSON(data []byte) error { return decode(data, t.fields()) }

// AssetFileContent is a file inside an [AssetContent].
type AssetFileContent struct {
	Path     *string
	Body     AssetFileBody
	Metadata Document
}

func (f *AssetFileContent) fields() []field {
	return []field{
		stringField("path", &f.Path),
		fileBodyField("body", &f.Body),
		documentField("metadata", &f.Metadata),
	}
}

// MarshalJSON implements [json.Marshaler].
func (f AssetFileContent) MarshalJSON() ([]byte, error) { return encode(f.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (f *AssetFileContent) UnmarshalJSON(data []byte) error { return decode(data, f.fields()) }

// AssetZipContent is a complete set of files as a zip archive. A nil ZipFile
// is absent.
type AssetZipContent struct{ ZipFile []byte }

func (z *AssetZipContent) fields() []field {
	return []field{blobField("zipFile", &z.ZipFile)}
}

// MarshalJSON implements [json.Marshaler].
func (z AssetZipContent) MarshalJSON() ([]byte, error) { return encode(z.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (z *AssetZipContent) UnmarshalJSON(data []byte) error { return decode(data, z.fields()) }

// FieldError is one entry of the fieldList of a ValidationException: Path is
// a JSON Pointer.
type FieldError struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

func (f *FieldError) fields() []field {
	return []field{plainField("path", &f.Path), plainField("message", &f.Message)}
}

// ErrorBody is the body of an answer that is an error. Fields is the
// fieldList of a ValidationException.
type ErrorBody struct {
	Type    *string // __type: what the error is called
	Code    *string // the older place of the name
	Message *string
	Fields  []FieldError
}

func (e *ErrorBody) fields() []field {
	list := listField("fieldList", &e.Fields)
	encodeList := list.encode
	list.encode = func() (raw json.RawMessage, err error) {
		if len(e.Fields) > 0 {
			raw, err = encodeList()
		}
		return raw, err
	}
	return []field{
		stringField("__type", &e.Type),
		stringField("code", &e.Code),
		stringField("message", &e.Message),
		list,
	}
}

// MarshalJSON implements [json.Marshaler].
func (e ErrorBody) MarshalJSON() ([]byte, error) { return encode(e.fields()) }

// UnmarshalJSON implements [json.Unmarshaler].
func (e *ErrorBody) UnmarshalJSON(data []byte) error { return decode(data, e.fields()) }
