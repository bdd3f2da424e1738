package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestGoldenResponses reads testdata/responses/OPERATION.json as the answer of
// each operation and pins the value that the caller gets.
func TestGoldenResponses(t *testing.T) {
	created, updated := time.Unix(1781000000, 0).UTC(), time.Unix(1781000200, 250_000_000).UTC()
	asset := Asset{AssetId: new("ki-5b1c9f3a"), AssetType: new("skill"), Metadata: Document(`{"name":"queue-depth-check","weight":1.50,"big":12345678901234567890}`),
		Version: new(int32(2)), CreatedAt: &created, UpdatedAt: &updated}
	file := AssetFile{Path: new("references/limits.md"), Content: &AssetFileBodyMemberText{"# Größe 😀\n"}, Metadata: Document(`{"a":[1,null]}`),
		Version: new(int32(2)), CreatedAt: &created, UpdatedAt: &updated}
	binary := file
	binary.Path, binary.Content, binary.Metadata = new("references/a (1).md"), &AssetFileBodyMemberBytes{[]byte("\xff\x00")}, nil
	summary := AssetFileSummary{Path: new("a b.md"), Metadata: Document(`"any"`), Version: new(int32(1)), CreatedAt: &created, UpdatedAt: &updated}
	want := map[string]any{
		"ListAssetTypes":    &ListAssetTypesOutput{Items: []AssetTypeSummary{{AssetType: new("skill"), Description: new("Reusable instructions")}}, NextToken: new("t/+=")},
		"CreateAsset":       &CreateAssetOutput{Asset: &asset},
		"GetAsset":          &GetAssetOutput{Asset: &asset},
		"UpdateAsset":       &UpdateAssetOutput{Asset: &asset},
		"DeleteAsset":       &DeleteAssetOutput{},
		"ListAssets":        &ListAssetsOutput{Items: []Asset{asset}, NextToken: new("b3BhcXVl")},
		"ListAssetVersions": &ListAssetVersionsOutput{Items: []AssetVersionMetadata{{Version: new(int32(2)), CreatedAt: &created, UpdatedAt: &updated}}},
		"GetAssetContent":   &GetAssetContentOutput{Content: &AssetZipContent{ZipFile: []byte("PK\x05\x06")}, Version: new(int32(2))},
		"CreateAssetFile":   &CreateAssetFileOutput{File: &file},
		"GetAssetFile":      &GetAssetFileOutput{File: &binary},
		"UpdateAssetFile":   &UpdateAssetFileOutput{File: &file},
		"DeleteAssetFile":   &DeleteAssetFileOutput{},
		"ListAssetFiles":    &ListAssetFilesOutput{Items: []AssetFileSummary{summary}},
	}
	for operation, call := range everyCall() {
		t.Run(operation, func(t *testing.T) {
			body, err := os.ReadFile(filepath.Join("testdata", "responses", operation+".json"))
			if err != nil {
				t.Fatal(err)
			}
			client := newTestClient(t, Options{HTTPClient: answers(200, nil, string(body))})
			got, err := call(t.Context(), client)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[operation], got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAnswersThatCannotBeTrue(t *testing.T) {
	in := func() (space, id *string) { return new("s"), new("a") }
	list := func(ctx context.Context, c *Client) error {
		space, id := in()
		_, err := c.ListAssetFiles(ctx, &ListAssetFilesInput{AgentSpaceId: space, AssetId: id})
		return err
	}
	content := func(ctx context.Context, c *Client) error {
		space, id := in()
		_, err := c.GetAssetContent(ctx, &GetAssetContentInput{AgentSpaceId: space, AssetId: id, AssetVersion: new(int32(2))})
		return err
	}
	file := func(ctx context.Context, c *Client) error {
		space, id := in()
		_, err := c.GetAssetFile(ctx, &GetAssetFileInput{AgentSpaceId: space, AssetId: id, Path: new("a.md")})
		return err
	}
	tests := []struct {
		name string
		call func(context.Context, *Client) error
		body string
		want string
	}{
		{"no list is not an empty list", list, `{}`, "items is missing"},
		{"null is no list", list, `{"items":null}`, "items is missing"},
		{"file without path", list, `{"items":[{"path":"a","version":1},{"version":1}]}`, "items[1]: path is missing"},
		{"file of version 0", list, `{"items":[{"path":"a","version":0}]}`, "items[0]: version 0 is below 1"},
		{"item of a wrong type", list, `{"items":["a"]}`, "/items/0: want an object, got string"},
		{"version too large", list, `{"items":[{"path":"a","version":2147483648}]}`, "/items/0/version: want a 32-bit integer"},
		{"content of another version", content, `{"content":{"zipFile":""},"version":3}`, "version is 3, not 2"},
		{"content without version", content, `{"content":{"zipFile":""}}`, "version is missing"},
		{"content without zip", content, `{"content":{},"version":2}`, "content.zipFile is missing"},
		{"another file", file, `{"file":{"path":"b.md","content":{"text":""},"version":1}}`, `path is "b.md", not "a.md"`},
		{"no content is not an empty file", file, `{"file":{"path":"a.md","version":1}}`, "file.content is missing"},
		{"content of an unknown kind", file, `{"file":{"path":"a.md","content":{"uri":"x"},"version":1}}`, `/file/content: want exactly one of bytes, text, got "uri"`},
		{"no file", file, `{}`, "file is missing"},
		{"deep nesting", file, strings.Repeat(`{"file":`, 20_000), "not JSON"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.call(t.Context(), newTestClient(t, Options{HTTPClient: answers(200, http.Header{"X-Amzn-Requestid": {"r-1"}}, tt.body)}))
			if !IsKind(err, KindInvalidResponse) || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "request r-1") {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Set(pairs[i], pairs[i+1])
		}
		return h
	}
	tests := []struct {
		name   string
		status int
		header http.Header
		body   string
		want   Error
	}{
		{"header", 409, header("x-amzn-errortype", "ConflictException", "x-amzn-RequestId", "r-1"), `{"message":"token already used"}`,
			Error{Kind: KindConflict, RequestID: "r-1", Message: "token already used"}},
		{"header with a suffix", 404, header("x-amzn-errortype", "ResourceNotFoundException:http://internal.amazon.com/"), `{}`, Error{Kind: KindNotFound}},
		{"header with a namespace", 400, header("x-amzn-errortype", "com.amazon#InvalidParameterException"), `{}`, Error{Kind: KindInvalidParameter}},
		{"header before __type", 402, header("x-amzn-errortype", "ServiceQuotaExceededException"), `{"__type":"ConflictException"}`, Error{Kind: KindQuotaExceeded}},
		{"__type", 413, nil, `{"__type":"ContentSizeExceededException","message":"m"}`, Error{Kind: KindContentSizeExceeded, Message: "m"}},
		{"__type with a namespace", 403, nil, `{"__type":"aws.x#AccessDeniedException:http://x"}`, Error{Kind: KindAccessDenied}},
		{"__type before code", 400, nil, `{"__type":"ConflictException","code":"ValidationException"}`, Error{Kind: KindConflict}},
		{"code", 500, nil, `{"code":"InternalServerException"}`, Error{Kind: KindInternalServer}},
		{"fields", 400, nil, `{"__type":"ValidationException","message":"m","fieldList":[{"path":"/metadata/agent_types","message":"must not be empty"}]}`,
			Error{Kind: KindValidation, Message: "m", Fields: []FieldError{{"/metadata/agent_types", "must not be empty"}}}},
		{"members of wrong types", 400, nil, `{"__type":"ValidationException","message":7,"fieldList":"x"}`, Error{Kind: KindValidation}},
		{"throttling asks to wait", 429, header("Retry-After", "7"), `{"__type":"ThrottlingException"}`, Error{Kind: KindThrottling, RetryAfter: 7 * time.Second}},
		{"expired token", 403, header("x-amzn-errortype", "ExpiredTokenException"), `{"message":"m"}`, Error{Kind: KindCredentialsExpired, Code: "ExpiredTokenException", Message: "m"}},
		{"unknown client", 403, nil, `{"__type":"UnrecognizedClientException"}`, Error{Kind: KindNotAuthorized, Code: "UnrecognizedClientException"}},
		{"wrong signature", 403, nil, `{"__type":"InvalidSignatureException","Message":"capital"}`, Error{Kind: KindNotAuthorized, Code: "InvalidSignatureException", Message: "capital"}},
		{"no token at all", 403, nil, `{"__type":"MissingAuthenticationTokenException"}`, Error{Kind: KindNotAuthorized, Code: "MissingAuthenticationTokenException"}},
		{"unnamed 400", 400, nil, `{"message":"m"}`, Error{Kind: KindValidation, Message: "m"}},
		{"unnamed 409", 409, nil, `{}`, Error{Kind: KindConflict}},
		{"unnamed 404 is not an absence", 404, nil, `{"message":"Not Found"}`, Error{Kind: KindUnexpected, Message: "Not Found"}},
		{"unknown name 404 is not an absence", 404, nil, `{"__type":"UnknownOperationException"}`, Error{Kind: KindUnexpected, Code: "UnknownOperationException"}},
		{"page 404 is not an absence", 404, nil, `<html>`, Error{Kind: KindUnexpected, Message: "the answer is not JSON"}},
		{"page 400", 400, nil, `<html>`, Error{Kind: KindUnexpected, Message: "the answer is not JSON"}},
		{"page 413", 413, nil, `<html>`, Error{Kind: KindContentSizeExceeded, Message: "the answer is not JSON"}},
		{"page 429", 429, nil, ``, Error{Kind: KindThrottling, Message: "the answer is not JSON"}},
		{"page 403", 403, nil, `<html>`, Error{Kind: KindAccessDenied, Message: "the answer is not JSON"}},
		{"page 500", 500, nil, `<html>`, Error{Kind: KindUnavailable, Message: "the answer is not JSON"}},
		{"503", 503, nil, `{"__type":"ServiceUnavailableException"}`, Error{Kind: KindUnavailable, Code: "ServiceUnavailableException"}},
		{"name with control characters", 400, header("x-amzn-errortype", "Odd\x1b[31m"), `{}`, Error{Kind: KindUnexpected, Code: "Odd\uFFFD[31m"}},
		{"hostile message", 400, nil, `{"__type":"ConflictException","message":"a\u001b[2J\u202eb\nc"}`, Error{Kind: KindConflict, Message: "a\uFFFD[2J\uFFFDb c"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := newTestClient(t, Options{HTTPClient: answers(tt.status, tt.header, tt.body)})
			_, err := client.GetAsset(t.Context(), &GetAssetInput{AgentSpaceId: new("s"), AssetId: new("a")})
			var got *Error
			if !errors.As(err, &got) {
				t.Fatalf("error %v is no *Error", err)
			}
			tt.want.Operation, tt.want.Status = "GetAsset", tt.status
			if diff := cmp.Diff(tt.want, *got, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	err := &Error{Kind: KindNotAuthorized, Operation: "GetAsset", Status: 403, Code: "InvalidSignatureException", RequestID: "r-1", Message: "m",
		Fields: []FieldError{{"/a", "b"}}, Err: fmt.Errorf("odd\x1b[2J")}
	want := "GetAsset: m; /a: b; odd\uFFFD[2J (NotAuthorized, InvalidSignatureException, HTTP 403, request r-1)"
	if got := err.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := (&Error{Kind: KindConflict}).Error(), "(ConflictException)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestLongMessageIsCut(t *testing.T) {
	body := fmt.Sprintf(`{"__type":"ConflictException","message":%q,"fieldList":[%s{"path":"p"}]}`,
		strings.Repeat("ü", 5000), strings.Repeat(`{"path":"p","message":"m"},`, 500))
	got := ReadError(&http.Response{StatusCode: 409}, []byte(body))
	if n := utf8.RuneCountInString(got.Message); n != maxMessageShown+1 || len(got.Fields) != maxFieldsShown {
		t.Errorf("message of %d characters, %d fields", n, len(got.Fields))
	}
}

func TestKindStatus(t *testing.T) {
	want := map[Kind]int{
		KindValidation: 400, KindInvalidParameter: 400, KindQuotaExceeded: 402, KindAccessDenied: 403, KindNotFound: 404,
		KindConflict: 409, KindContentSizeExceeded: 413, KindThrottling: 429, KindInternalServer: 500, KindUnavailable: 0,
	}
	for kind, status := range want {
		if got := kind.Status(); got != status {
			t.Errorf("%s: got %d, want %d", kind, got, status)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	const date = "Mon, 02 Nov 2026 10:00:00 GMT"
	tests := []struct {
		value, date string
		want        time.Duration
	}{
		{"", date, 0}, {"0", date, 0}, {" 3 ", date, 3 * time.Second}, {"-3", date, 0}, {"3.5", date, 0},
		{"99999999", date, time.Hour}, {"99999999999999999999", date, 0},
		{"Mon, 02 Nov 2026 10:00:30 GMT", date, 30 * time.Second},
		{"Mon, 02 Nov 2026 09:00:00 GMT", date, 0},
		{"Mon, 02 Nov 2026 23:00:00 GMT", date, time.Hour},
		{"Mon, 02 Nov 2026 10:00:30 GMT", "", 0},
	}
	for _, tt := range tests {
		h := http.Header{"Retry-After": {tt.value}, "Date": {tt.date}}
		if got := RetryAfter(h); got != tt.want {
			t.Errorf("%q at %q: got %v, want %v", tt.value, tt.date, got, tt.want)
		}
	}
}

func FuzzReadError(f *testing.F) {
	f.Add(400, "ValidationException:x", []byte(`{"__type":"a#b","message":"m","fieldList":[{"path":"/a","message":"b"}]}`))
	f.Add(404, "", []byte(`<html>`))
	f.Add(500, "x#", []byte(`{"code":null,"Message":"\ud800"}`))
	f.Fuzz(func(t *testing.T, status int, name string, body []byte) {
		resp := &http.Response{StatusCode: status, Header: http.Header{"X-Amzn-Errortype": {name}, "X-Amzn-Requestid": {name}}}
		e := ReadError(resp, body)
		if e.Kind == "" {
			t.Fatal("no kind")
		}
		text := e.Error()
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '\u202e' }) {
			t.Errorf("not fit to print: %q", text)
		}
		if e.Kind == KindNotFound && !strings.Contains(name+string(body), "ResourceNotFoundException") {
			// A JSON escape may spell the name; then it decodes to it.
			var b ErrorBody
			if !readErrorBody(body, &b) || !strings.Contains(errorName(resp.Header, b), "ResourceNotFoundException") {
				t.Errorf("NotFound without its name: %q %q", name, body)
			}
		}
	})
}

func FuzzAssetContent(f *testing.F) {
	f.Add([]byte(`{"content":{"zip":{"zipFile":"UEs="}}}`))
	f.Add([]byte(`{"content":{"file":{"path":"a","body":{"text":"\ud83d\ude00"},"metadata":{"a":1.0}}},"clientToken":"t"}`))
	f.Add([]byte(`{"content":{"file":{"body":{"bytes":"AP8="}},"zip":null}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second CreateAssetInput
		if json.Unmarshal(data, &first) != nil {
			return
		}
		encoded, err := first.MarshalJSON()
		if err != nil {
			t.Fatalf("what was decoded cannot be encoded: %v", err)
		}
		if err := json.Unmarshal(encoded, &second); err != nil {
			t.Fatalf("what was encoded cannot be decoded: %v\n%s", err, encoded)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"a":[1.10,12345678901234567890,"\ud800",null,true]}`))
	f.Add([]byte(`1e400`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var doc Document
		if doc.UnmarshalJSON(data) != nil {
			return
		}
		var v any
		if err := doc.Decode(&v); err != nil {
			t.Fatal(err)
		}
		again, err := NewDocument(v)
		if err != nil {
			t.Fatal(err)
		}
		var w any
		if err := again.Decode(&w); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, w); diff != "" {
			t.Error(diff)
		}
	})
}

func FuzzTimestamp(f *testing.F) {
	for _, s := range []string{"0", "-0.5", "1781000000.123456789", "1.781e9", "1e-99", "253402300799.9999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := decodeTime([]byte(s))
		if err != nil {
			return
		}
		text, err := encodeTime(got)
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if again, err := decodeTime(text); err != nil || !again.Equal(got) {
			t.Errorf("%s: written %s, read %v, %v", s, text, again, err)
		}
	})
}

// TestReadBody reads bodies whose length is told, rightly or not, and some that are too
// long.
func TestReadBody(t *testing.T) {
	for _, tc := range []struct {
		name       string
		told, most int64
		body, want string
	}{
		{"not told", -1, 10, "abc", "abc"},
		{"told", 3, 10, "abc", "abc"},
		{"longer than told", 1, 10, "abc", "abc"},
		{"shorter than told", 9, 10, "abc", "abc"},
		{"told to be too long", 11, 10, "abc", "abc"},
		{"too long", 12, 10, "abcdefghijkl", "abcdefghijk"},
		{"empty", 0, 10, "", ""},
	} {
		got, err := ReadBody(&http.Response{ContentLength: tc.told, Body: io.NopCloser(strings.NewReader(tc.body))}, tc.most)
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: %q, %v, want %q", tc.name, got, err, tc.want)
		}
	}
}
