package emulator_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

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

// FuzzSignature sends any Authorization header and date; nobody knows the
// secret, so nothing gets in.
func FuzzSignature(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260609/eu-west-1/aidevops/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20260609T120000Z")
	f.Add("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/////, SignedHeaders=, Signature=", "2026")
	f.Add("AWS4-HMAC-SHA256 ,,,=", "")
	s := newServer(f, func(o *emulator.Options) {
		o.Credentials = known
		o.Clock = func() time.Time { return time.Date(2026, 6, 9, 12, 0, 0, 0, time.UTC) }
	})
	f.Fuzz(func(t *testing.T, authorization, date string) {
		r := httptest.NewRequest(http.MethodGet, "/asset/types", nil)
		r.Header.Set("Authorization", authorization)
		r.Header.Set("X-Amz-Date", date)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusForbidden {
			t.Fatalf("got %d %s", w.Code, w.Body)
		}
	})
}

// FuzzRules reads fault rules, quirks and credentials; what is taken is
// valid.
func FuzzRules(f *testing.F) {
	for _, s := range []string{"op=UpdateAsset,nth=2,count=1,kind=late:1s", "kind=delay:200ms,count=all", "page-size=3", "rewrite=off", "A:b:c\n# d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		opts := emulator.Options{Path: t.TempDir(), Clock: time.Now, NewID: counter()} // a directory: New fails, on the path alone
		if rule, err := emulator.ParseFault(text); err == nil {
			opts.Faults = append(opts.Faults, rule)
		}
		if err := opts.Quirks.ParseQuirk(text); err != nil && opts.Quirks != (emulator.Quirks{}) {
			t.Errorf("%q is refused and changes %+v", text, opts.Quirks)
		}
		if _, err := emulator.New(opts); err == nil || !strings.Contains(err.Error(), "open store") {
			t.Errorf("%q: got %v", text, err)
		}
		credentials, err := emulator.ParseCredentialsFile(strings.NewReader(text))
		if err == nil && (len(credentials) == 0 || credentials[0].KeyID == "" || credentials[0].Secret == "") {
			t.Errorf("%q: got %v", text, credentials)
		}
	})
}
