package aws

import (
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"assetsync/remote"

	"go.uber.org/zap"
)

func TestEndpoint(t *testing.T) {
	const services = `
[default]
region = eu-central-1
services = mine
[profile plain]
region = ca-central-1
endpoint_url = http://all.test
[profile fips]
region = us-east-1
use_fips_endpoint = true
[services mine]
devops_agent =
  endpoint_url = http://profile.test:1/x
`
	tests := []struct {
		name    string
		options Options
		env     map[string]string
		config  string
		want    string
		wantErr string
	}{
		{name: "region", options: Options{Region: "eu-west-1"}, want: "https://dp.aidevops.eu-west-1.api.aws"},
		{name: "region of the environment", env: map[string]string{"AWS_REGION": "ap-northeast-1"}, want: "https://dp.aidevops.ap-northeast-1.api.aws"},
		{name: "option before environment", options: Options{Region: "us-west-2"}, env: map[string]string{"AWS_REGION": "ap-northeast-1"}, want: "https://dp.aidevops.us-west-2.api.aws"},
		{name: "region not known yet", options: Options{Region: "eu-isoe-west-9"}, want: "https://dp.aidevops.eu-isoe-west-9."},
		{name: "government", options: Options{Region: "us-gov-west-1"}, want: "https://dp.aidevops.us-gov-west-1.api.aws"},
		{name: "China", options: Options{Region: "cn-north-1"}, want: "https://dp.aidevops.cn-north-1.api.amazonwebservices.com.cn"},
		{name: "FIPS", options: Options{Region: "us-east-1", UseFIPS: true}, want: "https://dp.aidevops-fips.us-east-1.api.aws"},
		{name: "FIPS of the environment", options: Options{Region: "us-east-1"}, env: map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, want: "https://dp.aidevops-fips.us-east-1.api.aws"},
		{name: "FIPS of the profile", options: Options{Profile: "fips"}, config: services, want: "https://dp.aidevops-fips.us-east-1.api.aws"},
		{name: "custom", options: Options{Region: "us-east-1", Endpoint: "http://localhost:8080/p"}, want: "http://localhost:8080/p"},
		{name: "AWS_ENDPOINT_URL", options: Options{Region: "us-east-1"}, env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, want: "http://127.0.0.1:9"},
		{name: "the service's own variable first", options: Options{Region: "us-east-1"}, env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_DEVOPS_AGENT": "http://127.0.0.1:10"}, want: "http://127.0.0.1:10"},
		{name: "option before variables", options: Options{Region: "us-east-1", Endpoint: "http://o.test"}, env: map[string]string{"AWS_ENDPOINT_URL_DEVOPS_AGENT": "http://127.0.0.1:10"}, want: "http://o.test"},
		{name: "services section", config: services, want: "http://profile.test:1/x"},
		{name: "endpoint_url of a profile", options: Options{Profile: "plain"}, config: services, want: "http://all.test"},
		{name: "configured ones ignored", env: map[string]string{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ENDPOINT_URL_DEVOPS_AGENT": "http://127.0.0.1:10"}, config: services, want: "https://dp.aidevops.eu-central-1.api.aws"},
		{name: "FIPS and custom", options: Options{Region: "us-east-1", UseFIPS: true, Endpoint: "http://x.test"}, wantErr: "exclude each other"},
		{name: "FIPS and a variable", options: Options{Region: "us-east-1", UseFIPS: true}, env: map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, wantErr: "FIPS"},
		{name: "no region", wantErr: ErrNoRegion.Error()},
		{name: "region as a host", options: Options{Region: "evil.test/x"}, wantErr: `region "evil.test/x" is no region's name`},
		{name: "endpoint without scheme", options: Options{Region: "us-east-1", Endpoint: "localhost"}, wantErr: "is no http or https URL"},
		{name: "profile missing", options: Options{Profile: "nobody", Region: "us-east-1"}, wantErr: "nobody"},
		{name: "retry mode unknown", options: Options{Region: "us-east-1", RetryMode: "eager"}, wantErr: `retry mode "eager"`},
		{name: "anonymous without endpoint", options: Options{Anonymous: true}, wantErr: "unsigned requests need an endpoint"},
		{name: "negative timeout", options: Options{Region: "us-east-1", Timeout: -1}, wantErr: "negative"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			home := isolate(t, tt.env)
			if err := os.WriteFile(filepath.Join(home, "config"), []byte(tt.config), 0o600); err != nil {
				t.Fatal(err)
			}
			tt.options.Clock = clock
			transport, err := New(t.Context(), tt.options)
			if tt.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), tt.wantErr) {
					t.Errorf("error %v, want one with %q", err, tt.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := transport.Endpoint(); !strings.HasPrefix(got, tt.want) || len(got) != len(tt.want) && !strings.HasSuffix(tt.want, ".") {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
	t.Run("no profile has the name", func(t *testing.T) {
		isolate(t, map[string]string{"AWS_PROFILE": "nobody"})
		var missing NoProfileError
		if _, err := New(t.Context(), Options{Clock: clock}); !errors.As(err, &missing) || missing != "nobody" {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no region is named", func(t *testing.T) {
		isolate(t, nil)
		if _, err := New(t.Context(), Options{Clock: clock}); !errors.Is(err, ErrNoRegion) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("no clock", func(t *testing.T) {
		if _, err := New(t.Context(), Options{Region: "us-east-1"}); err == nil {
			t.Error("no error")
		}
	})
}

func TestAttemptsOfTheEnvironment(t *testing.T) {
	isolate(t, withKeys(map[string]string{"AWS_MAX_ATTEMPTS": "2", "AWS_RETRY_MODE": "adaptive"}))
	base := &script{answers: []answer{{status: 503}}}
	transport := newTransport(t, Options{Base: base})
	if err := read(t.Context(), newClient(t, transport)); !remote.IsKind(err, remote.KindUnavailable) {
		t.Errorf("error %v", err)
	}
	if len(base.requests) != 2 {
		t.Errorf("%d attempts, want 2", len(base.requests))
	}
}

// TestCABundle talks TLS with a server that only AWS_CA_BUNDLE vouches for.
func TestCABundle(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("spoke %s", r.Proto)
		}
		w.Write([]byte(okBody))
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = zap.NewStdLog(zap.NewNop())
	server.StartTLS()
	defer server.Close()
	home := isolate(t, withKeys(map[string]string{"AWS_ENDPOINT_URL": server.URL}))
	stranger := newTransport(t, Options{})
	err := write(t.Context(), newClient(t, stranger))
	if !errors.Is(err, remote.ErrNotSent) || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the bundle: %v", err)
	}
	bundle := filepath.Join(home, "bundle.pem")
	if err := os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	if err := write(t.Context(), newClient(t, newTransport(t, Options{}))); err != nil {
		t.Errorf("with the bundle: %v", err)
	}
	t.Setenv("AWS_CA_BUNDLE", filepath.Join(home, "nothing.pem"))
	if _, err := New(t.Context(), Options{Clock: clock}); err == nil {
		t.Error("a missing bundle was taken")
	}
}

func TestTunedTransport(t *testing.T) {
	tr := tuned().GetTransport()
	if tr.Proxy == nil || tr.IdleConnTimeout != idleTimeout || !tr.Protocols.HTTP1() || tr.Protocols.HTTP2() || tr.DisableKeepAlives {
		t.Errorf("%+v", tr)
	}
}
