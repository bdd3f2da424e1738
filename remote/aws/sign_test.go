package aws

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"assetsync/remote"

	"github.com/google/go-cmp/cmp"
)

// signature computes SigV4 from a canonical request that was written by hand.
func signature(canonical, date, region, service string) string {
	mac := func(key []byte, text string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	hash := sha256.Sum256([]byte(canonical))
	scope := date[:8] + "/" + region + "/" + service + "/aws4_request"
	key := mac(mac(mac(mac([]byte("AWS4"+testSecret), date[:8]), region), service), "aws4_request")
	return hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+date+"\n"+scope+"\n"+hex.EncodeToString(hash[:])))
}

// TestSignature checks the signer against canonical requests derived by hand
// from the SigV4 specification: the path is encoded twice, the query sorted,
// the payload the hash of the very body.
func TestSignature(t *testing.T) {
	isolate(t, withKeys(nil))
	base := &script{answers: []answer{{status: 200, body: `{"file":{"path":"a (1).md","content":{"text":""},"version":1}}`}}}
	transport := newTransport(t, Options{Base: base, UserAgent: "assetsync/test"})
	client := newClient(t, transport)
	in := &remote.UpdateAssetFileInput{AgentSpaceId: new("sp"), AssetId: new("ki-1"), Path: new("a (1).md"), Content: &remote.AssetFileBodyMemberText{Value: "ü"}}
	if _, err := client.UpdateAssetFile(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	get := &remote.ListAssetFilesInput{AgentSpaceId: new("sp"), AssetId: new("ki-1"), NextToken: new("t/+= ~"), MaxResults: new(int32(5))}
	if _, err := client.ListAssetFiles(t.Context(), get); err == nil {
		t.Fatal("a file was taken for a list")
	}
	const body = `{"content":{"text":"ü"}}`
	hash := sha256.Sum256([]byte(body))
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	tests := []struct {
		name, target, signed string
		canonical            []string
	}{
		{
			name:   "write",
			target: "/asset/agent-space/sp/assets/ki-1/files/a%20%281%29.md",
			signed: "amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-date;x-amz-security-token",
			canonical: []string{
				"PATCH",
				"/asset/agent-space/sp/assets/ki-1/files/a%2520%25281%2529.md",
				"",
				"amz-sdk-invocation-id:INVOCATION", "amz-sdk-request:attempt=1; max=5", "content-length:25", "content-type:application/json",
				"host:dp.aidevops.eu-west-1.api.aws", "x-amz-date:20261102T100000Z", "x-amz-security-token:" + testToken, "",
				"SIGNED", hex.EncodeToString(hash[:]),
			},
		},
		{
			name:   "read",
			target: "/asset/agent-space/sp/assets/ki-1/files?maxResults=5&nextToken=t%2F%2B%3D%20~",
			signed: "amz-sdk-invocation-id;amz-sdk-request;host;x-amz-date;x-amz-security-token",
			canonical: []string{
				"GET",
				"/asset/agent-space/sp/assets/ki-1/files",
				"maxResults=5&nextToken=t%2F%2B%3D%20~",
				"amz-sdk-invocation-id:INVOCATION", "amz-sdk-request:attempt=1; max=5",
				"host:dp.aidevops.eu-west-1.api.aws", "x-amz-date:20261102T100000Z", "x-amz-security-token:" + testToken, "",
				"SIGNED", empty,
			},
		},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := base.requests[i]
			if got := req.URL.RequestURI(); got != tt.target {
				t.Errorf("on the wire: %s, want %s", got, tt.target)
			}
			canonical := strings.NewReplacer("INVOCATION", req.Header.Get("amz-sdk-invocation-id"), "SIGNED", tt.signed).Replace(strings.Join(tt.canonical, "\n"))
			want := "AWS4-HMAC-SHA256 Credential=" + testKey + "/20261102/eu-west-1/aidevops/aws4_request, SignedHeaders=" + tt.signed +
				", Signature=" + signature(canonical, "20261102T100000Z", "eu-west-1", "aidevops")
			if diff := cmp.Diff(want, req.Header.Get("Authorization")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got := req.Header.Get("User-Agent"); got != "assetsync/test" {
				t.Errorf("User-Agent %q", got)
			}
		})
	}
}

// TestEachAttemptIsSignedAnew looks at three attempts of one write.
func TestEachAttemptIsSignedAnew(t *testing.T) {
	isolate(t, withKeys(nil))
	synctest.Test(t, testEachAttemptIsSignedAnew)
}

func testEachAttemptIsSignedAnew(t *testing.T) {
	base := &script{answers: []answer{{status: 429}, {status: 429}, {status: 200, body: okBody}}}
	now := testTime
	transport := newTransport(t, Options{Base: base, Clock: func() time.Time { now = now.Add(time.Minute); return now }})
	keys := &fixedCredentials{keys: []string{"KEY1", "KEY2", "KEY3"}}
	transport.creds = keys // no cache: each attempt asks
	if err := write(t.Context(), newClient(t, transport)); err != nil {
		t.Fatal(err)
	}
	ids, signatures := map[string]bool{}, map[string]bool{}
	for i, req := range base.requests {
		ids[req.Header.Get("amz-sdk-invocation-id")] = true
		authorization := req.Header.Get("Authorization")
		signatures[authorization] = true
		want := "Credential=" + keys.keys[i] + "/20261102/"
		if !strings.Contains(authorization, want) {
			t.Errorf("attempt %d: %s, want %s", i+1, authorization, want)
		}
		date := testTime.Add(time.Duration(i+1) * time.Minute).Format("20060102T150405Z")
		if got := req.Header.Get("X-Amz-Date"); got != date {
			t.Errorf("attempt %d: date %s, want %s", i+1, got, date)
		}
		if got, want := req.Header.Get("amz-sdk-request"), "attempt="+string(rune('1'+i))+"; max=5"; got != want {
			t.Errorf("attempt %d: %q, want %q", i+1, got, want)
		}
		if base.bodies[i] != `{"clientToken":"t"}` {
			t.Errorf("attempt %d: body %s", i+1, base.bodies[i])
		}
	}
	if len(base.requests) != 3 || len(ids) != 1 || len(signatures) != 3 {
		t.Errorf("%d attempts, %d invocations, %d signatures", len(base.requests), len(ids), len(signatures))
	}
	for id := range ids {
		if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
			t.Errorf("invocation id %q is no UUID", id)
		}
	}
}

func TestAnonymousIsUnsigned(t *testing.T) {
	isolate(t, map[string]string{"AWS_PROFILE": "missing", "AWS_CA_BUNDLE": "/nowhere"})
	base := &script{answers: []answer{{status: 200, body: okBody}}}
	transport := newTransport(t, Options{Anonymous: true, Endpoint: "http://127.0.0.1:1", Base: base})
	if err := write(t.Context(), newClient(t, transport)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		if got := base.requests[0].Header.Get(name); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, err := transport.Identity(t.Context()); err != ErrUnsigned {
		t.Errorf("identity: %v", err)
	}
}

var _ http.RoundTripper = (*script)(nil)
