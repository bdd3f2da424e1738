package emulator

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"assetsync/remote"
	"assetsync/remote/assettype"
)

// defaultPage is the page size without maxResults; nothing states it.
const defaultPage = 100

// pageToken is what nextToken holds. It is opaque to clients and bound to
// the operation and its filters.
type pageToken struct {
	Filter string `json:"f"`           // digest of operation, resource and filters
	After  string `json:"a,omitempty"` // key of the last item given
	Seed   string `json:"s,omitempty"` // of a random order
	Empty  bool   `json:"e,omitempty"` // the empty page before the next one was given
}

// listOrder compares two keys.
type listOrder func(a, b string) int

func ascending(a, b string) int  { return strings.Compare(a, b) }
func descending(a, b string) int { return strings.Compare(b, a) }

func shuffled(seed string) listOrder {
	rank := func(key string) string {
		sum := sha256.Sum256([]byte(seed + "\x00" + key))
		return string(sum[:])
	}
	return func(a, b string) int { return cmp.Or(strings.Compare(rank(a), rank(b)), strings.Compare(a, b)) }
}

// paginate gives one page of items and the token of the next.
func paginate[T any](st *state, c *call, items []T, key func(T) string, order listOrder) (page []T, next *string, err error) {
	size, err := c.intQuery("maxResults", defaultPage, st.limits.CheckPageSize)
	if err != nil {
		return nil, nil, err
	}
	if st.quirks.PageSize > 0 {
		size = min(size, int32(st.quirks.PageSize))
	}
	at, err := st.readPageToken(c)
	if err != nil {
		return nil, nil, err
	}
	if st.quirks.EmptyPages == EmptyPagesOn && !at.Empty {
		at.Empty = true
		next, err = st.pageToken(at)
		return nil, next, err
	}
	if order == nil {
		order = st.order(&at)
	}
	slices.SortFunc(items, func(a, b T) int { return order(key(a), key(b)) })
	if at.After != "" {
		first := slices.IndexFunc(items, func(item T) bool { return order(key(item), at.After) > 0 })
		if first < 0 {
			return nil, nil, nil
		}
		items = items[first:]
	}
	if len(items) <= int(size) {
		return items, nil, nil
	}
	page = items[:size]
	at.After, at.Empty = key(page[size-1]), false
	next, err = st.pageToken(at)
	return page, next, err
}

// order is the order of a list that no quirk of its own fixes.
func (st *state) order(at *pageToken) listOrder {
	switch st.quirks.ListOrder {
	case OrderReverse:
		return descending
	case OrderRandom:
		if at.Seed == "" {
			at.Seed = st.newID()
		}
		return shuffled(at.Seed)
	}
	return ascending
}

// filter is what a page token is bound to: everything but the paging.
func (c *call) filter() string {
	filters := maps.Clone(c.query)
	delete(filters, "nextToken")
	delete(filters, "maxResults")
	sum := sha256.Sum256([]byte(strings.Join([]string{c.op.name, c.space, c.asset, filters.Encode()}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

func (st *state) pageToken(at pageToken) (*string, error) {
	raw, err := json.Marshal(at)
	if err != nil {
		return nil, err
	}
	token := base64.RawURLEncoding.EncodeToString(append(st.seal(raw), raw...))
	return &token, nil
}

func (st *state) seal(raw []byte) []byte {
	h := hmac.New(sha256.New, st.secret)
	h.Write(raw)
	return h.Sum(nil)[:12]
}

func (st *state) readPageToken(c *call) (pageToken, error) {
	at := pageToken{Filter: c.filter()}
	token := c.query.Get("nextToken")
	if !c.query.Has("nextToken") {
		return at, nil
	}
	if err := st.limits.CheckNextToken(token); err != nil {
		return at, invalid("/nextToken", "%v", err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) < 12 || !hmac.Equal(raw[:12], st.seal(raw[12:])) {
		return at, invalid("/nextToken", "is not a token of this service")
	}
	var read pageToken
	if err := json.Unmarshal(raw[12:], &read); err != nil || read.Filter != at.Filter {
		return at, invalid("/nextToken", "belongs to a request with other parameters")
	}
	return read, nil
}

// intQuery reads an integer of the query; fallback when it is absent.
func (c *call) intQuery(name string, fallback int32, check func(int32) error) (int32, error) {
	if !c.query.Has(name) {
		return fallback, nil
	}
	n, err := strconv.ParseInt(c.query.Get(name), 10, 32)
	if err != nil {
		return 0, invalid("/"+name, "must be a number")
	}
	if err := check(int32(n)); err != nil {
		return 0, invalid("/"+name, "%v", err)
	}
	return int32(n), nil
}

// timeQuery reads a time of the query; zero when it is absent.
func (c *call) timeQuery(name string) (time.Time, error) {
	if !c.query.Has(name) {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, c.query.Get(name))
	if err != nil {
		return t, invalid("/"+name, "must be a time as RFC 3339 writes it")
	}
	return t, nil
}

func listAssetTypes(st *state, c *call) (any, error) {
	page, next, err := paginate(st, c, assettype.All(), func(t assettype.Type) string { return t.Name }, ascending)
	if err != nil {
		return nil, err
	}
	out := &remote.ListAssetTypesOutput{NextToken: next}
	for _, t := range page {
		out.Items = append(out.Items, remote.AssetTypeSummary{AssetType: &t.Name, Description: new("Assets of type " + t.Name)})
	}
	return out, nil
}

func listAssets(st *state, c *call) (any, error) {
	after, err := c.timeQuery("updatedAfter")
	if err != nil {
		return nil, err
	}
	before, err := c.timeQuery("updatedBefore")
	if err != nil {
		return nil, err
	}
	kind := c.query.Get("assetType")
	if c.query.Has("assetType") {
		if err := st.limits.CheckAssetType(kind); err != nil {
			return nil, invalid("/assetType", "%v", err)
		}
	}
	var items []remote.Asset
	err = st.assetsIn(c.space, func(a assetRecord) error {
		shape, err := st.listed(a)
		if err != nil || shape == nil || (kind != "" && a.Type != kind) {
			return err
		}
		if (after.IsZero() || shape.UpdatedAt.After(after)) && (before.IsZero() || shape.UpdatedAt.Before(before)) {
			items = append(items, *shape)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(st, c, items, func(a remote.Asset) string { return *a.AssetId }, nil)
	return &remote.ListAssetsOutput{Items: page, NextToken: next}, err
}

// listed is an asset as ListAssets shows it, perhaps with a lag; nil when it
// shows none.
func (st *state) listed(a assetRecord) (*remote.Asset, error) {
	number, ok := st.lag.visible(a)
	if !ok {
		return nil, nil
	}
	raw := st.bucket(bucketVersions).Get(versionKey(a.Space, a.ID, number))
	if raw == nil {
		return nil, fmt.Errorf("asset %s: version %d is missing from the store", a.ID, number)
	}
	v, err := readHead(raw)
	if err != nil {
		return nil, fmt.Errorf("read version %d of asset %s: %w", number, a.ID, err)
	}
	return st.assetShape(a, v)
}

func listAssetVersions(st *state, c *call) (any, error) {
	a, err := st.asset(c)
	if err != nil {
		return nil, err
	}
	var items []remote.AssetVersionMetadata
	err = st.versions(a, func(v versionHead) error {
		items = append(items, remote.AssetVersionMetadata{
			Version: new(v.Version), CreatedAt: st.reported(a, v.Created), UpdatedAt: st.reported(a, v.Updated),
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	order := listOrder(descending)
	if st.quirks.VersionOrder == VersionsOldest {
		order = ascending
	}
	page, next, err := paginate(st, c, items, func(v remote.AssetVersionMetadata) string { return fmt.Sprintf("%010d", *v.Version) }, order)
	return &remote.ListAssetVersionsOutput{Items: page, NextToken: next}, err
}

func listAssetFiles(st *state, c *call) (any, error) {
	a, v, err := st.pinned(c)
	if err != nil {
		return nil, err
	}
	items := make([]remote.AssetFileSummary, len(v.Files))
	for i, f := range v.Files {
		items[i] = st.summary(a, v, f)
	}
	page, next, err := paginate(st, c, items, func(f remote.AssetFileSummary) string { return *f.Path }, nil)
	return &remote.ListAssetFilesOutput{Items: page, NextToken: next}, err
}

// reported is a time as the service gives it: with milliseconds, unless a
// quirk says otherwise.
func (st *state) reported(a assetRecord, t time.Time) *time.Time {
	unit := time.Millisecond
	switch st.quirks.Timestamps {
	case TimestampsSeconds:
		unit = time.Second
	case TimestampsFrozen:
		t = a.Created
	}
	t = t.UTC().Truncate(unit)
	return &t
}
