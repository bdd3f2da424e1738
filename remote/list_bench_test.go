package remote_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"assetsync/remote"
)

// BenchmarkDecodeList reads pages of listings: what each poll of a daemon and each look at
// an asset waits for.
func BenchmarkDecodeList(b *testing.B) {
	var assets, files []string
	for i := range 100 {
		assets = append(assets, fmt.Sprintf(`{"assetId":"ki-7970278b-78b1-4c5c-a6c9-%012d","assetType":"skill","metadata":{"agent_types":["GENERIC"],"description":"%s","name":"skill-%d","skill_type":"USER","status":"ACTIVE"},"version":12,"createdAt":1780000000.123,"updatedAt":1780000000.456}`, i, strings.Repeat("What it does. ", 10), i))
		files = append(files, fmt.Sprintf(`{"path":"references/file-%d.md","metadata":{},"version":12,"createdAt":1780000000.123,"updatedAt":1780000000.456}`, i))
	}
	for name, one := range map[string]struct {
		text string
		out  json.Unmarshaler
	}{
		"assets": {`{"items":[` + strings.Join(assets, ",") + `]}`, &remote.ListAssetsOutput{}},
		"files":  {`{"items":[` + strings.Join(files, ",") + `]}`, &remote.ListAssetFilesOutput{}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := one.out.UnmarshalJSON([]byte(one.text)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAssetPoll is a poll of one page of 100 assets that is the same each time, but
// for the way to the service.
func BenchmarkAssetPoll(b *testing.B) {
	var assets []string
	for i := range 100 {
		assets = append(assets, fmt.Sprintf(`{"assetId":"ki-7970278b-78b1-4c5c-a6c9-%012d","assetType":"skill","metadata":{"agent_types":["GENERIC"],"description":"%s","name":"skill-%d","skill_type":"USER","status":"ACTIVE"},"version":12,"createdAt":1780000000.123,"updatedAt":1780000000.456}`, i, strings.Repeat("What it does. ", 10), i))
	}
	text := `{"items":[` + strings.Join(assets, ",") + `]}`
	client, err := remote.NewClient(remote.Options{Endpoint: "http://127.0.0.1", HTTPClient: answer(text)})
	if err != nil {
		b.Fatal(err)
	}
	var poll remote.AssetPoll
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := poll.List(b.Context(), client, "sp-1"); err != nil {
			b.Fatal(err)
		}
	}
}

// answer is a service that gives the same answer to all.
type answer string

func (a answer) Do(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, ContentLength: int64(len(a)), Body: io.NopCloser(strings.NewReader(string(a)))}, nil
}
