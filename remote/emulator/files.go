package emulator

import (
	"encoding/json"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

func createAssetFile(st *state, c *call) (any, error) {
	var in remote.CreateAssetFileInput
	if err := decodeBody(c, &in); err != nil {
		return nil, err
	}
	a, v, t, err := st.claimNewest(c, in.ClientToken)
	if err != nil {
		return nil, err
	}
	if _, exists := v.file(c.path); exists {
		switch st.quirks.CreateExisting {
		case ExistingOverwrite:
		case ExistingValidation:
			return nil, invalid("/path", "file %s exists", c.path)
		default:
			return nil, refuse(remote.KindConflict, "file %s exists", c.path)
		}
	}
	f, err := st.readFile("", c.path, in.Content, in.Metadata)
	if err != nil {
		return nil, bodyAt(err, "/content")
	}
	next := st.grow(a, v, st.quirks.FileCreateVersion == VersionKeep)
	shape, err := st.writeFile(c, t, a, next, f)
	return &remote.CreateAssetFileOutput{File: shape}, err
}

func updateAssetFile(st *state, c *call) (any, error) {
	var in remote.UpdateAssetFileInput
	if err := decodeBody(c, &in); err != nil {
		return nil, err
	}
	a, v, t, err := st.claimNewest(c, in.ClientToken)
	if err != nil {
		return nil, err
	}
	old, exists := v.file(c.path)
	if !exists {
		switch st.quirks.UpdateMissing {
		case MissingCreate:
		case MissingValidation:
			return nil, invalid("/path", "file %s does not exist", c.path)
		default:
			return nil, refuse(remote.KindNotFound, "file %s does not exist", c.path)
		}
	}
	f := incoming{path: manifest.Path(c.path), text: old.Text}
	switch {
	case in.Content != nil:
		f, err = st.readFile("", c.path, in.Content, nil)
	case exists:
		f.content, err = st.blob(old.Blob)
	default:
		err = invalid("/content", "must not be absent for a new file")
	}
	if err != nil {
		return nil, bodyAt(err, "/content")
	}
	if f.metadata, err = st.mergeFileMetadata(old.Metadata, in.Metadata); err != nil {
		return nil, err
	}
	shape, err := st.writeFile(c, t, a, st.next(a, v), f)
	return &remote.UpdateAssetFileOutput{File: shape}, err
}

// bodyAt names the member that file operations have where content.file has
// "body".
func bodyAt(err error, pointer string) error {
	if e, ok := err.(*apiError); ok && len(e.fields) == 1 && e.fields[0].Path == "/body" {
		e.fields[0].Path = pointer
	}
	return err
}

// mergeFileMetadata merges at the top level, as for assets. Documents that
// are not objects replace each other.
func (st *state) mergeFileMetadata(old json.RawMessage, sent remote.Document) (json.RawMessage, error) {
	members, err := sent.Map()
	if sent == nil || err != nil {
		if sent != nil {
			return json.RawMessage(sent), nil
		}
		return old, nil
	}
	before, err := remote.Document(old).Map()
	if before == nil || err != nil {
		before = map[string]any{}
	}
	merged := versionRecord{versionHead: versionHead{Metadata: before}}
	doc, err := remote.NewDocument(members)
	if err != nil {
		return nil, err
	}
	if err := st.mergeMetadata(&merged, doc); err != nil {
		return nil, err
	}
	doc, err = remote.NewDocument(merged.Metadata)
	return json.RawMessage(doc), err
}

// writeFile puts one file into v, which becomes the newest version.
func (st *state) writeFile(c *call, t assettype.Type, a assetRecord, v versionRecord, in incoming) (*remote.AssetFile, error) {
	up := upload{files: []incoming{in}}
	if err := st.apply(&v, up); err != nil {
		return nil, err
	}
	if err := st.checkUpload(t, v, up, "/content"); err != nil {
		return nil, err
	}
	if err := st.save(c, a, v); err != nil {
		return nil, err
	}
	f, _ := v.file(c.path)
	return st.fileShape(a, v, f)
}

func getAssetFile(st *state, c *call) (any, error) {
	a, v, err := st.pinned(c)
	if err != nil {
		return nil, err
	}
	f, ok := v.file(c.path)
	if !ok {
		return nil, refuse(remote.KindNotFound, "file %s does not exist in version %d", c.path, v.Version)
	}
	shape, err := st.fileShape(a, v, f)
	return &remote.GetAssetFileOutput{File: shape}, err
}

func deleteAssetFile(st *state, c *call) (any, error) {
	a, v, t, err := st.newest(c)
	if err != nil {
		return nil, err
	}
	out := &remote.DeleteAssetFileOutput{}
	if _, ok := v.file(c.path); !ok {
		switch st.quirks.DeleteMissing {
		case DeleteMissingOK:
			return out, nil
		case MissingValidation:
			return nil, invalid("/path", "file %s does not exist", c.path)
		}
		return nil, refuse(remote.KindNotFound, "file %s does not exist", c.path)
	}
	next := st.grow(a, v, st.quirks.FileDeleteVersion == VersionKeep)
	next.remove(c.path)
	if len(next.Files) == 0 {
		return nil, invalid("/path", "file %s is the last one", c.path)
	}
	if err := st.checkUpload(t, next, upload{}, "/path"); err != nil {
		return nil, err
	}
	return out, st.save(c, a, next)
}

func (st *state) fileShape(a assetRecord, v versionRecord, f fileRecord) (*remote.AssetFile, error) {
	body, err := st.fileBody(f)
	s := st.summary(a, v, f)
	return &remote.AssetFile{Path: s.Path, Content: body, Metadata: s.Metadata, Version: s.Version, CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt}, err
}

func (st *state) summary(a assetRecord, v versionRecord, f fileRecord) remote.AssetFileSummary {
	version := f.Version
	if st.quirks.FileVersion == FileVersionAsset {
		version = v.Version
	}
	return remote.AssetFileSummary{
		Path: new(string(f.Path)), Metadata: remote.Document(f.Metadata), Version: &version,
		CreatedAt: st.reported(a, f.Created), UpdatedAt: st.reported(a, f.Updated),
	}
}
