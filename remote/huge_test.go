package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// answering is an HTTP client with one answer to everything.
type answering func() io.Reader

func (a answering) Do(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(a())}, nil
}

// hugeBody is less than what is read by default, so that the tests are quick.
const hugeBody = 8 << 20

func hugeClient(t *testing.T, a answering) *Client {
	t.Helper()
	c, err := NewClient(Options{Endpoint: "http://x", HTTPClient: a})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestHugeAnswers answers with as much as is read at all, in the shapes that
// take most memory: what is understood of it is bounded.
func TestHugeAnswers(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	fill := func(begin, unit, end string) string {
		return begin + strings.Repeat(unit, (hugeBody-len(begin)-len(end))/len(unit)) + end
	}
	for name, tt := range map[string]struct{ body, says string }{
		"empty items":      {fill(`{"items":[{}`, ",{}", `]}`), "/items: a list of"},
		"numbers":          {fill(`{"items":[1`, ",1", `]}`), "/items: a list of"},
		"smallest files":   {fill(`{"items":[{"path":"a","version":1}`, `,{"path":"a","version":1}`, `]}`), "/items: a list of"},
		"members":          {fill(`{"items":[]`, `,"a":0`, `}`), "an object of"},
		"members of items": {fill(`{"items":[{"a":0`, `,"a":0`, `}]}`), "/items/0: an object of"},
		"deep":             {fill(`{"items":`, "[", `}`), "exceeded max depth"},
		"metadata":         {`{"items":[{"path":"a","version":1,"metadata":[0` + strings.Repeat(",0", maxDocument/2) + `]}]}`, "/items/0/metadata: a document of"},
		"escapes":          {fill(`{"items":["`, `\u00e9`, `"]}`), "want an object"},
		"quotes":           {fill(`{"items":["`, `\"`, `"]}`), "want an object"},
		"spaces":           {fill(`{"items":[`, " ", ``), "not JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			c := hugeClient(t, func() io.Reader { return strings.NewReader(tt.body) })
			space, id, version := "sp-1", "a", int32(1)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err := c.ListAssetFiles(context.Background(), &ListAssetFilesInput{AgentSpaceId: &space, AssetId: &id, AssetVersion: &version})
			runtime.ReadMemStats(&after)
			var failed *Error
			if !errors.As(err, &failed) || failed.Kind != KindInvalidResponse || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %.300v, want %q in it", err, tt.says)
			}
			if len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			// Reading grows a buffer, and members are copied once for each level.
			if took := after.TotalAlloc - before.TotalAlloc; took > uint64(20*len(tt.body)) {
				t.Errorf("%d MiB were allocated for %d MiB", took>>20, len(tt.body)>>20)
			}
			if d := time.Since(start); d > 2*time.Minute {
				t.Errorf("took %s", d)
			}
		})
	}
}

// TestManyElementsAreTaken takes what is just below the bounds.
func TestManyElementsAreTaken(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	items := strings.TrimSuffix(strings.Repeat(`{"path":"a,b","version":1},`, maxElements), ",")
	c := hugeClient(t, func() io.Reader { return strings.NewReader(`{"items":[` + items + `]}`) })
	space, id, version := "sp-1", "a", int32(1)
	out, err := c.ListAssetFiles(context.Background(), &ListAssetFilesInput{AgentSpaceId: &space, AssetId: &id, AssetVersion: &version})
	if err != nil || len(out.Items) != maxElements {
		t.Fatal(err)
	}
}

// TestListingOfManyBytes answers each page with a megabyte and another token.
func TestListingOfManyBytes(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	page := 0
	c := hugeClient(t, func() io.Reader {
		page++
		return io.MultiReader(
			strings.NewReader(fmt.Sprintf(`{"nextToken":"t%d","items":[],"filler":"`, page)),
			bytes.NewReader(bytes.Repeat([]byte{'x'}, 1<<20)), strings.NewReader(`"}`))
	})
	space, id, version := "sp-1", "a", int32(1)
	pages := NewListAssetFilesPaginator(c, &ListAssetFilesInput{AgentSpaceId: &space, AssetId: &id, AssetVersion: &version})
	if pages.most != MaxBytes {
		t.Errorf("%d bytes are taken", pages.most)
	}
	pages.most = hugeBody
	for pages.HasMorePages() {
		if _, err := pages.NextPage(context.Background()); err != nil {
			if !strings.Contains(err.Error(), "listing has more than 8388608 bytes") || page != 9 && page != 8 {
				t.Errorf("after %d pages: %v", page, err)
			}
			return
		}
	}
	t.Error("the listing ended")
}
