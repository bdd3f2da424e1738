package remote

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with testdata/golden/name, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", file, diff)
	}
}

// newServer starts a server whose address stands for the service.
func newServer(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func newTestClient(t *testing.T, o Options) *Client {
	t.Helper()
	if o.Endpoint == "" {
		o.Endpoint = "http://service.test"
	}
	if o.HTTPClient == nil {
		o.HTTPClient = http.DefaultClient
	}
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answers is an HTTPClient that gives the same answer to everything.
func answers(status int, header http.Header, body string) HTTPClient {
	return doFunc(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	})
}

type doFunc func(*http.Request) (*http.Response, error)

func (f doFunc) Do(req *http.Request) (*http.Response, error) { return f(req) }

// everyCall calls each operation with every member it has.
func everyCall() map[string]func(context.Context, *Client) (any, error) {
	space, id, path, token := new("sp-demo-01"), new("ki-5b1c9f3a"), new("references/a (1)~.md"), new("0d7c1f2e-5a0b")
	plain := new("references/limits.md")
	metadata := Document(`{"name":"queue-depth-check","weight":1.50,"agent_types":["INCIDENT_RCA"],"note":"<ü>"}`)
	page, size, version := new("t/+= ~"), new(int32(50)), new(int32(2))
	body := &AssetFileBodyMemberText{"# Grüße & <x>\n"}
	return map[string]func(context.Context, *Client) (any, error){
		"ListAssetTypes": func(ctx context.Context, c *Client) (any, error) {
			return c.ListAssetTypes(ctx, &ListAssetTypesInput{NextToken: page, MaxResults: size})
		},
		"CreateAsset": func(ctx context.Context, c *Client) (any, error) {
			return c.CreateAsset(ctx, &CreateAssetInput{AgentSpaceId: space, AssetType: new("skill"), Metadata: metadata, ClientToken: token,
				Content: &AssetContentMemberFile{AssetFileContent{Path: plain, Body: body, Metadata: Document(`{"a":1}`)}}})
		},
		"GetAsset": func(ctx context.Context, c *Client) (any, error) {
			return c.GetAsset(ctx, &GetAssetInput{AgentSpaceId: space, AssetId: id, AssetVersion: version})
		},
		"UpdateAsset": func(ctx context.Context, c *Client) (any, error) {
			return c.UpdateAsset(ctx, &UpdateAssetInput{AgentSpaceId: space, AssetId: id, Metadata: metadata, ClientToken: token,
				Content: &AssetContentMemberZip{AssetZipContent{ZipFile: []byte("PK\x05\x06\xff\xfe\xfd")}}})
		},
		"DeleteAsset": func(ctx context.Context, c *Client) (any, error) {
			return c.DeleteAsset(ctx, &DeleteAssetInput{AgentSpaceId: space, AssetId: id})
		},
		"ListAssets": func(ctx context.Context, c *Client) (any, error) {
			return c.ListAssets(ctx, &ListAssetsInput{AgentSpaceId: space, AssetType: new("skill"), NextToken: page, MaxResults: size,
				UpdatedAfter:  new(time.Date(2026, 6, 2, 2, 0, 0, 0, time.FixedZone("", 7200))),
				UpdatedBefore: new(time.Date(2026, 6, 2, 0, 0, 0, 456_000_000, time.UTC))})
		},
		"ListAssetVersions": func(ctx context.Context, c *Client) (any, error) {
			return c.ListAssetVersions(ctx, &ListAssetVersionsInput{AgentSpaceId: space, AssetId: id, NextToken: page, MaxResults: size})
		},
		"GetAssetContent": func(ctx context.Context, c *Client) (any, error) {
			return c.GetAssetContent(ctx, &GetAssetContentInput{AgentSpaceId: space, AssetId: id, AssetVersion: version})
		},
		"CreateAssetFile": func(ctx context.Context, c *Client) (any, error) {
			return c.CreateAssetFile(ctx, &CreateAssetFileInput{AgentSpaceId: space, AssetId: id, Path: plain, Content: body, Metadata: metadata, ClientToken: token})
		},
		"GetAssetFile": func(ctx context.Context, c *Client) (any, error) {
			return c.GetAssetFile(ctx, &GetAssetFileInput{AgentSpaceId: space, AssetId: id, Path: new(strings.TrimSuffix(*path, "~.md") + ".md"), AssetVersion: version})
		},
		"UpdateAssetFile": func(ctx context.Context, c *Client) (any, error) {
			return c.UpdateAssetFile(ctx, &UpdateAssetFileInput{AgentSpaceId: space, AssetId: id, Path: plain, Content: &AssetFileBodyMemberBytes{[]byte("\xff\x00")}, Metadata: metadata, ClientToken: token})
		},
		"DeleteAssetFile": func(ctx context.Context, c *Client) (any, error) {
			return c.DeleteAssetFile(ctx, &DeleteAssetFileInput{AgentSpaceId: space, AssetId: id, Path: plain})
		},
		"ListAssetFiles": func(ctx context.Context, c *Client) (any, error) {
			return c.ListAssetFiles(ctx, &ListAssetFilesInput{AgentSpaceId: space, AssetId: id, AssetVersion: version, NextToken: page, MaxResults: size})
		},
	}
}

// TestGoldenRequests pins what each operation puts on the wire, read back
// from a socket.
func TestGoldenRequests(t *testing.T) {
	for operation, call := range everyCall() {
		t.Run(operation, func(t *testing.T) {
			var wire string
			server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				wire = wireText(t, r)
				w.WriteHeader(http.StatusTeapot)
			})
			var calls []string
			client := newTestClient(t, Options{Endpoint: server.URL,
				OnCall: func(op string, err error) { calls = append(calls, fmt.Sprint(op, " ", err != nil)) },
				OnStart: func(op string) func(error) {
					calls = append(calls, op+" begins")
					return func(err error) { calls = append(calls, fmt.Sprint(op, " ends ", err != nil)) }
				},
			})
			if _, err := call(t.Context(), client); !IsKind(err, KindUnexpected) {
				t.Fatalf("error %v, want the teapot's", err)
			}
			golden(t, operation+".http", wire)
			if diff := cmp.Diff([]string{operation + " begins", operation + " ends true", operation + " true"}, calls); diff != "" {
				t.Errorf("calls observed (-want +got)\n%s", diff)
			}
		})
	}
}

func wireText(t *testing.T, r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Method, r.RequestURI)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if name != "User-Agent" && name != "Accept-Encoding" {
			fmt.Fprintf(&b, "%s: %s\n", name, r.Header.Get(name))
		}
	}
	fmt.Fprintf(&b, "\n%s\n", body)
	return b.String()
}

func TestRequestCanBeReplayed(t *testing.T) {
	for operation, call := range everyCall() {
		t.Run(operation, func(t *testing.T) {
			client := newTestClient(t, Options{HTTPClient: doFunc(func(req *http.Request) (*http.Response, error) {
				if req.Body == nil || req.Body == http.NoBody {
					return nil, errors.New("stop")
				}
				first, _ := io.ReadAll(req.Body)
				again, err := req.GetBody()
				if err != nil {
					t.Fatal(err)
				}
				second, _ := io.ReadAll(again)
				if !bytes.Equal(first, second) || int64(len(first)) != req.ContentLength || len(first) == 0 {
					t.Errorf("%d bytes, then %d, announced %d", len(first), len(second), req.ContentLength)
				}
				return nil, errors.New("stop")
			})})
			if _, err := call(t.Context(), client); err == nil {
				t.Fatal("no error")
			}
		})
	}
}

func TestNewClient(t *testing.T) {
	tests := []struct {
		name, endpoint string
		options        Options
		want           string // in the error; "": none
	}{
		{name: "path kept", endpoint: "https://host.test:8443/prefix/"},
		{name: "no scheme", endpoint: "host.test", want: "is no http or https URL"},
		{name: "other scheme", endpoint: "file:///x", want: "is no http or https URL"},
		{name: "unreadable", endpoint: "http://[", want: "endpoint:"},
		{name: "with a query", endpoint: "http://h/?x", want: "more than scheme, host and path"},
		{name: "with a password", endpoint: "http://u:secret@h/", want: "more than scheme, host and path"},
		{name: "negative limit", endpoint: "http://h", options: Options{MaxBody: -1}, want: "is negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Endpoint, tt.options.HTTPClient = tt.endpoint, http.DefaultClient
			_, err := NewClient(tt.options)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("error %v tells the password", err)
			}
		})
	}
	if _, err := NewClient(Options{Endpoint: "http://h"}); err == nil {
		t.Error("a client without an HTTP client")
	}
}

// TestChecksBeforeSending proves that nothing leaves when a member is wrong.
func TestChecksBeforeSending(t *testing.T) {
	space, id := new("sp"), new("ki-1")
	long := func(n int) *string { return new(strings.Repeat("a", n)) }
	update := func(in UpdateAssetInput) func(*Client) error {
		in.AgentSpaceId, in.AssetId = space, id
		return func(c *Client) error { _, err := c.UpdateAsset(t.Context(), &in); return err }
	}
	create := func(path *string) func(*Client) error {
		return func(c *Client) error {
			_, err := c.CreateAssetFile(t.Context(), &CreateAssetFileInput{AgentSpaceId: space, AssetId: id, Path: path, Content: &AssetFileBodyMemberText{}})
			return err
		}
	}
	list := func(in ListAssetsInput) func(*Client) error {
		return func(c *Client) error { _, err := c.ListAssets(t.Context(), &in); return err }
	}
	zip := func(n int) AssetContent { return &AssetContentMemberZip{AssetZipContent{make([]byte, n)}} }
	file := func(body AssetFileBody) AssetContent {
		return &AssetContentMemberFile{AssetFileContent{Path: new("a"), Body: body}}
	}
	tests := []struct {
		name string
		call func(*Client) error
		want string // "": sent
	}{
		{"nothing given", func(c *Client) error { _, err := c.CreateAsset(t.Context(), nil); return err }, "agentSpaceId: is missing; content: is missing; assetType: is missing"},
		{"space of 64", list(ListAssetsInput{AgentSpaceId: long(64)}), ""},
		{"space of 65", list(ListAssetsInput{AgentSpaceId: long(65)}), "agentSpaceId: agent space id of 65 characters is outside 1 to 64"},
		{"space empty", list(ListAssetsInput{AgentSpaceId: new("")}), "agentSpaceId: agent space id of 0 characters"},
		{"space with a slash", list(ListAssetsInput{AgentSpaceId: new("a/b")}), "agentSpaceId: agent space id \"a/b\" contains '/'"},
		{"asset id dots", func(c *Client) error {
			_, err := c.GetAsset(t.Context(), &GetAssetInput{AgentSpaceId: space, AssetId: new("..")})
			return err
		}, "assetId: asset id \"..\" is no id"},
		{"asset id of 129", func(c *Client) error {
			_, err := c.DeleteAsset(t.Context(), &DeleteAssetInput{AgentSpaceId: space, AssetId: long(129)})
			return err
		}, "assetId: asset id of 129"},
		{"page size 100", list(ListAssetsInput{AgentSpaceId: space, MaxResults: new(int32(100))}), ""},
		{"page size 101", list(ListAssetsInput{AgentSpaceId: space, MaxResults: new(int32(101))}), "maxResults: page size 101"},
		{"page size 0", list(ListAssetsInput{AgentSpaceId: space, MaxResults: new(int32(0))}), "maxResults: page size 0"},
		{"page token of 2049", list(ListAssetsInput{AgentSpaceId: space, NextToken: long(2049)}), "nextToken: next token of 2049"},
		{"type of 65", list(ListAssetsInput{AgentSpaceId: space, AssetType: long(65)}), "assetType: asset type of 65"},
		{"version 0", func(c *Client) error {
			_, err := c.GetAssetContent(t.Context(), &GetAssetContentInput{AgentSpaceId: space, AssetId: id, AssetVersion: new(int32(0))})
			return err
		}, "assetVersion: asset version 0 is below 1"},
		{"token of 64", update(UpdateAssetInput{ClientToken: long(64)}), ""},
		{"token of 65", update(UpdateAssetInput{ClientToken: long(65)}), "clientToken: client token of 65"},
		{"token empty", update(UpdateAssetInput{ClientToken: new("")}), "clientToken: client token of 0"},
		{"zip of the limit", update(UpdateAssetInput{Content: zip(6_291_456)}), ""},
		{"zip over the limit", update(UpdateAssetInput{Content: zip(6_291_457)}), "content.zip.zipFile: zip of 6291457 bytes is over 6291456"},
		{"zip missing", update(UpdateAssetInput{Content: &AssetContentMemberZip{}}), "content.zip.zipFile: is missing"},
		{"bytes over the limit", update(UpdateAssetInput{Content: file(&AssetFileBodyMemberBytes{make([]byte, 6_291_457)})}), "content.file.body: file of 6291457 bytes"},
		{"text of the limit", update(UpdateAssetInput{Content: file(&AssetFileBodyMemberText{strings.Repeat("ü", 1_572_864)})}), ""},
		{"text over the limit", update(UpdateAssetInput{Content: file(&AssetFileBodyMemberText{strings.Repeat("a", 1_572_865)})}), "content.file.body: text of 1572865 characters"},
		{"text not UTF-8", update(UpdateAssetInput{Content: file(&AssetFileBodyMemberText{"\xff"})}), "content.file.body: text is not valid UTF-8"},
		{"file without body and path", update(UpdateAssetInput{Content: &AssetContentMemberFile{}}), "content.file.path: is missing; content.file.body: content is neither text nor bytes"},
		{"metadata no JSON", update(UpdateAssetInput{Metadata: Document("{")}), "body: /metadata: not JSON"},
		{"path of 512", create(long(512)), ""},
		{"path of 513", create(long(513)), "path: path of 513 characters"},
		{"path with an umlaut", create(new("grün.md")), `path: path "grün.md" contains 'ü', which the service does not take`},
		{"path of the later edition", create(new("a b.md")), `contains ' '`},
		{"path upwards", create(new("a/../b")), `has an empty, "." or ".." segment`},
		{"path absolute", create(new("/a")), `has an empty`},
		{"path doubled slash", create(new("a//b")), `has an empty`},
		{"path to a directory", create(new("a/")), `has an empty`},
		{"existing path of the later edition", func(c *Client) error {
			_, err := c.DeleteAssetFile(t.Context(), &DeleteAssetFileInput{AgentSpaceId: space, AssetId: id, Path: new("a (b).md")})
			return err
		}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent := false
			counted := 0
			client := newTestClient(t, Options{
				OnCall: func(string, error) { counted++ },
				HTTPClient: doFunc(func(*http.Request) (*http.Response, error) {
					sent = true
					return nil, errors.New("sent")
				})})
			err := tt.call(client)
			if tt.want == "" {
				if !sent || counted != 1 {
					t.Errorf("not sent: %v", err)
				}
				return
			}
			if sent || counted != 0 || !IsKind(err, KindInvalidRequest) || !errors.Is(err, ErrNotSent) || errors.Is(err, ErrAmbiguous) {
				t.Errorf("sent %v, counted %d, error %v", sent, counted, err)
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}
