package emulator

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"assetsync/remote"
	"assetsync/remote/assettype"
)

// errFound ends a walk early.
var errFound = errors.New("found")

func createAsset(st *state, c *call) (any, error) {
	var in remote.CreateAssetInput
	if err := decodeBody(c, &in); err != nil {
		return nil, err
	}
	replay, err := st.claim(c, in.ClientToken)
	if err != nil || replay != nil {
		return replay, err
	}
	if in.AssetType == nil {
		return nil, invalid("/assetType", "must not be absent")
	}
	t, ok := assettype.Lookup(*in.AssetType)
	if !ok {
		return nil, invalid("/assetType", "is not a type that can be created")
	}
	a := assetRecord{Space: c.space, ID: "ki-" + st.newID(), Type: t.Name, Created: st.now}
	v := versionRecord{versionHead: versionHead{Version: 1, Created: st.now, Updated: st.now, Metadata: map[string]any{}}}
	if err := st.mergeMetadata(&v, in.Metadata); err != nil {
		return nil, err
	}
	up, err := st.readUpload(in.Content)
	if err != nil {
		return nil, err
	}
	if err := st.change(t, a, &v, &up); err != nil {
		return nil, err
	}
	if err := st.checkQuota(t, a); err != nil {
		return nil, err
	}
	if err := st.save(c, a, v); err != nil {
		return nil, err
	}
	c.created = a.ID
	shape, err := st.assetShape(a, v.versionHead)
	return &remote.CreateAssetOutput{Asset: shape}, err
}

// change puts an upload into v and holds the result to the rules. up is nil
// when only metadata changes.
func (st *state) change(t assettype.Type, a assetRecord, v *versionRecord, up *upload) error {
	if up != nil {
		if err := st.apply(v, *up); err != nil {
			return err
		}
		if err := st.checkUpload(t, *v, *up, "/content"); err != nil {
			return err
		}
	}
	if err := refuseFindings(assettype.CheckMetadata(t, v.Metadata), "/metadata"); err != nil {
		return err
	}
	addDefaults(t, v.Metadata)
	return st.checkUnique(t, a, v.Metadata)
}

// addDefaults adds what the service adds, and drops the status that it keeps
// for skills only.
func addDefaults(t assettype.Type, metadata map[string]any) {
	for k, value := range assettype.DefaultMetadata(t) {
		if _, ok := metadata[k]; !ok {
			metadata[k] = value
		}
	}
	if t.Name != assettype.Skill {
		delete(metadata, "status")
	}
}

// mergeMetadata puts the keys that were sent into v.
func (st *state) mergeMetadata(v *versionRecord, sent remote.Document) error {
	members, err := sent.Map()
	if err != nil {
		return invalid("/metadata", "must be an object")
	}
	for _, k := range slices.Sorted(maps.Keys(members)) {
		value := members[k]
		switch {
		case value != nil || st.quirks.NullMetadata == NullStore:
			v.Metadata[k] = value
		case st.quirks.NullMetadata == NullRemove:
			delete(v.Metadata, k)
		default:
			return invalid("/metadata/"+k, "must not be null")
		}
	}
	return nil
}

// checkQuota counts the assets of a type in a space.
func (st *state) checkQuota(t assettype.Type, a assetRecord) error {
	most := t.PerSpace
	if most > 0 && st.quota > 0 {
		most = st.quota
	}
	if most == 0 {
		return nil
	}
	count := 0
	err := st.assetsIn(a.Space, func(other assetRecord) error {
		if other.Type == t.Name && !other.Deleted {
			count++
		}
		return nil
	})
	if err == nil && count >= most {
		err = refuse(remote.KindQuotaExceeded, "%s quota of %d reached", t.Name, most)
	}
	return err
}

// checkUnique refuses a second agents_md of one agent type.
func (st *state) checkUnique(t assettype.Type, a assetRecord, metadata map[string]any) error {
	if t.Name != assettype.AgentsMD {
		return nil
	}
	err := st.assetsIn(a.Space, func(other assetRecord) error {
		if other.Type != a.Type || other.Deleted || other.ID == a.ID {
			return nil
		}
		v, _, err := load[versionRecord](st.bucket(bucketVersions), versionKey(other.Space, other.ID, other.Latest))
		if err == nil && v.Metadata["agent_type"] == metadata["agent_type"] {
			err = errFound
		}
		return err
	})
	if errors.Is(err, errFound) {
		return refuse(remote.KindConflict, "the space has an agents_md of agent type %v", metadata["agent_type"])
	}
	return err
}

func getAsset(st *state, c *call) (any, error) {
	a, v, err := st.pinned(c)
	if err != nil {
		return nil, err
	}
	shape, err := st.assetShape(a, v.versionHead)
	return &remote.GetAssetOutput{Asset: shape}, err
}

func updateAsset(st *state, c *call) (any, error) {
	var in remote.UpdateAssetInput
	if err := decodeBody(c, &in); err != nil {
		return nil, err
	}
	a, v, t, err := st.claimNewest(c, in.ClientToken)
	if err != nil {
		return nil, err
	}
	next := st.next(a, v)
	if err := st.mergeMetadata(&next, in.Metadata); err != nil {
		return nil, err
	}
	if t.Name == assettype.Feedback && !equalJSON(next.Metadata["execution_id"], v.Metadata["execution_id"]) {
		return nil, invalid("/metadata/execution_id", "can be set only when the asset is created")
	}
	var up *upload
	if in.Content != nil {
		read, err := st.readUpload(in.Content)
		if err != nil {
			return nil, err
		}
		up = &read
	}
	if err := st.change(t, a, &next, up); err != nil {
		return nil, err
	}
	if err := st.save(c, a, next); err != nil {
		return nil, err
	}
	shape, err := st.assetShape(a, next.versionHead)
	return &remote.UpdateAssetOutput{Asset: shape}, err
}

func deleteAsset(st *state, c *call) (any, error) {
	a, err := st.asset(c)
	if err != nil {
		return nil, err
	}
	// The record stays, because a known token still answers with its id.
	a.Deleted = true
	return &remote.DeleteAssetOutput{}, errors.Join(
		save(st.bucket(bucketAssets), assetKey(a.Space, a.ID), a),
		st.record(c, a, a.Latest),
	)
}

func getAssetContent(st *state, c *call) (any, error) {
	_, v, err := st.pinned(c)
	if err != nil {
		return nil, err
	}
	archive, err := st.archive(v)
	if err != nil {
		return nil, err
	}
	return &remote.GetAssetContentOutput{Content: &remote.AssetZipContent{ZipFile: archive}, Version: new(v.Version)}, nil
}

// claimNewest is newest for a write that has a client token, which is checked
// first.
func (st *state) claimNewest(c *call, token *string) (assetRecord, versionRecord, assettype.Type, error) {
	if _, err := st.claim(c, token); err != nil {
		return assetRecord{}, versionRecord{}, assettype.Type{}, err
	}
	return st.newest(c)
}

// newest finds an asset with its newest version and its type, for a write.
func (st *state) newest(c *call) (assetRecord, versionRecord, assettype.Type, error) {
	a, err := st.asset(c)
	if err != nil {
		return a, versionRecord{}, assettype.Type{}, err
	}
	t, ok := assettype.Lookup(a.Type)
	if !ok {
		return a, versionRecord{}, t, fmt.Errorf("asset %s: unknown type %q in the store", a.ID, a.Type)
	}
	v, err := st.version(a, 0)
	return a, v, t, err
}

// pinned finds an asset and the version that the query asks for.
func (st *state) pinned(c *call) (assetRecord, versionRecord, error) {
	a, err := st.asset(c)
	if err != nil {
		return a, versionRecord{}, err
	}
	number, err := c.intQuery("assetVersion", 0, st.limits.CheckVersion)
	if err != nil {
		return a, versionRecord{}, err
	}
	v, err := st.version(a, number)
	return a, v, err
}

func (st *state) assetShape(a assetRecord, v versionHead) (*remote.Asset, error) {
	metadata, err := remote.NewDocument(v.Metadata)
	return &remote.Asset{
		AssetId: &a.ID, AssetType: &a.Type, Metadata: metadata, Version: new(v.Version),
		CreatedAt: st.reported(a, a.Created), UpdatedAt: st.reported(a, v.Updated),
	}, err
}
