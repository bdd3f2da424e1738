package emulator_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"assetsync/remote"
	"assetsync/remote/aws"
	"assetsync/remote/emulator"
)

// Made up for these tests.
const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var known = []emulator.Credential{{KeyID: keyID, Secret: secret}, {KeyID: "ASIAEXAMPLE", Secret: "other", Token: "session"}}

// signer is the transport that signs as real clients do, with the keys that
// the environment names.
func signer(t *testing.T, endpoint string, base http.RoundTripper, clock func() time.Time, key, secret, token string) *aws.Transport {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "") // which brings it back afterwards
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token,
	} {
		t.Setenv(name, value)
	}
	transport, err := aws.New(t.Context(), aws.Options{
		Region: "eu-west-1", Endpoint: endpoint, Base: base, Clock: clock, Limiter: aws.NewLimiter(1e6, 1e6),
	})
	if err != nil {
		t.Fatal(err)
	}
	return transport
}

func TestConformanceSigned(t *testing.T) {
	clock := ticking()
	s := newServer(t, func(o *emulator.Options) { o.Credentials, o.Clock, o.Exclusive = known, clock, true })
	front := httptest.NewServer(s)
	defer front.Close()
	transport := signer(t, front.URL, nil, clock, keyID, secret, "")
	runChecks(t, target(front.URL, transport), megabytes)
	entries, err := s.Log()
	if err != nil || len(entries) == 0 {
		t.Fatal(len(entries), err)
	}
	want(t, "who", entries[0].Who, keyID)
}

// What is signed is what is verified, and nothing else passes.
func TestSignatures(t *testing.T) {
	now := time.Date(2026, 6, 9, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) func() time.Time { return func() time.Time { return now.Add(d) } }
	for _, c := range []struct {
		name       string
		key, token string
		secret     string
		skew       time.Duration
		tamper     func(*http.Request)
		want       string // name of the error, "" for a success
		message    string
	}{
		{name: "good", key: keyID, secret: secret},
		{name: "session", key: "ASIAEXAMPLE", secret: "other", token: "session"},
		{name: "wrong session token", key: "ASIAEXAMPLE", secret: "other", token: "old", want: "UnrecognizedClientException"},
		{name: "unknown key", key: "AKIDOTHER", secret: secret, want: "UnrecognizedClientException"},
		{name: "wrong secret", key: keyID, secret: "x", want: "InvalidSignatureException", message: "does not match"},
		{name: "clock 4 minutes behind", key: keyID, secret: secret, skew: -4 * time.Minute},
		{name: "clock 6 minutes behind", key: keyID, secret: secret, skew: -6 * time.Minute, want: "InvalidSignatureException", message: "Signature expired"},
		{name: "clock 6 minutes ahead", key: keyID, secret: secret, skew: 6 * time.Minute, want: "InvalidSignatureException", message: "not yet current"},
		{name: "no signature", key: keyID, secret: secret, tamper: func(r *http.Request) { r.Header.Del("Authorization") }, want: "MissingAuthenticationTokenException"},
		{name: "another scheme", key: keyID, secret: secret, tamper: func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, want: "IncompleteSignatureException"},
		{name: "another body", key: keyID, secret: secret, want: "InvalidSignatureException", tamper: func(r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(bytes.Replace(body, []byte("skill"), []byte("skulk"), 1)))
		}},
		{name: "another path", key: keyID, secret: secret, tamper: func(r *http.Request) { r.URL.Path += "x" }, want: "InvalidSignatureException"},
		{name: "another query", key: keyID, secret: secret, tamper: func(r *http.Request) { r.URL.RawQuery = "a=b" }, want: "InvalidSignatureException"},
		{name: "another host", key: keyID, secret: secret, tamper: func(r *http.Request) { r.Host = "other" }, want: "InvalidSignatureException"},
		{name: "another date", key: keyID, secret: secret, tamper: func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260609T120001Z") }, want: "InvalidSignatureException"},
		{name: "no date", key: keyID, secret: secret, tamper: func(r *http.Request) { r.Header.Del("X-Amz-Date") }, want: "InvalidSignatureException", message: "X-Amz-Date"},
		{name: "an unsigned x-amz header", key: keyID, secret: secret, tamper: func(r *http.Request) { r.Header.Set("X-Amz-Target", "x") }, want: "InvalidSignatureException", message: "x-amz-target"},
		{name: "another service", key: keyID, secret: secret, tamper: replaceAuth("/aidevops/", "/devops-agent/"), want: "InvalidSignatureException", message: "correct service"},
		{name: "another day in the scope", key: keyID, secret: secret, tamper: replaceAuth("/20260609/", "/20260608/"), want: "InvalidSignatureException", message: "Date in Credential scope"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t, func(o *emulator.Options) { o.Credentials, o.Clock = known, at(0) })
			front := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.tamper != nil {
					c.tamper(r)
				}
				s.ServeHTTP(w, r)
			})
			transport := signer(t, "http://localhost:8080", emulator.RoundTripper(front), at(c.skew), c.key, c.secret, c.token)
			client, err := remote.NewClient(remote.Options{Endpoint: transport.Endpoint(), HTTPClient: transport})
			if err != nil {
				t.Fatal(err)
			}
			u := user{client, t}
			_, err = u.CreateAsset(t.Context(), &remote.CreateAssetInput{
				AgentSpaceId: new(space), AssetType: new("skill"),
				Metadata: doc(t, map[string]any{"agent_types": []any{"CHAT"}}), Content: zipOf(t, skillFiles()),
			})
			got := errorText(err)
			if (c.want == "") != (err == nil) || !strings.Contains(got, c.want) || !strings.Contains(got, c.message) {
				t.Errorf("got %q, want %s %q", got, c.want, c.message)
			}
			if strings.Contains(got, c.secret+" ") {
				t.Error("the error tells the secret")
			}
		})
	}
}

func replaceAuth(old, with string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
	}
}

// Paths and queries that need encoding verify too.
func TestSignedEscapes(t *testing.T) {
	clock := ticking()
	s := newServer(t, func(o *emulator.Options) { o.Credentials, o.Clock = known, clock })
	transport := signer(t, "http://localhost:8080", emulator.RoundTripper(s), clock, keyID, secret, "")
	wide := remote.Edition20260617()
	client, err := remote.NewClient(remote.Options{Endpoint: transport.Endpoint(), HTTPClient: transport, Limits: wide})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.GetAssetFile(t.Context(), &remote.GetAssetFileInput{AgentSpaceId: new(space), AssetId: new("ki-1"), Path: new("a (1)/b.md")})
	wantKind(t, err, remote.KindNotFound)
	_, err = client.ListAssets(t.Context(), &remote.ListAssetsInput{AgentSpaceId: new(space), NextToken: new("t/+= ~*"), UpdatedAfter: new(time.Unix(1, 5))})
	wantKind(t, err, remote.KindValidation)
}

func TestParseCredentialsFile(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []emulator.Credential
		err        string
	}{
		{"two", "# keys\n\nA:b\n  C:d:e:f\n", []emulator.Credential{{KeyID: "A", Secret: "b"}, {KeyID: "C", Secret: "d", Token: "e:f"}}, ""},
		{"none", "# keys\n", nil, "read credentials: no KEY:SECRET line"},
		{"no colon", "A:b\nhush\n", nil, "read credentials: line 2: want KEY:SECRET or KEY:SECRET:TOKEN"},
		{"no secret", "A:\n", nil, "read credentials: line 1: want KEY:SECRET or KEY:SECRET:TOKEN"},
		{"twice", "A:b\nA:c\n", nil, "read credentials: line 2: key A occurs twice"},
		{"too long", "A:" + strings.Repeat("x", 1<<17), nil, "read credentials: bufio.Scanner: token too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := emulator.ParseCredentialsFile(strings.NewReader(c.text))
			want(t, "error", errorText(err), c.err)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
