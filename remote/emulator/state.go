package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/assettype"
)

// state is the store as one request sees and changes it.
type state struct {
	tx     *bbolt.Tx
	now    time.Time
	quirks Quirks
	limits remote.Limits
	newID  func() string
	secret []byte
	lag    *lag
	quota  int        // see [Options]
	wrote  []lagWrite // what the request did, for lag once it is on disk
}

func (st *state) bucket(name []byte) *bbolt.Bucket { return st.tx.Bucket(name) }

// unmarshal decodes JSON and keeps the digits of numbers.
func unmarshal(raw []byte, v any) error { return newDecoder(raw).Decode(v) }

func newDecoder(raw []byte) *json.Decoder {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	return dec
}

// asset finds an asset that is not deleted.
func (st *state) asset(c *call) (assetRecord, error) {
	if err := st.limits.CheckAssetID(c.asset); err != nil {
		return assetRecord{}, invalid("/assetId", "%v", err)
	}
	a, ok, err := load[assetRecord](st.bucket(bucketAssets), assetKey(c.space, c.asset))
	switch {
	case err != nil:
		return a, err
	case !ok || a.Deleted:
		return a, refuse(remote.KindNotFound, "asset %s does not exist", c.asset)
	}
	return a, nil
}

// version reads one version of an asset; 0 means the newest.
func (st *state) version(a assetRecord, number int32) (versionRecord, error) {
	if number == 0 {
		number = a.Latest
	}
	v, ok, err := load[versionRecord](st.bucket(bucketVersions), versionKey(a.Space, a.ID, number))
	switch {
	case err != nil:
		return v, err
	case (!ok || st.pruned(a, number)) && st.quirks.MissingVersion == MissingValidation:
		return v, invalid("/assetVersion", "asset %s has no version %d", a.ID, number)
	case !ok || st.pruned(a, number):
		return v, refuse(remote.KindNotFound, "asset %s has no version %d", a.ID, number)
	}
	return v, nil
}

// pruned reports whether a version is out of reach under the quirk.
func (st *state) pruned(a assetRecord, number int32) bool {
	keep := int32(st.quirks.PruneVersions) * max(1, int32(st.quirks.VersionStep))
	return keep > 0 && number <= a.Latest-keep
}

// versions yields an asset's versions that can be read, ascending.
func (st *state) versions(a assetRecord, yield func(versionHead) error) error {
	prefix := versionKey(a.Space, a.ID, 0)[:len(a.Space)+len(a.ID)+2]
	c := st.bucket(bucketVersions).Cursor()
	for k, raw := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, raw = c.Next() {
		v, err := readHead(raw)
		if err != nil {
			return fmt.Errorf("read record %q: %w", k, err)
		}
		if st.pruned(a, v.Version) {
			continue
		}
		if err := yield(v); err != nil {
			return err
		}
	}
	return nil
}

// assetsIn yields the assets of a space by id, deleted ones included.
func (st *state) assetsIn(space string, yield func(assetRecord) error) error {
	prefix := assetKey(space, "")
	c := st.bucket(bucketAssets).Cursor()
	for k, raw := c.Seek(prefix); bytes.HasPrefix(k, prefix); k, raw = c.Next() {
		var a assetRecord
		if err := unmarshal(raw, &a); err != nil {
			return fmt.Errorf("read record %q: %w", k, err)
		}
		if err := yield(a); err != nil {
			return err
		}
	}
	return nil
}

func (st *state) putBlob(content []byte) (manifest.ID, error) {
	id := manifest.BlobID(content)
	b := st.bucket(bucketBlobs)
	if b.Get(id[:]) != nil {
		return id, nil
	}
	return id, b.Put(id[:], content)
}

func (st *state) blob(id manifest.ID) ([]byte, error) {
	raw := st.bucket(bucketBlobs).Get(id[:])
	if raw == nil {
		return nil, fmt.Errorf("read blob %s: missing from the store", id)
	}
	// The slice dies with the transaction.
	return bytes.Clone(raw), nil
}

// next makes the version that follows cur, to be changed and saved.
func (st *state) next(a assetRecord, cur versionRecord) versionRecord {
	return versionRecord{
		versionHead: versionHead{
			Version:  a.Latest + max(1, int32(st.quirks.VersionStep)),
			Created:  st.now,
			Updated:  st.now,
			Metadata: maps.Clone(cur.Metadata),
		},
		Files: slices.Clone(cur.Files),
	}
}

// grow makes the version that follows cur, or cur itself where a quirk says
// that this kind of write does not raise the version.
func (st *state) grow(a assetRecord, cur versionRecord, keep bool) versionRecord {
	v := st.next(a, cur)
	if keep {
		v.Version, v.Created = cur.Version, cur.Created
	}
	return v
}

// save makes v the newest version of a, and under a quirk also the version
// that the service makes of it by itself.
func (st *state) save(c *call, a assetRecord, v versionRecord) error {
	if st.quirks.Rewrite == RewriteFrontmatter {
		if _, err := st.rewrite(a, &v, v.Version); err != nil {
			return err
		}
	}
	if err := st.write(c, a, v); err != nil || st.quirks.Rewrite != RewriteExtraVersion {
		return err
	}
	a.Latest = v.Version
	again := st.next(a, v)
	changed, err := st.rewrite(a, &again, v.Version)
	if err != nil || !changed {
		return err
	}
	byService := &call{op: operation{name: "(rewrite)"}, space: c.space, asset: a.ID, requestID: c.requestID, who: "service"}
	return st.write(byService, a, again)
}

// write stores v as the newest version of a and logs it.
func (st *state) write(c *call, a assetRecord, v versionRecord) error {
	before := a.Latest
	a.Latest = v.Version
	return errors.Join(
		save(st.bucket(bucketVersions), versionKey(a.Space, a.ID, v.Version), v),
		save(st.bucket(bucketAssets), assetKey(a.Space, a.ID), a),
		st.record(c, a, before),
	)
}

// tree returns the names and sizes of a version's files.
func (v versionRecord) tree() (manifest.Tree, error) {
	entries := make([]manifest.Entry, len(v.Files))
	for i, f := range v.Files {
		entries[i] = manifest.Entry{Path: f.Path, ID: f.Blob, Size: f.Size}
	}
	return manifest.NewTree(entries...)
}

// file finds a file of the version.
func (v versionRecord) file(p string) (fileRecord, bool) {
	i, ok := v.search(manifest.Path(p))
	if !ok {
		return fileRecord{}, false
	}
	return v.Files[i], true
}

func (v versionRecord) search(p manifest.Path) (int, bool) {
	return slices.BinarySearchFunc(v.Files, p, func(f fileRecord, p manifest.Path) int {
		return strings.Compare(string(f.Path), string(p))
	})
}

// set adds a file or replaces the one of that path.
func (v *versionRecord) set(f fileRecord) {
	i, ok := v.search(f.Path)
	if ok {
		v.Files[i] = f
		return
	}
	v.Files = slices.Insert(v.Files, i, f)
}

// remove takes a file out.
func (v *versionRecord) remove(p string) {
	v.Files = slices.DeleteFunc(v.Files, func(f fileRecord) bool { return string(f.Path) == p })
}

// rewrite gives the main file the frontmatter keys that the web application
// adds, if it changed in version since.
func (st *state) rewrite(a assetRecord, v *versionRecord, since int32) (changed bool, err error) {
	t, _ := assettype.Lookup(a.Type)
	f, ok := v.file(t.MainFile)
	if !t.Frontmatter || !ok || f.Version != since {
		return false, nil
	}
	content, err := st.blob(f.Blob)
	if err != nil {
		return false, err
	}
	after := rewriteFrontmatter(content, v.Metadata)
	if bytes.Equal(content, after) {
		return false, nil
	}
	f, err = st.newFile(v.Version, f, incoming{path: f.Path, content: after, text: f.Text, metadata: f.Metadata})
	v.set(f)
	return true, err
}

// newFile stores content as a file that version changes last. old is the
// file that it replaces, or zero.
func (st *state) newFile(version int32, old fileRecord, in incoming) (fileRecord, error) {
	id, err := st.putBlob(in.content)
	f := fileRecord{
		Path: in.path, Blob: id, Size: int64(len(in.content)), Text: in.text, Metadata: in.metadata,
		Version: version, Created: st.now, Updated: st.now,
	}
	if !old.Created.IsZero() {
		f.Created = old.Created
	}
	return f, err
}

// rewriteFrontmatter adds status and agent_types after the first line of a
// main file's frontmatter where they are missing, and makes a frontmatter
// with name and description where there is none.
func rewriteFrontmatter(content []byte, metadata map[string]any) []byte {
	keys := []string{"status", "agent_types"}
	head, tail := []byte("---\n"), append([]byte("---\n"), content...)
	have := map[string]any{}
	if f, err := assettype.ParseFrontmatter(content); err == nil {
		first := bytes.IndexByte(content, '\n') + 1
		head, tail, have = content[:first], content[first:], f.Fields
	} else {
		keys = append([]string{"name", "description"}, keys...)
	}
	out := bytes.Clone(head)
	for _, k := range keys {
		value, ok := metadata[k]
		if _, there := have[k]; there || !ok {
			continue
		}
		// JSON is YAML on one line. Metadata came from JSON, so it is JSON.
		if raw, err := json.Marshal(value); err == nil {
			out = fmt.Appendf(out, "%s: %s\n", k, raw)
		}
	}
	return append(out, tail...)
}
