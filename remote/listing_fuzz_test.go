package remote

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

// FuzzListing answers a listing of files with anything: it is refused, or holds
// a path for each file.
func FuzzListing(f *testing.F) {
	f.Add(`{"items":[{"path":"a/b.md","version":1,"metadata":{"a":[1,2]},"updatedAt":1780920000}],"nextToken":"t"}`)
	f.Add(`{"items":[{"path":"a\",b","version":1},{"path":"\\","version":1}]}`)
	f.Add(`{"items":[[],{},","]}`)
	space, id, version := "sp-1", "a", int32(1)
	f.Fuzz(func(t *testing.T, body string) {
		if members := map[string]json.RawMessage(nil); json.Unmarshal([]byte(body), &members) == nil && len(members) > elements([]byte(body)) {
			t.Fatalf("%d members are counted as %d", len(members), elements([]byte(body)))
		}
		if items := []json.RawMessage(nil); json.Unmarshal([]byte(body), &items) == nil && max(1, len(items)) != elements([]byte(body)) && items != nil {
			t.Fatalf("%d items are counted as %d", len(items), elements([]byte(body)))
		}
		c, err := NewClient(Options{Endpoint: "http://x", HTTPClient: answering(func() io.Reader { return strings.NewReader(body) })})
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.ListAssetFiles(context.Background(), &ListAssetFilesInput{AgentSpaceId: &space, AssetId: &id, AssetVersion: &version})
		var refused *Error
		switch {
		case err != nil && (!errors.As(err, &refused) || len(err.Error()) > 2000):
			t.Fatalf("error %v", err)
		case err != nil:
			return
		}
		for _, one := range out.Items {
			if one.Path == nil || *one.Path == "" || one.Version == nil || *one.Version < 1 {
				t.Fatalf("took %+v", one)
			}
		}
	})
}
