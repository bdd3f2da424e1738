package sync_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

// answers lets a remote answer requests about the content of one version, or
// of the newest, in another way.
func (w *world) answers(version string, answer func(*http.Response, []byte) *http.Response) doer {
	return func(r *http.Request) (*http.Response, error) {
		resp, err := w.Do(r)
		if err != nil || !strings.HasSuffix(r.URL.Path, "/content") || r.URL.Query().Get("assetVersion") != version {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		return answer(resp, body), nil
	}
}

// zipped replaces the zip in an answer.
func zipped(t *testing.T, data []byte) func(*http.Response, []byte) *http.Response {
	return func(resp *http.Response, body []byte) *http.Response {
		var out map[string]any
		if err := json.Unmarshal(body, &out); err != nil {
			t.Fatal(err)
		}
		content, ok := out["content"].(map[string]any)
		if !ok {
			t.Fatalf("no content in %s", body)
		}
		text := base64.StdEncoding.EncodeToString(data)
		if _, ok := content["zipFile"]; ok {
			content["zipFile"] = text
		} else {
			t.Fatalf("no zip in %v", content)
		}
		encoded, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(encoded)), int64(len(encoded))
		resp.Header.Del("Content-Length")
		return resp
	}
}

// TestStatelessUnreadableVersion lets one version be one that nobody can read.
func TestStatelessUnreadableVersion(t *testing.T) {
	hostile := &bytes.Buffer{}
	z := zip.NewWriter(hostile)
	if _, err := z.Create("../../etc/passwd"); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	throttled := func(resp *http.Response, _ []byte) *http.Response {
		body := []byte(`{"message":"slow down"}`)
		resp.StatusCode, resp.Body, resp.ContentLength = http.StatusTooManyRequests, io.NopCloser(bytes.NewReader(body)), int64(len(body))
		resp.Header.Set("X-Amzn-Errortype", "ThrottlingException")
		resp.Header.Del("Content-Length")
		return resp
	}
	tests := map[string]struct {
		version string
		answer  func(*http.Response, []byte) *http.Response
		want    assetsync.Outcome
		note    string
		kind    assetsync.Kind
	}{
		"broken":                 {"2", zipped(t, []byte("no zip")), assetsync.Published, "version 2 cannot be read", ""},
		"hostile":                {"2", zipped(t, hostile.Bytes()), assetsync.Published, "version 2 cannot be read", ""},
		"broken, the newest":     {"4", zipped(t, []byte("no zip")), assetsync.Failed, "", assetsync.KindFailed},
		"the remote is too busy": {"2", throttled, assetsync.Failed, "", assetsync.KindUnavailable},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w, dev, id := pipelineNow(t)
			w.save(id, "b.md", "theirs")
			w.save(id, "b.md", "b1")
			dev.write("a.md", "a2")
			dev.commitNow("second")
			dev.clone().mustPush(assetsync.Published)
			dev.write("a.md", "a3")
			dev.commitNow("third")
			var res assetsync.Result
			runner := dev.clone()
			runner.engineWith(w.answers(tt.version, tt.answer), func(e *assetsync.Engine) { res = e.Push(t.Context(), assetsync.PushOptions{}) })
			runner.want(res, tt.want)
			if notes := strings.Join(res.Notes, "\n"); tt.note != "" && !strings.Contains(notes, tt.note) {
				t.Errorf("notes %q, want %q", notes, tt.note)
			}
			if tt.kind != "" && res.Error.Kind != tt.kind {
				t.Errorf("error %+v, want %s", res.Error, tt.kind)
			}
			live := map[string]string{"a.md": "a3", "b.md": "b1", "c.md": "c1", "d.md": "d1"}
			if tt.want == assetsync.Failed {
				live["a.md"] = "a2"
			}
			w.wantLive(id, skill(live))
		})
	}
}
