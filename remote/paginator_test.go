package remote

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pages is a transport that answers by the page token.
func pages(t *testing.T, byToken map[string]string) (HTTPClient, *[]string) {
	var asked []string
	return doFunc(func(req *http.Request) (*http.Response, error) {
		token := req.URL.Query().Get("nextToken")
		asked = append(asked, token)
		body, ok := byToken[token]
		if !ok {
			t.Errorf("asked for page %q", token)
		}
		return answers(200, nil, body).Do(req)
	}), &asked
}

func TestPaginator(t *testing.T) {
	tests := []struct {
		name    string
		start   *string
		pages   map[string]string
		want    []string
		asked   []string
		wantErr string
	}{
		{name: "one page", pages: map[string]string{"": `{"items":[{"version":1}]}`}, want: []string{"1"}, asked: []string{""}},
		{name: "empty token ends", pages: map[string]string{"": `{"items":[],"nextToken":""}`}, asked: []string{""}},
		{
			name: "empty and short pages",
			pages: map[string]string{
				"":  `{"items":[],"nextToken":"b"}`,
				"b": `{"items":[{"version":3},{"version":2}],"nextToken":"c"}`,
				"c": `{"items":[],"nextToken":"d"}`,
				"d": `{"items":[{"version":1}]}`,
			},
			want: []string{"3", "2", "1"}, asked: []string{"", "b", "c", "d"},
		},
		{name: "from a token", start: new("b"), pages: map[string]string{"b": `{"items":[{"version":1}]}`}, want: []string{"1"}, asked: []string{"b"}},
		{
			name:  "the same token again",
			pages: map[string]string{"": `{"items":[{"version":2}],"nextToken":"b"}`, "b": `{"items":[{"version":1}],"nextToken":"b"}`},
			want:  []string{"2"}, asked: []string{"", "b"}, wantErr: "listing does not end: page 2",
		},
		{
			name:  "a circle back to the start",
			start: new("a"),
			pages: map[string]string{"a": `{"items":[],"nextToken":"b"}`, "b": `{"items":[],"nextToken":"a"}`},
			asked: []string{"a", "b"}, wantErr: "listing does not end: page 2",
		},
		{name: "an error", pages: map[string]string{"": `{"items":7}`}, asked: []string{""}, wantErr: "/items: want a list"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			transport, asked := pages(t, tt.pages)
			client := newTestClient(t, Options{HTTPClient: transport})
			in := &ListAssetVersionsInput{AgentSpaceId: new("s"), AssetId: new("a"), NextToken: tt.start, MaxResults: new(int32(2))}
			p := NewListAssetVersionsPaginator(client, in)
			var got []string
			var err error
			for err == nil && p.HasMorePages() {
				var out *ListAssetVersionsOutput
				if out, err = p.NextPage(t.Context()); err == nil {
					for _, v := range out.Items {
						got = append(got, fmt.Sprint(*v.Version))
					}
				}
			}
			if (err == nil) != (tt.wantErr == "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
				t.Errorf("error %v, want %q", err, tt.wantErr)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("items (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(tt.asked, *asked); diff != "" {
				t.Errorf("pages asked for (-want +got)\n%s", diff)
			}
			if in.NextToken != tt.start {
				t.Error("the caller's input was changed")
			}
			if !p.HasMorePages() {
				if _, err := p.NextPage(t.Context()); !IsKind(err, KindInvalidRequest) {
					t.Errorf("a page after the last: %v", err)
				}
			}
		})
	}
}

func TestPaginatorRepeatsAfterError(t *testing.T) {
	fail := true
	client := newTestClient(t, Options{HTTPClient: doFunc(func(req *http.Request) (*http.Response, error) {
		if req.URL.Query().Get("nextToken") == "b" && fail {
			fail = false
			return nil, errors.New("reset")
		}
		body := `{"items":[],"nextToken":"b"}`
		if req.URL.Query().Has("nextToken") {
			body = `{"items":[]}`
		}
		return answers(200, nil, body).Do(req)
	})})
	p := NewListAssetTypesPaginator(client, nil)
	for i, wantErr := range []bool{false, true, false} {
		if _, err := p.NextPage(t.Context()); (err != nil) != wantErr {
			t.Errorf("page %d: %v", i, err)
		}
	}
	if p.HasMorePages() {
		t.Error("more pages after the last")
	}
}

// TestPaginatorEndsWithContext asks a service that answers whatever becomes of
// the caller.
func TestPaginatorEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	client := newTestClient(t, Options{HTTPClient: doFunc(func(req *http.Request) (*http.Response, error) {
		if n++; n == 3 {
			cancel()
		}
		return answers(200, nil, fmt.Sprintf(`{"items":[],"nextToken":"%d"}`, n)).Do(req)
	})})
	p := NewListAssetsPaginator(client, &ListAssetsInput{AgentSpaceId: new("s")})
	var err error
	for err == nil {
		_, err = p.NextPage(ctx)
	}
	if n != 3 || !IsKind(err, KindCanceled) || !errors.Is(err, context.Canceled) {
		t.Errorf("%d pages: %v", n, err)
	}
}

func TestPaginatorEndsSomewhere(t *testing.T) {
	n, item := 0, false
	client := newTestClient(t, Options{HTTPClient: doFunc(func(req *http.Request) (*http.Response, error) {
		n++
		items := ""
		if item || n == 50 { // a page that is not empty begins the count anew
			items = `{"version":1}`
		}
		return answers(200, nil, fmt.Sprintf(`{"items":[%s],"nextToken":"%d"}`, items, n)).Do(req)
	})})
	p := NewListAssetVersionsPaginator(client, &ListAssetVersionsInput{AgentSpaceId: new("s"), AssetId: new("a")})
	var err error
	for err == nil {
		_, err = p.NextPage(t.Context())
	}
	if n != 50+MaxEmptyPages || p.HasMorePages() || !strings.Contains(err.Error(), "100 pages in a row are empty") {
		t.Errorf("%d pages: %v", n, err)
	}
	n, item = 0, true
	for p, err = NewListAssetVersionsPaginator(client, &ListAssetVersionsInput{AgentSpaceId: new("s"), AssetId: new("a")}), nil; err == nil; {
		_, err = p.NextPage(t.Context())
	}
	if n != MaxPages || p.HasMorePages() || !strings.Contains(err.Error(), "more than 10000 pages") {
		t.Errorf("%d pages: %v", n, err)
	}
	files := NewListAssetFilesPaginator(client, nil)
	files.items = MaxItems + 1
	if err := files.advance(nil); err == nil {
		t.Error("more than MaxItems items were taken")
	}
}

func TestEscape(t *testing.T) {
	const s = "a/b c+(1)~ü%2F\x00.-_"
	if got, want := escape(s, "/"), "a/b%20c%2B%281%29~%C3%BC%252F%00.-_"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if back, err := url.PathUnescape(escape(s, "")); err != nil || back != s {
		t.Errorf("read back %q, %v", back, err)
	}
}
