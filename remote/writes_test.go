package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestUncertainWrites is the table of what makes a write ambiguous.
func TestUncertainWrites(t *testing.T) {
	page := http.Header{"Content-Type": {"text/html"}}
	reset := doFunc(func(*http.Request) (*http.Response, error) {
		return nil, &net.OpError{Op: "read", Err: errors.New("reset")}
	})
	unsent := doFunc(func(*http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("dial: %w", ErrNotSent)
	})
	refused := doFunc(func(*http.Request) (*http.Response, error) {
		return nil, &Error{Kind: KindCredentialsExpired, Message: "sign in", Err: ErrNotSent}
	})
	truncated := doFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"asset":`), errReader{io.ErrUnexpectedEOF}))}, nil
	})
	const asset = `{"asset":{"assetId":"ki-1","assetType":"skill","metadata":{},"version":3}}`
	tests := []struct {
		name      string
		transport HTTPClient
		ambiguous bool
		kind      Kind // "": success
	}{
		{"success", answers(200, nil, asset), false, ""},
		{"created", answers(201, nil, asset), false, ""},
		{"connection reset", reset, true, KindUnavailable},
		{"no byte left", unsent, false, KindUnavailable},
		{"refused by the transport", refused, false, KindCredentialsExpired},
		{"answer cut off", truncated, true, KindInvalidResponse},
		{"answer half JSON", answers(200, nil, asset[:20]), true, KindInvalidResponse},
		{"answer empty", answers(200, nil, ""), true, KindInvalidResponse},
		{"answer a page", answers(200, page, "<html>"), true, KindInvalidResponse},
		{"answer too large", answers(200, nil, `{"pad":"`+strings.Repeat("x", 2000)+`"}`), true, KindInvalidResponse},
		{"answer without asset", answers(200, nil, `{}`), true, KindInvalidResponse},
		{"answer without id", answers(200, nil, `{"asset":{"version":1}}`), true, KindInvalidResponse},
		{"answer without version", answers(200, nil, `{"asset":{"assetId":"a"}}`), true, KindInvalidResponse},
		{"answer with version 0", answers(200, nil, `{"asset":{"assetId":"a","version":0}}`), true, KindInvalidResponse},
		{"internal error", answers(500, nil, `{"__type":"InternalServerException","message":"m"}`), true, KindInternalServer},
		{"bad gateway", answers(502, page, "<html>"), true, KindUnavailable},
		{"time-out between", answers(408, page, ""), true, KindUnavailable},
		{"throttled", answers(429, nil, `{"__type":"ThrottlingException"}`), false, KindThrottling},
		{"conflict", answers(409, nil, `{"__type":"ConflictException"}`), false, KindConflict},
		{"redirect", answers(307, http.Header{"Location": {"http://other.test"}}, ""), false, KindUnexpected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			client := newTestClient(t, Options{HTTPClient: tt.transport, MaxBody: 1000})
			_, err := client.UpdateAsset(t.Context(), &UpdateAssetInput{AgentSpaceId: new("s"), AssetId: new("a")})
			if (err == nil) != (tt.kind == "") || err != nil && !IsKind(err, tt.kind) {
				t.Errorf("error %v, want kind %q", err, tt.kind)
			}
			if got := errors.Is(err, ErrAmbiguous); got != tt.ambiguous {
				t.Errorf("ambiguous %v, want %v: %v", got, tt.ambiguous, err)
			}
			_, err = client.GetAsset(t.Context(), &GetAssetInput{AgentSpaceId: new("s"), AssetId: new("a")})
			if (err == nil) != (tt.kind == "") || errors.Is(err, ErrAmbiguous) {
				t.Errorf("as a read: %v", err)
			}
		})
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestCancelledWrite(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	client := newTestClient(t, Options{HTTPClient: doFunc(func(req *http.Request) (*http.Response, error) {
		cancel()
		return nil, req.Context().Err()
	})})
	in := &DeleteAssetInput{AgentSpaceId: new("s"), AssetId: new("a")}
	_, err := client.DeleteAsset(ctx, in)
	if !IsKind(err, KindCanceled) || !errors.Is(err, ErrAmbiguous) || !errors.Is(err, context.Canceled) {
		t.Errorf("during the call: %v", err)
	}
	_, err = client.DeleteAsset(ctx, in)
	if !IsKind(err, KindCanceled) || errors.Is(err, ErrAmbiguous) || !errors.Is(err, ErrNotSent) {
		t.Errorf("before the call: %v", err)
	}
}

func TestDeleteAnswers(t *testing.T) {
	for body, ok := range map[string]bool{"": true, " \n": true, "{}": true, `{"x":1}`: true, "<html>": false, "[]": false, "null": false} {
		client := newTestClient(t, Options{HTTPClient: answers(200, nil, body)})
		_, err := client.DeleteAssetFile(t.Context(), &DeleteAssetFileInput{AgentSpaceId: new("s"), AssetId: new("a"), Path: new("p")})
		if ok != (err == nil) || err != nil && !errors.Is(err, ErrAmbiguous) {
			t.Errorf("body %q: %v", body, err)
		}
	}
}
