package aws

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"assetsync/remote"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
)

// The values that must never be seen outside a signature. The key id is no
// secret.
const (
	testKey    = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	testToken  = "c2Vzc2lvbi10b2tlbi1vZi10aGUtdGVzdA=="
)

var testTime = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)

func clock() time.Time { return testTime }

// isolate takes away every AWS setting of the machine and sets its own.
func isolate(t *testing.T, env map[string]string) string {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") || strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			t.Setenv(name, "") // so that it comes back
			os.Unsetenv(name)
		}
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, value := range env {
		t.Setenv(name, value)
	}
	return home
}

func withKeys(env map[string]string) map[string]string {
	out := map[string]string{"AWS_ACCESS_KEY_ID": testKey, "AWS_SECRET_ACCESS_KEY": testSecret, "AWS_SESSION_TOKEN": testToken, "AWS_REGION": "eu-west-1"}
	for name, value := range env {
		out[name] = value
	}
	return out
}

func newTransport(t *testing.T, o Options) *Transport {
	t.Helper()
	if o.Clock == nil {
		o.Clock = clock
	}
	transport, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return transport
}

func newClient(t *testing.T, transport *Transport) *remote.Client {
	t.Helper()
	client, err := remote.NewClient(remote.Options{Endpoint: transport.Endpoint(), HTTPClient: transport})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func read(ctx context.Context, c *remote.Client) error {
	_, err := c.GetAsset(ctx, &remote.GetAssetInput{AgentSpaceId: new("sp"), AssetId: new("ki-1")})
	return err
}

func write(ctx context.Context, c *remote.Client) error {
	_, err := c.UpdateAsset(ctx, &remote.UpdateAssetInput{AgentSpaceId: new("sp"), AssetId: new("ki-1"), ClientToken: new("t")})
	return err
}

const okBody = `{"asset":{"assetId":"ki-1","assetType":"skill","metadata":{},"version":3}}`

// script is a round tripper that answers from a list, the last one again and
// again, and keeps what it was asked.
type script struct {
	mu       sync.Mutex
	answers  []answer
	requests []*http.Request
	bodies   []string
	times    []time.Time
}

type answer struct {
	status int
	header map[string]string
	body   string
	err    error
}

func (s *script) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body := ""
	if req.Body != nil {
		data, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		body = string(data)
	}
	s.requests, s.bodies, s.times = append(s.requests, req), append(s.bodies, body), append(s.times, time.Now())
	a := s.answers[min(len(s.requests), len(s.answers))-1]
	if a.err != nil {
		return nil, a.err
	}
	resp := &http.Response{StatusCode: a.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(a.body)), Request: req}
	for name, value := range a.header {
		resp.Header.Set(name, value)
	}
	return resp, nil
}

// pipes dials in-memory connections, each served by serve, so that a real
// http.Transport runs on fake time.
type pipes struct {
	serve func(conn net.Conn)
	mu    sync.Mutex
	dials int
	wg    sync.WaitGroup
}

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	p.mu.Lock()
	p.dials++
	p.mu.Unlock()
	if p.serve == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	}
	client, server := net.Pipe()
	p.wg.Go(func() {
		defer server.Close()
		p.serve(server)
	})
	return client, nil
}

// readRequest reads one whole request from a connection.
func readRequest(conn net.Conn) bool {
	req, err := http.ReadRequest(bufio.NewReader(conn))
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, req.Body)
	return err == nil
}

// fixedCredentials is a provider that counts.
type fixedCredentials struct {
	mu    sync.Mutex
	asked int
	keys  []string // the key id of each answer, the last one again and again
	err   error
}

func (f *fixedCredentials) Retrieve(context.Context) (awssdk.Credentials, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if f.err != nil {
		return awssdk.Credentials{}, f.err
	}
	return awssdk.Credentials{AccessKeyID: f.keys[min(f.asked, len(f.keys))-1], SecretAccessKey: testSecret, SessionToken: testToken}, nil
}
