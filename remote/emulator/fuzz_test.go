package emulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"assetsync/remote/emulator"
)

// FuzzServeHTTP sends requests of any method, path, query and body. Each is
// answered as a success or refused by name; none is an internal error.
func FuzzServeHTTP(f *testing.F) {
	const a = assets + "/ki-00000000-0000-4000-8000-000000000003"
	for _, seed := range [][4]string{
		{"POST", assets, "", `{"assetType":"skill","metadata":{"agent_types":["CHAT"],"name":"a","description":"b"},"content":{"file":{"path":"SKILL.md","body":{"text":"x"}}},"clientToken":"t"}`},
		{"POST", assets, "", `{"assetType":"skill","metadata":{"agent_types":["CHAT"]},"content":{"zip":{"zipFile":"UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}}}`},
		{"PATCH", a, "", `{"metadata":{"agent_types":null,"x":[1e400,{"a":"\ud800"}]}}`},
		{"PATCH", a, "", `{"content":{"file":{"path":"a/b.md","body":{"bytes":"AAEC/w=="},"metadata":[1]}}}`},
		{"POST", a + "/files/a%2Fb.md", "", `{"content":{"text":""},"metadata":null}`},
		{"PATCH", a + "/files/SKILL.md", "", `{"metadata":{"a":null}}`},
		{"DELETE", a + "/files/references/a.md", "", ""},
		{"DELETE", a, "", ""},
		{"GET", a, "assetVersion=1", ""},
		{"GET", a + "/files", "maxResults=1&nextToken=x%zz", ""},
		{"GET", assets, "updatedAfter=0000-01-01T00:00:00Z&assetType=%ff", ""},
		{"GET", "/asset/types", "maxResults=99999999999", ""},
		{"PUT", "//asset//types", ";", "\x00"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		u := &url.URL{Path: path, RawQuery: query}
		if unescaped, err := url.PathUnescape(path); err == nil {
			u.Path, u.RawPath = unescaped, path
		}
		r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		r.Header.Set("Content-Type", "application/json")
		s := newServer(t, func(o *emulator.Options) { o.Exclusive = true })
		newUser(t, s).create(skillFiles())
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		var answer struct {
			Type string `json:"__type"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("answer is not JSON: %v: %q", err, w.Body)
		}
		name := w.Header().Get("X-Amzn-Errortype")
		if w.Code >= 500 || (w.Code >= 400) != (name != "") || answer.Type != name {
			t.Fatalf("%d %s: %s", w.Code, name, w.Body)
		}
	})
}
