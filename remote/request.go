package remote

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// request is a call in the making. Its methods take the members of an input,
// check them, and note every fault: nothing is sent while there is one.
type request struct {
	client    *Client
	operation string
	method    string
	path      strings.Builder // escaped
	query     []string        // escaped "name=value"
	body      shape           // nil: none
	faults    []FieldError
}

func (c *Client) newRequest(operation, method string) *request {
	return &request{client: c, operation: operation, method: method}
}

// assets begins the path of everything that belongs to a space.
func (r *request) assets(space *string) *request {
	r.path.WriteString("/asset/agent-space/")
	r.label("agentSpaceId", space, r.client.limits.CheckSpaceID)
	r.path.WriteString("/assets")
	return r
}

// asset begins the path of everything that belongs to an asset.
func (r *request) asset(space, id *string) *request {
	r.assets(space).path.WriteByte('/')
	r.label("assetId", id, r.client.limits.CheckAssetID)
	return r
}

// file begins the path of one file.
func (r *request) file(space, id, path *string, limits Limits) *request {
	r.asset(space, id).path.WriteString("/files/")
	r.label("path", path, limits.CheckPath)
	return r
}

// under adds fixed words to the path.
func (r *request) under(words string) *request {
	r.path.WriteString(words)
	return r
}

func (r *request) label(member string, value *string, check func(string) error) {
	r.require(member, value != nil)
	if value == nil {
		return
	}
	r.check(member, check(*value))
	r.path.WriteString(escape(*value, "/"))
}

func (r *request) require(member string, present bool) {
	if !present {
		r.faults = append(r.faults, FieldError{Path: member, Message: "is missing"})
	}
}

func (r *request) check(member string, err error) {
	if err != nil {
		r.faults = append(r.faults, FieldError{Path: member, Message: err.Error()})
	}
}

func (r *request) add(name, value string) {
	r.query = append(r.query, name+"="+escape(value, ""))
}

func (r *request) version(n *int32) *request {
	if n != nil {
		r.check("assetVersion", r.client.limits.CheckVersion(*n))
		r.add("assetVersion", strconv.Itoa(int(*n)))
	}
	return r
}

func (r *request) page(token *string, size *int32) *request {
	if token != nil {
		r.check("nextToken", r.client.limits.CheckNextToken(*token))
		r.add("nextToken", *token)
	}
	if size != nil {
		r.check("maxResults", r.client.limits.CheckPageSize(*size))
		r.add("maxResults", strconv.Itoa(int(*size)))
	}
	return r
}

func (r *request) filter(assetType *string, after, before *time.Time) *request {
	if assetType != nil {
		r.check("assetType", r.client.limits.CheckAssetType(*assetType))
		r.add("assetType", *assetType)
	}
	if after != nil {
		r.add("updatedAfter", after.UTC().Format(time.RFC3339Nano))
	}
	if before != nil {
		r.add("updatedBefore", before.UTC().Format(time.RFC3339Nano))
	}
	return r
}

// sending sets the body, whose token is checked for all writes alike.
func (r *request) sending(body shape, token *string) *request {
	r.body = body
	if token != nil {
		r.check("clientToken", r.client.limits.CheckToken(*token))
	}
	return r
}

// content checks what an asset is made of.
func (r *request) content(content AssetContent, required bool) *request {
	switch c := content.(type) {
	case *AssetContentMemberFile:
		r.require("content.file.path", c.Value.Path != nil)
		if c.Value.Path != nil {
			r.check("content.file.path", r.client.limits.CheckPath(*c.Value.Path))
		}
		r.check("content.file.body", r.client.limits.CheckBody(c.Value.Body))
	case *AssetContentMemberZip:
		r.require("content.zip.zipFile", c.Value.ZipFile != nil)
		r.check("content.zip.zipFile", r.client.limits.CheckZip(len(c.Value.ZipFile)))
	case nil:
		r.require("content", !required)
	}
	return r
}

// fileBody checks the content of one file.
func (r *request) fileBody(body AssetFileBody, required bool) *request {
	if body == nil {
		r.require("content", !required)
	} else {
		r.check("content", r.client.limits.CheckBody(body))
	}
	return r
}

// encode makes the request that goes over the wire, one that can be replayed:
// its body is in memory and GetBody is set.
func (r *request) encode(ctx context.Context) (*http.Request, error) {
	var body []byte
	if r.body != nil {
		var err error
		body, err = encode(r.body.fields())
		r.check("body", err)
	}
	if len(r.faults) > 0 {
		return nil, &Error{Kind: KindInvalidRequest, Operation: r.operation, Fields: r.faults, Err: ErrNotSent}
	}
	target := r.client.base + r.path.String()
	if len(r.query) > 0 {
		slices.Sort(r.query)
		target += "?" + strings.Join(r.query, "&")
	}
	var req *http.Request
	var err error
	if r.body == nil {
		req, err = http.NewRequestWithContext(ctx, r.method, target, nil)
	} else {
		req, err = http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(body))
	}
	if err != nil {
		return nil, &Error{Kind: KindInvalidRequest, Operation: r.operation, Message: err.Error(), Err: ErrNotSent}
	}
	switch {
	case r.body != nil:
		req.Header.Set("Content-Type", "application/json")
	case r.method == http.MethodDelete:
		// net/http leaves Content-Length: 0 out of a DELETE, except where there
		// is a body and its encoding is named.
		req.Body = http.NoBody
		req.TransferEncoding = []string{"identity"}
	}
	return req, nil
}

// escape percent-encodes what is neither unreserved in RFC 3986 nor in keep.
// The escapes of net/url keep more, and write a space as "+" in a query.
func escape(s, keep string) string {
	const digits = "0123456789ABCDEF"
	unreserved := alnum + "-._~" + keep
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(unreserved, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
