// Package remote speaks the wire of the asset service of AWS DevOps Agent.
//
// Shapes, unions and paginators are named as aws-sdk-go-v2 generates them, so
// that a later SDK can replace them here and nowhere else. [Client] sends and
// reads them; a server decodes and encodes the same shapes with
// [encoding/json]. Credentials, signing, retry and rates belong to the
// transport below, [Options.HTTPClient].
//
// # Wire
//
// The protocol is AWS restJson1, API version 2026-01-01. Let S be
// /asset/agent-space/{agentSpaceId}/assets and A be S/{assetId}:
//
//	ListAssetTypes     GET    /asset/types      ?nextToken maxResults
//	CreateAsset        POST   S                 {assetType content metadata clientToken} -> {asset}
//	GetAsset           GET    A                 ?assetVersion -> {asset}
//	UpdateAsset        PATCH  A                 {metadata content clientToken} -> {asset}
//	DeleteAsset        DELETE A
//	ListAssets         GET    S                 ?assetType updatedAfter updatedBefore nextToken maxResults
//	ListAssetVersions  GET    A/versions        ?maxResults nextToken
//	GetAssetContent    GET    A/content         ?assetVersion -> {content: {zipFile} version}
//	CreateAssetFile    POST   A/files/{path+}   {content metadata clientToken} -> {file}
//	GetAssetFile       GET    A/files/{path+}   ?assetVersion -> {file}
//	UpdateAssetFile    PATCH  A/files/{path+}   {content metadata clientToken} -> {file}
//	DeleteAssetFile    DELETE A/files/{path+}
//	ListAssetFiles     GET    A/files           ?assetVersion nextToken maxResults
//
// A list answers {items nextToken}; the last page has no nextToken. Creates
// answer 201, everything else 200; a client takes any 2xx, and nothing or an
// empty object for a delete.
//
// POST and PATCH carry a JSON object with Content-Type application/json,
// DELETE carries Content-Length 0, GET neither. Members of the path and the
// query are never in the body. In a path every byte outside RFC 3986
// unreserved is percent-encoded with upper-case digits; {path+} keeps its
// slashes. The query is encoded the same way, its names in alphabetical
// order; times are RFC 3339 in UTC, numbers decimal.
//
// In bodies a blob is padded standard base64, a time is a number of seconds
// since 1970 with an optional fraction, a document (metadata) is inline JSON
// of any kind. A member that is null is absent. Names are matched exactly;
// unknown members are ignored, except in a union, which holds exactly one
// known member. A string that is not valid UTF-8, or that escapes half a
// surrogate pair, is refused: replacing it would change content silently.
//
// An error is any other status. Its name is in the header x-amzn-errortype
// (up to a colon, after a "#"), else in the member __type, else in code; the
// body has message and, for ValidationException, fieldList of {path message}.
//
// # Writes
//
// No operation compares before it swaps. A write that was answered with an
// error of the service had no effect; a write whose answer was lost or cannot
// be understood wraps [ErrAmbiguous], and it is the caller who looks.
package remote
