package aws

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assetsync/remote"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// newSTS starts a server that answers as the security token service does.
func newSTS(t *testing.T, status int, body string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func stsError(code string) string {
	return `<ErrorResponse><Error><Type>Sender</Type><Code>` + code + `</Code><Message>told so</Message></Error><RequestId>r-1</RequestId></ErrorResponse>`
}

func TestCredentialErrors(t *testing.T) {
	const sso = `
[default]
region = eu-west-1
sso_session = corp
sso_account_id = 123456789012
sso_role_name = dev
[sso-session corp]
sso_region = eu-west-1
sso_start_url = https://corp.test/start
`
	tests := []struct {
		name    string
		env     map[string]string
		config  string
		options Options
		sts     string // the answer's error code
		kind    remote.Kind
		want    string
	}{
		{name: "none anywhere", env: map[string]string{"AWS_REGION": "eu-west-1"}, kind: remote.KindNotAuthorized, want: "looked in the environment (AWS_ACCESS_KEY_ID"},
		{name: "none in a profile", config: "[profile p]\nregion = eu-west-1\n", options: Options{Profile: "p"}, kind: remote.KindNotAuthorized, want: `profile "p" of the shared files`},
		{name: "SSO session over", config: sso, kind: remote.KindCredentialsExpired, want: "aws sso login"},
		{name: "role with an expired token", env: withKeys(nil), options: Options{RoleARN: "arn:aws:iam::123456789012:role/r"}, sts: "ExpiredTokenException", kind: remote.KindCredentialsExpired, want: "told so"},
		{name: "role not allowed", env: withKeys(nil), options: Options{RoleARN: "arn:aws:iam::123456789012:role/r"}, sts: "AccessDenied", kind: remote.KindNotAuthorized, want: "told so"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := isolate(t, tt.env)
			t.Setenv("AWS_ENDPOINT_URL_STS", newSTS(t, 403, stsError(tt.sts)))
			if err := os.WriteFile(filepath.Join(home, "config"), []byte(tt.config), 0o600); err != nil {
				t.Fatal(err)
			}
			tt.options.Endpoint = "http://127.0.0.1:1"
			client := newClient(t, newTransport(t, tt.options))
			err := write(t.Context(), client)
			if !remote.IsKind(err, tt.kind) || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "UpdateAsset: ") {
				t.Errorf("error %v, want %s with %q", err, tt.kind, tt.want)
			}
			if !errors.Is(err, remote.ErrNotSent) || errors.Is(err, remote.ErrAmbiguous) {
				t.Errorf("not marked as unsent: %v", err)
			}
			if none := strings.HasPrefix(tt.name, "none"); none != errors.Is(err, ErrNoCredentials) {
				t.Errorf("ErrNoCredentials: %v, want %v", !none, none)
			}
		})
	}
}

func TestSTSUnreachable(t *testing.T) {
	isolate(t, withKeys(map[string]string{"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}))
	transport := newTransport(t, Options{Endpoint: "http://127.0.0.1:1"})
	if _, err := transport.Identity(t.Context()); !remote.IsKind(err, remote.KindUnavailable) || !strings.HasPrefix(err.Error(), "GetCallerIdentity: ") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := transport.Identity(ctx); !remote.IsKind(err, remote.KindCanceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestIdentity(t *testing.T) {
	const who = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:iam::123456789012:user/u</Arn><UserId>AIDA</UserId>%s</GetCallerIdentityResult></GetCallerIdentityResponse>`
	isolate(t, withKeys(map[string]string{"AWS_ENDPOINT_URL_STS": newSTS(t, 200, fmt.Sprintf(who, "<Account>123456789012</Account>"))}))
	got, err := newTransport(t, Options{}).Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Identity{Account: "123456789012", ARN: "arn:aws:iam::123456789012:user/u"}, got); diff != "" {
		t.Error(diff)
	}
	t.Setenv("AWS_ENDPOINT_URL_STS", newSTS(t, 200, fmt.Sprintf(who, "")))
	if got, err := newTransport(t, Options{}).Identity(t.Context()); !remote.IsKind(err, remote.KindInvalidResponse) {
		t.Errorf("no account: %v, %v", got, err)
	}
	t.Setenv("AWS_ENDPOINT_URL_STS", newSTS(t, 403, stsError("ExpiredToken")))
	if _, err := newTransport(t, Options{}).Identity(t.Context()); !remote.IsKind(err, remote.KindCredentialsExpired) {
		t.Errorf("expired: %v", err)
	}
}

// TestExpiredToken: a read fetches credentials anew, once; a write reports,
// and the next one has fresh ones.
func TestExpiredToken(t *testing.T) {
	expired := answer{status: 403, header: map[string]string{"x-amzn-errortype": "ExpiredTokenException"}, body: `{"message":"m"}`}
	ok := answer{status: 200, body: okBody}
	tests := []struct {
		name     string
		call     func(context.Context, *remote.Client) error
		answers  []answer
		attempts int
		fetched  int
		wantErr  bool
	}{
		{"read", read, []answer{expired, ok}, 2, 2, false},
		{"read, expired again", read, []answer{expired, expired, ok}, 2, 2, true},
		{"write", write, []answer{expired, ok}, 1, 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			isolate(t, withKeys(nil))
			base := &script{answers: tt.answers}
			transport := newTransport(t, Options{Base: base})
			keys := &fixedCredentials{keys: []string{"OLD", "NEW", "NEWER"}}
			transport.creds = awssdk.NewCredentialsCache(keys)
			client := newClient(t, transport)
			err := tt.call(t.Context(), client)
			if (err != nil) != tt.wantErr || err != nil && (!remote.IsKind(err, remote.KindCredentialsExpired) || errors.Is(err, remote.ErrAmbiguous)) {
				t.Errorf("error %v", err)
			}
			if len(base.requests) != tt.attempts || keys.asked != tt.fetched {
				t.Errorf("%d attempts, %d fetches, want %d, %d", len(base.requests), keys.asked, tt.attempts, tt.fetched)
			}
			if err := tt.call(t.Context(), client); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

// TestNoSecretIsTold reads all logs at debug level and all errors of calls
// that succeed, are refused, break, and have no credentials.
func TestNoSecretIsTold(t *testing.T) {
	isolate(t, withKeys(map[string]string{"AWS_ENDPOINT_URL_STS": newSTS(t, 403, stsError("AccessDenied"))}))
	core, logs := observer.New(zapcore.DebugLevel)
	var told strings.Builder
	run := func(base http.RoundTripper, o Options) {
		o.Base, o.Logger = base, zap.New(core)
		transport := newTransport(t, o)
		client := newClient(t, transport)
		_, identityErr := transport.Identity(t.Context())
		for _, err := range []error{read(t.Context(), client), write(t.Context(), client), identityErr} {
			for ; err != nil; err = errors.Unwrap(err) {
				fmt.Fprintf(&told, "%v\n%+v\n%#v\n", err, err, err)
			}
		}
	}
	run(&script{answers: []answer{{status: 200, body: okBody}}}, Options{})
	run(&script{answers: []answer{{status: 403, body: `{"__type":"InvalidSignatureException","message":"m"}`}}}, Options{})
	run(&script{answers: []answer{{err: errors.New("broken")}}}, Options{})
	run(&script{answers: []answer{{status: 200, body: "<html>"}}}, Options{})
	run(http.DefaultTransport, Options{Endpoint: "http://127.0.0.1:1"})
	run(http.DefaultTransport, Options{Endpoint: "http://127.0.0.1:1", RoleARN: "arn:aws:iam::123456789012:role/r"})
	for _, entry := range logs.All() {
		fmt.Fprintf(&told, "%s %v\n", entry.Message, entry.ContextMap())
	}
	if logs.Len() < 10 || !strings.Contains(told.String(), "attempt") {
		t.Fatalf("only %d log entries", logs.Len())
	}
	for _, secret := range []string{testSecret, testToken, "Signature=", "AWS4-HMAC", "Authorization", "X-Amz-Security-Token"} {
		if i := strings.Index(told.String(), secret); i >= 0 {
			t.Errorf("%q was told: %s", secret, told.String()[max(0, i-200):min(told.Len(), i+200)])
		}
	}
}
