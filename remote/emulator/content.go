package emulator

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

// incoming is one file of a request.
type incoming struct {
	path     manifest.Path
	content  []byte
	text     bool
	metadata json.RawMessage
}

// upload is the content of a request, checked for shape but not yet for the
// rules of a type.
type upload struct {
	files []incoming
	zip   []byte // the archive when it is a complete set of files; else nil
}

// readUpload reads the union "content" of CreateAsset and UpdateAsset.
func (st *state) readUpload(content remote.AssetContent) (upload, error) {
	switch m := content.(type) {
	case *remote.AssetContentMemberZip:
		return st.readZip(m.Value.ZipFile)
	case *remote.AssetContentMemberFile:
		if m.Value.Path == nil {
			return upload{}, invalid("/content/file/path", "must not be absent")
		}
		f, err := st.readFile("/content/file", *m.Value.Path, m.Value.Body, m.Value.Metadata)
		return upload{files: []incoming{f}}, err
	}
	return upload{}, invalid("/content", "must not be absent")
}

func (st *state) readZip(archive []byte) (upload, error) {
	if archive == nil {
		return upload{}, invalid("/content/zip/zipFile", "must not be absent")
	}
	if err := st.limits.CheckZip(len(archive)); err != nil {
		return upload{}, refuse(remote.KindContentSizeExceeded, "%v", err)
	}
	bundle, err := manifest.ReadZip(archive, manifest.ZipLimits{})
	if err == nil {
		err = refuseDirectories(archive)
	}
	if err != nil {
		return upload{}, invalid("/content/zip/zipFile", "Zip validation failed: %v", err)
	}
	up := upload{zip: archive}
	for e := range bundle.Tree().All() {
		if err := st.limits.CheckPath(string(e.Path)); err != nil {
			return upload{}, invalid("/content/zip/zipFile", "Zip validation failed: %v", err)
		}
		content, _ := bundle.Content(e.Path)
		up.files = append(up.files, incoming{path: e.Path, content: content, text: isText(content, st.limits)})
	}
	return up, nil
}

// refuseDirectories looks for entries of directories: they have no extension,
// and fail the service's check of extensions.
func refuseDirectories(archive []byte) error {
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return err
	}
	for _, f := range r.File {
		if strings.HasSuffix(f.Name, "/") {
			return fmt.Errorf("entry %q is a directory", f.Name)
		}
	}
	return nil
}

// readFile reads a file that is the member at pointer of a request.
func (st *state) readFile(pointer, path string, body remote.AssetFileBody, metadata remote.Document) (incoming, error) {
	if err := st.limits.CheckPath(path); err != nil {
		return incoming{}, invalid(pointer+"/path", "%v", err)
	}
	if body == nil {
		return incoming{}, invalid(pointer+"/body", "must not be absent")
	}
	if err := st.limits.CheckBody(body); err != nil {
		return incoming{}, refuse(remote.KindContentSizeExceeded, "%s: %v", path, err)
	}
	content, err := remote.ContentOf(body)
	_, text := body.(*remote.AssetFileBodyMemberText)
	return incoming{path: manifest.Path(path), content: content, text: text, metadata: json.RawMessage(metadata)}, err
}

// isText reports whether a file of a zip is answered as text.
func isText(content []byte, limits remote.Limits) bool {
	return utf8.Valid(content) && bytes.IndexByte(content, 0) < 0 && utf8.RuneCount(content) <= limits.TextChars
}

// apply puts an upload into v: a zip replaces all files, a file replaces the
// one of its path.
func (st *state) apply(v *versionRecord, up upload) error {
	before := *v
	if up.zip != nil {
		v.Files = nil
	}
	for _, in := range up.files {
		old, existed := before.file(string(in.path))
		if existed && in.metadata == nil && (up.zip == nil || st.quirks.ZipFileMetadata == ZipMetadataKeep) {
			in.metadata = old.Metadata
		}
		f, err := st.newFile(v.Version, old, in)
		if err != nil {
			return err
		}
		v.set(f)
	}
	if up.zip == nil || st.quirks.ReadZip != ReadZipUploaded {
		return nil
	}
	id, err := st.putBlob(up.zip)
	v.Zip = &id
	return err
}

// checkUpload holds v, into which up was put, to the rules of its type.
func (st *state) checkUpload(t assettype.Type, v versionRecord, up upload, member string) error {
	tree, err := v.tree()
	if err != nil {
		return invalid(member, "%v", err)
	}
	found := assettype.CheckTree(t, tree)
	files := map[manifest.Path][]byte{}
	for _, in := range up.files {
		found = append(found, assettype.CheckContent(t, in.path, in.content)...)
		files[in.path] = in.content
	}
	if up.zip == nil {
		return refuseFindings(found, member)
	}
	bundle, err := manifest.NewBundle(files)
	if err != nil {
		return invalid(member, "%v", err)
	}
	if err := refuseFindings(append(assettype.CheckZip(t, bundle), found...), member); err != nil {
		return err
	}
	if t.Frontmatter {
		for k, value := range assettype.DerivedMetadata(t, bundle) {
			v.Metadata[k] = value
		}
	}
	return nil
}

// fileBody answers a file's content as text or as bytes.
func (st *state) fileBody(f fileRecord) (remote.AssetFileBody, error) {
	content, err := st.blob(f.Blob)
	if err != nil {
		return nil, err
	}
	if f.Text && st.quirks.TextReadback != TextReadbackBytes {
		return &remote.AssetFileBodyMemberText{Value: string(content)}, nil
	}
	return &remote.AssetFileBodyMemberBytes{Value: content}, nil
}

// archive makes the zip that GetAssetContent answers.
func (st *state) archive(v versionRecord) ([]byte, error) {
	if v.Zip != nil && st.quirks.ReadZip == ReadZipUploaded {
		return st.blob(*v.Zip)
	}
	files := make(map[manifest.Path][]byte, len(v.Files))
	for _, f := range v.Files {
		content, err := st.blob(f.Blob)
		if err != nil {
			return nil, err
		}
		files[f.Path] = content
	}
	bundle, err := manifest.NewBundle(files)
	if err != nil {
		return nil, err
	}
	return manifest.ZipBytes(bundle)
}
