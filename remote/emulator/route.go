package emulator

import (
	"net/http"
	"net/url"
	"strings"
)

// operation is one of the thirteen.
type operation struct {
	name   string
	method string
	write  bool
	status int // of a success
	run    func(*state, *call) (any, error)
}

// The places in the service's tree of resources; each takes some methods.
const (
	placeTypes    = "types"
	placeAssets   = "assets"
	placeAsset    = "asset"
	placeVersions = "versions"
	placeContent  = "content"
	placeFiles    = "files"
	placeFile     = "file"
)

func operations(place string) []operation {
	const ok, created = http.StatusOK, http.StatusCreated
	switch place {
	case placeTypes:
		return []operation{{"ListAssetTypes", http.MethodGet, false, ok, listAssetTypes}}
	case placeAssets:
		return []operation{
			{"ListAssets", http.MethodGet, false, ok, listAssets},
			{"CreateAsset", http.MethodPost, true, created, createAsset},
		}
	case placeAsset:
		return []operation{
			{"GetAsset", http.MethodGet, false, ok, getAsset},
			{"UpdateAsset", http.MethodPatch, true, ok, updateAsset},
			{"DeleteAsset", http.MethodDelete, true, ok, deleteAsset},
		}
	case placeVersions:
		return []operation{{"ListAssetVersions", http.MethodGet, false, ok, listAssetVersions}}
	case placeContent:
		return []operation{{"GetAssetContent", http.MethodGet, false, ok, getAssetContent}}
	case placeFiles:
		return []operation{{"ListAssetFiles", http.MethodGet, false, ok, listAssetFiles}}
	case placeFile:
		return []operation{
			{"GetAssetFile", http.MethodGet, false, ok, getAssetFile},
			{"CreateAssetFile", http.MethodPost, true, created, createAssetFile},
			{"UpdateAssetFile", http.MethodPatch, true, ok, updateAssetFile},
			{"DeleteAssetFile", http.MethodDelete, true, ok, deleteAssetFile},
		}
	}
	return nil
}

// Operations returns the names of the operations, for checking a rule that
// names one.
func Operations() []string {
	var names []string
	for _, place := range []string{placeTypes, placeAssets, placeAsset, placeVersions, placeContent, placeFiles, placeFile} {
		for _, op := range operations(place) {
			names = append(names, op.name)
		}
	}
	return names
}

// call is one request, read to its end.
type call struct {
	op        operation
	space     string
	asset     string
	path      string
	query     url.Values
	body      []byte
	who       string // access key id, or user agent
	requestID string
	token     *claim // of the client token; nil without one
	created   string // id of the asset that was made
}

// route finds the operation by method and path, never by host.
func route(method string, u *url.URL) (*call, error) {
	place, c, ok := locate(u.EscapedPath())
	if !ok {
		return nil, unknownOperation()
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, frontDoor(http.StatusBadRequest, "SerializationException", "the query is not URL-encoded")
	}
	c.query = query
	for _, op := range operations(place) {
		if op.method == method {
			c.op = op
			return c, nil
		}
	}
	return nil, unknownOperation()
}

// locate reads /asset/types and /asset/agent-space/{space}/assets… . A file's
// path is everything after "files/", slashes included.
func locate(escaped string) (place string, c *call, ok bool) {
	if escaped == "/asset/types" {
		return placeTypes, &call{}, true
	}
	rest, ok := strings.CutPrefix(escaped, "/asset/agent-space/")
	if !ok {
		return "", nil, false
	}
	parts := strings.SplitN(rest, "/", 5) // space "assets" asset word path
	for i := range parts {
		var err error
		if parts[i], err = url.PathUnescape(parts[i]); err != nil {
			return "", nil, false
		}
	}
	if len(parts) < 2 || parts[0] == "" || parts[1] != "assets" {
		return "", nil, false
	}
	c = &call{space: parts[0]}
	if len(parts) == 2 {
		return placeAssets, c, true
	}
	if c.asset = parts[2]; c.asset == "" {
		return "", nil, false
	}
	switch {
	case len(parts) == 3:
		return placeAsset, c, true
	case len(parts) == 4 && (parts[3] == placeVersions || parts[3] == placeContent || parts[3] == placeFiles):
		return parts[3], c, true
	case len(parts) == 5 && parts[3] == placeFiles && parts[4] != "":
		c.path = parts[4]
		return placeFile, c, true
	}
	return "", nil, false
}
