package emulator_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/manifest"
	"assetsync/remote"
	"assetsync/remote/emulator"
)

// send posts a raw request, past every check of the client.
func send(t testing.TB, s http.Handler, method, path, body string) (status int, answer string) {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const assets = "/asset/agent-space/" + space + "/assets"

func TestPathsThatAreRefused(t *testing.T) {
	s := newServer(t, nil)
	id := *newUser(t, s).create(skillFiles())
	for _, path := range []string{
		"a//b.md", "./a.md", "../a.md", "a/../b.md", "a/", "%2Fa.md", "a%20b.md", "a(1).md", "a%2Bb.md", "a%40b.md", "a~b.md",
		"%C3%9C.md", "a%00.md", "a%5Cb.md", strings.Repeat("a", 510) + ".md",
		"SKILL.md/a.md", "references", // a file as a directory, a directory as a file
	} {
		status, answer := send(t, s, http.MethodPost, assets+"/"+id+"/files/"+path, `{"content":{"text":"x"}}`)
		if status != http.StatusBadRequest || !strings.Contains(answer, "ValidationException") {
			t.Errorf("%s: got %d %s", path, status, answer)
		}
	}
	if status, answer := send(t, s, http.MethodPost, assets+"/"+id+"/files/references/a_B-9.v2.md", `{"content":{"text":"x"}}`); status != http.StatusCreated {
		t.Errorf("a good path: got %d %s", status, answer)
	}
}

func TestBodyIsBounded(t *testing.T) {
	s := newServer(t, nil)
	status, answer := send(t, s, http.MethodPost, assets, strings.Repeat(" ", 21<<20))
	want(t, "status", status, http.StatusRequestEntityTooLarge)
	want(t, "names the error", strings.Contains(answer, "ContentSizeExceededException"), true)
}

// Text of the most characters, escaped as long as JSON can, is taken.
func TestLongestText(t *testing.T) {
	if raced {
		t.Skip("make test runs it once more without the race detector, which makes minutes of work of it")
	}
	s := newServer(t, nil)
	id := newUser(t, s).create(skillFiles())
	text := strings.Repeat(`\ud83d\ude00`, 1_572_864)
	status, answer := send(t, s, http.MethodPost, assets+"/"+*id+"/files/long.md", `{"content":{"text":"`+text+`"}}`)
	// It has 6,291,456 bytes in UTF-8: exactly what a file may have.
	if status != http.StatusCreated {
		t.Errorf("got %d %.200s", status, answer)
	}
}

func rawZip(t *testing.T, names ...string) remote.AssetContent {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, name := range names {
		w, err := z.Create(name)
		if err == nil && !strings.HasSuffix(name, "/") {
			_, err = w.Write([]byte(skillMD))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: buf.Bytes()}}
}

func TestZips(t *testing.T) {
	u := newUser(t, newServer(t, nil))
	for _, c := range []struct {
		name    string
		content remote.AssetContent
		want    string // part of the message; "" for a success
	}{
		{"plain", rawZip(t, "SKILL.md", "a.md"), ""},
		{"wrapping folder", rawZip(t, "wrap/SKILL.md", "wrap/a.md"), ""},
		{"directory entry", rawZip(t, "SKILL.md", "references/"), `entry "references/" is a directory`},
		{"above the root", rawZip(t, "SKILL.md", "../a.md"), "Zip validation failed"},
		{"twice", rawZip(t, "SKILL.md", "SKILL.md"), "Zip validation failed"},
		{"outside the pattern", rawZip(t, "SKILL.md", "a b.md"), `"a b.md" contains ' '`},
		{"no main file", rawZip(t, "a.md"), "skill has no SKILL.md"},
		{"empty archive", rawZip(t), "skill has no SKILL.md"},
		{"no archive", &remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: []byte("PK")}}, "Zip validation failed"},
		{"empty", &remote.AssetContentMemberZip{Value: remote.AssetZipContent{ZipFile: []byte{}}}, "Zip validation failed"},
		{"several faults at once", rawZip(t, "SKILL.md", "scripts/a.md", "b.log"), "scripts/a.md: a skill may not hold a scripts directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := u.CreateAsset(t.Context(), &remote.CreateAssetInput{
				AgentSpaceId: new(space), AssetType: new("skill"), Metadata: doc(t, map[string]any{"agent_types": []any{"CHAT"}}), Content: c.content,
			})
			if (c.want == "") != (err == nil) || !strings.Contains(errorText(err), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestQuota(t *testing.T) {
	s := newServer(t, func(o *emulator.Options) { o.Exclusive = true })
	u := newUser(t, s)
	var last *string
	for range 200 {
		last = u.create(skillFiles())
	}
	in := &remote.CreateAssetInput{
		AgentSpaceId: new(space), AssetType: new("skill"), Metadata: doc(t, map[string]any{"agent_types": []any{"CHAT"}}), Content: zipOf(t, skillFiles()),
	}
	_, err := u.CreateAsset(t.Context(), in)
	wantKind(t, err, remote.KindQuotaExceeded)
	_, err = u.DeleteAsset(t.Context(), &remote.DeleteAssetInput{AgentSpaceId: new(space), AssetId: last})
	u.check(err)
	_, err = u.CreateAsset(t.Context(), in)
	u.check(err)
	in.AgentSpaceId = new("another-space")
	_, err = u.CreateAsset(t.Context(), in)
	u.check(err)
	want(t, "assets", len(u.assets()), 200)
}

func TestSpaces(t *testing.T) {
	s := newServer(t, func(o *emulator.Options) { o.Spaces = []string{space} })
	u := newUser(t, s)
	u.create(skillFiles())
	_, err := u.ListAssets(t.Context(), &remote.ListAssetsInput{AgentSpaceId: new("other")})
	wantKind(t, err, remote.KindNotFound)
	_, err = u.ListAssetTypes(t.Context(), &remote.ListAssetTypesInput{})
	u.check(err)
}

// What an asset type may not become by file operations.
func TestMainFileStays(t *testing.T) {
	u := newUser(t, newServer(t, nil))
	id := u.create(skillFiles())
	wantKind(t, u.deleteFile(id, "SKILL.md"), remote.KindValidation)
	wantKind(t, u.createFile(id, "scripts/run.md", "x"), remote.KindValidation)
	wantKind(t, u.createFile(id, "run.sh", "x"), remote.KindValidation)
	want(t, "version", u.version(id), 1)
	wantKind(t, u.updateFile(new("ki-1"), "SKILL.md", "x"), remote.KindNotFound)
}

// Only a zip re-reads frontmatter.
func TestFrontmatterIsReadFromZips(t *testing.T) {
	u := newUser(t, newServer(t, nil))
	id := u.create(skillFiles())
	changed := strings.Replace(skillMD, "queue", "other", 1)
	name := func() any {
		m, err := u.get(id).Metadata.Map()
		u.check(err)
		return m["name"]
	}
	u.check(u.updateFile(id, "SKILL.md", changed))
	want(t, "name after a file update", name(), any("queue"))
	u.updateZip(id, map[manifest.Path]string{"SKILL.md": changed})
	want(t, "name after a zip", name(), any("other"))
}

func TestPageTokensAreBound(t *testing.T) {
	s := newServer(t, nil)
	u := newUser(t, s)
	id, other := u.create(skillFiles("b.md")), u.create(skillFiles("b.md"))
	in := &remote.ListAssetFilesInput{AgentSpaceId: new(space), AssetId: id, MaxResults: new(int32(1))}
	page, err := u.ListAssetFiles(t.Context(), in)
	u.check(err)
	in.NextToken, in.MaxResults = page.NextToken, new(int32(5))
	_, err = u.ListAssetFiles(t.Context(), in) // the size of a page is no filter
	u.check(err)
	in.AssetId = other
	_, err = u.ListAssetFiles(t.Context(), in)
	wantKind(t, err, remote.KindValidation)
	in.AssetId, in.AssetVersion = id, new(int32(1))
	_, err = u.ListAssetFiles(t.Context(), in)
	wantKind(t, err, remote.KindValidation)
	token := []byte(*page.NextToken)
	token[len(token)-1] ^= 1
	in.AssetVersion, in.NextToken = nil, new(string(token))
	_, err = u.ListAssetFiles(t.Context(), in)
	wantKind(t, err, remote.KindValidation)
}

// Spellings of one JSON are one payload to a token.
func TestTokenPayload(t *testing.T) {
	s := newServer(t, nil)
	id := *newUser(t, s).create(skillFiles())
	for _, c := range []struct {
		body   string
		status int
	}{
		{`{"metadata":{"a":"ü","b":1},"clientToken":"t"}`, http.StatusOK},
		{`{ "clientToken": "t", "metadata": {"b": 1, "a": "\u00fc"}}`, http.StatusOK},
		{`{"metadata":{"a":"ü","b":2},"clientToken":"t"}`, http.StatusConflict},
	} {
		if status, answer := send(t, s, http.MethodPatch, assets+"/"+id, c.body); status != c.status {
			t.Errorf("%s: got %d %s, want %d", c.body, status, answer, c.status)
		}
	}
	status, _ := send(t, s, http.MethodPatch, "/asset/agent-space/other/assets/"+id, `{"metadata":{},"clientToken":"t"}`)
	want(t, "status in another space", status, http.StatusNotFound)
}

func TestFeedback(t *testing.T) {
	s := newServer(t, nil)
	status, answer := send(t, s, http.MethodPost, assets,
		`{"assetType":"feedback","metadata":{"agent_types":["CHAT"],"execution_id":"e1","status":"ACTIVE"},"content":{"file":{"path":"FEEDBACK.md","body":{"text":""}}}}`)
	want(t, "status", status, http.StatusCreated)
	want(t, "keeps status", strings.Contains(answer, "ACTIVE"), false)
	id := answer[strings.Index(answer, "ki-"):][:39]
	status, _ = send(t, s, http.MethodPatch, assets+"/"+id, `{"metadata":{"execution_id":"e2"}}`)
	want(t, "status of a change", status, http.StatusBadRequest)
	status, _ = send(t, s, http.MethodPatch, assets+"/"+id, `{"metadata":{"execution_id":"e1","agent_types":["CHAT","PREVENTION"]}}`)
	want(t, "status without a change", status, http.StatusOK)
}

func TestLog(t *testing.T) {
	s := newServer(t, nil)
	u := newUser(t, s)
	id := u.create(skillFiles())
	u.check(u.updateFile(id, "references/a.md", "b\n"))
	wantKind(t, u.deleteFile(id, "missing.md"), remote.KindNotFound)
	u.check(u.deleteFile(id, "references/a.md"))
	_, err := u.DeleteAsset(t.Context(), &remote.DeleteAssetInput{AgentSpaceId: new(space), AssetId: id})
	u.check(err)
	entries, err := s.Log()
	u.check(err)
	var got []string
	for _, e := range entries {
		if e.Asset != *id || e.Space != space || e.At.IsZero() || e.RequestID == "" {
			t.Errorf("entry is not complete: %+v", e)
		}
		got = append(got, fmt.Sprintf("%d %s %s %d-%d", e.Sequence, e.Operation, e.Path, e.Before, e.After))
	}
	wanted := []string{"1 CreateAsset  0-1", "2 UpdateAssetFile references/a.md 1-2", "3 DeleteAssetFile references/a.md 2-3", "4 DeleteAsset  3-3"}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNewValidates(t *testing.T) {
	good := emulator.Options{Path: filepath.Join(t.TempDir(), "e.db"), Clock: time.Now, NewID: counter()}
	for name, change := range map[string]func(*emulator.Options){
		"no path":       func(o *emulator.Options) { o.Path = "" },
		"no clock":      func(o *emulator.Options) { o.Clock = nil },
		"no ids":        func(o *emulator.Options) { o.NewID = nil },
		"unknown quirk": func(o *emulator.Options) { o.Quirks.Rewrite = "maybe" },
		"bad number":    func(o *emulator.Options) { o.Quirks.PageSize = -1 },
		"unknown fault": func(o *emulator.Options) { o.Faults = []emulator.Fault{{Kind: "boom"}} },
		"no directory":  func(o *emulator.Options) { o.Path = filepath.Join(o.Path, "x", "y") },
	} {
		opts := good
		change(&opts)
		if s, err := emulator.New(opts); err == nil {
			t.Errorf("%s: no error", name)
			_ = s.Close()
		}
	}
}
